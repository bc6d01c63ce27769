"""`leadlens scorecard simulate`: a lead's score over the days to come, if it does nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.insights.simulation import simulate_inactivity
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.jobs.scorecard.leads import named, one_lead, own_sheet, records

_MOST_DAYS = 1000


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """``snapshots``, ``losses`` and ``turns`` as in ``leadlens.models.scorecard.insights.simulation.Simulation``."""

    lead_id: str
    as_of: datetime
    days: int
    sheet: str
    notes: tuple[str, ...]
    summed: tuple[str, ...]
    snapshots: pd.DataFrame
    losses: pd.DataFrame
    turns: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        values = {**vars(self), "as_of": self.as_of.isoformat(), "looks": records(self.snapshots)}
        del values["snapshots"]
        return {**values, "losses": records(self.losses), "turns": records(self.turns)}


def simulate(
    file: ProjectFile, sheet: Sheet | None, lead_id: str, days: int = 90, as_of: datetime | None = None
) -> Simulated:
    """The score of one lead on each of the next ``days`` days without any action, from ``as_of`` (default: the
    data's end) on. Raises ``UsageError`` for an unknown lead or a number of days that is not from 1 to 1,000."""
    if not 1 <= days <= _MOST_DAYS:
        raise UsageError("this many days cannot be simulated", value=days, fix=f"1 to {_MOST_DAYS:,} days")
    found = find_lead(file, lead_id)
    history = found.history
    history.require_dates("what becomes of a lead in days")
    sheet, found = own_sheet(file, sheet, found, as_of)
    with one_lead(found, sheet, as_of) as lead:
        simulation = simulate_inactivity(lead.sheet, history, lead.lead_id, lead.as_of, days)
    return Simulated(
        lead_id=lead.lead_id,
        as_of=lead.as_of,
        days=days,
        sheet=named(sheet),
        notes=lead.notes,
        summed=tuple(sheet.total),
        snapshots=simulation.snapshots,
        losses=simulation.losses,
        turns=simulation.turns,
    )
