"""Columns of any type as one that features know: numbers, true and false, dates, text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from leadlens.features.engines.dialect import DuckDBDialect

_quote = DuckDBDialect().quote
_PLAIN = re.compile(
    r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|BOOLEAN|VARCHAR|DATE"
    r"|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?|TIMESTAMPTZ_NS"
)
_SECONDS_A_DAY = 86_400
WRITTEN_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?")
# Nanoseconds end in 2262, and dates that stand for “never” do not; they are cut to microseconds in any case.
_TO_MICROSECONDS = dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "TIMESTAMP") | {
    "TIMESTAMPTZ_NS": "TIMESTAMP WITH TIME ZONE"
}


def plain(value: str, sql_type: str) -> str:
    """SQL of a value of any type as a plain one.

    An interval is a number of days, a number of any length a floating-point one. Lists, structs, maps, unions, times of
    day, UUIDs, enums, JSON, bits and bytes are the text that DuckDB writes for them.

    >>> plain("x", "INTEGER"), plain("x", "INTEGER[]")
    ('x', 'CAST(x AS VARCHAR)')
    """
    if _PLAIN.fullmatch(sql_type):
        return value
    if sql_type == "INTERVAL":
        return f"(epoch({value}) / {_SECONDS_A_DAY})"
    return f"CAST({value} AS {'DOUBLE' if sql_type == 'BIGNUM' else 'VARCHAR'})"


def plain_type(sql_type: str) -> str:
    """The type that :func:`plain` makes of one."""
    if _PLAIN.fullmatch(sql_type):
        return sql_type
    return "DOUBLE" if sql_type in ("INTERVAL", "BIGNUM") else "VARCHAR"


def plain_columns(types: Mapping[str, str]) -> list[str]:
    """SQL of columns by their types, each as a plain one under its own name."""
    return [f"{plain(_quote(name), kind)} AS {_quote(name)}" for name, kind in types.items()]


def cast(value: str, before: str, after: str) -> str:
    """SQL of a value of one plain type as another; a number as text has no zeros behind its point, whatever it was stored as.

    A column of whole numbers with a gap is one of fractions for pandas, and its 12.0 is the 12 of the next file.
    """
    if before == after:
        return value
    if before == "VARCHAR":  # of a column that holds nothing but words for “not known”
        return f"TRY_CAST({value} AS {after})"
    if after != "VARCHAR" or not before.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return f"CAST({value} AS {after})"
    text = f"CAST({value} AS VARCHAR)"
    if before.startswith("DECIMAL"):
        text = f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    else:
        # What has lost digits must not look like an id.
        exact, rest = (2**24, f"printf('%e', {value})") if before == "FLOAT" else (10**15, text)
        whole = f"isfinite({value}) AND {value} = floor({value}) AND abs({value}) < {exact}"
        rounded = f"WHEN isfinite({value}) AND abs({value}) >= {exact} THEN {rest}"
        text = f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) {rounded} ELSE {text} END"
    return text


def types_of(relation: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """Names and SQL types of a relation's columns."""
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def type_together(connection: duckdb.DuckDBPyConnection, kinds: Iterable[str]) -> str:
    """A type that every value of columns of several plain types can be read as.

    >>> from leadlens.features.engines.duckdb_connections import connect_in_memory
    >>> con = connect_in_memory()
    >>> type_together(con, ["INTEGER", "DOUBLE"]), type_together(con, ["DATE", "BIGINT"])
    ('DOUBLE', 'VARCHAR')
    """
    distinct = list(dict.fromkeys(kinds))
    if len(distinct) == 1:
        return distinct[0]
    distinct = list(dict.fromkeys(_TO_MICROSECONDS.get(kind, kind) for kind in distinct))
    times = [kind.startswith(("DATE", "TIMESTAMP")) for kind in distinct]
    if any(times) and not all(times):  # no number is a moment
        return "VARCHAR"
    each = " UNION ALL ".join(f"SELECT CAST(NULL AS {kind}) AS c" for kind in distinct)
    return str(connection.execute(f"DESCRIBE {each}").fetchall()[0][1])


def plain_array(values: list[Any]) -> pa.Array:
    """Python's values, as a database driver gives them, as a column of a plain type; what has no other is text."""
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError):  # UUIDs, addresses, ranges, numbers beyond 64 bits …
        return text_array(values)
    if pa.types.is_duration(array.type):
        days = (None if value is None else value.total_seconds() / _SECONDS_A_DAY for value in values)
        return pa.array(days, pa.float64())
    odd = (
        pa.types.is_nested,
        pa.types.is_time,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_interval,
    )
    return text_array(values) if any(test(array.type) for test in odd) else array


def text_array(values: list[Any]) -> pa.Array:
    """Values of any kind as text: lists and objects as JSON, bytes in hexadecimal."""
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
