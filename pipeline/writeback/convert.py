"""Converts a column to the Arrow array of its kind, or names the lead whose cell does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.errors import DataError
from leadlens.pipeline.writeback.columns import Kind

Values: TypeAlias = "pd.Series | pa.ChunkedArray"
Array: TypeAlias = "pa.Array | pa.ChunkedArray"
Where = Callable[[int], str]

# No database accepts these, and one odd page title must not stop a scoring run: they become U+FFFD.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_NUL = re.compile(b"\x00")
_NUL_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def convert(values: Values, name: str, kind: Kind, where: Where) -> Array:
    """Column ``name`` as Arrow text, a naive UTC timestamp, a double, a 32-bit integer, or compact JSON text.

    Whole numbers in a text column become text. NaN, NaT, NA and None become null. JSON is Python objects or text
    already; text stays as it is, and is checked without parsing it in Python. ``where`` names the lead of a row.

    Raises
    ------
    DataError : a cell of another kind, an infinite number, text that is not JSON.
    """
    return _CONVERT[kind](values, name, where)


def missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _text(values: Values, name: str, where: Where) -> Array:
    array = _as_strings(values)
    if array is None:
        cells = [_as_text(cell, name, row, where) for row, cell in enumerate(_cells(values))]
        array = pa.array(cells, type=pa.string())
    return _writable(array)


def _as_strings(values: Values) -> Array | None:
    """Text as Arrow has or makes it, broken Unicode replaced; None where a cell is not text."""
    if isinstance(values, pd.Series):
        cells = values.array if isinstance(values.dtype, pd.StringDtype) else values.tolist()
        try:
            values = pa.array(cells, type=pa.string(), from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError):
            return None
    elif not _is_text(values.type):
        return None
    array = values.cast(pa.string())
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        cells = array.cast(pa.binary()).to_pylist()
        cells = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        array = pa.array(cells, type=pa.string())
    return array


def _as_text(cell: object, name: str, row: int, where: Where) -> str | None:
    """Ids and versions are often integers in memory, but text in a database."""
    if missing(cell):
        return None
    if not isinstance(cell, str | int):
        raise DataError(f"{name} must be text", value=cell, where=where(row))
    return _UNWRITABLE.sub("\ufffd", str(cell))


def _timestamp(values: Values, name: str, where: Where) -> Array:
    if not isinstance(values, pd.Series) and pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us"), safe=False)  # Arrow holds UTC, whatever the zone
    series = _series(values)
    try:
        timestamps = pd.to_datetime(series, utc=True)
    except (ValueError, TypeError):
        parse = pd.to_datetime
        raise _wrong_kind(
            name, "a timestamp", series, lambda cell: pd.isna(parse(cell, errors="coerce")), where
        ) from None
    return pa.array(timestamps.dt.tz_localize(None).astype("datetime64[us]"), from_pandas=True)


def _number(values: Values, name: str, where: Where) -> Array:
    if not isinstance(values, pd.Series) and _is_number(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
    else:
        series = _series(values)
        try:
            parsed = pd.to_numeric(series, errors="raise").astype("Float64")
        except (ValueError, TypeError):
            parse = pd.to_numeric
            raise _wrong_kind(
                name, "a number", series, lambda cell: pd.isna(parse(cell, errors="coerce")), where
            ) from None
        numbers = parsed.to_numpy(float, na_value=np.nan)
    if np.isinf(numbers).any():
        raise DataError(
            f"{int(np.isinf(numbers).sum())} rows have an infinite {name}",
            where=where(int(np.argmax(np.isinf(numbers)))),
            why="nothing was written: infinity cannot be compared or sorted",
        )
    return pa.array(numbers, from_pandas=True)


def _whole(values: Values, name: str, where: Where) -> Array:
    numbers = _number(values, name, where)
    try:
        return numbers.cast(pa.int32())
    except pa.ArrowInvalid:
        raise _wrong_kind(
            name,
            "a whole number",
            _series(values),
            lambda cell: not float(cell).is_integer() or abs(float(cell)) >= 2**31,
            where,
        ) from None


def _json(values: Values, name: str, where: Where) -> Array:
    array = _as_strings(values)
    if array is None:
        cells = [
            cell if isinstance(cell, str) or missing(cell) else _dump(cell, name, row, where)
            for row, cell in enumerate(_cells(values))
        ]
        array = _text(pd.Series(cells, dtype=object), name, where)
    array = _writable(array)
    if dubious := _dubious(array):
        cells = array.to_pylist()
        for row in dubious:
            cells[row] = _dump(_parse(cells[row], name, row, where), name, row, where)
        array = _text(pd.Series(cells, dtype=object), name, where)
    return array


def _dubious(array: Array) -> list[int]:
    """Rows whose JSON must be parsed to be checked; found in bulk, as parsing a million ledgers takes a minute.

    ``NaN`` and escapes of NUL and of half characters pass as JSON, but no database takes them.
    """
    cells = pa.table({"row": np.arange(len(array)), "cell": array})
    with connect_in_memory() as connection:
        connection.register("cells", cells)
        rows = connection.execute(r"""
            SELECT row
            FROM cells
            WHERE NOT json_valid(cell)
                OR contains(cell, 'NaN')
                OR contains(cell, 'Infinity')
                OR contains(cell, '\u0000')
                OR contains(cell, '\ud')
                OR contains(cell, '\uD')
            ORDER BY row
        """).fetchall()
    return [row for (row,) in rows]


def _parse(text: str, name: str, row: int, where: Where) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _not_json(text, name, row, error, where) from None


def _dump(value: object, name: str, row: int, where: Where) -> str:
    try:
        text = _ENCODER.encode(value)
    except (ValueError, TypeError) as error:
        raise _not_json(value, name, row, error, where) from None
    return _NUL_ESCAPE.sub("\\1\ufffd", text)


def _not_json(value: object, name: str, row: int, error: Exception, where: Where) -> DataError:
    return DataError(
        f"{name} is not JSON",
        value=value,
        where=where(row),
        why=f"nothing was written: {error}",
        fix="give a list, a dict or JSON text, without NaN or infinity",
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it contains {name}")


def _plain(value: Any) -> object:
    """The JSON form of what ``json`` does not know: NumPy numbers and arrays, timestamps."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _wrong_kind(
    name: str, wanted: str, values: pd.Series, is_wrong: Callable[[Any], bool], where: Where
) -> DataError:
    cells = values.tolist()
    row = next((row for row, cell in enumerate(cells) if not missing(cell) and is_wrong(cell)), 0)
    return DataError(f"{name} must be {wanted}", value=cells[row], where=where(row))


def _cells(values: Values) -> Sequence[Any]:
    cells: list[Any] = values.tolist() if isinstance(values, pd.Series) else values.to_pylist()
    return cells


def _series(values: Values) -> pd.Series:
    return values if isinstance(values, pd.Series) else pd.Series(values.to_pylist(), dtype=object)


def _writable(array: Array) -> Array:
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    texts = [chunk.buffers()[2] for chunk in chunks]
    if any(text is not None and _NUL.search(text) for text in texts):  # else nothing is copied
        return pc.replace_substring(array, pattern="\x00", replacement="\ufffd")
    return array


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in _TEXTS)


def _is_number(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _NUMBERS)


_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
_CONVERT: dict[Kind, Callable[[Values, str, Where], Array]] = {
    "text": _text,
    "timestamp": _timestamp,
    "number": _number,
    "whole": _whole,
    "json": _json,
}
