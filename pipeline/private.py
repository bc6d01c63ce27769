"""What is written is for its owner alone: files of a job hold personal data. ``LEADLENS_GROUP`` opens them to a group."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from leadlens.features import UsageError

_CLOSED = {"": 0o077, "read": 0o027, "write": 0o007}
_lock = threading.Lock()
_inside, _before = 0, 0


@contextmanager
def private_files() -> Iterator[None]:
    """While inside, new files are 0600 and new folders 0700, also those of MLflow, Optuna, Delta and DuckDB.

    ``LEADLENS_GROUP=read`` (0640, 0750) or ``write`` (0660, 0770) opens them to the group; what the umask closes stays
    closed. The umask is one for the whole process: other threads are bound by it meanwhile. Raises ``UsageError`` for
    another value.
    """
    closed = _closed()
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = os.umask(0o077)
        _inside += 1
        os.umask(_before | closed)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                os.umask(_before)


def file_mode() -> int:
    """The mode of a new file by the same rule, for what is made closed and then opened."""
    with private_files():
        umask = os.umask(0o077)
        os.umask(umask)
    return 0o666 & ~umask


def wider_than_asked(mode: int) -> bool:
    """Whether a file or folder of this mode is open to more people than ``LEADLENS_GROUP`` says."""
    return bool(mode & _closed() & 0o077)


def _closed() -> int:
    wanted = os.environ.get("LEADLENS_GROUP", "")
    if wanted not in _CLOSED:
        raise UsageError(
            "this is not a setting for the group",
            value=wanted,
            where="LEADLENS_GROUP",
            known=["read", "write"],
            fix="read or write; without it files are their owner's alone",
        )
    return _CLOSED[wanted]
