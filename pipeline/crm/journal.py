"""What a CRM has acknowledged of each lead, in an SQLite file of the state folder; it survives a kill at any moment.

Before a batch is sent, what was acknowledged of its leads is taken back, and after the answer written anew: a kill in between leaves
them in doubt, so they are sent once more, which an upsert of equal values makes harmless. Kept as acknowledged until then, a lead whose
score went back to what it was the night before would never be put right.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from leadlens.features.errors import LeadlensError, RoomError
from leadlens.pipeline.crm.destination import Destination
from leadlens.pipeline.crm.fields import Record
from leadlens.pipeline.exit_codes import is_full
from leadlens.pipeline.private import private_files
from leadlens.pipeline.runs.record import now

_FORMAT = 1
_TABLES = """
    CREATE TABLE IF NOT EXISTS lead (
        lead_id TEXT PRIMARY KEY,
        acknowledged TEXT,
        acknowledged_at TEXT,
        error TEXT,
        tries INTEGER NOT NULL DEFAULT 0,
        failed_at TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS failed ON lead (lead_id) WHERE error IS NOT NULL;
"""
_WAITING = """
    CREATE TEMP TABLE waiting (place INTEGER PRIMARY KEY, lead_id TEXT, digest TEXT, payload TEXT);
"""


class Failed(NamedTuple):
    """A lead that the CRM did not take, in its words, and how often it was sent."""

    lead_id: str
    error: str
    tries: int


class Plan(NamedTuple):
    """How many leads are to be sent, how many the CRM has as they are, and how many left before it heard of them."""

    wait: int
    same: int
    unknown: int


class Journal:
    """The journal of one destination.

    Parameters
    ----------
    path : where it is; ``journal_path`` says.
    writes : whether anything may be written; a dry run only looks.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path = path
        self._store = sqlite3.connect(":memory:")
        try:
            with private_files():
                if writes:
                    path.parent.mkdir(parents=True, exist_ok=True)
                self._store = sqlite3.connect(path if writes or path.exists() else ":memory:", timeout=30)
                if writes or not path.exists():
                    self._store.execute("PRAGMA synchronous = FULL")
                    self._store.executescript(_TABLES)
                    self._store.execute(f"PRAGMA user_version = {_FORMAT}")
                self._store.executescript(_WAITING)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def plan(self, records: Iterable[Record], *, everything: bool = False) -> Plan:
        """Keep those that differ from what was acknowledged, or ``everything``, to be sent in this order."""
        wait = same = unknown = 0
        for some in _groups(records, 500):
            known = self._acknowledged([record.lead_id for record in some])
            # That a lead left is no news to a CRM that was never sent it.
            heard = [record for record in some if not record.closed or record.lead_id in known]
            new = [each for each in heard if everything or known.get(each.lead_id) != each.digest]
            unknown += len(some) - len(heard)
            same += len(heard) - len(new)
            wait += len(new)
            rows = [(each.lead_id, each.digest, json.dumps(each.values, ensure_ascii=False)) for each in new]
            with self._store:
                self._store.executemany(
                    "INSERT INTO waiting (lead_id, digest, payload) VALUES (?, ?, ?)", rows
                )
        return Plan(wait, same, unknown)

    def waiting(self, batch: int) -> Iterator[list[Record]]:
        """What is to be sent, in batches. What is acknowledged or failed meanwhile stays in it: go through it once."""
        last = 0
        while rows := self._store.execute(
            "SELECT place, lead_id, digest, payload FROM waiting WHERE place > ? ORDER BY place LIMIT ?",
            (last, batch),
        ).fetchall():
            last = rows[-1][0]
            yield [Record(lead, json.loads(payload), digest) for _, lead, digest, payload in rows]

    def doubt(self, records: Sequence[Record]) -> None:
        """These are about to be sent: until ``keep`` says so, nothing is known of what the CRM has of them."""
        try:
            with self._store:
                self._store.executemany(
                    "INSERT INTO lead (lead_id) VALUES (?) ON CONFLICT (lead_id) DO UPDATE SET acknowledged = NULL",
                    [(record.lead_id,) for record in records],
                )
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def keep(self, taken: Sequence[Record], refused: Sequence[tuple[Record, str]]) -> None:
        """What became of a batch, at once. Raises ``RoomError`` for a full disk."""
        at = now().isoformat(timespec="seconds")
        try:
            with self._store:
                self._store.executemany(
                    """
                    INSERT INTO lead (lead_id, acknowledged, acknowledged_at) VALUES (?, ?, ?)
                    ON CONFLICT (lead_id) DO UPDATE SET acknowledged = excluded.acknowledged,
                        acknowledged_at = excluded.acknowledged_at, error = NULL, tries = 0, failed_at = NULL
                    """,
                    [(record.lead_id, record.digest, at) for record in taken],
                )
                self._store.executemany(
                    """
                    INSERT INTO lead (lead_id, error, tries, failed_at) VALUES (?, ?, 1, ?)
                    ON CONFLICT (lead_id) DO UPDATE SET error = excluded.error, tries = lead.tries + 1,
                        failed_at = excluded.failed_at
                    """,
                    [(record.lead_id, error, at) for record, error in refused],
                )
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def failed(self, most: int | None = None) -> list[Failed]:
        """Leads that the CRM did not take the last time, by id."""
        rows = self._store.execute(
            "SELECT lead_id, error, tries FROM lead WHERE error IS NOT NULL ORDER BY lead_id LIMIT ?",
            (-1 if most is None else most,),
        )
        return [Failed(*row) for row in rows]

    def forget_failures(self) -> None:
        """What failed and does not wait any more is no failure any more."""
        with self._store:
            self._store.execute(
                "UPDATE lead SET error = NULL, tries = 0 WHERE error IS NOT NULL"
                " AND lead_id NOT IN (SELECT lead_id FROM waiting)"
            )

    def _acknowledged(self, leads: Sequence[str]) -> dict[str, str | None]:
        places = ", ".join("?" * len(leads))
        return dict(
            self._store.execute(
                f"SELECT lead_id, acknowledged FROM lead WHERE lead_id IN ({places})", list(leads)
            )
        )

    def _unusable(self, error: Exception) -> LeadlensError:
        with suppress(sqlite3.Error):
            self._store.rollback()
        kind = RoomError if is_full(error) else LeadlensError
        return kind(
            "the journal of what the CRM has acknowledged cannot be used",
            value=str(self._path),
            why=f"{error}; without it nobody knows what was sent already",
            fix="make room on the disk, and run the same command; a damaged journal can be deleted: then all leads are "
            "sent once more, which changes nothing at the CRM",
        )


def journal_path(state: Path, project: str, destination: Destination, id_field: str | None) -> Path:
    """Where the journal of a destination is: one per project, address and field that leads are found by.

    >>> from leadlens.pipeline.crm.destination import parse_destination
    >>> journal_path(Path("s"), "cars", parse_destination("hubspot://contacts"), None).name
    'hubspot-api-hubapi-com-contacts-9e91b376.sqlite'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", destination.shown.lower()).strip("-")[:60]
    whole = json.dumps([destination.origin, destination.place, id_field])
    return state / "pushed" / project / f"{slug}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}.sqlite"


def _groups(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    some: list[Record] = []
    for record in records:
        some.append(record)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
