"""A small ridge logistic regression whose intervals stay valid when a lead has several rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlens.models.statistics import expit, log_loss, logit, newton

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
    sandwich summed over ``cluster`` (Liang & Zeger 1986), which does not assume a lead's rows independent.
    """
    design = np.column_stack([np.ones(len(y)), x])
    precision = np.diag(np.r_[0.0, np.full(x.shape[1], prior_sd**-2.0)])

    def loss(beta: Floats) -> float:
        return float(log_loss(y, design @ beta).sum() + beta @ precision @ beta / 2)

    def derivatives(beta: Floats) -> tuple[Floats, Any]:
        p = expit(design @ beta)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + precision
        return design.T @ (p - y) + precision @ beta, curvature

    start = np.r_[logit(y.mean(), edge=1e-6), np.zeros(x.shape[1])]
    beta = newton(loss, derivatives, start, tolerance=1e-8, slack=1e-12, rounds=steps)
    p = expit(design @ beta)
    inverse = np.linalg.inv(derivatives(beta)[1])
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0])
    by_cluster = np.add.reduceat((design * (y - p)[:, None])[order], starts)
    sandwich = inverse @ (by_cluster.T @ by_cluster + precision) @ inverse
    wider = np.diag(np.maximum(np.diag(inverse), np.diag(sandwich)) - np.diag(inverse))
    return RidgeFit(beta[1:], (inverse + wider)[1:, 1:])
