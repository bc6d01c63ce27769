"""The compiled loop of ``leadlens.models.judging.replay``: kept and trusted as those of ``leadlens.features.compiled.kernel``."""

from __future__ import annotations

import numba


@numba.njit(cache=True, nogil=True, error_model="numpy")
def call_weekly(queue, starts, lead, rank, label, room, waiting, called, made):  # type: ignore[no-untyped-def]
    """Call the first of each week's ``queue`` who wait; returns leads reached, and calls that were decided by lot.

    ``waiting`` is how often each lead is still to be called; ``called`` gets the row by which each lead is called, ``made`` the
    calls of each week.
    """
    reached, by_lot = 0.0, 0.0
    for week in range(len(starts) - 1):
        free, equal, last = room[week], 0.0, 0.0
        for place in range(starts[week], starts[week + 1]):
            row = queue[place]
            who = lead[row]
            if waiting[who] <= 0.0:
                continue
            if rank[row] != last:
                equal, last = 0.0, rank[row]
            taken = min(waiting[who], free)
            if taken > 0.0:
                waiting[who] -= taken
                free -= taken
                equal += taken
                made[week] += taken
                reached += taken * label[row]
                called[who] = row
            if waiting[who] > 0.0:  # the first who is left out: those of equal rank had better luck
                by_lot += equal
                break
    return reached, by_lot
