"""What each stage of a job cost: rows, seconds, CPU seconds and the most memory so far."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stages:
    """Adds up what the stages of a job cost, however often each comes.

    >>> stages = Stages()
    >>> with stages("features", rows=3):
    ...     pass
    >>> stages.to_list()[0]["rows"]
    3
    """

    _costs: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str, rows: int = 0) -> Iterator[None]:
        """Count what happens inside as part of the stage ``name``."""
        wall, cpu = time.perf_counter(), _cpu_seconds()
        try:
            yield
        finally:
            cost = self._costs.setdefault(name, [0, 0.0, 0.0, 0.0])
            cost[0] += rows
            cost[1] += time.perf_counter() - wall
            cost[2] += _cpu_seconds() - cpu
            cost[3] = _peak_mib()

    def add(self, costs: Iterable[Mapping[str, Any]]) -> None:
        """Add what stages cost elsewhere, as ``to_list`` says it: seconds add up, though they may have passed at once."""
        for stage in costs:
            cost = self._costs.setdefault(stage["name"], [0, 0.0, 0.0, 0.0])
            cost[0] += stage["rows"]
            cost[1] += stage["seconds"]
            cost[2] += stage["cpu_s"]
            cost[3] = max(cost[3], stage["peak_mib"])

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready, in the order in which the stages began; ``peak_mib`` is the most memory until each ended."""
        return [
            {
                "name": name,
                "rows": int(rows),
                "seconds": round(seconds, 3),
                "cpu_s": round(cpu, 3),
                "peak_mib": round(peak),
            }
            for name, (rows, seconds, cpu, peak) in self._costs.items()
        ]


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
