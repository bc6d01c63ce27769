"""The statistics that rules, model, judging and audit share, each in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.90
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # two-sided, for every interval that names no other


def expit(log_odds: ArrayLike) -> Floats:
    """Probability of these log-odds, without overflow.

    >>> expit([0.0, 800.0]).tolist()
    [0.5, 1.0]
    """
    # scipy.special.expit differs in the last bit; the optimizers turn that into 1e-11 points of a retrained score.
    return np.exp(-np.logaddexp(0.0, -np.asarray(log_odds, dtype=np.float64)))


def logit(probability: ArrayLike, edge: float = 1e-12) -> Floats:
    """Log-odds of probabilities, pulled in by ``edge`` so that those of 0 and 1 stay finite."""
    from scipy import special  # takes a fifth of a second to import

    return np.asarray(special.logit(np.clip(probability, edge, 1 - edge)), dtype=np.float64)


def log_odds(rate: float, rows: float = math.inf) -> float:
    """Log-odds of an observed rate; a rate of 0 or 1 is taken half a row of ``rows`` away from the edge.

    >>> log_odds(0.5), round(log_odds(0.0, rows=100), 2)
    (0.0, -5.29)
    """
    edge = 0.5 / rows
    inside = min(max(rate, edge), 1.0 - edge)
    return math.log(inside / (1.0 - inside))


def log_loss(label: ArrayLike, margin: ArrayLike) -> Floats:
    """Negative log-likelihood in nats, per row, of labels 0 / 1 at these log-odds."""
    line = np.asarray(margin, dtype=np.float64)
    return np.asarray(np.logaddexp(0.0, line) - np.asarray(label, dtype=np.float64) * line)


def log_loss_of(label: ArrayLike, probability: ArrayLike, edge: float = float(np.finfo(float).eps)) -> Floats:
    """The same of probabilities, which are pulled in by ``edge`` (scikit-learn's by default)."""
    y, p = np.asarray(label, dtype=np.float64), np.clip(probability, edge, 1 - edge)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def summed_log_loss(label: Floats, margin: Floats, weight: Floats | None = None) -> tuple[float, Floats]:
    """The log loss over all rows and its slope per row: what gradient methods minimise."""
    if weight is None:
        return np.logaddexp(0.0, margin).sum() - label @ margin, expit(margin) - label
    return (weight * log_loss(label, margin)).sum(), weight * (expit(margin) - label)


def weighted_mean(values: Floats, weight: Floats | None = None) -> float:
    """The mean, of weighted rows where weights are given.

    >>> weighted_mean(np.array([0.0, 1.0])), weighted_mean(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    (0.5, 0.25)
    """
    if weight is None:
        return float(values.mean())
    # Not `@`: on a busy machine BLAS threads wait on each other for longer than this product takes.
    return float((values * weight).sum() / weight.sum())


def weighted_quantile(
    values: Floats, shares: Sequence[float] | Floats, weight: Floats | None = None
) -> Floats:
    """Quantiles of known values; a row of weight 3 counts as three equal rows.

    >>> weighted_quantile(np.array([1.0, 2.0, 9.0]), [0.5, 1.0], np.array([1.0, 3.0, 1.0])).tolist()
    [2.0, 9.0]
    """
    if weight is None:
        return np.asarray(np.quantile(values, shares))
    order = np.argsort(values, kind="stable")
    ranked, below = values[order], np.cumsum(weight[order])
    place = np.asarray(shares, dtype=np.float64) * max(below[-1] - 1, 0.0)
    low, high = (
        ranked[np.minimum(np.searchsorted(below, at, side="right"), len(ranked) - 1)]
        for at in (np.floor(place), np.floor(place) + 1)
    )
    return np.asarray(low + (high - low) * (place - np.floor(place)))


class Ranking:
    """Labels in order of their scores, sorted once so that many weightings of the rows cost little.

    Parameters
    ----------
    label : 0 or 1 per row (at least one row).
    score : highest first; rows with equal scores stay together, unknown scores come last.
    """

    def __init__(self, label: ArrayLike, score: ArrayLike) -> None:
        known = np.asarray(score, dtype=np.float64)
        known = np.where(np.isnan(known), -np.inf, known)
        self._order = np.argsort(-known, kind="stable")
        ranked = known[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._label = np.asarray(label, dtype=np.float64)[self._order]

    def tallies(self, weight: Floats | None = None) -> tuple[Floats, Floats]:
        """Rows with label 1 and with label 0, per group of equal scores."""
        total = np.ones_like(self._label) if weight is None else weight[self._order]
        ones = np.add.reduceat(total * self._label, self._starts)
        return ones, np.add.reduceat(total, self._starts) - ones

    def roc_auc(self, weight: Floats | None = None) -> float:
        """Chance that a row with label 1 ranks above one with label 0; a tie counts one half."""
        ones, zeros = self.tallies(weight)
        above = np.cumsum(ones) - ones
        return ratio((zeros * (above + ones / 2)).sum(), ones.sum() * zeros.sum())


def roc_auc(label: ArrayLike, score: ArrayLike, weight: Floats | None = None) -> float:
    """ROC AUC of scores, unknown ones ranked lowest; NaN where there is one class only.

    >>> roc_auc([0, 1, 0, 1], [0.1, 0.3, 0.4, 0.8])
    0.75
    """
    return Ranking(label, score).roc_auc(weight) if np.size(label) else math.nan


def ratio(above: float, below: float) -> float:
    """A quotient, NaN where there is nothing to divide by."""
    return float(above / below) if below > 0 else math.nan


def wilson(successes: ArrayLike, count: ArrayLike, z: float = Z) -> tuple[Floats, Floats]:
    """The Wilson score interval (90 % by default) of a share; (0, 1) where nothing was counted.

    >>> low, high = wilson(5, 50)
    >>> round(float(low), 3), round(float(high), 3)
    (0.05, 0.192)
    """
    k, n = np.asarray(successes, np.float64), np.asarray(count, np.float64)
    safe = np.maximum(n, 1)
    share = k / safe
    middle = (share + z**2 / (2 * safe)) / (1 + z**2 / safe)
    half = z / (1 + z**2 / safe) * np.sqrt(share * (1 - share) / safe + z**2 / (4 * safe**2))
    low = np.where(k == 0, 0.0, np.maximum(middle - half, 0))
    high = np.where(k == n, 1.0, np.minimum(middle + half, 1))
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def newton(
    loss: Callable[[Floats], float],
    derivatives: Callable[[Floats], tuple[Floats, Any]],
    start: Floats,
    *,
    tolerance: float,
    slack: float = 0.0,
    rounds: int = 100,
) -> Floats:
    """Minimise a convex function by Newton steps, each halved until it raises the loss by no more than ``slack``.

    ``derivatives`` gives gradient and Hessian. It ends with the first step below ``tolerance``.

    >>> newton(lambda x: float(x @ x), lambda x: (2 * x, 2 * np.eye(1)), np.ones(1), tolerance=1e-9).tolist()
    [0.0]
    """
    at, lowest = start, loss(start)
    for _ in range(rounds):
        gradient, hessian = derivatives(at)
        step, size, now = np.linalg.solve(hessian, -gradient), 1.0, math.inf
        while size > 1e-6 and not (now := loss(at + size * step)) <= lowest + slack:
            size /= 2
        if size <= 1e-6:
            break
        at, lowest = at + size * step, now
        if np.abs(size * step).max() < tolerance:
            break
    return at
