"""A file that takes the place of another once it is complete, and leaves nothing behind if it never is."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

if sys.platform != "win32":
    import fcntl


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file beside ``path``, which replaces it when the block ends without an error.

    Readers see the old file or the new one. The mode of an old file stays. First, what killed programs left here is
    removed: an unfinished file is locked for as long as its program lives.
    """
    _remove_abandoned(path)
    file = _new(path)
    unfinished = Path(file.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, unfinished)
            if sys.platform == "win32":
                file.close()  # it moves no file that is open, and deletes none
            os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _new(path: Path) -> BinaryIO:
    """An unfinished file with our lock on it."""
    while True:
        unfinished = path.with_name(f".{path.name}.{uuid4().hex[:8]}.unfinished")
        file = unfinished.open("xb")
        if sys.platform != "win32":
            with contextlib.suppress(
                OSError
            ):  # a file system without locks: nobody can lock it, so nobody removes it
                fcntl.flock(file, fcntl.LOCK_EX)
        if unfinished.exists():
            return file
        file.close()  # another run took it for abandoned before it was locked


def _remove_abandoned(path: Path) -> None:
    for name in glob.glob(f".{glob.escape(path.name)}.*.unfinished", root_dir=path.parent):
        with contextlib.suppress(OSError):  # its program lives
            if sys.platform == "win32":
                (path.parent / name).unlink()
            else:
                with (path.parent / name).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (path.parent / name).unlink()


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
