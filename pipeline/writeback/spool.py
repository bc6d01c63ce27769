"""The rows of a run on their way to the target: in a file without a name, so that memory does not grow with them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.writeback.digests import digests
from leadlens.pipeline.writeback.prepare import SCHEMA, more_than_once

_BATCH = 10_000  # rows that are in memory at a time: 15 MB

Mask = npt.NDArray[np.bool_]

# What is kept beside the columns of a row: its number in the run, from 0, and its digest.
_KEPT = pa.schema([*SCHEMA, ("number", pa.int32()), ("digest", pa.uint64())])


class Spool:
    """Takes prepared rows chunk by chunk and gives them back, in order, as often as a writer needs.

    The file has no name (on Windows: is deleted when closed), so nothing is left of a run that is killed. It is
    compressed: 0.23 GB for a million leads with reasons and ledger.

    Parameters
    ----------
    folder : where the file lies; the system's folder for temporary files by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix="leadlens-", dir=folder)  # noqa: SIM115
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pyarrow.ipc.new_stream(self._file, _KEPT, options=options)
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Keep ``rows``, which have ``SCHEMA``."""
        numbers = np.arange(self.rows, self.rows + rows.num_rows, dtype=np.int32)
        kept = pa.table([*rows.columns, numbers, digests(rows)], schema=_KEPT)
        self._writer.write_table(kept, max_chunksize=_BATCH)
        self.rows += rows.num_rows

    def finish(self) -> None:
        """End the writing, before the first ``read``.

        Raises
        ------
        DataError : a lead stands in two chunks.
        """
        self._writer.close()
        with connect_in_memory() as connection:
            connection.register("ids", self.read(["lead_id"]))
            count, lead = connection.execute("""
                SELECT count(*), min(lead_id)
                FROM (SELECT lead_id FROM ids GROUP BY lead_id HAVING count(*) > 1)
            """).fetchall()[0]
        if count:
            raise more_than_once(count, lead)

    def read(self, columns: Sequence[str] = SCHEMA.names, wanted: Mask | None = None) -> pa.RecordBatchReader:
        """Columns of the rows in which ``wanted`` is true, or of all. Use up one reader before the next.

        Parameters
        ----------
        columns : of ``SCHEMA``, ``number`` (from 0, in the order of adding) and ``digest``.
        wanted : one value per row.
        """
        places = [_KEPT.get_field_index(name) for name in columns]
        self._file.seek(0)
        options = pyarrow.ipc.IpcReadOptions(included_fields=places)
        batches = pyarrow.ipc.open_stream(self._file, options=options)
        schema = pa.schema([_KEPT.field(place) for place in places])
        return pa.RecordBatchReader.from_batches(schema, _selected(batches, list(columns), wanted))

    def close(self) -> None:
        """Forget the rows."""
        if not self._file.closed:
            # What they would still write is not wanted, and on a full disk says less than the error on its way.
            with contextlib.suppress(OSError):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._file.close()


def _selected(
    batches: pa.RecordBatchReader, columns: list[str], wanted: Mask | None
) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        chosen = batch.select(columns)
        if wanted is not None:
            chosen = chosen.filter(pa.array(wanted[start : start + batch.num_rows]))
        start += batch.num_rows
        if chosen.num_rows:
            yield chosen
