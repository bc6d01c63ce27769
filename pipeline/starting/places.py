"""Where the tables of an export stand: files of a folder, sheets of a workbook, files of an archive, tables of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leadlens.features import LeadlensError, UsageError
from leadlens.features.errors import counted, listed
from leadlens.features.secrets import without_secrets
from leadlens.pipeline.config import expand, unexpanded
from leadlens.pipeline.sources.kinds import kind_of

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
    ".json",
    ".jsonl",
    ".ndjson",
    ".zip",
)
_SQLITE = (".db", ".sqlite", ".sqlite3")
_MOST_FILES = 60
_MOST_ROWS = (
    3_000_000  # of a table in a database: more takes longer to read than anybody waits for a proposal
)
_WHERE = "--from"


@dataclass(frozen=True)
class Place:
    """One table: ``read`` is the file or the address of the database, ``table`` what is read of it. People know it by ``label``, and
    ``stem`` names it.
    """

    read: Path | str
    label: str
    stem: str
    table: str | None = None


def places(given: str, left_out: list[str], failures: list[LeadlensError]) -> Iterator[Place]:
    """The tables of a file, a folder or a database, in order. What is no table is noted in ``left_out``, and in ``failures`` if it
    cannot be read.

    Raises ``UsageError`` where there is no such file, folder or database.
    """
    scheme, mark, rest = given.partition("://")
    if mark and scheme == "duckdb":
        yield from _readable(Path(rest.removeprefix("/")), left_out, failures)
    elif mark:
        yield from _of_database(given, left_out)
    else:
        for path in _paths(given):
            yield from _readable(path, left_out, failures)


def _readable(path: Path, left_out: list[str], failures: list[LeadlensError]) -> Iterator[Place]:
    kind = kind_of(str(path))
    if kind not in (*READABLE, *_SQLITE):
        left_out.append(
            f"{path.name}: not a kind of file that can be read ({', '.join(READABLE[:3])}, .xlsx, .ods, .parquet …)"
        )
        return
    try:
        yield from list(_of_file(path, kind, left_out))
    except LeadlensError as error:
        failures.append(error)
        left_out.append(why(path.name, error))


def why(label: str, error: LeadlensError) -> str:
    """A file or table that cannot be read, and why."""
    return f"{label}: {error.what}{f' ({error.value})' if error.value else ''}"


def _of_file(path: Path, kind: str, left_out: list[str]) -> Iterator[Place]:
    stem = path.name.split(".")[0]
    tables: Callable[[Path], list[str]] | None = _TABLES.get(kind)
    if kind in _SQLITE:
        yield from _of_database(f"sqlite:///{path.absolute()}", left_out, f"{path.name} ")
        return
    names = tables(path) if tables is not None else []
    if len(names) <= 1 and kind not in (".duckdb", ".ddb"):
        yield Place(path, path.name, stem)
        return
    for name in names:
        own = Path(name).name.split(".")[0] if kind == ".zip" else name
        own = name.rpartition(".")[2] if kind in (".duckdb", ".ddb") else own  # without its schema
        yield Place(path, f"{path.name} [{name}]", own, name)


def _sheets(path: Path) -> list[str]:
    from leadlens.pipeline.sources.workbooks import filled_sheets

    return filled_sheets(path, path.name)


def _members(path: Path) -> list[str]:
    from leadlens.pipeline.sources.zip_files import readable_members

    return readable_members(path, path.name)


def _duckdb_tables(path: Path) -> list[str]:
    from leadlens.features.engines.duckdb_connections import connect_closed
    from leadlens.pipeline.sources.duckdb_files import tables_in

    if not path.is_file():
        raise UsageError(
            "there is no such file",
            value=str(path),
            where=_WHERE,
            fix="duckdb:///crm.duckdb is a path from here, duckdb:////data/crm.duckdb an absolute one",
        )
    with connect_closed(path, read_only=True) as database:
        return tables_in(database)


_TABLES: dict[str, Callable[[Path], list[str]]] = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), _sheets),
    **dict.fromkeys((".duckdb", ".ddb"), _duckdb_tables),
    ".zip": _members,
}


def _of_database(given: str, left_out: list[str], prefix: str = "") -> Iterator[Place]:
    """The tables of a database; ``#crm`` at the end of its address names one of its schemas."""
    from leadlens.pipeline.sources.database import tables_of_database

    address, _, schema = given.partition("#")
    if without_secrets(address) != address:
        raise UsageError(
            "this address has a password in it",
            value=without_secrets(address),
            where=_WHERE,
            why="the project file names the address, and passwords belong in the environment",
            fix="export CRM_PASSWORD=…, and write ${CRM_PASSWORD} in its place, in single quotes so that the shell leaves it as it is: "
            "--from 'postgresql://user:${CRM_PASSWORD}@host/database'",
        )
    url, shown = expand(address, _WHERE), unexpanded(address)
    known = tables_of_database(url, shown, _WHERE, schema or None, _MOST_ROWS)
    left_out += known.left_out
    if len(known.tables) > _MOST_FILES:
        raise UsageError(
            f"this database holds {counted(len(known.tables), 'table')}",
            value=f"{shown}: {listed(known.tables, 5)}",
            where=_WHERE,
            why=f"more than {_MOST_FILES} are hardly one export",
            fix="name a schema behind #, as in postgresql://…/database#crm, or make a schema of views of the tables that count",
        )
    for name in known.tables:
        yield Place(address, f"{prefix}{name}", name.rpartition(".")[2], name)


def _paths(given: str) -> Iterator[Path]:
    """The files that are meant, in order; hidden ones and those that Leadlens writes are none."""
    path = Path(given)
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            "there is no such file or folder",
            value=given,
            known=[str(path.parent / name) for name in beside],
            fix="name the file or folder that the CRM exported, or the address of a database, postgresql://…",
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
