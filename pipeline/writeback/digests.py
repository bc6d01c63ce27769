"""One number for what a row says, so that equal rows are found without holding both."""

from __future__ import annotations

import pyarrow as pa

from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.writeback.columns import SCORE_COLUMNS, SCORES_KEY

_SAID = [column for column in SCORE_COLUMNS if column.compared or column.name in SCORES_KEY]


def digest(alias: str) -> str:
    """SQL of DuckDB: 64 bits of the lead and all compared columns of the row ``alias``.

    Columns of another accepted type are cast first; what does not fit makes the row another one. That two different
    rows of one lead share a number by chance happens once in 10^13 nights of a million changed leads each.
    """
    typed = {c: _TYPES.get(c.kind, c.sql_type("duckdb")) for c in _SAID}
    cells = (c.as_compared(f'TRY_CAST({alias}."{c.name}" AS {kind})') for c, kind in typed.items())
    return f"hash({', '.join(cells)})"


def digests(rows: pa.Table) -> pa.ChunkedArray:
    """One digest per row, unsigned."""
    with connect_in_memory(threads=1) as connection:  # one thread keeps the order
        connection.register("s", rows)
        return connection.sql(f"SELECT {digest('s')} AS digest FROM s").to_arrow_table().column(0)


_TYPES = {"json": "VARCHAR"}  # as text: the type JSON would be checked again
