"""What the compiled loops take and fill: NamedTuples of arrays, and which row of ``Aggregates`` is what.

Windows are in rising order and ``W`` many; place ``W`` of a row of counts is all time.

- ``counts``  (2 * keys * (W + 1), rows) int32: events per key and window, then active days likewise
- ``ages``    (2 * keys, rows) int64: microseconds to the nearest and the farthest event, per key
- ``decayed`` (keys, rows) float64
- ``habits``  (3 + W, rows) int32: events in office hours, at weekends, then sessions per window
- ``sums``    (pairs * (W + 1), rows) float64 and ``filled`` (pairs, rows) int32, per (key, amount)
- ``touches`` (touches, rows) int32: rank of the value
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leadlens.features.behaviour.aggregates import aggregate_names, aggregate_windows
from leadlens.features.durations import format_duration
from leadlens.features.engines import DuckDBEngine
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine

NEVER = -(2**62)
Array = npt.NDArray[Any]


class SpineRows(NamedTuple):
    """The rows of a spine by lead number and ``as_of``: ``offsets[i]:offsets[i + 1]`` are those of lead ``i``."""

    row_id: Array
    as_of: Array
    offsets: Array

    @classmethod
    def read(cls, engine: DuckDBEngine, spine: Spine, numbers: int) -> SpineRows:
        """The engine has ``numbered_leads(lead_id, lead_no)``, with numbers below ``numbers``."""
        columns = engine.connection.execute(
            f"""
            SELECT s.row_id, l.lead_no, epoch_us(s.as_of) AS as_of
            FROM {spine} AS s
            JOIN numbered_leads AS l ON l.lead_id = s.lead_id
            ORDER BY l.lead_no, s.as_of
            """
        ).fetchnumpy()
        counts = np.bincount(columns["lead_no"], minlength=numbers)
        row_id, as_of = (np.asarray(columns[name]) for name in ("row_id", "as_of"))
        return cls(row_id, as_of, np.concatenate([[0], np.cumsum(counts)]))

    def of(self, first: int, count: int) -> SpineRows:
        """The rows of ``count`` leads from ``first`` on, renumbered from 0."""
        last = first + count
        start, end = int(self.offsets[first]), int(self.offsets[last])
        return SpineRows(
            self.row_id[start:end], self.as_of[start:end], self.offsets[first : last + 1] - start
        )


class VisibleEvents(NamedTuple):
    """Events ``offsets[i]:offsets[i + 1]`` are those of lead ``i``, in order of time; ``code`` is their kind.

    Each is seen as of ``(visible_from, visible_to]``; ``weights`` decay to the lead's reference time.
    """

    offsets: Array
    occurred: Array
    code: Array
    visible_from: Array
    visible_to: Array
    amounts: Array
    weights: Array
    references: Array


class EventKinds(NamedTuple):
    """What an event counts for: kind ``i`` for the behaviours ``keys[key_starts[i]:key_starts[i + 1]]``.

    ``pair_amounts[pair_starts[k]:pair_starts[k + 1]]`` are the amounts that behaviour ``k`` adds up.
    """

    key_starts: Array
    keys: Array
    pair_starts: Array
    pair_amounts: Array
    touch_ranks: Array
    touch_last: Array


class LoopSettings(NamedTuple):
    """Times are in microseconds; ``cadence`` is the number of the behaviour with sessions and habits, or -1."""

    windows: Array
    half_life: float
    session_gap: int
    cadence: int
    hours: bool


class Aggregates(NamedTuple):
    """The arrays of some spine rows."""

    counts: Array
    ages: Array
    decayed: Array
    habits: Array
    sums: Array
    filled: Array
    touches: Array

    @classmethod
    def empty(cls, plan: FeaturePlan, rows: int) -> Aggregates:
        keys, spans = len(plan.keys), len(aggregate_windows(plan)) + 1
        pairs = sum(len(key.amounts) for key in plan.keys)
        return cls(
            np.empty((2 * keys * spans, rows), np.int32),
            np.empty((2 * keys, rows), np.int64),
            np.empty((keys, rows), np.float64),
            np.empty((2 + spans, rows), np.int32),
            np.empty((pairs * spans, rows), np.float64),
            np.empty((pairs, rows), np.int32),
            np.empty((len(plan.touches), rows), np.int32),
        )

    def table(self, plan: FeaturePlan, row_id: Array) -> pa.Table:
        """The same columns as the SQL of ``leadlens.features.behaviour.aggregates`` gives."""
        spans = {format_duration(window): place for place, window in enumerate(aggregate_windows(plan))}
        columns: dict[str, pa.Array] = {"row_id": pa.array(row_id)}
        pair = 0
        for number, key in enumerate(plan.keys):
            for name, _ in aggregate_names(plan, number):
                columns[f"k{number}_{name}"] = self._aggregate(name, number, pair, spans)
            pair += len(key.amounts)
        for number in range(len(plan.touches)):
            columns[f"t{number}"] = _known(self.touches[number])
        return pa.table(columns)

    def _aggregate(self, name: str, key: int, pair: int, spans: dict[str, int]) -> pa.Array:
        """The column of one aggregate: ``n``, ``n_7d``, ``sum_0``, ``sum_0_7d`` …; ``pair`` is the key's first."""
        name, _, window = name.partition("_")
        all_time, width = len(spans), len(spans) + 1
        match name:
            case "n":
                return pa.array(self.counts[key * width + spans.get(window, all_time)])
            case "days":
                return pa.array(
                    self.counts[len(self.counts) // 2 + key * width + spans.get(window, all_time)]
                )
            case "recency":
                return _known(self.ages[2 * key])
            case "first":
                return _known(self.ages[2 * key + 1])
            case "decayed":
                return pa.array(self.decayed[key])
            case "office" | "weekend":
                return pa.array(self.habits[0 if name == "office" else 1])
            case "sessions":
                return pa.array(self.habits[2 + spans.get(window, all_time)])
        place, _, window = window.partition("_")
        mine = pair + int(place)
        if name == "with":
            return pa.array(self.filled[mine])
        return pa.array(self.sums[mine * width + spans.get(window, all_time)])


def _known(values: Array) -> pa.Array:
    return pa.array(values, mask=values == (NEVER if values.dtype == np.int64 else -1))
