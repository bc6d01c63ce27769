"""`leadlens scorecard stages`: when leads entered each stage and when they fell back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.insights.stage_history import stage_history
from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.scoring.probes import split_segment, without_segment
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.jobs.scorecard.leads import named, one_lead, open_leads, own_sheet, records
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.scorecards.project import choose_sheet

_SHOWN = ["lead_id", "at", "looked_before", "was", "stage", "total", "why", "rule", "occurred_at"]


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Stage histories: of one lead, or of all open ones that the sheet is for (``lead_id`` is ``None``).

    ``history`` has one row per change of stage (columns of ``leadlens.models.scorecard.insights.stage_history``); ``flow`` says of
    MQL and SQL how many leads ever entered, how many are there or beyond now, how many fell back at least once, and
    the median days from creation to the first entry.
    """

    lead_id: str | None
    as_of: datetime
    sheet: str
    leads: int
    notes: tuple[str, ...]
    now: dict[str, int]
    flow: tuple[dict[str, Any], ...]
    history: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "as_of": self.as_of.isoformat(), "history": records(self.history)}


def stages(
    file: ProjectFile, sheet: Sheet | None, lead_id: str | None = None, as_of: datetime | None = None
) -> Stages:
    """The stage history of one lead or of all open ones, up to ``as_of`` (default: the data's end).

    The last stage is the one that scoring at ``as_of`` gives. Raises ``UsageError`` for an unknown lead,
    ``DataError`` where no lead is open.
    """
    found = None if lead_id is None else find_lead(file, lead_id)
    history = open_history(file) if found is None else found.history
    history.require_dates("when leads entered a stage")
    if found is None:
        sheet = sheet or choose_sheet(file, None)[0]
    else:
        sheet, found = own_sheet(file, sheet, found, as_of)
    as_of, free, notes = history.moment(as_of), without_segment(sheet), tuple[str, ...]()
    if found is None:
        with open_leads(file, history, as_of) as open_now, split_segment(sheet, history, open_now) as segment:
            leads, changes = segment.rows, stage_history(free, history, segment)
    else:
        with one_lead(found, sheet, as_of) as lead:
            leads, notes, changes = 1, lead.notes, stage_history(free, history, lead.spine, daily=True)
    last = changes.groupby("lead_id")["stage"].last()
    now = {name: int((last == name).sum()) for name in STAGES}
    flow = tuple(_flow(name, changes, last) for name in ("MQL", "SQL") if _has(sheet, name))
    return Stages(
        lead_id=None if found is None else found.lead_id,
        as_of=as_of,
        sheet=named(sheet),
        leads=leads,
        notes=notes,
        now=now,
        flow=flow,
        history=changes[_SHOWN],
    )


def _has(sheet: Sheet, name: str) -> bool:
    return sheet.thresholds is not None and name in dict(sheet.thresholds.stages)


def _flow(name: str, changes: pd.DataFrame, last: pd.Series) -> dict[str, Any]:
    """How many came to a stage or beyond it, how fast, and how many fell below it again."""
    reached = {"MQL": ("MQL", "SQL"), "SQL": ("SQL",)}[name]
    there, before = changes["stage"].isin(reached), changes["was"].isin(reached)
    entered = changes[there & ~before].groupby("lead_id")["at"].min()
    born = changes.groupby("lead_id")["at"].min()
    days = (entered - born.reindex(entered.index)).dt.total_seconds() / 86_400
    return {
        "stage": name,
        "ever": len(entered),
        "now": int(last.isin(reached).sum()),
        "fell": int(changes.loc[before & ~there, "lead_id"].nunique()),
        "median_days": float(days.median()) if len(days) else None,
    }
