"""What is measured: each topic runs its pairs and returns lines for the table."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.feature_bench.parts import Line, PartFailedError, check_same, run_json, run_part
from benchmarks.feature_bench.world import World


@dataclass(frozen=True)
class Bench:
    """How often, with how much memory and how many threads; where results are written."""

    folder: Path
    rounds: int
    threads: int

    def make(self, world: World) -> None:
        """Have the history on disk."""
        run_part("make", folder=str(world.folder), shape=world.shape, events=world.events, leads=world.leads)

    def scan(self, world: World) -> dict[str, Any]:
        """DuckDB reads the needed columns, and nothing else."""
        return run_part("scan", events=world.months, threads=self.threads)

    def ours(
        self,
        world: World,
        spine: str,
        memory: str,
        out: str = "ours",
        night: bool = False,
    ) -> dict[str, Any]:
        """From Parquet events to feature Parquet."""
        events = [*world.months, world.night] if night else world.months
        given = {"people": world.people, "spine": world.spine(spine), "out": self.out(out), "memory": memory}
        return run_part("ours", events=events, threads=self.threads, **given)

    def out(self, name: str) -> str:
        """Path of a feature Parquet."""
        return str(self.folder / f"{name}.parquet")


def one_and_twelve(bench: Bench, world: World, memory: str) -> list[Line]:
    """The scan, one as-of per lead and twelve, in turns."""
    scan, one, twelve, calendar = (
        Line(world.shape, world.events, part, against=against)
        for part, against in (
            ("scan of the needed columns", ""),
            ("one as-of per lead", "scan"),
            ("twelve as-ofs per lead", "one as-of"),
            ("twelve month ends, the same for all", "one as-of"),
        )
    )
    bench.make(world)
    bench.scan(world)  # so that no round reads from a cold disk
    for _ in range(bench.rounds):
        base = bench.scan(world)
        scan.add(base)
        first = bench.ours(world, "one", memory)
        one.add(first, base)
        twelve.add(bench.ours(world, "twelve", memory), first)
        calendar.add(bench.ours(world, "calendar", memory), first)
    return [scan, one, twelve, calendar]


def against_pandas(bench: Bench, world: World, memory: str) -> list[Line]:
    """The plain formulation on the same files, on one core as pandas does; values must be equal."""
    lines = []
    bench.make(world)
    for spine, rows in (("one", "one as-of"), ("twelve", "twelve as-ofs")):
        ours = Line(world.shape, world.events, f"{rows} per lead")
        pandas = Line(world.shape, world.events, f"pandas, {rows} per lead", against="ours")
        for _ in range(bench.rounds):
            base = bench.ours(world, spine, memory)
            ours.add(base)
            pandas.add(
                run_part("pandas", events=world.months, spine=world.spine(spine), out=bench.out("pandas")),
                base,
            )
        columns = check_same(bench.out("ours"), bench.out("pandas"), "pandas")
        pandas.note = f"{columns} columns, values equal"
        lines += [ours, pandas]
    return lines


def against_featuretools(bench: Bench, world: World, memory: str, python: Path, rows: int) -> list[Line]:
    """``dfs`` with a cutoff per lead on a sample of rows, extrapolated row by row; values must be equal."""
    if not python.exists():
        raise PartFailedError(f"no featuretools at {python}: `make bench-features` installs it")
    bench.make(world)
    ours = Line(world.shape, world.events, "one as-of per lead")
    for _ in range(bench.rounds):
        ours.add(bench.ours(world, "one", memory))
    script = str(Path(__file__).with_name("with_featuretools.py"))
    request = {"events": world.months, "people": world.people, "spine": world.spine("one"), "rows": rows,
             "out": bench.out("featuretools")}  # fmt: skip
    result = run_json([str(python), script, json.dumps(request)], "featuretools")
    check_same(bench.out("ours"), bench.out("featuretools"), "featuretools")
    line = Line(world.shape, world.events, "featuretools, one as-of per lead", against="ours")
    line.seconds.append(result["all_s"])
    line.ratios.append(result["all_s"] / ours.second)
    line.note = (
        f"extrapolated: {result['rows']} rows took {result['sample_s']:.0f} s, "
        f"{1000 * result['each_s']:.0f} ms each; their values equal"
    )
    return [ours, line]


def large(bench: Bench, world: World, memory: str) -> list[Line]:
    """A history larger than the memory it may use; its files are removed afterwards."""
    try:
        bench.make(world)
        scan = Line(world.shape, world.events, "scan of the needed columns")
        one = Line(world.shape, world.events, "one as-of per lead", against="scan")
        bench.scan(world)
        base = bench.scan(world)
        scan.add(base)
        one.add(bench.ours(world, "one", memory), base)
        one.note = f"DuckDB limited to {memory}"
        return [scan, one]
    finally:
        shutil.rmtree(world.home, ignore_errors=True)
