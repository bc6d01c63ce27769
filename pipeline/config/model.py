"""What a project file may say: one frozen model per section, one default and one description per setting."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from features.plan import Reading
from pipeline.config.engine import EngineSettings
from pipeline.config.hygiene import Hygiene
from pipeline.config.parts import Duration, Moment, PositiveDuration, Section, Share


class Source(Section):
    """Where one table of the contract comes from, and how its columns are renamed."""

    read: str = Field(
        description="A Parquet or CSV path or glob (from this file's folder), a .duckdb file, or a database as "
        "SQLAlchemy URL. ${NAME} and ${NAME:-default} are taken from the environment and never printed."
    )
    table: str | None = Field(None, description="The table to read, for a database or a .duckdb file.")
    query: str | None = Field(
        None,
        description="A short SELECT where the shape must change. Files: it reads from the table `source`, in "
        "DuckDB's SQL. Databases: it runs there, in that database's SQL.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Renames: the contract's column name → the name in your data."
    )
    where: str | None = Field(
        None, description="Rows to keep: a condition over your columns, after renaming."
    )
    missing: tuple[str, ...] = Field(
        (), description='Texts that mean "not known", such as "Select" or "unknown".'
    )
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = Field(
        "utf-8", description="Encoding of CSV files; cp1252 is what Windows and Excel write."
    )


class Data(Section):
    """The five tables, who is who, and what people said; only `leads` must be there."""

    leads: Source = Field(
        description="One row per lead: lead_id, created_at, account_id, closed_at, attributes."
    )
    accounts: Source | None = Field(None, description="One row per account: account_id, attributes.")
    events: Source | None = Field(
        None,
        description="What leads did: lead_id, occurred_at, event_type, known_at, retracted_at, event_id, "
        "properties. An event counts from known_at on and, where retracted_at tells, only until then.",
    )
    conversions: Source | None = Field(
        None, description="Who converted: lead_id, converted_at, kind, product, value."
    )
    changes: Source | None = Field(
        None, description="Attribute edits: entity, id, attribute, value, known_at."
    )
    aliases: Source | None = Field(
        None,
        description="Merged leads: old_id, lead_id (the lead it became), merged_at. What the old lead did is the "
        "lead's own at all times, before merged_at too: a merge tells who somebody was all along.",
    )
    verdicts: Source | None = Field(
        None,
        description="What sales said of leads: lead_id, given_at, verdict (accepted or rejected), reason, by. "
        "Feedback on score sheets: no feature, rule or model ever sees it.",
    )
    answers: Source | None = Field(
        None,
        description="What customers answered when asked: lead_id, answered_at, question, answer. Feedback too.",
    )
    ends: Moment | None = Field(None, description="The data's end; by default the latest moment found in it.")


class Outcome(Section):
    """What counts as a conversion, and within what time."""

    horizon: PositiveDuration = Field(
        timedelta(days=30), description="A lead is a success if it converts within this time."
    )
    kind: tuple[str, ...] = Field((), description="Kinds of conversion that count; all by default.")
    column: str | None = Field(None, description="Flat data: the column of `leads` that tells the outcome.")
    positive: tuple[str, ...] = Field(
        ("1", "yes", "true"), description="Flat data: values that mean converted."
    )


class Order(Section):
    """Flat data without dates: the column that tells which row came first."""

    column: str = Field(description="A number or text that rises with time.")


class Spine(Section):
    """At which moments leads are looked at. Give one of at_ages, every, dates, column."""

    at_ages: tuple[Duration, ...] = Field((), description="Ages of a lead, e.g. [0d, 1d, 7d, 30d].")
    every: Duration | None = Field(None, description="A calendar grid, e.g. 7d.")
    dates: tuple[Moment, ...] = Field((), description="The moments themselves.")
    column: str | None = Field(None, description="A time column of `leads` that holds the moment.")
    repeat: bool = Field(False, description="Keep converted leads in: upsell, retention, next purchase.")
    since: Moment | None = Field(None, description="Only leads created from then on.")

    @model_validator(mode="after")
    def _one_policy(self) -> Spine:
        given = [name for name in ("at_ages", "every", "dates", "column") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give one of at_ages, every, dates, column, not {' and '.join(given)}")
        if self.every is not None and self.every < timedelta(hours=1):
            raise ValueError("every must be at least 1h")
        return self


class Count(Section):
    """A behaviour of your own to count, beside those chosen from the data."""

    label: str = Field(description="What a sales rep reads: “Asked for a price”.")
    when: str = Field(description="A condition over the columns of `events`.")


Readings = Annotated[
    tuple[Reading, ...], BeforeValidator(lambda told: (told,) if isinstance(told, str) else told)
]


class Features(Section):
    """Refinements of the default feature set."""

    windows: tuple[PositiveDuration, ...] | None = Field(
        None,
        description="Windows to count events in; by default those of 1d, 7d, 30d, 90d, 365d that the data support.",
    )
    half_life: PositiveDuration = Field(timedelta(days=14), description="Half-life of the decayed counts.")
    max_event_keys: int = Field(
        30, ge=0, le=500, description="At most so many event types and property values."
    )
    min_support: Share = Field(
        0.01, description="An event type or value is used if this share of leads has it."
    )
    max_categories: int = Field(
        40, ge=2, le=1000, description="Most frequent values kept per category column."
    )
    counts: tuple[Count, ...] = Field((), description="Behaviours of your own to count.")
    drop: tuple[str, ...] = Field((), description="Columns of your data that features must not use.")
    behavioural: tuple[str, ...] = Field(
        (), description="Lead columns that tell behaviour, not who the lead is."
    )
    firmographic: tuple[str, ...] = Field((), description="Lead columns that tell about the lead's company.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Words for a column, an event type or `event_type: property value`."
    )
    read: dict[str, Readings] = Field(
        default_factory=dict,
        description="How a lead's or account's column is read, instead of what its name and values suggest: one "
        "reading or a list.",
    )


class Model(Section):
    """How the model is trained."""

    trials: int = Field(20, ge=1, le=10_000, description="Optuna trials in all.")
    folds: int = Field(4, ge=2, le=20, description="Time-ordered folds.")
    seed: int = Field(7, ge=0, description="Equal seeds give equal results.")
    drop_time_proxies: bool = Field(
        True, description="Leave out features that mostly tell the time of a row."
    )


class Judge(Section):
    """Which later leads rules and model are judged on."""

    test_from: Moment | None = Field(None, description="Leads from then on are for judging only.")
    test_to: Moment | None = Field(None, description="Leads before then; by default all mature ones.")
    test_share: Share = Field(0.25, description="Without test_from: the latest share of leads.")
    embargo: Duration | None = Field(
        None,
        description="Time before test_from whose rows are left out of training; by default what their labels need.",
    )
    capacity: Share = Field(0.2, description="Share of leads that sales can work on.")


class Scores(Section):
    """Where `leadlens score` writes."""

    to: str = Field(
        "duckdb:///.leadlens/scores.duckdb",
        description="duckdb:///file, postgresql://…, or a .parquet or .csv path. ${NAME} from the environment.",
    )
    table: str = Field("lead_scores", description="Table name, with schema if wanted.")


class Project(Section):
    """One Leadlens project."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="Short name of small letters, digits, - and _; also the registered model's.",
    )
    about: str = Field("", description="One sentence for people.")
    data: Data
    outcome: Outcome = Outcome()
    known_after: tuple[str, ...] = Field(
        (), description="Columns filled in after the outcome: no feature, rule or model ever sees them."
    )
    order: Order | Literal["none"] | None = Field(
        None, description="Flat data without dates: {column: …} that tells the order, or none."
    )
    hygiene: Hygiene = Hygiene()
    spine: Spine = Spine()
    features: Features = Features()
    scorecards: tuple[str, ...] = Field(
        (), description="Score sheets; the first one is compared with the model."
    )
    model: Model = Model()
    judge: Judge = Judge()
    scores: Scores = Scores()
    engine: EngineSettings = EngineSettings()

    @model_validator(mode="after")
    def _holds_together(self) -> Project:
        flat = self.data.conversions is None
        if (self.outcome.column is None) == flat:
            raise ValueError(
                "say once how conversions are known: the table data.conversions, or outcome.column for flat data"
            )
        if flat and self.outcome.kind:
            raise ValueError("outcome.kind chooses among data.conversions: flat data has outcome.positive")
        if flat and (self.spine.every or self.spine.dates or self.spine.column or any(self.spine.at_ages)):
            raise ValueError(
                "flat data tell no moment of conversion: leads are looked at as they are created, without spine"
            )
        if self.order is not None and (not flat or self.data.events or self.data.changes):
            raise ValueError(
                "order is for flat data without dates: conversions, events and changes have dates of their own"
            )
        if self.judge.test_from and self.judge.test_to and self.judge.test_to <= self.judge.test_from:
            raise ValueError("judge.test_to must lie after judge.test_from")
        return self

    def canonical(self) -> dict[str, Any]:
        """The settings as plain JSON values, defaults included, for fingerprints and records.

        Without ``engine``: where the SQL runs changes no value.
        """
        return self.model_dump(mode="json", exclude={"engine"})
