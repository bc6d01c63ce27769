"""Read a table or a query result from a SQL database by its SQLAlchemy URL, without writing to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from leadlens.features import DataError, LeadlensError, UsageError
from leadlens.features.errors import UnavailableError, listed
from leadlens.pipeline.sources.database_engines import driver_error, engine_of, read_only
from leadlens.pipeline.sources.database_ranges import Part
from leadlens.pipeline.sources.plain_types import WRITTEN_NUMBER, plain_array, text_array
from leadlens.pipeline.sources.queries import check_query, first_line
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names

_CHUNK = 100_000
_OF_THE_SYSTEM = ("information_schema", "pg_catalog", "mysql", "performance_schema", "sys")
# Too many connections, access denied, shutting down, no server, and a connection that broke.
_MYSQL_UNREACHABLE = frozenset({1040, 1044, 1045, 1053, 2002, 2003, 2005, 2006, 2013, 2055})


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
    with TemporaryDirectory(prefix="leadlens-") as folder:
        schemas = spool_database(url, shown, Asked(table, query, where, cursor, after), folder)
        yield from spooled_batches(folder, len(schemas), together(schemas))


class Asked(NamedTuple):
    """What is read of a database: a ``table`` or a ``query``, with ``cursor`` only rows beyond ``after``, and of them perhaps only a part."""

    table: str | None
    query: str | None
    where: str
    cursor: str | None = None
    after: str | None = None
    part: Part | None = None


def spool_database(url: str, shown: str, asked: Asked, folder: str) -> list[pa.Schema]:
    """Write the rows to files of a folder that are numbered from 0, as they come; returns the schema of each. Raises as ``database_batches``."""
    engine = opened_database(url, shown, asked)
    try:
        try:
            return _spool(engine, asked, folder)
        except (sa.exc.SQLAlchemyError, driver_error(engine)) as error:
            if not _is_beyond_python(error):
                raise
            return _spool(engine, asked, folder, endless=True)
    except (sa.exc.SQLAlchemyError, driver_error(engine)) as error:
        raise refused_rows(error, engine, asked, shown) from None
    finally:
        engine.dispose()


def spooled_batches(folder: str, files: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of spooled files, with the types that all of their columns can have; at least one batch of each."""
    for number in range(files):
        yield from _cast(pq.read_table(f"{folder}/{number}.parquet"), schema).to_batches() or [
            pa.RecordBatch.from_pylist([], schema=schema)
        ]


def opened_database(url: str, shown: str, asked: Asked) -> sa.Engine:
    """Connections to a database. Raises ``UsageError`` where the address or what is asked for cannot be."""
    engine = engine_of(url, shown, asked.where)
    if (asked.table is None) == (asked.query is None):
        raise UsageError(
            "what to read from the database is not clear",
            where=asked.where,
            fix="give either table or query, as in table: sales.leads",
        )
    if asked.query is not None:
        check_query(asked.query, engine.dialect.name, f"{asked.where}.query")
    return engine


def refused_rows(error: Exception, engine: sa.Engine, asked: Asked, shown: str) -> LeadlensError:
    """What to say where the database does not give the rows."""
    what = "does not return this table" if asked.query is None else "does not run this query"
    fix = "" if asked.query is None else "the query is read only, in that database's SQL"
    return _refused(error, engine, f"the database {what}", f"{asked.where} ({shown})", fix)


@dataclass(frozen=True)
class DatabaseTables:
    """The names of the tables in a database, or of its views where it has no tables; ``left_out`` are the others, each with the reason."""

    tables: tuple[str, ...]
    left_out: tuple[str, ...]


def tables_of_database(
    url: str, shown: str, where: str, schema: str | None, most_rows: int
) -> DatabaseTables:
    """The tables of a schema, by default of the one in which a connection finds itself, or of all if that is empty.

    Tables of more than ``most_rows`` rows are left out. Raises ``UsageError`` for an address or schema that is not there,
    ``DataError`` or ``UnavailableError`` if the database refuses.
    """
    engine = engine_of(url, shown, where)
    try:
        with engine.connect().execution_options(**read_only(engine)) as connection:
            inspector = sa.inspect(connection)
            schemas = [name for name in inspector.get_schema_names() if name not in _OF_THE_SYSTEM]
            if schema is not None and schema not in schemas:
                raise UsageError("there is no such schema", value=schema, known=schemas, where=where)
            here = schema or inspector.default_schema_name
            tables, views = _tables_and_views(inspector, [here])
            others = [name for name in schemas if name != here]
            if schema is None and not tables and not views:
                tables, views = _tables_and_views(inspector, others)
                others = []
            left_out = [f"schema {name}: not looked at (--from {shown}#{name})" for name in others]
            if tables:
                left_out += [f"{name}: a view, and it has tables" for name in views]
            kept = []
            for name in tables or views:
                rows = connection.execute(
                    sa.select(sa.func.count()).select_from(_whole(connection, name, where).subquery())
                ).scalar_one()
                if rows > most_rows:
                    left_out.append(
                        f"{name}: {rows:,} rows are too many to look at here; name it under data in the project file"
                    )
                else:
                    kept.append(name)
            return DatabaseTables(tuple(kept), tuple(left_out))
    except (sa.exc.SQLAlchemyError, driver_error(engine)) as error:
        raise _refused(
            error, engine, "the database does not say which tables it has", f"{where} ({shown})"
        ) from None
    finally:
        engine.dispose()


