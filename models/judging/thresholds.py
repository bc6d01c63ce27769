"""What each threshold of the score would bring: leads above it, conversions among them, precision; by leads, not snapshots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.judging.calls import reached
from models.judging.lenses import JudgedRows, average_log_odds
from models.scale import log_odds_of, shown_score
from models.statistics import expit, wilson

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
