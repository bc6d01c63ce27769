"""Messages that wait to be delivered, in an SQLite file of the state folder: a kill or a server that is down loses none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from leadlens.pipeline.private import private_files
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.webhooks.messages import Message

MOST_RUNS = 10  # a message is tried by so many runs, and given up then
_TABLES = """
    CREATE TABLE IF NOT EXISTS message (place INTEGER PRIMARY KEY, id TEXT UNIQUE, body TEXT, made_at TEXT, tries INTEGER DEFAULT 0);
    CREATE TABLE IF NOT EXISTS announced (run_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Waiting(NamedTuple):
    """A message, and how many runs have tried to deliver it."""

    place: int
    message: Message
    tries: int


class Outbox:
    """The outbox of a project. Errors are those of ``sqlite3`` and ``OSError``."""

    def __init__(self, path: Path) -> None:
        with private_files():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.is_new = not path.exists()
            self._store = sqlite3.connect(path, timeout=30)
            self._store.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def announced(self) -> set[str]:
        """Runs whose messages are in the outbox, or were."""
        return {run_id for (run_id,) in self._store.execute("SELECT run_id FROM announced")}

    def add(self, run_id: str, messages: Iterable[Message]) -> None:
        """All messages of a run, once: those of a run that was announced before are left as they are."""
        rows = [(message.id, message.body, now().isoformat()) for message in messages]
        with self._store:
            self._store.executemany(
                "INSERT OR IGNORE INTO message (id, body, made_at) VALUES (?, ?, ?)", rows
            )
            self._store.execute("INSERT OR IGNORE INTO announced (run_id) VALUES (?)", (run_id,))

    def waiting(self) -> list[Waiting]:
        """What is to be delivered, the oldest first."""
        rows = self._store.execute("SELECT place, id, body, tries FROM message ORDER BY place")
        return [Waiting(place, Message(name, body), tries) for place, name, body, tries in rows]

    def delivered(self, place: int) -> None:
        """Forget a message that the server took."""
        with self._store:
            self._store.execute("DELETE FROM message WHERE place = ?", (place,))

    def tried(self, places: Iterable[int]) -> int:
        """Count a try of these; those that were tried by ``MOST_RUNS`` runs are given up: how many."""
        with self._store:
            self._store.executemany(
                "UPDATE message SET tries = tries + 1 WHERE place = ?", [(place,) for place in places]
            )
            return self._store.execute("DELETE FROM message WHERE tries >= ?", (MOST_RUNS,)).rowcount
