"""Leads that left: open rows of a project that a run did not score. They are closed with the reason, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from leadlens.pipeline.writeback.columns import CLOSED, HISTORY_COLUMNS, HISTORY_KEY, OPEN, PEOPLE
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.run import RunManifest
from leadlens.pipeline.writeback.statements import listed, quoted

VANISHED = "vanished"
REASONS = ("objected", "converted", "closed", "merged", "filtered", VANISHED)

# Why each of these leads left, one of ``REASONS`` each.
WhyLeft = Callable[[Sequence[str]], Sequence[str]]

# Whose a row is: by its run or, where the list of runs was cleared or names the table another way, by its model.
_PROJECT = """
    CASE WHEN r.run_id IS NULL AND strpos(t.model_version, '/') > 0
    THEN split_part(t.model_version, '/', 1) ELSE coalesce(r.project, '') END
"""

SCHEMA = pa.schema([("lead_id", pa.string()), ("reason", pa.string()), ("confirmed_at", pa.timestamp("us"))])


def vanished(leads: Sequence[str]) -> list[str]:
    """All that is known without looking into the data: they are not among the scores."""
    return [VANISHED] * len(leads)


def find(
    names: TableNames, run: RunManifest, scored: Iterable[str], placeholder: str
) -> tuple[str, list[object]]:
    """Open leads of the run's project that are in none of the tables ``scored``, and when the run of their row ended."""
    absent = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} n WHERE n.lead_id = t.lead_id)" for table in scored
    )
    statement = f"""
        SELECT t.lead_id, r.finished_at
        FROM {names.scores} t
        LEFT JOIN {names.runs} r ON r.run_id = t.run_id AND r.scores_table = {placeholder}
        WHERE t.status = '{OPEN}'
          AND {_PROJECT} = coalesce(CAST({placeholder} AS VARCHAR), '')
          AND {absent}
        ORDER BY t.lead_id
    """
    return statement, [names.plain, run.project]


def gone(
    found: Sequence[tuple[str, datetime | None]], last: tuple[object, ...] | None, why_left: WhyLeft
) -> pa.Table:
    """The leads to close, with ``SCHEMA``.

    They were confirmed by the latest run (``run_rows.last_done``), if it was of a version that closes what it does not
    score; of rows from before only the run that last changed them is known.
    """
    leads = [lead for lead, _ in found]
    confirmed = last[2] if last is not None and last[3] else None
    times = [(confirmed or seen) for _, seen in found]
    naive = [None if time is None else time.replace(tzinfo=None) for time in times]  # type: ignore[attr-defined]
    reasons = list(why_left(leads)) if leads else []
    return pa.table([pa.array(leads, pa.string()), pa.array(reasons, pa.string()), naive], schema=SCHEMA)


def unnamed(names: TableNames, run: RunManifest, placeholder: str) -> list[tuple[str, list[object]]]:
    """Take what the project does not keep of people any more out of the rows of its leads that left; open rows are written anew."""
    gone = [name for name in PEOPLE if name not in run.people]
    if not gone:
        return []
    statement = f"""
        UPDATE {names.scores}
        SET {", ".join(f"{quoted(name)} = NULL" for name in gone)}
        WHERE status = '{CLOSED}'
          AND ({" OR ".join(f"{quoted(name)} IS NOT NULL" for name in gone)})
          AND lead_id IN (
            SELECT t.lead_id
            FROM {names.scores} t
            LEFT JOIN {names.runs} r ON r.run_id = t.run_id AND r.scores_table = {placeholder}
            WHERE {_PROJECT} = coalesce(CAST({placeholder} AS VARCHAR), '')
          )
    """
    return [(statement, [names.plain, run.project])]


def close(
    names: TableNames, run: RunManifest, table: str, placeholder: str
) -> list[tuple[str, list[object]]]:
    """Close the leads in ``table``, which has ``SCHEMA``, and say so in the history; a retry replaces what it said."""
    kept = [column.name for column in HISTORY_COLUMNS if column.name != "change"]
    # Of who objects to profiling no name is kept.
    forgotten = ", ".join(
        f"{quoted(name)} = CASE WHEN g.reason = 'objected' THEN NULL ELSE t.{quoted(name)} END"
        for name in PEOPLE
    )
    updates = ", ".join(
        f"{quoted(name)} = excluded.{quoted(name)}" for name in [*kept, "change"] if name not in HISTORY_KEY
    )
    return [
        (
            f"""
            UPDATE {names.scores} AS t
            SET status = '{CLOSED}',
                closed_reason = g.reason,
                confirmed_at = g.confirmed_at,
                run_id = {placeholder},
                as_of = {placeholder},
                {forgotten}
            FROM {table} g
            WHERE t.lead_id = g.lead_id
            """,
            [run.run_id, run.as_of],
        ),
        (
            f"""
            INSERT INTO {names.history} ({listed([*kept, "change"])})
            SELECT {listed(kept, "t")}, '{CLOSED}'
            FROM {names.scores} t
            JOIN {table} g ON g.lead_id = t.lead_id
            ON CONFLICT ({listed(HISTORY_KEY)}) DO UPDATE SET {updates}
            """,
            [],
        ),
    ]
