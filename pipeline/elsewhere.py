"""Files that were written outside of the state folder, where somebody chose: what is known of them, so that a person can be found in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from leadlens.features import DataError
from leadlens.pipeline.private import private_files
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.state import one_at_a_time, state_folder, state_is_writable

UNKNOWN_TO_FORGET = "the state folder is read-only: where this was written is not recorded, so `leadlens forget` will not look there"
_FILE = "elsewhere.json"


@dataclass(frozen=True)
class WrittenFile:
    """A file or a folder of part files.

    Attributes
    ----------
    path : absolute.
    project : whose leads are in it; empty for the log of a command, which may be about any.
    command : that wrote it, and writes it again.
    at : when it last did.
    size, changed : bytes and nanoseconds of the last change, as that command left them; -1 for a folder, or while it writes.
    removed : by ``forget``, because it had a person; until it is written again.
    database : whether it is a DuckDB file, which holds more than what the command wrote.
    """

    path: str
    project: str
    command: str
    at: str
    size: int = -1
    changed: int = -1
    removed: bool = False
    database: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Two projects may write to one database."""
        return self.path, self.project

    @property
    def is_as_written(self) -> bool:
        """Whether nobody has changed it since: then the command can make it again, and nothing of anybody's is lost with it."""
        return (self.size, self.changed) == _signature(Path(self.path)) and self.size >= 0


@contextmanager
def noting_written(project: str, command: str, *paths: Path, database: bool = False) -> Iterator[str | None]:
    """Keep which files are being written, from before the first byte on; gives a note where that cannot be kept.

    What lies in the state folder is known anyway, and left out.
    """
    absolute = [os.path.abspath(path) for path in paths]
    outside = [path for path in absolute if not Path(path).is_relative_to(state_folder())]
    if not outside:
        yield None
    elif not state_is_writable():
        yield UNKNOWN_TO_FORGET
    else:
        _keep(WrittenFile(path, project, command, _now(), database=database) for path in outside)
        try:
            yield None
        finally:
            there = [path for path in outside if Path(path).exists()]
            _keep(
                (
                    WrittenFile(path, project, command, _now(), *_signature(Path(path)), database=database)
                    for path in there
                ),
                never=[(path, project) for path in outside if path not in there],
            )


def written_elsewhere(project: str) -> list[WrittenFile]:
    """The files of a project and the logs, by path. Raises ``DataError`` where the list cannot be read."""
    return [each for each in _read().values() if each.project in (project, "")]


def rewritten(file: WrittenFile) -> None:
    """Keep that a file is as we left it just now, or that we removed it."""
    size, changed = _signature(Path(file.path))
    _keep([replace(file, size=size, changed=changed, removed=not Path(file.path).exists())])


def _keep(files: Iterable[WrittenFile], never: Iterable[tuple[str, str]] = ()) -> None:
    """Add to the list; ``never`` were not written after all."""
    with one_at_a_time("elsewhere"):
        known = _read() | {file.key: file for file in files}
        for each in never:
            known.pop(each, None)
        path = state_folder() / _FILE
        unfinished = path.with_suffix(".new")
        with private_files():
            text = json.dumps([asdict(known[each]) for each in sorted(known)], ensure_ascii=False, indent=1)
            unfinished.write_bytes(text.encode("utf-8", "surrogateescape"))
            os.replace(unfinished, path)


def _read() -> dict[tuple[str, str], WrittenFile]:
    path = state_folder() / _FILE
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        return {file.key: file for file in (WrittenFile(**each) for each in json.loads(text))}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            "the list of files that were written elsewhere cannot be read",
            value=str(error),
            where=str(path),
            why="`leadlens forget` would not look into them",
            fix="restore it from a backup of the state folder; if you delete it, you must look for these files by hand",
        ) from None


def _signature(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return (-1, -1) if path.is_dir() else (found.st_size, found.st_mtime_ns)


def _now() -> str:
    return now().isoformat(timespec="seconds")
