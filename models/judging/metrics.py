"""The five figures of merit, each with optional row weights; equal to scikit-learn's where it has them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    """Outcomes seen through one lens, sorted once so that many weightings of the rows cost little.

    Parameters
    ----------
    label : 0 or 1 per row.
    probability : what the lens claims per row.
    rank : the order in which it would call the rows, highest first; ``probability`` by default.

    >>> seen = Measured([0, 1, 0, 1], [0.1, 0.3, 0.4, 0.8])
    >>> float(seen.roc_auc())
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
        hits, misses = self._by_rank(weight)
        above = np.cumsum(hits) - hits
        return _ratio((misses * (above + hits / 2)).sum(), hits.sum() * misses.sum())

    def average_precision(self, weight: NDArray[np.float64] | None = None) -> float:
        """Mean precision over the conversions, tied rows entering together (no interpolation)."""
        hits, misses = self._by_rank(weight)
        found, called = np.cumsum(hits), np.cumsum(hits + misses)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        return _ratio((hits * precision).sum(), hits.sum())

    def log_loss(self, weight: NDArray[np.float64] | None = None) -> float:
        """Mean surprise in nats; a coin has 0.693."""
        return weighted_mean(self._surprise, weight)

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

    def found_at(self, share: float, weight: NDArray[np.float64] | None = None) -> float:
        """Share of all conversions among the first ``share`` of the rows, expected over the order of ties."""
        hits, misses = self._by_rank(weight)
        called, found = np.cumsum(hits + misses), np.cumsum(hits)
        at = np.interp(share * called[-1], np.r_[0.0, called], np.r_[0.0, found])
        return _ratio(at, found[-1])

    def _by_rank(self, weight: NDArray[np.float64] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        order, starts = self._order
        y = self._label_ranked
        hits = y if weight is None else weight[order] * y
        total = np.ones_like(y) if weight is None else weight[order]
        by_group = np.add.reduceat(hits, starts)
        return by_group, np.add.reduceat(total, starts) - by_group

    @cached_property
    def _order(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        order = np.argsort(-self.rank, kind="stable")
        ranked = self.rank[order]
        return order, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    @cached_property
    def _label_ranked(self) -> NDArray[np.float64]:
        return self.label[self._order[0]]

    @cached_property
    def _surprise(self) -> NDArray[np.float64]:
        eps = np.finfo(np.float64).eps
        p = np.clip(self.probability, eps, 1 - eps)
        return -(self.label * np.log(p) + (1 - self.label) * np.log1p(-p))

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


def weighted_mean(values: NDArray[np.float64], weight: NDArray[np.float64] | None) -> float:
    """The mean, of weighted rows where weights are given."""
    if weight is None:
        return float(values.mean())
    # Not `@`: on a busy machine BLAS threads wait on each other for longer than this product takes.
    return float((values * weight).sum() / weight.sum())


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")
