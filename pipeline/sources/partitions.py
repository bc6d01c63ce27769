"""Folders such as ``country=DE`` below the first star of a path: the columns that Spark, Hive and Athena write into the names of folders."""

from __future__ import annotations

from collections.abc import Iterable
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


def lacking(partitions: Partitions, columns: Iterable[str]) -> dict[str, str | None]:
    """The columns of folders that are not among those of the file itself, in any case: its own stand."""
    own = {name.lower() for name in columns}
    return {name: value for name, value in partitions if name.lower() not in own}


def rows_with(path: str, partitions: Partitions, columns: Iterable[str]) -> str:
    """A FROM of a Parquet file with these ``columns``, and of those in the names of its folders that it lacks."""
    rows = _dialect.parquet(path)
    values = [
        f"CAST({'NULL' if value is None else _dialect.literal(value)} AS VARCHAR) AS {_dialect.quote(name)}"
        for name, value in lacking(partitions, columns).items()
    ]
    return f"(SELECT *, {', '.join(values)} FROM {rows})" if values else rows
