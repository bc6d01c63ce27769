"""Read CSV files strictly: every row fits the header, text is in the given encoding, types are read without loss."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow import csv as arrow_csv

from features import DataError
from features.engines.dialect import DuckDBDialect
from features.errors import counted
from pipeline.sources.to_duckdb import refuse_equal_names, to_duckdb
from pipeline.sources.unknown_words import Words, count_words, is_unknown

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 24
_SAMPLE = 1000
_AT_ONCE = 20  # tests in one statement: longer ones are slow to plan
_BELOW = 500  # columns of a sample below each other in one statement
_Tested = tuple[
    bool | None, ...
]  # whether every value fits, whether each does or is a word, whether any does
# First bytes of other kinds of file.
_SIGNATURES = {
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"PK\x03\x04": ("an Excel or zip file", "save it as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", "save it as CSV"),
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
) -> Words:
    """Read CSV files of one table into ``table``; a column that a file lacks is NULL in its rows.

    The header line decides between comma, semicolon, tab and bar. A column gets a type only if every value can be
    read as one without loss: ``007`` and twenty-digit numbers stay text. ``texts`` says which columns are ids and
    codes (``pipeline.sources.contract.texts_of``); ``missing`` are the user's own texts for “not known”. Returns the words for “not known” that were read as missing in columns
    that got a type. Raises ``DataError`` with file and line.
    """
    parts = [
        pa.Table.from_batches(list(open_csv(Path(path), encoding, f"{where} ({Path(path).name})", missing)))
        for path in paths
    ]
    whole = pa.concat_tables(parts, promote_options="default")
    refuse_equal_names(whole.column_names, where, "give it the same name in all files")
    to_duckdb(con, "csv_text", whole)
    names = [row[0] for row in con.execute("DESCRIBE csv_text").fetchall()]
    ids, codes = texts(names)
    fitting = fitting_types(con, names, "csv_text", ids, codes)
    types = {name: kind for name in names if (kind := fitting.narrowest(name))}
    words = count_words(con, "csv_text", {name: "id" if name in ids else "number" for name in fitting.wordy})
    columns = (
        f"{typed_csv(name, types[name])} AS {_quote(name)}" if name in types else _quote(name)
        for name in names
    )
    # Both take time with the square of the columns: minutes for 2,000, instead of a second.
    con.execute("SET disabled_optimizers = 'statistics_propagation,common_subexpressions'")
    try:
        con.execute(f"CREATE TABLE {table} AS SELECT {', '.join(columns)} FROM csv_text")
    finally:
        con.execute("SET disabled_optimizers = ''")
    con.execute("DROP TABLE csv_text")
    return words


def open_csv(
    path: Path, encoding: str, where: str, missing: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file as text, block by block; at least one block. Texts in ``missing`` are NULL, so that a column is
    of the type of its other values. Raises ``DataError`` with file and line.
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

    def blocks(threads: bool) -> Iterator[pa.RecordBatch]:
        read = arrow_csv.ReadOptions(
            encoding=encoding, block_size=_BLOCK_BYTES, use_threads=threads, **own_names
        )
        with (
            pa.input_stream(str(path), compression="detect") as stream,
            arrow_csv.open_csv(stream, read, parse, convert) as reader,
        ):
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            yield from reader

    last = ""
    try:
        for block in blocks(threads=True):
            if block.num_rows:
                last = next((str(column[-1].as_py()) for column in reversed(block.columns)), "")
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
                raise _misfit(broken[0], where) from None
        if "UTF8" in str(error) or isinstance(error, UnicodeError):
            raise _undecodable(path, encoding, where) from None
        raise DataError(
            "this file cannot be read as CSV",
            value=str(error),
            where=where,
            fix="check for a quote that is opened and not closed",
        ) from None
    _refuse_open_quote(path, last, where)


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


def _misfit(row: arrow_csv.InvalidRow, where: str) -> DataError:
    return DataError(
        f"row {row.number} has {counted(row.actual_columns, 'value')} where the header has {row.expected_columns}",
        value=row.text,
        where=where,
        why="its values would end up in the wrong columns",
        fix="close the quote that is opened there"
        if "\n" in row.text
        else "quote texts that contain the delimiter, and remove title lines and totals",
    )


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


@dataclass(frozen=True)
class Fitting:
    """What every value of some columns can be read as: types by column, and the columns without any value.

    ``wordy`` are columns in which words for “not known” stand beside values of such a type.
    """

    types: dict[str, tuple[str, ...]]
    empty: tuple[str, ...]
    wordy: tuple[str, ...]

    def narrowest(self, name: str) -> str | None:
        """The narrowest type; ``None`` for a column of text."""
        return next((kind for kind in CSV_TYPES if kind in self.types[name]), None)


def fitting_types(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    table: str,
    ids: Collection[str] = (),
    codes: Collection[str] = (),
) -> Fitting:
    """The types that every value of each column can be read as without loss.

    Words for “not known” are no values, but in ``codes``. ``codes`` are text, whatever their values look like; ``ids``
    are numbers only where they are written back the same.
    """
    pairs = [
        (name, kind)
        for name in names
        for kind in ((_CODE,) if name in codes else _ID_TYPES if name in ids else CSV_TYPES)
    ]
    # The first rows rule most types out, so that few are tried on all rows.
    fitting, empty, wordy = _fitting(pairs, _of_sample(con, pairs, table))
    if con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] > _SAMPLE:
        fitting, empty, wordy = _fitting(fitting, _of_all(con, fitting, table))
    by_name = _by_name(fitting)
    fits = {
        name: tuple(_ID_TYPES.get(kind, kind) for kind in by_name.get(name, ()) if kind != _CODE)
        for name in names
    }
    fits = {name: () if name in empty else kinds for name, kinds in fits.items()}
    return Fitting(fits, tuple(empty), tuple(name for name in wordy if fits[name]))


def _fitting(
    pairs: list[tuple[str, str]], tested: Mapping[tuple[str, str], _Tested]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """The pairs (column, type) in which no value of the column cannot be read as the type; columns without values;
    columns in which some of these values are words for “not known”.
    """
    fitting: list[tuple[str, str]] = []
    filled: dict[str, bool] = {}
    wordy: dict[str, None] = {}
    for name, kind in pairs:
        every, each, any_ = tested.get((name, kind), (None, None, None))
        if each is False:
            continue
        fitting.append((name, kind))
        filled[name] = filled.get(name, False) or bool(any_)
        if every is False:
            wordy[name] = None
    return fitting, [name for name, found in filled.items() if not found], list(wordy)


def _of_sample(
    con: duckdb.DuckDBPyConnection, pairs: list[tuple[str, str]], table: str
) -> dict[tuple[str, str], _Tested]:
    """The tests on the first rows, with the columns below each other: planning thousands beside each other takes minutes."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, kinds in _by_name(pairs).items():
        groups.setdefault(tuple(kinds), []).append(name)
    tested = {}
    for alike, names in groups.items():
        for start in range(0, len(names), _BELOW):
            some = names[start : start + _BELOW]
            values = ", ".join(f"{csv_value(name)} AS c{place}" for place, name in enumerate(some))
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE csv_sample AS SELECT place, v, {_unknown('v', alike[0])} AS u FROM ("
                f"UNPIVOT (SELECT {values} FROM {table} LIMIT {_SAMPLE}) ON COLUMNS(*) INTO NAME place VALUE v)"
            )
            tests = ", ".join(
                f"bool_and({_fits('v', kind)}), bool_and({_fits('v', kind)} OR u), bool_or({_fits('v', kind)})"
                for kind in alike
            )
            for place, *row in con.execute(
                f"SELECT place, {tests} FROM csv_sample GROUP BY place"
            ).fetchall():
                for at, kind in enumerate(alike):
                    tested[some[int(place[1:])], kind] = tuple(row[3 * at : 3 * at + 3])
    con.execute("DROP TABLE IF EXISTS csv_sample")
    return tested


