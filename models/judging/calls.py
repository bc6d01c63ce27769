"""Capacity in leads, and the first row of a lead that reaches something."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import UsageError
from leadlens.models.judging.lenses import JudgedRows

Rows = NDArray[np.intp]


def checked(capacity: float) -> float:
    """A capacity as it is. Raises ``UsageError`` where it is no share in (0, 1)."""
    if not 0 < capacity < 1:
        raise UsageError(
            "capacity is a share of the leads between 0 and 1",
            value=capacity,
            fix="write 0.2 for one lead in five",
        )
    return capacity


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
