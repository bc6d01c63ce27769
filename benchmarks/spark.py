"""A whole night on Spark: a standalone cluster on this machine, of one worker and of two, one core each; and the same night here.

Run by ``make bench-spark``. What is timed are commands as a user types them: ``leadlens score`` from raw files to a Parquet file,
with nothing prepared. The night must give the same rows wherever it ran. Ends with one line of JSON. For a quick try:

    python -m benchmarks.spark --leads 20000 --events 900000
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.data_sets import ROOT
from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.arguments import world_parser
from benchmarks.night_bench.commands import Cost, child, leadlens
from benchmarks.night_bench.results import rounded, table_of
from benchmarks.night_bench.state import State, trained
from benchmarks.night_bench.world import END, NightWorld
from tests.features.spark_support import standalone_cluster

FIGURES = ("speedup_2", "x_local", "peak_gib_executor", "shuffle_gib")
_EVERY = 0.2  # seconds between looks at the memory of executors
_UNLIKE = ("run_id", "confirmed_at")


def main() -> None:
    """Measure; exit 1 when a part failed or a night differed."""
    options = world_parser(__doc__, leads=450_000, events=20_000_000).parse_args()
    bench = SparkNights(NightWorld(options.folder, options.leads, options.events))
    failed = None
    try:
        bench.measure()
    except PartFailedError as error:
        failed = str(error)
    finally:
        bench.world.restore()
    print(f"\n{bench.about()}\n\n{table_of(bench.rows, HEAD)}\n")
    if failed:
        print(failed, file=sys.stderr)
    print(json.dumps({"bench": "spark", "figures": rounded(bench.figures)}))
    sys.exit(1 if failed else 0)


HEAD = (
    "night",
    "seconds",
    "of them reading",
    "of them on workers",
    "peak GiB of an executor",
    "shuffled GiB",
)


@dataclass
class SparkNights:
    """What was measured so far."""

    world: NightWorld
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(FIGURES))
    scored: int = 0

    def about(self) -> str:
        return (
            f"{self.world.leads:,} leads, {self.scored:,} of them open, {self.world.events:,} events in ten Parquet files; "
            f"a sheet of 30 rules, a tuned model; from raw files to one Parquet file, on {os.cpu_count()} cores that master, workers and "
            "driver share; one round"
        )

    def measure(self) -> None:
        """All figures, in order; what is measured stands even if a later part fails."""
        child("make", **self.world.size)
        self.world.restore()
        env = trained(self.world)
        here = self._night("here", env, {})
        one = self._on_cluster(1, env)
        two = self._on_cluster(2, env)
        self.figures["speedup_2"] = one.wall / two.wall
        self.figures["x_local"] = two.wall / here.wall
        unlike = child(
            "unlike_files", files=[str(self._file(name)) for name in ("here", "1", "2")], but=_UNLIKE
        )
        if unlike["wrong"]:
            raise PartFailedError(f"the nights are not the same: {unlike}")
        self.rows.append(("all three", "", "", "", "", f"the same {unlike['rows']:,} rows"))

    def _on_cluster(self, workers: int, env: dict[str, str]) -> Cost:
        folder = self.world.home / f"cluster-{workers}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "log").mkdir(parents=True)
        with standalone_cluster(folder, workers, "3g") as (url, processes), _watched(processes) as peaks:
            settings = {
                "name": "spark",
                "master": url,
                "memory": "2g",
                "work": str(folder / "work"),
                "spark": {
                    "spark.eventLog.enabled": "true",
                    "spark.eventLog.compress": "false",
                    "spark.eventLog.dir": (folder / "log").as_uri(),
                    "spark.executor.cores": "1",
                    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
                    "spark.executorEnv.PYTHONPATH": str(ROOT),
                },
            }
            cost = self._night(str(workers), env, settings, peaks, folder / "log")
        return cost

    def _night(
        self,
        name: str,
        env: dict[str, str],
        engine: dict[str, Any],
        peaks: list[float] | None = None,
        log: Path | None = None,
    ) -> Cost:
        state = State(self.world.home / f"state-spark-{name}")
        state.clear()
        project = yaml.safe_load((self.world.home / "project.yaml").read_text(encoding="utf-8"))
        config = self.world.home / f"spark-{name}.yaml"
        config.write_text(
            yaml.safe_dump({**project, "engine": engine} if engine else project), encoding="utf-8"
        )
        # The model learned from a sample of this world, which has fewer rows of everything.
        force = ("--force", "a sample was learned from")
        asked = ("--as-of", END.isoformat(), "--to", str(self._file(name)), *force, "--json")
        cost = leadlens("score", config, *asked, home=state.home, **env)
        stages = {stage["name"]: stage for stage in cost.told["stages"]}
        self.scored = cost.told["leads"]
        work = sum(
            stages[stage]["seconds"] for stage in ("features", "sheet", "score", "reasons") if stage in stages
        )
        peak, shuffled = (max(peaks) if peaks else None), (None if log is None else _shuffled(log))
        if peak is not None:
            self.figures["peak_gib_executor"] = max(peak, self.figures["peak_gib_executor"] or 0.0)
        if shuffled is not None:
            self.figures["shuffle_gib"] = shuffled
        title = "on this machine" if not engine else f"Spark, {name} worker{'s' if name != '1' else ''}"
        shown = [cost.wall, stages["read"]["seconds"], work, peak, shuffled]
        self.rows.append((title, *("" if value is None else f"{value:.2f}" for value in shown)))
        print(self.rows[-1], file=sys.stderr, flush=True)
        return cost

    def _file(self, name: str) -> Path:
        return self.world.home / f"scores-{name}.parquet"


@contextmanager
def _watched(workers: list[Any]) -> Iterator[list[float]]:
    """The most memory, in GiB, that each worker's executor had: its Java and its Python processes together."""
    peaks, over = [0.0] * len(workers), threading.Event()

    def look() -> None:
        while not over.wait(_EVERY):
            children, sizes = _processes()
            for place, worker in enumerate(workers):
                some, waiting = 0.0, list(children.get(worker.pid, ()))
                while waiting:
                    process = waiting.pop()
                    some += sizes.get(process, 0.0)
                    waiting += children.get(process, ())
                peaks[place] = max(peaks[place], some)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def _processes() -> tuple[dict[int, list[int]], dict[int, float]]:
    """Children by parent, and the memory in GiB that each process has to itself or shares by half."""
    children: dict[int, list[int]] = {}
    sizes: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            rollup = (folder / "smaps_rollup").read_text()
        except (OSError, ValueError, IndexError):
            continue  # it has ended
        children.setdefault(parent, []).append(int(folder.name))
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                sizes[int(folder.name)] = int(line.split()[1]) / 2**20
    return children, sizes


def _shuffled(log: Path) -> float:
    """GiB that tasks wrote for other tasks, by Spark's own event log."""
    written = 0
    for path in log.rglob("*"):
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            if '"SparkListenerTaskEnd"' in line:
                metrics = json.loads(line).get("Task Metrics") or {}
                written += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
    return float(written / 2**30)


if __name__ == "__main__":
    main()
