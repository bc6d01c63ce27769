"""`leadlens score-lead`: one new lead, given as JSON, through both lenses, by the code that scores at night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from leadlens.features import DataError, DuckDBEngine, History, nearest
from leadlens.features.errors import listed
from leadlens.features.spine import Spine, SpinePolicy, build_scoring_spine
from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.config import Project, ProjectOrPath, as_project
from leadlens.pipeline.config.parts import read_as_of
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads
from leadlens.pipeline.jobs.explain import Explanation, explanation_of
from leadlens.pipeline.prepared.opening import PreparedHistory, open_prepared
from leadlens.pipeline.prepared.raw_leads import raw_columns, show_others
from leadlens.pipeline.private import private_files
from leadlens.pipeline.raw_lead.columns import RawColumns
from leadlens.pipeline.raw_lead.history import raw_history, refuse_times
from leadlens.pipeline.raw_lead.request import RawLead, read_raw_lead
from leadlens.pipeline.raw_lead.rows import RawRows, raw_rows
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.sources.engines import lent_without_project

_MOST_TYPES = 10  # of events, named one by one


@dataclass(frozen=True)
class LeadScorer:
    """What scores raw leads: a model, the sheets, and the history that knows of colleagues and accounts.

    It stays as it was opened: open another one where a model was promoted, a sheet went live or sources have changed.
    Threads may share it. ``name`` is that of the project file; ``prepared`` is ``None`` for a model away from its project.
    """

    project: Project
    name: str
    served: Registered
    sheets: ScorecardSet | None
    columns: RawColumns
    prepared: PreparedHistory | None

    @classmethod
    @private_files()
    def open(cls, project: ProjectOrPath, *, challenger: bool = False) -> LeadScorer:
        """Open the champion (or the challenger) and the prepared history, brought up to date with its sources.

        Raises ``DataError`` and ``UsageError`` as ``explain`` does.
        """
        file = as_project(project)
        served, prepared = serving_model(file.project.name, challenger=challenger), open_prepared(file)
        columns = raw_columns(prepared)
        return cls(file.project, file.path.name, served, load_sheets(file), columns, prepared)

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> LeadScorer:
        """A model away from its project: with the sheets as they were in training, and without a history.

        Raises ``DataError`` for one that was trained before 0.5.0.
        """
        if bundle.raw is None:
            raise DataError(
                "this model does not take raw leads",
                why="the columns of its data were not kept with it before 0.5.0",
                fix="train again, or give it the columns of the feature matrix",
            )
        project = Project.model_validate(bundle.recipe.project)
        served = Registered(bundle, "", "former", "")
        return cls(project, "the project file", served, bundle.sheet, bundle.raw, None)

    def score(self, lead: RawLead | dict[str, Any], where: str = "lead") -> Explanation:
        """Score one lead. Raises ``UsageError`` for a request that does not fit the columns, ``DataError`` for a lead that is not open
        or that the project leaves out.
        """
        scored, as_of, notes = self.scored(lead, where)
        return explanation_of(scored, self.served, as_of, notes)

    def scored(
        self, lead: RawLead | dict[str, Any], where: str = "lead"
    ) -> tuple[ScoredLeads, datetime | None, tuple[str, ...]]:
        """The lead as its row of a night: features, contributions and ledger; as of when, and what is to be said of it."""
        raw, columns = read_raw_lead(lead, where), self.columns
        rows = raw_rows(raw, columns, self.project, where)
        refuse_times(rows, where)
        as_of = _as_of(raw, columns)
        with lent_without_project() if self.prepared is None else self.prepared.lend() as engine:
            made, known = self._known(engine, rows, as_of)
            history, left_out = raw_history(engine, rows, columns, self.project, self.name, made)
            history.moment(raw.as_of)  # refused where the data have no dates
            later = _known_later(history, rows.lead_id, as_of)
            notes = [*known, *rows.notes, *left_out, *later, *self._uncounted(rows), *self.served.cautions]
            with (
                engine.of_few_rows(),
                _own_row(history, rows.lead_id, as_of, spine_policy(self.project)) as one,
            ):
                scored = score_leads(history, one, self.served.bundle, self.sheets)
        return scored, history.shown(as_of), tuple(notes)

    def _known(self, engine: DuckDBEngine, rows: RawRows, as_of: datetime) -> tuple[set[str], list[str]]:
        """Make tables of what the history knows of account and colleagues; their names, and what is to be said of it."""
        if self.prepared is None:
            away = "a model without its history knows no colleagues: they count as none"
            return set(), [] if rows.account_id is None else [away]
        made, notes = show_others(self.prepared, engine, rows.lead_id, rows.account_id)
        end = self.columns.data_end
        if self.columns.clock == "time" and as_of > end and rows.account_id is not None:
            notes.append(f"account and colleagues are known to {end:%Y-%m-%d %H:%M}, the end of the data")
        return made, notes

    def _uncounted(self, rows: RawRows) -> list[str]:
        """A note on each type of event that neither the model nor a sheet asks for: perhaps another is meant."""
        counted = {key.event_type for key in self.served.bundle.recipe.plan.keys} - {None}
        asked = [rule.when for sheet in (self.sheets.sheets if self.sheets else ()) for rule in sheet.rules]
        types = dict.fromkeys(str(row["event_type"]) for row in rows.events)
        notes = []
        for kind in types:
            if not counted or kind in counted or any(f"'{kind}'" in condition for condition in asked):
                continue
            near = nearest(kind, map(str, counted), 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            notes.append(f"no feature or rule asks for events of the type {listed([kind])}{meant}")
        return notes[:_MOST_TYPES]


def score_lead(
    project: ProjectOrPath,
    lead: RawLead | dict[str, Any],
    *,
    as_of: str | date | None = None,
    challenger: bool = False,
    where: str = "lead",
) -> Explanation:
    """Score one lead that is given as plain values: as the night would, had it been in the data.

    ``lead`` has the form of ``RawLead``: ``{"lead": {"created_at": …}, "account": {…}, "events": [{…}]}``. ``as_of`` replaces the
    request's own, ``where`` names the request in messages. What the history knows of its account and colleagues is read from there; ``notes`` say what was left
    out or is not known. Raises as ``LeadScorer``, which is quicker for many leads.
    """
    raw = read_raw_lead(lead, where).at(read_as_of(as_of))
    return LeadScorer.open(project, challenger=challenger).score(raw, where)


def _as_of(raw: RawLead, columns: RawColumns) -> datetime:
    """As of when: as was asked, else now; without dates at the data's end."""
    if columns.clock != "time":
        return columns.data_end
    return raw.as_of or datetime.now(UTC).replace(tzinfo=None)


