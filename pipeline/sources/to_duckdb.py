"""Load the rows of a source into a DuckDB table."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from leadlens.features import DataError


def to_duckdb(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Create ``table`` from an Arrow table."""
    con.from_arrow(rows).create(table)


def refuse_equal_names(names: Iterable[str], where: str, fix: str) -> None:
    """Raise ``DataError`` for names that are equal or differ only by case: SQL cannot tell such columns apart."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.get(name.lower())
        seen[name.lower()] = name
        if first is not None:
            raise DataError(
                "two columns have the same name" if first == name else "two names differ only by case",
                value=name if first == name else f"{first}, {name}",
                where=where,
                why="SQL cannot tell such columns apart",
                fix=fix,
            )
