"""Files of sorted events: written by part of the leads, and read as one table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from leadlens.features import DuckDBEngine
from leadlens.pipeline.prepared.event_layout import Layout, content_sql
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import StoredFile
from leadlens.pipeline.prepared.numbering import STRIDE

_BATCH = 1 << 17


def write_sorted(
    engine: DuckDBEngine, folder: PreparedFolder, layout: Layout, select: str, run: int
) -> list[StoredFile]:
    """Rows of events, sorted, as the files of a run: one for each part."""
    content = content_sql(layout, engine.dialect.quote, "e", "e._with_id")
    ordered = f"SELECT * FROM ({select}) AS e ORDER BY _lead_no, occurred_at, {content}, _source"
    reader = engine.connection.sql(ordered).to_arrow_reader(_BATCH)
    files: list[StoredFile] = []
    waiting: list[pa.RecordBatch] = []
    part = -1

    def write() -> None:
        stored = folder.write("events", waiting, reader.schema, run, part) if waiting else None
        if stored:
            files.append(stored)
        waiting.clear()

    for batch in reader:
        parts = batch["_lead_no"].to_numpy() // STRIDE
        cuts = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
        for start, end in pairwise(cuts):
            if parts[start] != part:
                write()
                part = int(parts[start])
            waiting.append(batch.slice(start, end - start))
    write()
    return files


def scan(engine: DuckDBEngine, paths: Sequence[str], options: str = "") -> str:
    """``read_parquet(…)`` of some files, taken literally."""
    return engine.dialect.parquet(*paths, options=options)
