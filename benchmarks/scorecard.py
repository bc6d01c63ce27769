"""A score sheet of 60 rules with ledgers: time and memory against one feature build of the same history.

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
    options = _arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.folder, options.rounds, options.threads)
    world = World(options.folder, "visits", options.events, options.leads)
    features = Line(world.shape, world.events, "feature build, one as-of per lead")
    scored = Line(world.shape, world.events, "60 rules with ledgers", against="feature build")
    try:
        bench.make(world)
        bench.scan(world)  # so that no round reads from a cold disk
        given = {"events": world.months, "people": world.people, "spine": world.spine("first")}
        for _ in range(options.rounds):
            base = bench.ours(world, "first", options.memory)
            features.add(base)
            run = run_part(
                "sheet", **given, out=bench.out("sheet"), memory=options.memory, threads=options.threads
            )
            scored.add(run, base)
            scored.note = f"{run['result']['rows']:,} leads, {run['result']['lines']:,} lines"
    except PartFailedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print(
        f"\n{options.leads:,} leads, 365 days; medians of {options.rounds} pairs; DuckDB on {options.threads} threads, "
        f"limited to {options.memory}; from Parquet to Parquet, each run in its own process\n\n"
        f"{table_of([features, scored])}\n"
    )
    figures = {
        "x_feature_build": scored.ratio,
        "leads_per_s": options.leads / scored.second,
        "peak_gib": scored.peak,
    }
    rounded = {name: float(f"{value:.4g}") for name, value in figures.items()}
    print(json.dumps({"bench": "scorecard", "figures": rounded}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="pairs; 3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="2GB", help="memory limit of DuckDB")
    parser.add_argument("--folder", type=Path, default=ROOT / ".leadlens" / "bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
