"""What each threshold of the score would bring: leads above it, conversions among them, precision; by leads, not snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from leadlens.models.judging.calls import reached
from leadlens.models.judging.lenses import Judged, JudgedRows, average_log_odds, without_times
from leadlens.models.scale import log_odds_of, shown_score
from leadlens.models.statistics import expit, wilson

STEPS = tuple(range(10, 100, 5))


def more_above(table: pd.DataFrame) -> str | None:
    """What to say where a higher threshold catches more conversions than a lower one, which looks like an error; else ``None``."""
    for _, of_lens in table.groupby("lens", sort=False):
        lower = of_lens.sort_values("threshold")["conversions"].to_numpy()
        if (lower[1:] > lower[:-1]).any():
            return (
                "A higher score can catch more conversions than a lower one: leads reach it later, and a conversion counts only within "
                "the horizon after the snapshot that reaches it."
            )
    return None


def thresholds(judged: JudgedRows) -> pd.DataFrame:
    """Per lens and threshold of the shown score, the lowest first; those that every lead or none reaches are left out.

    A lead is above a threshold from its first snapshot that reaches it, and is a hit if a conversion follows that snapshot: one that comes
    above too early or too late is none.

    Returns
    -------
    lens, threshold, probability (for which the threshold stands), leads, share_of_leads, conversions, share_of_conversions (of all
    leads that convert), precision (conversions / leads), low, high (its 90 % interval).
    """
    rows, average = [], average_log_odds(judged.model.probability, judged.model.score)
    converted = float(judged.converted.sum())
    for lens in judged.lenses:
        score = shown_score(lens.score)
        for threshold in STEPS:
            first = reached(judged, score >= threshold)
            above = first >= 0
            leads, found = int(above.sum()), int(judged.label[first[above]].sum())
            if not 0 < leads < judged.leads:
                continue
            low, high = wilson(found, leads)
            rows.append(
                {
                    "lens": lens.name,
                    "threshold": threshold,
                    # a score is shown as so many points from half a point below on
                    "probability": float(expit(log_odds_of(threshold - 0.5, average))),
                    "leads": leads,
                    "share_of_leads": leads / judged.leads,
                    "conversions": found,
                    "share_of_conversions": found / converted,
                    "precision": found / leads,
                    "low": float(np.ravel(low)[0]),
                    "high": float(np.ravel(high)[0]),
                }
            )
    names = [
        "lens",
        "threshold",
        "probability",
        "leads",
        "share_of_leads",
        "conversions",
        "share_of_conversions",
        "precision",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=names)


def point_thresholds(
    judged: pd.DataFrame, *, dated: bool = True, most: int = 40, also: Sequence[float] = ()
) -> pd.DataFrame:
    """What a threshold of the sheet's own points would bring, the lowest first, in steps that people would choose.

    Counted as in :func:`thresholds`; disqualified leads are above none. ``also``: points that are in it whatever the steps are, such as
    the sheet's own thresholds.

    Returns
    -------
    points, leads, share_of_leads, conversions, precision, low, high.
    """
    rows = Judged.of(judged if dated else without_times(judged))
    points = rows.frame["rule_points"].to_numpy(dtype=float)
    points = np.where(rows.frame["disqualified"].to_numpy(bool), -np.inf, points)
    finite = points[np.isfinite(points)]
    table: list[tuple[float, int, float, int, float, float, float]] = []
    for cut in sorted({*_steps(finite, most), *map(float, also)}):
        first = reached(rows, points >= cut)
        above = first >= 0
        leads, found = int(above.sum()), int(rows.label[first[above]].sum())
        if not 0 < leads < rows.leads:
            continue
        low, high = wilson(found, leads)
        bounds = (float(np.ravel(low)[0]), float(np.ravel(high)[0]))
        if table and table[-1][1:4:2] == (leads, found) and table[-1][0] not in also:
            table.pop()  # the same leads: the highest points that bring them stand for all
        table.append((cut, leads, leads / rows.leads, found, found / leads, *bounds))
    names = ["points", "leads", "share_of_leads", "conversions", "precision", "low", "high"]
    return pd.DataFrame(table, columns=names)


def _steps(points: np.ndarray, most: int) -> list[float]:
    """Multiples of 1, 2, 5, 10 … between the smallest and the largest, at most so many.

    >>> _steps(np.array([0.0, 97.0]), 12)
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
    """
    if not len(points):
        return []
    low, high = float(points.min()), float(points.max())
    step = next(
        size * 10.0**power
        for power in range(-2, 300)
        for size in (1, 2, 5)
        if (high - low) / (size * 10.0**power) < most
    )
    first, last = np.ceil(low / step), np.floor(high / step)
    return [float(round(at * step, 6)) for at in np.arange(first, last + 1)]
