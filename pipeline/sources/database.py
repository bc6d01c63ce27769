"""Read a table or a query result from a SQL database by its SQLAlchemy URL, without writing to it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from features import DataError, UsageError
from features.errors import UnavailableError, listed
from pipeline.sources.plain_types import plain_array, text_array
from pipeline.sources.queries import check_query, first_line
from pipeline.sources.to_duckdb import refuse_equal_names

_CHUNK = 100_000
_FILES_BY_NET = ("http", "https", "ftp", "s3", "gs", "gcs", "az", "abfss", "hdfs", "file")
_LIKE_MYSQL = ("mysql", "mariadb")
# Too many connections, access denied, shutting down, no server, and a connection that broke.
_MYSQL_UNREACHABLE = frozenset({1040, 1044, 1045, 1053, 2002, 2003, 2005, 2006, 2013, 2055})
_SCHEMES = ("postgresql", "mysql+pymysql", "mssql+pyodbc", "oracle+oracledb", "sqlite", "snowflake")


def read_database(url: str, shown: str, table: str | None, query: str | None, where: str) -> pa.Table:
    """The rows of ``table`` (or ``schema.table``) or of ``query``, in memory; see ``database_batches``."""
    return pa.Table.from_batches(database_batches(url, shown, table, query, where))


def database_batches(
    url: str,
    shown: str,
    table: str | None,
    query: str | None,
    where: str,
    cursor: str | None = None,
    after: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of ``table`` (or ``schema.table``) or of ``query``, batch by batch; at least one, perhaps empty.

    ``shown`` is the URL for messages. With ``cursor``, only rows in which that column is beyond ``after``. Rows wait
    in files until all are there, since only then the types of the columns are known. Raises ``UsageError`` for what
    does not exist, ``DataError`` if the database refuses; neither shows a password.
    """
    engine = _engine(url, shown, where)
    if (table is None) == (query is None):
        raise UsageError(
            "what to read from the database is not clear",
            where=where,
            fix="give either table or query, as in table: sales.leads",
        )
    if query is not None:
        check_query(query, engine.dialect.name, f"{where}.query")
    with TemporaryDirectory(prefix="leadlens-") as folder:
        asked = (table, query, where, cursor, after)
        try:
            try:
                schemas = _spool(engine, asked, folder)
            except (sa.exc.SQLAlchemyError, _driver_error(engine)) as error:
                if not _is_beyond_python(error):
                    raise
                schemas = _spool(engine, asked, folder, endless=True)
        except (sa.exc.SQLAlchemyError, _driver_error(engine)) as error:
            cause = getattr(error, "orig", None) or error
            raise (UnavailableError if _is_lost(error) else DataError)(
                "the database does not return this table"
                if query is None
                else "the database does not run this query",
                value=first_line(cause).replace(str(engine.url.password or "\0"), "***"),
                where=f"{where} ({shown})",
                fix="check the URL, permissions and names"
                if query is None
                else "the query is read only, in that database's SQL",
            ) from None
        finally:
            engine.dispose()
        schema = _together(schemas)
        for number in range(len(schemas)):
            yield from _cast(pq.read_table(f"{folder}/{number}.parquet"), schema).to_batches() or [
                pa.RecordBatch.from_pylist([], schema=schema)
            ]


def _spool(
    engine: sa.Engine,
    asked: tuple[str | None, str | None, str, str | None, str | None],
    folder: str,
    endless: bool = False,
) -> list[pa.Schema]:
    """Write all rows to numbered files; returns the schema of each."""
    schemas: list[pa.Schema] = []
    with engine.connect().execution_options(**_read_only(engine)) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET TIME ZONE 'UTC'"))
        if endless:
            _read_endless(connection)
        streamed = connection.execution_options(stream_results=True)
        for part in _parts(_result(streamed, *asked), asked[2]):
            pq.write_table(part, f"{folder}/{len(schemas)}.parquet", compression="lz4")
            schemas.append(pq.read_schema(f"{folder}/{len(schemas)}.parquet"))
    return schemas


