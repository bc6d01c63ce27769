"""Writes scores into a PostgreSQL database."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as quote
from sqlalchemy import URL

from pipeline.writeback import postgres_sql
from pipeline.writeback import statements as sql
from pipeline.writeback.names import TableNames
from pipeline.writeback.postgres_errors import explained
from pipeline.writeback.postgres_staging import Staging
from pipeline.writeback.receipts import receipts_file
from pipeline.writeback.run import Counts, RunManifest
from pipeline.writeback.shape import ExistingTable, check_shape
from pipeline.writeback.spool import Spool

CONNECT_SECONDS = 10
LOCK_SECONDS = 300  # how long to wait for another run, or for a lock on the table

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class PostgresWriter:
    """Upserts the rows of a run in one transaction, of which readers see all or nothing.

    Until ``commit`` nothing is connected. Then the rows go into temporary tables (PostgreSQL drops them, however the
    session ends, and connection poolers keep one transaction on one connection), and only then comes the lock that
    lets one run at a time compare and merge. Unchanged rows are not touched at all: no new row version, no lock, no
    index write; those of which a receipt is in ``folder`` are not even sent (see ``pipeline.writeback.receipts``).
    """

    url: URL = field(repr=False)
    shown: str
    names: TableNames
    run: RunManifest
    folder: Path | None = None

    def check(self) -> None:
        """Refuse what could not be written later: no connection, a table of another shape."""
        try:
            with _connect(self.url) as connection:
                _check_tables(connection, self.names)
        except psycopg.Error as error:
            raise explained(error, self.url, self.shown, self.names) from None

    def commit(self, spool: Spool, stages: str | None) -> Counts:
        """Write all rows of ``spool``, and the run's record."""
        receipts = receipts_file(self.folder, self.shown, self.names.plain)
        try:
            with _connect(self.url) as connection:
                _begin(connection)
                staging = Staging(connection, spool, receipts)
                staging.send()
                _lock(connection)
                _ensure_tables(connection, self.names)
                statement, values = sql.overtaken(self.names, self.run, "%s")
                sql.refuse_overtaken(_execute(connection, statement, values).fetchone())
                staging.send_lost(self.names)
                counts = _merge(connection, self.names, self.run, spool.rows, stages)
                connection.commit()
        except psycopg.Error as error:
            raise explained(error, self.url, self.shown, self.names) from None
        if receipts:
            with contextlib.suppress(OSError):  # the scores are written; the next night takes longer
                staging.receipts().save(receipts)
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


def _begin(connection: Connection) -> None:
    _execute(connection, "SET LOCAL TIME ZONE 'UTC'")
    _execute(connection, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def _lock(connection: Connection) -> None:
    """Allow one run at a time per database: runs on different tables share ``scoring_runs``."""
    _execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended('leadlens write-back', 0))")


def _ensure_tables(connection: Connection, names: TableNames) -> None:
    for table, columns, key in _check_tables(connection, names):
        for statement in sql.create(table, columns, key, "postgresql"):
            _execute(connection, statement)


def _check_tables(connection: Connection, names: TableNames) -> list[sql.Table]:
    """The tables that do not exist; raises ``DataError`` if another has the wrong shape."""
    missing = []
    for table, columns, key in sql.tables(names):
        existing = _existing(connection, table)
        if existing is None:
            missing.append((table, columns, key))
        else:
            check_shape(table, columns, key, existing, "postgresql")
    return missing


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


def _merge(
    connection: Connection, names: TableNames, run: RunManifest, rows: int, stages: str | None
) -> Counts:
    for _, statement in postgres_sql.merge(names):
        _execute(connection, statement)
    inserted, updated = _execute(connection, sql.count_changed()).fetchall()[0]
    counts = Counts(rows, inserted, updated)
    runs = _existing(connection, names.runs)
    assert runs is not None
    _execute(connection, *sql.record_run(names, run, counts, stages, runs.columns, "%s"))
    return counts


def _execute(
    connection: Connection, statement: str, values: list[Any] | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    return connection.execute(quote.SQL(statement), values)
