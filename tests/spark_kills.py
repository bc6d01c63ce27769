"""Kill executors and drivers of a night on a cluster, and fill a worker's disk, at random moments; then see that the next run is right.

    python -m tests.spark_kills --count 20

A standalone cluster of two workers scores a small world from raw files, in several parts. A disturbed run must end well with the right
rows, or fail with the target as it was. The next run must end well with the right rows, leave nothing in the shared folder, and
the prepared history must be what a fresh reading on one machine gives. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from leadlens.pipeline.demo import simulate, write_world
from leadlens.pipeline.jobs.demo import configs_folder
from tests.features.spark_support import TINY, standalone_cluster

ROOT = Path(__file__).parents[1]
KINDS = ("executor killed", "driver killed", "disk full")
_WORLD, _LEADS, _A_PART, _FILES = "car_dealer", 900, 150, 5
_AS_OF, _BEFORE = "2025-06-30", "2025-06-10"
_OWN = ("run_id", "confirmed_at")  # what differs from run to run by right
# Parts of few leads, which the workers hear of from this process.
_COMMAND = (
    "from leadlens.pipeline.prepared import event_update\n"
    f"event_update._LEADS_A_PART = {_A_PART}\n"
    "from leadlens.pipeline.cli.main import main\n"
    "main()\n"
)


@dataclass
class Trial:
    """What became of the disturbed runs of one kind."""

    runs: int = 0
    went_on: int = 0  # ended well all the same
    failed: int = 0  # with the target as it was
    right: int = 0  # of the runs after them
    wrong: list[str] = field(default_factory=list)


class Nights:
    """A world whose events are in several files, a model of it, and what an undisturbed night gives."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.work, self.target = folder / "work", folder / "scores.parquet"
        self.project = _write_project(folder / "project", url, self.work, seed)
        self.trained = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'trained' / 'mlflow.db'}"}
        self._end(self._start("train", "--trials", "1", "--engine", "duckdb", home=folder / "trained"), 0)
        self._end(self._score(folder / "first", _BEFORE), 0)
        self.before = self.target.read_bytes()
        shutil.rmtree(folder / "first")
        started = time.monotonic()
        self._end(self._score(folder / "first"), 0)
        self.span = time.monotonic() - started
        self.right = self._rows()

    def disturb(self, kind: str, workers: list[subprocess.Popen[str]]) -> tuple[str, str]:
        """One disturbed run and the one after it; returns what became of the first, and what is wrong."""
        home = self.folder / "state"
        shutil.rmtree(home, ignore_errors=True)
        self.target.write_bytes(self.before)
        run = self._score(home)
        time.sleep(self.rng.uniform(0.15, 0.95) * self.span)
        limited = self._strike(kind, run, workers)
        out, err = run.communicate(timeout=600)
        for process in limited:
            _limit(process, resource.RLIM_INFINITY)
        kept = self.target.read_bytes() == self.before
        outcome = "failed" if run.returncode else "went on"
        if run.returncode == 0 and self._rows() != self.right:
            return outcome, f"ended well with other rows: {out[-200:]}"
        if run.returncode and not kept:
            return outcome, "failed, and the target is not as it was"
        if run.returncode and kind == "executor killed":
            return outcome, f"a lost executor cost the run: {err[-400:]}"
        if run.returncode not in (0, -signal.SIGKILL, 3, 4):
            return outcome, f"exit code {run.returncode}: {err[-300:]}"
        after = self._score(home)
        _, err = after.communicate(timeout=600)
        if after.returncode:
            return outcome, f"the next run failed: {err[-300:]}"
        if self._rows() != self.right:
            return outcome, "the next run gave other rows"
        if left := [path.name for path in self.work.iterdir()]:
            return outcome, f"left in the shared folder: {left}"
        verify = self._start("check", "--verify", "--engine", "duckdb", home=home)
        out, err = verify.communicate(timeout=600)
        return (
            outcome,
            "" if verify.returncode == 0 else f"the prepared history is wrong: {(out + err)[-300:]}",
        )

    def _strike(
        self, kind: str, run: subprocess.Popen[str], workers: list[subprocess.Popen[str]]
    ) -> list[int]:
        if kind == "driver killed":
            os.killpg(run.pid, signal.SIGKILL)
            return []
        worker = self.rng.choice(workers)
        if kind == "executor killed":
            for process in _children(worker.pid):
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return []
        limited = list(_children(worker.pid))
        for process in limited:
            _limit(process, self.rng.choice((0, 4_096, 65_536)))
        return limited

    def _score(self, home: Path, as_of: str = _AS_OF) -> subprocess.Popen[str]:
        return self._start("score", "--to", str(self.target), "--as-of", as_of, home=home)

    def _start(self, command: str, *options: str, home: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND, command, str(self.project), *options, "--json"],
            env=os.environ | self.trained | {"LEADLENS_HOME": str(home)},
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def _end(self, process: subprocess.Popen[str], code: int) -> None:
        out, err = process.communicate(timeout=600)
        if process.returncode != code:
            sys.exit(f"an undisturbed run failed: {err[-2000:]}{out[-500:]}")

    def _rows(self) -> Counter[str]:
        table = pq.read_table(self.target)
        kept = table.select([name for name in table.column_names if name not in _OWN])
        return Counter(json.dumps(row, default=str, sort_keys=True) for row in kept.to_pylist())


