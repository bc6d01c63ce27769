"""Checks that an existing table has the columns to write; if not, the error lists the statements that fix it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.errors import DataError
from pipeline.writeback.columns import SQL_TYPES, Column, Dialect
from pipeline.writeback.statements import definition


@dataclass(frozen=True, kw_only=True)
class ExistingTable:
    """A table as the database describes it.

    Attributes
    ----------
    is_table : False for a view or another relation.
    columns : column names and types, as the database spells them.
    unique_keys : the column sets of its primary key and unique constraints.
    """

    is_table: bool
    columns: Mapping[str, str]
    unique_keys: Sequence[frozenset[str]]


def check_shape(
    table: str, columns: Sequence[Column], key: Sequence[str], existing: ExistingTable, dialect: Dialect
) -> None:
    """Refuse a table that lacks a column, has one of another type, or has no unique key to upsert by.

    Leadlens never alters a table: it belongs to the CRM, others read it, and its owner decides when an ALTER may
    lock it. Further columns are allowed and stay untouched.
    """
    if not existing.is_table:
        raise DataError(
            f"{table} is a view or another relation, not a table",
            why="nothing was written",
            fix="choose another table name (scores: table:)",
        )
    problems: list[str] = []
    fixes: list[str] = []
    for column in columns:
        actual = existing.columns.get(column.name)
        if actual is None and column.came_later:
            continue
        if actual is None:
            problems.append(f"{column.name} is missing")
            fixes.append(f"ALTER TABLE {table} ADD COLUMN {definition(column, dialect)};")
        elif re.sub(r"\(.*?\)", "", actual) not in SQL_TYPES[dialect][column.kind]:
            wanted = column.sql_type(dialect)
            problems.append(f"{column.name} is {actual}, not {wanted}")
            cast = f' USING "{column.name}"::{wanted}'
            fixes.append(f'ALTER TABLE {table} ALTER COLUMN "{column.name}" TYPE {wanted}{cast};')
    if frozenset(key) not in existing.unique_keys:
        listed = ", ".join(f'"{name}"' for name in key)
        problems.append(f"({', '.join(key)}) is not its primary key")
        fixes.append(f"ALTER TABLE {table} ADD PRIMARY KEY ({listed});")
    if problems:
        raise DataError(
            f"the table {table} does not have the columns that Leadlens writes: {', '.join(problems)}",
            why="nothing was written",
            fix="\n    ".join(["choose another table name (scores: table:), or change the table:", *fixes]),
        )
