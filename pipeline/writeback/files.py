"""Writes scores into a Parquet or CSV file: a snapshot of the run, replaced as a whole."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.errors import DataError, LeadlensError, RoomError
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.exit_codes import is_full
from leadlens.pipeline.runs.record import RunRecord, now
from leadlens.pipeline.writeback import run_rows
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import SCORE_COLUMNS
from leadlens.pipeline.writeback.digests import digest
from leadlens.pipeline.writeback.prepare import SCHEMA
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest
from leadlens.pipeline.writeback.spool import Spool
from leadlens.pipeline.writeback.unfinished import replacing

# What a spreadsheet takes as the start of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = r"^([=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])"
_BOM = b"\xef\xbb\xbf"  # without it Excel reads UTF-8 in a local encoding and corrupts every accent
_BATCH = 10_000
_ALWAYS = {column.name for column in SCORE_COLUMNS if not column.came_later}
_WRITTEN_BY = pa.schema([("run_id", pa.string()), ("as_of", pa.timestamp("us"))])
_CSV_BLOCK = 4 * 2**20  # bytes; no row may be longer


@dataclass(frozen=True)
class FileWriter:
    """Replaces the file by the rows of a run: who is open now. Leads that left are not in it any more.

    The same run again leaves the file alone if it has the same scores. In CSV, text that a spreadsheet would run as a
    formula has a leading apostrophe (see ``spreadsheet_safe``).
    """

    path: Path
    shown: str
    run: RunManifest

    def check(self) -> None:
        """Refuse an existing file that does not contain scores, or contains newer ones."""
        refuse_no_file(self.path, self.shown)
        with self._explained():
            if self.path.exists():
                self._last()

    def report(self, records: Sequence[RunRecord]) -> set[str]:
        """Refuse a folder that cannot be written to; a file has no record of runs but of the last that is done."""
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(Path(os.path.realpath(self.path)).parent, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            last = self._last(refuse=False) if self.path.exists() else None
        return {last} if last in {record.run_id for record in records} else set()

    def commit(self, spool: Spool, account: Account, why_left: WhyLeft) -> Counts:
        """Write all rows of ``spool``."""
        with self._explained():
            last = self._last() if self.path.exists() else None
            counts, same = _compare(spool, self._present() if self.path.exists() else None)
            if not same or last != self.run.run_id:
                path = Path(os.path.realpath(self.path))  # a symbolic link stays one
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    _write(spool, file, self._is_csv)
        return counts

    def _last(self, refuse: bool = True) -> str | None:
        """The run that wrote the file, if it can be read; refuses one with a later as-of date than ours."""
        latest: tuple[str, datetime] | None = None
        for batch in self._present():
            try:
                rows = pa.Table.from_batches([batch]).select(_WRITTEN_BY.names).cast(_WRITTEN_BY)
            except pa.ArrowException:
                return None  # a spreadsheet has saved it in its own formats
            latest = (rows["run_id"][0].as_py(), rows["as_of"][0].as_py())
            break
        if latest is not None and refuse and latest[0] != self.run.run_id:
            run_rows.refuse_older(latest, self.run)
        return None if latest is None else latest[0]

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix.lower() == ".csv"

    def _present(self) -> Iterator[pa.RecordBatch]:
        """The scores in the existing file, as it spells them; a file with anything else is not ours to overwrite."""
        try:
            batches, present = (_read_csv if self._is_csv else _read_parquet)(self.path)
        except pa.ArrowException:
            present = []
        if not set(present) >= _ALWAYS:
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
                rows = pa.Table.from_batches([batch])
                if not set(SCHEMA.names) <= set(rows.column_names):
                    return as_new  # of an earlier version
                connection.register("batch", rows.select(SCHEMA.names).cast(SCHEMA))
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
    closed = before - (spool.rows - inserted)
    return Counts(spool.rows, inserted, updated, closed), inserted == updated == 0 and spool.rows == before


def _write(spool: Spool, file: BinaryIO, is_csv: bool) -> None:
    """All rows, confirmed now."""
    place, confirmed = SCHEMA.get_field_index("confirmed_at"), pa.scalar(now(), pa.timestamp("us"))
    if is_csv:
        file.write(_BOM)
        writer = pyarrow.csv.CSVWriter(file, SCHEMA)
    else:
        writer = pyarrow.parquet.ParquetWriter(file, SCHEMA, compression="zstd")
    with writer:
        for batch in spool.read():
            times = pa.repeat(confirmed, batch.num_rows)
            writer.write_batch(batch.set_column(place, "confirmed_at", times))
