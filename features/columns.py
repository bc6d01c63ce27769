"""A feature column: its name, and how people read it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Family = Literal["demographic", "firmographic", "behavioural"]


# Units in which 0 means that there is none, rather than a small amount.
_NONE_AT_ZERO = ("times", "points", "yes/no", "active days")


@dataclass(frozen=True, kw_only=True)
class FeatureColumn:
    """One named column of the feature matrix.

    Attributes
    ----------
    name : unique in its matrix; stable between training and scoring.
    label : what a marketer reads, e.g. ``"Viewed the Pricing page in 30 days"``.
    family : what it describes; fit = demographic + firmographic.
    kind : ``"number"`` (float64, NaN = unknown) or ``"category"`` (text, missing = unknown).
    unit : ``"times"``, ``"days"``, ``"currency"`` …, or ``""``.
    sentence : how it is computed, one sentence.
    condition : the condition over ``events``, or the attribute, that it stands for.
    phrase : one lead's value in words; ``{value}``, ``{times}`` ("3 times") and ``{date}`` are filled in: of days
        before the as-of time, people are told the date, which is the same tomorrow.
    absent : the words for a missing value, and for none.
    monotone : 1 or -1 where only one direction makes sense, else 0.
    written : numbers that stand for texts, such as ranges, each with the text as the user wrote it.
    shown_as : name of the column to show instead, which says the same more plainly; itself when empty.
    """

    name: str
    label: str
    family: Family
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    sentence: str = ""
    condition: str = ""
    phrase: str = ""
    absent: str = ""
    monotone: int = 0
    written: tuple[tuple[float, str], ...] = ()
    shown_as: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``shown_as`` goes by the name it had in 0.3.0, ``told_by``."""
        return {{"shown_as": "told_by"}.get(name, name): value for name, value in asdict(self).items()}

    def format(self, value: object, as_of: datetime | np.datetime64 | None = None) -> str:
        """The lead's own value in words. Raises ``ValueError`` where a date is named and ``as_of`` is not given.

        >>> column = FeatureColumn(name="n", label="Pricing", family="behavioural", phrase="Viewed Pricing {times}")
        >>> column.format(3.0)
        'Viewed Pricing 3 times'
        >>> FeatureColumn(name="w", label="Weekends", family="behavioural", phrase="{value} of activity at weekends").format(0.67)
        '67 % of activity at weekends'
        """
        if (
            value is None or value != value or value in (math.inf, -math.inf)
        ):  # NaN and NaT differ from themselves
            return self.absent or f"{self.label}: not known"
        phrase = self.phrase or f"{self.label}: {{value}}"
        if self.kind == "category":
            return phrase.replace("{value}", str(value))
        number = float(value)  # type: ignore[arg-type]
        if self.names_date:
            if as_of is None:
                raise ValueError(f"{self.name} is told as a date: give the as-of time of the row")
            day = days_before(np.array([as_of], "datetime64[us]"), np.array([number]))[0]
            return phrase.replace("{date}", format_date(day))
        for stands_for, text in self.written:
            if number == stands_for:
                return phrase.replace("{value}", text)
        if number == 0 and self.absent and self.unit in _NONE_AT_ZERO:
            return self.absent
        if number == 1:
            phrase = phrase.replace("{value} different days", "one day").replace(
                "{value} days", "{value} day"
            )
        text = percent(number) if _A_SHARE in phrase else humanize_number(number)
        return phrase.replace("{times}", _times(number)).replace("{value}", text)

    @property
    def names_date(self) -> bool:
        """Whether its values are days before the as-of time, told as dates."""
        return "{date}" in self.phrase


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MICROSECONDS_A_DAY = 86_400_000_000
_LONG_AGO = 14_600.0  # days: beyond forty years a double is not exact to a microsecond, but to a millisecond


def days_before(as_of: NDArray[np.datetime64], days: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """The UTC dates so many days before, of ages that were computed from timestamps; days below 0 lie ahead.

    >>> days_before(np.array(["2025-12-01T09:30"], "datetime64[us]"), np.array([17.395833333333332])).astype(str)
    array(['2025-11-14'], dtype='<U28')
    """
    ago = np.rint(days * _MICROSECONDS_A_DAY).astype(np.int64)
    moments = as_of.astype(np.int64) - ago
    moments = np.where(np.abs(days) > _LONG_AGO, (moments + 500) // 1000 * 1000, moments)
    return (moments // _MICROSECONDS_A_DAY).astype("datetime64[D]")


def format_date(day: np.datetime64) -> str:
    """A date as a reader of any country understands it.

    >>> format_date(np.datetime64("2025-11-04"))
    '4 Nov 2025'
    """
    month = day.astype("datetime64[M]")
    year, place = divmod(int(month.astype(np.int64)) + 12 * 1970, 12)
    return f"{int((day - month).astype(np.int64)) + 1} {_MONTHS[place]} {year}"


def _times(number: float) -> str:
    whole = int(number)
    return {1: "once", 2: "twice"}.get(whole, f"{whole:,} times")


_A_SHARE = "{value} of "  # all of it is 1


def percent(share: float) -> str:
    """A share as people write it: one decimal below ten percent.

    >>> percent(0.0432), percent(0.31)
    ('4.3 %', '31 %')
    """
    return f"{100 * share:.1f} %" if abs(share) < 0.0995 else f"{100 * share:.0f} %"


# Six decimals below the first of these sizes, one from the last one on; two digits in between.
DECIMALS_END = (1e-4, 1e-3, 0.01, 0.1, 1.0)


def humanize_number(number: float) -> str:
    """A number at the precision a reader wants: 1,532 or 3.4 or 0.071.

    >>> humanize_number(1532.0), humanize_number(3.4000000001), humanize_number(0.0712)
    ('1,532', '3.4', '0.071')
    """
    if number == int(number):
        return f"{int(number):,}"
    return f"{number:,.{6 - bisect_right(DECIMALS_END, abs(number))}f}"
