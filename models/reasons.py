"""Why this score: contributions in points, grouped by behaviour, worded with the lead's own values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leadlens.features.columns import Family, FeatureColumn

START = "Every lead starts at"
RULE = "sheet: "  # the name of a column of a sheet's points begins so
LEAST_SHOWN = 0.5  # points that round to more than nothing


@dataclass(frozen=True)
class Reason:
    """One line of an explanation.

    ``points`` are on the common scale (10 double the odds); ``columns`` are the features grouped in it.
    """

    text: str
    points: float
    family: Family | None
    columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For the ``reasons`` column of ``lead_scores``."""
        return {"text": self.text, "points": float(stored_points(self.points)), "family": self.family}


def stored_points(points: ArrayLike) -> NDArray[np.float64]:
    """Points as they are stored: to three decimals, and 0 without a sign."""
    return np.asarray(np.round(np.asarray(points, np.float64), 3) + 0.0, np.float64)


def reasons_of(
    contributions: pd.DataFrame,
    values: pd.DataFrame,
    columns: Mapping[str, FeatureColumn],
    most: int | None = None,
    as_of: NDArray[np.datetime64] | None = None,
) -> list[list[Reason]]:
    """The reasons of every row, strongest first; their points sum to the row's contributions.

    Measures of one behaviour (its count, recency …) share one line, and so does what a sheet's rule gives for it; the line
    is worded by the strongest of those that have the sign of their sum.

    Parameters
    ----------
    contributions : points, (rows, names).
    values : the lead's own values by the same names; other columns are ignored.
    columns : what each name means.
    most : put all but so many reasons of a row into one last line.
    as_of : per row, UTC; needed where a reason names a date.

    ``leadlens.models.reason_columns`` does the same for many rows at once.
    """
    members = list(column_groups(contributions.columns, columns).values())
    points = contributions.to_numpy()
    totals = np.zeros((len(points), len(members)))
    for group, at in enumerate(members):
        totals[:, group] = points[:, at[0]]
        for other in at[1:]:
            totals[:, group] += points[:, other]
    # Worded, in every row, by the member of each group that moves it furthest its way.
    ways = np.sign(totals)
    leading = [
        np.asarray(at)[(ways[:, [group]] * points[:, at]).argmax(axis=1)] for group, at in enumerate(members)
    ]
    listed = contributions.columns.tolist()  # an index gives one label at a time far more slowly
    meanings = [columns[name] for name in listed]
    wording = [worded_as(column, columns) for column in meanings]
    places = {name: at for at, name in enumerate(values.columns)}
    own = values.to_numpy(dtype=object)[:, [places[column.name] for column in wording]].T
    names = [tuple(listed[place] for place in at) for at in members]
    kept = len(members) if most is None else min(most, len(members))
    reasons = []
    for row, order in enumerate(np.argsort(-np.abs(totals), axis=1, kind="stable")):
        lines, moment = [], None if as_of is None else as_of[row]
        for group in order[:kept]:
            at = leading[group][row]
            text = wording[at].format(own[at][row], moment)
            lines.append(Reason(text, float(totals[row, group]), meanings[at].family, names[group]))
        if kept < len(members):
            rest = 0.0
            for group in np.sort(order[kept:]):
                rest += float(totals[row, group])
            lines.append(Reason(smaller_reasons(len(members) - kept), rest, None, ()))
        reasons.append(lines)
    return reasons


def column_groups(names: Iterable[str], columns: Mapping[str, FeatureColumn]) -> dict[str, list[int]]:
    """The places of the columns that share one line.

    Measures of one behaviour do. A rule of a sheet joins them if it is about the same events, or about an attribute that is
    a feature: a model that starts from a sheet often takes with one what it gives with the other, and people would read
    that webinars are good and, a line below, that they are bad.
    """
    names = [str(name) for name in names]
    features = {name: name.split("__")[0] for name in names if not name.startswith(RULE)}
    by_subject: dict[str, str] = {}
    for name, group in features.items():
        condition = columns[name].condition
        by_subject.setdefault(condition, group)
        by_subject.setdefault(f"feature.{name}", group)
        if value := condition.partition(" AND ")[2]:  # a page, whatever type of event is about it
            by_subject.setdefault(value, group)
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        group = features.get(name) or by_subject.get(columns[name].condition, name)
        groups.setdefault(group, []).append(at)
    return groups


def worded_as(column: FeatureColumn, columns: Mapping[str, FeatureColumn]) -> FeatureColumn:
    """The column whose value people read in place of this one's: mostly itself."""
    return columns.get(column.shown_as, column)


def smaller_reasons(count: int) -> str:
    """The last line, for all reasons that have none of their own."""
    return f"{count} smaller reason{'s' * (count != 1)}"


def reasons_text(reasons: Sequence[Reason], most: int = 3) -> str:
    """One line for a CRM: the strongest reasons with their sign; those that round to zero are left out.

    >>> reasons_text([Reason("Viewed the Directions page 3 times in 30 days", 14.2, "behavioural", ("n",))])
    'Viewed the Directions page 3 times in 30 days: +14'
    """
    shown = [reason for reason in reasons if reason.columns and abs(reason.points) > LEAST_SHOWN][:most]
    return "; ".join(f"{reason.text}: {reason.points:+.0f}" for reason in shown)


def family_points(contributions: pd.DataFrame, columns: Mapping[str, FeatureColumn]) -> pd.DataFrame:
    """Fit (demographic + firmographic) and engagement (behavioural) points, one row per row of contributions."""
    values = contributions.to_numpy()
    totals = {side: np.zeros(len(values)) for side in ("fit", "engagement")}
    # One after another, so that a row has the same sum in whatever table it stands.
    for at, name in enumerate(contributions.columns):
        totals["engagement" if columns[name].family == "behavioural" else "fit"] += values[:, at]
    return pd.DataFrame(totals, index=contributions.index)


# Ten points double the odds: A and 4 are the leads whose side alone raises the odds by half, D and 1 halve them.
_CUTS = (6.0, 0.0, -10.0)


def model_grades(points: pd.DataFrame, families: Iterable[Family]) -> pd.Series:
    """Grade A1–D4 of the model's own fit and engagement points.

    ``families`` are those of the columns that the points are of. A side that has none is zero for every lead, and a grade
    of it would mean nothing: A to D alone without engagement, 4 to 1 alone without fit, missing without either.
    """
    sides = {"engagement" if family == "behavioural" else "fit" for family in families}
    grades = np.full(len(points), "", dtype="U2")
    if "fit" in sides:
        grades = np.char.add(grades, np.array(list("DCBA"))[_band(points["fit"])])
    if "engagement" in sides:
        grades = np.char.add(grades, np.array(list("1234"))[_band(points["engagement"])])
    return pd.Series(grades, index=points.index, dtype="str").replace("", None)


def _band(points: pd.Series) -> np.ndarray:
    return sum((points.to_numpy() >= cut - 1e-9).astype(int) for cut in _CUTS)  # type: ignore[return-value]
