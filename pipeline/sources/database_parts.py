"""Where the parts of a database begin and end, and the one view of it that all of them are read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from leadlens.features import UsageError
from leadlens.features.errors import listed
from leadlens.pipeline.sources.database import Asked, opened_database, read_endless, refused_rows, selected
from leadlens.pipeline.sources.database_engines import driver_error, read_only
from leadlens.pipeline.sources.database_ranges import Part, cut, is_measurable
from leadlens.pipeline.sources.queries import first_line

FEWEST_ROWS = 50_000  # in a part, on average: fewer are not worth a connection


@contextmanager
def database_parts(url: str, shown: str, asked: Asked, column: str, count: int) -> Iterator[list[Part]]:
    """At most ``count`` parts that hold each row once, by ranges of equal length of the values of ``column``.

    Of PostgreSQL they are parts of one view, as long as the block lasts, whatever is written meanwhile. Elsewhere each part is read as
    it is then, and what is beyond the largest value now is part of none.

    Raises ``UsageError`` for a column that is not there or has no ranges, and else as ``database_batches``.
    """
    engine = opened_database(url, shown, asked)
    one_view = engine.dialect.name == "postgresql"
    if asked.cursor not in (None, column) and not one_view:
        raise UsageError(
            "in this database the column of the parts must be the cursor",
            value=column,
            where=f"{asked.where}.partitions.column",
            why="parts are read one after the other: of a row that comes between two of them, the cursor would tell that it was read",
            fix=f"partitions: {{column: {asked.cursor}}}",
        )
    try:
        with engine.connect().execution_options(**read_only(engine, one_view)) as connection:
            snapshot = None
            if one_view:
                connection.execute(sa.text("SET TIME ZONE 'UTC'"))
                # it waits while the parts are read
                connection.execute(sa.text("SET idle_in_transaction_session_timeout = 0"))
                snapshot = connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one()
                read_endless(connection)
            parts = _parts(connection, asked, Part(column, snapshot=snapshot), count)
            yield parts
    except (sa.exc.SQLAlchemyError, driver_error(engine)) as error:
        raise refused_rows(error, engine, asked, shown) from None
    finally:
        engine.dispose()


def _parts(connection: sa.Connection, asked: Asked, whole: Part, count: int) -> list[Part]:
    where = f"{asked.where}.partitions.column"
    names = list(selected(connection, asked, only=sa.literal_column("1 = 0")).keys())
    if whole.column not in names:
        raise UsageError(
            "partitions names a column that is not in the events",
            value=whole.column,
            known=names,
            where=where,
            fix=f"columns found: {listed(names)}",
        )
    column: sa.ColumnElement[Any] = sa.column(whole.column)
    try:
        row = selected(connection, asked, (sa.func.min(column), sa.func.max(column), sa.func.count())).one()
    except sa.exc.ProgrammingError as error:  # of UUIDs, JSON …
        raise _no_ranges(whole.column, where, first_line(error.orig or error)) from None
    least, most, rows = tuple(row)
    if least is None:
        return [whole]
    for value in (least, most):
        if not is_measurable(value):
            raise _no_ranges(whole.column, where, f"it holds {_NAMES.get(type(value), type(value).__name__)}")
    parts = min(count, max(1, rows // FEWEST_ROWS))
    return cut(whole, least, most, parts, open_end=whole.snapshot is not None)


_NAMES = {str: "text", bool: "true and false", float: "numbers with fractions"}


def _no_ranges(column: str, where: str, why: str) -> UsageError:
    return UsageError(
        "this column cannot be cut into ranges",
        value=column,
        where=where,
        why=why,
        fix="name a column of whole numbers, dates or timestamps, such as a serial id",
    )
