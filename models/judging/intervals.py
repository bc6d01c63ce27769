"""How sure a figure is: bootstrap over leads for the metrics, Wilson's interval for a share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.90

Figures = Mapping[str, float]


def cluster_bootstrap(
    figures: Callable[[NDArray[np.float64]], Figures],
    lead: NDArray[np.int64],
    *,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """The 90 % percentile interval of every figure, drawing whole leads with replacement.

    A lead seen at several moments is one witness, not several, so its rows are drawn together. Drawing is
    done by weights: ``figures(weight)`` gets how often each row was drawn and returns named numbers.
    All figures of one resample see the same draw, so a difference among them is a paired one.
    """
    rng = np.random.default_rng(seed)
    leads = int(lead.max()) + 1
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, leads, leads), minlength=leads).astype(np.float64)
        for name, value in figures(times[lead]).items():
            drawn.setdefault(name, []).append(value)
    return {name: _percentiles(values) for name, values in drawn.items()}


def wilson(hits: ArrayLike, count: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 90 % Wilson score interval of the share ``hits / count``; (0, 1) where nothing was counted.

    >>> low, high = wilson(5, 50)
    >>> round(float(low), 3), round(float(high), 3)
    (0.05, 0.192)
    """
    k, n = np.asarray(hits, np.float64), np.asarray(count, np.float64)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    safe = np.maximum(n, 1)
    share = k / safe
    middle = (share + z**2 / (2 * safe)) / (1 + z**2 / safe)
    half = z / (1 + z**2 / safe) * np.sqrt(share * (1 - share) / safe + z**2 / (4 * safe**2))
    low = np.where(k == 0, 0.0, np.maximum(middle - half, 0))
    high = np.where(k == n, 1.0, np.minimum(middle + half, 1))
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def _percentiles(values: list[float]) -> tuple[float, float]:
    known = np.asarray(values)[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
