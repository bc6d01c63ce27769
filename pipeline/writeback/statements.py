"""The SQL that DuckDB and PostgreSQL share: the tables, the view of open leads, and a run's row in ``scoring_runs``.

Only leads that are new, changed or gone are written. Changed means: a compared column differs (``Column.compared``).
``run_id`` and ``as_of`` are not compared: they say when the row last changed. That the open rows of a project have been
confirmed since is recorded once, by the row of its latest run that is done: every such run closes what it did not score,
so a row that is open was scored by it. A night without any change writes one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from leadlens.pipeline.writeback.columns import (
    HISTORY_COLUMNS,
    HISTORY_KEY,
    OPEN,
    PEOPLE,
    RUN_COLUMNS,
    RUNS_KEY,
    SCORE_COLUMNS,
    SCORES_KEY,
    Column,
    Dialect,
)
from leadlens.pipeline.writeback.names import TableNames

Table = tuple[str, tuple[Column, ...], tuple[str, ...]]  # quoted name, columns, key


def tables(names: TableNames) -> list[Table]:
    """Every table a write-back needs: its quoted name, columns and key."""
    return [
        (names.scores, SCORE_COLUMNS, SCORES_KEY),
        (names.history, HISTORY_COLUMNS, HISTORY_KEY),
        (names.runs, RUN_COLUMNS, RUNS_KEY),
    ]


def create(table: str, columns: Sequence[Column], key: Sequence[str], dialect: Dialect) -> list[str]:
    """CREATE TABLE, with the description of every column as its comment."""
    lines = [
        definition(column, dialect) + (" NOT NULL" if column.required else "") + default(column)
        for column in columns
    ]
    lines.append(f"PRIMARY KEY ({listed(key)})")
    return [f"CREATE TABLE {table} ({', '.join(lines)})", *(comment(table, column) for column in columns)]


def definition(column: Column, dialect: Dialect) -> str:
    return f"{quoted(column.name)} {column.sql_type(dialect)}"


def default(column: Column) -> str:
    return f" DEFAULT '{column.default}'" if column.default else ""


def comment(table: str, column: Column) -> str:
    about = column.about.replace("'", "''")
    return f"COMMENT ON COLUMN {table}.{quoted(column.name)} IS '{about}'"


def create_view(names: TableNames) -> str:
    """Whom to call: the open rows, with when and as of when the latest run of their project confirmed them."""
    shown = listed((each.name for each in SCORE_COLUMNS if not each.ours and each.name not in PEOPLE), "s")
    inside = replace(names, catalog=None)  # the view must not break when the file gets another name
    return f"""
        CREATE OR REPLACE VIEW {names.view} AS
        SELECT {shown}, c.finished_at AS confirmed_at, c.as_of AS confirmed_as_of, {listed(PEOPLE, "s")}
        FROM {inside.scores} s
        LEFT JOIN {inside.runs} r ON r.run_id = s.run_id AND r.scores_table = '{names.plain}'
        LEFT JOIN (
            SELECT
                coalesce(project, '') AS project,
                finished_at,
                as_of,
                row_number() OVER (PARTITION BY coalesce(project, '') ORDER BY finished_at DESC) AS place
            FROM {inside.runs}
            WHERE scores_table = '{names.plain}' AND status = 'done'
        ) c ON c.project = coalesce(r.project, '') AND c.place = 1
        WHERE s.status = '{OPEN}'
    """


def listed(names: Iterable[str], alias: str = "") -> str:
    return ", ".join(f"{alias}.{quoted(name)}" if alias else quoted(name) for name in names)


def quoted(name: str) -> str:
    return f'"{name}"'
