"""The SQL of PostgreSQL: staging tables that end with the transaction, hashes of rows, and the merge.

A lead's row is sent whole unless a receipt says by which hash PostgreSQL knows what would be sent
(see ``leadlens.pipeline.writeback.receipts``); then number, lead and hash are enough to find that it still stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadlens.pipeline.writeback.columns import (
    CLOSED,
    HISTORY_COLUMNS,
    HISTORY_KEY,
    SCORE_COLUMNS,
    SCORES_KEY,
)
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.statements import definition, listed, quoted

STAGED = '"leadlens_staged"'
KNOWN = '"leadlens_known"'
CHANGED = '"leadlens_changed"'
GONE = '"leadlens_gone"'
NUMBER = '"number"'  # of the row in the run, from 0

# Functions that hash whole rows came with version 14.
HASHES_SINCE = 140_000
_PER_ARRAY = 100_000


def create_staging() -> list[str]:
    """Tables that other sessions do not see and that vanish with the transaction, however it ends."""
    columns = ", ".join(definition(column, "postgresql") for column in SCORE_COLUMNS)
    return [
        f"CREATE TEMP TABLE {STAGED} ({columns}, {NUMBER} integer) ON COMMIT DROP",
        f"CREATE TEMP TABLE {KNOWN} ({NUMBER} integer, lead_id text, hash bigint) ON COMMIT DROP",
        f"CREATE TEMP TABLE {GONE} (lead_id text, reason text, confirmed_at timestamp) ON COMMIT DROP",
    ]


def count_changed() -> str:
    """One row: leads inserted, leads updated."""
    return f"SELECT count(CASE WHEN is_new THEN 1 END), count(CASE WHEN NOT is_new THEN 1 END) FROM {CHANGED}"


def hashes(known: bool = False) -> str:
    """Rows of two arrays: numbers and hashes of the staged rows, or only of those that were in ``KNOWN``."""
    where = f"WHERE {NUMBER} IN (SELECT {NUMBER} FROM {KNOWN})" if known else ""
    return _as_arrays(f"SELECT {NUMBER}, {_hash('s')} AS hash FROM {STAGED} s {where}", "hash")


def lost(names: TableNames) -> str:
    """Rows of one array: numbers of known rows that do not stand in the table as their receipt says."""
    return _as_arrays(
        f"""
        WITH standing AS MATERIALIZED (SELECT t.lead_id, {_hash("t")} AS hash FROM {names.scores} t)
        SELECT k.{NUMBER}
        FROM {KNOWN} k
        LEFT JOIN standing ON standing.lead_id = k.lead_id
        WHERE standing.hash IS DISTINCT FROM k.hash
        """
    )


def merge(names: TableNames) -> list[tuple[str, str]]:
    """The named steps from the staged rows to the tables, for one transaction."""
    different = " OR ".join(
        " IS DISTINCT FROM ".join(column.as_compared(f"{row}.{quoted(column.name)}") for row in "st")
        for column in SCORE_COLUMNS
        if column.compared
    )
    kept = [column.name for column in HISTORY_COLUMNS if column.name != "change"]
    changed = f"FROM {STAGED} s JOIN {CHANGED} c ON c.lead_id = s.lead_id"
    return [
        (
            "changed leads",
            f"""
            CREATE TEMP TABLE {CHANGED} ON COMMIT DROP AS
            SELECT s.lead_id, t.lead_id IS NULL AS is_new, t.status = '{CLOSED}' AS is_back
            FROM {STAGED} s
            LEFT JOIN {names.scores} t ON t.lead_id = s.lead_id
            WHERE t.lead_id IS NULL OR {different}
            """,
        ),
        (
            "scores",
            _upsert(
                names.scores,
                [column.name for column in SCORE_COLUMNS],
                SCORES_KEY,
                f"SELECT {listed((c.name for c in SCORE_COLUMNS), 's')} {changed}",
            ),
        ),
        (
            "history",
            _upsert(
                names.history,
                [*kept, "change"],
                HISTORY_KEY,
                f"""
                SELECT
                    {listed(kept, "s")},
                    CASE WHEN c.is_new THEN 'inserted' WHEN c.is_back THEN 'reopened' ELSE 'updated' END
                {changed}
                """,
            ),
        ),
    ]


def _hash(alias: str) -> str:
    """64 bits of the lead and all compared columns, of values as PostgreSQL holds them."""
    said = (
        column.as_compared(f"{alias}.{quoted(column.name)}")
        for column in SCORE_COLUMNS
        if column.compared or column.name in SCORES_KEY
    )
    return f"hash_record_extended(ROW({', '.join(said)}), 0)"


def _as_arrays(select: str, *more: str) -> str:
    """The columns as arrays of up to ``_PER_ARRAY`` values: a million rows one by one take the client seconds."""
    arrays = ", ".join(f"array_agg({column})" for column in (NUMBER, *more))
    return f"SELECT {arrays} FROM ({select}) AS r GROUP BY {NUMBER} / {_PER_ARRAY}"


def _upsert(table: str, columns: Sequence[str], key: Sequence[str], select: str) -> str:
    updates = ", ".join(f"{quoted(c)} = excluded.{quoted(c)}" for c in columns if c not in key)
    return f"""
        INSERT INTO {table} ({listed(columns)})
        {select}
        ON CONFLICT ({listed(key)}) DO UPDATE SET {updates}
    """
