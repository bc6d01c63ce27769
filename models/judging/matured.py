"""What became of scores that were written some time ago: expected against observed, and did the ranking hold?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from leadlens.models.judging.bands import BANDS
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.metrics import Measured, equal_count_bins
from leadlens.models.judging.signal import RankingTest, ranking_test
from leadlens.models.scale import shown_score
from leadlens.models.statistics import Z, wilson

FEWEST = 10  # conversions that a ranking is judged by
_BINS = 5


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A fifth of the leads by probability: what was expected of them, and the share that converted with its interval."""

    leads: int
    expected: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Matured:
    """Scores whose horizon is over, one per lead.

    Attributes
    ----------
    expected, low, high : conversions that the probabilities add up to, with the 90 % interval that chance allows.
    observed : those that came. z : how far off, in standard deviations of chance.
    ranking : whether those that converted ranked higher; ``None`` of fewer than ten conversions, as the figures are.
    roc_auc, average_precision : value and 90 % interval.
    """

    leads: int
    expected: float
    low: float
    high: float
    observed: int
    z: float
    ranking: RankingTest | None
    roc_auc: tuple[float, float, float] | None
    average_precision: tuple[float, float, float] | None
    bins: tuple[Bin, ...]

    @property
    def times(self) -> float:
        """Observed over expected; half a conversion is added to both, so that none is no infinity."""
        return (self.observed + 0.5) / (self.expected + 0.5)


def judge_matured(probability: ArrayLike, converted: ArrayLike) -> Matured:
    """One row per lead: what was said of it, and whether it converted within the horizon.

    >>> found = judge_matured([0.5] * 100, [1] * 50 + [0] * 50)
    >>> found.expected, found.observed, found.z
    (50.0, 50, 0.0)
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(converted, dtype=np.float64)
    expected, spread, observed = float(p.sum()), math.sqrt(float((p * (1 - p)).sum())), int(y.sum())
    enough = min(observed, len(y) - observed) >= FEWEST
    return Matured(
        leads=len(p),
        expected=expected,
        low=max(0.0, expected - Z * spread),
        high=expected + Z * spread,
        observed=observed,
        z=(observed - expected) / spread if spread > 0 else 0.0,
        ranking=ranking_test(y, p, np.arange(len(p))) if enough else None,
        bins=tuple(_bins(p, y)) if len(p) else (),
        **(_ranked(p, y) if enough else {"roc_auc": None, "average_precision": None}),
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the leads of a band of scores: how many converted, of how many that were expected, with the interval of the share."""

    band: str
    leads: int
    expected: float
    converted: int
    rate: float
    low: float
    high: float


def outcomes_by_band(score: ArrayLike, probability: ArrayLike, converted: ArrayLike) -> list[Outcome]:
    """By band of the shown score, the highest first; bands without leads are left out.

    >>> [(each.band, each.leads, each.converted) for each in outcomes_by_band([12, 64, 68], [0.02, 0.2, 0.3], [0, 0, 1])]
    [('60–69', 2, 1), ('10–19', 1, 0)]
    """
    band = np.asarray(shown_score(score)) // 10
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(converted, dtype=np.float64)
    found = []
    for each in np.unique(band)[::-1]:
        of = band == each
        leads, count = int(of.sum()), int(y[of].sum())
        low, high = wilson(count, leads)
        found.append(
            Outcome(
                band=BANDS[each],
                leads=leads,
                expected=float(p[of].sum()),
                converted=count,
                rate=count / leads,
                low=float(low),
                high=float(high),
            )
        )
    return found


def _ranked(p: np.ndarray, y: np.ndarray) -> dict[str, tuple[float, float, float]]:
    measured, names = Measured(y, p), ("roc_auc", "average_precision")

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        return {name: float(getattr(measured, name)(weight)) for name in names}

    value, interval = figures(None), cluster_bootstrap(figures, np.arange(len(p)))
    return {name: (value[name], *interval[name]) for name in names}


def _bins(p: np.ndarray, y: np.ndarray) -> list[Bin]:
    number, found = equal_count_bins(p, _BINS), []
    for each in np.unique(number):
        of = number == each
        low, high = wilson(y[of].sum(), of.sum())
        found.append(
            Bin(
                leads=int(of.sum()),
                expected=float(p[of].mean()),
                observed=float(y[of].mean()),
                low=float(low),
                high=float(high),
            )
        )
    return found
