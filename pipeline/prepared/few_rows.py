"""The loops of :mod:`leadlens.pipeline.prepared.sorting` for few rows, in NumPy: compiled ones take longer to load than they save."""

from __future__ import annotations

import numpy as np

from leadlens.pipeline.prepared.event_layout import Array


def sorted_order(lead: Array, occurred: Array, content: Array, leads: int) -> Array:
    """The order of rows by lead, time and content, whatever order they come in; leads are numbered below ``leads``."""
    return np.lexsort((content, occurred, lead))


def places_by_part(lead: Array, size: int, rows: Array, stretch: int) -> Array:
    """Where rows go that are kept apart by ``lead // size``; ``rows`` are those of each part so far, and grow."""
    part = lead // size
    places = np.empty(len(lead), np.int64)
    for number in np.unique(part).tolist():
        mine = np.flatnonzero(part == number)
        places[mine] = number * stretch + rows[number] + np.arange(len(mine))
        rows[number] += len(mine)
    return places


def alike(order: Array, lead: Array, occurred: Array, content: Array) -> Array:
    """For each place of ``order`` the place of the first row that is the same in every column: itself, or one before."""
    new = np.ones(len(order), bool)
    for column in (lead, occurred, content):
        values = column[order]
        same = values[1:] == values[:-1]
        new[1:] = ~same if column is lead else new[1:] | ~same
    return np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
