"""Kill the commands of the routine at random moments, then see that the registry is whole and that they go on.

    python -m tests.routine_kills --count 10        # by hand: of each command; some ten minutes

Each kill (SIGKILL, with all children) falls on `backtest`, `retrain`, `promote`, `rollback` or `monitor`, half of them in the span in
which an undisturbed twin wrote to the MLflow store or to its report. Right after it every version must be complete and the
model in service must load. The same command again must end as the twin did: the same model in service, the same figures, and no
record that says it is still at work. Prints a table.
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
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.versions import versions
from leadlens.pipeline.runs import RunStore
from tests.drift_nights import at_home
from tests.pipeline.little_project import START, LittleProject

ROOT = Path(__file__).parents[1]
LEADS = 400
SERVES = {"promote": "3", "rollback": "1"}  # of the commands that only move the model in service
THEN, NOW = START + timedelta(days=170), START + timedelta(days=195)
COMMANDS: dict[str, list[str]] = {
    "backtest": ["--every", "40d", "--periods", "2", "--calls", "5"],
    "retrain": ["--trials", "1"],
    "promote": [],
    "rollback": ["--reason", "a test"],
    "monitor": ["--as-of", NOW.isoformat(), "--back", "20d"],
}


@dataclass
class Trial:
    """One command, and what an undisturbed run of it gives and takes (seconds; ``writes`` from when to when it wrote)."""

    command: str
    code: int
    facts: Any
    seconds: float
    writes: tuple[float, float]
    killed: int = 0
    writing: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)


class Kills:
    """A project with two versions, the second champion, and two nights that were scored; for `promote` a third as challenger."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.project = write_project(folder)
        first = folder / "first"
        for command, *more in (
            ("retrain", "--trials", "1"),
            ("retrain", "--trials", "1"),
            ("score", "--as-of", THEN.isoformat(), "--force", "a test"),
            ("score", "--as-of", NOW.isoformat(), "--force", "a test"),
        ):
            code, out = self._end(self._start(command, first, more))
            if code:
                raise RuntimeError(f"{command} ended with {code}: {out}")
        challenged = Path(shutil.copytree(first, folder / "challenged"))
        code, out = self._end(self._start("train", challenged, ["--trials", "1"]))
        if code:
            raise RuntimeError(f"train ended with {code}: {out}")

    def trial(self, command: str) -> Trial:
        """Run it undisturbed."""
        home, started = self._state("twin", command), time.monotonic()
        process, before, changed = self._start(command, home), _mark(home), []
        while process.poll() is None:
            if (now := _mark(home)) != before:
                changed.append(time.monotonic() - started)
                before = now
            time.sleep(0.005)
        seconds = time.monotonic() - started
        code, out = self._end(process)
        if code > 1:  # an alarm of monitor is 1
            raise RuntimeError(f"{command} ended with {code}: {out}")
        return Trial(
            command, code, _facts(out), seconds, (changed[0], changed[-1]) if changed else (0.0, seconds)
        )

    def kill(self, trial: Trial) -> None:
        """Kill it once, look at the registry, run it to its end, and compare."""
        home, during = self._state("killed", trial.command), self.rng.random() < 0.5
        span = trial.writes if during else (0.0, trial.seconds)
        process = self._start(trial.command, home)
        time.sleep(self.rng.uniform(*span))
        if process.poll() is not None:
            process.communicate()
            return  # it was done: no kill
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        trial.killed += 1
        trial.writing += during
        wrong = [f"after the kill: {text}" for text in half_made(home)]
        served = serving(home)
        code, out = self._end(self._start(trial.command, home))
        done = served == SERVES.get(trial.command)  # it had ended but for saying so
        wanted = 1 if done and trial.command == "rollback" else trial.code
        wrong += [] if code == wanted else [f"ended with {code}: {out[-300:]}"]
        if code == wanted and not done and _facts(out) != trial.facts:
            wrong.append("other figures")
        wrong += [*half_made(home), *self._other_service(trial.command, home), *at_work(home)]
        trial.wrong += wrong
        trial.right += not wrong

    def _other_service(self, command: str, home: Path) -> list[str]:
        with at_home(home):
            latest = versions(Registry("little"))[0].version
        wanted = latest if command == "retrain" else SERVES.get(command, "2")
        served = serving(home)
        few = command != "retrain" and latest != ("3" if command == "promote" else "2")
        return ([f"serves {served} instead of {wanted}"] if served != wanted else []) + (
            [f"there are {latest} versions"] if few else []
        )

    def _state(self, name: str, command: str) -> Path:
        home = self.folder / f"{name}{self.rng.random()}"
        return Path(shutil.copytree(self.folder / ("challenged" if command == "promote" else "first"), home))

    def _start(self, command: str, home: Path, more: list[str] | None = None) -> subprocess.Popen[str]:
        arguments = COMMANDS[command] if more is None else more
        return subprocess.Popen(
            [sys.executable, "-m", "leadlens", command, str(self.project), *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"LEADLENS_HOME": str(home)},
            start_new_session=True,
        )

    def _end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        out, err = process.communicate()
        return process.returncode, out or err


