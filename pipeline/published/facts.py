"""What a copy says as a whole: a table of names and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import duckdb


def write_facts(copy: duckdb.DuckDBPyConnection, facts: Mapping[str, Any], table: str = "facts") -> None:
    """Make the table; times become text."""
    copy.execute(f"CREATE TABLE {table} (name VARCHAR, value VARCHAR)")
    copy.executemany(
        f"INSERT INTO {table} VALUES (?, ?)",
        [(name, json.dumps(value, default=str)) for name, value in facts.items()],
    )


def read_facts(copy: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """All of it. Raises ``duckdb.Error`` or ``ValueError`` for a file that is no copy."""
    rows = copy.execute("SELECT name, value FROM facts").fetchall()
    return {name: json.loads(value) for name, value in rows}