def _is_lost(error: Exception) -> bool:
    """Whether there was no connection, or it broke: the query itself was not refused."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None)
    if type(cause).__module__.startswith("psycopg"):
        operational = type(cause).__name__ in ("OperationalError", "ConnectionTimeout")
        return (not state and operational) or str(state).startswith(("08", "28", "53300", "57P"))
    if type(cause).__module__.startswith("pymysql"):
        return cause.args[:1] != () and cause.args[0] in _MYSQL_UNREACHABLE
    return bool(getattr(error, "connection_invalidated", False)) or "locked" in str(cause)


def _is_beyond_python(error: Exception) -> bool:
    """Whether PostgreSQL holds a timestamp that Python has not: infinity, before Christ, after the year 9999."""
    cause = getattr(error, "orig", None) or error
    return type(cause).__module__.startswith("psycopg") and bool(
        re.search(r"(timestamp|date) too ", str(cause))
    )


def _read_endless(connection: sa.Connection) -> None:
    """Read such timestamps as the first or the last that there is, so that they are counted and told like in files.

    The driver's own way, in C, stops at them; this one is slower.
    """
    from psycopg.types import datetime as types

    adapters = connection.connection.driver_connection.adapters  # type: ignore[union-attr]
    for name, base, first, last in (
        (
            "timestamptz",
            types.TimestamptzLoader,
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        ),
        ("timestamp", types.TimestampLoader, datetime.min, datetime.max),
        ("date", types.DateLoader, date.min, date.max),
    ):
        adapters.register_loader(name, _bounded(base, first, last))


def _bounded(base: type[Any], first: Any, last: Any) -> type[Any]:
    import psycopg

    class Bounded(base):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                text = bytes(data)
                return first if text.startswith(b"-") or text.endswith(b"BC") else last

    return Bounded


def _result(
    connection: sa.Connection,
    table: str | None,
    query: str | None,
    where: str,
    cursor: str | None,
    after: str | None,
) -> sa.CursorResult[Any]:
    if query is None:
        rows = _whole(connection, str(table), where)
        if cursor is not None:
            rows = rows.where(sa.column(cursor) > sa.literal_column(_text_literal(str(after))))
        return connection.execute(rows)
    if cursor is not None:
        name = connection.dialect.identifier_preparer.quote(cursor)
        query = f"SELECT * FROM ({query.strip().rstrip(';')}) AS q WHERE {name} > {_text_literal(str(after))}"
    # verbatim: a colon or a percent sign in it is no parameter
    return connection.exec_driver_sql(query, execution_options={"no_parameters": True})


def _text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _engine(url: str, shown: str, where: str) -> sa.Engine:
    scheme = url.partition("://")[0]
    if scheme == "duckdb":
        raise UsageError("a DuckDB file is given as a path", value=shown, where=where, fix="read: crm.duckdb")
    if scheme.lower() in _FILES_BY_NET:
        raise UsageError(
            "files are not read over the network",
            value=shown,
            where=where,
            fix="download it and give its path",
        )
    if url.count("@") > 1 and not scheme.startswith("sqlite"):
        # what follows the first one would be taken for the host's name, and printed
        raise UsageError(
            "this database URL contains more than one @",
            value=shown,
            where=where,
            fix="write a password that holds one as ${NAME}, or percent-encode it: @ is %40, : is %3A, / is %2F",
        )
    try:
        address = sa.make_url(url)
        if address.drivername in ("postgresql", "postgres"):
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername.startswith("postgresql") and "connect_timeout" not in address.query:
            address = address.update_query_dict({"connect_timeout": "10"})
        if address.get_backend_name() == "sqlite":
            return sa.create_engine(address, creator=_sqlite_reader(address, shown, where))
        if address.get_backend_name() in _LIKE_MYSQL:
            return _mysql_engine(address)
        return sa.create_engine(address)
    except sa.exc.NoSuchModuleError:
        raise UsageError(
            "unknown kind of database",
            value=scheme,
            known=_SCHEMES,
            where=where,
            fix="postgresql://user:${PASSWORD}@host/database",
        ) from None
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this kind of database needs the Python package {error.name}",
            value=scheme,
            where=where,
            fix=f"pip install {error.name}",
        ) from None
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(
            "this is not a valid database URL",
            value=shown,
            where=where,
            fix="postgresql://user:${PASSWORD}@host/database",
        ) from None


def _sqlite_reader(address: sa.URL, shown: str, where: str) -> Callable[[], sqlite3.Connection]:
    """Opens an SQLite file for reading: by itself SQLite makes a file that is not there."""
    named = address.database or ""
    path = Path(unquote(urlsplit(named).path) if named.startswith("file:") else named)
    if not path.is_file():
        raise UsageError(
            "there is no such file",
            value=shown,
            where=where,
            fix="sqlite:///file.db is a path from where the command runs, sqlite:////a/file.db an absolute one",
        )
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return lambda: sqlite3.connect(uri, uri=True)


def _mysql_engine(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address)
    if engine.driver == "pymysql":
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions

        # BIT, which many programs take for yes or no, would be bytes.
        bits = {FIELD_TYPE.BIT: lambda value: int.from_bytes(value, "big")}
        engine = sa.create_engine(address, connect_args={"conv": conversions | bits})
    sa.event.listen(engine, "connect", _begin_mysql)
    return engine


def _begin_mysql(connection: Any, _: Any) -> None:
    """Timestamps in UTC, and no writing: a query may call a function that writes.

    A TIMESTAMP is shown in the time zone of the session, which is the server's own unless somebody says so.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _read_only(engine: sa.Engine) -> dict[str, Any]:
    return {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}


