"""A person in the tables and files that scores are written to: rows counted, and removed with their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from features import DataError
from features.engines.dialect import DuckDBDialect
from features.engines.duckdb_connections import connect_closed, connect_own
from pipeline.forgetting.removal import Removal
from pipeline.private import private_files
from pipeline.writeback.duckdb import explained as explained_by_duckdb
from pipeline.writeback.names import TableNames
from pipeline.writeback.target import Target, parse_target
from pipeline.writeback.unfinished import replacing

_dialect = DuckDBDialect()
_quote, _literal = _dialect.quote, _dialect.literal


def rows_in_target(to: str, table: str, ids: Sequence[str]) -> list[Removal]:
    """How many rows a target has of a person. Raises as :func:`forget_in_target` does."""
    return _of_target(to, table, ids, remove=False)


def forget_in_target(to: str, table: str, ids: Sequence[str]) -> list[Removal]:
    """Remove a person from a target, where it is there, and from the table of what scores were before.

    A DuckDB file is written anew, since rows that are deleted stay in it; PostgreSQL is told to reuse their room (VACUUM). Raises
    ``UnavailableError`` where the target cannot be reached or is in use; then nothing was removed from it.
    """
    return _of_target(to, table, ids, remove=True)


def _of_target(to: str, table: str, ids: Sequence[str], remove: bool) -> list[Removal]:
    target, names = parse_target(to), TableNames.parse(table)
    if target.kind == "postgresql":
        found = _postgres(target, names, ids, remove)
    elif not target.path.exists():
        return []
    elif target.kind == "duckdb":
        found = _duckdb(target, names, ids, remove)
    elif target.path.suffix.lower() not in (".parquet", ".csv"):  # a workbook, which each run writes anew
        if remove:
            target.path.unlink()
        found = [
            ("file removed; the next score writes it anew" if remove else "file that may list the lead", 1)
        ]
    else:
        found = [("rows of scores", forget_in_file(target.path, ids, remove))]
    return [Removal(target.shown, what, count) for what, count in found if count]


# DuckDB


def _duckdb(target: Target, names: TableNames, ids: Sequence[str], remove: bool) -> list[tuple[str, int]]:
    try:
        with connect_closed(target.path, read_only=not remove) as connection:
            ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
            own = replace(names, catalog=catalog)
            found = _delete(connection, own, ids, remove)
            if remove:
                connection.execute("CHECKPOINT")
        if remove and any(count for _, count in found):
            rewrite_duckdb(target.path)
    except (duckdb.Error, OSError) as error:
        raise explained_by_duckdb(error, target.shown) from None
    return found


def _delete(
    connection: duckdb.DuckDBPyConnection, names: TableNames, ids: Sequence[str], remove: bool
) -> list[tuple[str, int]]:
    these = ", ".join("?" * len(ids))
    found = []
    for what, table in (("rows of scores", names.scores), ("rows of earlier scores", names.history)):
        try:
            count = connection.execute(f"SELECT count(*) FROM {table} WHERE lead_id IN ({these})", ids)
        except (duckdb.CatalogException, duckdb.BinderException):  # no run has written here
            continue
        found.append((what, int(count.fetchall()[0][0])))
        if remove:
            connection.execute(f"DELETE FROM {table} WHERE lead_id IN ({these})", ids)
    return found


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

    from pipeline.writeback.postgres import open_session
    from pipeline.writeback.postgres_errors import explained

    assert target.url is not None
    try:
        with open_session(target.url) as connection:
            yield connection
    except psycopg.Error as error:
        raise explained(error, target.url, target.shown, names) from None


def _postgres(target: Target, names: TableNames, ids: Sequence[str], remove: bool) -> list[tuple[str, int]]:
    found = []
    with _connected(target, names) as connection:
        tables = (("rows of scores", names.scores), ("rows of earlier scores", names.history))
        there = [
            (what, table)
            for what, table in tables
            if connection.execute("SELECT to_regclass(%s)", [table]).fetchone()[0] is not None
        ]
        for what, table in there:
            statement = "DELETE FROM" if remove else "SELECT FROM"
            done = connection.execute(f"{statement} {table} WHERE lead_id = ANY(%s)", [list(ids)])
            found.append((what, done.rowcount))
        connection.commit()
        if remove and any(count for _, count in found):
            connection.autocommit = True
            for _, table in there:
                connection.execute(f"VACUUM {table}")
    return found


# files


def forget_in_file(path: Path, ids: Sequence[str], remove: bool = True) -> int:
    """The rows of a person in a Parquet or CSV file, which is written anew without them.

    They are known by the column ``lead_id``; in a file without one, such as for the import of a CRM, by an id in any column of text.
    Raises ``DataError`` for a file that cannot be read.
    """
    try:
        rows = _read(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError("this file cannot be read", value=str(error), where=str(path)) from None
    known = pa.array(list(ids), pa.string())
    sought = ["lead_id"] if "lead_id" in rows.column_names else rows.column_names
    theirs = pa.array([False] * len(rows))
    for name in sought:
        column = rows.column(name)
        if pa.types.is_string(column.type) or name == "lead_id":
            found = pa.compute.is_in(column.cast(pa.string()).combine_chunks(), known)
            theirs = pa.compute.or_(theirs, found)
    count = int(pa.compute.sum(theirs).as_py() or 0)
    if count and remove:
        kept = rows.filter(pa.compute.invert(theirs))
        with replacing(Path(os.path.realpath(path))) as file:
            if path.suffix.lower() == ".csv":
                file.write(b"\xef\xbb\xbf")  # as it was written, for Excel
                pyarrow.csv.write_csv(kept, file)
            else:
                pyarrow.parquet.write_table(kept, file, compression="zstd")
    return count


def _read(path: Path) -> pa.Table:
    if path.suffix.lower() != ".csv":
        return pyarrow.parquet.ParquetFile(path).read()
    with path.open("rb") as file:
        names = pyarrow.csv.open_csv(file).schema.names
    texts = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return pyarrow.csv.read_csv(
        path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True), convert_options=texts
    )
