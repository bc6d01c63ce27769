"""The short SELECT in a project file: checked before it runs, and run in a sandbox."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from leadlens.features import UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import listed
from leadlens.pipeline.sources.plain_types import plain_columns, types_of
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names

_quote = DuckDBDialect().quote
_GRAMMARS = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql", "awsathena": "athena"}
# They act although nothing is written: on other sessions, files, other servers, or the clock.
_ACTING = re.compile(
    r"pg_(notify|(try_)?advisory_|terminate_|cancel_|reload_|rotate_|read_|ls_|stat_file|sleep|logical_|switch_)|"
    r"dblink|lo_(import|export|create|unlink|put)|set_config$|query_to_xml|database_to_xml|load_(file|extension)$|"
    r"(sleep|benchmark|get_lock|release_lock|release_all_locks)$|open(rowset|query|datasource)$|xp_|sp_|sys_exec|"
    r"utl_|dbms_|system\$"
)


def check_query(query: str, dialect: str, where: str) -> None:
    """Raise ``UsageError`` for anything but a single SELECT that changes nothing, by the grammar of its database.

    ``dialect`` is SQLAlchemy's name. This finds mistakes and known ways around; what a role may do, its database decides.
    """
    import sqlglot
    from sqlglot import exp

    changes = (exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command, exp.Merge, exp.Drop, exp.Alter, exp.Copy)
    grammar = _GRAMMARS.get(dialect, dialect)
    try:
        known = sqlglot.Dialect.get(grammar) is not None
        parsed = sqlglot.parse(query, dialect=grammar) if known else []
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise UsageError(
            "this query is not valid SQL", value=first_line(error), where=where, fix="write one SELECT"
        ) from None
    if not known:
        raise UsageError(
            "queries in the SQL of this database cannot be checked",
            value=dialect,
            where=where,
            why="a query must not change any data",
            fix="make a view of the query in the database, and name it: table: the_view",
        )
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise UsageError(
            "a query is one SELECT",
            value=query,
            where=where,
            why="it must not change any data",
            fix="SELECT … FROM source",
        )
    for node in parsed[0].walk():
        name = node.name if isinstance(node, exp.Anonymous) else ""
        if isinstance(node, changes) or _ACTING.match(name.lower()):
            raise UsageError(
                f"this query calls {name}, which acts on the database"
                if name
                else "this query changes or locks data",
                value=node.sql(dialect=grammar),
                where=where,
                why="data are only read",
                fix="SELECT … FROM …, without INTO, FOR UPDATE, or a statement that changes something",
            )


def tables_of(query: str, where: str) -> list[str]:
    """The names of tables that a query in DuckDB's SQL reads from, in lower case and in order; not those that it makes itself.

    >>> tables_of("WITH deals AS (SELECT * FROM source) SELECT * FROM deals JOIN Leads USING (id)", "here")
    ['source', 'leads']
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    check_query(query, "duckdb", where)
    found: dict[str, None] = {}
    for scope in traverse_scope(sqlglot.parse_one(query, dialect="duckdb")):
        for table in scope.tables:
            made = isinstance(scope.sources.get(table.alias_or_name), exp.Table)
            if made and table.name and not table.db and not isinstance(table.this, exp.Func):
                found[table.name.lower()] = None
    return list(found)


def run_query(
    sandbox: duckdb.DuckDBPyConnection, query: str, where: str, known: Sequence[str] = ("source",)
) -> pa.Table:
    """Run a user's SELECT over the tables ``known`` in a database of its own, without files and network."""
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
        tables = []
        for name in known:
            columns = [row[0] for row in sandbox.execute(f"DESCRIBE {_quote(name)}").fetchall()]
            only = " only" if len(known) == 1 else ""
            tables.append(f"`{name}`{only}, whose columns are: {listed(columns)}")
        raise UsageError(
            "this query does not run",
            value=first_line(error),
            where=where,
            fix=f"it can read from {'; from '.join(tables)}; further sources are named under data.others",
        ) from None
    refuse_equal_names(
        rows.column_names, where, "SELECT * REPLACE (… AS name), or SELECT * EXCLUDE (name), …"
    )
    return rows


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
