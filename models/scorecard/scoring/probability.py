"""What a sheet's points mean as a probability: one line through the log-odds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadlens.models.statistics import expit, log_loss, newton

Floats = NDArray[np.float64]
_FLATTEST = 1e-6  # log-odds per standard deviation of points: flat to the eye, and still in the points' order


class PointsCalibration(NamedTuple):
    """``log-odds = a + b * points`` with ``b > 0``, so that more points never mean less.

    A ledger line of p points is worth ``b * p`` log-odds, so the ledger stays exact on this scale too.
    """

    a: float
    b: float

    def log_odds(self, points: ArrayLike) -> Floats:
        return self.a + self.b * np.asarray(points, dtype=np.float64)

    def probability(self, points: ArrayLike) -> Floats:
        return expit(self.log_odds(points))

    def as_dict(self) -> dict[str, float]:
        """For JSON; ``PointsCalibration(**…)`` brings it back."""
        return self._asdict()


def calibrate_points(
    points: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> PointsCalibration:
    """Fit ``a`` and ``b`` by weighted logistic regression on the sheet's total points.

    The slope carries a unit-normal prior per standard deviation of the points (one lead's worth of doubt),
    so that points which separate the labels perfectly stay finite; the mean probability is the observed rate.
    Points that rank leads the wrong way, or not at all, get a slope just above zero. With one class only, or
    no rows, the rate is taken half a lead away from the edge.

    Parameters
    ----------
    points : total points, one per row.
    label : 0 or 1; rows with a missing label or points are left out.
    weight : weight of each row, 1 by default.

    >>> fitted = calibrate_points([0, 0, 10, 10, 20, 20], [0, 0, 0, 1, 1, 1])
    >>> bool(fitted.b > 0), fitted.probability([0, 10, 20]).round(2).tolist()
    (True, [0.22, 0.5, 0.78])
    """
    x, y = np.asarray(points, dtype=np.float64), np.asarray(label, dtype=np.float64)
    w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
    kept = np.isfinite(x) & np.isfinite(y) & (w > 0)
    x, y, w = x[kept], y[kept], w[kept]
    mass = float(w.sum())
    mean = float(w @ x / mass) if mass else 0.0
    spread = float(np.sqrt(w @ (x - mean) ** 2 / mass)) if mass else 0.0
    spread = spread if spread > 1e-12 * max(1.0, abs(mean)) else 1.0
    positives = float(w @ y)
    half = 0.0 if 0 < positives < mass else 0.5
    rate = float(np.log((positives + half) / (mass - positives + half)))
    intercept, slope = (rate, 0.0) if half else _fit((x - mean) / spread, y, w, rate)
    if slope < _FLATTEST:
        intercept, slope = rate, _FLATTEST
    return PointsCalibration(intercept - slope * mean / spread, slope / spread)


def _fit(z: Floats, y: Floats, w: Floats, start: float) -> tuple[float, float]:
    """Intercept and slope that minimise the weighted log loss + slope² / 2."""

    def loss(theta: Floats) -> float:
        return float(w @ log_loss(y, theta[0] + theta[1] * z) + theta[1] ** 2 / 2)

    # Two columns written out: a design matrix rounds otherwise, and models are trained on top of this line.
    def derivatives(theta: Floats) -> tuple[Floats, Any]:
        p = expit(theta[0] + theta[1] * z)
        miss, curve = w * (p - y), w * p * (1 - p)
        hessian = np.array([[curve.sum(), curve @ z], [curve @ z, curve @ z**2 + 1.0]])
        return np.array([miss.sum(), miss @ z + theta[1]]), hessian + 1e-12 * np.eye(2)

    intercept, slope = newton(loss, derivatives, np.array([start, 0.0]), tolerance=1e-10)
    return float(intercept), float(slope)
