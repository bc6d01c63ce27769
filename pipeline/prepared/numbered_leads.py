"""The leads of each part in order of their numbers: their ids, and when they were created."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leadlens.features import DuckDBEngine
from leadlens.pipeline.prepared.event_layout import NULL_TIME, Array
from leadlens.pipeline.prepared.numbering import STRIDE


def lead_ids(engine: DuckDBEngine, parts: int) -> list[pa.Array]:
    """An array per part, an empty text for numbers of leads that are gone; read from ``numbers``."""
    ids = []
    for part in range(parts):
        table = engine.connection.sql(
            f"""
            SELECT CAST(lead_no - {part * STRIDE} AS BIGINT) AS place, lead_id
            FROM numbers
            WHERE lead = lead_id AND lead_no BETWEEN {part * STRIDE} AND {(part + 1) * STRIDE - 1}
            ORDER BY lead_no
            """
        ).to_arrow_table()
        place = table["place"].to_numpy()
        own = pa.concat_arrays(table["lead_id"].chunks or [pa.array([], pa.string())])
        if len(place) and len(place) != place[-1] + 1:  # numbers of leads that are gone
            indices = np.full(int(place[-1]) + 1, -1)
            indices[place] = np.arange(len(place))
            own = pc.fill_null(
                own.take(pa.array(indices, mask=indices < 0)), ""
            )  # Parquet has no NULL in a dictionary
        ids.append(own)
    return ids


def creation_times(engine: DuckDBEngine, sizes: list[int]) -> list[Array]:
    """Microseconds per part, ``NULL_TIME`` where unknown; ``sizes`` are numbers per part. Read from ``created``."""
    times = []
    for part, size in enumerate(sizes):
        columns = engine.connection.execute(
            f"""
            SELECT lead_no - {part * STRIDE} AS place, epoch_us(created_at) AS created
            FROM created
            WHERE lead_no BETWEEN {part * STRIDE} AND {(part + 1) * STRIDE - 1}
            """
        ).fetchnumpy()
        created = np.full(size, NULL_TIME)
        created[columns["place"]] = columns["created"]
        times.append(created)
    return times
