"""Read one source of the project file into DuckDB unchanged: files, DuckDB databases, SQL databases."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from leadlens.features import DataError, UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.config import ProjectFile, Source, expand, unexpanded
from leadlens.pipeline.sources.contract import texts_of
from leadlens.pipeline.sources.csv_files import read_csv_files
from leadlens.pipeline.sources.csv_types import Fitting
from leadlens.pipeline.sources.duckdb_files import read_duckdb, too_little_memory
from leadlens.pipeline.sources.json_files import JSON
from leadlens.pipeline.sources.kinds import kind_of
from leadlens.pipeline.sources.parquet_files import read_parquet
from leadlens.pipeline.sources.partitions import Partitions, partitions_of
from leadlens.pipeline.sources.queries import first_line, run_query, tables_of
from leadlens.pipeline.sources.spark_tables import copied_files, is_spark_table
from leadlens.pipeline.sources.styles import UNCLEAR, styles_of
from leadlens.pipeline.sources.to_duckdb import to_duckdb
from leadlens.pipeline.sources.together import Read
from leadlens.pipeline.sources.unknown_words import Words, add_words, count_words, text_columns
from leadlens.pipeline.sources.workbooks import WORKBOOKS, is_workbook
from leadlens.pipeline.sources.zip_files import is_zip

_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_DUCKDB = (".duckdb", ".ddb")
ARCHIVES = (".zip",)
_BATCH = 1 << 17
_quote = DuckDBDialect().quote


@dataclass(frozen=True)
class Readable:
    """A source and where it stands: ``name`` is its table, or its own under ``others``; ``place`` as in ``data.events.0``."""

    file: ProjectFile
    name: str
    place: str
    source: Source

    @property
    def where(self) -> str:
        return f"{self.file.path.name}: {self.place}"


def read_source(
    connection: duckdb.DuckDBPyConnection,
    given: Readable,
    table: str,
    as_text: bool = False,
    styled: bool = True,
) -> tuple[Words, Read]:
    """Read a source into a ``table`` of ``connection``; returns its words for “not known”, and what is known of its columns.

    CSV files without a `query` are left as text with ``as_text``; without ``styled`` numbers and dates in other styles are text, as a query
    would see them.
    Raises ``UsageError`` for a source that does not exist or does not match its settings, ``DataError`` for one that
    fails while it is read. Neither ever shows the value of a ``${NAME}``.
    """
    source, fitting = given.source, None
    words, unclear = Words(), dict[str, str]()
    if runs_there(source, given.where):
        _read_database(connection, given, table, source.query)
    elif source.query is None:
        words, fitting = _read_files(connection, given, table, as_text, styled)
    else:
        words, unclear = _read_query(connection, given, table, source.query, ())
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    texts = types
    if fitting is not None and as_text:
        texts = {name: fitting.narrowest(name) or "VARCHAR" for name in types}
    read = Read(
        types, {}, (), unclear={name: value for name, value in unclear.items() if types.get(name) == "DOUBLE"}
    )
    if fitting is not None and as_text:
        read = Read(types, fitting.types, fitting.empty, text=True)
    elif fitting is not None:
        kinds_read = {name: kind for name in types if (kind := fitting.narrowest(name))}
        read = Read(types, {}, (), kinds=kinds_read, unclear=_unclear(fitting))
    kinds = text_columns(given.name, source.columns, texts)
    return add_words(words, [count_words(connection, table, kinds)]), read


def _read_query(
    connection: duckdb.DuckDBPyConnection, given: Readable, table: str, query: str, asking: tuple[str, ...]
) -> tuple[Words, dict[str, str]]:
    """Run a query over its own files, and over those of the project's sources that it names; returns the words for “not known” in its
    own files, and a value of each of their columns of which it is not clear what its points mean.
    """
    with connect_in_memory() as sandbox:
        sandbox.execute("SET TimeZone = 'UTC'")
        words, fitting = Words(), None
        if is_database(given.source, given.where):
            _read_database(sandbox, given, "source", None)
        else:
            words, fitting = _read_files(sandbox, given, "source", as_text=False, styled=False)
        asking = (*asking, given.name)
        others = sources_named(given)
        for number, other in enumerate(others):
            if other.name in asking:
                chain = " → ".join([*asking[asking.index(other.name) :], other.name])
                own = other.name == given.name
                raise UsageError(
                    "a query reads its own files under the name `source`"
                    if own
                    else "these queries read from each other, in a circle",
                    value=other.name if own else chain,
                    where=f"{given.where}.query",
                    fix="FROM source"
                    if own
                    else "let one of them read from files alone: name the file once more under data.others",
                )
            own_table = f"other_{number}"
            if other.source.query is not None and not runs_there(other.source, other.where):
                _read_query(sandbox, other, own_table, other.source.query, asking)
            else:
                read_source(sandbox, other, own_table, styled=False)
            sandbox.execute(f"CREATE VIEW {_quote(other.name)} AS SELECT * FROM {own_table}")
        known = ("source", *(other.name for other in others))
        to_duckdb(connection, table, run_query(sandbox, query, f"{given.where}.query", known))
    return words, {} if fitting is None else _unclear(fitting)


def _unclear(fitting: Fitting) -> dict[str, str]:
    return {name: fitting.example(name) for name in fitting.types if fitting.narrowest(name) == UNCLEAR}


def sources_named(given: Readable) -> list[Readable]:
    """The project's other sources that the query of a source over files names, in order."""
    data, source = given.file.project.data, given.source
    if source.query is None or runs_there(source, given.where):
        return []
    where = f"{given.where}.query"
    found = []
    for name in tables_of(source.query, where):
        if name in data.others:
            found.append(Readable(given.file, name, f"data.others.{name}", data.others[name]))
            continue
        if name not in data.tables or not data.sources(name):
            continue  # DuckDB says what it does not know
        places = data.places(name)
        if len(places) > 1 and name != given.name:
            raise UsageError(
                "this table has several sources, so which of them is meant is not clear",
                value=name,
                where=where,
                fix=f"name the one that you mean once more: data: {{others: {{my_{name}: {{read: …}}}}}}, and read from my_{name}",
            )
        found.append(Readable(given.file, name, *places[0]))
    return found


