"""Read one source of the project file into DuckDB unchanged: files, DuckDB databases, SQL databases."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features import DataError, UsageError
from features.engines.dialect import DuckDBDialect
from features.engines.duckdb_connections import connect_closed, connect_in_memory
from features.errors import listed
from features.regular_files import refuse_no_file
from pipeline.config import ProjectFile, Source, expand, unexpanded
from pipeline.sources.contract import texts_of
from pipeline.sources.csv_files import read_csv_files
from pipeline.sources.plain_types import plain, plain_columns, plain_type, type_together, types_of
from pipeline.sources.queries import first_line, run_query
from pipeline.sources.to_duckdb import refuse_equal_names, to_duckdb
from pipeline.sources.unknown_words import Words, add_words, count_words, text_columns
from pipeline.sources.workbooks import WORKBOOKS, is_workbook

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_DUCKDB = (".duckdb", ".ddb")
_BATCH = 1 << 17
_quote = DuckDBDialect().quote
_COMPRESSED = (".gz", ".zst", ".bz2")


def read_source(connection: duckdb.DuckDBPyConnection, name: str, source: Source, file: ProjectFile) -> Words:
    """Read ``source`` into the table ``raw_<name>`` of ``connection``; returns its words for “not known”.

    Raises ``UsageError`` for a source that does not exist or does not match its settings, ``DataError`` for one that
    fails while it is read. Neither ever shows the value of a ``${NAME}``.
    """
    where, table = f"{file.path.name}: data.{name}", f"raw_{name}"
    location, shown = expand(source.read, where), unexpanded(source.read)
    words = Words()
    if "://" in location:
        from pipeline.sources.database import read_database

        to_duckdb(connection, table, read_database(location, shown, source.table, source.query, where))
    elif source.query is None:
        words = _read_path(connection, name, table, source, file.resolve(location), shown, where)
    else:
        with connect_in_memory() as sandbox:
            sandbox.execute("SET TimeZone = 'UTC'")
            words = _read_path(sandbox, name, "source", source, file.resolve(location), shown, where)
            to_duckdb(connection, table, run_query(sandbox, source.query, f"{where}.query"))
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    return add_words(words, [count_words(connection, table, text_columns(name, source.columns, types))])


def _read_path(
    con: duckdb.DuckDBPyConnection,
    name: str,
    table: str,
    source: Source,
    path: Path,
    shown: str,
    where: str,
) -> Words:
    paths = existing(path, shown, where, _defaults_used(source.read))
    if all(kind_of(item) in _DUCKDB for item in paths) and len(paths) == 1:
        _read_duckdb(con, table, source, paths[0], shown, where)
        return {}
    if source.table is not None and not is_workbook(paths[0]):
        raise UsageError(
            "a file has no tables", value=source.table, where=f"{where}.table", fix="leave `table` out"
        )
    refuse_mixed(paths, where)
    with reading_errors(source, where):
        if kind_of(paths[0]) in _PARQUET:
            _read_parquet(con, table, source, paths, where)
            return {}
        return read_csv_files(
            con,
            table,
            paths,
            source.encoding,
            where,
            lambda columns: texts_of(name, source.columns, columns),
            source.missing,
            source.table,
        )


def refuse_mixed(paths: list[str], where: str) -> None:
    """Raise ``UsageError`` unless all files are Parquet, all are CSV, or all are workbooks."""
    if not any(all(kind_of(item) in kinds for item in paths) for kinds in (_PARQUET, _CSV, WORKBOOKS)):
        kinds = sorted({kind_of(item) or Path(item).name for item in paths})
        raise UsageError(
            "this kind of file cannot be read"
            if len(kinds) == 1
            else "these files are not all of one readable kind",
            value=", ".join(kinds),
            where=where,
            fix="give .parquet, .csv (also .csv.gz), .xlsx, .ods or .duckdb",
        )


@contextmanager
def reading_errors(source: Source, where: str) -> Iterator[None]:
    """What goes wrong while files are read, as errors for people."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise _too_little_memory(error, where) from None
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise DataError(
            "this file cannot be read",
            value=first_line(error),
            where=f"{where} ({unexpanded(source.read)})",
            fix="check that it is complete, of the kind its name says, and that you may read it",
        ) from None


def existing_paths(source: Source, file: ProjectFile, where: str) -> list[str]:
    """The files of a source. Raises ``UsageError`` where there is none."""
    path = file.resolve(expand(source.read, where))
    return existing(path, unexpanded(source.read), where, _defaults_used(source.read))


