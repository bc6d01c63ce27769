"""Sales capacity in leads: each lead is called once, at its first snapshot that reaches the cutoff."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import UsageError
from models.judging.lenses import Floats, JudgedRows
from models.statistics import ratio

Rows = NDArray[np.intp]


def calls(judged: JudgedRows, capacity: float) -> int:
    """How many leads ``capacity`` (a share in (0, 1)) is, at least one."""
    if not 0 < capacity < 1:
        raise UsageError(
            "capacity is a share of the leads between 0 and 1",
            value=capacity,
            fix="write 0.2 for one lead in five",
        )
    return max(1, int(np.floor(capacity * judged.leads + 0.5)))


class CallList:
    """The leads in the order in which a lens would have them called, whatever the number of calls.

    With a cutoff on ``rank`` a lead is called at its first snapshot that reaches it, and not again. The call finds a
    conversion if that snapshot is followed by one: a lead that is called too early or too late is not found. Only
    snapshots on which a lead ranks higher than ever before can be such a first one; call them records.
    """

    def __init__(self, judged: JudgedRows, rank: Floats) -> None:
        self._judged = judged
        levels, code = np.unique(rank, return_inverse=True)
        order, many = judged.in_time, len(levels)
        lead = judged.lead[order]
        # Leads are ascending, so the running maximum of both together is that of the lead.
        highest = np.maximum.accumulate(lead * many + code[order])
        record = np.r_[True, highest[1:] > highest[:-1]]
        self._row, self._lead, self._code = order[record], lead[record], code[order][record]
        self._last = np.r_[self._lead[1:] != self._lead[:-1], True]
        label = judged.label[self._row]
        later = np.where(self._last, 0.0, np.r_[label[1:], 0.0])
        self._more = label - later  # found when the cutoff falls to this record
        self._levels = many

    def found_at(self, share: float, weight: Floats | None = None) -> float:
        """Share of the leads that convert, found by calling the first ``share`` of the leads.

        ``weight`` is per row, alike for the rows of a lead. Leads that tie at the cutoff count as if drawn at random.
        """
        each = np.ones(len(self._row)) if weight is None else weight[self._row]
        new = np.bincount(self._code, each * self._last, self._levels)[::-1]
        more = np.bincount(self._code, each * self._more, self._levels)[::-1]
        called, found = (np.cumsum(at)[new > 0] for at in (new, more))
        at = np.interp(share * called[-1], np.r_[0.0, called], np.r_[0.0, found])
        return ratio(at, converted_leads(self._judged, weight))

    def called(self, count: int) -> Rows:
        """Of every lead the row on which it is among the first ``count`` to be called, else -1.

        Ties at the cutoff are broken by the fixed shuffle of row_id.
        """
        top, code = self._row[self._last], self._code[self._last]
        chosen = np.lexsort((self._judged.tie_break[top], -code))[:count]
        reached = self._code >= code[chosen].min()
        rows = first_of_each(self._judged.leads, self._lead[reached], self._row[reached])
        among = np.zeros(self._judged.leads, bool)
        among[chosen] = True
        return np.where(among, rows, -1)

    def tied_at_cutoff(self, count: int) -> int:
        """How many leads share the rank at which the list is cut, if the cut goes through them; else 0.

        With many of them the lens itself does not say whom to call.
        """
        best = np.sort(self._code[self._last])[::-1]
        same, above = int((best == best[count - 1]).sum()), int((best > best[count - 1]).sum())
        return same if above + same > count else 0


def first_of_each(leads: int, lead: NDArray[np.int64], row: Rows) -> Rows:
    """The first of the rows given for each lead, which are in order of time; -1 for a lead without any."""
    first = np.full(leads, -1, dtype=np.intp)
    first[lead[::-1]] = row[::-1]
    return first


def reached(judged: JudgedRows, there: NDArray[np.bool_]) -> Rows:
    """Of every lead the first row, in order of time, for which this holds, else -1."""
    order = judged.in_time[there[judged.in_time]]
    return first_of_each(judged.leads, judged.lead[order], order)


def first_in_group(judged: JudgedRows, group: pd.Series) -> Rows:
    """The rows on which a lead is in a group for the first time: a lead counts once in each group it was in."""
    order = judged.in_time
    again = pd.DataFrame({"lead": judged.lead[order], "group": group.to_numpy()[order]}).duplicated()
    return np.asarray(order[~again.to_numpy()])


def converted_leads(judged: JudgedRows, weight: Floats | None = None) -> float:
    """How many leads convert after any of their rows."""
    any_row = judged.converted
    if weight is None:
        return float(any_row.sum())
    return float((any_row * judged.of_leads(weight)).sum())


def found_at_random(judged: JudgedRows) -> float:
    """The chance that a call finds a conversion: to any lead, on any of its snapshots."""
    rows = np.bincount(judged.lead, minlength=judged.leads)
    return float((np.bincount(judged.lead, judged.label, judged.leads) / rows).mean())
