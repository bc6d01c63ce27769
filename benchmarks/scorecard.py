"""A score sheet of 60 rules with ledgers: how long, against one feature build of the same history, and in how much memory.

Run by ``make bench-scorecard``. Prints every run and ends with one line of JSON. For a quick try:

    python -m benchmarks.scorecard --events 200000 --leads 10000 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.feature_bench.parts import Line, PartFailedError, run_part, table_of
from benchmarks.feature_bench.topics import Bench
from benchmarks.feature_bench.world import World

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure in pairs; exit 1 when a part failed."""
    told = _arguments()
    told.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(told.folder, told.rounds, told.threads)
    world = World(told.folder, "visits", told.events, told.leads)
    features = Line(world.shape, world.events, "feature build, one as-of per lead")
    scored = Line(world.shape, world.events, "60 rules with ledgers", against="feature build")
    try:
        bench.make(world)
        bench.scan(world)  # so that no round reads from a cold disk
        given = {"events": world.months, "people": world.people, "spine": world.spine("first")}
        for _ in range(told.rounds):
            base = bench.ours(world, "first", told.memory)
            features.add(base)
            run = run_part("sheet", **given, out=bench.out("sheet"), memory=told.memory, threads=told.threads)
            scored.add(run, base)
            scored.note = f"{run['told']['rows']:,} leads, {run['told']['lines']:,} lines"
    except PartFailedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print(
        f"\n{told.leads:,} leads, 365 days; medians of {told.rounds} pairs; DuckDB on {told.threads} threads, "
        f"held to {told.memory}; from Parquet to Parquet, each run in its own process\n\n"
        f"{table_of([features, scored])}\n"
    )
    figures = {
        "x_feature_build": scored.ratio,
        "leads_per_s": told.leads / scored.second,
        "peak_gib": scored.peak,
    }
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    print(json.dumps({"bench": "scorecard", "figures": rounded}))


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--events", type=int, default=20_000_000)
    asked.add_argument("--leads", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=3, help="pairs; 3")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--memory", default="2GB", help="what DuckDB may hold")
    asked.add_argument("--folder", type=Path, default=ROOT / ".leadlens" / "bench")
    return asked.parse_args()


if __name__ == "__main__":
    main()
