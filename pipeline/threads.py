"""How many threads compute: one for BLAS, whose many small products mostly wait for each other; for trees all there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_blas_thread(job: Callable[P, R]) -> Callable[P, R]:
    """Limit BLAS to one thread while ``job`` runs; LightGBM and DuckDB keep theirs.

    On a busy machine with two cores, training took a seventh of the time.
    """

    @wraps(job)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return job(*args, **kwargs)

    return limited


_processes = 1  # that share the processors with this one, itself among them


def processors() -> int:
    """The processors that this process may keep busy, at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed // _processes)


def threads_of_a_share() -> int | None:
    """The threads that a library may start where this process shares the processors; ``None`` where it has them all."""
    return processors() if _processes > 1 else None


def share_processors(processes: int) -> None:
    """From now on this process is one of so many that work at once: threads that take turns on one processor wait busily."""
    global _processes
    _processes = processes
