"""What people say on the page: verdicts on leads, and the log of everything that was changed or taken out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from leadlens.pipeline.languages.marks import P_
from leadlens.pipeline.private import private_files
from leadlens.pipeline.runs.record import now

_TABLES = """
CREATE TABLE IF NOT EXISTS verdicts (
    number INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    given_at TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
    reason TEXT NOT NULL,
    "by" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS verdicts_of_lead ON verdicts (project, lead_id);
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    project TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS log_is_kept BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS log_is_true BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""
_PATIENCE = 3.0  # seconds that another writer is waited for
VerdictName = Literal["accepted", "rejected"]


class GivenVerdict(NamedTuple):
    """What somebody in sales said of a lead."""

    lead_id: str
    given_at: str
    verdict: str
    reason: str
    by: str


class Entry(NamedTuple):
    """One line of the log."""

    at: str
    who: str
    what: str
    subject: str
    details: dict[str, Any]


@dataclass(frozen=True)
class PageStore:
    """One SQLite file for all projects; every method is one transaction.

    Its table ``verdicts`` is a source as the data contract has it: ``data.verdicts: {read: sqlite:///…/page.sqlite, table: verdicts}``.
    """

    path: Path

    def judge(self, project: str, lead_id: str, verdict: VerdictName, reason: str, by: str) -> None:
        """Keep a verdict, and log it. What the same person says again is one verdict: a button was pressed twice."""
        with self._open() as store:
            last = store.execute(
                'SELECT verdict, reason, "by" FROM verdicts WHERE project = ? AND lead_id = ? ORDER BY number DESC LIMIT 1',
                (project, lead_id),
            ).fetchone()
            if last == (verdict, reason, by):
                return
            store.execute(
                'INSERT INTO verdicts (project, lead_id, given_at, verdict, reason, "by") VALUES (?, ?, ?, ?, ?, ?)',
                (project, lead_id, _now(), verdict, reason, by),
            )
            _log(store, project, by, verdict, lead_id, {"reason": reason} if reason else {})

    def take_back(self, project: str, lead_id: str, by: str) -> bool:
        """Remove the last verdict of this person on a lead, and log that; whether there was one."""
        with self._open() as store:
            last = store.execute(
                'SELECT number, verdict, reason FROM verdicts WHERE project = ? AND lead_id = ? AND "by" = ? '
                "ORDER BY number DESC LIMIT 1",
                (project, lead_id, by),
            ).fetchone()
            if last is None:
                return False
            number, verdict, reason = last
            store.execute("DELETE FROM verdicts WHERE number = ?", (number,))
            details = {"before": verdict} | ({"reason": reason} if reason else {})
            _log(store, project, by, P_("logged", "took a verdict back"), lead_id, details)
            return True

    def verdicts(self, project: str, lead_id: str) -> Sequence[GivenVerdict]:
        """Those on one lead, the latest first."""
        with self._open() as store:
            rows = store.execute(
                'SELECT lead_id, given_at, verdict, reason, "by" FROM verdicts WHERE project = ? AND lead_id = ? '
                "ORDER BY number DESC",
                (project, lead_id),
            )
            return [GivenVerdict(*row) for row in rows]

    def judged(self, project: str) -> dict[str, datetime]:
        """When sales said something of each lead, the last time."""
        with self._open() as store:
            rows = store.execute(
                "SELECT lead_id, max(given_at) FROM verdicts WHERE project = ? GROUP BY lead_id", (project,)
            )
            return {lead: datetime.fromisoformat(at) for lead, at in rows}

    def latest_of(self, project: str, leads: Sequence[str]) -> dict[str, str]:
        """The latest verdict of each of these leads that has one."""
        marks = ", ".join("?" * len(leads))
        with self._open() as store:
            rows = store.execute(
                "SELECT lead_id, verdict FROM verdicts WHERE number IN (SELECT max(number) FROM verdicts WHERE project = ?"
                f" AND lead_id IN ({marks}) GROUP BY lead_id)",
                (project, *leads),
            )
            return dict(rows.fetchall())

    def leads_with(self, project: str, verdict: str) -> Sequence[str]:
        """The leads of which the latest verdict is this."""
        with self._open() as store:
            rows = store.execute(
                "SELECT lead_id FROM verdicts WHERE number IN (SELECT max(number) FROM verdicts WHERE project = ? GROUP BY lead_id)"
                " AND verdict = ?",
                (project, verdict),
            )
            return [row[0] for row in rows]

    def log(self, project: str, who: str, what: str, subject: str, details: dict[str, Any]) -> None:
        """Keep what somebody did."""
        with self._open() as store:
            _log(store, project, who, what, subject, details)

    def entries(self, project: str, most: int = 200) -> Sequence[Entry]:
        """The latest lines of the log, the last one first."""
        with self._open() as store:
            rows = store.execute(
                "SELECT at, who, what, subject, details FROM log WHERE project = ? ORDER BY number DESC LIMIT ?",
                (project, most),
            )
            return [
                Entry(at, who, what, subject, json.loads(details)) for at, who, what, subject, details in rows
            ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with private_files(), closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as store, store:
            if not store.execute("SELECT count(*) FROM sqlite_master WHERE name = 'log'").fetchone()[0]:
                store.executescript(_TABLES)
            yield store


def _log(
    store: sqlite3.Connection, project: str, who: str, what: str, subject: str, details: dict[str, Any]
) -> None:
    store.execute(
        "INSERT INTO log (at, project, who, what, subject, details) VALUES (?, ?, ?, ?, ?, ?)",
        (_now(), project, who, what, subject, json.dumps(details, ensure_ascii=False)),
    )


def _now() -> str:
    return now().isoformat(sep=" ", timespec="seconds")
