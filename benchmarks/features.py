"""Point-in-time features: time and memory against a scan, pandas and featuretools.

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
    one_and_twelve,
)
from benchmarks.feature_bench.world import World

ROOT = Path(__file__).parents[1]
SHAPES = ("visits", "even")
SKIPPABLE = ("other", "pandas", "featuretools", "100m")
FIGURES = ("scan_s", "one_asof_x_scan", "twelve_x_one", "pandas_x", "featuretools_x",
           "peak_gib_20m", "peak_gib_100m")  # fmt: skip


def main() -> None:
    """Run all benchmarks that are not skipped; exit 1 if a part failed or values differ."""
    options = _arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    measured = Measured()
    figures = measure(options, measured)
    print(
        f"\n{options.leads:,} leads, 365 days; medians of {options.rounds} rounds; DuckDB on {options.threads} threads, "
        f"limited to {options.memory}; each run in its own process\n\n{table_of(measured.lines)}\n\n"
        f"JSON: shape {options.shape!r}, {options.events:,} events; {options.events // 10:,} events for pandas (twelve "
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

    def run(self, topic: Callable[..., list[Line]], bench: Bench, world: World, *more: Any) -> list[Line]:
        """The lines of a topic; none if it failed, which is reported at the end."""
        name = f"{topic.__name__}, {world.shape}, {world.events:,} events"
        started = time.perf_counter()
        try:
            lines = topic(bench, world, *more)
        except PartFailedError as error:
            self.failures.append(f"{name}: {error}")
            lines = []
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
        self.lines += lines
        return lines


def measure(options: argparse.Namespace, measured: Measured) -> dict[str, float | None]:
    """The figures by name; ``None`` for what was skipped or failed."""
    bench = Bench(options.folder, options.rounds, options.threads)
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    ours: list[Line] = []
    for shape in sorted(SHAPES, key=lambda name: name != options.shape):
        if shape != options.shape and "other" in options.skip:
            continue
        world = World(options.folder, shape, options.events, options.leads)
        if lines := measured.run(one_and_twelve, bench, world, options.memory):
            scan, one, twelve, calendar = lines
            ours += [one, twelve, calendar]
            if shape == options.shape:
                figures |= {"scan_s": scan.second, "one_asof_x_scan": one.ratio, "twelve_x_one": twelve.ratio}
    figures["peak_gib_20m"] = max((line.peak for line in ours), default=None)
    small = World(options.folder, options.shape, options.events // 10, options.leads)
    if "pandas" not in options.skip and (lines := measured.run(against_pandas, bench, small, options.memory)):
        figures["pandas_x"] = lines[-1].ratio
    if "featuretools" not in options.skip:
        more = (options.memory, options.featuretools, options.sample)
        if lines := measured.run(against_featuretools, bench, small, *more):
            figures["featuretools_x"] = lines[-1].ratio
    huge = World(options.folder, options.shape, options.events * 5, options.leads)
    if "100m" not in options.skip and (lines := measured.run(large, bench, huge, options.large_memory)):
        figures["peak_gib_100m"] = lines[-1].peak
    return figures


def _arguments() -> argparse.Namespace:
    home = ROOT / ".leadlens" / "bench"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=int, default=20_000_000, help="a tenth for pandas, five times for 100m"
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument(
        "--shape", choices=SHAPES, default="visits", help="whose figures the JSON holds; visits"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each pair; 3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="1500MB", help="memory limit of DuckDB")
    parser.add_argument("--large-memory", default="2GB", help="the same for five times the events")
    parser.add_argument("--sample", type=int, default=300, help="rows that featuretools computes; 300")
    parser.add_argument("--folder", type=Path, default=home, help="where the generated histories are stored")
    parser.add_argument(
        "--featuretools",
        type=Path,
        default=home / "venv" / "bin" / "python",
        help="a Python that has featuretools",
    )
    parser.add_argument("--skip", type=_skipped, default=frozenset(), help=f"any of {','.join(SKIPPABLE)}")
    return parser.parse_args()


def _skipped(text: str) -> frozenset[str]:
    skipped = frozenset(filter(None, text.split(",")))
    if unknown := skipped - set(SKIPPABLE):
        raise argparse.ArgumentTypeError(f"{sorted(unknown)} is not of {', '.join(SKIPPABLE)}")
    return skipped


if __name__ == "__main__":
    main()
