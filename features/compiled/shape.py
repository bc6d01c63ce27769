"""What the compiled loops take and give: one place that knows which array row is which fact.

Windows are in rising order and ``W`` many; place ``W`` of a row of counts is all time.

- ``counts``  (2 * keys * (W + 1), rows) int32: events per key and window, then active days likewise
- ``ages``    (2 * keys, rows) int64: microseconds to the nearest and the farthest event, per key
- ``decayed`` (keys, rows) float64
- ``habits``  (3 + W, rows) int32: events in office hours, at weekends, then sessions per window
- ``sums``    (pairs * (W + 1), rows) float64 and ``filled`` (pairs, rows) int32, per (key, amount)
- ``touches`` (touches, rows) int32: rank of the value
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.behaviour.aggregates import aggregate_names, aggregate_windows
from features.durations import format_duration
from features.plan import FeaturePlan

NEVER = -(2**62)
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Facts:
    """The arrays of some spine rows."""

    counts: Array
    ages: Array
    decayed: Array
    habits: Array
    sums: Array
    filled: Array
    touches: Array

    @classmethod
    def empty(cls, plan: FeaturePlan, rows: int) -> Facts:
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
        """The same columns as the SQL of ``features.behaviour.aggregates`` gives."""
        spans = {format_duration(window): place for place, window in enumerate(aggregate_windows(plan))}
        width, days = len(spans) + 1, len(plan.keys) * (len(spans) + 1)
        columns: dict[str, pa.Array] = {"row_id": pa.array(row_id)}
        pair = 0
        for number, key in enumerate(plan.keys):
            for fact, _ in aggregate_names(plan, number):
                name, _, window = fact.partition("_")
                columns[f"k{number}_{fact}"] = self._fact(name, window, number, pair, spans, width, days)
            pair += len(key.amounts)
        for number in range(len(plan.touches)):
            columns[f"t{number}"] = _known(self.touches[number])
        return pa.table(columns)

    def _fact(
        self, name: str, window: str, key: int, pair: int, spans: dict[str, int], width: int, days: int
    ) -> pa.Array:
        all_time = width - 1
        match name:
            case "n":
                return pa.array(self.counts[key * width + spans.get(window, all_time)])
            case "days":
                return pa.array(self.counts[days + key * width + spans.get(window, all_time)])
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
