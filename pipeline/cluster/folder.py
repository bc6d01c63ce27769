"""The folder that this machine and all workers share while a job runs; what a killed job left there is removed by the next."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from leadlens.pipeline.config import EngineSettings, ProjectFile
from leadlens.pipeline.writable import check_writable

_PREFIX, _LOCK = "leadlens-", "in_use"


@contextmanager
def shared_folder(file: ProjectFile, settings: EngineSettings) -> Iterator[Path]:
    """A new folder in ``engine.work``, or without that among the system's temporary files; removed at the end.

    Raises ``UsageError`` where it cannot be made.
    """
    if settings.work is None:
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
            yield Path(name)
        return
    work = file.resolve(settings.work)
    check_writable(work, f"{file.path.name}: engine.work", "name a folder that you may write to")
    work.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(work)
    # No temporary directory: that would be closed to a worker that runs under another name.
    folder = work / f"{_PREFIX}{uuid4().hex[:12]}"
    unlocked = work / f".{folder.name}"  # another command would take it for abandoned
    unlocked.mkdir()
    try:
        with (unlocked / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unlocked.rename(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(work: Path) -> None:
    """Remove the folders of jobs that were killed: nobody holds their locks."""
    for path in work.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with path.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent, ignore_errors=True)
        except OSError:
            continue  # at work, or gone meanwhile
