"""Runs independent jobs at once, each in a process of its own, and passes on what they say of their progress."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.stopping import Stopped, stoppable
from leadlens.pipeline.threads import share_processors

R = TypeVar("R")
_PATIENCE = 10.0  # seconds that a job may take to stop


def side_by_side(
    job: Callable[..., R], calls: Sequence[tuple[Any, ...]], progress: Progress = silent
) -> list[R]:
    """``job(*call, progress=…)`` of every call, all at once; the results in the order of the calls.

    Job, calls and results travel between processes, so they must be picklable. The first error of a job stops the others
    and is raised here. Raises ``RuntimeError`` where a process ended without an answer.
    """
    context = get_context("spawn")  # a fork would copy the locks of threads that it does not copy
    processes, waiting = [], {}
    results: dict[int, R] = {}
    try:
        for number, call in enumerate(calls):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(there, len(calls), job, call), daemon=True)
            process.start()
            there.close()
            processes.append(process)
            waiting[here] = number
        while waiting:
            for end in wait(list(waiting)):
                assert isinstance(end, Connection)
                try:
                    kind, content = end.recv()
                except EOFError:
                    process = processes[waiting[end]]
                    process.join(_PATIENCE)
                    raise RuntimeError(
                        f"a job ended without an answer, with code {process.exitcode}"
                    ) from None
                if kind == "stage":
                    progress(content, 0, 0)
                    continue
                if kind == "error":
                    error, told = content
                    raise error from RuntimeError(f"in a process of its own:\n{told}")
                results[waiting.pop(end)] = cast("R", content)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
    return [results[number] for number in range(len(calls))]


def _work(there: Connection, processes: int, job: Callable[..., Any], call: tuple[Any, ...]) -> None:
    share_processors(processes)
    last = ""

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        nonlocal last
        if stage != last:  # two jobs have no common pace: their steps within a stage are left out
            last = stage
            there.send(("stage", stage))

    try:
        with stoppable():
            there.send(("result", job(*call, progress=progress)))
    except (Stopped, BrokenPipeError):
        pass  # nobody waits for an answer any more
    except Exception as error:
        there.send(("error", (error, traceback.format_exc())))
