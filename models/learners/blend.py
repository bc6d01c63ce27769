"""Parts of a model put together: weights of their log-odds, none of them negative."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from models.statistics import summed_log_loss

Floats = NDArray[np.float64]
_STRENGTH = 30.0  # how much information it takes to move the weights halfway from even shares


def blend_weights(
    margins: Floats, y: ArrayLike, fold: NDArray[np.intp], strength: float = _STRENGTH
) -> Floats:
    """Weights ``w >= 0`` that make ``margins @ w`` fit rows their parts have not seen.

    Every fold has a level of its own, so that drift of the base rate is not mistaken for signal. A ridge of
    ``strength`` pulls to even shares that sum to one; as the weights are free to sum to less or more, they
    are the slope of the calibration too.

    Parameters
    ----------
    margins : out-of-fold log-odds, one column per part.
    fold : 0, 1, … of each row.
    """
    label, parts, folds = np.asarray(y, dtype=float), margins.shape[1], int(fold.max()) + 1
    even = np.full(parts, 1.0 / parts)

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = margins @ theta[:parts] + theta[parts:][fold]
        value, miss = summed_log_loss(label, margin)
        away = theta[:parts] - even
        value += 0.5 * strength * away @ away
        slope = np.append(
            margins.T @ miss + strength * away, np.bincount(fold, weights=miss, minlength=folds)
        )
        return value / len(label), slope / len(label)

    bounds: list[Any] = [(0.0, None)] * parts + [(None, None)] * folds
    found = minimize(loss, np.append(even, np.zeros(folds)), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:parts], dtype=np.float64)
