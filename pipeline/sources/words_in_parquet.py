"""The columns of a Parquet file in which words for “not known” are to be counted: few, and seen without reading most."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.sources.parquet_bounds import parquet_bounds
from leadlens.pipeline.sources.unknown_words import WordKind, is_unknown, looks_unknown, may_be_unknown

_dialect = DuckDBDialect()


def may_hold_words(
    connection: duckdb.DuckDBPyConnection, path: str, texts: Mapping[str, WordKind], look: bool = True
) -> dict[str, WordKind]:
    """Those text columns of a file in which there may be words for “not known”.

    Not those whose values all lie elsewhere in the alphabet, as the file itself says, nor, unless values are not to be
    looked at, those whose values are few and no such words, or all too long.
    """
    bounds, held = parquet_bounds(connection, path), dict[str, WordKind]()
    scan = _dialect.parquet(path)
    for name, kind in texts.items():
        within, column = bounds.get(name), _dialect.quote(name)
        if within is not None and not may_be_unknown(kind, within):
            continue
        if within is not None and within.few:
            rows, like = f"(SELECT DISTINCT {column} FROM {scan})", is_unknown(column, kind)
        else:
            rows, like = scan, looks_unknown(column, kind)
        if not look or connection.execute(f"SELECT 1 FROM {rows} WHERE {like} LIMIT 1").fetchall():
            held[name] = kind
    return held