def write_project(folder: Path) -> Path:
    """Leads that convert or not by the pages that they look at: a model of them passes every gate."""
    little = LittleProject(folder / "little")
    created = [START + timedelta(hours=12 * n) for n in range(LEADS)]
    ids = [f"L{n:03}" for n in range(LEADS)]
    little.leads = pd.DataFrame(
        {"lead_id": ids, "created_at": created, "income": [1000.0 + 37 * (n * 7 % 41) for n in range(LEADS)]}
    )
    page = ["Pricing" if n % 4 < 2 else "Careers" for n in range(LEADS)]
    when = [at + timedelta(hours=1) for at in created]
    little.events = pd.DataFrame(
        {"event_id": ids, "lead_id": ids, "occurred_at": when, "event_type": "page_viewed", "page": page}
    )
    buys = [n for n in range(LEADS) if (n % 4 < 2 and n % 5 != 0) or n % 11 == 0]
    little.conversions = pd.DataFrame(
        {"lead_id": [ids[n] for n in buys], "converted_at": [created[n] + timedelta(days=5) for n in buys]}
    )
    little.settings["model"] = {"trials": 1, "folds": 2}
    little.settings["drift"] = {"stale": "3650d"}
    # In the state folder, so that it is copied with it.
    little.settings["scores"] = {"to": "duckdb:///${LEADLENS_HOME}/scores.duckdb"}
    return little.write()


def half_made(home: Path) -> list[str]:
    """What is wrong with the registry; reports that are there must be whole."""
    wrong = []
    with at_home(home):
        registry = Registry("little")
        for each in versions(registry):
            if not each.trained_to or not each.train_rows or not each.figures:
                wrong.append(f"version {each.version} is half made")
            registry.version(each.version)
            registry.card(each.version)
        registry.serving()
    for path in (home / "reports").rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    return wrong


def serving(home: Path) -> str:
    with at_home(home):
        return Registry("little").serving().version


def at_work(home: Path) -> list[str]:
    """Records and MLflow runs that say they are at work, though none is. A run of the killed process may wait for the next
    command that logs one."""
    left = [f"record {each.run_id}" for each in RunStore(home / "runs").records() if each.status == "started"]
    return left


def _mark(home: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes with every write to the MLflow store and to reports."""
    paths = [home / "mlflow.db", home / "mlflow.db-journal", *(home / "reports").rglob("*")]
    found = []
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((path.name, state.st_mtime_ns, state.st_size))
    return tuple(found)


def _facts(out: str) -> Any:
    """What it printed, without what is its own in every run."""
    return _plain(json.loads(out))


_OWN = {
    "run_id", "mlflow_run", "page", "json", "version", "left", "stages", "rival", "promoted_at", "sources", "params",
}  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if name not in _OWN}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def table_of(trials: list[Trial]) -> str:
    """Markdown."""
    lines = ["| command | kills | of them while it wrote | right |", "|---|---:|---:|---:|"]
    lines += [f"| `leadlens {t.command}` | {t.killed} | {t.writing} | {t.right} |" for t in trials]
    return "\n".join(lines)


def main() -> None:
    """Exit code 1 if anything was not right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10, help="kills of each command; 10")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--commands", type=lambda text: text.split(","), default=list(COMMANDS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlens-kills-") as folder:
        kills = Kills(Path(folder), options.seed)
        trials = []
        for command in options.commands:
            trial = kills.trial(command)
            trials.append(trial)
            while trial.killed < options.count:
                kills.kill(trial)
                print(f"{command}: {trial.right} of {trial.killed} right", file=sys.stderr, flush=True)
    print(table_of(trials))
    wrong = [f"{trial.command}: {text}" for trial in trials for text in trial.wrong]
    print("\n".join(wrong[:20]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