def _write_project(folder: Path, url: str, work: Path, seed: int) -> Path:
    (folder / "scorecards").mkdir(parents=True)
    name = f"demo_{_WORLD}.yaml"
    shutil.copyfile(configs_folder() / "scorecards" / name, folder / "scorecards" / name)
    write_world(simulate(_WORLD, seed=seed, leads=_LEADS), folder / "data")
    settings: dict[str, Any] = yaml.safe_load((configs_folder() / name).read_text(encoding="utf-8"))
    source = folder / settings["data"]["events"]["read"]
    events = pq.read_table(source)
    for number in range(_FILES):
        rows = events.take(list(range(number, len(events), _FILES)))
        pq.write_table(rows, folder / "data" / f"events-{number}.parquet")
    source.unlink()
    settings["data"]["events"]["read"] = "data/events-*.parquet"
    settings["engine"] = {
        "name": "spark",
        "master": url,
        "work": str(work),
        "memory": "512m",
        "spark": TINY | {"spark.executorEnv.PYTHONPATH": str(ROOT), "spark.executor.cores": "1"},
    }
    (folder / "project.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def _children(process: int) -> Iterator[int]:
    """All processes beneath one: a worker's executors and their Python processes."""
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout
    for child in map(int, found.split()):
        yield from _children(child)
        yield child


def _limit(process: int, size: int) -> None:
    """No file of a process may grow beyond these bytes, as on a disk that is full."""
    try:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    except ProcessLookupError:
        return


def kill_many(folder: Path, count: int, seed: int = 1) -> dict[str, Trial]:
    """Disturb ``count`` nights of each kind."""
    trials = {kind: Trial() for kind in KINDS}
    with standalone_cluster(folder / "cluster") as (url, workers):
        nights = Nights(folder / "nights", url, seed)
        for number in range(count * len(KINDS)):
            kind = KINDS[number % len(KINDS)]
            trial = trials[kind]
            outcome, wrong = nights.disturb(kind, workers)
            trial.runs += 1
            trial.went_on += outcome == "went on"
            trial.failed += outcome == "failed"
            trial.right += not wrong
            if wrong:
                trial.wrong.append(wrong)
            print(
                f"{number + 1}: {kind}, {outcome}{': ' + wrong if wrong else ''}", file=sys.stderr, flush=True
            )
    return trials


def table_of(trials: dict[str, Trial]) -> str:
    """The trials as a table."""
    lines = [
        "| | nights | ended well | failed, target as it was | next run right |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {kind} | {trial.runs} | {trial.went_on} | {trial.failed} | {trial.right} |"
        for kind, trial in trials.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Exit code 1 if a run was not what it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20, help="nights of each kind; 20")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlens-kills-") as folder:
        trials = kill_many(Path(folder), options.count, options.seed)
    print(table_of(trials))
    sys.exit(1 if any(trial.wrong for trial in trials.values()) else 0)


if __name__ == "__main__":
    main()
