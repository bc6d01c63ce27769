"""What each lens finds when sales calls the same number of leads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.errors import UsageError
from models.judging.lenses import Judged, Lens
from models.judging.metrics import Measured


def calls(judged: Judged, capacity: float) -> int:
    """How many rows ``capacity`` (a share in (0, 1)) is, at least one."""
    if not 0 < capacity < 1:
        raise UsageError(
            "capacity is a share of the leads between 0 and 1",
            value=capacity,
            fix="write 0.2 for one lead in five",
        )
    return max(1, int(np.floor(capacity * len(judged.label) + 0.5)))


def found(measured: Measured, count: int) -> float:
    """Conversions among the first ``count`` rows, expected over random order among equal ranks."""
    return measured.found_at(count / len(measured.label)) * float(measured.label.sum())


def chosen(judged: Judged, lens: Lens, count: int) -> NDArray[np.bool_]:
    """The first ``count`` rows as a definite list: ties at the line fall by the fixed shuffle of row_id."""
    order = np.lexsort((judged.tie_break, -lens.rank))
    mask = np.zeros(len(judged.label), bool)
    mask[order[:count]] = True
    return mask


def tied_at_the_line(lens: Lens, count: int) -> int:
    """How many rows share the rank at which the list is cut, if the cut goes through them; else 0.

    Many mean that the lens itself cannot say which of them to call.
    """
    line = np.sort(lens.rank)[::-1][count - 1]
    same = int((lens.rank == line).sum())
    above = int((lens.rank > line).sum())
    return same if above + same > count else 0