def _of_all(
    con: duckdb.DuckDBPyConnection, pairs: list[tuple[str, str]], table: str
) -> dict[tuple[str, str], _Tested]:
    """The tests on all rows; words are sought only in columns in which not every value fits."""

    def run(asked: list[tuple[str, str]], tests: Callable[[str, str], str]) -> list[Any]:
        results: list[Any] = []
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            results += con.execute(f"SELECT {', '.join(starmap(tests, some))} FROM {table}").fetchall()[0]
        return results

    def plain(name: str, kind: str) -> str:
        value, given = csv_value(name), f"FILTER ({csv_value(name)} IS NOT NULL)"
        return f"bool_and({_fits(value, kind)}) {given}, bool_or({_fits(value, kind)}) {given}"

    def with_words(name: str, kind: str) -> str:
        value = csv_value(name)
        # CASE, for the words are sought only among what does not fit
        either = f"CASE WHEN {_fits(value, kind)} THEN TRUE ELSE {_unknown(value, kind)} END"
        return f"bool_and({either}) FILTER ({value} IS NOT NULL)"

    results = run(pairs, plain)
    every, any_ = results[::2], results[1::2]
    short = [pair for pair, whole in zip(pairs, every, strict=True) if whole is False]
    each = dict(zip(short, run(short, with_words), strict=True))
    return {
        pair: (whole, each.get(pair, whole), some)
        for pair, whole, some in zip(pairs, every, any_, strict=True)
    }


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for name, kind in pairs:
        kinds.setdefault(name, []).append(kind)
    return kinds


