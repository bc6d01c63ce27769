"""`leadlens scorecard changed`: what moved a lead's score since a day, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import History, UsageError
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.insights.changes import score_changes, version_changes
from leadlens.models.scorecard.insights.comparison import Difference, compare_sheets
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.scoring.probes import matching_events, set_rows, without_segment
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.jobs.scorecard.leads import OneLead, named, one_lead, own_sheet, plain, records

_RESULTS = ("total", "score", "grade", "stage", "route", "disqualified_by", "product")
_LINE = ["dimension", "rule", "kind", "occurred_at", "detail", "before", "after", "points", "why"]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What changed between two as-ofs.

    ``before`` and ``after`` have total, score, grade, stage, route … and every dimension. The points of ``lines`` sum
    to the difference of each dimension; those with ``in_total`` sum to that of the total. ``differences`` are those of
    the sheets, where the lead was scored by another one before.
    """

    lead_id: str
    since: datetime
    as_of: datetime
    sheet: str
    old_sheet: str
    notes: tuple[str, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    lines: pd.DataFrame
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "since": self.since.isoformat(),
            "as_of": self.as_of.isoformat(),
            "lines": records(self.lines),
            "differences": [difference.to_dict() for difference in self.differences],
        }


def changed(
    file: ProjectFile,
    sheet: Sheet | None,
    lead_id: str,
    since: datetime,
    as_of: datetime | None = None,
    old_sheet: Sheet | None = None,
) -> Changed:
    """Compare a lead's score as of ``since`` (by ``old_sheet``, if another one stood then) with that of ``as_of``.

    A lead that did not exist at ``since`` is compared with how it was created. Raises ``UsageError`` for an unknown
    lead and for as-ofs in the wrong order.
    """
    found = find_lead(file, lead_id)
    history = found.history
    history.require_dates("what changed since a day")
    sheet, found = own_sheet(file, sheet, found, as_of)
    with one_lead(found, sheet, as_of) as lead:
        return _changed(history, lead, sheet, since, old_sheet)


def _changed(
    history: History, lead: OneLead, sheet: Sheet, since: datetime, old_sheet: Sheet | None
) -> Changed:
    if since >= lead.as_of:
        raise UsageError(
            "there is no time between these two dates",
            value=f"{since:%Y-%m-%d %H:%M} to {lead.as_of:%Y-%m-%d %H:%M}",
            fix="give a --since before --as-of",
        )
    notes, first = list(lead.notes), since
    if since < lead.created_at:
        first = lead.created_at
        notes.append(f"created on {first:%Y-%m-%d %H:%M}: compared with how it was then")
    old = without_segment(old_sheet or sheet)
    parsed = lead.parsed if old.version == lead.sheet.version else parse_conditions(old, history)
    before, after = (_scored(old, parsed, history, lead.lead_id, at) for at in (first, lead.as_of))
    parts = [score_changes(before, after, matching_events(old, history, lead.spine, parsed))]
    differences: tuple[Difference, ...] = ()
    if old_sheet is not None and old_sheet.version != sheet.version:
        compared = compare_sheets(old_sheet, sheet)
        differences, now = (
            compared.differences,
            _scored(lead.sheet, lead.parsed, history, lead.lead_id, lead.as_of),
        )
        parts.append(version_changes(after, now, compared.renamed))
        after = now
    lines = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return Changed(
        lead_id=lead.lead_id,
        since=first,
        as_of=lead.as_of,
        sheet=named(sheet),
        old_sheet=named(old_sheet or sheet),
        notes=tuple(notes),
        before=_results(before),
        after=_results(after),
        lines=_with_total(lines[_LINE], old, sheet, before, after),
        differences=differences,
    )


def _scored(sheet: Sheet, parsed: Parsed, history: History, lead_id: str, as_of: datetime) -> SheetScores:
    with set_rows(history, [(lead_id, as_of)]) as spine:
        return score_sheet(sheet, history, spine, plan=parsed.plan)


def _results(scores: SheetScores) -> dict[str, Any]:
    row = scores.scores.iloc[0]
    return {name: plain(row[name]) for name in (*_RESULTS, *scores.sheet.all_dimensions)}


def _with_total(
    lines: pd.DataFrame, old: Sheet, new: Sheet, before: SheetScores, after: SheetScores
) -> pd.DataFrame:
    """Say which lines move the total; where the sheets sum other dimensions, a line of its own makes it exact."""
    in_total = (
        lines["dimension"].isin(old.total).where(lines["kind"] != "sheet", lines["dimension"].isin(new.total))
    )
    lines = lines.assign(in_total=in_total.astype(bool))
    if set(old.total) == set(new.total):
        return lines
    moved = float(after.scores["total"].iloc[0] - before.scores["total"].iloc[0])
    rest = round(moved - float(lines.loc[lines["in_total"], "points"].sum()), 9) + 0.0
    text = f"total is {' + '.join(new.total)}, was {' + '.join(old.total)}"
    more = {"dimension": "total", "rule": text, "kind": "sheet", "points": rest, "in_total": True}
    return pd.concat([lines, pd.DataFrame([more])], ignore_index=True) if rest else lines
