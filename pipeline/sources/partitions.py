"""Folders such as ``country=DE`` below the first star of a path: the columns that Spark, Hive and Athena write into the names of folders."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import PurePath
from urllib.parse import unquote

from leadlens.features.engines.dialect import DuckDBDialect

Partitions = tuple[tuple[str, str | None], ...]  # names and values, outermost folder first
_NOT_KNOWN = "__HIVE_DEFAULT_PARTITION__"
_dialect = DuckDBDialect()


def partitions_of(pattern: str, path: str) -> Partitions:
    """The columns in the folders of a file that stand in the part of the pattern that is not fixed.

    What is above, where a project happens to lie, says nothing of its rows.

    >>> partitions_of("/a=1/events/*/*.parquet", "/a=1/events/month=2026-01/part.parquet")
    (('month', '2026-01'),)
    """
    fixed = list(takewhile(lambda part: not set(part) & set("*?["), PurePath(pattern).parts))
    parts = PurePath(path).parts
    if list(parts[: len(fixed)]) != fixed:
        return ()
    found: dict[str, tuple[str, str | None]] = {}
    for name, value in (part.split("=", 1) for part in parts[len(fixed) : -1] if part.find("=") > 0):
        pair = unquote(name), None if value == _NOT_KNOWN else unquote(value)
        found.setdefault(pair[0].lower(), pair)  # the outermost of two of one name
    return tuple(found.values())


def rows_with(path: str, partitions: Partitions, columns: Mapping[str, object]) -> str:
    """A FROM of a Parquet file and the columns in the names of its folders; of ``columns``, which it has itself, its own stand."""
    rows, own = _dialect.parquet(path), {name.lower() for name in columns}
    values = [
        f"CAST({'NULL' if value is None else _dialect.literal(value)} AS VARCHAR) AS {_dialect.quote(name)}"
        for name, value in partitions
        if name.lower() not in own
    ]
    return f"(SELECT *, {', '.join(values)} FROM {rows})" if values else rows
