"""A small ridge logistic regression whose intervals hold when a lead stands in several rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RidgeFit:
    """Coefficients in log-odds and their covariance, without the intercept."""

    coefficient: Floats
    covariance: Floats

    @property
    def error(self) -> Floats:
        """Standard error of each coefficient."""
        return np.sqrt(np.diag(self.covariance))


def ridge_logistic(
    x: Floats, y: Floats, cluster: NDArray[np.int64], prior_sd: float = 1.0, steps: int = 50
) -> RidgeFit:
    """Logistic regression with a normal prior of mean 0 and ``prior_sd`` log-odds on every coefficient.

    The intercept is free. The variance is the larger of two: the model's own (posterior, Laplace), and the
    sandwich summed over ``cluster`` (Liang & Zeger 1986), which does not take a lead's rows for independent.
    """
    design = np.column_stack([np.ones(len(y)), x])
    precision = np.diag(np.r_[0.0, np.full(x.shape[1], prior_sd**-2.0)])
    base = np.clip(y.mean(), 1e-6, 1 - 1e-6)
    beta = np.r_[np.log(base / (1 - base)), np.zeros(x.shape[1])]
    loss = _loss(design, y, beta, precision)
    for _ in range(steps):
        p = _expit(design @ beta)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + precision
        step = np.linalg.solve(curvature, design.T @ (y - p) - precision @ beta)
        beta, loss, moved = _halving(design, y, beta, precision, step, loss)
        if moved < 1e-8:
            break
    p = _expit(design @ beta)
    inverse = np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design + precision)
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0])
    by_cluster = np.add.reduceat((design * (y - p)[:, None])[order], starts)
    sandwich = inverse @ (by_cluster.T @ by_cluster + precision) @ inverse
    wider = np.diag(np.maximum(np.diag(inverse), np.diag(sandwich)) - np.diag(inverse))
    return RidgeFit(beta[1:], (inverse + wider)[1:, 1:])


def _halving(
    design: Floats, y: Floats, beta: Floats, precision: Floats, step: Floats, loss: float
) -> tuple[Floats, float, float]:
    """Take the Newton step, shortened until it does not make things worse."""
    for _ in range(30):
        tried = beta + step
        now = _loss(design, y, tried, precision)
        if now <= loss + 1e-12:
            return tried, now, float(np.abs(step).max())
        step = step / 2
    return beta, loss, 0.0


def _loss(design: Floats, y: Floats, beta: Floats, precision: Floats) -> float:
    z = design @ beta
    return float((np.logaddexp(0, z) - y * z).sum() + beta @ precision @ beta / 2)


def _expit(z: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(z / 2))
