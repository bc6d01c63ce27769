"""What the state folder has of a person: rows of its stores, and lines of files that mention them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from leadlens.features import DataError
from leadlens.features.engines.duckdb_connections import connect_own
from leadlens.pipeline.forgetting.outside import TEXTS, lines_of
from leadlens.pipeline.forgetting.person import Person
from leadlens.pipeline.forgetting.removal import Stored
from leadlens.pipeline.forgetting.state_files import WAIT_SECONDS, log_lines, quoted, stores, tables_of
from leadlens.pipeline.state import state_folder

_AS_JSON = ("reasons", "ledger", "details", "body")


def stored_in_state(project: str, person: Person) -> Iterator[Stored]:
    """All that is kept of a person but for the prepared history. Raises ``DataError`` for a store that cannot be read."""
    folder = state_folder()
    for path in stores(folder, project):
        for what, rows in _of_sqlite(path, project, person):
            yield Stored(_shown(path), what, tuple(rows))
    for path in sorted((folder / "page" / project).rglob("*.duckdb")):
        for what, rows in _of_copy(path, person):
            yield Stored(_shown(path), what, tuple(rows))
    places = [*(folder / "reports" / project).rglob("*"), *(folder / "jobs" / project).rglob("*")]
    places += [*(folder / "runs").glob("*.json"), *folder.glob("mlartifacts/*/artifacts/report.*")]
    for path in sorted(path for path in places if path.is_file() and path.suffix.lower() in TEXTS):
        if rows := lines_of(path, person):
            yield Stored(_shown(path), "file that mentions the lead", tuple(rows))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON can say it, without what is not known."""
    return {str(name): _value(str(name), value) for name, value in row.items() if value is not None}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if name in _AS_JSON and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if hasattr(value, "item"):  # a NumPy number
        return value.item()
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)


def _shown(path: Path) -> str:
    return str(path.relative_to(state_folder()))


def _of_sqlite(path: Path, project: str, person: Person) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    these = ", ".join("?" * len(person.ids))
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as store:
            for table, columns in tables_of(store).items():
                rows: list[dict[str, Any]] = []
                if "lead_id" in columns:
                    where, values = f"lead_id IN ({these})", list(person.ids)
                    if "project" in columns:
                        where, values = f"{where} AND project = ?", [*values, project]
                    cursor = store.execute(f"SELECT * FROM {quoted(table)} WHERE {where}", values)
                    names = [each[0] for each in cursor.description]
                    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                elif "body" in columns:
                    bodies = store.execute(f"SELECT body FROM {quoted(table)}")
                    rows = [{"body": body} for (body,) in bodies if person.is_in_message(str(body))]
                elif {"subject", "details", "project"} <= columns:
                    rows = [line for _, line in log_lines(store, table, person, project)]
                if rows:
                    yield f"rows of {table}", rows
    except sqlite3.Error as error:
        raise DataError("this file cannot be read", value=str(error), where=str(path)) from None


def _of_copy(path: Path, person: Person) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of a copy for the page; reasons and lines of the sheet stand apart in it, by a number."""
    these = ", ".join("?" * len(person.ids))
    try:
        with connect_own(path, read_only=True) as copy:
            tables: dict[str, set[str]] = {}
            for table, column in copy.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
            ).fetchall():
                tables.setdefault(table, set()).add(column)
            for table, columns in sorted(tables.items()):
                where = f"lead_id IN ({these})"
                if "lead_id" not in columns:
                    if not ("detail" in columns and {"lead_id", "detail"} <= tables.get("place", set())):
                        continue
                    where = f"detail IN (SELECT detail FROM place WHERE {where})"
                cursor = copy.execute(f"FROM {quoted(table)} WHERE {where}", person.ids)
                names = [each[0] for each in cursor.description or ()]
                if rows := [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]:
                    yield f"rows of {table} for the page", rows
    except duckdb.Error as error:
        raise DataError("this copy for the page cannot be read", value=str(error), where=str(path)) from None
