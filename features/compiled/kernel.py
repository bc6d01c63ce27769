"""The compiled loops: events sorted within each lead, and one pass over them per spine row.

Compiled when first called; the machine code is kept beside this file's bytecode, and trusted as much as it. The
NamedTuples that the loops take and fill are in ``leadlens.features.compiled.shape``.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from leadlens.features.compiled.shape import NEVER

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_LN2 = math.log(2.0)
_MOST_HALVINGS = 500.0
_SHORT_RUN = 32
_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def group_by(number, size, groups):  # type: ignore[no-untyped-def]
    """(order, offsets): a stable counting sort of events by ``number // size``, which lies below ``groups``."""
    offsets = np.zeros(groups + 1, np.int64)
    for item in number:
        offsets[item // size + 1] += 1
    for group in range(groups):
        offsets[group + 1] += offsets[group]
    place = offsets[:-1].copy()
    order = np.empty(len(number), np.int64)
    for event in range(len(number)):
        group = number[event] // size
        order[place[group]] = event
        place[group] += 1
    return order, offsets


@_compiled
def sort_by_time(order, offsets, occurred):  # type: ignore[no-untyped-def]
    """Sort ``order`` by time within each lead, in place."""
    for lead in range(len(offsets) - 1):
        start, end = offsets[lead], offsets[lead + 1]
        # Histories mostly come in order of time, or nearly so: then only a few have to move.
        budget = 8 * (end - start)
        for place in range(start + 1, end):
            event, back = order[place], place
            while back > start and occurred[order[back - 1]] > occurred[event]:
                order[back] = order[back - 1]
                back -= 1
            order[back] = event
            budget -= place - back
            if budget < 0:
                break
        if budget < 0:
            mine = order[start:end].copy()
            sorted_places = np.argsort(occurred[mine], kind="quicksort")
            for place in range(end - start):
                order[start + place] = mine[sorted_places[place]]


@_compiled
def settle_ties(order, offsets, occurred, amounts):  # type: ignore[no-untyped-def]
    """Sort events of one lead and one time by their amounts (NaN first), in place.

    Doubles do not add up alike in every order, and the order in which events are read is an accident.
    """
    for lead in range(len(offsets) - 1):
        start, end = offsets[lead], offsets[lead + 1]
        while start < end:
            stop = start + 1
            while stop < end and occurred[order[stop]] == occurred[order[start]]:
                stop += 1
            if stop - start > 1:
                _sort_by_amounts(order, start, stop, amounts)
            start = stop


@_compiled
def _sort_by_amounts(order, start, stop, amounts):  # type: ignore[no-untyped-def]
    """A stable sort of ``order[start:stop]``: short runs by insertion, which are then merged pair by pair."""
    for run in range(start, stop, _SHORT_RUN):
        for place in range(run + 1, min(run + _SHORT_RUN, stop)):
            event, back = order[place], place
            while back > run and _sorts_before(amounts[event], amounts[order[back - 1]]):
                order[back] = order[back - 1]
                back -= 1
            order[back] = event
    width = _SHORT_RUN
    while width < stop - start:
        for left in range(start, stop - width, 2 * width):
            middle, right = left + width, min(left + 2 * width, stop)
            first, one, two, place = order[left:middle].copy(), 0, middle, left
            while one < len(first) and two < right:
                if _sorts_before(amounts[order[two]], amounts[first[one]]):
                    order[place] = order[two]
                    two += 1
                else:
                    order[place] = first[one]
                    one += 1
                place += 1
            while one < len(first):
                order[place] = first[one]
                one += 1
                place += 1
        width *= 2


@_compiled
def _sorts_before(one, other):  # type: ignore[no-untyped-def]
    for item in range(len(one)):
        if math.isnan(one[item]) or math.isnan(other[item]):
            if math.isnan(one[item]) != math.isnan(other[item]):
                return math.isnan(one[item])
        elif one[item] != other[item]:
            return one[item] < other[item]
    return False


@_compiled
def weights_of(offsets, occurred, half_life):  # type: ignore[no-untyped-def]
    """(weights, references): 2^(-age / half-life) of each event at its lead's reference, the last event.

    The reference is NEVER where the lead's history is so long that weights would leave a float's range.
    """
    weights = np.empty(len(occurred), np.float64)
    references = np.empty(len(offsets) - 1, np.int64)
    for lead in range(len(offsets) - 1):
        start, end = offsets[lead], offsets[lead + 1]
        references[lead] = NEVER
        if end > start and (occurred[end - 1] - occurred[start]) / half_life < _MOST_HALVINGS:
            references[lead] = occurred[end - 1]
            for event in range(start, end):
                weights[event] = math.exp(-_LN2 * ((occurred[end - 1] - occurred[event]) / half_life))
    return weights, references


@_compiled
def aggregate(events, rows, kinds, settings, results):  # type: ignore[no-untyped-def]
    """Fill ``results`` (``Aggregates``) for all ``SpineRows`` from ``VisibleEvents``; both have the same leads."""
    windows, half_life = settings.windows, settings.half_life
    spans, pairs, touches = len(windows), len(kinds.pair_amounts), len(kinds.touch_last)
    keys = len(kinds.pair_starts) - 1
    number = np.empty((keys, spans + 1), np.int64)
    days = np.empty((keys, spans + 1), np.int64)
    day_seen = np.empty(keys, np.int64)
    nearest = np.empty(keys, np.int64)
    farthest = np.empty(keys, np.int64)
    decay = np.empty(keys, np.float64)
    begun = np.empty(spans + 1, np.int64)
    total = np.empty((pairs, spans + 1), np.float64)
    known = np.empty(pairs, np.int64)
    rank = np.empty(touches, np.int64)
    touched = np.empty(touches, np.int64)
    for lead in range(len(rows.offsets) - 1):
        start, end = events.offsets[lead], events.offsets[lead + 1]
        for row in range(rows.offsets[lead], rows.offsets[lead + 1]):
            as_of = rows.as_of[row]
            number[:], days[:], begun[:], total[:], known[:] = 0, 0, 0, 0.0, 0
            nearest[:], farthest[:], day_seen[:], decay[:], rank[:] = NEVER, NEVER, NEVER, 0.0, NEVER
            low, high = start, end
            while low < high:
                middle = (low + high) // 2
                if events.occurred[middle] < as_of:
                    low = middle + 1
                else:
                    high = middle
            span, later, later_span, office, weekend = 0, NEVER, 0, 0, 0
            reference = events.references[lead]
            scale = 1.0
            if reference != NEVER:
                scale = math.exp(-_LN2 * ((as_of - reference) / half_life))
            for event in range(low - 1, start - 1, -1):  # backwards in time
                if events.visible_from[event] >= as_of or events.visible_to[event] < as_of:
                    continue
                at = events.occurred[event]
                age = as_of - at
                while span < spans and age > windows[span]:
                    span += 1
                day = at // _DAY
                weight = events.weights[event]
                if reference == NEVER:
                    weight = math.exp(-_LN2 * (age / half_life))
                kind = events.code[event]
                for item in range(kinds.key_starts[kind], kinds.key_starts[kind + 1]):
                    key = kinds.keys[item]
                    number[key, span] += 1
                    if day_seen[key] != day:
                        day_seen[key] = day
                        days[key, span] += 1
                    if nearest[key] == NEVER:
                        nearest[key] = age
                    farthest[key] = age
                    decay[key] += weight
                    for pair in range(kinds.pair_starts[key], kinds.pair_starts[key + 1]):
                        amount = events.amounts[event, kinds.pair_amounts[pair]]
                        if not math.isnan(amount):
                            total[pair, span] += amount
                            known[pair] += 1
                    if key == settings.cadence and settings.hours:
                        if later != NEVER and later - at >= settings.session_gap:
                            begun[later_span] += 1
                        later, later_span = at, span
                        weekday, hour = (day + 3) % 7, (at - day * _DAY) // _HOUR
                        office += weekday < 5 and 8 <= hour < 18
                        weekend += weekday >= 5
                for touch in range(touches):
                    mine = kinds.touch_ranks[touch, kind]
                    last = kinds.touch_last[touch]
                    if mine < 0 or (last and rank[touch] != NEVER and touched[touch] != at):
                        continue
                    if rank[touch] == NEVER or touched[touch] != at or mine > rank[touch]:
                        rank[touch], touched[touch] = mine, at
            if later != NEVER:
                begun[later_span] += 1
            _store(row, number, results.counts)
            _store(row, days, results.counts[keys * (spans + 1) :])
            for key in range(keys):
                results.ages[2 * key, row], results.ages[2 * key + 1, row] = nearest[key], farthest[key]
                results.decayed[key, row] = decay[key] * scale
            results.habits[0, row], results.habits[1, row] = office, weekend
            running = 0
            for place in range(spans + 1):
                running += begun[place]
                results.habits[2 + place, row] = running
            _store(row, total, results.sums)
            for pair in range(pairs):
                results.filled[pair, row] = known[pair]
            for touch in range(touches):
                results.touches[touch, row] = max(rank[touch], -1)


@_compiled
def _store(row, parts, into):  # type: ignore[no-untyped-def]
    """Each window holds what the shorter ones hold, so parts are added up, never subtracted."""
    spans = parts.shape[1]
    for item in range(parts.shape[0]):
        running = parts[item, 0] * 0
        for span in range(spans):
            running += parts[item, span]
            into[item * spans + span, row] = running
