"""Converts a pandas column to the Arrow array of its kind, or names the cell that does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import DataError
from pipeline.writeback.columns import Kind

# No database accepts these, and one odd page title must not stop a scoring run: they become U+FFFD.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_NUL_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def convert(values: pd.Series, name: str, kind: Kind) -> pa.Array:
    """Column ``name`` as text, a naive UTC timestamp, a double, a 32-bit integer, or compact JSON text.

    Whole numbers in a text column become text. NaN, NaT, NA and None become null.

    Raises
    ------
    DataError : a cell of another kind, an infinite number, text that is not JSON.
    """
    return _CONVERT[kind](values, name)


def missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _text(values: pd.Series, name: str) -> pa.Array:
    cells = values.array if isinstance(values.dtype, pd.StringDtype) else values.tolist()
    try:
        array = pa.array(cells, type=pa.string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, UnicodeEncodeError):
        array = pa.array([_as_text(cell, name, row) for row, cell in enumerate(cells)], type=pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return pc.replace_substring(array, pattern="\x00", replacement="\ufffd")


def _as_text(cell: object, name: str, row: int) -> str | None:
    """Ids and versions are often integers in memory, but text in a database."""
    if missing(cell):
        return None
    if not isinstance(cell, str | int):
        raise DataError(f"{name} must be text", value=cell, where=f"row {row}")
    return _UNWRITABLE.sub("\ufffd", str(cell))


def _timestamp(values: pd.Series, name: str) -> pa.Array:
    try:
        timestamps = pd.to_datetime(values, utc=True)
    except (ValueError, TypeError):
        parse = pd.to_datetime
        raise _wrong_kind(
            name, "a timestamp", values, lambda cell: pd.isna(parse(cell, errors="coerce"))
        ) from None
    return pa.array(timestamps.dt.tz_localize(None).astype("datetime64[us]"), from_pandas=True)


def _number(values: pd.Series, name: str) -> pa.Array:
    try:
        numbers = pd.to_numeric(values, errors="raise").astype("Float64").to_numpy(float, na_value=np.nan)
    except (ValueError, TypeError):
        parse = pd.to_numeric
        raise _wrong_kind(
            name, "a number", values, lambda cell: pd.isna(parse(cell, errors="coerce"))
        ) from None
    if np.isinf(numbers).any():
        raise DataError(
            f"{int(np.isinf(numbers).sum())} rows have an infinite {name}",
            where=f"row {int(np.argmax(np.isinf(numbers)))}",
            why="nothing was written: infinity cannot be compared or sorted",
        )
    return pa.array(numbers, from_pandas=True)


def _whole(values: pd.Series, name: str) -> pa.Array:
    numbers = _number(values, name)
    try:
        return numbers.cast(pa.int32())
    except pa.ArrowInvalid:
        raise _wrong_kind(
            name,
            "a whole number",
            values,
            lambda cell: not float(cell).is_integer() or abs(float(cell)) >= 2**31,
        ) from None


def _json(values: pd.Series, name: str) -> pa.Array:
    cells = [
        cell if isinstance(cell, str) or missing(cell) else _dump(cell, name, row)
        for row, cell in enumerate(values.tolist())
    ]
    array = _text(pd.Series(cells, dtype=object), name)
    for row in _dubious(array):
        cells[row] = _dump(_parse(array[row].as_py(), name, row), name, row)
    return _text(pd.Series(cells, dtype=object), name)


def _dubious(array: pa.Array) -> list[int]:
    """Rows whose JSON must be parsed to be checked; found in bulk, as parsing a million ledgers takes a minute."""
    cells = pa.table({"row": np.arange(len(array)), "cell": array})
    with duckdb.connect() as connection:
        connection.register("cells", cells)
        rows = connection.execute("""
            SELECT row
            FROM cells
            WHERE NOT json_valid(cell) OR regexp_matches(cell, 'NaN|Infinity|\\\\u0000')
        """).fetchall()
    return [row for (row,) in rows]


def _parse(text: str, name: str, row: int) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _not_json(text, name, row, error) from None


def _dump(value: object, name: str, row: int) -> str:
    try:
        text = _ENCODER.encode(value)
    except (ValueError, TypeError) as error:
        raise _not_json(value, name, row, error) from None
    return _NUL_ESCAPE.sub("\\1\ufffd", text)


def _not_json(value: object, name: str, row: int, error: Exception) -> DataError:
    return DataError(
        f"{name} is not JSON",
        value=value,
        where=f"row {row}",
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


def _wrong_kind(name: str, wanted: str, values: pd.Series, is_wrong: Callable[[Any], bool]) -> DataError:
    cells = values.tolist()
    row = next((row for row, cell in enumerate(cells) if not missing(cell) and is_wrong(cell)), 0)
    return DataError(f"{name} must be {wanted}", value=cells[row], where=f"row {row}")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
_CONVERT: dict[Kind, Callable[[pd.Series, str], pa.Array]] = {
    "text": _text,
    "timestamp": _timestamp,
    "number": _number,
    "whole": _whole,
    "json": _json,
}
