"""Columns of several files or sources as those of one table: names after the mapping, and a type that every value fits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import duckdb

from leadlens.features import DataError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.sources.csv_types import CSV_TYPES, narrowest, typed_csv
from leadlens.pipeline.sources.plain_types import cast, plain, plain_type, type_together
from leadlens.pipeline.sources.styles import (
    COMMA,
    STYLES,
    UNCLEAR,
    decimals_of,
    example_of,
    notes_of,
    sql_type,
)

_quote = DuckDBDialect().quote


class Columns(Protocol):
    """What is known of the columns of one file or source: as ``NewSource`` and ``EventSource`` of a prepared history have it.

    ``columns`` are their plain SQL types, ``empty`` those without any value, whose types say nothing. Of CSV, which is ``text``,
    ``fits`` are the types that every value of a column can be read as.
    """

    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def fits(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def empty(self) -> Sequence[str]: ...
    @property
    def text(self) -> bool: ...


@dataclass(frozen=True)
class Read:
    """One source as it was read: :class:`Columns`; ``kinds`` are those by which columns of CSV got their type, ``unclear`` a value of
    each column of which it is not clear what its points mean.
    """

    columns: Mapping[str, str]
    fits: Mapping[str, tuple[str, ...]]
    empty: Sequence[str]
    text: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Together:
    """The columns of a table: SQL types by name after the mapping, of all sources, and those that came together.

    ``names`` are those of each of the table's sources: after the mapping → in the source. ``csv`` are the kinds of each source's
    values in CSV files, ``typed`` the types of those in its other files. ``unclear`` is a value of each column of which it is not clear
    what its points mean; which one of them says nothing about how they are read.
    """

    names: tuple[Mapping[str, str], ...]
    types: Mapping[str, str]
    csv: tuple[Mapping[str, str], ...]
    typed: tuple[Mapping[str, str], ...]
    unclear: Mapping[str, str] = field(default_factory=dict, compare=False)

    def values(self, place: int, own: Columns, raw: Mapping[str, str] | None = None) -> str:
        """SQL of all columns over the rows of a file of the source number ``place``; NULL for those that it lacks.

        ``raw`` are types of its columns that are not plain yet.
        """
        return ", ".join(
            f"{self._value(place, name, own, raw or {})} AS {_quote(name)}" for name in self.types
        )

    def _value(self, place: int, name: str, own: Columns, raw: Mapping[str, str]) -> str:
        origin, kind = self.names[place].get(name), self.types[name]
        if origin is None or origin not in own.columns:
            return f"CAST(NULL AS {kind})"
        if not own.text:
            value = plain(_quote(origin), raw.get(origin, own.columns[origin]))
            return _cast(value, own.columns[origin], self.typed[place].get(name, kind), kind)
        if kind == "VARCHAR":
            return _quote(origin)
        csv = self.csv[place].get(name, kind)
        return _cast(typed_csv(origin, csv), sql_type(csv), kind)

    def with_unclear(self, names: Mapping[str, str], values: Mapping[str, str]) -> Together:
        """The same with values of further columns that are not clear, by their name in a source whose ``names`` these are."""
        more = {name: values[origin] for name, origin in names.items() if origin in values}
        return replace(self, unclear={**more, **self.unclear})

    @property
    def styles(self) -> dict[str, str]:
        """The columns whose texts are read in a style of their own, and in which."""
        found = {name: kind for own in self.csv for name, kind in own.items() if kind in STYLES}
        return {name: kind for name, kind in found.items() if self.types[name] != "VARCHAR"}


def _cast(value: str, *kinds: str) -> str:
    """SQL of a value of the first type as the others, one after the other: a moment without a zone gets that of its source."""
    for before, after in pairwise(kinds):
        value = cast(value, before, after)
    return value


def together(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[Mapping[str, str]],
    files: Sequence[tuple[int, Columns]],
    places: Sequence[str],
) -> Together:
    """The columns of all ``files``, each with the number of the source that it belongs to.

    Numbers and dates, or texts and anything, are text together; only the types of files that have a value count, as far as there are
    any. Raises ``DataError`` for columns of two sources whose
    names differ by case alone; ``places`` say where the sources stand.
    """
    _refuse_cases(names, places)
    types = dict[str, str]()
    csv: list[dict[str, str]] = [{} for _ in names]
    typed: list[dict[str, str]] = [{} for _ in names]
    unclear: dict[str, str] = {}
    decimals = {place: _decimals([file for of, file in files if of == place]) for place, _ in files}
    for name in dict.fromkeys(name for each in names for name in each):
        texts: dict[int, list[set[str]]] = {}
        own: dict[int, list[str]] = {}
        without: list[str] = []
        for place, file in files:
            origin = names[place].get(name)
            if origin is None or origin not in file.columns:
                continue
            if origin in file.empty:
                without += [] if file.text else [plain_type(file.columns[origin])]
            elif not file.text:
                own.setdefault(place, []).append(file.columns[origin])
            else:
                texts.setdefault(place, []).append(set(file.fits.get(origin, ())))
        for place, each in own.items():
            typed[place][name] = type_together(connection, each)
        kinds = [typed[place][name] for place in own]
        for place, kind in _csv_kinds(texts, decimals).items():
            csv[place][name] = kind
            if kind == UNCLEAR:
                unclear.setdefault(name, example_of(notes_of(texts[place])))
        if texts:
            kinds.append(_sql_together(texts, {place: csv[place][name] for place in texts}))
        types[name] = type_together(connection, kinds or without or ["VARCHAR"])
    return Together(tuple(names), types, tuple(csv), tuple(typed), unclear)


def _fit_all(files: Sequence[Collection[str]]) -> set[str]:
    """What fits the values of a column in all of several files, and what is noted of it in any."""
    return set.intersection(*map(set, files)) | notes_of(files)


def _decimals(files: Sequence[Columns]) -> str | None:
    """The mark of decimals that the CSV files of a source show."""
    columns: dict[str, list[Collection[str]]] = {}
    for file in files:
        for name in file.columns:
            if file.text and name not in file.empty:
                columns.setdefault(name, []).append(file.fits.get(name, ()))
    return decimals_of(map(_fit_all, columns.values()))


def _csv_kinds(texts: Mapping[int, list[set[str]]], decimals: Mapping[int, str | None]) -> dict[int, str]:
    """As what the values of a column are read in the CSV files of each source, by what each file's fit and the ``decimals`` of the source.

    As of one file, if that is possible; else each source has a style of its own.
    """
    every = [fits for own in texts.values() for fits in own]
    common = set.intersection(*every) if every else set()
    kinds = {place: narrowest(_fit_all(own), decimals[place]) or "VARCHAR" for place, own in texts.items()}
    plain = next((kind for kind in CSV_TYPES if kind in common), None)
    if plain is None:
        return kinds
    return {
        place: kind if plain == "DOUBLE" and kind in (COMMA, UNCLEAR) else plain
        for place, kind in kinds.items()
    }


def _sql_together(texts: Mapping[int, list[set[str]]], kinds: Mapping[int, str]) -> str:
    """A type for the values of CSV files that are read as these kinds, as of one file of all."""
    found = {sql_type(kind) for kind in kinds.values()}
    if len(found) == 1:
        return found.pop()
    styled = set(kinds.values()) & {*STYLES, UNCLEAR}
    whole = [place for place, kind in kinds.items() if kind == "BIGINT"]
    if found == {"BIGINT", "DOUBLE"} and styled and all("DOUBLE" in fits for p in whole for fits in texts[p]):
        return "DOUBLE"
    return "VARCHAR"


def _refuse_cases(names: Sequence[Mapping[str, str]], places: Sequence[str]) -> None:
    first: dict[str, tuple[str, str]] = {}
    for own, place in zip(names, places, strict=True):
        for name in own:
            known, at = first.setdefault(name.lower(), (name, place))
            if known != name:
                raise DataError(
                    "two sources of this table have columns whose names differ only by case",
                    value=f"{known}, {name}",
                    where=f"{place} and {at}",
                    why="SQL cannot tell such columns apart",
                    fix=f"give it one name, beside `read` of either: columns: {{{known}: {name}}}",
                )
