"""What every value of a column of CSV text can be read as without loss: tests in SQL, and the typed value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import starmap
from typing import Any, TypeVar

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.sources.ids import trimmed
from leadlens.pipeline.sources.styles import (
    COMMA,
    DOTTED,
    EXAMPLE,
    FITS,
    POINTED,
    PROOF,
    PROVES,
    SEMICOLONS,
    STYLES,
    decimals_of,
    example_of,
    in_style,
    sql_type,
    style_of,
)
from leadlens.pipeline.sources.unknown_words import is_unknown

_SAMPLE = 1000
_AT_ONCE = 20  # tests in one statement: longer ones are slow to plan
_BELOW = 500  # columns of a sample below each other in one statement
_Tested = tuple[
    bool | None, ...
]  # whether every value fits, whether each does or is a word, whether any does
_quote = DuckDBDialect().quote
N = TypeVar("N")


@dataclass(frozen=True)
class Fitting:
    """What every value of some columns can be read as: types by column, and the columns without any value.

    ``wordy`` are columns in which words for “not known” stand beside values of such a type.
    """

    types: dict[str, tuple[str, ...]]
    empty: tuple[str, ...]
    wordy: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """The columns that can be read as nothing but text."""
        return [name for name, kinds in self.types.items() if not kinds]

    @cached_property
    def decimals(self) -> str | None:
        """The mark of decimals that the columns show together."""
        return decimals_of(self.types.values())

    def narrowest(self, name: str) -> str | None:
        """The narrowest type, or the style in which its values are written; ``None`` for a column of text."""
        return narrowest(self.types[name], self.decimals)

    def example(self, name: str) -> str:
        """A value such as 1.500."""
        return example_of(self.types[name])

    def between_semicolons(self, semicolons: Callable[[], bool]) -> Fitting:
        """The same with a note that semicolons stand between the values, which is looked at only where it says something."""
        dotted = [name for name, kinds in self.types.items() if DOTTED in kinds]
        if not dotted or not semicolons():
            return self
        return replace(self, types=self.types | {name: (*self.types[name], SEMICOLONS) for name in dotted})


def narrowest(fits: Collection[str], decimals: str | None) -> str | None:
    """Of what every value of a column can be read as the narrowest type, or its style; ``None`` for text."""
    return style_of(fits, decimals) or next((kind for kind in CSV_TYPES if kind in fits), None)


def fitting_types(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    table: str,
    ids: Collection[str] = (),
    codes: Collection[str] = (),
    styles: Collection[str] = (),
) -> Fitting:
    """The types that every value of each column can be read as without loss.

    Words for “not known” are no values, but in ``codes``. ``codes`` are text, whatever their values look like; ``ids``
    are numbers only where they are written back the same. ``styles`` of numbers and dates (:mod:`leadlens.pipeline.sources.styles`) are tried
    besides.
    """
    pairs = _pairs(names, ids, codes, styles)
    # The first rows rule most types out, so that few are tried on all rows.
    tested = _of_sample(con, pairs, table)
    if con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] > _SAMPLE:
        pairs, _, _ = _fitting(pairs, tested)
        tested = _of_all(con, pairs, table).get(None, {})  # nothing is tested where all columns are text
    return _with_proofs(con, table, {None: _fitting_of(names, pairs, tested)}, PROOF in styles)[None]


def fitting_by_source(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    table: str,
    source: str,
    numbers: Iterable[int],
    ids: Collection[str] = (),
    codes: Collection[str] = (),
    styles: Collection[str] = (),
) -> dict[int, Fitting]:
    """:func:`fitting_types` of each of many small sources in one table; the column ``source`` holds their ``numbers``."""
    pairs = _pairs(names, ids, codes, styles)
    tested = _of_all(con, pairs, table, source)
    found = {number: _fitting_of(names, pairs, tested.get(number, {})) for number in numbers}
    return _with_proofs(con, table, found, PROOF in styles, source)


def _with_proofs(
    con: duckdb.DuckDBPyConnection,
    table: str,
    found: Mapping[N, Fitting],
    said: bool,
    source: str | None = None,
) -> dict[N, Fitting]:
    """Note where a value shows that the comma is the mark of decimals of a column, or the project file has ``said`` so; else a
    value with a point that may be either.
    """
    names = sorted(
        {
            name
            for each in found.values()
            for name, kinds in each.types.items()
            if COMMA in kinds and "BIGINT" not in kinds
        }
    )
    if not names:
        return dict(found)
    number, grouped = ("NULL", "") if source is None else (_quote(source), "GROUP BY 1")
    tests = ", ".join(
        f"coalesce(bool_or({PROVES.format(v=value)}), FALSE), min({value}) FILTER ({POINTED.format(v=value)})"
        for value in map(csv_value, names)
    )
    notes: dict[Any, dict[str, tuple[str, ...]]] = {}
    for of, *row in con.execute(f"SELECT {number}, {tests} FROM {table} {grouped}").fetchall():
        notes[of] = {
            name: (PROOF,) if proves or said else (f"{EXAMPLE}{value}",) if value else ()
            for name, proves, value in zip(names, row[::2], row[1::2], strict=True)
        }
    return {
        of: replace(
            each,
            types={
                name: (*kinds, *notes.get(of, {}).get(name, ()))
                if COMMA in kinds and "BIGINT" not in kinds
                else kinds
                for name, kinds in each.types.items()
            },
        )
        for of, each in found.items()
    }


def _pairs(
    names: list[str], ids: Collection[str], codes: Collection[str], styles: Collection[str]
) -> list[tuple[str, str]]:
    """The pairs (column, type) that are tried."""
    every = (*CSV_TYPES, *(style for style in styles if style in FITS))
    return [
        (name, kind)
        for name in names
        for kind in ((_CODE,) if name in codes else _ID_TYPES if name in ids else every)
    ]


def _fitting_of(
    names: list[str], pairs: list[tuple[str, str]], tested: Mapping[tuple[str, str], _Tested]
) -> Fitting:
    fitting, empty, wordy = _fitting(pairs, tested)
    by_name = _by_name(fitting)
    fits = {
        name: tuple(_ID_TYPES.get(kind, kind) for kind in by_name.get(name, ()) if kind != _CODE)
        for name in names
    }
    fits = {name: () if name in empty else kinds for name, kinds in fits.items()}
    return Fitting(fits, tuple(empty), tuple(name for name in wordy if fits[name]))


def _fitting(
    pairs: list[tuple[str, str]], tested: Mapping[tuple[str, str], _Tested]
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """The pairs (column, type) in which no value of the column cannot be read as the type; columns without values;
    columns in which some of these values are words for “not known”.
    """
    fitting: list[tuple[str, str]] = []
    filled: dict[str, bool] = {}
    wordy: dict[str, None] = {}
    for name, kind in pairs:
        every, each, any_ = tested.get((name, kind), (None, None, None))
        if each is False:
            continue
        fitting.append((name, kind))
        filled[name] = filled.get(name, False) or bool(any_)
        if every is False:
            wordy[name] = None
    return fitting, [name for name, found in filled.items() if not found], list(wordy)


def _of_sample(
    con: duckdb.DuckDBPyConnection, pairs: list[tuple[str, str]], table: str
) -> dict[tuple[str, str], _Tested]:
    """The tests on the first rows, with the columns below each other: planning thousands beside each other takes minutes."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, kinds in _by_name(pairs).items():
        groups.setdefault(tuple(kinds), []).append(name)
    tested = {}
    for alike, names in groups.items():
        for start in range(0, len(names), _BELOW):
            some = names[start : start + _BELOW]
            values = ", ".join(f"{csv_value(name)} AS c{place}" for place, name in enumerate(some))
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE csv_sample AS SELECT place, v, {_unknown('v', alike[0])} AS u FROM ("
                f"UNPIVOT (SELECT {values} FROM {table} LIMIT {_SAMPLE}) ON COLUMNS(*) INTO NAME place VALUE v)"
            )
            tests = ", ".join(
                f"bool_and({_fits('v', kind)}), bool_and({_fits('v', kind)} OR u), bool_or({_fits('v', kind)})"
                for kind in alike
            )
            for place, *row in con.execute(
                f"SELECT place, {tests} FROM csv_sample GROUP BY place"
            ).fetchall():
                for at, kind in enumerate(alike):
                    tested[some[int(place[1:])], kind] = tuple(row[3 * at : 3 * at + 3])
    con.execute("DROP TABLE IF EXISTS csv_sample")
    return tested


