"""The settings of a project file: one frozen model per section, one default and one description per setting."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from leadlens.features.plan import Reading
from leadlens.pipeline.config.crm import Crm
from leadlens.pipeline.config.data import Data
from leadlens.pipeline.config.drift import Drift
from leadlens.pipeline.config.engine import EngineSettings
from leadlens.pipeline.config.hygiene import Hygiene
from leadlens.pipeline.config.page import Page
from leadlens.pipeline.config.parts import Duration, PositiveDuration, Share, Timestamp
from leadlens.pipeline.config.section import Added, Address, Section
from leadlens.pipeline.config.webhook import Webhook


class Outcome(Section):
    """What counts as a conversion, and within what time."""

    horizon: PositiveDuration = Field(
        timedelta(days=30), description="A lead is a success if it converts within this time."
    )
    kind: tuple[str, ...] = Field((), description="Kinds of conversion that count; all by default.")
    column: str | None = Field(None, description="Flat data: the column of `leads` that holds the outcome.")
    positive: tuple[str, ...] = Field(
        ("1", "yes", "true"), description="Flat data: values that mean converted."
    )


class Order(Section):
    """Flat data without dates: the column that orders the rows in time."""

    column: str = Field(description="A number or text that increases over time.")


class Spine(Section):
    """The as-of dates of the training rows. Give one of at_ages, every, dates, column.

    Of none, leads that have events are rows at the ages at which leads convert, and others at their creation.
    """

    at_ages: tuple[Duration, ...] = Field(
        (), description="At these ages of each lead, e.g. [0d, 1d, 7d, 30d]."
    )
    every: Duration | None = Field(None, description="At regular intervals, e.g. 7d.")
    dates: tuple[Timestamp, ...] = Field((), description="On these dates.")
    column: str | None = Field(None, description="At the timestamp in this column of `leads`.")
    repeat: bool = Field(
        False, description="Keep leads after they convert: upsell, retention, next purchase."
    )
    since: Timestamp | None = Field(None, description="Only leads created on or after this date.")

    @model_validator(mode="after")
    def _one_policy(self) -> Spine:
        given = [name for name in ("at_ages", "every", "dates", "column") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give one of at_ages, every, dates, column, not {' and '.join(given)}")
        if self.every is not None and self.every < timedelta(hours=1):
            raise ValueError("every must be at least 1h")
        return self


class Count(Section):
    """A behaviour to count, in addition to those chosen from the data."""

    label: str = Field(description="What a sales rep reads: “Asked for a price”.")
    when: str = Field(description="A condition on the columns of `events`.")


Readings = Annotated[
    tuple[Reading, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class Features(Section):
    """Changes to the default feature set."""

    windows: tuple[PositiveDuration, ...] | None = Field(
        None,
        description="Windows to count events in; by default those of 1d, 7d, 30d, 90d, 365d that the history is long enough for.",
    )
    half_life: PositiveDuration = Field(timedelta(days=14), description="Half-life of the decayed counts.")
    max_event_keys: int = Field(
        30, ge=0, le=500, description="The most event types and property values to count."
    )
    min_support: Share = Field(
        0.01, description="Smallest share of leads that must have an event type or value for it to be used."
    )
    max_categories: int = Field(
        40, ge=2, le=1000, description="The most values to keep per category column; the most frequent ones."
    )
    counts: tuple[Count, ...] = Field((), description="Further behaviours to count.")
    drop: tuple[str, ...] = Field((), description="Columns of your data to make no features of.")
    behavioural: tuple[str, ...] = Field(
        (), description="Lead columns that describe behaviour, not who the lead is."
    )
    firmographic: tuple[str, ...] = Field((), description="Lead columns that describe the lead's company.")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Display names of a column, an event type or `event_type: property value`.",
    )
    read: dict[str, Readings] = Field(
        default_factory=dict,
        description="How to read a column of leads or accounts, where its name and values suggest otherwise: one "
        "reading or a list. Names of people, free text and ids are read only if they are named here; of events as category.",
    )


class Model(Section):
    """How the model is trained."""

    trials: int = Field(20, ge=1, le=10_000, description="Number of Optuna trials.")
    folds: int = Field(4, ge=2, le=20, description="Number of time-ordered cross-validation folds.")
    seed: int = Field(7, ge=0, description="Random seed; equal seeds give equal results.")
    drop_time_proxies: bool = Field(
        True,
        validation_alias=AliasChoices("drop_time_proxies", "drop_clock"),
        description="Leave out time-proxy features: those that mostly reveal when a row was taken.",
    )


class Judge(Section):
    """The out-of-time test leads that rules and model are judged on."""

    test_from: Timestamp | None = Field(
        None, description="Start of the test period: its leads are never trained on."
    )
    test_to: Timestamp | None = Field(
        None, description="End of the test period; by default it holds all leads whose outcome is known."
    )
    test_share: Share = Field(
        0.25, description="Without test_from: share of the leads, the latest ones, to test on."
    )
    embargo: Duration | None = Field(
        None,
        description="Time before test_from whose rows are not trained on; by default as long as their labels need.",
    )
    capacity: Share = Field(0.2, description="Share of leads that sales has the capacity to work.")


class Scores(Section):
    """Where `leadlens score` writes."""

    to: Annotated[str, Address] = Field(
        "duckdb:///.leadlens/scores.duckdb",
        description="duckdb:///file, postgresql://…, or a .parquet, .csv or .xlsx path. ${NAME} from the environment. By default "
        "scores.duckdb in the state folder: LEADLENS_HOME, else .leadlens.",
    )
    people: Annotated[tuple[Literal["name", "email", "company", "owner"], ...], Added] = Field(
        (),
        description="What people know a lead by, also kept in lead_scores, as lead_name, lead_email, lead_company and lead_owner: the page's columns (page.name …). None by default.",
    )
    layout: Annotated[Literal["hubspot", "salesforce"] | None, Added] = Field(
        None,
        description="Of a .csv: the columns of this CRM's import, named by crm.fields and crm.id, instead of those of lead_scores.",
    )
    table: str = Field("lead_scores", description="Table name, `table` or `schema.table`.")


class Project(Section):
    """One Leadlens project."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="Short name of lowercase letters, digits, - and _; also the name of the registered model.",
    )
    about: str = Field("", description="One sentence that describes the project.")
    data: Data
    outcome: Outcome = Outcome()
    known_after: tuple[str, ...] = Field(
        (), description="Columns filled in after the outcome: never visible to a feature, rule or model."
    )
    protected: Annotated[tuple[str, ...], Added] = Field(
        (),
        description="Columns of leads or accounts that say to which protected group people belong, such as gender, age or religion: no "
        "feature is made of them. The report and the model card show how the groups fare, and features that stand in for them are named.",
    )
    order: Order | Literal["none"] | None = Field(
        None, description="Flat data without dates: {column: …} that orders the rows, or none."
    )
    hygiene: Hygiene = Hygiene()
    spine: Spine = Spine()
    features: Features = Features()
    scorecards: tuple[str, ...] = Field(
        (), description="Paths of score sheets; the first one is compared with the model."
    )
    model: Model = Model()
    judge: Judge = Judge()
    scores: Scores = Scores()
    crm: Crm = Crm()
    webhook: Webhook = Webhook()
    drift: Annotated[Drift, Added] = Drift()
    page: Page = Page()
    engine: EngineSettings = EngineSettings()

    @model_validator(mode="after")
    def _holds_together(self) -> Project:
        flat = self.data.conversions is None
        if (self.outcome.column is None) == flat:
            raise ValueError(
                "give the conversions once: as the table data.conversions, or as outcome.column for flat data"
            )
        if flat and self.outcome.kind:
            raise ValueError("outcome.kind selects from data.conversions: flat data uses outcome.positive")
        if flat and (self.spine.every or self.spine.dates or self.spine.column or any(self.spine.at_ages)):
            raise ValueError(
                "flat data have no conversion dates: each lead is scored as of its creation, so leave spine out"
            )
        if self.order is not None and (not flat or self.data.events or self.data.changes):
            raise ValueError(
                "order is for flat data without dates: conversions, events and changes have their own dates"
            )
        for setting, names in (
            ("features.read", self.features.read),
            ("features.behavioural", self.features.behavioural),
            ("features.firmographic", self.features.firmographic),
            ("known_after", self.known_after),
        ):
            if both := [name for name in self.protected if name in names]:
                raise ValueError(
                    f"{both[0]} is protected, so no feature is made of it: take it out of {setting}, or out of protected"
                )
        if self.judge.test_from and self.judge.test_to and self.judge.test_to <= self.judge.test_from:
            raise ValueError("judge.test_to must be after judge.test_from")
        return self

    @property
    def shown_only(self) -> tuple[str, ...]:
        """Columns of ``known_after`` that ``page`` names: people see them, and nothing learns from them."""
        named = {name for columns in self.page.shown().values() for name in columns or ()}
        return tuple(name for name in self.known_after if name in named)

    def canonical(self) -> dict[str, Any]:
        """The settings as plain JSON values, defaults included, for fingerprints and records.

        Without ``engine``, ``page``, ``crm`` and ``webhook``: where the SQL runs, who may look and who is sent what changes no value.
        """
        aside = ("engine", "page", "crm", "webhook")
        return {name: value for name, value in super().canonical().items() if name not in aside}
