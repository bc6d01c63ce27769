"""The SQL that DuckDB and PostgreSQL share: the tables, and the row that a run leaves in ``scoring_runs``.

Only leads that are new or changed are written. Changed means: a compared column differs (``Column.compared``). ``run_id`` and ``as_of``
are not compared: they say when the row last changed; that it has been confirmed since is recorded once, by the row
of the run. So a night without any change writes one row. Rows of leads that are no longer scored stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from features.errors import LeadlensError
from pipeline.runs.record import now
from pipeline.writeback.columns import (
    HISTORY_COLUMNS,
    HISTORY_KEY,
    RUN_COLUMNS,
    RUNS_KEY,
    SCORE_COLUMNS,
    SCORES_KEY,
    Column,
    Dialect,
)
from pipeline.writeback.names import TableNames
from pipeline.writeback.run import Counts, RunManifest

CHANGED = '"leadlens_changed"'

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
    lines = [f"{definition(column, dialect)}{' NOT NULL' if column.required else ''}" for column in columns]
    lines.append(f"PRIMARY KEY ({listed(key)})")
    comments = []
    for column in columns:
        about = column.about.replace("'", "''")
        comments.append(f"COMMENT ON COLUMN {table}.{quoted(column.name)} IS '{about}'")
    return [f"CREATE TABLE {table} ({', '.join(lines)})", *comments]


def definition(column: Column, dialect: Dialect) -> str:
    return f"{quoted(column.name)} {column.sql_type(dialect)}"


def count_changed() -> str:
    """One row: leads inserted, leads updated."""
    return f"SELECT count(CASE WHEN is_new THEN 1 END), count(CASE WHEN NOT is_new THEN 1 END) FROM {CHANGED}"


def record_run(
    names: TableNames,
    run: RunManifest,
    counts: Counts,
    stages: str | None,
    present: Collection[str],
    placeholder: str,
) -> tuple[str, list[object]]:
    """The row of the run. A retry under the same run id adds what it changed, if anything, to the row.

    ``stages`` is what the run cost, as JSON; ``present`` are the columns that the table has.
    """
    all_values: dict[str, object] = {
        "run_id": run.run_id,
        "scores_table": names.plain,
        "started_at": run.started_at,
        "finished_at": now(),
        "status": "done",
        "as_of": run.as_of,
        "rows": counts.rows,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "model_version": run.model_version,
        "scorecard_version": run.scorecard_version,
        "config_fingerprint": run.config_fingerprint,
        "data_version": run.data_version,
        "stages": stages,
    }
    late = {column.name for column in RUN_COLUMNS if column.came_later}
    values = {name: value for name, value in all_values.items() if name in present or name not in late}
    statement = f"""
        INSERT INTO {names.runs} AS r ({listed(values)})
        VALUES ({", ".join([placeholder] * len(values))})
        ON CONFLICT ({listed(RUNS_KEY)}) DO UPDATE SET
            finished_at = excluded.finished_at,
            "rows" = excluded."rows",
            inserted = r.inserted + excluded.inserted,
            updated = r.updated + excluded.updated,
            unchanged = excluded.unchanged
        WHERE excluded.inserted + excluded.updated > 0
    """
    return statement, list(values.values())


def overtaken(names: TableNames, run: RunManifest, placeholder: str) -> tuple[str, list[object]]:
    """The run with the latest as-of date after that of this run, written while this one was computing."""
    statement = f"""
        SELECT run_id, as_of
        FROM {names.runs}
        WHERE scores_table = {placeholder}
          AND as_of > {placeholder}
          AND finished_at > {placeholder}
          AND run_id <> {placeholder}
        ORDER BY as_of DESC
        LIMIT 1
    """
    return statement, [names.plain, run.as_of, run.started_at, run.run_id]


def refuse_overtaken(later: tuple[object, ...] | None) -> None:
    """Refuse to overwrite newer scores: of two runs at once the one with the earlier as-of date may finish last."""
    if later is not None:
        raise LeadlensError(
            f"run {later[0]} wrote newer scores (as of {later[1]}) while this run was computing",
            why="nothing was written: older scores would replace newer ones",
            fix="nothing needs fixing; to restore older scores on purpose, run again with --as-of",
        )


def listed(names: Iterable[str], alias: str = "") -> str:
    return ", ".join(f"{alias}.{quoted(name)}" if alias else quoted(name) for name in names)


def quoted(name: str) -> str:
    return f'"{name}"'