def _driver_error(engine: sa.Engine) -> type[Exception]:
    """The driver's own error class, which may be raised while rows are fetched."""
    error: type[Exception] = getattr(engine.dialect.dbapi, "Error", sa.exc.SQLAlchemyError)
    return error


def _whole(connection: sa.Connection, table: str, where: str) -> sa.Select[Any]:
    schema, name = _found(sa.inspect(connection), table, where)
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema))


def _found(inspector: sa.Inspector, table: str, where: str) -> tuple[str | None, str]:
    """Schema and name of a table or view; a dot may stand between them, or in a name. Raises ``UsageError``."""
    parts = table.split(".")
    for place in range(len(parts) - 1, -1, -1):
        schema, name = ".".join(parts[:place]) or None, ".".join(parts[place:])
        if inspector.has_table(name, schema=schema):
            return schema, name
    database = inspector.engine.url.database
    if (
        database and parts[0] == database and len(parts) > 1
    ):  # database.schema.table, of the database it is in
        return _found(inspector, ".".join(parts[1:]), where)
    schemas = [item for item in inspector.get_schema_names() if item != "information_schema"]
    known = [item for each in (None, *schemas) for item in _names(inspector, each)]
    raise UsageError(
        "there is no such table",
        value=table,
        known=known,
        where=f"{where}.table",
        fix=f"its tables: {listed(known)}",
    )


def _names(inspector: sa.Inspector, schema: str | None) -> list[str]:
    prefix = f"{schema}." if schema else ""
    if schema is not None and schema == inspector.default_schema_name:
        return []
    return [prefix + name for name in (*inspector.get_table_names(schema), *inspector.get_view_names(schema))]


def _parts(result: sa.CursorResult[Any], where: str) -> Iterator[pa.Table]:
    names = list(result.keys())
    refuse_equal_names(names, where, "give each a different name in `query`")
    yield pa.table([pa.nulls(0)] * len(names), names=names)
    while rows := result.fetchmany(_CHUNK):
        yield pa.table([plain_array(list(values)) for values in zip(*rows, strict=True)], names=names)


def _together(schemas: list[pa.Schema]) -> pa.Schema:
    """One type per column; text for a column that is a number in one part and text in another."""
    fields = []
    for place, name in enumerate(schemas[0].names):
        column = [pa.schema([schema.field(place)]) for schema in schemas]
        try:
            fields.append(pa.unify_schemas(column, promote_options="permissive").field(0))
        except pa.ArrowException:
            fields.append(pa.field(name, pa.string()))
    return pa.schema(fields)


def _cast(part: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        text_array(column.to_pylist())
        if pa.types.is_string(field.type) and not pa.types.is_string(column.type)
        else column.cast(field.type)
        for column, field in zip(part.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)
