"""The runs that a database knows of: rows of `scoring_runs`, as records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback.current import read_rows
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.target import Target

_PLAIN = (
    "run_id", "status", "rows", "inserted", "updated", "unchanged", "closed", "model_version", "scorecard_version",
    "data_version", "error",
)  # fmt: skip
_TIMES = ("started_at", "finished_at", "as_of")


def listed_runs(target: Target, table: str, project: str, last: int) -> list[RunRecord]:
    """The latest runs of a project that wrote to a table, or were to, whichever machine they ran on; none of a file.

    Raises ``UsageError`` where there is no such database or table, ``LeadlensError`` or ``UnavailableError`` where it cannot be read.
    """
    if target.kind not in ("duckdb", "postgresql"):
        return []

    def statement(names: TableNames, mark: str) -> str:
        # As JSON: tables of earlier releases lack columns until the next run writes to them.
        return f"""
            SELECT to_json(r)
            FROM {names.runs} AS r
            WHERE scores_table = {mark}
              AND coalesce(to_json(r) ->> 'project', split_part(model_version, '/', 1)) = {mark}
            ORDER BY started_at DESC, run_id DESC
            LIMIT {last:d}
        """

    rows = (_object(row[0]) for row in read_rows(target, table, statement, [table, project]))
    return [
        RunRecord(
            **{name: row.get(name) for name in _PLAIN},
            **{name: _time(row.get(name)) for name in _TIMES},
            warnings=list(_object(row.get("warnings")) or ()),
            project=project,
            target=target.shown,
            table=table,
        )
        for row in rows
    ]


def _time(value: str | None) -> Any:
    """Naive UTC, whatever the time zone of the session."""
    at = None if value is None else datetime.fromisoformat(value)
    return at if at is None or at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def _object(value: Any) -> Any:
    """JSON, which one of the databases gives as text."""
    return json.loads(value) if isinstance(value, str) else value
