"""A person in tables that are files, Parquet or CSV: their rows, and the file without them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from leadlens.features import DataError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.sources.ids import id_text
from leadlens.pipeline.views.csv_text import safe_cell
from leadlens.pipeline.writeback.unfinished import replacing

TABLES = (".parquet", ".csv")
_quote = DuckDBDialect().quote
_BOM = b"\xef\xbb\xbf"
_BATCH = 10_000
_CSV_BLOCK = 4 * 2**20  # bytes; no row may be longer
_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def rows_in_file(path: Path, ids: Sequence[str], columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of a person in a Parquet or CSV file, each as what it knows.

    They are known by ``columns``, else by ``lead_id``; in a file without one, such as for the import of a CRM, by its first column.
    Numbers are compared as the ids that a source with them would have. Raises ``DataError`` for a file that cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for batch, theirs in _marked(path, ids, columns):
        rows += pa.Table.from_batches([batch]).filter(theirs).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def forget_in_file(path: Path, ids: Sequence[str], columns: Sequence[str] = ()) -> int:
    """Write a file anew without the rows of a person, known as ``rows_in_file`` knows them; returns how many there were.

    A file without any is left as it is. Raises as ``rows_in_file`` does.
    """
    count = sum(int(pc.sum(theirs).as_py() or 0) for _, theirs in _marked(path, ids, columns))
    if not count:
        return 0
    with path.open("rb") as before:
        marked = before.read(len(_BOM)) == _BOM
    with replacing(Path(os.path.realpath(path))) as file, ExitStack() as writing:
        writer = None
        for batch, theirs in _marked(path, ids, columns):
            if writer is None and path.suffix.lower() == ".csv":
                file.write(_BOM if marked else b"")
                writer = writing.enter_context(pyarrow.csv.CSVWriter(file, batch.schema))
            elif writer is None:
                writer = writing.enter_context(
                    pyarrow.parquet.ParquetWriter(file, batch.schema, compression="zstd")
                )
            writer.write_table(pa.Table.from_batches([batch]).filter(pc.invert(theirs)))
    return count


def has_elsewhere(path: Path, ids: Sequence[str]) -> int:
    """How many rows have an id in another column than that by which they are known."""
    count = 0
    with connect_in_memory() as connection:
        for batch in _batches(path):
            names = [field.name for field in batch.schema if pa.types.is_string(field.type)]
            if not names or "lead_id" in batch.schema.names:
                return 0
            theirs = _theirs(connection, batch, _spelled(path, ids), names)
            count += int(pc.sum(theirs).as_py() or 0)
    return count


def _marked(
    path: Path, ids: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[pa.RecordBatch, pa.ChunkedArray]]:
    """Batches of a file, each with which of its rows are the person's."""
    spelled = _spelled(path, ids)
    with connect_in_memory() as connection:
        for batch in _batches(path):
            names = batch.schema.names
            known = [name for name in columns or ("lead_id",) if name in names] or names[:1]
            yield batch, _theirs(connection, batch, spelled, known)


def _theirs(
    connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, ids: Sequence[str], columns: Sequence[str]
) -> pa.ChunkedArray:
    if not columns:
        return pa.chunked_array([pa.array([False] * len(batch))])
    connection.register("ids", pa.table({"id": pa.array(list(ids), pa.string())}))
    # The mark of each row by its place: nothing promises that rows keep their order.
    own = pa.table(
        {"place": pa.array(range(len(batch)), pa.int64())}
        | {f"_{name}": batch.column(batch.schema.names.index(name)) for name in columns}
    )
    connection.register("batch", own)
    types = {name: kind for name, kind, *_ in connection.execute("DESCRIBE FROM batch").fetchall()}
    same = (
        f"coalesce({id_text(_quote(f'_{name}'), types[f'_{name}'])} IN (SELECT id FROM ids), FALSE)"
        for name in columns
    )
    marks = connection.sql(f"SELECT {' OR '.join(same)} AS theirs FROM batch ORDER BY place")
    theirs: pa.ChunkedArray = marks.to_arrow_table().column("theirs")
    return theirs


def _spelled(path: Path, ids: Sequence[str]) -> list[str]:
    """Ids as a file may have them: a CSV for spreadsheets has a quote before what they would take for a formula."""
    if path.suffix.lower() != ".csv":
        return list(ids)
    safe = (safe_cell(each) for each in ids)
    quoted = (f"'{each}" for each in ids if each[:1] in tuple(_FORMULA))
    return list(dict.fromkeys((*ids, *safe, *quoted)))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """What a file has, of CSV all as text; of an empty one a batch without rows."""
    try:
        if path.suffix.lower() != ".csv":
            file = pyarrow.parquet.ParquetFile(path)
            yield from file.iter_batches(_BATCH)
            return
        with path.open("rb") as opened:
            names = pyarrow.csv.open_csv(opened).schema.names
        yield from pyarrow.csv.open_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError("this file cannot be read", value=str(error), where=str(path)) from None