def _tables_and_views(inspector: sa.Inspector, schemas: Sequence[str | None]) -> tuple[list[str], list[str]]:
    tables, views = [], []
    for schema in schemas:
        prefix = f"{schema}." if schema != inspector.default_schema_name else ""
        tables += [prefix + name for name in sorted(inspector.get_table_names(schema))]
        views += [prefix + name for name in sorted(inspector.get_view_names(schema))]
    return tables, views


def _refused(error: Exception, engine: sa.Engine, what: str, where: str, fix: str = "") -> LeadlensError:
    cause = getattr(error, "orig", None) or error
    return (UnavailableError if _is_lost(error) else DataError)(
        what,
        value=first_line(cause).replace(str(engine.url.password or "\0"), "***"),
        where=where,
        fix=fix or "check the URL, permissions and names",
    )


def _spool(engine: sa.Engine, asked: Asked, folder: str, endless: bool = False) -> list[pa.Schema]:
    """Write all rows to numbered files; returns the schema of each."""
    schemas: list[pa.Schema] = []
    snapshot = None if asked.part is None else asked.part.snapshot
    with engine.connect().execution_options(**read_only(engine, snapshot is not None)) as connection:
        if snapshot is not None:  # before anything else is asked
            connection.execute(sa.text(f"SET TRANSACTION SNAPSHOT {_text_literal(snapshot)}"))
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET TIME ZONE 'UTC'"))
        if endless:
            read_endless(connection)
        streamed = connection.execution_options(stream_results=True)
        for rows in _chunks(selected(streamed, asked), asked.where):
            pq.write_table(rows, f"{folder}/{len(schemas)}.parquet", compression="lz4")
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


def read_endless(connection: sa.Connection) -> None:
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


_EVERY_COLUMN: tuple[sa.ColumnElement[Any] | sa.TextClause, ...] = (sa.text("*"),)


def selected(
    connection: sa.Connection,
    asked: Asked,
    what: Sequence[sa.ColumnElement[Any] | sa.TextClause] = _EVERY_COLUMN,
    only: sa.ColumnElement[bool] | None = None,
) -> sa.CursorResult[Any]:
    """All columns, or ``what`` is told of them, of the rows that are asked for, ``only`` those for which a condition holds."""
    conditions = [] if only is None else [only]
    if asked.cursor is not None and asked.after is not None:
        # Of a column without a declared type, SQLite takes no number to be more than any text.
        as_number = connection.dialect.name == "sqlite" and WRITTEN_NUMBER.fullmatch(asked.after)
        after = asked.after if as_number else _text_literal(asked.after)
        conditions.append(sa.column(asked.cursor) > sa.literal_column(after))
    if asked.part is not None:
        conditions += asked.part.conditions()
    if asked.query is None:
        rows = _whole(connection, str(asked.table), asked.where, what)
        return connection.execute(rows.where(*conditions))
    query = asked.query
    if conditions or what is not _EVERY_COLUMN:
        columns = ", ".join(_written(connection, each) for each in what)
        limits = " AND ".join(f"({_written(connection, each)})" for each in conditions)
        query = f"SELECT {columns} FROM ({query.strip().rstrip(';')}) AS q WHERE {limits or '1 = 1'}"
    # verbatim: a colon or a percent sign in it is no parameter
    return connection.exec_driver_sql(query, execution_options={"no_parameters": True})


def _written(connection: sa.Connection, expression: sa.ClauseElement) -> str:
    """An expression in the SQL of the database, without parameters."""
    text = str(expression.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    doubled = connection.dialect.paramstyle in ("format", "pyformat")  # where % begins a parameter
    return text.replace("%%", "%") if doubled else text


def _text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _whole(
    connection: sa.Connection,
    table: str,
    where: str,
    what: Sequence[sa.ColumnElement[Any] | sa.TextClause] = _EVERY_COLUMN,
) -> sa.Select[Any]:
    schema, name = _found(sa.inspect(connection), table, where)
    return sa.select(*what).select_from(sa.table(name, schema=schema))


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


def _chunks(result: sa.CursorResult[Any], where: str) -> Iterator[pa.Table]:
    names = list(result.keys())
    refuse_equal_names(names, where, "give each a different name in `query`")
    yield pa.table([pa.nulls(0)] * len(names), names=names)
    while rows := result.fetchmany(_CHUNK):
        yield pa.table([plain_array(list(values)) for values in zip(*rows, strict=True)], names=names)


def together(schemas: Sequence[pa.Schema]) -> pa.Schema:
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
