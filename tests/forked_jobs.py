"""Commands in processes of their own, each a fork of one that has imported everything and done nothing.

A test that kills commands wants many of them, and to hit what they do, not their imports.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from leadlens.pipeline.runs import RunRecord, RunStore

_SECONDS = 300  # on a busy machine


@dataclass
class ForkedJob:
    """One command at work. Attributes: ``home``, its state folder; ``folder``, where it prints to."""

    home: Path
    folder: Path
    process: ForkServerProcess
    before: frozenset[str]

    def record(self) -> RunRecord | None:
        """What its run says of itself now; ``None`` before there is one."""
        found = [
            record for record in RunStore(self.home / "runs").records() if record.run_id not in self.before
        ]
        return found[-1] if found else None

    def until(self, there: Callable[[], bool]) -> bool:
        """Wait until something is so, or the command over; whether it still works."""
        deadline = time.monotonic() + _SECONDS
        while self.works and not there():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the command works for {_SECONDS} s: {self.err}")
            time.sleep(0.001)
        return self.works

    @property
    def works(self) -> bool:
        return self.process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for its end: its exit code as a shell shows it."""
        self.process.join(_SECONDS)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"the command works for {_SECONDS} s: {self.err}")
        return code if code >= 0 else 128 - code

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8")


class ForkedJobs:
    """Starts commands as forks.

    Parameters
    ----------
    folder : for what they print; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._count = folder, 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.forked_imports", "tests.forked_jobs"])

    def start(
        self, *arguments: str | Path, home: Path, file_size: int | None = None, **environment: str
    ) -> ForkedJob:
        """Begin ``leadlens …`` with a state folder; no file of it grows beyond ``file_size`` bytes."""
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir(parents=True)
        runs = home / "runs"
        before = frozenset(path.stem for path in runs.glob("*.json"))
        process = self._context.Process(
            target=_work,
            args=(
                [*map(str, arguments)],
                str(folder),
                {**environment, "LEADLENS_HOME": str(home)},
                file_size,
            ),
        )
        process.start()
        return ForkedJob(home, folder, process, before)


def _work(arguments: list[str], folder: str, environment: dict[str, str], file_size: int | None) -> None:
    from leadlens.pipeline.cli.main import main

    os.environ.update(environment)
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        handle = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stream.flush()
        os.dup2(handle, 1 if stream is sys.stdout else 2)
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    sys.argv = ["leadlens", *arguments]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
