"""How much memory a job may use: what the project says, else half of what its machine or container has."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadlens.features import UsageError
from leadlens.pipeline.config import EngineSettings

_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_OWN_GROUP, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def job_memory(settings: EngineSettings) -> int:
    """Bytes that DuckDB may use, and as many that the frames of a job may take beside it.

    Raises ``UsageError`` where the system does not say how much memory it has and the project neither.

    >>> job_memory(EngineSettings(memory="4 GB"))
    4000000000
    """
    if settings.memory is None:
        return total_memory() // 2
    number = settings.memory.rstrip("Bb").rstrip()
    return int(float(number[:-1]) * _UNITS[number[-1].upper()])


def allowed(settings: EngineSettings) -> str:
    """The same for people: what the limit is, where it comes from, and how to move it.

    >>> allowed(EngineSettings(memory="4GB"))
    'engine.memory allows 4.0 GB: raise it'
    """
    memory = in_words(job_memory(settings))
    if settings.memory is None:
        return f"half of the memory here is {memory}: set engine.memory higher"
    return f"engine.memory allows {memory}: raise it"


def in_words(size: float) -> str:
    """Bytes for people.

    >>> in_words(62_345_000_000), in_words(64_000_000), in_words(0)
    ('62.3 GB', '64 MB', '0 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def total_memory(own_group: Path = _OWN_GROUP, groups: Path = _GROUPS) -> int:
    """Bytes of this machine, or of the smallest limit that its container sets."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        raise UsageError(
            "this system does not say how much memory it has",
            why="a training set that does not fit has to be sampled",
            fix="say what a job may use: engine: {memory: 4GB}",
        ) from None
    return min([machine, *_limits(own_group, groups)])


# The numbers of mallopt(3), and what glibc's own thresholds rise to in a process that frees large pieces.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT, _MOST_KEPT = 32 << 20, 64 << 20


@contextmanager
def reused_memory() -> Iterator[None]:
    """While inside, memory that is freed stays with this process, which takes it again; afterwards it is given back.

    By itself glibc gives large pieces back at once, and who works through batches has the same pages cleared for every batch.
    Does nothing without glibc.
    """
    try:
        libc = ctypes.CDLL(None)
        set_option, give_back = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):
        yield
        return
    set_option(_MMAP_THRESHOLD, 1 << 30)
    set_option(_TRIM_THRESHOLD, (1 << 31) - 1)
    try:
        yield
    finally:
        set_option(_MMAP_THRESHOLD, _LARGEST_KEPT)
        set_option(_TRIM_THRESHOLD, _MOST_KEPT)
        give_back(0)


def _limits(own_group: Path, groups: Path) -> Iterator[int]:
    """What the control groups of this process allow, its own and all above it; version 2 and version 1."""
    try:
        lines = own_group.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, kinds, own = line.split(":", 2)
        if not kinds:
            root, name = groups, "memory.max"
        elif "memory" in kinds.split(","):
            root, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        # Within a container the path may be that of its host: then the group at the root is its own.
        folder = root / own.lstrip("/")
        for place in (folder, *folder.parents):
            if not place.is_relative_to(root):
                break
            try:
                told = (place / name).read_text().strip()
            except OSError:
                continue
            if told.isdecimal():  # else "max": none
                yield int(told)
