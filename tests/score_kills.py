"""Kill `leadlens score`, its database and its disk at random moments; then see that nothing is lost and nothing doubled.

    python -m tests.score_kills --count 200 --seed 7

A night is written to PostgreSQL, to a DuckDB file, to Parquet and to CSV; the next one, whose leads and events have
changed, is disturbed: the job killed (SIGKILL) or told to stop (SIGTERM), the server crashed, the connection cut, or no
room left. Half of the moments are spread over the whole run, half over its writing. Readers look all the time, and must
see the night before or the new one, whole. What the run says must be so; and the next run must end well and give what
an undisturbed one gave, leaving nothing behind. Prints a table.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leadlens.pipeline.runs import RunRecord, RunStore
from tests.forked_jobs import ForkedJob, ForkedJobs
from tests.kill_nights import NEXT, NIGHT, grow, next_night, trained_state
from tests.kill_targets import Contents, DuckDBTarget, FileTarget, KillTarget, Look, LookError, PostgresTarget
from tests.pipeline.little_project import LittleProject
from tests.pipeline.postgres import RunningServer, running

TIMES = 12  # as many leads as the model learned from, to write for a while
# What each kind does, and the exit codes that it may end with: 0 where it came too late, or the run went on.
KINDS = {
    "job, SIGKILL": {0, 137},
    "job, SIGTERM": {0, 143},
    "server crashed": {0, 3},
    "connection cut": {0, 3},
    "disk full": {0, 4},
}
# How often each is chosen.
TARGETS = {"PostgreSQL": 6, "DuckDB": 2, "parquet": 1, "csv": 1}
_OF_DATABASES = ("server crashed", "connection cut")
_STAGES = ("reading", "comparing", "scoring", "writing", "over")


@dataclass
class Tally:
    """What became of the kills of one kind."""

    kills: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    kept: int = 0  # the target stayed as the night before
    written: int = 0  # it had the new night
    looks: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Undisturbed:
    """A target before and after the night that is disturbed, and how long that takes."""

    target: KillTarget
    state: Path
    before: Contents
    after: Contents
    looks: tuple[Look, Look]
    span: float  # seconds from the run's record to its end
    writing: float  # of them the last, which write
    largest: int  # bytes of the largest file that it leaves
    files: int  # in the state folder, but for records and the prepared history
    prepared: int  # bytes of that


class ScoreKills:
    """A project with two nights, and a target of each kind that has the first.

    Parameters
    ----------
    trained : a state folder with a champion for ``LittleProject``.
    targets : those that are written to, of ``TARGETS``.
    times : as many leads as the model learned from.
    """

    def __init__(
        self,
        folder: Path,
        trained: Path,
        server: RunningServer,
        seed: int,
        *,
        targets: Iterable[str] = TARGETS,
        times: int = TIMES,
    ) -> None:
        self.folder, self.server, self.rng = folder, server, random.Random(seed)
        self.jobs = ForkedJobs(folder / "printed")
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.project = LittleProject(folder / "project")
        self.changed = grow(self.project, times)
        self.config = self.project.write()
        self.tallies = {kind: Tally() for kind in KINDS}
        self.postgres = PostgresTarget(server)
        chosen = [self._target(name) for name in targets]
        states = {}
        for target in chosen:
            states[target.name] = folder / f"state-{target.name}"
            shutil.copytree(trained, states[target.name])
            self._finish(target, states[target.name], NIGHT)
            target.keep()
        next_night(self.project)
        self.project.write()
        self.undisturbed = {target.name: self._undisturbed(target, states[target.name]) for target in chosen}

    def kill(self, kind: str, target: str | None = None) -> None:
        """Disturb one run, look at what it left, and run again."""
        tally = self.tallies[kind]
        good = self.undisturbed[target or self._choose(kind)]
        self._restore(good)
        with _reading(good.target) as seen, ExitStack() as trouble:
            job, stage, code = self._disturbed(kind, good, trouble)
        wrong = self._wrong(kind, good, job, code, tally)
        # A look that began before the end may come after it; all of them are of one night or the other.
        tally.looks += sum(seen.looks.values())
        wrong += [f"readers saw neither night: {look}" for look in seen.looks if look not in good.looks]
        wrong += seen.errors
        wrong += self._wrong_again(good)
        tally.kills += 1
        tally.stages[stage] += 1
        tally.right += not wrong
        tally.wrong += [f"{kind}, {good.target.name}, {stage}, code {code}: {text}" for text in wrong]

    def _choose(self, kind: str) -> str:
        if kind in _OF_DATABASES:
            return self.postgres.name
        names = list(self.undisturbed)
        return self.rng.choices(names, [TARGETS[name] for name in names])[0]

    def _target(self, name: str) -> KillTarget:
        if name == self.postgres.name:
            return self.postgres
        folder = self.folder / name
        folder.mkdir()
        return (
            DuckDBTarget(folder / "scores.duckdb")
            if name == "DuckDB"
            else FileTarget(folder / f"scores.{name}")
        )

    def _disturbed(self, kind: str, good: Undisturbed, trouble: ExitStack) -> tuple[ForkedJob, str, int]:
        """The run that was disturbed, what it was doing then, and its exit code."""
        size = None
        if kind == "disk full":
            if good.target is self.postgres and self.rng.random() < 0.5:
                trouble.enter_context(self.postgres.full_disk(self.rng.choice(self.changed)))
            else:
                least, most = math.log(4_100), math.log(1.2 * good.largest)
                size = int(math.exp(self.rng.uniform(least, most)))
        job = self._start(good.target, self.home, NEXT, size)
        if kind == "disk full":
            code = job.end()
            return job, "over" if code == 0 else _stage(job), code
        job.until(lambda: job.record() is not None)
        if self.rng.random() < 0.5:
            job.until(lambda: _stage(job) == "writing")
            time.sleep(self.rng.uniform(0, good.writing))
        else:
            time.sleep(self.rng.uniform(0, good.span))
        stage = _stage(job) if job.works else "over"
        if kind == "connection cut":
            self._cut(job)
            stage = _stage(job) if job.works else "over"
        elif kind == "server crashed":
            self.server.crash()
            if self.rng.random() < 0.5:
                job.end()
            self.server.start()
        elif job.works:
            job.signal(signal.SIGKILL if "SIGKILL" in kind else signal.SIGTERM)
        return job, stage, job.end()

    def _cut(self, job: ForkedJob) -> None:
        """Cut the next connection that the job has."""
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leadlens'"
        job.until(lambda: bool(self.postgres.query(cut)))

    def _wrong(self, kind: str, good: Undisturbed, job: ForkedJob, code: int, tally: Tally) -> list[str]:
        """What is not as it should be right after it."""
        wrong, record, there = [], job.record(), good.target.contents()
        if code not in KINDS[kind]:
            wrong.append(f"exit code {code}: {job.err[-300:]}")
        if "Traceback" in job.err:
            wrong.append(job.err[-500:])
        tally.kept += there == good.before
        tally.written += there == good.after
        if there not in (good.before, good.after):
            wrong.append("the target has neither the night before nor the new one")
        if record is None:
            return wrong if there == good.before and code else [*wrong, "it left no record"]
        if (record.status == "done" or code == 0) and there != good.after:
            wrong.append(f"it says that it is done ({record.status}, {code}), and has not written")
        # Killed, or cut off from the target until its end, it cannot know.
        if record.status != "done" and record.told and there == good.after:
            wrong.append(f"it had written all, and says that it {record.status}")
        expected = {0: "done", 137: "started", 143: "stopped"}.get(code, "failed")
        if record.status not in (expected, "done"):
            wrong.append(f"the record says {record.status} at exit code {code}")
        return wrong

    def _wrong_again(self, good: Undisturbed) -> list[str]:
        """What is not as it should be after the next run."""
        try:
            self._finish(good.target, self.home, NEXT)
        except RuntimeError as error:
            return [str(error)]
        wrong, there = [], good.target.contents()
        if there.rows != good.after.rows:
            wrong.append("after the next run other rows than undisturbed")
        if there.history != good.after.history:
            wrong.append("after the next run another history than undisturbed")
        if good.target.look() != good.looks[1]:
            wrong.append("after the next run readers see something else")
        records, runs = self._records(), good.target.runs()
        here = {record.run_id: record.status for record in records}
        if "started" in here.values():
            wrong.append("a run that is over counts as at work")
        if runs is not None and runs != here | {
            run: status for run, status in runs.items() if run not in here
        }:
            wrong.append(f"the records say {here}, the target {runs}")
        if runs is not None and set(here) - set(runs):
            wrong.append("the target does not know of all runs")
        litter = [*good.target.left(), *(path.name for path in self.temporary.iterdir())]
        litter += [path.name for path in self.home.rglob("*") if path.suffix in (".running", ".unfinished")]
        if litter:
            wrong.append(f"left behind: {litter}")
        if (size := _prepared(self.home)) > 1.25 * good.prepared + 100_000:
            wrong.append(f"{size:,} bytes are kept prepared, {good.prepared:,} undisturbed")
        more = _files(self.home) - good.files
        if more > 0:
            wrong.append(f"{more} more files in the state folder than undisturbed")
        return wrong

    def _undisturbed(self, target: KillTarget, state: Path) -> Undisturbed:
        before, first = target.contents(), target.look()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(state, self.home)
        job = self._start(target, self.home, NEXT)
        job.until(lambda: job.record() is not None)
        started = time.monotonic()
        job.until(lambda: _stage(job) == "writing")
        wrote = time.monotonic()
        if job.end():
            raise RuntimeError(job.err)
        ended = time.monotonic()
        after, second = target.contents(), target.look()
        assert before != after, "the nights differ"
        assert first != second
        kept = [path for path in (*self.home.rglob("*"), Path(target.to)) if path.is_file()]
        return Undisturbed(
            target, state, before, after, (first, second), ended - started, ended - wrote,
            max(path.stat().st_size for path in kept), _files(self.home), _prepared(self.home),
        )  # fmt: skip

    def _restore(self, good: Undisturbed) -> None:
        good.target.restore()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(good.state, self.home)

    def _records(self) -> list[RunRecord]:
        return list(RunStore(self.home / "runs").records())

    def _start(self, target: KillTarget, home: Path, as_of: str, size: int | None = None) -> ForkedJob:
        options = ("--to", target.to, "--as-of", as_of, "--force", "a simulated past")
        return self.jobs.start(
            "score", self.config, *options, home=home, file_size=size, TMPDIR=str(self.temporary)
        )

    def _finish(self, target: KillTarget, home: Path, as_of: str) -> None:
        job = self._start(target, home, as_of)
        if code := job.end():
            raise RuntimeError(f"the next run ended with code {code}: {job.err[-500:]}")


@dataclass
class _Seen:
    looks: Counter[Look] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


@contextmanager
def _reading(target: KillTarget) -> Iterator[_Seen]:
    """Look at the target all the time until the block ends."""
    seen, over = _Seen(), threading.Event()

    def look() -> None:
        while not over.wait(0.02 if isinstance(target, FileTarget) else 0.01):
            try:
                seen.looks[target.look()] += 1
            except LookError:
                continue
            except Exception as error:
                seen.errors.append(f"readers: {type(error).__name__}: {error}")
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _stage(job: ForkedJob) -> str:
    record = job.record()
    words = "" if record is None else record.stage or ""
    for beginning, stage in (("Comparing", "comparing"), ("Scoring", "scoring"), ("Writing", "writing")):
        if words.startswith(beginning):
            return stage
    return "reading"


def _files(home: Path) -> int:
    """In a state folder, but for records and the prepared history, which may be extended in more steps than one."""
    parts = ("runs", "prepared")
    return sum(
        path.is_file() and not set(parts) & set(path.relative_to(home).parts) for path in home.rglob("*")
    )


def _prepared(home: Path) -> int:
    """Bytes of the prepared history."""
    return sum(path.stat().st_size for path in (home / "prepared").rglob("*") if path.is_file())


def table_of(tallies: dict[str, Tally]) -> str:
    """Markdown."""
    lines = [
        f"| disturbed | kills | while it was {' / '.join(_STAGES)} | night before kept | new night there | looks of readers | next run right |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    every = Tally()
    for kind, each in tallies.items():
        lines.append(_line(kind, each))
        for name in ("kills", "kept", "written", "looks", "right"):
            setattr(every, name, getattr(every, name) + getattr(each, name))
        every.stages.update(each.stages)
    return "\n".join([*lines, _line("all", every)])


def _line(kind: str, tally: Tally) -> str:
    stages = " / ".join(str(tally.stages[stage]) for stage in _STAGES)
    return f"| {kind} | {tally.kills} | {stages} | {tally.kept} | {tally.written} | {tally.looks:,} | {tally.right} |"


def main() -> None:
    """Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="kills; 200")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory(prefix="leadlens-kills-") as name, running() as server:
        folder = Path(name)
        kills = ScoreKills(folder / "kills", trained_state(folder / "trained"), server, options.seed)
        for number in range(options.count):
            kind = list(KINDS)[number % len(KINDS)]
            kills.kill(kind)
            tally = kills.tallies[kind]
            print(f"{number + 1}: {kind}: {tally.right} of {tally.kills} right", *tally.wrong[-3:], sep="\n   ", file=sys.stderr, flush=True)  # fmt: skip
    print(table_of(kills.tallies))
    wrong = [text for tally in kills.tallies.values() for text in tally.wrong]
    print("\n".join(wrong[:20]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
