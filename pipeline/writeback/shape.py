"""Does a table that is already there have the columns we write? If not, say the statements that mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.errors import DataError
from pipeline.writeback.columns import SQL_TYPES, Column, Dialect
from pipeline.writeback.statements import definition


@dataclass(frozen=True)
class Found:
    """A table as the database describes it.

    Attributes
    ----------
    is_table : False for a view and the like.
    columns : column names and their types, as the database spells them.
    unique_keys : the column sets of its primary key and unique constraints.
    """

    is_table: bool
    columns: Mapping[str, str]
    unique_keys: Sequence[frozenset[str]]


def check_shape(
    table: str, columns: Sequence[Column], key: Sequence[str], found: Found, dialect: Dialect
) -> None:
    """Refuse a table that lacks a column, has one of another type, or has no unique key to upsert by.

    Leadlens does not alter a table by itself: it belongs to the CRM, others read it, and the lock of an ALTER
    is theirs to time. Columns beyond ours are welcome and stay untouched.
    """
    if not found.is_table:
        raise DataError(
            f"{table} is not a table but a view or the like",
            why="nothing was written",
            fix="choose another table name (scores: table:)",
        )
    problems: list[str] = []
    repairs: list[str] = []
    for column in columns:
        actual = found.columns.get(column.name)
        if actual is None:
            problems.append(f"{column.name} is missing")
            repairs.append(f"ALTER TABLE {table} ADD COLUMN {definition(column, dialect)};")
        elif re.sub(r"\(.*?\)", "", actual) not in SQL_TYPES[dialect][column.kind]:
            wanted = column.sql_type(dialect)
            problems.append(f"{column.name} is {actual}, not {wanted}")
            cast = f' USING "{column.name}"::{wanted}'
            repairs.append(f'ALTER TABLE {table} ALTER COLUMN "{column.name}" TYPE {wanted}{cast};')
    if frozenset(key) not in found.unique_keys:
        listed = ", ".join(f'"{name}"' for name in key)
        problems.append(f"({', '.join(key)}) is not its primary key")
        repairs.append(f"ALTER TABLE {table} ADD PRIMARY KEY ({listed});")
    if problems:
        raise DataError(
            f"the table {table} has another shape than Leadlens writes: {', '.join(problems)}",
            why="nothing was written",
            fix="\n    ".join(["choose another table name (scores: table:), or change the table:", *repairs]),
        )
