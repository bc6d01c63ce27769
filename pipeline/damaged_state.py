"""What is wrong with the state folder where that ended a command: a file in the place of a folder, a database that is none."""

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
    """The same told of an error, whose ``causes`` are itself, what it was raised from, and so on; ``None`` if it is another error."""
    sqlite = sys.modules.get("sqlite3")  # not imported for an error that cannot be its own
    for cause in causes:
        if isinstance(cause, FileExistsError | NotADirectoryError) and (file := _in_the_way(cause)):
            return UsageError(
                "a file stands where a folder of the state should be",
                where=str(file),
                why="models, runs and prepared data are kept in folders of these names",
                fix="move it away, and run the same command again",
            )
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


def _in_the_way(error: OSError) -> Path | None:
    """The file of the state folder that something was to be made in or instead of."""
    if not isinstance(error.filename, str):
        return None
    path, folder = Path(error.filename).absolute(), state_folder()
    inside = [part for part in (path, *path.parents) if folder in part.parents]
    return next((part for part in inside if part.is_file()), None)


def _databases() -> Iterator[Path]:
    """The databases in the state folder, and that of models where it is elsewhere."""
    found = dict.fromkeys(sorted(state_folder().glob("*.db")))
    models = sqlite_path(tracking_uri())
    yield from found | ({models.absolute(): None} if models is not None and models.is_file() else {})


def _is_damaged(path: Path) -> bool:
    import sqlite3

    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.OperationalError:  # it is locked
        return False
    except sqlite3.DatabaseError:
        return True
