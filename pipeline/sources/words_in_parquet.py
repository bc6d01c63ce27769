"""What a look at the texts of a Parquet file spares later: words for “not known” that are not there, ids that are as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.sources.ids import may_be_untidy
from leadlens.pipeline.sources.parquet_bounds import parquet_bounds
from leadlens.pipeline.sources.unknown_words import WordKind, is_unknown, looks_unknown, may_be_unknown

_dialect = DuckDBDialect()


@dataclass
class Looked:
    """What was seen of some text columns: those ``wordy`` ones in which there may be words for “not known”, and those of ids
    that are ``tidy``, none of which :func:`leadlens.pipeline.sources.ids.id_text` changes.
    """

    wordy: dict[str, WordKind] = field(default_factory=dict)
    tidy: set[str] = field(default_factory=set)


def look_at_texts(
    connection: duckdb.DuckDBPyConnection, path: str, texts: Mapping[str, WordKind], look: bool = True
) -> Looked:
    """What there may be in text columns of a file; a column of ids in which there is something is read twice, any other once at most.

    No words are in columns whose values all lie elsewhere in the alphabet, as the file itself says, nor, unless values are not to be
    looked at, in those whose values are few and no such words, or all too long.
    """
    bounds, seen = parquet_bounds(connection, path), Looked()
    scan = _dialect.parquet(path)

    def finds(rows: str, like: str) -> bool:
        return bool(connection.execute(f"SELECT 1 FROM {rows} WHERE {like} LIMIT 1").fetchall())

    for name, kind in texts.items():
        within, column = bounds.get(name), _dialect.quote(name)
        wordy = within is None or may_be_unknown(kind, within)
        if not look:
            seen.wordy |= {name: kind} if wordy else {}
            continue
        few = within is not None and within.few
        rows = f"(SELECT DISTINCT {column} FROM {scan})" if few else scan
        like = is_unknown(column, kind) if few else looks_unknown(column, kind)
        if kind == "id":
            untidy = may_be_untidy(column)
            if not finds(rows, f"{like} OR {untidy}" if wordy else untidy):
                seen.tidy.add(name)
                continue
        if wordy and finds(rows, like):
            seen.wordy[name] = kind
    return seen
