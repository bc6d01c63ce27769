"""A person in the tables and files that scores are written to: rows counted, and removed with their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_closed, connect_own
from leadlens.pipeline.forgetting.removal import Removal, Stored
from leadlens.pipeline.forgetting.tables import forget_in_file, rows_in_file
from leadlens.pipeline.forgetting.workbooks import rows_of_workbook
from leadlens.pipeline.private import private_files
from leadlens.pipeline.writeback.duckdb import explained as explained_by_duckdb
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.target import Target, parse_target

_dialect = DuckDBDialect()
_quote, _literal = _dialect.quote, _dialect.literal


def stored_in_target(to: str, table: str, project: str, ids: Sequence[str]) -> list[Stored]:
    """What a target has of a person, now and before. Raises as :func:`forget_in_target` does."""
    target, names = parse_target(to), TableNames.parse(table)
    if target.kind == "postgresql":
        found = _of_postgres(target, names, project, ids)
    elif not target.path.exists():
        return []
    elif target.kind == "duckdb":
        found = _of_duckdb(target, names, project, ids)
    elif target.kind == "xlsx":
        found = [("lines of the workbook", rows_of_workbook(target.path, ids))]
    else:
        found = [("rows of scores", rows_in_file(target.path, ids))]
    return [Stored(target.shown, what, tuple(rows)) for what, rows in found if rows]


def forget_in_target(to: str, table: str, ids: Sequence[str], *, project: str = "") -> list[Removal]:
    """Remove a person from a target, where it is there, and from the table of what scores were before.

    Rows that a model of another project wrote are somebody else's. A DuckDB file is written anew, since rows that are deleted stay in
    it; PostgreSQL is told to reuse their room (VACUUM). A workbook goes as a whole if it has the person. Raises ``UnavailableError`` where the
    target cannot be reached or is in use; then nothing was removed from it.
    """
    target, names = parse_target(to), TableNames.parse(table)
    if target.kind == "postgresql":
        found = _postgres(target, names, project, ids)
    elif not target.path.exists():
        return []
    elif target.kind == "duckdb":
        found = _duckdb(target, names, project, ids)
    elif target.kind == "xlsx":
        listed = bool(rows_of_workbook(target.path, ids))
        if listed:
            Path(os.path.realpath(target.path)).unlink()  # a symbolic link stays one
        found = [("file removed; the next score writes it again", int(listed))]
    else:
        found = [("rows of scores", forget_in_file(target.path, ids))]
    return [Removal(target.shown, what, count) for what, count in found if count]


def _tables(names: TableNames) -> tuple[tuple[str, str], ...]:
    return ("rows of scores", names.scores), ("rows of earlier scores", names.history)


def _theirs(ids: Sequence[str], mark: str, marks: str) -> str:
    """SQL of whether a row is of the person and of this project."""
    other = f"strpos(model_version, '/') > 0 AND split_part(model_version, '/', 1) <> {mark}"
    return f"lead_id IN ({marks}) AND NOT coalesce({other}, FALSE)"


def _plain(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in zip(columns, row, strict=True) if value is not None} for row in rows
    ]


# DuckDB


def _of_duckdb(
    target: Target, names: TableNames, project: str, ids: Sequence[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    found = []
    try:
        with connect_closed(target.path, read_only=True) as connection:
            for what, table, theirs in _in_duckdb(connection, names, ids):
                cursor = connection.execute(f"FROM {table} WHERE {theirs} ORDER BY as_of", [*ids, project])
                columns = [each[0] for each in cursor.description or ()]
                found.append((what, _plain(columns, cursor.fetchall())))
    except (duckdb.Error, OSError) as error:
        raise explained_by_duckdb(error, target.shown) from None
    return found


def _duckdb(target: Target, names: TableNames, project: str, ids: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    try:
        with connect_closed(target.path) as connection:
            for what, table, theirs in _in_duckdb(connection, names, ids):
                deleted = connection.execute(f"DELETE FROM {table} WHERE {theirs}", [*ids, project])
                found.append((what, int(deleted.fetchall()[0][0])))
            connection.execute("CHECKPOINT")
        if any(count for _, count in found):
            rewrite_duckdb(target.path)
    except (duckdb.Error, OSError) as error:
        raise explained_by_duckdb(error, target.shown) from None
    return found


def _in_duckdb(
    connection: duckdb.DuckDBPyConnection, names: TableNames, ids: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """The tables that runs have written here, each with SQL of whose a row is."""
    ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
    for what, table in _tables(replace(names, catalog=catalog)):
        try:
            connection.execute(f"SELECT lead_id, as_of, model_version FROM {table} LIMIT 0")
        except (duckdb.CatalogException, duckdb.BinderException):  # no run has written here
            continue
        yield what, table, _theirs(ids, "?", ", ".join("?" * len(ids)))


def rewrite_duckdb(path: Path) -> None:
    """Copy a DuckDB file without what was deleted from it, and put the copy in its place; tables, views and comments stay.

    Raises ``duckdb.Error`` or ``OSError``; the file is as it was then.
    """
    real = Path(os.path.realpath(path))
    copy = real.with_name(f".{real.name}.{uuid4().hex[:8]}.unfinished")
    try:
        with private_files(), connect_own(copy) as connection:
            ((new,),) = connection.execute("SELECT current_database()").fetchall()
            connection.execute(f"ATTACH {_literal(str(real))} AS before (READ_ONLY)")
            connection.execute(f"COPY FROM DATABASE before TO {_quote(new)}")
            for schema, table, column, comment in connection.execute(
                """
                SELECT schema_name, table_name, column_name, comment
                FROM duckdb_columns()
                WHERE database_name = 'before' AND comment IS NOT NULL AND NOT internal
                  AND (schema_name, table_name) IN (
                    SELECT (schema_name, table_name) FROM duckdb_tables() WHERE database_name = 'before'
                  )
                """
            ).fetchall():
                place = ".".join(map(_quote, (new, schema, table, column)))
                connection.execute(f"COMMENT ON COLUMN {place} IS {_literal(comment)}")
            _refuse_loss(connection, new)
            connection.execute("DETACH before")
            connection.execute("CHECKPOINT")
        os.chmod(copy, real.stat().st_mode & 0o777)
        os.replace(copy, real)
    finally:
        for left in (copy, Path(f"{copy}.wal")):
            left.unlink(missing_ok=True)


def _refuse_loss(connection: duckdb.DuckDBPyConnection, new: str) -> None:
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'before'"
    ).fetchall()
    for place in tables:
        counts = [
            connection.execute(f"SELECT count(*) FROM {'.'.join(map(_quote, (name, *place)))}").fetchall()
            for name in ("before", new)
        ]
        if counts[0] != counts[1]:
            raise OSError(f"the copy of {'.'.join(place)} is not whole")


# PostgreSQL


@contextmanager
def _connected(target: Target, names: TableNames) -> Iterator[Any]:
    import psycopg

    from leadlens.pipeline.writeback.postgres import open_session
    from leadlens.pipeline.writeback.postgres_errors import explained

    assert target.url is not None
    try:
        with open_session(target.url) as connection:
            yield connection
    except psycopg.Error as error:
        raise explained(error, target.url, target.shown, names) from None


def _of_postgres(
    target: Target, names: TableNames, project: str, ids: Sequence[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    found = []
    with _connected(target, names) as connection:
        for what, table, theirs in _in_postgres(connection, names, ids):
            cursor = connection.execute(
                f"SELECT * FROM {table} WHERE {theirs} ORDER BY as_of", [*ids, project]
            )
            found.append((what, _plain([each.name for each in cursor.description], cursor.fetchall())))
    return found


def _postgres(target: Target, names: TableNames, project: str, ids: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    with _connected(target, names) as connection:
        there = list(_in_postgres(connection, names, ids))
        for what, table, theirs in there:
            found.append(
                (what, connection.execute(f"DELETE FROM {table} WHERE {theirs}", [*ids, project]).rowcount)
            )
        connection.commit()
        if any(count for _, count in found):
            connection.autocommit = True
            for _, table, _ in there:
                connection.execute(f"VACUUM {table}")
    return found


def _in_postgres(connection: Any, names: TableNames, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for what, table in _tables(names):
        if connection.execute("SELECT to_regclass(%s)", [table]).fetchone()[0] is not None:
            yield what, table, _theirs(ids, "%s", ", ".join(["%s"] * len(ids)))
