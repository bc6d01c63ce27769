"""A feature column: its name, and how people read it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    phrase : one lead's value in words; ``{value}`` and ``{times}`` ("3 times") are filled in.
    absent : the words for a missing value, and for none.
    monotone : 1 or -1 where only one direction makes sense, else 0.
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
    shown_as: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``shown_as`` goes by the name it had in 0.3.0, ``told_by``."""
        return {{"shown_as": "told_by"}.get(name, name): value for name, value in asdict(self).items()}

    def format(self, value: object) -> str:
        """The lead's own value in words.

        >>> column = FeatureColumn(name="n", label="Pricing", family="behavioural", phrase="Viewed Pricing {times}")
        >>> column.format(3.0)
        'Viewed Pricing 3 times'
        """
        if value is None or value != value:  # NaN and NaT differ from themselves
            return self.absent or f"{self.label}: not known"
        if value == 0 and self.absent and self.unit in _NONE_AT_ZERO:
            return self.absent
        if self.kind == "category":
            return (self.phrase or f"{self.label}: {{value}}").replace("{value}", str(value))
        number = float(value)  # type: ignore[arg-type]
        phrase = self.phrase or f"{self.label}: {{value}}"
        if number == 1:
            phrase = phrase.replace("{value} different days", "one day").replace(
                "{value} days", "{value} day"
            )
        return phrase.replace("{times}", _times(number)).replace("{value}", humanize_number(number))


def _times(number: float) -> str:
    whole = int(number)
    return {1: "once", 2: "twice"}.get(whole, f"{whole:,} times")


def humanize_number(number: float) -> str:
    """A number at the precision a reader wants: 1,532 or 3.4 or 0.071.

    >>> humanize_number(1532.0), humanize_number(3.4000000001), humanize_number(0.0712)
    ('1,532', '3.4', '0.071')
    """
    if number == int(number):
        return f"{int(number):,}"
    digits = 1 if abs(number) >= 1 else 1 - math.floor(math.log10(abs(number)))
    return f"{number:,.{min(digits, 6)}f}"
