"""The runs that a database knows of: rows of `scoring_runs`, as records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback.current import read_rows
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.statements import listed
from leadlens.pipeline.writeback.target import Target

_COLUMNS = (
    "run_id",
    "status",
    "started_at",
    "finished_at",
    "as_of",
    "rows",
    "inserted",
    "updated",
    "unchanged",
    "closed",
    "model_version",
    "scorecard_version",
    "data_version",
    "error",
    "warnings",
)


def listed_runs(target: Target, table: str, project: str, last: int) -> list[RunRecord]:
    """The latest runs of a project that wrote to a table, or were to, whichever machine they ran on; none of a file.

    Raises ``UsageError`` where there is no such database or table, ``LeadlensError`` or ``UnavailableError`` where it cannot be read.
    """
    if target.kind not in ("duckdb", "postgresql"):
        return []

    def statement(names: TableNames, mark: str) -> str:
        return f"""
            SELECT {listed(_COLUMNS)}
            FROM {names.runs}
            WHERE scores_table = {mark} AND project = {mark}
            ORDER BY started_at DESC, run_id DESC
            LIMIT {last:d}
        """

    found = (
        dict(zip(_COLUMNS, row, strict=True)) for row in read_rows(target, table, statement, [table, project])
    )
    return [
        RunRecord(
            **{name: _naive(value) for name, value in row.items() if name != "warnings"},
            warnings=_texts(row["warnings"]),
            project=project,
            target=target.shown,
            table=table,
        )
        for row in found
    ]


def _naive(value: Any) -> Any:
    """Times as they are everywhere else, whatever the time zone of the session."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _texts(value: Any) -> list[str]:
    """JSON, which one of the databases gives as text."""
    return list(json.loads(value) if isinstance(value, str) else value or ())
