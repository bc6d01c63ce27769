"""Writes scores into a Parquet or CSV file: a snapshot of the run, replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from features.errors import DataError, LeadlensError
from pipeline.writeback.columns import SCORE_COLUMNS
from pipeline.writeback.run import Counts

# What a spreadsheet takes as the start of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = r"^([=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])"
_BOM = b"\xef\xbb\xbf"  # without it Excel reads UTF-8 in a local encoding and corrupts every accent


def write(rows: pa.Table, path: Path, shown: str) -> Counts:
    """Replace the file by ``rows``, or leave it alone if it already has the same scores.

    A reader sees either the old file or the new one: it is written to a temporary file, flushed to disk and renamed.
    In CSV, text that a spreadsheet would run as a formula gets a leading apostrophe; numbers are unchanged.
    """
    try:
        path = Path(os.path.realpath(path))  # a symbolic link stays one
        is_csv = path.suffix.lower() == ".csv"
        new = spreadsheet_safe(rows) if is_csv else rows
        old = _read(path, is_csv, new.schema, shown) if path.exists() else None
        counts, same = _compare(new, old)
        if not same:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(new, path, is_csv)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LeadlensError(
            "the file cannot be written",
            where=shown,
            why=f"an existing file is untouched: {reason}",
            fix="check the folder, its permissions and the space left; close the file in other programs",
        ) from None
    return counts


def spreadsheet_safe(rows: pa.Table) -> pa.Table:
    """The table, with an apostrophe before every text that begins like a formula."""
    for index, column in enumerate(SCORE_COLUMNS):
        if column.kind == "text":
            safe = pc.replace_substring_regex(rows.column(index), _FORMULA, r"'\1", max_replacements=1)
            rows = rows.set_column(index, column.name, safe)
    return rows


def _read(path: Path, is_csv: bool, schema: pa.Schema, shown: str) -> pa.Table | None:
    """The scores in an existing file; a file with anything else is not ours to overwrite."""
    names = [column.name for column in SCORE_COLUMNS]
    try:
        if is_csv:
            old = pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={name: pa.string() for name in names},
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    null_values=[""],
                ),
            )
        else:
            old = pyarrow.parquet.read_table(path)
        present = old.column_names
    except pa.ArrowException:
        present = []
    if not set(names) <= set(present):
        raise DataError(
            "this file exists already and does not contain scores of Leadlens",
            where=shown,
            why="it was left unchanged, so that nothing of yours is lost",
            fix="name another file, or move this one away",
        )
    try:
        return old.select(names).cast(schema)
    except pa.ArrowException:
        return None  # our columns, but a spreadsheet has saved them in its own date and number formats


def _compare(new: pa.Table, old: pa.Table | None) -> tuple[Counts, bool]:
    """Counts against the existing file, and whether both have the same leads and scores."""
    if old is None:
        return Counts(new.num_rows, new.num_rows, 0), False
    different = " OR ".join(
        f'n."{c.name}" IS DISTINCT FROM o."{c.name}"' for c in SCORE_COLUMNS if c.compared
    )
    with duckdb.connect() as connection:
        connection.register("n", new)
        connection.register("o", old)
        inserted, updated = connection.execute(f"""
            SELECT
                count(*) FILTER (o.lead_id IS NULL),
                count(*) FILTER (o.lead_id IS NOT NULL AND ({different}))
            FROM n
            LEFT JOIN o ON o.lead_id = n.lead_id
        """).fetchall()[0]
    same = inserted == updated == 0 and new.num_rows == old.num_rows
    return Counts(new.num_rows, inserted, updated), same


def _replace(rows: pa.Table, path: Path, is_csv: bool) -> None:
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("xb") as file:
            if is_csv:
                file.write(_BOM)
                pyarrow.csv.write_csv(rows, file)
            else:
                pyarrow.parquet.write_table(rows, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
