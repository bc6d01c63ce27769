"""The five figures of merit, each with optional row weights; equal to scikit-learn's where it has them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadlens.models.statistics import Ranking, log_loss_of, ratio, weighted_mean

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "ece")
HIGHER_IS_BETTER = {
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
    "ece": False,
}
ECE_BINS = 10


class Measured:
    """Outcomes under one lens, sorted once so that many weightings of the rows cost little.

    Parameters
    ----------
    label : 0 or 1 per row.
    probability : predicted by the lens, per row.
    rank : the order in which to call the rows, highest first; ``probability`` by default.

    >>> Measured([0, 1, 0, 1], [0.1, 0.3, 0.4, 0.8]).roc_auc()
    0.75
    """

    def __init__(self, label: ArrayLike, probability: ArrayLike, rank: ArrayLike | None = None) -> None:
        self.label = np.asarray(label, np.float64)
        self.probability = np.asarray(probability, np.float64)
        self.rank = self.probability if rank is None else np.asarray(rank, np.float64)

    def all(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Every metric in ``METRICS``."""
        return {name: float(getattr(self, name)(weight)) for name in METRICS}

    def roc_auc(self, weight: NDArray[np.float64] | None = None) -> float:
        """Chance that a converting lead ranks above one that does not; a tie counts one half."""
        return self._ranking.roc_auc(weight)

    def average_precision(self, weight: NDArray[np.float64] | None = None) -> float:
        """Mean precision over the conversions, tied rows entering together (no interpolation)."""
        converted, others = self._ranking.tallies(weight)
        found, called = np.cumsum(converted), np.cumsum(converted + others)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        return ratio((converted * precision).sum(), converted.sum())

    def log_loss(self, weight: NDArray[np.float64] | None = None) -> float:
        """Mean negative log-likelihood in nats; a coin has 0.693."""
        return weighted_mean(self._log_losses, weight)

    def brier(self, weight: NDArray[np.float64] | None = None) -> float:
        """Mean squared gap between probability and outcome."""
        return weighted_mean(self._squared_gap, weight)

    def ece(self, weight: NDArray[np.float64] | None = None) -> float:
        """Expected calibration error over ten equal-count bins of the probability.

        Rows with equal probability always share a bin, so the order of the rows does not matter. Under
        weights the bins stay where the unweighted rows put them.
        """
        gap = self.probability - self.label
        per_bin = np.bincount(self._bin, gap if weight is None else gap * weight, ECE_BINS)
        return float(np.abs(per_bin).sum() / (len(gap) if weight is None else weight.sum()))

    @cached_property
    def _ranking(self) -> Ranking:
        return Ranking(self.label, self.rank)

    @cached_property
    def _log_losses(self) -> NDArray[np.float64]:
        return log_loss_of(self.label, self.probability)

    @cached_property
    def _squared_gap(self) -> NDArray[np.float64]:
        return (self.probability - self.label) ** 2

    @cached_property
    def _bin(self) -> NDArray[np.intp]:
        return equal_count_bins(self.probability, ECE_BINS)


def equal_count_bins(values: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """Bin number 0..bins-1 per value, from low to high; equal values share the bin of their middle rank."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    return np.minimum((bins * middle / len(values)).astype(np.intp), bins - 1)[group]
