"""What is wrong with the state folder where that ended a command: a file in the place of a folder or the other way round, a database that is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from leadlens.features import DataError, LeadlensError, UsageError
from leadlens.pipeline.state import sqlite_path, state_folder, tracking_uri

_DAMAGED = re.compile(r"not a database|malformed", re.IGNORECASE)


def damage_behind(causes: Iterable[BaseException]) -> LeadlensError | None:
    """What is wrong with the state folder, if that is behind an error: ``causes`` are the error itself, what it was raised from, and so on."""
    sqlite = sys.modules.get("sqlite3")  # not imported for an error that cannot be its own
    for cause in causes:
        if isinstance(cause, FileExistsError | NotADirectoryError | IsADirectoryError):
            for place in _in_the_way(cause):
                return _odd(place)
        if sqlite and isinstance(cause, sqlite.DatabaseError) and "unable to open" in str(cause):
            for place in _databases():
                if place.is_dir():
                    return _odd(place)
        if sqlite and isinstance(cause, sqlite.DatabaseError) and _DAMAGED.search(str(cause)):
            damaged = [path for path in _databases() if _is_damaged(path)]
            if damaged:
                return DataError(
                    "a database of the state folder is damaged",
                    where=", ".join(map(str, damaged)),
                    why=str(cause),
                    fix="put back a copy of it. Without one, move it away: the models or studies in it are lost, and the next "
                    "training makes a new one",
                )
    return None


def _odd(place: Path) -> UsageError:
    kind, other = ("folder", "file") if place.is_dir() else ("file", "folder")
    return UsageError(
        f"a {kind} stands where a {other} of the state should be",
        where=str(place),
        why="models, runs and prepared data are kept under these names",
        fix="move it away, and run the same command again",
    )


def _in_the_way(error: OSError) -> Iterator[Path]:
    """What stands in the state folder in the place of a folder or, if the error is that it is one, of a file."""
    for name in (error.filename, error.filename2):
        if not isinstance(name, str):
            continue
        path, folder = Path(name).absolute(), state_folder()
        if isinstance(error, IsADirectoryError):
            if folder in path.parents and path.is_dir():
                yield path
            continue
        for part in (path, *path.parents):
            if folder in part.parents and (part.is_file() or (part.is_symlink() and not part.exists())):
                yield part


def _databases() -> Iterator[Path]:
    """The databases in the state folder, and that of models where it is elsewhere."""
    found = dict.fromkeys(sorted(state_folder().glob("*.db")))
    models = sqlite_path(tracking_uri())
    yield from found | ({models.absolute(): None} if models is not None and models.exists() else {})


def _is_damaged(path: Path) -> bool:
    import sqlite3

    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.OperationalError:  # it is locked
        return False
    except sqlite3.DatabaseError:
        return True
