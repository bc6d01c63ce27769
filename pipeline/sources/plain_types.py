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
