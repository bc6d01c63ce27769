"""Bring one source of the project file into DuckDB as it is: files, DuckDB databases, SQL databases."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import sqlglot

from features import DataError, UsageError
from pipeline.config import ProjectFile, Source, expand

_CHUNK = 100_000


def read_source(connection: duckdb.DuckDBPyConnection, name: str, source: Source, file: ProjectFile) -> None:
    """Read ``source`` into the table ``raw_<name>`` of ``connection``.

    Raises ``UsageError`` for a source that is not there or not readable as said, ``DataError`` for one that
    breaks while it is read. Neither ever shows what ``${NAME}`` stood for.
    """
    where = f"{file.path.name}: data.{name}"
    location = expand(source.read, where)
    if "://" in location:
        _read_database(connection, f"raw_{name}", source, location, where)
        return
    path = file.resolve(location)
    if source.query is None:
        _read_file(connection, f"raw_{name}", source, path, where)
        return
    # The user's SELECT runs in a database of its own that can reach neither files nor the network.
    with duckdb.connect() as sandbox:
        sandbox.execute("SET TimeZone = 'UTC'")
        _read_file(sandbox, "source", source, path, where)
        sandbox.execute("SET enable_external_access = false")
        _take_query(connection, f"raw_{name}", sandbox, source.query, f"{where}.query")


def _read_file(con: duckdb.DuckDBPyConnection, table: str, source: Source, path: Path, where: str) -> None:
    if path.suffix in (".duckdb", ".ddb"):
        _read_duckdb(con, table, source, path, where)
        return
    paths = sorted(glob.glob(str(path), recursive=True))
    if not paths:
        near = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            "there is no such file",
            value=path.name if near else str(path),
            known=near,
            where=where,
            fix="paths are taken from the project file's folder"
            if path.parent.is_dir()
            else f"the folder {path.parent} does not exist; paths are taken from the project file's folder",
        )
    suffixes = {"".join(Path(item).suffixes[-2:]).lower() for item in paths}
    try:
        if all(suffix.endswith((".parquet", ".pq")) for suffix in suffixes):
            found = con.read_parquet(paths, union_by_name=True)
        elif all(".csv" in suffix or ".tsv" in suffix or ".txt" in suffix for suffix in suffixes):
            found = con.read_csv(
                paths,  # type: ignore[arg-type]  # the stub knows one path, DuckDB many
                sample_size=-1,
                union_by_name=True,
                encoding=source.encoding,
                header=True,
                normalize_names=False,
            )
        else:
            raise UsageError(
                "this kind of file is not read",
                value=path.name,
                where=where,
                fix="give .parquet, .csv or .duckdb",
            )
        found.create(table)
    except duckdb.Error as error:
        raise DataError(
            "this file cannot be read",
            value=_first_line(error),
            where=f"{where} ({path.name})",
            fix=_file_hint(str(error), source),
        ) from None


def _file_hint(message: str, source: Source) -> str:
    if "utf-8" in message.lower() or "unicode" in message.lower() or "encod" in message.lower():
        return "it is not UTF-8: say `encoding: latin-1` (or utf-16) beside `read`, or save it as UTF-8"
    return "is it complete, and of the kind its name says?"


def _read_duckdb(con: duckdb.DuckDBPyConnection, table: str, source: Source, path: Path, where: str) -> None:
    if not path.exists():
        raise UsageError("there is no such DuckDB file", value=str(path), where=where)
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            found = database.execute(
                "SELECT table_schema || '.' || table_name, table_name FROM information_schema.tables"
            ).fetchall()
            known = {name for row in found for name in row}
            if source.table not in known:
                raise UsageError(
                    "say which table to read" if source.table is None else "there is no such table",
                    value=source.table or path.name,
                    known=known,
                    where=where,
                    fix=f"tables here: {', '.join(sorted(row[1] for row in found)) or 'none'}",
                )
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in str(source.table).split("."))
            _take(con, table, database.sql(f"SELECT * FROM {quoted}").to_arrow_table())
    except duckdb.Error as error:
        raise DataError("this DuckDB file cannot be read", value=_first_line(error), where=where) from None


def _take_query(
    con: duckdb.DuckDBPyConnection, table: str, sandbox: duckdb.DuckDBPyConnection, query: str, where: str
) -> None:
    _check_query(query, "duckdb", where)
    try:
        found = sandbox.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(
            "this query does not run",
            value=_first_line(error),
            where=where,
            fix=f"it reads from `source`, whose columns are: {', '.join(_columns(sandbox, 'source'))}",
        ) from None
    _take(con, table, found)


def _take(con: duckdb.DuckDBPyConnection, table: str, arrow: pa.Table) -> None:
    con.from_arrow(arrow).create(table)


def _check_query(query: str, dialect: str, where: str) -> None:
    try:
        parsed = sqlglot.parse(query, dialect=dialect)
    except sqlglot.errors.SqlglotError as error:
        raise UsageError("this query is not valid SQL", value=_first_line(error), where=where) from None
    if len(parsed) != 1 or not isinstance(parsed[0], sqlglot.exp.Query):
        raise UsageError("a query is one SELECT", value=query, where=where, why="it must not change anything")


def _read_database(con: duckdb.DuckDBPyConnection, table: str, source: Source, url: str, where: str) -> None:
    import sqlalchemy as sa

    if url.startswith("duckdb://"):
        raise UsageError(
            "give a DuckDB file as a path", value=source.read, where=where, fix="read: crm.duckdb"
        )
    try:
        address = sa.make_url(url)
        if address.drivername in ("postgresql", "postgres"):
            address = address.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(address)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
        raise UsageError(
            "this is not a database address that can be opened",
            value=source.read,
            where=where,
            fix="postgresql://user:${PASSWORD}@host/database",
        ) from None
    if (source.table is None) == (source.query is None):
        raise UsageError("say what to read from the database: table or query, one of them", where=where)
    if source.query is not None:
        _check_query(source.query, engine.dialect.name.replace("postgresql", "postgres"), f"{where}.query")
        statement: sa.Executable = sa.text(source.query)
    else:
        schema, _, name = str(source.table).rpartition(".")
        statement = sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))
    try:
        with engine.connect() as database:
            database.execute(sa.text("SET TIME ZONE 'UTC'")) if engine.dialect.name == "postgresql" else None
            result = database.execution_options(stream_results=True).execute(statement)
            _fill(con, table, _frames(result))
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise DataError(
            "the database did not give this table",
            value=_first_line(cause).replace(str(address.password or "\0"), "***"),
            where=f"{where} ({address.render_as_string(hide_password=True)})",
            fix="check address, rights and the table's name",
        ) from None
    finally:
        engine.dispose()


def _frames(result: object) -> Iterator[pd.DataFrame]:
    names = list(result.keys())  # type: ignore[attr-defined]
    empty = True
    while rows := result.fetchmany(_CHUNK):  # type: ignore[attr-defined]
        empty = False
        yield pd.DataFrame([tuple(row) for row in rows], columns=names)
    if empty:
        yield pd.DataFrame({name: pd.Series(dtype="object") for name in names})


def _fill(con: duckdb.DuckDBPyConnection, table: str, frames: Iterator[pd.DataFrame]) -> None:
    # Read whole, then typed once: a chunk whose column holds only NULL must not fix the column's type.
    whole = pd.concat(list(frames), ignore_index=True)
    _take(con, table, pa.Table.from_pandas(whole, preserve_index=False))


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