def is_database(source: Source, where: str) -> bool:
    """Whether a source is read through a network, so that only reading tells whether it changed."""
    networked = ["://" in expand(address, where) and not is_spark_table(address) for address in source.reads]
    if any(networked) and len(networked) > 1:
        raise UsageError(
            "a list under `read` is a list of files, and this is a database",
            value=unexpanded(source.reads[networked.index(True)]),
            where=f"{where}.read",
            fix="make it a source of its own: a list of {read: …} in the place of one",
        )
    return networked[0]


def runs_there(source: Source, where: str) -> bool:
    """Whether a source is a database that returns a table or runs the query: with both, the query runs here, over that table."""
    return is_database(source, where) and not (source.table is not None and source.query is not None)


def _read_database(
    connection: duckdb.DuckDBPyConnection, given: Readable, table: str, query: str | None
) -> None:
    from leadlens.pipeline.sources.database import read_database

    (address,) = given.source.reads
    location, shown = expand(address, given.where), unexpanded(address)
    to_duckdb(connection, table, read_database(location, shown, given.source.table, query, given.where))


def _read_files(
    con: duckdb.DuckDBPyConnection, given: Readable, table: str, as_text: bool, styled: bool
) -> tuple[Words, Fitting | None]:
    source, where = given.source, given.where
    paths = existing_paths(source, given.file, where)
    if all(kind_of(item) in _DUCKDB for item in paths) and len(paths) == 1:
        read_duckdb(con, table, source, paths[0], _shown(source), where)
        return {}, None
    if source.table is not None and not has_tables(paths[0]):
        raise UsageError(
            "a file has no tables", value=source.table, where=f"{where}.table", fix="leave `table` out"
        )
    refuse_mixed(paths, where)
    with reading_errors(source, where):
        if kind_of(paths[0]) in _PARQUET:
            folders = partitions_by_path(source, given.file, where, paths)
            read_parquet(con, table, source, folders, where)
            return {}, None
        return read_csv_files(
            con,
            table,
            paths,
            source.encoding,
            where,
            lambda columns: texts_of(given.name, source.columns, columns),
            source.missing,
            source.table,
            as_text,
            # A query sees such texts as they are written, and does with them what it wants.
            styles_of(source.dates, source.decimals),
            styled,
        )


def has_tables(path: str) -> bool:
    """Whether `table` says what to read of a file: the sheet of a workbook, the file in an archive."""
    return is_workbook(path) or is_zip(path)


