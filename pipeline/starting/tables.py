"""The tables of an export, read as the sources of a project are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from leadlens.features import DataError, LeadlensError, UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.errors import listed
from leadlens.features.secrets import without_secrets
from leadlens.pipeline.config import Project, ProjectFile, Source
from leadlens.pipeline.sources.kinds import kind_of
from leadlens.pipeline.sources.reading import Readable, read_source
from leadlens.pipeline.sources.styles import COMMA
from leadlens.pipeline.starting.columns import Column, day_comes_first, profile
from leadlens.pipeline.starting.places import Place, places, why

_MOST_STEPS_UP = 3
_ENCODINGS = ("utf-8", "cp1252", "utf-16")


@dataclass(frozen=True, kw_only=True)
class ExportTable:
    """One table of an export.

    ``sql`` is its name in the database it was read into, ``label`` what people know it by, ``stem`` what names it (of a sheet the
    sheet's), ``source`` how a project reads it. ``kinds`` are those by which columns of text were read, ``unclear`` a value of each column
    of which it is not clear what its points mean.
    """

    sql: str
    label: str
    stem: str
    source: Source
    rows: int
    columns: Mapping[str, Column] = field(default_factory=dict)
    place: Place | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)

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
    """Read every table of ``given``, a file, a folder or the address of a database. ``project`` is the project file that will be
    written: paths are relative to it.

    Raises ``UsageError`` where there is nothing to read, ``DataError`` where no file can be read.
    """
    connection = connect_in_memory()
    connection.execute("SET TimeZone = 'UTC'")
    left_out: list[str] = []
    tables: list[ExportTable] = []
    failures: list[LeadlensError] = []
    for place in places(given, left_out, failures):
        try:
            tables.append(_read(connection, place, project, len(tables)))
        except LeadlensError as error:
            failures.append(error)
            left_out.append(why(place.label, error))
    if not tables:
        if len(failures) == 1 and len(left_out) == 1:
            raise failures[0]
        raise (DataError if failures else UsageError)(
            "nothing here can be read as an export",
            value=without_secrets(given),
            why="; ".join(left_out[:5]) or "it holds no table",
            fix="name a CSV or JSON file, a workbook (.xlsx, .ods), a Parquet file, a .zip of such, a folder with such files, or a database",
        )
    left_out += [f"{table.label}: it has a header and no rows" for table in tables if not table.rows]
    tables = [table for table in tables if table.rows]
    if not tables:
        raise DataError(
            "no table of this export has a row",
            value=without_secrets(given),
            why="; ".join(left_out[:5]),
            fix="export it again, with its rows",
        )
    tables = _in_one_style(connection, tables, project)
    return Export(
        connection, tuple(_profiled(connection, _together(connection, tables, left_out))), tuple(left_out)
    )


def _read(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    project: Path,
    number: int,
    decimals: str | None = None,
) -> ExportTable:
    # by its absolute path: the project's folder may not be there yet
    read = str(place.read.absolute()) if isinstance(place.read, Path) else place.read
    for encoding in _ENCODINGS:
        source = Source.model_validate(
            {"read": read, "table": place.table, "encoding": encoding, "decimals": decimals}
        )
        file = ProjectFile(project.absolute(), _reading(source))
        try:
            given = Readable(file, "leads", "data.leads", source)
            _, found = read_source(connection, given, "raw_leads", styled=False)
            break
        except DataError as error:
            connection.execute("DROP TABLE IF EXISTS raw_leads")
            if f"not {encoding.upper()} text" not in error.what or encoding == _ENCODINGS[-1]:
                raise
    name = f"export_{number}"
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"ALTER TABLE raw_leads RENAME TO {name}")
    rows = connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
    if isinstance(place.read, Path):
        source = source.model_copy(update={"read": relative(place.read, project.parent)})
    return ExportTable(
        sql=name,
        label=place.label,
        stem=place.stem,
        source=source,
        rows=rows,
        place=place,
        kinds=found.kinds,
        unclear=found.unclear,
    )


def _in_one_style(
    connection: duckdb.DuckDBPyConnection, tables: list[ExportTable], project: Path
) -> list[ExportTable]:
    """Where a file does not show whether the point in 1.500 is one of decimals, the others do: then all are read so, and say it."""
    kinds = {kind for table in tables for kind in table.kinds.values()}
    if not any(table.unclear for table in tables) or (COMMA in kinds) == ("DOUBLE" in kinds):
        return tables
    decimals = "comma" if COMMA in kinds else "point"
    return [
        _read(connection, table.place, project, number, decimals)
        if table.place is not None and (table.unclear or COMMA in table.kinds.values())
        else table
        for number, table in enumerate(tables)
    ]


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
            way = (kind, table.source.table, table.source.encoding, table.source.decimals)
            ways.setdefault(way, []).append(table)
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
        kinds={name: kind for each in same for name, kind in each.kinds.items()},
        unclear={name: value for each in same for name, value in each.unclear.items()},
    )


def _profiled(connection: duckdb.DuckDBPyConnection, tables: Iterator[ExportTable]) -> Iterator[ExportTable]:
    """With their columns. Dates that could be read in two ways are read as those that leave no doubt."""
    given = list(tables)
    commas = [{name for name, kind in table.kinds.items() if kind == COMMA} for table in given]
    columns = [profile(connection, table.sql, None, own) for table, own in zip(given, commas, strict=True)]
    first = day_comes_first(column for each in columns for column in each.values())
    for table, each, own in zip(given, columns, commas, strict=True):
        if first is not None and any(column.doubt for column in each.values()):
            each = profile(connection, table.sql, first, own)
        yield ExportTable(**{**vars(table), "columns": each})


def relative(path: Path, folder: Path) -> str:
    """A path as the project file names it: relative where the two are near each other, else absolute."""
    own, home = path.absolute(), folder.absolute()
    steps = os.path.relpath(own, home)
    near = Path(os.path.commonpath([own, home])) != Path(own.anchor) and steps.count("..") <= _MOST_STEPS_UP
    return Path(steps if near else own).as_posix()


quote = DuckDBDialect().quote
