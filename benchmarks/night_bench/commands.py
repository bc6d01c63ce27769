"""The commands that a user types, each in a process of its own, and what they cost."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.feature_bench.parts import PartFailedError

ROOT = Path(__file__).parents[2]
_LEADLENS = (sys.executable, "-m", "leadlens")
_CHILD = (sys.executable, "-m", "benchmarks.night_bench.child")
# A small process in between: the peak memory of a child begins with that of the process which starts it.
_MEASURE = (
    "import json, resource, subprocess, sys, time\n"
    "started = time.perf_counter()\n"
    "code = subprocess.call(sys.argv[2:])\n"
    "wall, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "cost = [wall, used.ru_utime + used.ru_stime, used.ru_maxrss]\n"
    "open(sys.argv[1], 'w').write(json.dumps(cost))\n"
    "sys.exit(code)"
)
# Runs a command in this process, then says which modules it has loaded.
_LIST = (
    "import sys; from leadlens.pipeline.cli.main import main\n"
    "sys.argv = ['leadlens', *sys.argv[1:]]\n"
    "try: main()\n"
    "except SystemExit: print('\\n' + ' '.join(sys.modules))"
)
_IMPORT = (
    "import sys, importlib\n"
    "for name in sys.stdin.read().split():\n"
    "    try: importlib.import_module(name)\n"
    "    except Exception: pass"
)


@dataclass(frozen=True)
class Cost:
    """What a process cost: seconds on the clock and of CPU (user and system), and its peak memory in GiB."""

    wall: float
    cpu: float
    peak: float
    out: str

    @property
    def told(self) -> dict[str, Any]:
        """The JSON object on the last line that it printed."""
        found: dict[str, Any] = json.loads(self.out[self.out.index("{") :])
        return found


def run(command: Sequence[str], home: Path | None = None, given: str = "", **env: str) -> Cost:
    """Run a command to its end with ``home`` as state folder. Raises ``PartFailedError`` where it fails."""
    state = {} if home is None else {"LEADLENS_HOME": str(home)}
    with tempfile.NamedTemporaryFile() as cost:
        done = subprocess.run(
            [sys.executable, "-S", "-c", _MEASURE, cost.name, *command],
            input=given,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | state | env,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
            raise PartFailedError(f"{' '.join(command[1:5])}… failed: {' / '.join(last[-3:])}")
        wall, cpu, most = json.loads(cost.read())
    return Cost(wall, cpu, most / (2**30 if sys.platform == "darwin" else 2**20), done.stdout)


def leadlens(*arguments: str | Path, home: Path, **env: str) -> Cost:
    """``leadlens ARGUMENTS``."""
    return run([*_LEADLENS, *map(str, arguments)], home, **env)


def child(task: str, env: Mapping[str, str] | None = None, **given: Any) -> dict[str, Any]:
    """A part of the benchmark in a process of its own: what it gives (see ``child.py``)."""
    return run([*_CHILD, json.dumps({"task": task, "given": given})], **(env or {})).told


@cache
def offers(command: str, option: str) -> bool:
    """Whether a command has an option."""
    return option in run([*_LEADLENS, command, "--help"]).out


def imports(*arguments: str | Path, home: Path, rounds: int = 3) -> float:
    """CPU seconds of a process that imports the modules which this command loads, and does nothing else; median."""
    listed = run([sys.executable, "-c", _LIST, *map(str, arguments)], home).out.splitlines()[-1]
    command = [sys.executable, "-c", _IMPORT]
    return median(lambda: run(command, home, given=listed).cpu, rounds)


def median(measure: Callable[[], float], rounds: int) -> float:
    return statistics.median(measure() for _ in range(rounds))
