"""The events of the little project as a table of PostgreSQL, with all that makes them hard to read in parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from sqlalchemy import make_url

from tests.pipeline.little_project import LittleProject

_COLUMNS = "no, event_id, lead_id, occurred_at, event_type, page, seconds, day, amount, token, props"


@dataclass
class EventsTable:
    """The table ``events`` at ``url``; the address in the project file has its password from CRM_PASSWORD."""

    url: str
    little: LittleProject
    _source: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.execute(
            "CREATE TABLE events (no bigint, event_id text, lead_id text, occurred_at timestamptz, event_type text, page text, "
            "seconds numeric, day date, amount numeric, token uuid DEFAULT gen_random_uuid(), props jsonb)"
        )
        events = self.little.events
        # The same event once more elsewhere, another one under its id, events of nobody, words for nothing.
        again = events.iloc[[3, 7, 11]]
        other = events.iloc[[20]].assign(occurred_at=lambda rows: rows["occurred_at"] - timedelta(hours=1))
        odd = events.iloc[30:34].assign(
            event_id=["s1", "s2", None, None],
            lead_id=["X1", "X2", "L001", "L001"],
            page=["N/A", "null", "", "-"],
        )
        rows = pd.concat([events, again, other, odd], ignore_index=True)
        self._insert(rows.assign(no=range(1, len(rows) + 1)))
        self.execute("UPDATE events SET no = NULL WHERE event_id IN ('v5-1', 'v90-5', 's2')")
        self.execute("UPDATE events SET amount = NULL, day = NULL WHERE no BETWEEN 40 AND 60")
        address = make_url(self.url)
        self._source = {
            "read": f"postgresql://{address.username}:${{CRM_PASSWORD}}@{address.host}:{address.port}/{address.database}",
            "table": "events",
        }

    def project(self, **settings: Any) -> Path:
        """Write the project with this source of its events; a setting that is ``None`` is not there."""
        source = {name: value for name, value in (self._source | settings).items() if value is not None}
        self.little.settings["data"]["events"] = source
        return self.little.write()

    def add(self, rows: int, first: int) -> None:
        """Some more events, numbered from ``first``."""
        some = self.little.events.sample(rows, random_state=first)
        self._insert(
            some.assign(no=range(first, first + rows), event_id=[f"n{first + n}" for n in range(rows)])
        )

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _insert(self, rows: pd.DataFrame) -> None:
        rows = rows.astype(object).where(rows.notna(), None)
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.executemany(
                f"INSERT INTO events ({_COLUMNS.replace(' token,', '')}) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        row.no, row.event_id, row.lead_id, row.occurred_at, row.event_type, row.page, row.seconds,
                        row.occurred_at.date(), 1000 + row.no % 97 * 1.25, str(row.no) if row.no < 200 else '{"a": 1}',
                    )
                    for row in rows.itertuples()
                ],
            )  # fmt: skip
