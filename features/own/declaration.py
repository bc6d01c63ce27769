"""What a feature of one's own is called, for people and in the model, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from leadlens.features.columns import Family, FeatureColumn
from leadlens.features.errors import UsageError
from leadlens.features.own.known import Known

Function = Callable[[pd.DataFrame, Known], Any]


@dataclass(frozen=True, kw_only=True)
class OwnFeature:
    """A declared feature; :func:`feature` makes one of a function.

    Attributes
    ----------
    function : called as ``function(rows, known)``, gives one value per row.
    name : of the column; by default the function's.
    label, family, unit, phrase, absent : as in :class:`leadlens.features.columns.FeatureColumn`.
    """

    function: Function
    name: str
    label: str
    family: Family
    unit: str = ""
    phrase: str = ""
    absent: str = ""

    def __call__(self, rows: pd.DataFrame, known: Known) -> Any:
        """The function's own answer, unchecked."""
        return self.function(rows, known)

    def column(self, kind: Literal["number", "category"]) -> FeatureColumn:
        """The column that it makes."""
        return own_column(
            self.name,
            kind,
            label=self.label,
            family=self.family,
            unit=self.unit,
            phrase=self.phrase,
            absent=self.absent,
            sentence=f"Made by the function {self.name}, of what was known as of the row.",
        )


def feature(
    function: None = None,
    /,
    *,
    label: str = "",
    family: Family | None = None,
    name: str | None = None,
    unit: str = "",
    phrase: str = "",
    absent: str = "",
) -> Callable[[Function], OwnFeature]:
    """Declare a function over rows and what was known of them as a feature.

    ``rows`` is a frame by row_id with ``lead_id``, ``as_of`` and ``created_at``; ``known`` holds the events and attributes that
    could be seen from each (:class:`leadlens.features.own.known.Known`). The function gives a Series by row_id: numbers, with NaN for what
    is not known, or texts. Each value may depend on its own row alone.

    Parameters
    ----------
    label : what a marketer reads.
    family : ``"demographic"``, ``"firmographic"`` or ``"behavioural"``: which side of the grade it counts for.
    name : of the column, by default the function's.
    unit, phrase, absent : how a lead's value is put into words, as in :class:`leadlens.features.columns.FeatureColumn`.

    Raises
    ------
    UsageError : an empty label or name, or a family that there is not.

    >>> @feature(label="Visits at night", family="behavioural", unit="times")
    ... def night_visits(rows, known):
    ...     at_night = known.events[known.events["occurred_at"].dt.hour < 6]
    ...     return at_night.groupby("row_id").size().reindex(rows.index, fill_value=0)
    >>> night_visits.name, night_visits.label
    ('night_visits', 'Visits at night')
    """
    if function is not None:
        raise UsageError(
            "a feature needs a label and a family",
            value=getattr(function, "__name__", function),
            why="people read the label, and the family decides whether it counts as fit or as engagement",
            fix='@leadlens.feature(label="…", family="behavioural")',
        )
    side = check_declared(name or label, label, family)

    def declared(function: Function) -> OwnFeature:
        own = name or getattr(function, "__name__", "")
        if not own or own == "<lambda>":
            raise UsageError("a feature needs a name", value=own or None, fix='feature(name="…", …)')
        return OwnFeature(
            function=function, name=own, label=label, family=side, unit=unit, phrase=phrase, absent=absent
        )

    return declared


def own_column(name: str, kind: Literal["number", "category"], **described: Any) -> FeatureColumn:
    """A column that no plan makes; its condition says so where others name what they stand for."""
    return FeatureColumn(name=name, kind=kind, condition=f"own feature {name}", **described)


def check_declared(name: str, label: object, family: Any) -> Family:
    """The family. Raises ``UsageError`` where people could not read it, or it counts for no side of the grade."""
    if not isinstance(label, str) or not label.strip():
        raise UsageError(
            "a feature needs a label", value=name, why="people read it in reasons and reports", where="label"
        )
    if family not in get_args(Family):
        raise UsageError(
            "there is no such family of features",
            value=family,
            known=get_args(Family),
            where=f"{name}: family",
        )
    known: Family = family
    return known
