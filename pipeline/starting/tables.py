"""The tables of an export: the files of a folder, the sheets of a workbook, read as the sources of a project are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from features import DataError, LeadlensError, UsageError
from features.engines.dialect import DuckDBDialect
from features.engines.duckdb_connections import connect_in_memory
from features.errors import counted, listed
from pipeline.config import Project, ProjectFile, Source
from pipeline.sources.kinds import kind_of
from pipeline.sources.reading import Readable, read_source
from pipeline.sources.workbooks import is_workbook
from pipeline.starting.columns import Column, day_comes_first, profile

READABLE = (
    ".csv",
    ".tsv",
    ".txt",
    ".parquet",
    ".pq",
    ".xlsx",
    ".xlsm",
    ".xlsb",
    ".xls",
    ".ods",
    ".duckdb",
    ".ddb",
    ".jsonl",
    ".ndjson",
    ".zip",
)
_MOST_FILES = 60
_MOST_STEPS_UP = 3
_ENCODINGS = ("utf-8", "cp1252", "utf-16")


@dataclass(frozen=True, kw_only=True)
class ExportTable:
    """One table of an export.

    ``sql`` is its name in the database it was read into, ``label`` what people know it by, ``stem`` what names it (of a sheet the
    sheet's), ``source`` how a project reads it.
    """

    sql: str
    label: str
    stem: str
    source: Source
    rows: int
    columns: Mapping[str, Column] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> list[Column]:
        """The columns that hold values of one of the kinds, in order."""
        return [column for column in self.columns.values() if column.kind in kinds]


@dataclass(frozen=True)
class Export:
    """What stands in a file or folder. ``left_out`` are the files that were not read, each with the reason."""

    connection: duckdb.DuckDBPyConnection
    tables: tuple[ExportTable, ...]
    left_out: tuple[str, ...] = ()

    def value(self, sql: str) -> object:
        """The one value of a statement."""
        return self.connection.execute(sql).fetchall()[0][0]


def read_export(given: str, project: Path) -> Export:
    """Read every table of ``given``, a file or a folder. ``project`` is the project file that will be written: paths are relative to it.

    Raises ``UsageError`` where there is nothing to read, ``DataError`` where no file can be read.
    """
    paths = list(_paths(given))
    connection = connect_in_memory()
    connection.execute("SET TimeZone = 'UTC'")
    left_out: list[str] = []
    tables: list[ExportTable] = []
    failures: list[LeadlensError] = []
    for path in paths:
        if kind_of(str(path)) not in READABLE:
            left_out.append(
                f"{path.name}: no kind of file that is read ({', '.join(READABLE[:3])}, .xlsx, .ods, .parquet …)"
            )
            continue
        try:
            for table, stem in _tables_of(path):
                tables.append(_read(connection, path, table, stem, project, len(tables)))
        except LeadlensError as error:
            failures.append(error)
            left_out.append(f"{path.name}: {error.what}{f' ({error.value})' if error.value else ''}")
    if not tables:
        if failures and len(paths) == 1:
            raise failures[0]
        raise (DataError if failures else UsageError)(
            "nothing here can be read as an export",
            value=given,
            why="; ".join(left_out[:5]) or "it holds no file",
            fix="name a CSV file, a workbook (.xlsx, .ods), a Parquet file, or a folder with such files",
        )
    left_out += [f"{table.label}: it has a header and no rows" for table in tables if not table.rows]
    tables = [table for table in tables if table.rows]
    if not tables:
        raise DataError(
            "no table of this export has a row",
            value=given,
            why="; ".join(left_out[:5]),
            fix="export it again, with its rows",
        )
    return Export(
        connection, tuple(_profiled(connection, _together(connection, tables, left_out))), tuple(left_out)
    )


def _paths(given: str) -> Iterator[Path]:
    """The files that are meant, in order; hidden ones and those that Leadlens writes are none."""
    if "://" in given:
        raise UsageError(
            "init --from reads files and folders, no addresses",
            value=given,
            why="a project that names a database has its password in ${NAME}, which only you can choose",
            fix="export the tables to a folder; or run init without --from, and name the database under data: read:",
        )
    path = Path(given)
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            "there is no such file or folder",
            value=given,
            known=[str(path.parent / name) for name in beside],
            fix="name the file or folder that the CRM exported",
        )
    if path.is_file():
        yield path
        return
    files = sorted(each for each in path.rglob("*") if each.is_file() and not _hidden(each.relative_to(path)))
    if not files:
        raise UsageError(
            "this folder is empty", value=given, fix="name the folder that holds the exported files"
        )
    if len(files) > _MOST_FILES:
        raise UsageError(
            f"this folder holds {counted(len(files), 'file')}",
            value=given,
            why=f"more than {_MOST_FILES} are hardly one export",
            fix="put the files of the export into a folder of their own",
        )
    yield from files


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in path.parts)


def _tables_of(path: Path) -> Iterator[tuple[str | None, str]]:
    """(table to name in the project file, what names it) of each table in a file."""
    stem = path.name.split(".")[0] if kind_of(str(path)) else path.stem
    if is_workbook(path):
        from pipeline.sources.workbooks import filled_sheets

        sheets = filled_sheets(path, path.name)
        yield from ((None, stem),) if len(sheets) <= 1 else ((name, name) for name in sheets)
    elif kind_of(str(path)) in (".duckdb", ".ddb"):
        from features.engines.duckdb_connections import connect_closed

        with connect_closed(path, read_only=True) as database:
            names = database.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY 1"
            ).fetchall()
        yield from ((row[0], row[0]) for row in names)
    else:
        yield None, stem


def _read(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    table: str | None,
    stem: str,
    project: Path,
    number: int,
) -> ExportTable:
    where = f"{path.name}{f' [{table}]' if table else ''}"
    for encoding in _ENCODINGS:
        # by its absolute path: the project's folder may not be there yet
        source = Source.model_validate({"read": str(path.absolute()), "table": table, "encoding": encoding})
        file = ProjectFile(project.absolute(), _reading(source))
        try:
            read_source(connection, Readable(file, "leads", "data.leads", source), "raw_leads", styled=False)
            break
        except DataError as error:
            connection.execute("DROP TABLE IF EXISTS raw_leads")
            if f"not {encoding.upper()} text" not in error.what or encoding == _ENCODINGS[-1]:
                raise
    name = f"export_{number}"
    connection.execute(f"ALTER TABLE raw_leads RENAME TO {name}")
    rows = connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
    source = source.model_copy(update={"read": relative(path, project.parent)})
    return ExportTable(sql=name, label=where, stem=stem, source=source, rows=rows)


def _reading(source: Source) -> Project:
    """A project that reads nothing but one source, for what reads sources of projects."""
    return Project.model_validate({"name": "reading", "data": {"leads": source, "conversions": source}})


def _together(
    connection: duckdb.DuckDBPyConnection, tables: list[ExportTable], left_out: list[str]
) -> Iterator[ExportTable]:
    """Files with the same header, such as contacts-1.csv and contacts-2.csv, are one table; the same rows in a second file are none."""
    alike: dict[tuple[object, ...], list[ExportTable]] = {}
    for table in tables:
        header = tuple(row[0] for row in connection.execute(f"DESCRIBE {table.sql}").fetchall())
        alike.setdefault((header, re.sub(r"[\W_]*\d[\d\W_]*", "", table.stem.lower())), []).append(table)
    for same in alike.values():
        kept: list[ExportTable] = []
        for table in same:
            if twin := next((each for each in kept if _same_rows(connection, table, each)), None):
                left_out.append(f"{table.label}: the same rows as {twin.label}")
            else:
                kept.append(table)
        ways: dict[tuple[object, ...], list[ExportTable]] = {}
        for table in kept:
            kind = kind_of(str(table.source.read))
            ways.setdefault((kind, table.source.table, table.source.encoding), []).append(table)
        for each in ways.values():
            yield each[0] if len(each) == 1 else _below_each_other(connection, each)


def _same_rows(connection: duckdb.DuckDBPyConnection, table: ExportTable, other: ExportTable) -> bool:
    """Whether most rows of a table stand in another, too: the same export in two formats."""
    rows = (f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {each.sql}" for each in (table, other))
    shared = connection.execute(f"SELECT count(*) FROM ({' INTERSECT '.join(rows)})").fetchall()[0][0]
    return bool(shared >= 0.5 * min(table.rows, other.rows))


def _below_each_other(connection: duckdb.DuckDBPyConnection, same: list[ExportTable]) -> ExportTable:
    first = same[0]
    union = " UNION ALL BY NAME ".join(f"SELECT * FROM {each.sql}" for each in same)
    connection.execute(f"CREATE TABLE {first.sql}_all AS {union}")
    return ExportTable(
        sql=f"{first.sql}_all",
        label=listed(each.label for each in same),
        stem=first.stem,
        source=first.source.model_copy(update={"read": tuple(str(each.source.read) for each in same)}),
        rows=sum(each.rows for each in same),
    )


def _profiled(connection: duckdb.DuckDBPyConnection, tables: Iterator[ExportTable]) -> Iterator[ExportTable]:
    """With their columns. Dates that could be read in two ways are read as those that leave no doubt."""
    given = list(tables)
    columns = [profile(connection, table.sql, None) for table in given]
    first = day_comes_first(column for each in columns for column in each.values())
    for table, each in zip(given, columns, strict=True):
        if first is not None and any(column.doubt for column in each.values()):
            each = profile(connection, table.sql, first)
        yield ExportTable(**{**vars(table), "columns": each})


def relative(path: Path, folder: Path) -> str:
    """A path as the project file names it: relative where the two are near each other, else absolute."""
    own, home = path.absolute(), folder.absolute()
    steps = os.path.relpath(own, home)
    near = Path(os.path.commonpath([own, home])) != Path(own.anchor) and steps.count("..") <= _MOST_STEPS_UP
    return Path(steps if near else own).as_posix()


quote = DuckDBDialect().quote
