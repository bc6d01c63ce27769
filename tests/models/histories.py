"""Small histories written out by hand, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from leadlens.features import DuckDBEngine, History, Step
from leadlens.features.history import Kind
from leadlens.features.spine import Spine

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, 9)
SQL_TYPES: dict[Kind, str] = {
    "number": "DOUBLE",
    "category": "VARCHAR",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",
}
Rows = Sequence[Mapping[str, Any]]


def open_small(
    leads: Rows,
    events: Rows = (),
    accounts: Rows = (),
    changes: Rows = (),
    lead_attributes: Mapping[str, Kind] | None = None,
    account_attributes: Mapping[str, Kind] | None = None,
    event_properties: Mapping[str, Kind] | None = None,
) -> History:
    """A history of these rows; left out: created_at is START, known_at is occurred_at, the rest is NULL."""
    engine = DuckDBEngine()
    engine.connection.execute("SET threads = 1")
    known = [{"known_at": event["occurred_at"], **event} for event in events]
    born = [{"created_at": START, **lead} for lead in leads]
    lead_columns: dict[str, Kind] = {"lead_id": "text", "created_at": "time", "account_id": "text"}
    event_columns: dict[str, Kind] = {"event_id": "text", "lead_id": "text", "occurred_at": "time"}
    event_columns |= {"known_at": "time", "event_type": "category", "retracted_at": "time"}
    change_columns: dict[str, Kind] = dict.fromkeys(("entity", "id", "attribute", "value"), "text")
    _table(engine, "leads", born, lead_columns | {"closed_at": "time"} | dict(lead_attributes or {}))
    _table(engine, "accounts", accounts, {"account_id": "text", **(account_attributes or {})})
    _table(engine, "events", known, event_columns | dict(event_properties or {}))
    _table(engine, "conversions", (), {"lead_id": "text", "converted_at": "time"})
    _table(engine, "changes", changes, change_columns | {"known_at": "time"})
    return History(
        engine,
        START + 400 * DAY,
        lead_attributes or {},
        account_attributes or {},
        event_properties or {},
    )


def set_spine(history: History, rows: Sequence[tuple[str, datetime]], table: str = "spine") -> Spine:
    """The spine: (lead_id, as_of) per row, numbered in this order."""
    found = [
        {"row_id": i, "lead_id": lead_id, "as_of": as_of, "created_at": START}
        for i, (lead_id, as_of) in enumerate(rows)
    ]
    kinds: dict[str, Kind] = {"row_id": "number", "lead_id": "text", "as_of": "time", "created_at": "time"}
    _table(history.engine, "incoming_spine", found, kinds)
    history.engine.run(
        [Step(table, "SELECT * REPLACE (CAST(row_id AS BIGINT) AS row_id) FROM incoming_spine")]
    )
    return Spine(history.engine, table)


def _table(engine: Any, name: str, rows: Rows, kinds: Mapping[str, Kind]) -> None:
    engine.register("incoming", pd.DataFrame(list(rows), columns=list(kinds), dtype="object"))
    quote = engine.dialect.quote
    columns = ", ".join(
        f"CAST({quote(column)} AS {SQL_TYPES[kind]}) AS {quote(column)}" for column, kind in kinds.items()
    )
    engine.run([Step(name, f"SELECT {columns} FROM incoming")])
