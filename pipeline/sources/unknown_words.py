"""The usual words for “not known”: which of them are read as a missing value in which column, and how that is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import duckdb
import yaml

from leadlens.features import Finding
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.sources.contract import CONTRACT, is_link, names_of
from leadlens.pipeline.sources.ids import is_padded
from leadlens.pipeline.sources.parquet_bounds import Bounds

WordKind = Literal["id", "text", "number"]
Words = dict[str, dict[str, int]]  # column → word → rows
_AT_ONCE = 20  # columns in one scan
_dialect = DuckDBDialect()


@cache
def _lists() -> dict[str, tuple[str, ...]]:
    text = files("leadlens.pipeline.sources").joinpath("unknown_words.yaml").read_text(encoding="utf-8")
    return {name: tuple(words) for name, words in yaml.safe_load(text).items()}


@cache
def words_for(kind: WordKind) -> frozenset[str]:
    """The words for “not known” in a column of this kind; those of numbers (and of dates and flags) in lower case."""
    lists = _lists()
    if kind == "id":
        return frozenset(lists["marks"] + lists["ids"])
    texts = lists["marks"] + lists["texts"]
    return frozenset(texts) if kind == "text" else frozenset(map(str.lower, texts + lists["numbers"]))


def is_word(value: str, kind: WordKind) -> bool:
    """Whether a text is one of them."""
    return (value.strip().lower() if kind == "number" else value.strip()) in words_for(kind)


@cache
def is_unknown(value: str, kind: WordKind) -> str:
    """SQL: whether a text is a word for “not known” in a column of this kind, perhaps with spaces before or behind it.

    Of a missing value it is NULL, like any comparison. It is a pattern: DuckDB makes a join of a list of words, which
    takes three megabytes for each column of a wide table, and several times as long.
    """
    words = "|".join(map(re.escape, sorted(words_for(kind))))
    text = f"lower({value})" if kind == "number" else value
    return f"regexp_full_match({text}, {_dialect.literal(f' *(?:{words}) *')})"


def may_be_unknown(kind: WordKind, bounds: Bounds) -> bool:
    """Whether a column whose values lie within some bounds may hold a word for “not known”.

    Of the words of numbers, which are in any case, it is not looked into.
    """
    return kind == "number" or any(map(bounds.may_hold, (" ", *words_for(kind))))


def looks_unknown(value: str, kind: WordKind) -> str:
    """SQL: whether a text is short enough for a word of this kind, or has spaces around it. Much cheaper than to compare."""
    longest = max(len(word.encode()) for word in words_for(kind))
    return f"(strlen({value}) <= {longest} OR {is_padded(value)})"


def word_kind(table: str, column: str) -> WordKind | None:
    """How words for “not known” are read in a text column of the source, by its name in the contract.

    ``None`` for codes, which stand for themselves.

    >>> word_kind("leads", "account_id"), word_kind("leads", "closed_at"), word_kind("events", "event_type")
    ('id', 'number', None)
    """
    how = CONTRACT.get(table, {}).get(column, "").rstrip("!")
    if how == "id":
        if is_link(table, column):
            return "id"
        return "text" if (table, column) == ("changes", "value") else None
    return "number" if how in ("timestamp", "number") else "text"


def count_words(con: duckdb.DuckDBPyConnection, rows: str, columns: Mapping[str, WordKind]) -> Words:
    """The words for “not known” in some text columns of ``rows`` (a FROM clause), and how often each occurs."""
    is_one = {name: is_unknown(_dialect.quote(name), kind) for name, kind in columns.items()}
    names, found = list(columns), list[int]()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        counts = ", ".join(f"count(*) FILTER ({is_one[name]})" for name in some)
        found += con.execute(f"SELECT {counts} FROM {rows}").fetchall()[0]
    words = Words()
    for name, count in zip(names, found, strict=True):
        if count:
            value = f"trim({_dialect.quote(name)})"
            each = con.execute(
                f"SELECT {value}, count(*) FROM {rows} WHERE {is_one[name]} GROUP BY 1"
            ).fetchall()
            words[name] = dict(each)
    return words


def text_columns(table: str, mapped: Mapping[str, str], types: Mapping[str, str]) -> dict[str, WordKind]:
    """The text columns of a source in which there may be words for “not known”, and of which kind."""
    names = names_of(table, mapped, types)
    kinds = {name: word_kind(table, names.get(name, name)) for name, sql in types.items() if sql == "VARCHAR"}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def words_by_source(
    con: duckdb.DuckDBPyConnection, rows: str, source: str, columns: Mapping[int, Mapping[str, WordKind]]
) -> dict[int, Words]:
    """:func:`count_words` of many sources in one table, whose numbers are in the column ``source``."""
    sought = sorted({pair for own in columns.values() for pair in own.items()})
    number, words = _dialect.quote(source), {of: Words() for of in columns}
    found = list[int]()
    for start in range(0, len(sought), _AT_ONCE):
        some = sought[start : start + _AT_ONCE]
        counts = ", ".join(
            f"count(*) FILTER ({is_unknown(_dialect.quote(name), kind)})" for name, kind in some
        )
        found += con.execute(f"SELECT {counts} FROM {rows}").fetchall()[0]
    for (name, kind), count in zip(sought, found, strict=True):
        if not count:
            continue
        value = _dialect.quote(name)
        for of, word, times in con.execute(
            f"SELECT {number}, trim({value}), count(*) FROM {rows} WHERE {is_unknown(value, kind)} GROUP BY 1, 2"
        ).fetchall():
            if columns[of].get(name) == kind:
                words[of].setdefault(name, {})[word] = times
    return words


def word_findings(
    table: str, words: Words, mapped: Mapping[str, str], types: Mapping[str, str], kinds: Mapping[str, Kind]
) -> list[Finding]:
    """One note per column in which words were read as a missing value.

    ``types`` are the SQL types of the source's columns as they were read, ``mapped`` the project's column mapping,
    ``kinds`` those of columns outside the contract. Columns that are in neither are not read, and not told.
    """
    findings, names = [], names_of(table, mapped, types)
    for origin, counts in words.items():
        name = names.get(origin, origin)
        if name not in kinds and name not in CONTRACT[table]:
            continue
        kind = word_kind(table, name)
        if kind == "text" and types.get(origin, "VARCHAR") != "VARCHAR":
            kind = "number"
        if kind is None:
            continue
        read = {word: count for word, count in counts.items() if _reads(word, kind)}
        if not read:
            continue
        findings.append(word_finding(f"{table}.{name}", read))
    return findings


def word_finding(column: str, words: Mapping[str, int]) -> Finding:
    """The note on words of one column."""
    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    shown = listed((f"{word!r} {count:,}" for word, count in ordered), 5)
    total = sum(words.values())
    stand = "stands" if total == 1 else "stand"
    message = f"{column}: {counted(total, 'value')} that {stand} for “not known” ({shown}), read as missing"
    return Finding("unknown-words", message, "note", total)


def add_words(together: Words, more: Iterable[Words]) -> Words:
    """The words of several sources."""
    for words in more:
        for column, counts in words.items():
            own = together.setdefault(column, {})
            for word, count in counts.items():
                own[word] = own.get(word, 0) + count
    return together


def _reads(word: str, kind: WordKind) -> bool:
    return (word.lower() if kind == "number" else word) in words_for(kind)