def _known_later(history: History, lead_id: str, as_of: datetime) -> list[str]:
    """A note on events of the request that were not known by then."""
    if history.clock != "time":
        return []
    own = f"lead_id = {history.engine.dialect.literal(lead_id)}"
    count = history.engine.count(f"events WHERE {own} AND known_at > TIMESTAMP '{as_of.isoformat(sep=' ')}'")
    if not count:
        return []
    was = "event was" if count == 1 else "events were"
    return [f"{count:,} {was} known only after {as_of:%Y-%m-%d %H:%M}: not counted as of then"]


def _own_row(history: History, lead_id: str, as_of: datetime, policy: SpinePolicy) -> Spine:
    """The row of the lead alone. Raises ``DataError`` where it is not open."""
    literal = history.engine.dialect.literal
    with build_scoring_spine(history, as_of, policy) as spine:
        one = Spine.make(
            history.engine, "one_lead", f"SELECT * FROM {spine} WHERE lead_id = {literal(lead_id)}"
        )
    if one.rows:
        return one
    one.drop()
    if policy.objections and history.engine.count(f"objections WHERE lead_id = {literal(lead_id)}"):
        raise DataError(
            "this lead objects to profiling",
            value=lead_id,
            why="whoever objects is neither scored nor explained",
        )
    raise DataError(
        "this lead is not open as of then",
        value=f"{lead_id} at {as_of:%Y-%m-%d %H:%M}",
        why="leads are scored from their creation on, while they are neither closed nor converted",
        fix="check created_at, closed_at and conversions, or give another as_of",
    )
