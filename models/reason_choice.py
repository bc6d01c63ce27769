"""The compiled loop of ``leadlens.models.reason_columns``: kept and trusted as those of ``leadlens.features.compiled.kernel``."""

from __future__ import annotations

import numba
import numpy as np

_BLOCK = 64  # rows whose sums stay in the processor's cache


@numba.njit(cache=True, nogil=True, error_model="numpy")
def choose(points, starts, members, group, leading, total, rest):  # type: ignore[no-untyped-def]
    """The strongest groups of columns in every row, in order; of equal ones the first.

    ``points`` is (columns, rows); ``members[starts[g]:starts[g + 1]]`` are the columns of group ``g``. Filled are, per
    row and place, the ``group``, the column that words it (``leading``: the strongest of those that have the sign of the sum)
    and its sum (``total``); ``rest`` is the sum of the groups that found no place.
    """
    groups, places = len(starts) - 1, group.shape[1]
    sums, ranked = np.empty((groups, _BLOCK)), np.empty(groups, np.bool_)
    for start in range(0, points.shape[1], _BLOCK):
        end = min(start + _BLOCK, points.shape[1])
        for number in range(groups):
            first = members[starts[number]]
            for row in range(end - start):
                sums[number, row] = points[first, start + row]
            for place in range(starts[number] + 1, starts[number + 1]):
                column = members[place]
                for row in range(end - start):
                    sums[number, row] += points[column, start + row]
        for row in range(start, end):
            _rank(sums[:, row - start], group[row], total[row])
            ranked[:] = False
            for place in range(places):
                number = group[row, place]
                ranked[number] = True
                way = np.sign(total[row, place])
                leader = members[starts[number]]
                for at in range(starts[number] + 1, starts[number + 1]):
                    if way * points[members[at], row] > way * points[leader, row]:
                        leader = members[at]
                leading[row, place] = leader
            for number in range(groups):
                if not ranked[number]:
                    rest[row] += sums[number, row - start]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rank(sums, group, total):  # type: ignore[no-untyped-def]
    """Put the largest sums, of either sign, in their places."""
    filled = 0
    for number in range(len(sums)):
        size = abs(sums[number])
        if filled == len(group):
            if not filled or not size > abs(total[filled - 1]):
                continue
            place = filled - 1
        else:
            place = filled
            filled += 1
        while place > 0 and size > abs(total[place - 1]):
            total[place], group[place] = total[place - 1], group[place - 1]
            place -= 1
        total[place], group[place] = sums[number], number
