"""Many small files read together: one Parquet file of the rows of all that have the same columns.

A scan has a price of its own, some 40 ms with all its statements: of a thousand small files that is nearly all that they
would cost one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.pipeline.sources.origins import SOURCE_NO

SMALL = 4 << 20  # bytes of a file that is read together with others
_MOST_HEADERS = 16  # files with further ones are read one by one, and so are wide ones
_MOST_COLUMNS = 200
_BLOCK_ROWS = 1 << 17


@dataclass
class Together:
    """A Parquet file with the rows of several sources, in order: how many of each, by number."""

    path: str
    rows: dict[int, int] = field(default_factory=dict)
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _writer: pq.ParquetWriter | None = None

    def add(self, number: int, batch: pa.RecordBatch) -> None:
        """Rows of a source; all have the same columns."""
        numbers = pa.repeat(pa.scalar(number, pa.int32()), batch.num_rows)
        self._waiting.append(batch.append_column(SOURCE_NO, numbers))
        self.rows[number] = self.rows.get(number, 0) + batch.num_rows
        if sum(map(len, self._waiting)) >= _BLOCK_ROWS:
            self._write()

    def close(self) -> None:
        """Write what waits."""
        self._write()
        assert self._writer is not None
        self._writer.close()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = pa.Table.from_batches(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, rows.schema, compression="lz4")
        self._writer.write_table(rows.combine_chunks())
        self._waiting.clear()


def csv_together(
    files: Mapping[int, Path],
    read: Callable[[Path], Iterator[pa.RecordBatch]],
    new_path: Callable[[], str],
) -> list[Together]:
    """The rows of CSV files by number, each read as text by ``read``; without files of rare or wide headers."""
    by_header: dict[tuple[str, ...], Together] = {}
    for number, path in files.items():
        together = None
        for batch in read(path):
            if together is None:
                names = tuple(batch.schema.names)
                if names not in by_header:
                    if len(by_header) == _MOST_HEADERS or not may_be_gathered(names):
                        break
                    by_header[names] = Together(new_path())
                together = by_header[names]
            together.add(number, batch)
    for together in by_header.values():
        together.close()
    return list(by_header.values())


def may_be_gathered(names: tuple[str, ...]) -> bool:
    """Whether files with these columns can be read together."""
    lower = [name.lower() for name in names]
    return len(names) <= _MOST_COLUMNS and SOURCE_NO not in lower and len(set(lower)) == len(lower)


def parquet_alike(files: Mapping[int, tuple[str, tuple[str, ...]]]) -> list[dict[int, int]]:
    """Numbers of Parquet files of one schema in folders of the same names, with the rows of each; those that cannot be read are left out."""
    by_schema: dict[tuple[str, tuple[str, ...]], dict[int, int]] = {}
    for number, (path, folders) in files.items():
        try:
            found = pq.read_metadata(path)
        except (pa.ArrowException, OSError):
            continue  # the error is named when the file is read by itself
        if may_be_gathered(tuple(found.schema.to_arrow_schema().names)):
            schema = str(found.schema).partition("\n")[2]  # without the address of the object
            by_schema.setdefault((schema, folders), {})[number] = found.num_rows
    return [numbers for numbers in by_schema.values() if len(numbers) > 1]
