"""The row of a run in ``scoring_runs``, in the SQL of both databases: at work, done, or ended without writing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from leadlens.features.errors import DataError
from leadlens.pipeline.runs.record import RunRecord, now
from leadlens.pipeline.writeback.columns import RUNS_KEY
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest
from leadlens.pipeline.writeback.statements import listed, quoted

SILENT_HOURS = 24  # no night is longer


def record_run(
    names: TableNames, run: RunManifest, counts: Counts, account: Account, placeholder: str
) -> tuple[str, list[object]]:
    """The row of a run whose scores are written. A retry under the same run id adds what it changed, if anything."""
    values: dict[str, object] = {
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
        "stages": account.stages,
        "project": run.project,
        "closed": counts.closed,
        "error": None,
        "warnings": account.warnings,
    }
    added = ("inserted", "updated", "closed")
    statement = (
        _upsert_run(names, values, placeholder, added)
        + """
        WHERE r.status <> 'done' OR excluded.inserted + excluded.updated + excluded.closed > 0
    """
    )
    return statement, list(values.values())


def record_end(names: TableNames, record: RunRecord, placeholder: str) -> tuple[str, list[object]]:
    """The row of a run that is at work, or ended without writing. What is done stays done."""
    values: dict[str, object] = {
        "run_id": record.run_id,
        "scores_table": names.plain,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "status": record.status,
        "as_of": record.as_of,
        "model_version": record.model_version,
        "scorecard_version": record.scorecard_version,
        "config_fingerprint": record.config_fingerprint,
        "data_version": record.data_version,
        "stages": json.dumps(record.stages) if record.stages else None,
        "project": record.project,
        "error": record.error,
        "warnings": json.dumps(record.warnings, ensure_ascii=False) if record.warnings else None,
    }
    statement = _upsert_run(names, values, placeholder) + " WHERE r.status <> 'done'"
    return statement, list(values.values())


def record_silent(names: TableNames, run_id: str, placeholder: str) -> tuple[str, list[object]]:
    """Runs of other machines that have been at work for too long are taken for killed; one that lives says so later."""
    statement = f"""
        UPDATE {names.runs}
        SET status = 'killed', finished_at = {placeholder}, error = {placeholder}
        WHERE scores_table = {placeholder}
          AND status = 'started'
          AND started_at < {placeholder}
          AND run_id <> {placeholder}
    """
    error = f"it did not end within {SILENT_HOURS} hours, and its state folder is not here"
    return statement, [now(), error, names.plain, now() - timedelta(hours=SILENT_HOURS), run_id]


def done_of(names: TableNames, run_ids: Sequence[str], placeholder: str) -> tuple[str, list[object]]:
    """Which of these runs are done."""
    places = ", ".join([placeholder] * len(run_ids))
    statement = f"""
        SELECT run_id FROM {names.runs}
        WHERE scores_table = {placeholder} AND status = 'done' AND run_id IN ({places})
    """
    return statement, [names.plain, *run_ids]


def _upsert_run(
    names: TableNames, values: Mapping[str, object], placeholder: str, added: Collection[str] = ()
) -> str:
    updates = [
        f"{quoted(name)} = coalesce(r.{name}, 0) + excluded.{name}"
        if name in added
        else f"{quoted(name)} = excluded.{quoted(name)}"
        for name in values
        if name not in (*RUNS_KEY, "started_at")
    ]
    return f"""
        INSERT INTO {names.runs} AS r ({listed(values)})
        VALUES ({", ".join([placeholder] * len(values))})
        ON CONFLICT ({listed(RUNS_KEY)}) DO UPDATE SET {", ".join(updates)}
    """


def last_done(names: TableNames, run: RunManifest, placeholder: str) -> tuple[str, list[object]]:
    """The latest run of the project that is done, but for this one: its id, as-of date, end, and whether it closed leads."""
    statement = f"""
        SELECT run_id, as_of, finished_at, closed IS NOT NULL
        FROM {names.runs}
        WHERE scores_table = {placeholder}
          AND coalesce(project, '') = coalesce(CAST({placeholder} AS VARCHAR), '')
          AND status = 'done'
          AND run_id <> {placeholder}
        ORDER BY finished_at DESC
        LIMIT 1
    """
    return statement, [names.plain, run.project, run.run_id]


def refuse_older(last: tuple[Any, ...] | None, run: RunManifest) -> None:
    """Refuse to write older scores over newer ones; of two runs at once the older one may also finish last."""
    if last is None or run.replace_newer:
        return
    as_of = last[1].replace(tzinfo=None)
    if as_of > run.as_of:
        raise DataError(
            f"these scores are as of {run.as_of:%Y-%m-%d %H:%M}, and the table has newer ones: "
            f"run {last[0]} wrote them as of {as_of:%Y-%m-%d %H:%M}",
            why="nothing was written: older scores would replace newer ones",
            fix="score as of a later date, and see whether the data lost their latest days; "
            "to look at old scores use --dry-run, to replace newer ones on purpose --replace-newer",
        )


def name_projects(names: TableNames) -> str:
    """Runs of earlier versions, which had no column for it: their model is called ``project/version``."""
    return f"""
        UPDATE {names.runs}
        SET project = regexp_replace(model_version, '/[^/]*$', '')
        WHERE project IS NULL AND model_version LIKE '%/%'
    """