def _fits(value: str, kind: str) -> str:
    return f"coalesce({(_FITS | _AS_ID)[kind].format(v=value)}, FALSE)"


def _unknown(value: str, kind: str) -> str:
    """SQL of whether a value is a word for “not known”."""
    return "FALSE" if kind == _CODE else is_unknown(value, "id" if kind in _AS_ID else "number")


def typed_csv(name: str, kind: str) -> str:
    """SQL of a value of a column of CSV text as a type that all of its values fit; words for “not known” are NULL."""
    value = f"TRY_CAST({csv_value(name)} AS {kind})"
    return f"nullif({value}, {_NAN})" if kind == "DOUBLE" else value


def csv_value(name: str) -> str:
    """SQL of a value of a column of CSV text; empty ones are NULL."""
    return f"nullif(trim({_quote(name)}), '')"


_NAN = "CAST('nan' AS DOUBLE)"  # larger than any number, and equal to itself
_DAY = "^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
_CLOCK = "[ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]+)?)?"
# SQL type → condition on every value {v} of such a column. Leading zeros mean a code, 16 digits an id.
_FITS = {
    "BIGINT": "CAST(TRY_CAST({v} AS BIGINT) AS VARCHAR) = {v}",
    "DOUBLE": f"TRY_CAST({{v}} AS DOUBLE) < {_NAN} AND NOT regexp_matches({{v}}, '^[+-]?(0[0-9]|[0-9]{{{{16}}}})|_')",
    "BOOLEAN": "lower({v}) IN ('true', 'false')",
    "TIMESTAMP": f"regexp_matches({{v}}, '{_DAY}({_CLOCK})?$') AND TRY_CAST({{v}} AS TIMESTAMP) IS NOT NULL",
    "TIMESTAMPTZ": f"regexp_matches({{v}}, '{_DAY}{_CLOCK} ?(Z|[+-][0-9]{{{{2}}}}(:?[0-9]{{{{2}}}})?)$') "
    "AND TRY_CAST({v} AS TIMESTAMPTZ) IS NOT NULL",
}
CSV_TYPES = tuple(_FITS)  # the narrowest first
# DuckDB reads 1_0 as 10 and 1.10 as 1.1: what is not written back the same is no number, where it names something.
_CODE = "text"
_AS_ID = {
    _CODE: "TRUE",
    "id, whole": _FITS["BIGINT"],
    "id": f"({_FITS['BIGINT']} OR CAST(TRY_CAST({{v}} AS DOUBLE) AS VARCHAR) = {{v}}) AND NOT {{v}} LIKE '%e%'",
}
_ID_TYPES = {"id, whole": "BIGINT", "id": "DOUBLE"}
