"""Compiled loops that sort events by lead and time, and find those that are alike."""

from __future__ import annotations

import numba
import numpy as np

from leadlens.features.compiled.kernel import group_by, sort_by_time

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")
_FEW = 32


@_compiled
def sorted_order(lead, occurred, content, leads):  # type: ignore[no-untyped-def]
    """The order of rows by lead, time and content, whatever order they come in; leads are numbered from 0."""
    order, offsets = group_by(lead, 1, leads)
    sort_by_time(order, offsets, occurred)
    start, rows = 0, len(order)
    while start < rows:
        end = start + 1
        first = order[start]
        while end < rows and lead[order[end]] == lead[first] and occurred[order[end]] == occurred[first]:
            end += 1
        if end - start > _FEW:
            mine = order[start:end].copy()
            places = np.argsort(content[mine], kind="mergesort")
            for place in range(end - start):
                order[start + place] = mine[places[place]]
        else:
            for place in range(start + 1, end):
                row, back = order[place], place
                while back > start and content[order[back - 1]] > content[row]:
                    order[back] = order[back - 1]
                    back -= 1
                order[back] = row
        start = end
    return order


@_compiled
def places_by_part(lead, size, rows, stretch):  # type: ignore[no-untyped-def]
    """Where rows go that are kept apart by ``lead // size``; ``rows`` are those of each part so far, and grow."""
    places = np.empty(len(lead), np.int64)
    for row in range(len(lead)):
        part = lead[row] // size
        places[row] = part * stretch + rows[part]
        rows[part] += 1
    return places


@_compiled
def alike(order, lead, occurred, content):  # type: ignore[no-untyped-def]
    """For each place of ``order`` the place of the first row that is the same in every column: itself, or one before."""
    first = np.empty(len(order), np.int64)
    for place in range(len(order)):
        first[place] = place
        if place:
            row, before = order[place], order[place - 1]
            if (
                lead[row] == lead[before]
                and occurred[row] == occurred[before]
                and content[row] == content[before]
            ):
                first[place] = first[place - 1]
    return first


@_compiled
def _bit(key, bits):  # type: ignore[no-untyped-def]
    """(word, mask) of a key in ``bits``, which has a power of two of 64-bit words."""
    last = np.uint64(len(bits) * 64 - 1)
    place = (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(17)) & last
    return place >> np.uint64(6), np.uint64(1) << (place & np.uint64(63))


@_compiled
def seen_before(keys, bits):  # type: ignore[no-untyped-def]
    """The keys whose bit is set already in ``bits``, which are then all set: every repeated key, and few others."""
    found = np.empty(len(keys), keys.dtype)
    count = 0
    for key in keys:
        word, bit = _bit(key, bits)
        if bits[word] & bit:
            found[count] = key
            count += 1
        bits[word] |= bit
    return found[:count].copy()


@_compiled
def seen_in(keys, bits):  # type: ignore[no-untyped-def]
    """The keys whose bit is set in ``bits``: all of which ``seen_before`` was told, and few others."""
    found = np.empty(len(keys), keys.dtype)
    count = 0
    for key in keys:
        word, bit = _bit(key, bits)
        if bits[word] & bit:
            found[count] = key
            count += 1
    return found[:count].copy()
