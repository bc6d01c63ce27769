"""Writes scores into a Parquet or CSV file: a snapshot of the run, replaced as a whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from features.engines.duckdb_connections import connect_in_memory
from features.errors import DataError, LeadlensError, RoomError
from features.regular_files import refuse_no_file
from pipeline.exit_codes import is_full
from pipeline.writeback.columns import SCORE_COLUMNS
from pipeline.writeback.digests import digest
from pipeline.writeback.prepare import SCHEMA
from pipeline.writeback.run import Counts
from pipeline.writeback.spool import Spool
from pipeline.writeback.unfinished import replacing

# What a spreadsheet takes as the start of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = r"^([=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])"
_BOM = b"\xef\xbb\xbf"  # without it Excel reads UTF-8 in a local encoding and corrupts every accent
_BATCH = 10_000
_CSV_BLOCK = 4 * 2**20  # bytes; no row may be longer


@dataclass(frozen=True)
class FileWriter:
    """Replaces the file by the rows of a run, or leaves it alone if it already has the same scores.

    In CSV, text that a spreadsheet would run as a formula has a leading apostrophe (see ``spreadsheet_safe``).
    """

    path: Path
    shown: str

    def check(self) -> None:
        """Refuse an existing file that does not contain scores."""
        refuse_no_file(self.path, self.shown)
        with self._explained():
            if self.path.exists():
                self._present()

    def commit(self, spool: Spool, stages: str | None) -> Counts:
        """Write all rows of ``spool``; a file has no record of runs."""
        with self._explained():
            counts, same = _compare(spool, self._present() if self.path.exists() else None)
            if not same:
                path = Path(os.path.realpath(self.path))  # a symbolic link stays one
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    _write(spool, file, self._is_csv)
        return counts

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix.lower() == ".csv"

    def _present(self) -> Iterator[pa.RecordBatch]:
        """The scores in the existing file, as it spells them; a file with anything else is not ours to overwrite."""
        try:
            batches, present = (_read_csv if self._is_csv else _read_parquet)(self.path)
        except pa.ArrowException:
            present = []
        if not set(SCHEMA.names) <= set(present):
            raise DataError(
                "this file exists already and does not contain scores of Leadlens",
                where=self.shown,
                why="it was left unchanged, so that nothing of yours is lost",
                fix="name another file, or move this one away",
            )
        return batches

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or str(error)
            kind = RoomError if is_full(error) else LeadlensError
            raise kind(
                "the file cannot be written",
                where=self.shown,
                why=f"an existing file is untouched: {reason}",
                fix="check the folder, its permissions and the space left; close the file in other programs",
            ) from None


def spreadsheet_safe(rows: pa.Table) -> pa.Table:
    """The table, with an apostrophe before every text that begins like a formula; numbers are unchanged."""
    for index, column in enumerate(SCORE_COLUMNS):
        if column.kind == "text":
            safe = pc.replace_substring_regex(rows.column(index), _FORMULA, r"'\1", max_replacements=1)
            rows = rows.set_column(index, column.name, safe)
    return rows


def _read_csv(path: Path) -> tuple[Iterator[pa.RecordBatch], list[str]]:
    reader = pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(SCHEMA.names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    return iter(reader), reader.schema.names


def _read_parquet(path: Path) -> tuple[Iterator[pa.RecordBatch], list[str]]:
    file = pyarrow.parquet.ParquetFile(path)
    return file.iter_batches(_BATCH, use_threads=False), file.schema_arrow.names


def _compare(spool: Spool, present: Iterator[pa.RecordBatch] | None) -> tuple[Counts, bool]:
    """Counts against the existing file, and whether both have the same leads and scores."""
    as_new = Counts(spool.rows, spool.rows, 0), False
    if present is None:
        return as_new
    with connect_in_memory() as connection:
        connection.execute("CREATE TABLE old (lead_id VARCHAR, digest UBIGINT)")
        try:
            for batch in present:
                connection.register("batch", pa.Table.from_batches([batch]).select(SCHEMA.names).cast(SCHEMA))
                connection.execute(f"INSERT INTO old SELECT b.lead_id, {digest('b')} FROM batch b")
        except pa.ArrowException:
            return as_new  # our columns, but a spreadsheet has saved them in its own date and number formats
        connection.register("new", spool.read(["lead_id", "digest"]))
        inserted, updated, before = connection.execute("""
            SELECT
                count(*) FILTER (old.lead_id IS NULL),
                count(*) FILTER (old.digest <> new.digest),
                (SELECT count(*) FROM old)
            FROM new
            LEFT JOIN old ON old.lead_id = new.lead_id
        """).fetchall()[0]
    return Counts(spool.rows, inserted, updated), inserted == updated == 0 and spool.rows == before


def _write(spool: Spool, file: BinaryIO, is_csv: bool) -> None:
    if is_csv:
        file.write(_BOM)
        with pyarrow.csv.CSVWriter(file, SCHEMA) as writer:
            for batch in spool.read():
                writer.write_batch(batch)
    else:
        with pyarrow.parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for batch in spool.read():
                writer.write_batch(batch)
