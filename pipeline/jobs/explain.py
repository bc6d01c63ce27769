"""`leadlens explain`: one lead through both lenses, each line by line, each summing to its score."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.features import DataError, History, UsageError
from leadlens.features.spine import Spine, build_scoring_spine
from leadlens.models.reasons import Reason
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.config.parts import read_as_of
from leadlens.pipeline.dataset.lead_scores import route_text
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads
from leadlens.pipeline.jobs.named_lead import NamedLead, find_lead
from leadlens.pipeline.jobs.past_run import PastRun, past_run
from leadlens.pipeline.private import private_files
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.scorecards.project import load_sheets

if TYPE_CHECKING:
    from leadlens.models.scorecard import ScorecardSet
    from leadlens.pipeline.registry.registered import Registered


_MOST_LINES = 1_000  # of a ledger as JSON


def largest_lines(ledger: pd.DataFrame, most: int) -> tuple[pd.DataFrame, int, float]:
    """The lines with the most points in their order, how many are left out, and the points of those that count."""
    if len(ledger) <= most:
        return ledger, 0, 0.0
    kept = ledger["points"].abs().nlargest(most, keep="first").index
    rest = ledger.drop(index=kept)
    return (
        ledger.loc[kept.sort_values()],
        len(rest),
        float(rest.loc[rest["counts"].astype(bool), "points"].sum()),
    )


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Both lenses on one lead as of one moment; ``None`` where the data have no dates. ``grade`` is ``None`` where it
    would mean nothing; ``notes`` say which lead it is where it was asked for by address or name, and what speaks against
    the model: the reason it was promoted for by force, the proven leaks that it uses.

    ``start + sum(reason.points) == score`` to 1e-6; the ledger's points that count sum to ``rule_points`` exactly.
    """

    lead_id: str
    as_of: datetime | None
    version: str
    alias: str
    probability: float
    score: float
    shown: int
    grade: str | None
    start: float
    reasons: tuple[Reason, ...]
    rule_points: float | None
    rule_grade: str | None
    rule_stage: str | None
    disqualified_by: str | None
    sheet: str | None
    route: str | None
    ledger: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        lines, more, points = largest_lines(self.ledger, _MOST_LINES)
        ledger = lines.astype(object).where(lines.notna(), None).to_dict("records")
        for line in ledger:
            if line["occurred_at"] is not None:
                line["occurred_at"] = line["occurred_at"].isoformat()
        return {
            "lead_id": self.lead_id,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "model_version": self.version,
            "alias": self.alias,
            "probability": self.probability,
            "score": self.score,
            "shown": self.shown,
            "grade": self.grade,
            "start": self.start,
            "reasons": [reason.to_dict() | {"points": reason.points} for reason in self.reasons],
            "rule_points": self.rule_points,
            "rule_grade": self.rule_grade,
            "rule_stage": self.rule_stage,
            "disqualified_by": self.disqualified_by,
            "sheet": self.sheet,
            "route": self.route,
            "ledger": ledger,
            "notes": list(self.notes),
            "ledger_left_out": {"lines": more, "points": points},
        }

    def _repr_html_(self) -> str:
        from leadlens.pipeline.html import table_html

        lines = [(reason.text, reason.points) for reason in self.reasons if abs(reason.points) >= 0.5]
        rest = self.score - self.start - sum(points for _, points in lines)
        rows = [
            ("Every lead starts at", self.start),
            *lines,
            ("smaller reasons", rest),
            ("= score", self.score),
        ]
        model = pd.DataFrame(rows, columns=["model", "points"])
        grade = f", grade {self.grade}" if self.grade else ""
        head = f"<p><b>{self.shown}</b> ({self.probability:.1%}{grade})"
        rules = "" if self.rule_points is None else f"; sheet <b>{self.rule_points:g}</b> ({self.rule_stage})"
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"{head}{rules}</p>{notes}" + table_html(model, len(model)) + table_html(self.ledger, 100)


