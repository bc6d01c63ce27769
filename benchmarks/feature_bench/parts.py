"""Runs timed parts, each in a process of its own, and records their cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any


class PartFailedError(Exception):
    """A part ended without a result; the message has its name and the last line of its output."""


@dataclass
class Line:
    """One line of the printed table: a part at one size, with all its runs.

    ``against`` names what ``ratios`` are relative to; each ratio is of one pair of runs, done one after the other.
    """

    shape: str
    events: int
    part: str
    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    against: str = ""
    note: str = ""

    def add(self, run: dict[str, Any], base: dict[str, Any] | None = None) -> None:
        """Keep a run, and what it cost relative to its pair."""
        self.seconds.append(run["seconds"])
        self.peaks.append(run["peak_gib"])
        if base is not None:
            self.ratios.append(run["seconds"] / base["seconds"])

    @property
    def second(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        return statistics.median(self.ratios)

    @property
    def peak(self) -> float:
        """The most of all runs, GiB."""
        return max(self.peaks)


def run_part(task: str, **given: Any) -> dict[str, Any]:
    """``seconds``, ``peak_gib`` and the ``result`` of the part. Raises ``PartFailedError``."""
    request = json.dumps({"task": task, "given": given})
    return run_json([sys.executable, "-m", "benchmarks.feature_bench.child", request], task)


def run_json(command: list[str], name: str) -> dict[str, Any]:
    """The JSON on the last line of what a command prints. Raises ``PartFailedError``."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        output = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        raise PartFailedError(f"{name} failed: {output[-1]}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def check_same(ours: str, theirs: str, name: str) -> int:
    """Number of columns. Raises ``PartFailedError`` if the two results differ."""
    result = run_part("agree", ours=ours, theirs=theirs)["result"]
    if result["wrong"]:
        raise PartFailedError(f"values differ from {name}: {result['wrong']}")
    return int(result["columns"])


def table_of(lines: list[Line]) -> str:
    """All runs, readable; medians first."""
    head = f"{'shape':7} {'events':>11}  {'part':38} {'median s':>9}  {'pairs':>26} {'peak GiB':>9}  all runs (s)"
    rows = [head, "-" * len(head)]
    for line in lines:
        ratio = f"{line.ratio:.3g} × {line.against}" if line.ratios else ""
        runs = " ".join(f"{second:.3g}" for second in line.seconds)
        seconds = f"{line.second:9.3f}" if line.seconds else " " * 9
        peak = f"{line.peak:9.2f}" if line.peaks else " " * 9
        note = f"  {line.note}" if line.note else ""
        rows.append(
            f"{line.shape:7} {line.events:11,}  {line.part:38} {seconds}  {ratio:>26} {peak}  {runs}{note}"
        )
    return "\n".join(rows)
