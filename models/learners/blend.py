"""The parts of a model blended: non-negative weights of their log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from leadlens.models.statistics import summed_log_loss

Floats = NDArray[np.float64]
_STRENGTH = 30.0  # information that moves the weights halfway from equal ones


def blend_weights(
    margins: Floats,
    y: ArrayLike,
    fold: NDArray[np.intp],
    strength: float = _STRENGTH,
    weight: Floats | None = None,
) -> Floats:
    """Weights ``w >= 0`` that fit ``margins @ w`` to rows that the parts were not fitted on.

    Every fold has an intercept of its own, so that drift of the base rate is not mistaken for signal. A ridge
    of ``strength`` pulls to equal weights that sum to one; as their sum is free, it is the slope of the
    calibration too.

    Parameters
    ----------
    margins : out-of-fold log-odds, one column per part.
    fold : 0, 1, … of each row.
    weight : of each row, 1 by default.
    """
    label, parts, folds = np.asarray(y, dtype=float), margins.shape[1], int(fold.max()) + 1
    even, mass = np.full(parts, 1.0 / parts), len(label) if weight is None else weight.sum()

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = margins @ theta[:parts] + theta[parts:][fold]
        value, miss = summed_log_loss(label, margin, weight)
        away = theta[:parts] - even
        value += 0.5 * strength * away @ away
        slope = np.append(
            margins.T @ miss + strength * away, np.bincount(fold, weights=miss, minlength=folds)
        )
        return value / mass, slope / mass

    bounds: list[Any] = [(0.0, None)] * parts + [(None, None)] * folds
    result = minimize(loss, np.append(even, np.zeros(folds)), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(result.x[:parts], dtype=np.float64)
