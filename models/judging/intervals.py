"""Confidence intervals of figures: the bootstrap over leads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from leadlens.models.statistics import CONFIDENCE

Figures = Mapping[str, float]


def cluster_bootstrap(
    figures: Callable[[NDArray[np.float64]], Figures],
    lead: NDArray[np.int64],
    *,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """The 90 % percentile interval of every figure, drawing whole leads with replacement.

    The rows of a lead with several snapshots are not independent, so they are drawn together. Drawing is
    done by weights: ``figures(weight)`` gets how often each row was drawn and returns named numbers.
    All figures of one resample share the draw, so a difference among them is paired.
    """
    rng = np.random.default_rng(seed)
    leads = int(lead.max()) + 1
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, leads, leads), minlength=leads).astype(np.float64)
        for name, value in figures(times[lead]).items():
            drawn.setdefault(name, []).append(value)
    return {name: _percentiles(values) for name, values in drawn.items()}


def _percentiles(values: list[float]) -> tuple[float, float]:
    known = np.asarray(values)[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def whole(pair: tuple[float, float]) -> tuple[float, float]:
    """An interval of counts, widened to whole ones, so that it holds 0 as shown exactly if it does as judged.

    >>> whole((0.4, 12.05)), whole((-3.0, 12.0))
    ((0.0, 13.0), (-3.0, 12.0))
    """
    low, high = pair
    return (math.floor(low + 1e-9) + 0.0, math.ceil(high - 1e-9) + 0.0)
