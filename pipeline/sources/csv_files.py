"""Read CSV files (and sheets) strictly: every row fits the header, text is in the given encoding, types are read without loss."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from leadlens.features import DataError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import counted
from leadlens.pipeline.sources.csv_types import Fitting, fitting_types, typed_csv
from leadlens.pipeline.sources.json_files import JSON, open_json
from leadlens.pipeline.sources.kinds import kind_of
from leadlens.pipeline.sources.styles import COMMA, PROOF, STYLES
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names, to_duckdb
from leadlens.pipeline.sources.unknown_words import Words, count_words
from leadlens.pipeline.sources.workbooks import is_workbook, open_workbook
from leadlens.pipeline.sources.zip_files import is_zip, unpacked

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 20
_TAIL_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 24
# First bytes of other kinds of file.
_SIGNATURES = {
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"PK\x03\x04": ("an Excel or zip file", "name a workbook .xlsx or .ods, an archive .zip"),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", "name it .xls, or save it as CSV"),
    b"\x1f\x8b": ("a gzip file", "name it .csv.gz"),
    b"SQLite format 3": ("an SQLite file", "export the table as CSV"),
}
_quote = DuckDBDialect().quote


def read_csv_files(
    con: duckdb.DuckDBPyConnection,
    table: str,
    paths: list[str],
    encoding: str,
    where: str,
    texts: Callable[[list[str]], tuple[set[str], set[str]]] = lambda names: (set(), set()),
    missing: Collection[str] = (),
    sheet: str | None = None,
    as_text: bool = False,
    styles: Collection[str] = (),
    styled: bool = True,
) -> tuple[Words, Fitting]:
    """Read CSV files, or workbooks, of one table into ``table``; a column that a file lacks is NULL in its rows.

    The header line decides between comma, semicolon, tab and bar. A column gets a type only if every value can be
    read as one without loss: ``007`` and twenty-digit numbers stay text. ``texts`` says which columns are ids and
    codes (``leadlens.pipeline.sources.contract.texts_of``); ``missing`` are the user's own texts for “not known”. ``as_text`` leaves
    all columns text, for whom they meet other sources first; ``styles`` are those in which numbers and dates may be, and without ``styled`` what is in
    one of them stays text, unless the project file says that decimals have a comma. Returns the words for “not known” that are read as missing in columns that get a type, and what the columns can be
    read as. Raises ``DataError`` with file and line.
    """
    parts = [
        pa.Table.from_batches(
            list(open_rows(Path(path), encoding, f"{where} ({Path(path).name})", missing, sheet=sheet))
        )
        for path in paths
    ]
    whole = pa.concat_tables(parts, promote_options="default")
    refuse_equal_names(whole.column_names, where, "give it the same name in all files")
    to_duckdb(con, "csv_text", whole)
    names = [row[0] for row in con.execute("DESCRIBE csv_text").fetchall()]
    ids, codes = texts(names)
    fitting = fitting_types(con, names, "csv_text", ids, codes, styles).between_semicolons(
        lambda: any(between_semicolons(Path(path), encoding, where, sheet) for path in paths)
    )
    types = {name: kind for name in names if (kind := fitting.narrowest(name))}
    if not styled:
        left = set(STYLES) - ({COMMA} if PROOF in styles else set())
        types = {name: kind for name, kind in types.items() if kind not in left}
    wordy = [name for name in fitting.wordy if name in types]
    words = count_words(con, "csv_text", {name: "id" if name in ids else "number" for name in wordy})
    columns = (
        f"{typed_csv(name, types[name])} AS {_quote(name)}" if name in types and not as_text else _quote(name)
        for name in names
    )
    # Both take time with the square of the columns: minutes for 2,000, instead of a second.
    con.execute("SET disabled_optimizers = 'statistics_propagation,common_subexpressions'")
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT {', '.join(columns)} FROM csv_text")
    finally:
        con.execute("SET disabled_optimizers = ''")
    con.execute("DROP TABLE csv_text")
    return words, fitting


def open_rows(
    path: Path,
    encoding: str,
    where: str,
    missing: Collection[str] = (),
    threads: bool = True,
    sheet: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV or JSON file, also in a zip archive, or of a sheet of a workbook as text.

    ``sheet`` names the sheet, or the file in the archive. Raises as ``open_csv``, ``open_json``, ``open_workbook`` and ``unpacked`` do.
    """
    if is_workbook(path):
        yield from open_workbook(path, sheet, where, missing)
    elif is_zip(path):
        with unpacked(path, sheet, where) as (copy, name):
            yield from open_rows(copy, encoding, f"{where}: {name}", missing, threads)
    elif kind_of(path) in JSON:
        yield from open_json(path, encoding, where, missing)
    else:
        yield from open_csv(path, encoding, where, missing, threads)


