"""Affine calibration in log-odds: a probability is mended and its explanation stays exact.

The slope comes from rows the model has not seen (``models.learners.blend``), the shift from the latest mature rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.statistics import expit, log_loss

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AffineCalibration:
    """``calibrated = shift + slope * log_odds`` with ``slope > 0``, so that no two leads change places."""

    shift: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"the slope must be positive, got {self.slope}")

    def log_odds(self, margin: ArrayLike) -> Floats:
        """Calibrated log-odds."""
        return self.shift + self.slope * np.asarray(margin, dtype=np.float64)

    def fold_into(self, start: float, contributions: Floats) -> tuple[float, Floats]:
        """Start and contributions whose sum is the calibrated log-odds: the slope belongs to every line.

        >>> AffineCalibration(1.0, 0.5).fold_into(2.0, np.array([[1.0, 3.0]]))
        (2.0, array([[0.5, 1.5]]))
        """
        return self.shift + self.slope * start, self.slope * contributions

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``AffineCalibration(**…)`` brings it back."""
        return asdict(self)


def level_shift(margin: ArrayLike, y: ArrayLike, prior_rows: float = 20.0) -> float:
    """The constant that makes the mean probability the observed rate; ``prior_rows`` rows hold it at 0.

    >>> round(level_shift(np.zeros(100), np.r_[np.ones(75), np.zeros(25)], prior_rows=0), 3)
    1.099
    """
    line, hits, hold, shift = np.asarray(margin, dtype=np.float64), float(np.sum(y)), 0.25 * prior_rows, 0.0
    # Not statistics.newton: its line search would double the cost of what tuning calls most.
    for _ in range(100):
        p = expit(line + shift)
        step = (hits - p.sum() - hold * shift) / max(float(p @ (1 - p)) + hold, 1e-9)
        shift += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-10 or abs(shift) > 30:
            break
    return shift


def loss_at_own_level(margin: ArrayLike, y: ArrayLike) -> float:
    """Log loss once the level is right: what log-odds are worth apart from the base rate they were made at."""
    return float(log_loss(y, np.asarray(margin) + level_shift(margin, y, prior_rows=0.0)).mean())
