"""Point-in-time features: how long, against scanning, pandas and featuretools, and in how much memory.

Run by ``make bench-features``. Prints every run and ends with one line of JSON, whose figures are those of the
``--shape`` (peak memory at full size: of both shapes). For a quick try:

    python -m benchmarks.features --events 200000 --leads 1000 --rounds 1 --skip featuretools,100m
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.feature_bench.parts import Line, PartFailedError, table_of
from benchmarks.feature_bench.topics import (
    Bench,
    against_featuretools,
    against_pandas,
    large,
    nights,
    one_and_twelve,
)
from benchmarks.feature_bench.world import World

ROOT = Path(__file__).parents[1]
SHAPES = ("visits", "even")
SKIPPABLE = ("other", "night", "pandas", "featuretools", "100m")
FIGURES = ("scan_s", "one_asof_x_scan", "twelve_x_one", "pandas_x", "featuretools_x", "second_night_share",
           "peak_gib_20m", "peak_gib_100m")  # fmt: skip


def main() -> None:
    """Measure everything asked for; exit 1 when a part failed or values differ."""
    told = _arguments()
    told.folder.mkdir(parents=True, exist_ok=True)
    measured = Measured()
    figures = measure(told, measured)
    print(
        f"\n{told.leads:,} leads, 365 days; medians of {told.rounds} rounds; DuckDB on {told.threads} threads, "
        f"held to {told.memory}; each run in its own process\n\n{table_of(measured.lines)}\n\n"
        f"JSON: shape {told.shape!r}, {told.events:,} events; {told.events // 10:,} events for pandas (twelve "
        f"as-ofs per lead) and featuretools (one); peak memory: the most of all our runs of that size\n"
    )
    for failure in measured.failures:
        print(failure, file=sys.stderr)
    rounded = {name: None if value is None else float(f"{value:.4g}") for name, value in figures.items()}
    print(json.dumps({"bench": "features", "figures": rounded}))
    sys.exit(1 if measured.failures else 0)


@dataclass
class Measured:
    """Everything measured so far, and what failed."""

    lines: list[Line] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, topic: Callable[..., list[Line]], bench: Bench, world: World, *more: Any) -> list[Line]:
        """The lines of a topic; none when it failed, which is kept and told at the end."""
        name = f"{topic.__name__}, {world.shape}, {world.events:,} events"
        started = time.perf_counter()
        try:
            found = topic(bench, world, *more)
        except PartFailedError as error:
            self.failures.append(f"{name}: {error}")
            found = []
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
        self.lines += found
        return found


def measure(told: argparse.Namespace, measured: Measured) -> dict[str, float | None]:
    """The figures by name; ``None`` for what was skipped or failed."""
    bench = Bench(told.folder, told.rounds, told.threads)
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    ours: list[Line] = []
    for shape in sorted(SHAPES, key=lambda name: name != told.shape):
        if shape != told.shape and "other" in told.skip:
            continue
        world = World(told.folder, shape, told.events, told.leads)
        if found := measured.take(one_and_twelve, bench, world, told.memory):
            scan, one, twelve, calendar = found
            ours += [one, twelve, calendar]
            if shape == told.shape:
                figures |= {"scan_s": scan.second, "one_asof_x_scan": one.ratio, "twelve_x_one": twelve.ratio}
        if "night" not in told.skip and (found := measured.take(nights, bench, world, told.memory)):
            ours += found
            if shape == told.shape:
                figures["second_night_share"] = found[-1].ratio
    figures["peak_gib_20m"] = max((line.peak for line in ours), default=None)
    small = World(told.folder, told.shape, told.events // 10, told.leads)
    if "pandas" not in told.skip and (found := measured.take(against_pandas, bench, small, told.memory)):
        figures["pandas_x"] = found[-1].ratio
    if "featuretools" not in told.skip:
        more = (told.memory, told.featuretools, told.sample)
        if found := measured.take(against_featuretools, bench, small, *more):
            figures["featuretools_x"] = found[-1].ratio
    huge = World(told.folder, told.shape, told.events * 5, told.leads)
    if "100m" not in told.skip and (found := measured.take(large, bench, huge, told.large_memory)):
        figures["peak_gib_100m"] = found[-1].peak
    return figures


def _arguments() -> argparse.Namespace:
    home = ROOT / ".leadlens" / "bench"
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--events", type=int, default=20_000_000, help="a tenth for pandas, five times for 100m"
    )
    asked.add_argument("--leads", type=int, default=100_000)
    asked.add_argument(
        "--shape", choices=SHAPES, default="visits", help="whose figures the JSON holds; visits"
    )
    asked.add_argument("--rounds", type=int, default=3, help="runs of each pair; 3")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--memory", default="1500MB", help="what DuckDB may hold")
    asked.add_argument("--large-memory", default="2GB", help="the same for five times the events")
    asked.add_argument(
        "--sample", type=int, default=300, help="rows that featuretools is really asked for; 300"
    )
    asked.add_argument("--folder", type=Path, default=home, help="where the made histories are kept")
    asked.add_argument(
        "--featuretools",
        type=Path,
        default=home / "venv" / "bin" / "python",
        help="a Python that has featuretools",
    )
    asked.add_argument("--skip", type=_skipped, default=frozenset(), help=f"any of {','.join(SKIPPABLE)}")
    return asked.parse_args()


def _skipped(text: str) -> frozenset[str]:
    found = frozenset(filter(None, text.split(",")))
    if unknown := found - set(SKIPPABLE):
        raise argparse.ArgumentTypeError(f"{sorted(unknown)} is not of {', '.join(SKIPPABLE)}")
    return found


if __name__ == "__main__":
    main()
