"""Read a table of a DuckDB file, which may come from somebody else: nothing outside of it is opened."""

from __future__ import annotations

import duckdb

from leadlens.features import DataError, UsageError
from leadlens.features.engines.duckdb_connections import connect_closed
from leadlens.features.errors import RoomError, listed
from leadlens.pipeline.config import Source
from leadlens.pipeline.sources.plain_types import plain_columns, types_of
from leadlens.pipeline.sources.queries import first_line
from leadlens.pipeline.sources.to_duckdb import to_duckdb


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


def read_duckdb(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, path: str, shown: str, where: str
) -> None:
    """Read the table that a source names in a DuckDB file into ``table``. Raises ``UsageError`` or ``DataError``."""
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
            to_duckdb(
                con, table, plain_relation(database.sql(f"SELECT * FROM {quoted}"), source).to_arrow_table()
            )
    except duckdb.OutOfMemoryException as error:
        raise too_little_memory(error, where) from None
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


def tables_in(database: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of the tables of an open file, with the schema where it is not the usual one."""
    rows = database.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY ALL"
    ).fetchall()
    return [name if schema == "main" else f"{schema}.{name}" for schema, name in rows]


def plain_relation(relation: duckdb.DuckDBPyRelation, source: Source) -> duckdb.DuckDBPyRelation:
    """The columns of a relation, each of a plain type; a `query` sees them as they are, to take from them what it wants."""
    types = types_of(relation)
    if source.query is not None:
        types = {name: kind if kind.startswith("UNION") else "VARCHAR" for name, kind in types.items()}
    return relation.project(", ".join(plain_columns(types)))


def too_little_memory(error: duckdb.Error, where: str) -> RoomError:
    """What to say where DuckDB has not enough memory to read a source."""
    return RoomError(
        "there is not enough memory to read this",
        value=first_line(error),
        where=where,
        fix="raise the limit: engine: {memory: 4GB} in the project file",
    )
