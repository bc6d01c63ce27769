"""Writes scores into a DuckDB file."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from leadlens.features.engines.duckdb_connections import connect_closed
from leadlens.features.errors import LeadlensError, RoomError, UnavailableError
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.exit_codes import is_full
from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback import closings, run_rows
from leadlens.pipeline.writeback import statements as sql
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import PEOPLE
from leadlens.pipeline.writeback.duckdb_merge import close_absent, merge
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest
from leadlens.pipeline.writeback.shape import ExistingTable, check_shape, migration
from leadlens.pipeline.writeback.spool import Spool

Connection = duckdb.DuckDBPyConnection

_DAMAGED = ("Could not read enough bytes", "Corrupt", "checksum")  # in the words of DuckDB
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_MEMORY = 2**29  # the primary keys of both tables must fit, hence the more for more leads
_MEMORY_PER_LEAD = 256
_NO_TABLE = ExistingTable(is_table=False, columns={}, unique_keys=[])
WAIT_SECONDS = 30  # how long to wait for another program
_THREADS = 4  # each fills a row group of its own


@dataclass(frozen=True)
class DuckDBWriter:
    """Upserts the rows of a run in one transaction.

    DuckDB lets only one process open a file for writing: until ``commit`` the file is not open, and then a second run
    is refused at once, with the process id of the first. What a killed run wrote was never committed, and is dropped
    when the file is next opened.
    """

    path: Path
    shown: str
    names: TableNames
    run: RunManifest

    def check(self) -> None:
        """Refuse a table of another shape, older scores, or what is no database; a file in use is not looked into."""
        refuse_no_file(self.path, self.shown)
        try:
            if self.path.exists():
                with connect_closed(self.path, read_only=True) as connection:
                    names = self._names(connection)
                    existing = _check_tables(connection, names)
                    if "project" in (existing[names.runs] or _NO_TABLE).columns:
                        run_rows.refuse_older(_last_done(connection, names, self.run), self.run)
        except (duckdb.Error, OSError) as error:
            if not _in_use(error):
                raise explained(error, self.shown) from None

    def report(self, records: Sequence[RunRecord]) -> set[str]:
        """Make or migrate the tables and write the rows of runs that are at work or over; ids of those that are done."""
        try:
            with _writing(self.path) as connection:
                names = self._names(connection)
                _ensure_tables(connection, names)
                with _transaction(connection):
                    for record in records:
                        connection.execute(*run_rows.record_end(names, record, "?"))
                    ids = [record.run_id for record in records]
                    connection.execute(*run_rows.record_silent(names, ids[-1], "?"))
                    done = connection.execute(*run_rows.done_of(names, ids, "?")).fetchall()
        except (duckdb.Error, OSError) as error:
            raise explained(error, self.shown) from None
        return {run_id for (run_id,) in done}

    def commit(self, spool: Spool, account: Account, why_left: WhyLeft) -> Counts:
        """Write all rows of ``spool``, close the leads that left, and record the run."""
        try:
            with _writing(self.path) as connection, _bounded(connection, spool.rows):
                names = self._names(connection)
                _ensure_tables(connection, names)
                with _transaction(connection):
                    last = _last_done(connection, names, self.run)
                    run_rows.refuse_older(last, self.run)
                    counts = _merge(connection, names, self.run, spool, last, why_left)
                    connection.execute(*run_rows.record_run(names, self.run, counts, account, "?"))
        except (duckdb.Error, OSError) as error:
            raise explained(error, self.shown) from None
        return counts

    def _names(self, connection: Connection) -> TableNames:
        """The tables within the file: crm.lead_scores alone may mean the catalog of crm.duckdb, or the schema in it."""
        ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
        return replace(self.names, catalog=catalog)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Connection]:
    """The file, open for writing. Another program may have it open for a moment: a run that says how it ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection = connect_closed(path)
            break
        except (duckdb.Error, OSError) as error:
            if not _held_elsewhere(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    with connection:
        yield connection


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            connection.rollback()
        raise


@contextlib.contextmanager
def _bounded(connection: Connection, rows: int) -> Iterator[None]:
    """Keep DuckDB from taking all memory there is. Its settings are put back: the program may have the file open too."""
    names = ("memory_limit", "threads", "preserve_insertion_order")
    before = [connection.execute(f"SELECT current_setting('{name}')").fetchall()[0][0] for name in names]
    ((most,),) = connection.execute(f"SELECT parse_formatted_bytes('{before[0]}')").fetchall()
    limit = min(most, _MEMORY + _MEMORY_PER_LEAD * rows)
    _set(connection, names, (f"{limit}B", min(before[1], _THREADS), False))
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):  # an error before this one says more
            connection.execute("CHECKPOINT")  # otherwise closing does it, with the memory of before
        with contextlib.suppress(duckdb.Error):
            _set(connection, names, before)


