"""The common scale: log-odds ↔ points. Fifty is the average lead, ten points double the odds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS_PER_LOG_ODDS = 10.0 / math.log(2.0)
AVERAGE_SCORE = 50.0
LOWEST_SHOWN, HIGHEST_SHOWN = 1, 99


def score(log_odds: ArrayLike, average_log_odds: float) -> NDArray[np.float64]:
    """The unrounded score, ``50 + 10 * log2(odds / average odds)``.

    >>> score([0.0, math.log(2.0)], average_log_odds=0.0).tolist()
    [50.0, 60.0]
    """
    return AVERAGE_SCORE + POINTS_PER_LOG_ODDS * (np.asarray(log_odds, dtype=np.float64) - average_log_odds)


def log_odds_of(unrounded: ArrayLike, average_log_odds: float) -> NDArray[np.float64]:
    """The inverse of ``score``.

    >>> log_odds_of([50.0, 60.0], average_log_odds=0.0).round(4).tolist()
    [0.0, 0.6931]
    """
    above = np.asarray(unrounded, dtype=np.float64) - AVERAGE_SCORE
    return average_log_odds + above / POINTS_PER_LOG_ODDS


def shown_score(unrounded: ArrayLike) -> NDArray[np.int64]:
    """What people see everywhere: whole points from 1 to 99, so that a score never looks like an outcome.

    A half goes to the even number, as in every ``lead_scores`` table written so far.

    >>> shown_score([-20.0, 49.5, 50.5, 130.0]).tolist()
    [1, 50, 50, 99]
    """
    return np.clip(np.rint(np.asarray(unrounded, dtype=np.float64)), LOWEST_SHOWN, HIGHEST_SHOWN).astype(
        np.int64
    )