def _of_all(
    con: duckdb.DuckDBPyConnection, pairs: list[tuple[str, str]], table: str, source: str | None = None
) -> dict[int | None, dict[tuple[str, str], _Tested]]:
    """The tests on all rows, apart by the number in the column ``source`` if there is one.

    Words are sought only in columns in which not every value fits.
    """
    number, grouped = ("NULL", "") if source is None else (_quote(source), "GROUP BY 1")

    def run(asked: list[tuple[str, str]], tests: Callable[[str, str], str]) -> dict[int | None, list[Any]]:
        results: dict[int | None, list[Any]] = {}
        for start in range(0, len(asked), _AT_ONCE):
            some = ", ".join(starmap(tests, asked[start : start + _AT_ONCE]))
            for of, *row in con.execute(f"SELECT {number}, {some} FROM {table} {grouped}").fetchall():
                results.setdefault(of, []).extend(row)
        return results

    def plain(name: str, kind: str) -> str:
        value, given = csv_value(name), f"FILTER ({csv_value(name)} IS NOT NULL)"
        return f"bool_and({_fits(value, kind)}) {given}, bool_or({_fits(value, kind)}) {given}"

    def with_words(name: str, kind: str) -> str:
        value = csv_value(name)
        # CASE, for the words are sought only among what does not fit
        either = f"CASE WHEN {_fits(value, kind)} THEN TRUE ELSE {_unknown(value, kind)} END"
        return f"bool_and({either}) FILTER ({value} IS NOT NULL)"

    results = run(pairs, plain)
    short = [
        pair for place, pair in enumerate(pairs) if any(row[2 * place] is False for row in results.values())
    ]
    each = run(short, with_words)
    tested: dict[int | None, dict[tuple[str, str], _Tested]] = {}
    for of, row in results.items():
        or_words = dict(zip(short, each.get(of, ()), strict=True))
        tested[of] = {
            pair: (every, or_words.get(pair, every), any_)
            for pair, every, any_ in zip(pairs, row[::2], row[1::2], strict=True)
        }
    return tested


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for name, kind in pairs:
        kinds.setdefault(name, []).append(kind)
    return kinds


