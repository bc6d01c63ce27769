"""Progress of a job on standard error: a bar in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from leadlens.features.printable import printable
from leadlens.features.secrets import masked

# Called as progress("Tuning", 3, 20): the stage, steps done, steps in all (0 of 0 = unknown).
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int = 0, total: int = 0) -> None:
    """Prints nothing: the default of every job, for notebooks and other programs."""


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress on standard error for the duration of a command."""
    if sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        last = ""

        def progress(stage: str, done: int = 0, total: int = 0) -> None:
            nonlocal last
            if stage != last:  # each has a pace of its own
                bar.reset(task, description=_shown(stage), completed=done, total=total or None)
                last = stage
            else:
                bar.update(task, completed=done, total=total or None)

        yield progress


def _lines() -> Progress:
    started, last = time.monotonic(), ""

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        nonlocal last
        if stage != last:  # one line per stage: a log is read later
            last = stage
            print(f"{time.monotonic() - started:7.1f}s  {_shown(stage)}", file=sys.stderr, flush=True)

    return progress


def _shown(stage: str) -> str:
    return printable(masked(stage))
