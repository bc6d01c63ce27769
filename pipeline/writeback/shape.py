"""Checks that an existing table has the columns to write; if not, the error lists the statements that fix it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leadlens.features.errors import DataError
from leadlens.pipeline.writeback.columns import SQL_TYPES, Column, Dialect
from leadlens.pipeline.writeback.statements import comment, default, definition, quoted


@dataclass(frozen=True, kw_only=True)
class ExistingTable:
    """A table as the database describes it.

    Attributes
    ----------
    is_table : False for a view or another relation.
    columns : column names and types, as the database spells them.
    unique_keys : the column sets of its primary key and unique constraints.
    not_null : the columns that refuse a missing value.
    """

    is_table: bool
    columns: Mapping[str, str]
    unique_keys: Sequence[frozenset[str]]
    not_null: frozenset[str] = frozenset()


def check_shape(
    table: str,
    columns: Sequence[Column],
    key: Sequence[str],
    existing: ExistingTable,
    dialect: Dialect,
    view: str,
) -> None:
    """Refuse a table that lacks a column, has one of another type, or has no unique key to upsert by.

    But for what its own later versions need (``migration``), Leadlens never alters a table: it belongs to the CRM,
    others read it, and its owner decides when an ALTER may lock it. Further columns are allowed and stay untouched.
    """
    if not existing.is_table:
        raise DataError(
            f"{table} is a view or another relation, not a table",
            why="nothing was written",
            fix="choose another table name (scores: table:)",
        )
    problems: list[str] = []
    fixes: list[str] = []
    drop_view = f"DROP VIEW IF EXISTS {view};"
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
            if dialect == "postgresql" and drop_view not in fixes:
                fixes.insert(0, drop_view)  # it lets no column that it shows be altered
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


def migration(table: str, columns: Sequence[Column], existing: ExistingTable, dialect: Dialect) -> list[str]:
    """Statements that make a table of an earlier version one of this version; none if it is.

    Each changes only what is known of the table: no row is written, so a lock is held for an instant.
    """
    statements = []
    for column in columns:
        if column.name not in existing.columns:
            # DuckDB adds no column with a constraint
            required = " NOT NULL" if column.required and dialect == "postgresql" else ""
            statements += [
                f"ALTER TABLE {table} ADD COLUMN {definition(column, dialect)}{required}{default(column)}",
                comment(table, column),
            ]
        elif column.name in existing.not_null and not column.required:
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {quoted(column.name)} DROP NOT NULL")
    return statements


def cannot_migrate(changes: Mapping[str, Sequence[str]], view: Sequence[str], reason: str) -> DataError:
    """The error where the user may not do what ``migration`` says of each table, nor make the view."""
    statements = [statement for each in changes.values() for statement in each] + list(view)
    return DataError(
        f"{' and '.join(changes)} were made by an earlier version and lack columns, and this user may not add them",
        why=f"nothing was written: without them the rows cannot say who left, and why ({reason})",
        fix="\n    ".join(
            [
                "let the tables' owner run this once (no row is rewritten), and GRANT SELECT on the view to its readers:",
                *(" ".join(statement.split()) + ";" for statement in statements),
            ]
        ),
    )