def between_semicolons(path: Path, encoding: str, where: str, sheet: str | None = None) -> bool:
    """Whether a file is CSV with semicolons between its values, also in a zip archive."""
    if is_zip(path):
        with unpacked(path, sheet, where) as (copy, _):
            return between_semicolons(copy, encoding, where)
    if is_workbook(path) or kind_of(path) in JSON:
        return False
    return _header(path, encoding, where)[1] == ";"


def open_csv(
    path: Path, encoding: str, where: str, missing: Collection[str] = (), threads: bool = True
) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file as text, block by block; at least one block. Texts in ``missing`` are NULL, so that a column is
    of the type of its other values. A small file is read sooner without ``threads``. Raises ``DataError`` with file and line.
    """
    encoding, delimiter, header = _header(path, encoding, where)
    names = _named(header)
    own_names: dict[str, Any] = {} if names == header else {"column_names": names, "skip_rows_after_names": 1}
    broken: list[arrow_csv.InvalidRow] = []

    def stop(row: arrow_csv.InvalidRow) -> str:
        broken.append(row)
        return "error"

    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stop)
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=["", *missing]
    )

    def blocks() -> Iterator[pa.RecordBatch]:
        read = arrow_csv.ReadOptions(
            encoding=encoding, block_size=_BLOCK_BYTES, use_threads=threads, **own_names
        )
        with (
            pa.input_stream(str(path), compression="detect") as stream,
            arrow_csv.open_csv(stream, read, parse, convert) as reader,
        ):
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            yield from reader

    last, looks_swallowed = "", False
    try:
        for block in blocks():
            if block.num_rows:
                last = next((str(column[-1].as_py()) for column in reversed(block.columns)), "")
                looks_swallowed = looks_swallowed or _holds_rows(block, delimiter)
            yield block
    except (pa.ArrowInvalid, UnicodeError) as error:
        if broken:  # only a single thread counts the rows
            broken.clear()
            try:
                arrow_csv.read_csv(
                    pa.input_stream(str(path), compression="detect"),
                    arrow_csv.ReadOptions(
                        encoding=encoding, block_size=_BLOCK_BYTES, use_threads=False, **own_names
                    ),
                    parse,
                    convert,
                )
            except pa.ArrowInvalid:
                raise _misfit(path, broken[0], where) from None
        if "UTF8" in str(error) or isinstance(error, UnicodeError):
            raise _undecodable(path, encoding, where) from None
        raise DataError(
            "this file cannot be read as CSV",
            value=str(error),
            where=where,
            fix="check for a quote that is opened and not closed",
        ) from None
    _refuse_open_quote(path, last, where)
    if looks_swallowed:
        _refuse_loose_quotes(path, encoding, delimiter, where)


def _header(path: Path, encoding: str, where: str) -> tuple[str, str, list[str]]:
    """Encoding, delimiter and column names, read from the first bytes of the file."""
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head.strip():
        raise DataError(
            "this file is empty", where=where, fix="even without rows, a CSV file needs a header line"
        )
    for signature, (kind, fix) in _SIGNATURES.items():
        if head.startswith(signature):
            raise DataError(f"this is {kind}, not CSV", where=where, fix=fix)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"  # nothing else begins so
    encoding = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
        rows = {mark: next(csv.reader(io.StringIO(text), delimiter=mark), []) for mark in _DELIMITERS}
    except UnicodeError:
        raise _undecodable(path, encoding, where) from None
    except csv.Error as error:
        if "field limit" in str(error):
            raise DataError(
                f"a name in the header line is longer than {csv.field_size_limit() >> 10} KB",
                value=text,
                where=where,
                fix="is the first line the header? Does it end, and is a quote in it closed?",
            ) from None
        raise DataError(
            "the header line of this file cannot be read", value=str(error), where=where
        ) from None
    delimiter = max(_DELIMITERS, key=lambda mark: len(rows[mark]))
    refuse_equal_names(filter(str.strip, rows[delimiter]), where, "rename one of them in the export")
    return encoding.removesuffix("-sig"), delimiter, rows[delimiter]


def _named(header: list[str]) -> list[str]:
    """A name for every column: those that have none, as behind commas at the end of a line, are named by their place.

    >>> _named(["lead_id", "", "city", ""])
    ['lead_id', 'column_2', 'city', 'column_4']
    """
    return [name if name.strip() else f"column_{place}" for place, name in enumerate(header, 1)]


def _misfit(path: Path, row: arrow_csv.InvalidRow, where: str) -> DataError:
    fix = "quote texts that contain the delimiter, and remove title lines and totals"
    if "\n" in row.text:
        fix = "close the quote that is opened there"
    elif row.actual_columns < row.expected_columns and _ends_with(path, row.text):
        fix = (
            "the file ends in the middle of this row, as an export does that was broken off: export it again"
        )
    return DataError(
        f"row {row.number} has {counted(row.actual_columns, 'value')} where the header has {row.expected_columns}",
        value=row.text,
        where=where,
        why="its values would end up in the wrong columns",
        fix=fix,
    )


def _ends_with(path: Path, text: str) -> bool:
    """Whether a file ends with this text and no line end, but perhaps with the zeros of a copy that was broken off."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read().rstrip(b"\0")
    return bool(text) and tail.endswith(text.rstrip("\0").encode("utf-8", "surrogateescape"))