def _set(connection: Connection, names: Sequence[str], values: Sequence[object]) -> None:
    for name, value in zip(names, values, strict=True):
        connection.execute(f"SET {name} = '{value}'")


def _ensure_tables(connection: Connection, names: TableNames) -> None:
    """Make what is missing, and add what later versions need; in a transaction of its own, before any row is written."""
    with _transaction(connection):
        if names.schema:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {names.quoted_schema}")
        existing = _check_tables(connection, names)
        for table, columns, key in sql.tables(names):
            found = existing[table]
            for statement in (
                sql.create(table, columns, key, "duckdb")
                if found is None
                else migration(table, columns, found, "duckdb")
            ):
                connection.execute(statement)
    if "project" not in (existing[names.runs] or _NO_TABLE).columns:
        connection.execute(run_rows.name_projects(names))
    view = _existing(connection, names, names.view)
    if view is None or not set(view.columns) >= set(PEOPLE):
        connection.execute(sql.create_view(names))


def _check_tables(connection: Connection, names: TableNames) -> dict[str, ExistingTable | None]:
    """Each table, or None; raises ``DataError`` if one has another shape."""
    found, short = {}, replace(names, catalog=None)  # as people write them
    for (table, columns, key), (shown, _, _) in zip(sql.tables(names), sql.tables(short), strict=True):
        found[table] = existing = _existing(connection, names, table)
        if existing is not None:
            check_shape(shown, columns, key, existing, "duckdb", short.view)
    return found


def _last_done(connection: Connection, names: TableNames, run: RunManifest) -> tuple[Any, ...] | None:
    found = connection.execute(*run_rows.last_done(names, run, "?")).fetchall()
    return found[0] if found else None


def _existing(connection: Connection, names: TableNames, quoted: str) -> ExistingTable | None:
    schema, table = names.schema or "main", quoted.rpartition(".")[2].strip('"')

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
        not_null=frozenset(
            name for (name,) in rows("SELECT column_name FROM (FROM duckdb_columns() WHERE NOT is_nullable)")
        ),
    )


def _merge(
    connection: Connection,
    names: TableNames,
    run: RunManifest,
    spool: Spool,
    last: tuple[object, ...] | None,
    why_left: WhyLeft,
) -> Counts:
    inserted, updated = merge(connection, names, run.run_id, spool)
    closed = close_absent(connection, names, run, spool, last, why_left)
    for statement, values in closings.unnamed(names, run, "?"):
        connection.execute(statement, values)
    return Counts(spool.rows, inserted, updated, closed)


def explained(error: Exception, shown: str) -> LeadlensError:
    """The error for a user; the cause is only in the text of DuckDB."""
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    holder = _HOLDER.search(message)
    if holder or "another process" in message:
        by = f"by {holder['program']} (process {holder['pid']})" if holder else "by another program"
        return UnavailableError(
            f"the DuckDB file is open {by}",
            where=shown,
            why="only one program at a time may write to a DuckDB file; nothing was written",
            fix="wait until it has finished or close it, and run again; PostgreSQL allows many writers",
        )
    if _in_use(error) and not is_full(error):
        return UnavailableError(
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
    if "Is a directory" in message:
        return LeadlensError(
            "a folder has this name",
            where=shown,
            why="scores go into a file; nothing was written",
            fix="name a file, or remove the folder",
        )
    if any(sign in message for sign in _DAMAGED):
        return LeadlensError(
            "this DuckDB file is damaged: its end is missing, or it was overwritten",
            where=shown,
            why=f"nothing was written: {message}",
            fix="restore it from a backup, or move it away: the next run then writes all scores into a new file",
        )
    kind = RoomError if is_full(error) else LeadlensError
    return kind(
        "the DuckDB file cannot be written",
        where=shown,
        why=f"nothing was written: {message}",
        fix="check the path, its permissions and the space left on the disk",
    )


def _held_elsewhere(error: Exception) -> bool:
    return bool(_HOLDER.search(str(error))) or "another process" in str(error)


def _in_use(error: Exception) -> bool:
    """By another program, or by another part of this one."""
    here = isinstance(error, duckdb.ConnectionException | duckdb.TransactionException)
    text = str(error)
    return here or _held_elsewhere(error) or "already attached" in text
