"""Writes scores into a PostgreSQL database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as quote
from sqlalchemy import URL

from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback import closings, postgres_sql, run_rows
from leadlens.pipeline.writeback import statements as sql
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import PEOPLE
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.postgres_errors import explained
from leadlens.pipeline.writeback.postgres_staging import Staging, copy_gone
from leadlens.pipeline.writeback.receipts import receipts_file
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest
from leadlens.pipeline.writeback.shape import ExistingTable, cannot_migrate, check_shape, migration
from leadlens.pipeline.writeback.spool import Spool

CONNECT_SECONDS = 10
LOCK_SECONDS = 300  # how long to wait for another run, or for a lock on the table

ALTER_SECONDS = 10  # how long to wait for readers before a column is added
_NO_TABLE = ExistingTable(is_table=False, columns={}, unique_keys=[])

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class PostgresWriter:
    """Upserts the rows of a run in one transaction, of which readers see all or nothing.

    Until ``commit`` nothing is connected. Then the rows go into temporary tables (PostgreSQL drops them, however the
    session ends, and connection poolers keep one transaction on one connection), and only then comes the lock that
    lets one run at a time compare and merge. Unchanged rows are not touched at all: no new row version, no lock, no
    index write; those of which a receipt is in ``folder`` are not even sent (see ``leadlens.pipeline.writeback.receipts``).
    """

    url: URL = field(repr=False)
    shown: str
    names: TableNames
    run: RunManifest
    folder: Path | None = None

    def check(self) -> None:
        """Refuse what could not be written later: no connection, a table of another shape, older scores."""
        with self._connected() as connection:
            existing = _check_tables(connection, self.names)
            if "project" in (existing[self.names.runs] or _NO_TABLE).columns:
                run_rows.refuse_older(_last_done(connection, self.names, self.run), self.run)

    def report(self, records: Sequence[RunRecord]) -> set[str]:
        """Make or migrate the tables and write the rows of runs that are at work or over; ids of those that are done."""
        with self._connected() as connection:
            _ensure_tables(connection, self.names)
            check_rights(connection, self.names)
            for record in records:
                _execute(connection, *run_rows.record_end(self.names, record, "%s"))
            ids = [record.run_id for record in records]
            _execute(connection, *run_rows.record_silent(self.names, ids[-1], "%s"))
            done = _execute(connection, *run_rows.done_of(self.names, ids, "%s")).fetchall()
        return {run_id for (run_id,) in done}

    def commit(self, spool: Spool, account: Account, why_left: WhyLeft) -> Counts:
        """Write all rows of ``spool``, close the leads that left, and record the run."""
        receipts = receipts_file(self.folder, self.shown, self.names.plain)
        with self._connected() as connection:
            _ensure_tables(connection, self.names)
            staging = Staging(connection, spool, receipts)
            staging.send()
            _lock(connection)
            last = _last_done(connection, self.names, self.run)
            run_rows.refuse_older(last, self.run)
            staging.send_lost(self.names)
            counts = _merge(connection, self.names, self.run, spool.rows, last, why_left)
            _execute(connection, *run_rows.record_run(self.names, self.run, counts, account, "%s"))
        if receipts:
            with contextlib.suppress(OSError):  # the scores are written; the next night takes longer
                staging.receipts().save(receipts)
        return counts

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end; its errors in words."""
        try:
            with open_session(self.url) as connection:
                yield connection
                connection.commit()
        except psycopg.Error as error:
            raise explained(error, self.url, self.shown, self.names) from None


@contextlib.contextmanager
def open_session(url: URL) -> Iterator[Connection]:
    """A connection whose times are UTC and whose waits for locks end; raises what psycopg raises."""
    with _connect(url) as connection:
        _begin(connection)
        yield connection


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
    """Make what is missing, and add what later versions need; in a transaction of its own, before any row is written.

    An ALTER locks out readers, and those that come while it waits for others wait too: for an instant, or not at all.
    """
    existing, changes = _look(connection, names)
    if not changes and _is_current(existing[names.view]):
        return
    _lock(connection)
    existing, changes = _look(connection, names)  # another run may have been faster
    _execute(connection, f"SET LOCAL lock_timeout = '{ALTER_SECONDS}s'")
    try:
        for statements in changes.values():
            for statement in statements:
                _execute(connection, statement)
    except psycopg.errors.InsufficientPrivilege as error:
        if any(existing[table] is None for table in changes):
            raise
        view = [] if _is_current(existing[names.view]) else [sql.create_view(names)]
        raise cannot_migrate(changes, view, _first_line(error)) from None
    if not _is_current(existing[names.view]):
        _create_view(connection, names)
    connection.commit()
    _begin(connection)


