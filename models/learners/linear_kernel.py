"""The compiled loop of ``leadlens.models.learners.linear``: kept and trusted as those of ``leadlens.features.compiled.kernel``."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_entries(columns, tables, share, parts):  # type: ignore[no-untyped-def]
    """Add ``share`` of each value's entry to ``parts``; ``columns`` and ``parts`` are (columns, rows)."""
    for at in range(len(columns)):
        entries = tables.entries[tables.entries_of[at] : tables.entries_of[at + 1]]
        edges = tables.edges[tables.edges_of[at] : tables.edges_of[at + 1]]
        last, category = len(entries) - 1, tables.category[at]
        missing, values, part = entries[last], columns[at], parts[at]
        for row in range(len(values)):
            value = values[row]
            if np.isnan(value):
                part[row] += share * missing
            elif category:
                part[row] += share * (entries[int(value)] if 0 <= value < last else missing)
            else:
                low, high = 0, len(edges)
                while low < high:
                    middle = (low + high) >> 1
                    if value < edges[middle]:
                        high = middle
                    else:
                        low = middle + 1
                part[row] += share * entries[low]
