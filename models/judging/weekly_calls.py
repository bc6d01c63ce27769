"""Whom sales would have called: so many leads a week, best first, each lead once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_DRAWS = 20  # orders of equal ranks that the result is the mean of
WEEK = 7.0


class WeeklyCalls:
    """The rows of a period as sales would have worked through them, week by week.

    A lead is on the list of a week by its first row in it, and is not called twice in the period: a lead that is looked
    at six times counts once, by the row as of which it is called.

    Parameters
    ----------
    lead : whose row it is. day : days since the period began. label : whether the lead converted within the horizon of
        this row. length : of the period, in days.

    >>> rows = WeeklyCalls(["a", "a", "b", "c"], day=[0, 1, 0, 8], label=[1, 1, 0, 1], length=14)
    >>> rows.listed, rows.found([9, 9, 1, 5], calls_a_week=1)
    (3, 2.0)
    """

    def __init__(self, lead: ArrayLike, *, day: ArrayLike, label: ArrayLike, length: float) -> None:
        names, days = np.asarray(lead), np.asarray(day, dtype=np.float64)
        self._lead = np.unique(names, return_inverse=True)[1]
        self._label, self._length = np.asarray(label, dtype=np.float64), length
        week = (days // WEEK).astype(np.int64)
        order = np.lexsort((days, self._lead, week))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(self._lead[order]) != 0) | (np.diff(week[order]) != 0)
        on_list = order[first]
        self._weeks = {int(number): on_list[week[on_list] == number] for number in np.unique(week[on_list])}

    @property
    def listed(self) -> int:
        """Leads that are on the list of any week."""
        return int(self._lead.max()) + 1 if len(self._lead) else 0

    @property
    def weeks(self) -> float:
        """How long the period is, in weeks."""
        return self._length / WEEK

    def calls(self, calls_a_week: float) -> float:
        """How many calls are made: fewer where a week lists fewer leads that were not called before."""
        return self._worked(np.zeros(len(self._label)), calls_a_week)[0]

    def found(self, rank: ArrayLike, calls_a_week: float) -> float:
        """Leads called that converted within the horizon, called by ``rank`` (highest first).

        Equal ranks are called in any order: the mean of twenty.
        """
        return self._worked(np.asarray(rank, dtype=np.float64), calls_a_week)[1]

    def _worked(self, rank: NDArray[np.float64], calls_a_week: float) -> tuple[float, float]:
        rng, calls, found = np.random.default_rng(0), 0.0, 0.0
        for _ in range(_DRAWS):
            any_order = rng.random(len(rank))
            called = np.zeros(self.listed, bool)
            for number, rows in self._weeks.items():
                room = round(calls_a_week * min(1.0, (self._length - WEEK * number) / WEEK))
                waiting = rows[~called[self._lead[rows]]]
                chosen = waiting[np.lexsort((any_order[waiting], -rank[waiting]))][:room]
                called[self._lead[chosen]] = True
                calls += len(chosen)
                found += float(self._label[chosen].sum())
        return calls / _DRAWS, found / _DRAWS
