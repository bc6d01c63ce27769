"""The short SELECT in a project file: checked before it runs, and run in a sandbox."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import sqlglot

from features import UsageError
from features.errors import listed
from pipeline.sources.plain_types import plain_columns, types_of
from pipeline.sources.to_duckdb import refuse_equal_names


def check_query(query: str, dialect: str, where: str) -> None:
    """Raise ``UsageError`` for anything but a single SELECT."""
    try:
        parsed = sqlglot.parse(query, dialect=dialect)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise UsageError(
            "this query is not valid SQL", value=first_line(error), where=where, fix="write one SELECT"
        ) from None
    if len(parsed) != 1 or not isinstance(parsed[0], sqlglot.exp.Query):
        raise UsageError(
            "a query is one SELECT",
            value=query,
            where=where,
            why="it must not change any data",
            fix="SELECT … FROM source",
        )


def run_query(sandbox: duckdb.DuckDBPyConnection, query: str, where: str) -> pa.Table:
    """Run a user's SELECT over the table ``source`` in a database of its own, without files and network."""
    check_query(query, "duckdb", where)
    sandbox.execute("SET enable_external_access = false")
    sandbox.execute("SET python_enable_replacements = false")
    sandbox.execute("SET lock_configuration = true")
    try:
        relation = sandbox.sql(query)
        types = types_of(relation)
        if len({name.lower() for name in types}) == len(relation.columns):  # else they are refused below
            relation = relation.project(", ".join(plain_columns(types)))
        rows = relation.to_arrow_table()
    except duckdb.Error as error:
        columns = [row[0] for row in sandbox.execute("DESCRIBE source").fetchall()]
        raise UsageError(
            "this query does not run",
            value=first_line(error),
            where=where,
            fix=f"it can read from `source` only, whose columns are: {listed(columns)}",
        ) from None
    refuse_equal_names(
        rows.column_names, where, "SELECT * REPLACE (… AS name), or SELECT * EXCLUDE (name), …"
    )
    return rows


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
