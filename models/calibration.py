"""Affine calibration in log-odds: a probability is mended and its explanation stays exact."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from models.scale import probability

Floats = NDArray[np.float64]
_FLATTEST = 1e-3
_PRIOR_ROWS = 20.0  # about as many rows hold the line at "no change"


@dataclass(frozen=True)
class AffineCalibration:
    """``calibrated = shift + slope * log_odds`` with ``slope > 0``, so that no two leads change places."""

    shift: float = 0.0
    slope: float = 1.0

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


def calibrate(
    margin: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None, prior_rows: float = _PRIOR_ROWS
) -> AffineCalibration:
    """Fit shift and slope on rows that the model has not seen, held near 0 and 1 by ``prior_rows``.

    With no rows, or one class only, the little evidence moves the shift alone a little.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=20_000)
    >>> found = calibrate(2 * truth + 1, rng.random(20_000) < probability(truth))
    >>> round(found.slope, 1), round(found.shift, 1)
    (0.5, -0.5)
    """
    x, label = np.asarray(margin, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
    rows = max(float(w.sum()), 1.0)
    hold = 0.25 * prior_rows

    def loss(theta: Floats) -> tuple[float, Floats]:
        line = theta[0] + theta[1] * x
        miss = w * (probability(line) - label)
        away = theta - np.array([0.0, 1.0])
        value = w @ (np.logaddexp(0.0, line) - label * line) + 0.5 * hold * away @ away
        return value / rows, (np.array([miss.sum(), miss @ x]) + hold * away) / rows

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (_FLATTEST, None)])
    return AffineCalibration(float(found.x[0]), float(found.x[1]))
