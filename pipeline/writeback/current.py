"""The rows of `lead_scores` as they stand now, for whoever sends them on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from leadlens.features.errors import UsageError
from leadlens.pipeline.writeback.columns import CLOSED
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.statements import listed
from leadlens.pipeline.writeback.target import Target

_BATCH = 5_000
# SQL of the tables' names and the mark of a value.
Statement = Callable[[TableNames, str], str]


def current_rows(
    target: Target, table: str, project: str, columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Rows of one project with these columns: open leads first, the highest score first. The database is open until the last is read.

    Raises ``UsageError`` where no scores were written to the target, or it keeps none but the latest run's; ``DataError`` or
    ``UnavailableError`` where it cannot be read.
    """
    keeps_rows(target)
    for row in read_rows(target, table, lambda names, mark: _statement(names, columns, mark), [project]):
        yield dict(zip(columns, row, strict=True))


def read_rows(
    target: Target, table: str, statement: Statement, values: Sequence[object]
) -> Generator[tuple[Any, ...]]:
    """What a statement of ours gives, in either database. Raises as ``current_rows``."""
    read = _duckdb if target.kind == "duckdb" else _postgres
    yield from read(target, TableNames.parse(table), statement, values)


def keeps_rows(target: Target) -> None:
    """Raises ``UsageError`` for a target that does not keep the rows of leads that left."""
    if target.kind not in ("duckdb", "postgresql"):
        raise UsageError(
            "scores are not pushed from a file",
            value=target.shown,
            why="a file holds the latest run alone: leads that left would stay scored in the CRM",
            fix="let scores.to be duckdb:///scores.duckdb or PostgreSQL; the push reads them from there",
            where="scores.to",
        )


def refuse_empty(target: Target, table: str) -> None:
    """Raises as ``current_rows`` where no scores were ever written to the target."""
    keeps_rows(target)
    with closing(
        read_rows(target, table, lambda names, _: f"SELECT 1 FROM {names.scores} LIMIT 1", [])
    ) as rows:
        next(rows, None)


def _statement(names: TableNames, columns: Sequence[str], mark: str) -> str:
    return f"""
        SELECT {listed(columns, "t")}
        FROM {names.scores} t
        WHERE split_part(t.model_version, '/', 1) = {mark}
        ORDER BY t.status = '{CLOSED}', t.score DESC, t.lead_id
    """


def _nothing(target: Target, names: TableNames) -> UsageError:
    return UsageError(
        f"there is no table {names.plain} in this database",
        value=target.shown,
        why="the scores stored there are what is pushed",
        fix="run leadlens score first",
        where="scores.to",
    )


def _duckdb(
    target: Target, names: TableNames, statement: Statement, values: Sequence[object]
) -> Iterator[tuple[Any, ...]]:
    import duckdb

    from leadlens.features.engines.duckdb_connections import connect_closed
    from leadlens.pipeline.writeback.duckdb import explained

    if not target.path.exists():
        raise _nothing(target, names)
    try:
        with closing(connect_closed(target.path, read_only=True)) as connection:
            ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
            own = replace(names, catalog=catalog)
            connection.execute(statement(own, "?"), list(values))
            while rows := connection.fetchmany(_BATCH):
                yield from rows
    except duckdb.CatalogException:
        raise _nothing(target, names) from None
    except (duckdb.Error, OSError) as error:
        raise explained(error, target.shown) from None


def _postgres(
    target: Target, names: TableNames, statement: Statement, values: Sequence[object]
) -> Iterator[tuple[Any, ...]]:
    import psycopg

    from leadlens.pipeline.writeback.postgres import open_session
    from leadlens.pipeline.writeback.postgres_errors import explained

    assert target.url is not None
    try:
        with open_session(target.url) as connection, connection.cursor("leadlens_push") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(statement(names, "%s"), list(values))
            yield from cursor
    except psycopg.errors.UndefinedTable:
        raise _nothing(target, names) from None
    except psycopg.Error as error:
        raise explained(error, target.url, target.shown, names) from None