@private_files()
def explain(
    file: ProjectOrPath,
    lead_id: str,
    *,
    as_of: str | date | None = None,
    data_version: int | None = None,
    challenger: bool = False,
    run: str | None = None,
) -> Explanation:
    """Explain one open lead, by its id, e-mail address or name, by default from all that is known today.

    ``data_version`` replays a past score from what was known to the run that made it (``scoring_runs`` records both).
    By the champion, or by the challenger if ``challenger`` asks for it. ``run`` is the id of a scoring run: its model, as-of
    and data version are taken, and the score is the one that it gave, to the last digit.
    Raises ``UsageError`` for an unknown lead, ``DataError`` for one that is not open or a version that is not kept.
    """
    file, at = as_project(file), read_as_of(as_of)
    if not isinstance(lead_id, str):
        raise UsageError("a lead must be named by text", value=lead_id, fix=f'in quotes: "{lead_id}"')
    past = None if run is None else _past(file, run, at, data_version, challenger)
    found = find_lead(file, lead_id, data_version if past is None else past.data_version)
    with found.history as history:
        if past is not None:
            at = past.as_of if history.clock == "time" else None
        at = history.moment(at)
        served = serving_model(file.project.name, challenger=challenger) if past is None else past.served
        sheets = load_sheets(file)
        notes = [*(() if past is None else past.notes), *found.notes, *served.cautions]
        if past is None and history.clock == "time" and at > history.data_end:
            notes.append(
                f"the data end on {history.data_end:%Y-%m-%d}: what the lead did from then to {at:%Y-%m-%d} is not known, and counts as no activity"
            )
        if past is not None and sheets is not None and past.sheets_version != sheets.version:
            sheets = served.bundle.sheet if _is(served.bundle.sheet, past.sheets_version) else None
            if sheets is None:
                notes.append("the sheets have changed since, so the sheet's side of that run is left out")
        if file.project.data.finished is not None and history.engine.count(
            f"finished WHERE lead_id = {history.engine.dialect.literal(found.lead_id)}"
        ):
            notes.append("this lead is over (data.finished): leadlens score leaves it out")
        with one_row(file, found, at) as one:
            scored = score_leads(history, one, served.bundle, sheets)
    return explanation_of(scored, served, history.shown(at), tuple(notes))


@contextmanager
def one_row(file: ProjectFile, named: NamedLead, at: datetime) -> Iterator[Spine]:
    """The row of a lead as of then, alone. Raises ``DataError`` for a lead that is not open then or objects to profiling."""
    history, lead_id = named.history, named.lead_id
    with (
        history.engine.of_few_rows(),
        # Whoever asks about a lead that is over gets its score: the note says why no night has it.
        build_scoring_spine(history, at, replace(spine_policy(file.project), finished=False)) as spine,
        Spine.make(
            history.engine,
            "one_lead",
            f"SELECT * FROM {spine} WHERE lead_id = {history.engine.dialect.literal(lead_id)}",
        ) as one,
    ):
        if not one.rows:
            _refuse_objection(file, history, lead_id)
            if history.clock != "time":
                raise DataError(
                    "this lead has converted already, or is closed",
                    value=lead_id,
                    why="open leads are scored, and without dates there is no time before it converted",
                    fix="name an open one: leadlens score CONFIG scores them all",
                )
            raise DataError(
                "this lead is not open at that as-of",
                value=f"{lead_id} at {at:%Y-%m-%d %H:%M}",
                why="leads are scored while they are neither closed nor converted",
                fix="give an --as-of between the day it was created and the day it converted or was closed",
            )
        yield one


def _refuse_objection(file: ProjectFile, history: History, lead_id: str) -> None:
    """Raise ``DataError`` where the lead objects to profiling."""
    literal = history.engine.dialect.literal
    if file.project.data.objections is not None and history.engine.count(
        f"objections WHERE lead_id = {literal(lead_id)}"
    ):
        raise DataError(
            "this lead objects to profiling",
            value=lead_id,
            why="whoever objects is neither scored nor explained",
            where=f"{file.path.name}: data.objections",
        )


def _is(sheets: ScorecardSet | None, version: str) -> bool:
    return sheets is not None and sheets.version == version


def _past(
    file: ProjectFile, run: str, as_of: datetime | None, data_version: int | None, challenger: bool
) -> PastRun:
    if as_of is not None or data_version is not None or challenger:
        raise UsageError(
            "a run already says as of when, from which data and by which model it scored",
            value=f"--run {run}",
            fix="leave --as-of, --data-version and --challenger out",
        )
    return past_run(file, run)


def explanation_of(
    scored: ScoredLeads, served: Registered, as_of: datetime | None, notes: tuple[str, ...]
) -> Explanation:
    """The only row of ``scored`` as both lenses see it."""
    table, rules = scored.prediction.table.iloc[0], scored.rules
    row = scored.spine.iloc[0]
    sheet = None if scored.sheet is None else scored.sheet.iloc[0]

    def said(name: str) -> str | None:
        return None if sheet is None or pd.isna(sheet[name]) else str(sheet[name])

    return Explanation(
        lead_id=str(row["lead_id"]),
        as_of=as_of,
        version=served.display_name,
        alias=served.alias,
        probability=float(table["probability"]),
        score=float(table["score"]),
        shown=int(table["shown"]),
        grade=None if pd.isna(table["grade"]) else str(table["grade"]),
        start=scored.prediction.base_value,
        reasons=tuple(scored.reasons()[0]),
        rule_points=None if sheet is None else float(sheet["total"]),
        rule_grade=said("grade"),
        rule_stage=said("stage"),
        disqualified_by=said("disqualified_by"),
        sheet=said("sheet"),
        route=None if sheet is None else route_text(sheet["action"], sheet["queue"], sheet["reason"]),
        ledger=pd.DataFrame()
        if rules is None
        else rules.readable_ledger().drop(columns=["row_id", "lead_id"]),
        notes=notes,
    )
