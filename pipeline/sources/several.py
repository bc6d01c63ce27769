"""Several sources of one table, read into memory: each in its own shape, their rows below each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from leadlens.features import DuckDBEngine, Finding, Step
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.sources.contract import names_of
from leadlens.pipeline.sources.origins import SOURCE_NO
from leadlens.pipeline.sources.reading import Readable, read_source
from leadlens.pipeline.sources.shaping import mapped_names, shape_of, where_finding
from leadlens.pipeline.sources.together import Columns, Read, Together, together
from leadlens.pipeline.sources.unknown_words import Words, add_words

_AT_ONCE = 100  # columns: planning takes time with the square of their number


def read_several(
    engine: DuckDBEngine, table: str, file: ProjectFile, findings: list[Finding]
) -> tuple[set[str], Words, Together]:
    """Make ``raw_<table>`` of all sources of a table, under the names after the mapping, and with ``SOURCE_NO``.

    Returns the names of the columns that were left out, the words for “not known”, and the columns.
    """
    readable = [Readable(file, table, place, source) for place, source in file.project.data.places(table)]
    words, read = Words(), list[tuple[int, Read]]()
    for number, given in enumerate(readable):
        found, own = read_source(engine.connection, given, f"part_{number}", as_text=True)
        add_words(words, [words_by_new_name(table, found, given, own)])
        if not own.text:
            own = replace(own, empty=_without_values(engine, f"part_{number}", own.columns))
        read.append((number, own))
    names = [
        mapped_names(table, own.columns, given.source, given.where)
        for given, (_, own) in zip(readable, read, strict=True)
    ]
    columns = together(engine.connection, names, read, [given.where for given in readable])
    for number, part in read:
        columns = columns.with_unclear(names[number], part.unclear)
    hidden: set[str] = set()
    parts = []
    for given, (number, own) in zip(readable, read, strict=True):
        shape = shape_of(
            engine, table, columns.names[number], columns.types, given.source, file.project, given.where
        )
        hidden |= shape.hidden
        rows = f"SELECT {columns.values(number, own)} FROM part_{number}"
        engine.run([Step(f"renamed_{number}", f"SELECT {shape.values} FROM ({rows})")])
        if given.source.where is not None:
            out = engine.count(f"renamed_{number} AS renamed WHERE NOT coalesce({shape.condition}, FALSE)")
            findings.append(where_finding(given.place, out, engine.count(f"renamed_{number}")))
        parts.append(
            f"SELECT {shape.kept}, {number} AS {SOURCE_NO} FROM renamed_{number} AS renamed WHERE {shape.condition}"
        )
    engine.run([Step(f"raw_{table}", " UNION ALL ".join(parts))])
    for number, _ in read:
        engine.drop(f"renamed_{number}")
        engine.connection.execute(f"DROP TABLE part_{number}")
    return hidden, words, columns


def _without_values(engine: DuckDBEngine, table: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    names, empty = list(columns), list[str]()
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        valued = ", ".join(_valued(engine.dialect.quote(name), columns[name]) for name in some)
        found = engine.connection.execute(f"SELECT {valued} FROM {table}").fetchall()[0]
        empty += [name for name, holds_values in zip(some, found, strict=True) if not holds_values]
    return tuple(empty)


def _valued(name: str, kind: str) -> str:
    if kind == "VARCHAR":
        return f"coalesce(trim(min({name})) <> '' OR min({name}) <> max({name}), FALSE)"
    return f"count({name}) > 0"


def words_by_new_name(table: str, words: Words, given: Readable, read: Columns) -> Words:
    """Words for “not known” by the name of their column after the mapping."""
    names = names_of(table, given.source.columns, read.columns)
    return {names.get(origin, origin): counts for origin, counts in words.items()}
