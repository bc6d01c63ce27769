"""The SQLite file that versions of score sheets are kept in: its tables, and one transaction at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from leadlens.features.errors import DataError, LeadlensError

_LAYOUT = 1  # raise it when the tables change
_WAIT = 60.0  # seconds for other processes that write
_TABLES = """
CREATE TABLE versions (
    sheet TEXT NOT NULL, version TEXT NOT NULL, content TEXT NOT NULL, yaml TEXT NOT NULL, stage TEXT NOT NULL,
    saved_at TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, release TEXT NOT NULL,
    PRIMARY KEY (sheet, version));
CREATE UNIQUE INDEX one_active ON versions (sheet) WHERE stage = 'active';
CREATE TABLE moves (
    number INTEGER PRIMARY KEY, sheet TEXT NOT NULL, version TEXT NOT NULL, moved_at TEXT NOT NULL,
    author TEXT NOT NULL, from_stage TEXT, to_stage TEXT NOT NULL, reason TEXT NOT NULL,
    FOREIGN KEY (sheet, version) REFERENCES versions (sheet, version))
"""


class SheetFile:
    """The file at ``path``, made on first use.

    SQLite writes a journal beside it before it changes anything, so after a crash the next one to come finds
    everything of a transaction or nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file, whatever others write meanwhile."""
        with self._transaction("BEGIN") as store:
            yield store

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A change of which all is kept, or nothing if it raises. Others that write wait for its end."""
        with self._transaction("BEGIN IMMEDIATE") as store:
            yield store

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connected()) as store:
                self._prepare(store)
                store.execute(begin)
                try:
                    yield store
                    store.execute("COMMIT")
                finally:
                    if store.in_transaction:
                        store.execute("ROLLBACK")
        except (sqlite3.OperationalError, OSError) as error:
            raise LeadlensError(
                "the versions of score sheets cannot be reached",
                where=str(self.path),
                why=getattr(error, "strerror", None) or str(error),
                fix="check that you may write there, that there is space, and that no other program is holding the file",
            ) from None
        except sqlite3.DatabaseError as error:
            raise self._odd(str(error)) from None

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)

    def _prepare(self, store: sqlite3.Connection) -> None:
        store.execute("PRAGMA foreign_keys = ON")
        store.execute("PRAGMA synchronous = FULL")
        layout = store.execute("PRAGMA user_version").fetchone()[0]
        if layout == 0:
            self._make_tables(store)
        elif layout > _LAYOUT:
            raise DataError(
                "these versions of score sheets were kept by a later release of Leadlens",
                where=str(self.path),
                value=f"layout {layout}",
                fix="update Leadlens",
            )

    def _make_tables(self, store: sqlite3.Connection) -> None:
        store.execute("BEGIN IMMEDIATE")
        if store.execute("PRAGMA user_version").fetchone()[0] == 0:  # of several first users one makes them
            if store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise self._odd("it has tables of something else")
            for statement in _TABLES.split(";"):
                store.execute(statement)
            store.execute(f"PRAGMA user_version = {_LAYOUT}")
        store.execute("COMMIT")

    def _odd(self, why: str) -> DataError:
        return DataError(
            "this file does not hold versions of score sheets",
            where=str(self.path),
            why=why,
            fix="name another file, or move this one away",
        )