def source_batches(
    file: ProjectFile, table: str, source: Source, words: Words, after: str | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a database, or of a query, batch by batch; at least one batch.

    With ``after``, only rows beyond that value of the source's cursor. The words for “not known” in the files of a query
    are added to ``words``.
    """
    where = f"{file.path.name}: data.{table}"
    location, shown = expand(source.read, where), unexpanded(source.read)
    if "://" in location:
        from pipeline.sources.database import database_batches

        yield from database_batches(
            location, shown, source.table, source.query, where, source.cursor if after else None, after
        )
        return
    with connect_in_memory() as sandbox:
        add_words(words, [read_source(sandbox, table, source, file)])
        yield from _batches(sandbox.sql(f"SELECT * FROM raw_{table}").to_arrow_reader(_BATCH))


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    yield from reader


def _too_little_memory(error: duckdb.Error, where: str) -> UsageError:
    return UsageError(
        "there is not enough memory to read this",
        value=first_line(error),
        where=where,
        fix="raise the limit: engine: {memory: 4GB} in the project file",
    )


def kind_of(path: str) -> str:
    """The suffix for the kind of file, without the suffix of a compression."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _defaults_used(read: str) -> str:
    """A remark about environment variables that are not set and have a default."""
    names = [name for name in re.findall(r"\$\{(\w+):-", read) if not os.environ.get(name)]
    return f"; {' and '.join(names)} not set, so the default applies: export {names[0]}=…" if names else ""


def existing(path: Path, shown: str, where: str, remark: str) -> list[str]:
    """The files that a path or pattern names. Raises ``UsageError`` where there is none."""
    refuse_no_file(path, where)
    if path.is_dir():
        raise UsageError(
            "this is a folder, not a file",
            value=shown,
            where=where,
            fix=f"read: {shown or '.'}/*.parquet, or *.csv",
        )
    # A path that exists is taken literally, even if it contains [ or *.
    paths = [str(path)] if path.exists() else sorted(glob.glob(str(path), recursive=True))
    if not paths:
        folder = path.parent.is_dir()
        raise UsageError(
            "there is no such file",
            value=shown,
            known=[_beside(shown, item.name) for item in path.parent.iterdir()] if folder else [],
            where=where,
            fix=("" if folder else "its folder does not exist either; ")
            + f"paths are relative to the project file's folder{remark}",
        )
    for found in paths:
        refuse_no_file(found, where)
    return paths


def _beside(shown: str, name: str) -> str:
    head, slash, _ = shown.replace("\\", "/").rpartition("/")
    return f"{head}{slash}{name}"


def _read_parquet(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, paths: list[str], where: str
) -> None:
    for path in paths:  # DuckDB would silently rename a second column of the same name
        names = pq.read_schema(path).names
        refuse_equal_names(names, f"{where} ({Path(path).name})", "rename one of them in the export")
    of_file = {path: con.read_parquet(glob.escape(path)) for path in paths}
    types = {path: types_of(relation) for path, relation in of_file.items()}
    if source.query is not None or all(kinds == types[paths[0]] for kinds in types.values()):
        _plain(con.read_parquet([glob.escape(path) for path in paths], union_by_name=True), source).create(
            table
        )
        return
    kinds: dict[str, list[str]] = {}
    for columns in types.values():
        for name, kind in columns.items():
            kinds.setdefault(name, []).append(plain_type(kind))
    resolved = {name: type_together(con, each) for name, each in kinds.items()}
    for place, (path, relation) in enumerate(of_file.items()):
        own = (
            f"CAST({plain(_quote(name), types[path][name]) if name in types[path] else 'NULL'} AS {kind}) AS {_quote(name)}"
            for name, kind in resolved.items()
        )
        rows = relation.project(", ".join(own))
        rows.insert_into(table) if place else rows.create(table)


def _plain(relation: duckdb.DuckDBPyRelation, source: Source) -> duckdb.DuckDBPyRelation:
    """The columns of a relation, each of a plain type; a `query` sees them as they are, to take from them what it wants."""
    types = types_of(relation)
    if source.query is not None:
        types = {name: kind if kind.startswith("UNION") else "VARCHAR" for name, kind in types.items()}
    return relation.project(", ".join(plain_columns(types)))


def _refuse_sqlite(path: str, shown: str, where: str) -> None:
    """Raise ``DataError`` for an SQLite file under the name of a DuckDB file."""
    with open(path, "rb") as file:
        if file.read(15) != b"SQLite format 3":
            return
    raise DataError(
        "this is an SQLite file, not a DuckDB file",
        value=shown,
        where=where,
        fix="give it as a database: read: sqlite:///path/to/file",
    )


def _read_duckdb(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, path: str, shown: str, where: str
) -> None:
    _refuse_sqlite(path, shown, where)
    try:
        with connect_closed(path, read_only=True) as database:
            rows = database.execute(
                "SELECT table_catalog, table_schema, table_name FROM information_schema.tables "
                "WHERE table_catalog = current_database() ORDER BY ALL"
            ).fetchall()
            by_name = {".".join(row): row for row in rows} | {row[2]: row for row in reversed(rows)}
            by_name |= {".".join(row[1:]): row for row in rows}
            if source.table not in by_name:
                raise UsageError(
                    "which table to read is not set" if source.table is None else "there is no such table",
                    value=source.table or shown,
                    known=by_name if source.table else (),
                    where=f"{where}.table",
                    fix=f"its tables: {listed(row[2] for row in rows)}",
                )
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in by_name[source.table])
            to_duckdb(con, table, _plain(database.sql(f"SELECT * FROM {quoted}"), source).to_arrow_table())
    except duckdb.OutOfMemoryException as error:
        raise _too_little_memory(error, where) from None
    except duckdb.PermissionException as error:
        raise DataError(
            "this table of the DuckDB file reads something outside of it",
            value=first_line(error),
            where=f"{where} ({shown})",
            why="a file from somebody else could read files of this machine that way, so nothing outside is opened",
            fix="in that file, make a table of the view: CREATE TABLE … AS SELECT * FROM …",
        ) from None
    except duckdb.Error as error:
        locked = "lock" in str(error)
        raise DataError(
            "this DuckDB file is open in another program" if locked else "this DuckDB file cannot be read",
            value=first_line(error),
            where=f"{where} ({shown})",
            fix="close that program, or read a copy" if locked else "check that it is a complete DuckDB file",
        ) from None