def _is_current(view: ExistingTable | None) -> bool:
    """Whether there is a view with all columns of this version; new ones are last in it, so that it can be replaced."""
    return view is not None and set(view.columns) >= set(PEOPLE)


def _look(
    connection: Connection, names: TableNames
) -> tuple[dict[str, ExistingTable | None], dict[str, list[str]]]:
    """What there is, and by table the statements that make it what it should be."""
    existing = _check_tables(connection, names)
    changes = {}
    for table, columns, key in sql.tables(names):
        found = existing[table]
        changes[table] = (
            sql.create(table, columns, key, "postgresql")
            if found is None
            else migration(table, columns, found, "postgresql")
        )
    if "project" not in (existing[names.runs] or _NO_TABLE).columns:
        changes[names.runs].append(run_rows.name_projects(names))
    existing[names.view] = _existing(connection, names.view)
    return existing, {table: statements for table, statements in changes.items() if statements}


def _create_view(connection: Connection, names: TableNames) -> None:
    """Whoever may not make it can still write scores: the tables say all that the view shows."""
    try:
        with connection.transaction():
            _execute(connection, sql.create_view(names))
    except psycopg.errors.InsufficientPrivilege:
        pass


def _check_tables(connection: Connection, names: TableNames) -> dict[str, ExistingTable | None]:
    """Each table, or None; raises ``DataError`` if one has another shape."""
    found = {}
    for table, columns, key in sql.tables(names):
        found[table] = existing = _existing(connection, table)
        if existing is not None:
            check_shape(table, columns, key, existing, "postgresql", names.view)
    return found


def check_rights(connection: Connection, names: TableNames) -> None:
    """Raise what the server would raise at the end, before the work begins."""
    for table, _, _ in sql.tables(names):
        for right in ("SELECT", "INSERT", "UPDATE"):
            if not _granted(connection, "has_table_privilege(%s, %s)", [table, right]):
                raise psycopg.errors.InsufficientPrivilege(f"no right to {right} on {table}")
    if not _granted(connection, "has_database_privilege(current_database(), 'TEMPORARY')", []):
        raise psycopg.errors.InsufficientPrivilege("no right to make temporary tables in this database")


def _granted(connection: Connection, question: str, values: list[Any]) -> bool:
    return bool(_execute(connection, f"SELECT {question}", values).fetchall()[0][0])


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [""])[0]


def _last_done(connection: Connection, names: TableNames, run: RunManifest) -> tuple[Any, ...] | None:
    return _execute(connection, *run_rows.last_done(names, run, "%s")).fetchone()


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
        SELECT attname, format_type(atttypid, atttypmod), attnotnull
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
        columns={name: kind for name, kind, _ in columns},
        unique_keys=[frozenset(names) for (names,) in keys],
        not_null=frozenset(name for name, _, not_null in columns if not_null),
    )


def _merge(
    connection: Connection,
    names: TableNames,
    run: RunManifest,
    rows: int,
    last: tuple[Any, ...] | None,
    why_left: WhyLeft,
) -> Counts:
    for _, statement in postgres_sql.merge(names):
        _execute(connection, statement)
    inserted, updated = _execute(connection, postgres_sql.count_changed()).fetchall()[0]
    found = _execute(
        connection, *closings.find(names, run, [postgres_sql.STAGED, postgres_sql.KNOWN], "%s")
    ).fetchall()
    gone = closings.gone(found, last, why_left)
    if len(gone):
        copy_gone(connection, gone)
        for statement, values in closings.close(names, run, postgres_sql.GONE, "%s"):
            _execute(connection, statement, values)
    for statement, values in closings.unnamed(names, run, "%s"):
        _execute(connection, statement, values)
    return Counts(rows, inserted, updated, len(gone))


def _execute(
    connection: Connection, statement: str, values: list[Any] | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    return connection.execute(quote.SQL(statement), values)
