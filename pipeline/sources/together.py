"""Columns of several files or sources as those of one table: names after the mapping, and a type that every value fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb

from features import DataError
from features.engines.dialect import DuckDBDialect
from pipeline.sources.csv_types import CSV_TYPES, typed_csv
from pipeline.sources.plain_types import plain, type_together

_quote = DuckDBDialect().quote


class Columns(Protocol):
    """What is known of the columns of one file or source: as ``NewSource`` and ``EventSource`` of a prepared history have it.

    ``columns`` are their plain SQL types; of CSV ``fits`` are the types that every value of a column can be read as, and
    ``empty`` the columns without any value.
    """

    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def fits(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def empty(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Read:
    """One source as it was read: :class:`Columns`, without more."""

    columns: Mapping[str, str]
    fits: Mapping[str, tuple[str, ...]]
    empty: Sequence[str]


@dataclass(frozen=True)
class Together:
    """The columns of a table: SQL types by name after the mapping, and of CSV the type before it meets other files'.

    ``names`` are those of each of the table's sources: after the mapping → in the source.
    """

    names: tuple[Mapping[str, str], ...]
    types: Mapping[str, str]
    csv: Mapping[str, str]

    def values(self, place: int, own: Columns, raw: Mapping[str, str] | None = None) -> str:
        """SQL of all columns over the rows of a file of the source number ``place``; NULL for those that it lacks.

        ``raw`` are types of its columns that are not plain yet.
        """
        return ", ".join(
            f"{self._value(self.names[place].get(name), kind, self.csv.get(name), own, raw or {})} AS {_quote(name)}"
            for name, kind in self.types.items()
        )

    def _value(
        self, origin: str | None, kind: str, csv: str | None, own: Columns, raw: Mapping[str, str]
    ) -> str:
        if origin is None or origin not in own.columns:
            return f"CAST(NULL AS {kind})"
        if not is_text(own):
            value = plain(_quote(origin), raw.get(origin, own.columns[origin]))
            return value if own.columns[origin] == kind else f"CAST({value} AS {kind})"
        if kind == "VARCHAR":
            return _quote(origin)
        value = typed_csv(origin, csv or kind)
        return value if csv in (None, kind) else f"CAST({value} AS {kind})"


def is_text(source: Columns) -> bool:
    """Whether the values are text, as in CSV files."""
    return bool(source.fits or source.empty)


def together(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[Mapping[str, str]],
    files: Sequence[tuple[int, Columns]],
    places: Sequence[str],
) -> Together:
    """The columns of all ``files``, each with the number of the source that it belongs to.

    Numbers and dates, or texts and anything, are text together. Raises ``DataError`` for columns of two sources whose
    names differ by case alone; ``places`` say where the sources stand.
    """
    _refuse_cases(names, places)
    types, csv = {}, {}
    for name in dict.fromkeys(name for own in names for name in own):
        texts: list[tuple[str, ...] | None] = []
        kinds: list[str] = []
        for place, file in files:
            origin = names[place].get(name)
            if origin is None or origin not in file.columns:
                continue
            if is_text(file):
                texts.append(None if origin in file.empty else tuple(file.fits.get(origin, ())))
            else:
                kinds.append(file.columns[origin])
        filled = [set(fits) for fits in texts if fits is not None]
        if filled or not kinds:
            fits = set.intersection(*filled) if filled else set()
            csv[name] = next((kind for kind in CSV_TYPES if kind in fits), "VARCHAR")
            kinds.append(csv[name])
        types[name] = type_together(connection, kinds)
    return Together(tuple(names), types, csv)


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