def _fits(value: str, kind: str) -> str:
    return f"coalesce({(_FITS | _AS_ID | FITS)[kind].format(v=value)}, FALSE)"


def _unknown(value: str, kind: str) -> str:
    """SQL of whether a value is a word for “not known”."""
    return "FALSE" if kind == _CODE else is_unknown(value, "id" if kind in _AS_ID else "number")


def typed_csv(name: str, kind: str) -> str:
    """SQL of a value of a column of CSV text as a type that all of its values fit; words for “not known” are NULL."""
    if kind in STYLES:
        return in_style(csv_value(name), kind)
    value = f"TRY_CAST({csv_value(name)} AS {sql_type(kind)})"
    return f"nullif({value}, {_NAN})" if sql_type(kind) == "DOUBLE" else value


def csv_value(name: str) -> str:
    """SQL of a value of a column of CSV text; empty ones are NULL."""
    return trimmed(_quote(name))


_NAN = "CAST('nan' AS DOUBLE)"  # larger than any number, and equal to itself
_DAY = "^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
_CLOCK = "[ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]+)?)?"
# SQL type → condition on every value {v} of such a column. Leading zeros mean a code, 16 digits an id.
_FITS = {
    "BIGINT": "CAST(TRY_CAST({v} AS BIGINT) AS VARCHAR) = {v}",
    "DOUBLE": f"TRY_CAST({{v}} AS DOUBLE) < {_NAN} AND NOT regexp_matches({{v}}, '^[+-]?(0[0-9]|[0-9]{{{{16}}}})|_')",
    "BOOLEAN": "lower({v}) IN ('true', 'false')",
    # What is written as DuckDB writes it needs no pattern, which takes twice as long as to read it.
    "TIMESTAMP": "CASE WHEN {v} LIKE '____-__-__ __:__:__%' AND CAST(TRY_CAST({v} AS TIMESTAMP) AS VARCHAR) = {v} THEN TRUE "
    f"ELSE regexp_matches({{v}}, '{_DAY}({_CLOCK})?$') AND TRY_CAST({{v}} AS TIMESTAMP) IS NOT NULL END",
    "TIMESTAMPTZ": f"regexp_matches({{v}}, '{_DAY}{_CLOCK} ?(Z|[+-][0-9]{{{{2}}}}(:?[0-9]{{{{2}}}})?)$') "
    "AND TRY_CAST({v} AS TIMESTAMPTZ) IS NOT NULL",
}
CSV_TYPES = tuple(_FITS)  # the narrowest first
# DuckDB reads 1_0 as 10 and 1.10 as 1.1: what is not written back the same is no number, where it names something.
_CODE = "text"
_AS_ID = {
    _CODE: "TRUE",
    "id, whole": _FITS["BIGINT"],
    "id": f"({_FITS['BIGINT']} OR CAST(TRY_CAST({{v}} AS DOUBLE) AS VARCHAR) = {{v}}) AND NOT {{v}} LIKE '%e%'",
}
_ID_TYPES = {"id, whole": "BIGINT", "id": "DOUBLE"}
