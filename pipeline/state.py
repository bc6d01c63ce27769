"""The state folder: ``LEADLENS_HOME``, else ``.leadlens`` in the working directory."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from leadlens.features import UsageError
from leadlens.pipeline.private import private_files, wider_than_asked

if sys.platform != "win32":
    import fcntl


def state_folder() -> Path:
    """The folder, created if missing, with a .gitignore of its own.

    It may be read-only: what must write into it asks ``writable_state``. Raises ``UsageError`` if there is none and it
    cannot be made.
    """
    folder = Path(os.environ.get("LEADLENS_HOME") or ".leadlens").absolute()
    try:
        ignore = folder / ".gitignore"
        if not folder.is_dir() or (not ignore.exists() and state_is_writable(folder)):
            with private_files():
                folder.mkdir(parents=True, exist_ok=True)
                ignore.write_text("*\n")
        os.listdir(folder)
    except OSError as error:
        raise _unusable(folder, error) from None
    return folder


def writable_state() -> Path:
    """The folder, for those who must write. Raises ``UsageError`` if it is not writable."""
    folder = state_folder()
    if not state_is_writable(folder):
        raise _unusable(folder, PermissionError(EACCES, os.strerror(EACCES)))
    return folder


def state_is_writable(folder: Path | None = None) -> bool:
    """Whether files can be made in the state folder."""
    return os.access(folder or state_folder(), os.W_OK | os.X_OK)


def _unusable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        "models, runs and reports cannot be stored here",
        value=str(folder),
        why=error.strerror or str(error),
        fix="run the command in a folder that you may write to, or set one: export LEADLENS_HOME=/a/folder",
    )


@contextmanager
def one_at_a_time(task: str) -> Iterator[None]:
    """Hold a lock of the state folder: other commands that come to the same task wait.

    The system lets go of it however the process ends. Raises ``UsageError`` if the folder is not writable.
    """
    with private_files(), (writable_state() / f"{task}.lock").open("wb") as lock:
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def at_work(project: str) -> Iterator[None]:
    """While inside, this program works with what it read of a project's leads: ``work_has_ended`` waits for it.

    Where the state folder can only be read nothing is held.
    """
    if sys.platform == "win32" or not state_is_writable():
        yield
        return
    with _work_lock(project) as lock:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def work_has_ended(project: str, seconds: float) -> bool:
    """Wait until every program has ended its work that was at work with a project when this was called; whether they have in time."""
    if sys.platform == "win32":
        return True
    deadline = time.monotonic() + seconds
    with _work_lock(project) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.2)
            except OSError:  # a file system without locks
                return True


def _work_lock(project: str) -> BinaryIO:
    folder = writable_state() / "at_work"
    with private_files():
        folder.mkdir(exist_ok=True)
        return (folder / f"{project}.lock").open("ab")


def open_to_others() -> str | None:
    """A warning where more people may enter the state folder than ``LEADLENS_GROUP`` says."""
    folder = state_folder()
    mode = folder.stat().st_mode & 0o777
    if os.name == "nt" or not state_is_writable(folder) or not wider_than_asked(mode):
        return None
    return (
        f"the folder of models, runs and prepared data is open to others on this machine ({mode:04o}), and it holds personal "
        f"data: chmod -R go= {folder}, or export LEADLENS_GROUP=read for a group"
    )


def tracking_uri() -> str:
    """The MLflow store: ``MLFLOW_TRACKING_URI``, else SQLite in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _sqlite(state_folder() / "mlflow.db")


def study_storage() -> str:
    """The Optuna store, from which an interrupted training resumes."""
    return _sqlite(writable_state() / "optuna.db")


def _sqlite(path: Path) -> str:
    """The URL of an SQLite file in a folder of any name.

    >>> _sqlite(Path("/of/Ann & Bob #1/mlflow.db")), _sqlite(Path("/really?/mlflow.db"))
    ('sqlite:////of/Ann & Bob #1/mlflow.db', 'sqlite+pysqlite:////really%3F/mlflow.db')
    """
    # % and ? mean something in a URL, { and } to Optuna
    escaped = "".join(f"%{ord(char):02X}" if char in "%?{}" else char for char in str(path))
    # MLflow would take the escaped text of a plain sqlite:/// for a folder, and make it
    return f"sqlite:///{path}" if escaped == str(path) else f"sqlite+pysqlite:///{escaped}"


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite URL, ``None`` for any other; the inverse of what the stores here are given.

    >>> sqlite_path("sqlite+pysqlite:////really%3F/mlflow.db")
    PosixPath('/really?/mlflow.db')
    """
    scheme, mark, rest = uri.partition(":///")
    if not mark or scheme not in ("sqlite", "sqlite+pysqlite"):
        return None
    return Path(unquote(rest.partition("?")[0]))
