"""Parts of a table by ranges of one column's values: as conditions in SQL, and as what can be sent to another machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

Value = int | Decimal | date | datetime  # a datetime with or without its zone
_KINDS: Mapping[str, tuple[type[Any], Callable[[str], Value]]] = {
    "timestamp": (datetime, datetime.fromisoformat),  # before date, which it is too
    "date": (date, date.fromisoformat),
    "integer": (int, int),
    "number": (Decimal, Decimal),
}


@dataclass(frozen=True)
class Part:
    """The rows in which ``column`` is ``first`` or more, less than ``before`` and at most ``last``, where these are given.

    Rows without a value belong to it if it is ``with_empty``. ``snapshot`` names the state of a PostgreSQL database that is read.
    """

    column: str
    first: Value | None = None
    before: Value | None = None
    last: Value | None = None
    with_empty: bool = False
    snapshot: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What holds for its rows and no others; nothing for a part that is the whole."""
        column: sa.ColumnElement[Any] = sa.column(self.column)
        limits: list[sa.ColumnElement[bool]] = []
        if self.first is not None:
            limits.append(column >= _literal(self.first))
        if self.before is not None:
            limits.append(column < _literal(self.before))
        if self.last is not None:
            limits.append(column <= _literal(self.last))
        if not limits:
            return []
        return [sa.or_(column.is_(None), sa.and_(*limits)) if self.with_empty else sa.and_(*limits)]

    def to_plain(self) -> dict[str, Any]:
        """JSON-ready."""
        limits = {name: _plain(getattr(self, name)) for name in ("first", "before", "last")}
        return {**vars(self), **limits}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Part:
        """The part that ``to_plain`` was asked of."""
        limits = {name: _value(plain[name]) for name in ("first", "before", "last")}
        return cls(**{**plain, **limits})


def is_measurable(value: object) -> bool:
    """Whether ranges of such values have a length: whole and decimal numbers, dates, timestamps."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | date) and not isinstance(value, bool)


def cut(whole: Part, least: Value, most: Value, parts: int, open_end: bool) -> list[Part]:
    """Parts of equal length, fewer where there are not as many values; the first also has the rows without one.

    With ``open_end`` the last one has no end, else it ends with ``most``: what came later is no part of any.

    >>> [(part.first, part.before, part.last) for part in cut(Part("id"), 1, 9, 3, open_end=False)]
    [(None, 4, None), (4, 7, None), (7, None, 9)]
    """
    unit: Any = timedelta(microseconds=1) if isinstance(least, datetime) else timedelta(days=1)
    start: Any = least
    if isinstance(least, int | Decimal):
        unit, start = 1, math.floor(least)
    length = int((most - start) // unit) + 1
    count = min(parts, length)
    edges = [None, *(start + unit * (length * number // count) for number in range(1, count)), None]
    return [
        replace(
            whole,
            first=edges[place],
            before=edges[place + 1],
            last=most if place == count - 1 and not open_end else None,
            with_empty=place == 0,
        )
        for place in range(count)
    ]


def _literal(value: Value) -> sa.ColumnElement[Any]:
    if isinstance(value, datetime):
        return sa.literal(value, sa.DateTime(timezone=value.tzinfo is not None))
    if isinstance(value, date):
        return sa.literal(value, sa.Date())
    return sa.literal_column(f"{value:f}" if isinstance(value, Decimal) else str(value))  # as wide as it is


def _plain(value: Value | None) -> list[str] | None:
    if value is None:
        return None
    kind = next(name for name, (kind, _) in _KINDS.items() if isinstance(value, kind))
    return [kind, value.isoformat() if isinstance(value, date) else str(value)]


def _value(plain: list[str] | None) -> Value | None:
    return None if plain is None else _KINDS[plain[0]][1](plain[1])
