"""Affine calibration in log-odds: probabilities are corrected and explanations stay exact.

The slope comes from rows the model has not seen (``leadlens.models.learners.blend``), the shift from the latest mature rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadlens.models.statistics import expit, log_loss, weighted_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AffineCalibration:
    """``calibrated = shift + slope * log_odds`` with ``slope > 0``, so that the order of leads stays."""

    shift: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"the slope must be positive, got {self.slope}")

    def log_odds(self, margin: ArrayLike) -> Floats:
        """Calibrated log-odds."""
        return self.shift + self.slope * np.asarray(margin, dtype=np.float64)

    def apply_to(self, base: float, contributions: Floats) -> float:
        """The base value that with ``contributions``, scaled in place by the slope, sums to the calibrated log-odds.

        >>> parts = np.array([[1.0, 3.0]])
        >>> AffineCalibration(1.0, 0.5).apply_to(2.0, parts), parts
        (2.0, array([[0.5, 1.5]]))
        """
        contributions *= self.slope
        return self.shift + self.slope * base

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``AffineCalibration(**…)`` brings it back."""
        return asdict(self)


def intercept_shift(
    margin: ArrayLike, y: ArrayLike, prior_rows: float = 20.0, weight: Floats | None = None
) -> float:
    """The constant that makes the mean probability the observed rate, shrunk to 0 as by ``prior_rows`` rows.

    >>> round(intercept_shift(np.zeros(100), np.r_[np.ones(75), np.zeros(25)], prior_rows=0), 3)
    1.099
    """
    line, label = np.asarray(margin, dtype=np.float64), np.asarray(y, dtype=np.float64)
    converted = float(label.sum() if weight is None else (weight * label).sum())
    hold, shift = 0.25 * prior_rows, 0.0
    # Not statistics.newton: its line search would double the cost of what tuning calls most.
    for _ in range(100):
        p = expit(line + shift)
        expected = p if weight is None else weight * p
        step = (converted - expected.sum() - hold * shift) / max(float(expected @ (1 - p)) + hold, 1e-9)
        shift += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-10 or abs(shift) > 30:
            break
    return shift


def loss_at_own_intercept(margin: ArrayLike, y: ArrayLike, weight: Floats | None = None) -> float:
    """Log loss with the best intercept: the quality of log-odds apart from the base rate they assume."""
    shift = intercept_shift(margin, y, prior_rows=0.0, weight=weight)
    return weighted_mean(log_loss(y, np.asarray(margin) + shift), weight)
