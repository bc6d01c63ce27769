"""Writes scores into a DuckDB file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from features.errors import LeadlensError
from pipeline.writeback import statements as sql
from pipeline.writeback.columns import SCORE_COLUMNS, Column
from pipeline.writeback.names import TableNames
from pipeline.writeback.run import Counts, RunManifest
from pipeline.writeback.shape import ExistingTable, check_shape

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def write(rows: pa.Table, path: Path, shown: str, names: TableNames, run: RunManifest) -> Counts:
    """Upsert ``rows`` in one transaction.

    DuckDB lets only one process open a file for writing: a second run is refused at once, with the process id of
    the first. What a killed run wrote was never committed, and is dropped when the file is next opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(path) as connection:
            connection.begin()
            try:
                _ensure_tables(connection, names)
                statement, values = sql.overtaken(names, run, "?")
                sql.refuse_overtaken(connection.execute(statement, values).fetchone())
                _stage(connection, rows)
                counts = _merge(connection, names, run, rows.num_rows)
                connection.commit()
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    connection.rollback()
                raise
    except (duckdb.Error, OSError) as error:
        raise _explained(error, shown) from None
    return counts


def _ensure_tables(connection: duckdb.DuckDBPyConnection, names: TableNames) -> None:
    if names.schema:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{names.schema}"')
    for table, columns, key in sql.tables(names):
        existing = _existing(connection, names.schema or "main", table.rpartition(".")[2].strip('"'))
        if existing is None:
            for statement in sql.create(table, columns, key, "duckdb"):
                connection.execute(statement)
        else:
            check_shape(table, columns, key, existing, "duckdb")


def _existing(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> ExistingTable | None:
    def rows(select: str, name: str = "table_name") -> list[tuple[Any, ...]]:
        ours = f"database_name = current_database() AND lower(schema_name) = lower(?) AND lower({name}) = lower(?)"
        return connection.execute(f"{select} WHERE {ours}", [schema, table]).fetchall()

    is_table = bool(rows("SELECT 1 FROM duckdb_tables()"))
    if not is_table and not rows("SELECT 1 FROM duckdb_views()", "view_name"):
        return None
    keys = rows("""
        SELECT constraint_column_names
        FROM (FROM duckdb_constraints() WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE'))
    """)
    return ExistingTable(
        is_table=is_table,
        columns=dict(rows("SELECT column_name, data_type FROM duckdb_columns()")),
        unique_keys=[frozenset(names) for (names,) in keys],
    )


def _stage(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    connection.register("leadlens_rows", rows)
    connection.execute(f"CREATE TEMP TABLE {sql.STAGED} AS SELECT {_cast(SCORE_COLUMNS)} FROM leadlens_rows")


def _cast(columns: Sequence[Column]) -> str:
    return ", ".join(f'CAST("{c.name}" AS {c.sql_type("duckdb")}) AS "{c.name}"' for c in columns)


def _merge(connection: duckdb.DuckDBPyConnection, names: TableNames, run: RunManifest, rows: int) -> Counts:
    for _, statement in sql.merge(names):
        connection.execute(statement)
    inserted, updated = connection.execute(sql.count_changed()).fetchall()[0]
    counts = Counts(rows, inserted, updated)
    connection.execute(*sql.record_run(names, run, counts, "?"))
    return counts


def _explained(error: Exception, shown: str) -> LeadlensError:
    """The error for a user; the cause is only in the text of DuckDB."""
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    holder = _HOLDER.search(message)
    if holder or "another process" in message:
        by = f"by {holder['program']} (process {holder['pid']})" if holder else "by another program"
        return LeadlensError(
            f"the DuckDB file is open {by}",
            where=shown,
            why="only one program at a time may write to a DuckDB file; nothing was written",
            fix="wait until it has finished or close it, and run again; PostgreSQL allows many writers",
        )
    here = isinstance(error, duckdb.ConnectionException | duckdb.TransactionException)
    if here or "already attached" in message:
        return LeadlensError(
            "another part of this program has the DuckDB file open",
            where=shown,
            why=f"nothing was written: {message}",
            fix="close the other connection and run again",
        )
    if "not a valid DuckDB database" in message:
        return LeadlensError(
            "this file is not a DuckDB database",
            where=shown,
            why="nothing was written, so that the file is not lost",
            fix="name another file",
        )
    return LeadlensError(
        "the DuckDB file cannot be written",
        where=shown,
        why=f"nothing was written: {message}",
        fix="check the path, its permissions and the space left on the disk",
    )
