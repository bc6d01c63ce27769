"""Writes scores into a PostgreSQL database."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql as quote
from sqlalchemy import URL

from pipeline.writeback import statements as sql
from pipeline.writeback.columns import SCORE_COLUMNS
from pipeline.writeback.names import TableNames
from pipeline.writeback.postgres_errors import explained
from pipeline.writeback.run import Counts, RunManifest
from pipeline.writeback.shape import ExistingTable, check_shape

CONNECT_SECONDS = 10
LOCK_SECONDS = 300  # how long to wait for another run, or for a lock on the table
_COPY_ROWS = 50_000

Connection = psycopg.Connection[tuple[Any, ...]]


def write(rows: pa.Table, url: URL, shown: str, names: TableNames, run: RunManifest) -> Counts:
    """Upsert ``rows`` in one transaction, after that of any other run.

    Readers see all of the run or nothing. The rows are copied into a temporary table, and unchanged rows are not
    touched at all: no new row version, no lock, no index write.
    """
    try:
        with _connect(url) as connection:
            _lock(connection)
            _ensure_tables(connection, names)
            statement, values = sql.overtaken(names, run, "%s")
            sql.refuse_overtaken(_execute(connection, statement, values).fetchone())
            _stage(connection, rows)
            counts = _merge(connection, names, run, rows.num_rows)
            connection.commit()
    except psycopg.Error as error:
        raise explained(error, url, shown, names) from None
    return counts


def _connect(url: URL) -> Connection:
    _, options = url.get_dialect()().create_connect_args(url)
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    options.setdefault("application_name", "leadlens")
    connection: Connection = psycopg.connect(
        **options,
        client_encoding="utf8",
        prepare_threshold=None,  # connection poolers drop prepared statements
    )
    # Each statement must see what the previous run committed while this one was waiting for the lock.
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def _lock(connection: Connection) -> None:
    """Allow one run at a time per database: runs on different tables share ``scoring_runs``."""
    _execute(connection, "SET LOCAL TIME ZONE 'UTC'")
    _execute(connection, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    _execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended('leadlens write-back', 0))")


def _ensure_tables(connection: Connection, names: TableNames) -> None:
    for table, columns, key in sql.tables(names):
        existing = _existing(connection, table)
        if existing is None:
            for statement in sql.create(table, columns, key, "postgresql"):
                _execute(connection, statement)
        else:
            check_shape(table, columns, key, existing, "postgresql")


def _existing(connection: Connection, table: str) -> ExistingTable | None:
    """Looked up, because CREATE IF NOT EXISTS requires the right to create even where nothing is created."""
    relation = _execute(
        connection, "SELECT oid, relkind FROM pg_class WHERE oid = to_regclass(%s)", [table]
    ).fetchone()
    if relation is None:
        return None
    oid, kind = relation
    columns = _execute(
        connection,
        """
        SELECT attname, format_type(atttypid, atttypmod)
        FROM pg_attribute
        WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
        """,
        [oid],
    ).fetchall()
    keys = _execute(
        connection,
        """
        SELECT array_agg(a.attname::text)
        FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = %s AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
        GROUP BY i.indexrelid
        """,
        [oid],
    ).fetchall()
    return ExistingTable(
        is_table=kind in ("r", "p"),
        columns=dict(columns),
        unique_keys=[frozenset(names) for (names,) in keys],
    )


def _stage(connection: Connection, rows: pa.Table) -> None:
    columns = ", ".join(sql.definition(column, "postgresql") for column in SCORE_COLUMNS)
    _execute(connection, f"CREATE TEMP TABLE {sql.STAGED} ({columns}) ON COMMIT DROP")
    options = pyarrow.csv.WriteOptions(include_header=False)
    with connection.cursor() as cursor, cursor.copy(f"COPY {sql.STAGED} FROM STDIN (FORMAT csv)") as copy:
        for batch in rows.to_batches(max_chunksize=_COPY_ROWS):
            buffer = io.BytesIO()
            pyarrow.csv.write_csv(batch, buffer, options)
            copy.write(buffer.getbuffer())
    _execute(connection, f"ANALYZE {sql.STAGED}")


def _merge(connection: Connection, names: TableNames, run: RunManifest, rows: int) -> Counts:
    for _, statement in sql.merge(names):
        _execute(connection, statement)
    inserted, updated = _execute(connection, sql.count_changed()).fetchall()[0]
    counts = Counts(rows, inserted, updated)
    _execute(connection, *sql.record_run(names, run, counts, "%s"))
    return counts


def _execute(
    connection: Connection, statement: str, values: list[Any] | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    return connection.execute(quote.SQL(statement), values)
