"""Equal sales capacity: how many leads are called, and which ones by each lens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.errors import UsageError
from models.judging.lenses import JudgedRows, Lens


def calls(judged: JudgedRows, capacity: float) -> int:
    """How many rows ``capacity`` (a share in (0, 1)) is, at least one."""
    if not 0 < capacity < 1:
        raise UsageError(
            "capacity is a share of the leads between 0 and 1",
            value=capacity,
            fix="write 0.2 for one lead in five",
        )
    return max(1, int(np.floor(capacity * len(judged.label) + 0.5)))


def selected(judged: JudgedRows, lens: Lens, count: int) -> NDArray[np.bool_]:
    """The first ``count`` rows as a mask; ties at the cutoff are broken by the fixed shuffle of row_id."""
    order = np.lexsort((judged.tie_break, -lens.rank))
    mask = np.zeros(len(judged.label), bool)
    mask[order[:count]] = True
    return mask


def tied_at_cutoff(lens: Lens, count: int) -> int:
    """How many rows share the rank at which the list is cut, if the cut goes through them; else 0.

    With many of them the lens itself does not say whom to call.
    """
    cutoff = np.sort(lens.rank)[::-1][count - 1]
    same = int((lens.rank == cutoff).sum())
    above = int((lens.rank > cutoff).sum())
    return same if above + same > count else 0
