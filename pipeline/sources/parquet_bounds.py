"""What the footer of a Parquet file says of its columns, which spares looking at their values."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect

_NO_TYPE = '"NULL"'  # of a column that pandas wrote, all of whose values are None
_FEW_BYTES = 3  # a value; what is written as a place in a short dictionary takes no more


@dataclass(frozen=True)
class Bounds:
    """Of the values of a column: none is before ``low`` or behind ``high``, in the order of their bytes.

    ``few`` says that they take so little room that few of them can differ.
    """

    low: bytes
    high: bytes
    few: bool

    def may_hold(self, start: str) -> bool:
        """Whether a value may begin with some text."""
        return self.high >= start.encode() and self.low[: len(start.encode())] <= start.encode()


def parquet_bounds(connection: duckdb.DuckDBPyConnection, path: str) -> dict[str, Bounds | None]:
    """The bounds of each text column of a file; ``None`` where a row group does not tell them.

    Those of long values may be cut, rounded down and up, as the Parquet format asks for. The older statistics, in
    another order, are not used. Of a column without any value they are empty texts.
    """
    rows = connection.execute(
        f"""
        SELECT
          path_in_schema,
          coalesce(min(stats_min_value), ''),
          coalesce(max(stats_max_value), ''),
          sum(total_uncompressed_size) < {_FEW_BYTES} * sum(num_values),
          bool_or(
            (stats_min_value IS NULL OR stats_max_value IS NULL)
            AND stats_null_count IS DISTINCT FROM num_values
          )
        FROM parquet_metadata({DuckDBDialect().literal(glob.escape(path))})
        WHERE type = 'BYTE_ARRAY'
        GROUP BY 1
        """
    ).fetchall()
    return {
        name: None if unsaid else Bounds(low.encode(), high.encode(), bool(few))
        for name, low, high, few, unsaid in rows
    }


def without_values(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[str], columns: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Of each file those of the ``columns``, by their SQL types, that hold no value at all, or one empty text; all where it has no row."""
    files = ", ".join(DuckDBDialect().literal(glob.escape(path)) for path in paths)
    known: dict[str, dict[str, bool]] = {path: {} for path in paths}
    for path, name, valued in connection.execute(
        f"""
        SELECT
          file_name,
          path_in_schema,
          bool_or(
            num_values > 0
            AND stats_null_count IS DISTINCT FROM num_values
            AND NOT coalesce(type = 'BYTE_ARRAY' AND stats_min_value = stats_max_value AND trim(stats_min_value) = '', FALSE)
          )
        FROM parquet_metadata([{files}])
        GROUP BY ALL
        """
    ).fetchall():
        known[path][name] = valued
    return {
        path: tuple(
            name
            for name, kind in columns.items()
            if kind == _NO_TYPE or not valued.get(name, any(valued.values()))
        )
        for path, valued in known.items()
    }