def _undecodable(path: Path, encoding: str, where: str) -> DataError:
    encoding = encoding.removesuffix("-sig")
    with pa.input_stream(str(path), compression="detect") as stream:
        raw = stream.read()
    try:
        raw.decode(encoding)
        start = 0
    except UnicodeDecodeError as error:
        start = error.start
    line = raw.count(b"\n", 0, start) + 1
    return DataError(
        f"line {line} is not {encoding.upper()} text",
        value=raw[max(0, start - 15) : start + 15].decode("ascii", "replace"),
        where=where,
        fix="set `encoding: cp1252` (Windows, Excel), latin-1 or utf-16 beside `read`, or save it as UTF-8",
    )


def _refuse_open_quote(path: Path, last: str, where: str) -> None:
    """After an open quote, the reader takes all that follows as one value, and the rows in it are lost.

    ``last`` is the last value of the file.
    """
    if "\n" not in last and "\r" not in last:
        return
    with pa.input_stream(str(path), compression="detect") as stream:
        unclosed = sum(block.count(b'"') for block in iter(lambda: stream.read(_BLOCK_BYTES), b"")) % 2
    if unclosed:
        raise DataError(
            "a quote is opened and not closed",
            value=last,
            where=where,
            fix='close it; double a quote inside a text: "6"" pipe"',
        )


def _holds_rows(block: pa.RecordBatch, delimiter: str) -> bool:
    """Whether a value of several lines looks as if a row, or the end of one and the beginning of another, were in it."""
    delimiters = block.num_columns - 1
    for column in block.columns:
        data = column.buffers()[2]
        if data is None or b"\n" not in data.to_pybytes():
            continue
        for value in column.filter(pc.match_substring(column, "\n")).to_pylist():
            first, *inner, last = (line.count(delimiter) for line in value.split("\n"))
            if delimiters in inner or first + last == delimiters:
                return True
    return False


def _refuse_loose_quotes(path: Path, encoding: str, delimiter: str, where: str) -> None:
    """Of two texts that begin with a quote of their own, such as "7 inch, the reader makes one, and the rows between are lost."""
    with pa.input_stream(str(path), compression="detect") as stream:
        text = io.TextIOWrapper(stream, encoding, newline="")
        rows, before = csv.reader(text, delimiter=delimiter, strict=True), csv.field_size_limit(_BLOCK_BYTES)
        try:
            while True:
                begin = rows.line_num
                try:
                    if next(rows, None) is None:
                        return
                except csv.Error as error:
                    if "expected after" in str(error) and rows.line_num > begin + 1:
                        raise _loose_quote(begin + 1, rows.line_num, where) from None
        finally:
            csv.field_size_limit(before)


def _loose_quote(first: int, last: int, where: str) -> DataError:
    return DataError(
        f"a quote is opened in line {first} and ends a text in the middle of line {last}",
        where=where,
        why="the rows between would be lost in one value",
        fix='double a quote inside a text, and put the text in quotes: "7"" screen"',
    )
