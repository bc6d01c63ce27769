"""Finds the new and changed rows of a run in DuckDB by their digests, and writes those."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from leadlens.pipeline.writeback import closings
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import CLOSED, HISTORY_COLUMNS, SCORE_COLUMNS
from leadlens.pipeline.writeback.digests import digest
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.run import RunManifest
from leadlens.pipeline.writeback.spool import Mask, Spool
from leadlens.pipeline.writeback.statements import listed

Connection = duckdb.DuckDBPyConnection

_ROWS = "leadlens_rows"
_OTHERS = "leadlens_others"
_SCORED = "leadlens_scored"
_GONE = "leadlens_gone"
_OURS = [column.name for column in SCORE_COLUMNS]
_KEPT = [column.name for column in HISTORY_COLUMNS if column.name != "change"]


def merge(connection: Connection, names: TableNames, run_id: str, spool: Spool) -> tuple[int, int]:
    """Write the rows of ``spool`` that are new or changed, and their history; the numbers of both.

    Goes through the rows once for each step, so that none of them holds what is wide in memory.
    """
    new, changed, back = _compare(connection, names, spool)
    if changed.any():
        _replace(connection, names, spool, changed)
    if new.any():
        _rows(connection, spool, _OURS, new)
        connection.execute(
            f"INSERT INTO {names.scores} ({listed(_OURS)}) SELECT {listed(_OURS)} FROM {_ROWS}"
        )
    if (new | changed).any():  # a retry replaces what the first try said
        _rows(connection, spool, ["lead_id"], new | changed)
        connection.execute(
            f"DELETE FROM {names.history} WHERE run_id = ? AND lead_id IN (SELECT lead_id FROM {_ROWS})",
            [run_id],
        )
    for change, wanted in {"inserted": new, "updated": changed & ~back, "reopened": back}.items():
        if wanted.any():
            _rows(connection, spool, _KEPT, wanted)
            connection.execute(
                f"INSERT INTO {names.history} ({listed([*_KEPT, 'change'])}) SELECT {listed(_KEPT)}, ? FROM {_ROWS}",
                [change],
            )
    return int(new.sum()), int(changed.sum())


def _compare(connection: Connection, names: TableNames, spool: Spool) -> tuple[Mask, Mask, Mask]:
    """Which rows have no row in the table yet, which have one that says something else, and which of these were closed."""
    _rows(connection, spool, ["lead_id", "number", "digest"])
    found = connection.execute(f"""
        SELECT r.number, t.lead_id IS NULL AS is_new, t.status = '{CLOSED}' AS is_back
        FROM {_ROWS} r
        LEFT JOIN (SELECT t.lead_id, t.status, {digest("t")} AS digest FROM {names.scores} t) t
            ON t.lead_id = r.lead_id
        WHERE t.lead_id IS NULL OR t.digest <> r.digest
    """).fetchnumpy()
    numbers, is_new = np.asarray(found["number"]), np.asarray(found["is_new"])
    new, changed, back = (np.zeros(spool.rows, bool) for _ in range(3))
    new[numbers[is_new]] = True
    changed[numbers[~is_new]] = True
    back[numbers[np.ma.filled(found["is_back"], False).astype(bool)]] = True
    return new, changed, back


def close_absent(
    connection: Connection,
    names: TableNames,
    run: RunManifest,
    spool: Spool,
    last: tuple[object, ...] | None,
    why_left: WhyLeft,
) -> int:
    """Close the open leads of the project that are not in ``spool``; how many these are."""
    _rows(connection, spool, ["lead_id"])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_SCORED} AS SELECT lead_id FROM {_ROWS}")
    statement, values = closings.find(names, run, [_SCORED], "?")
    gone = closings.gone(connection.execute(statement, values).fetchall(), last, why_left)
    if len(gone):
        connection.register(_GONE, gone)
        for statement, values in closings.close(names, run, _GONE, "?"):
            connection.execute(statement, values)
    return len(gone)


def _replace(connection: Connection, names: TableNames, spool: Spool, changed: Mask) -> None:
    """Delete and insert, columns of others included: an UPDATE of a million rows takes minutes and all memory."""
    others = _columns_of_others(connection, names)
    _rows(connection, spool, ["lead_id"], changed)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {_OTHERS} AS
        SELECT {listed(["lead_id", *others], "t")}
        FROM {names.scores} t
        WHERE t.lead_id IN (SELECT lead_id FROM {_ROWS})
    """)
    connection.execute(f"DELETE FROM {names.scores} WHERE lead_id IN (SELECT lead_id FROM {_OTHERS})")
    _rows(connection, spool, _OURS, changed)
    values = [listed(_OURS, "r"), *(listed([name], "o") for name in others)]
    connection.execute(f"""
        INSERT INTO {names.scores} ({listed([*_OURS, *others])})
        SELECT {", ".join(values)}
        FROM {_ROWS} r {f"JOIN {_OTHERS} o ON o.lead_id = r.lead_id" if others else ""}
    """)


def _columns_of_others(connection: Connection, names: TableNames) -> list[str]:
    found = connection.execute(
        """
        SELECT column_name
        FROM duckdb_columns()
        WHERE database_name = current_database()
            AND lower(schema_name) = lower(?)
            AND lower(table_name) = lower(?)
            AND NOT is_generated
        """,
        [names.schema or "main", names.table],
    ).fetchall()
    return [name for (name,) in found if name.lower() not in _OURS]


def _rows(connection: Connection, spool: Spool, columns: Sequence[str], wanted: Mask | None = None) -> None:
    """Let ``_ROWS`` be columns of the wanted rows, for one statement."""
    connection.register(_ROWS, spool.read(columns, wanted))
