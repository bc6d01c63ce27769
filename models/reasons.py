"""Why this score: contributions in points, gathered by behaviour, told with the lead's own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.columns import Family, FeatureColumn


@dataclass(frozen=True)
class Reason:
    """One line of an explanation.

    ``points`` are on the common scale (10 double the odds); ``columns`` are the features gathered in it.
    """

    text: str
    points: float
    family: Family | None
    columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For the ``reasons`` column of ``lead_scores``."""
        return {"text": self.text, "points": round(self.points, 3), "family": self.family}


def reasons_of(
    contributions: Mapping[str, float], values: Mapping[str, Any], columns: Mapping[str, FeatureColumn]
) -> list[Reason]:
    """All reasons of one row, strongest first; their points sum to the contributions' sum.

    Measures of one behaviour (its count, recency …) stand in one line, told by the strongest of them.
    Contributions of names that are not in ``columns`` (the score sheet as prior) keep lines of their own.
    """
    groups: dict[str, list[str]] = {}
    for name in contributions:
        groups.setdefault(name.split("__")[0] if name in columns else f"\0{name}", []).append(name)
    found = []
    for names in groups.values():
        points = sum(contributions[name] for name in names)
        strongest = max(names, key=lambda name: abs(contributions[name]))
        column = columns.get(strongest)
        if column is None:
            found.append(
                Reason(f"{strongest}: {values.get(strongest, '')}".rstrip(": "), points, None, tuple(names))
            )
        else:
            found.append(Reason(column.say(values.get(strongest)), points, column.family, tuple(names)))
    return sorted(found, key=lambda reason: (-abs(reason.points), reason.text))


def told(reasons: Sequence[Reason], most: int = 3) -> str:
    """One line for a CRM: the strongest reasons with their sign; what rounds to nothing is left out.

    >>> told([Reason("Viewed the Directions page 3 times in 30 days", 14.2, "behavioural", ("n",))])
    'Viewed the Directions page 3 times in 30 days: +14'
    """
    shown = [reason for reason in reasons if abs(reason.points) >= 0.5][:most]
    return "; ".join(f"{reason.text}: {reason.points:+.0f}" for reason in shown)


def family_points(contributions: pd.DataFrame, columns: Mapping[str, FeatureColumn]) -> pd.DataFrame:
    """Fit (demographic + firmographic) and engagement (behavioural) points, one row per row of contributions.

    The sheet's parts as prior, named ``fit_rule_points`` and ``engagement_rule_points``, count to their side.
    """
    side = np.array(
        ["engagement" if _is_engagement(name, columns) else "fit" for name in contributions.columns]
    )
    values = contributions.to_numpy()
    return pd.DataFrame(
        {which: values[:, side == which].sum(axis=1) for which in ("fit", "engagement")},
        index=contributions.index,
    )


def _is_engagement(name: str, columns: Mapping[str, FeatureColumn]) -> bool:
    column = columns.get(name)
    return column.family == "behavioural" if column else name.startswith("engagement")


# Ten points double the odds: A and 4 are the leads whose side alone raises the odds by half, D and 1 halve them.
_CUTS = (6.0, 0.0, -10.0)


def model_grades(points: pd.DataFrame) -> pd.Series:
    """Grade A1–D4 of the model's own fit and engagement points."""
    letters = np.array(list("DCBA"))[_band(points["fit"])]
    digits = np.array(list("1234"))[_band(points["engagement"])]
    return pd.Series(np.char.add(letters, digits), index=points.index)


def _band(points: pd.Series) -> np.ndarray:
    return sum((points.to_numpy() >= cut - 1e-9).astype(int) for cut in _CUTS)  # type: ignore[return-value]
