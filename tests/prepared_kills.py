"""Kill commands while they read a history, at random moments, then see that the next run is right.

    python -m tests.prepared_kills --count 100

Each kill (SIGKILL, with all of its children) falls while a history is prepared from nothing, or while it is extended by
a new file; a third of them twice in a row. The next run of the same command must end well and give what an undisturbed
twin gave: what it prints, the opened history, the rows of lead_scores; and leave nothing behind. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from leadlens.pipeline.demo import simulate, write_world
from leadlens.pipeline.jobs.demo import configs_folder
from tests.laws.nights.compare import Opened, differences, open_once

ROOT = Path(__file__).parents[1]
PREPARED = "prepared"  # in the state folder
PHASES = ("fresh", "extended")
COMMANDS = ("check", "score", "train")
_FILES = 6
_WORLD = "car_dealer"
# What differs from run to run by right.
_OWN = ("run_id", "version", "model_version", "stages", "written")


@dataclass
class Trial:
    """One command in one phase: what an undisturbed run gives, and when it works on the prepared history."""

    command: str
    phase: str
    printed: Any
    scores: Counter[tuple[Any, ...]]
    opened: Opened
    bytes: int
    span: float  # seconds from the first change of the prepared history to the last; of the whole run without any
    killed: int = 0
    prepared: int = 0  # of the kills, those after the first change
    right: int = 0
    wrong: list[str] = field(default_factory=list)


class Kills:
    """A demo world in a folder of its own, whose events are in several files; the last of them comes a night later."""

    def __init__(self, folder: Path, leads: int, seed: int, commands: tuple[str, ...]) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.project = folder / "project"
        self.late = folder / "late.parquet"
        _write_project(self.project, leads, seed)
        self.late_name = self.project / "data" / f"events-{_FILES - 1}.parquet"
        self.late_name.rename(self.late)
        self.env = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'trained' / 'mlflow.db'}"}
        # The first night, undisturbed: the state and the scores that are extended.
        self._run("check", folder / "first", {})
        if "score" in commands:
            self._run("train", folder / "trained", {})
            self._run("score", folder / "first", self.env)
        shutil.copyfile(self.late, self.late_name)

    def trial(self, command: str, phase: str) -> Trial:
        """Run the command undisturbed."""
        home = self._state(command, phase, "twin")
        printed, started, changed = self._watched(command, home)
        return Trial(
            command,
            phase,
            printed,
            _scores(home),
            open_once(self.project / "project.yaml", home, features=False),
            _size(home),
            changed[-1] - changed[0] if changed else time.monotonic() - started,
        )

    def kill(self, trial: Trial) -> None:
        """Kill the command once or twice, then run it to its end and compare."""
        home = self._state(trial.command, trial.phase, "killed")
        for _ in range(self.rng.choice((1, 1, 2))):
            killed, prepared = self._killed(trial, home)
            if not killed:
                return  # it was done before: no kill
        trial.killed += 1
        trial.prepared += prepared
        wrong = self._wrong(trial, home)
        trial.wrong += wrong
        trial.right += not wrong

    def _wrong(self, trial: Trial, home: Path) -> list[str]:
        try:
            printed = self._run(trial.command, home, self._env(trial.command))
        except RuntimeError as error:
            return [str(error)]
        wrong = [] if printed == trial.printed else [f"printed {printed} instead of {trial.printed}"]
        if _scores(home) != trial.scores:
            wrong.append("other rows in lead_scores")
        opened = open_once(self.project / "project.yaml", home, features=False)
        wrong += differences(opened, trial.opened)
        if _size(home) > 1.25 * trial.bytes + 100_000:
            wrong.append(f"{_size(home):,} bytes are kept, {trial.bytes:,} by the twin")
        return wrong

    def _killed(self, trial: Trial, home: Path) -> tuple[bool, bool]:
        """Start the command and kill it: whether it still ran, and whether the prepared history had changed by then.

        Mostly some time after the prepared history begins to change; sometimes before.
        """
        before, process = _snapshot(home), self._start(trial.command, home, self._env(trial.command))
        watch = bool(trial.bytes) and self.rng.random() < 0.85
        while watch and process.poll() is None and _snapshot(home) == before:
            time.sleep(0.001)
        time.sleep(self.rng.uniform(0, 1.1 * trial.span if watch or not trial.bytes else 2.0))
        running = process.poll() is None
        if running:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return running, _snapshot(home) != before

    def _watched(self, command: str, home: Path) -> tuple[Any, float, list[float]]:
        """Run a command to its end: what it printed, when it started, when the prepared history changed."""
        started, last, changed = time.monotonic(), _snapshot(home), []
        process = self._start(command, home, self._env(command))
        while process.poll() is None:
            now = _snapshot(home)
            if now != last:
                changed.append(time.monotonic())
                last = now
            time.sleep(0.002)
        return _result(command, process), started, changed

    def _run(self, command: str, home: Path, env: dict[str, str]) -> Any:
        return _result(command, self._start(command, home, env))

    def _start(self, command: str, home: Path, env: dict[str, str]) -> subprocess.Popen[str]:
        home.mkdir(exist_ok=True)
        more = {
            "check": ["--only-read"] if _only_reads() else [],
            "score": ["--to", f"duckdb:///{home / 'scores.duckdb'}", "--force", "a simulated past"],
            "train": ["--trials", "1"],
        }[command]
        return subprocess.Popen(
            [sys.executable, "-m", "leadlens", command, str(self.project), *more, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | env | {"LEADLENS_HOME": str(home)},
            start_new_session=True,
        )

    def _env(self, command: str) -> dict[str, str]:
        return {} if command == "train" else self.env

    def _state(self, command: str, phase: str, name: str) -> Path:
        """A state folder: empty, or as the first night left it."""
        home = self.folder / name
        shutil.rmtree(home, ignore_errors=True)
        if phase == "extended":
            shutil.copytree(self.folder / "first", home)
        return home


def _write_project(folder: Path, leads: int, seed: int) -> None:
    """A world of the demo with its events in files by time."""
    source, data = configs_folder(), folder / "data"
    (folder / "scorecards").mkdir(parents=True)
    name = f"demo_{_WORLD}.yaml"
    shutil.copyfile(source / "scorecards" / name, folder / "scorecards" / name)
    settings = yaml.safe_load((source / name).read_text(encoding="utf-8"))
    settings["data"]["events"]["read"] = "data/events-*.parquet"
    settings["data"]["events"]["where"] = "event_type <> 'handover_mail'"
    settings["drift"] = {"stale": "3650d"}  # how old the data are differs from one run to the next
    (folder / "project.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    write_world(simulate(_WORLD, seed=seed, leads=leads), data)
    events = duckdb.read_parquet(str(data / "events.parquet")).order("occurred_at")
    rows = len(events)
    for number in range(_FILES):
        first, end = rows * number // _FILES, rows * (number + 1) // _FILES
        events.limit(end - first, first).write_parquet(str(data / f"events-{number}.parquet"))
    (data / "events.parquet").unlink()


@cache
def _only_reads() -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "leadlens", "check", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return "--only-read" in done.stdout


def _result(command: str, process: subprocess.Popen[str]) -> Any:
    """What it printed, without what is its own in every run. Raises ``RuntimeError`` where it failed."""
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command} ended with code {process.returncode}: {err.strip().splitlines()[-1:]}")
    return _without_own(json.loads(out))


def _without_own(facts: Any) -> Any:
    if isinstance(facts, dict):
        return {name: _without_own(value) for name, value in facts.items() if name not in _OWN}
    return [_without_own(value) for value in facts] if isinstance(facts, list) else facts


def _scores(home: Path) -> Counter[tuple[Any, ...]]:
    """All rows of lead_scores, without the run that wrote them; empty where nothing was written."""
    path = home / "scores.duckdb"
    if not path.exists():
        return Counter()
    with duckdb.connect(str(path), read_only=True) as database:
        return Counter(database.execute("SELECT * EXCLUDE (run_id) FROM lead_scores").fetchall())


def _snapshot(home: Path) -> dict[str, tuple[int, int]]:
    """Every path of the prepared histories with its size and time."""
    found = {}
    for folder, folders, files in os.walk(home / PREPARED):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            found[path] = (status.st_size, status.st_mtime_ns)
    return found


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / PREPARED).rglob("*") if path.is_file())


def table_of(trials: list[Trial]) -> str:
    """Markdown."""
    lines = [
        "| command | history | kills | of them while it was written | next run right |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| `leadlens {each.command}` | {each.phase} | {each.killed} | {each.prepared} | {each.right} |"
        for each in trials
    ]
    killed, prepared, right = (
        sum(getattr(t, name) for t in trials) for name in ("killed", "prepared", "right")
    )
    return "\n".join([*lines, f"| all | | {killed} | {prepared} | {right} |"])


def kill_many(folder: Path, count: int, leads: int, seed: int, commands: tuple[str, ...]) -> list[Trial]:
    """``count`` kills, spread over commands and phases in turns."""
    kills = Kills(folder, leads, seed, commands)
    trials = [kills.trial(command, phase) for command in commands for phase in PHASES]
    while sum(trial.killed for trial in trials) < count:
        fewest = min(trials, key=lambda trial: trial.killed)
        kills.kill(fewest)
        print(
            f"{fewest.command}, {fewest.phase}: {fewest.right} of {fewest.killed} right",
            file=sys.stderr,
            flush=True,
        )
    return trials


def main() -> None:
    """Exit code 1 if a run after a kill was not right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100, help="kills; 100")
    parser.add_argument("--leads", type=int, default=2000, help="of the simulated world; 2000")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--commands", type=lambda text: tuple(text.split(",")), default=COMMANDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlens-kills-") as folder:
        trials = kill_many(Path(folder), options.count, options.leads, options.seed, options.commands)
    print(table_of(trials))
    wrong = [f"{trial.command}, {trial.phase}: {text}" for trial in trials for text in trial.wrong]
    print("\n".join(wrong[:20]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