def refuse_mixed(paths: list[str], where: str) -> None:
    """Raise ``UsageError`` unless all files are Parquet, CSV, JSON, workbooks or zip archives."""
    if not any(
        all(kind_of(item) in kinds for item in paths) for kinds in (_PARQUET, _CSV, WORKBOOKS, JSON, ARCHIVES)
    ):
        kinds = sorted({kind_of(item) or Path(item).name for item in paths})
        raise UsageError(
            "this kind of file cannot be read"
            if len(kinds) == 1
            else "these files are not all of one readable kind",
            value=", ".join(kinds),
            where=where,
            fix="give .parquet, .csv or .jsonl (also .gz, .zip), .xlsx, .ods or .duckdb",
        )


@contextmanager
def reading_errors(source: Source, where: str) -> Iterator[None]:
    """What goes wrong while files are read, as errors for people."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise too_little_memory(error, where) from None
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise DataError(
            "this file cannot be read",
            value=first_line(error),
            where=f"{where} ({_shown(source)})",
            fix="check that it is complete, of the kind its name says, and that you may read it",
        ) from None


def existing_paths(source: Source, file: ProjectFile, where: str) -> list[str]:
    """The files of a source, in order. Raises ``UsageError`` where there is none, and for one that is named twice."""
    paths: dict[str, str] = {}
    for address in source.reads:
        if is_spark_table(address):
            paths |= dict.fromkeys(copied_files(file, address, where), unexpanded(address))
            continue
        path = file.resolve(expand(address, where))
        for found in existing(path, unexpanded(address), where, _defaults_used(address)):
            if found in paths:
                raise UsageError(
                    "this file is named twice in `read`",
                    value=f"{Path(found).name}, by {paths[found]} and {unexpanded(address)}",
                    where=f"{where}.read",
                    why="each of its rows would count twice",
                    fix="name it once",
                )
            paths[found] = unexpanded(address)
    return list(paths)


def partitions_by_path(
    source: Source, file: ProjectFile, where: str, paths: list[str]
) -> dict[str, Partitions]:
    """Of each file of a source the columns that its folders are named after: those of Parquet below a star."""
    found: dict[str, Partitions] = dict.fromkeys(paths, ())
    for address in source.reads:
        if is_spark_table(address):
            continue
        pattern = file.resolve(expand(address, where))
        if not pattern.exists():  # else it is taken literally
            for path in paths:
                if kind_of(path) in _PARQUET:
                    found[path] = found[path] or partitions_of(str(pattern), path)
    return found


def _shown(source: Source) -> str:
    return ", ".join(map(unexpanded, source.reads))


def source_batches(
    given: Readable, words: Words, unclear: dict[str, str], after: str | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a database, or of a query, batch by batch; at least one batch.

    With ``after``, only rows beyond that value of the source's cursor. The words for “not known” in the files of a query
    are added to ``words``, and a value of each column whose points may mean either to ``unclear``.
    """
    source = given.source
    if source.cursor is not None and source.table is not None and source.query is not None:
        raise UsageError(
            "cursor does not go together with a query over a table of a database",
            value=source.cursor,
            where=f"{given.where}.cursor",
            why="the query runs here, over the whole table, and may need its earlier rows",
            fix="leave `table` out: then the query runs in the database, in its SQL",
        )
    if runs_there(source, given.where):
        from leadlens.pipeline.sources.database import database_batches

        (address,) = source.reads
        location, shown = expand(address, given.where), unexpanded(address)
        cursor = source.cursor if after else None
        yield from database_batches(location, shown, source.table, source.query, given.where, cursor, after)
        return
    with connect_in_memory() as sandbox:
        found, read = read_source(sandbox, given, "read")
        add_words(words, [found])
        unclear |= read.unclear
        yield from _batches(sandbox.sql("SELECT * FROM read").to_arrow_reader(_BATCH))


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    yield from reader


def _defaults_used(read: str) -> str:
    """A remark about environment variables that are not set and have a default."""
    names = [name for name in re.findall(r"\$\{(\w+):-", read) if not os.environ.get(name)]
    return f"; {' and '.join(names)} not set, so the default applies: export {names[0]}=…" if names else ""


class NoSuchFile(UsageError):
    """A path or pattern names no file."""


def existing(path: Path, shown: str, where: str, remark: str) -> list[str]:
    """The files that a path or pattern names. Raises ``UsageError`` where there is none (``NoSuchFile``), or a folder."""
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
        raise NoSuchFile(
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
