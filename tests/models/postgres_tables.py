"""Frames and histories as tables of a PostgreSQL server."""

from __future__ import annotations

from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from leadlens.features import History

CONTRACT = ("leads", "accounts", "events", "changes")
_TYPES = {
    "VARCHAR": "TEXT",
    "DOUBLE": "DOUBLE PRECISION",
    "BIGINT": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP",
}


def copy_frame(connection: psycopg.Connection[Any], name: str, frame: pd.DataFrame) -> None:
    """A frame as a table; the types follow from its columns."""
    types = {str(column): _type_of(frame[column]) for column in frame.columns}
    _create(connection, name, types, frame)


def copy_history(connection: psycopg.Connection[Any], history: History) -> None:
    """The contract tables that exported sheets read, in place of what was there."""
    for table in CONTRACT:
        kinds = history.engine.columns(table)
        types = {column: _TYPES[kind] for column, kind in kinds.items()}
        _create(connection, table, types, history.engine.frame(f"SELECT * FROM {table}"))


def _create(
    connection: psycopg.Connection[Any], name: str, types: dict[str, str], frame: pd.DataFrame
) -> None:
    table = sql.Identifier(name)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in types.items()
    )
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
    rows = frame.astype("object").where(frame.notna(), None).itertuples(index=False, name=None)
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for row in rows:
            copy.write_row([cell.item() if hasattr(cell, "item") else cell for cell in row])


def _type_of(column: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(column):
        return "BIGINT"
    if pd.api.types.is_float_dtype(column):
        return "DOUBLE PRECISION"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "TIMESTAMP"
    told = column.dropna()
    return "BOOLEAN" if len(told) and all(isinstance(value, bool) for value in told) else "TEXT"


def frame_of(connection: psycopg.Connection[Any], statement: str) -> pd.DataFrame:
    """The result of a SELECT."""
    found = connection.execute(statement.encode())
    assert found.description is not None
    return pd.DataFrame(found.fetchall(), columns=[column.name for column in found.description])
