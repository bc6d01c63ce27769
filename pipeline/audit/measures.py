"""The few statistics that the probes share: bounds of a share, AUC, how well a column predicts the outcome."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.statistics import log_loss_of, roc_auc, wilson

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Z = 1.96  # 95 % two-sided: thresholds apply to the bound that favours the column
_BINS = 20
_FOLDS = 5


def share_bounds(hits: float, rows: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    >>> [round(bound, 3) for bound in share_bounds(63, 63)]
    [0.943, 1.0]
    """
    low, high = wilson(hits, rows, Z)
    return float(low), float(high)


def odds_ratio(inside: int, inside_hits: int, rows: int, hits: int) -> float:
    """Odds of converting inside over outside, half a lead added to each count so that none is zero.

    >>> round(odds_ratio(53, 53, 399, 53))
    74151
    """
    outside, outside_hits = rows - inside, hits - inside_hits
    within = (inside_hits + 0.5) / (inside - inside_hits + 0.5)
    return within * (outside - outside_hits + 0.5) / (outside_hits + 0.5)


def auc(score: Floats, converted: Flags) -> float:
    """ROC AUC; unknown scores rank lowest. 0.5 with one class only.

    >>> float(auc(np.array([1.0, 2.0, 3.0]), np.array([False, False, True])))
    1.0
    """
    value = roc_auc(converted, score)
    return 0.5 if math.isnan(value) else value


def auc_low(value: float, hits: int, misses: int) -> float:
    """Lower 95 % bound of an AUC (Hanley and McNeil 1982)."""
    if not hits or not misses:
        return 0.0
    q1, q2 = value / (2 - value), 2 * value * value / (1 + value)
    spread = value * (1 - value) + (hits - 1) * (q1 - value**2) + (misses - 1) * (q2 - value**2)
    return value - Z * math.sqrt(max(spread, 0.0) / (hits * misses))


def univariate(values: pd.Series, converted: Flags) -> tuple[float, float]:
    """How well one column alone predicts: (its ROC AUC, the share of the outcome's entropy that it explains).

    Categories are ranked by the conversion rates of other rows (five folds), so that many rare values score no
    better than chance; of a number the best of both directions and its bins counts.
    """
    rate = _cross_fitted_rates(group_codes(values), converted)
    best = auc(rate, converted)
    if _is_number(values):
        number = values.to_numpy(dtype=np.float64, na_value=np.nan)
        both = (auc(number, converted), auc(-number, converted))
        best = max(best, *((value, 1 - value)[value < 0.5] for value in both))
    return best, _entropy_explained(rate, converted)


def group_codes(values: pd.Series) -> NDArray[np.intp]:
    """Rows by value, the unknown as a value of its own; numbers in twenty bins."""
    if _is_number(values) and values.nunique() > _BINS:
        number = values.astype("float64").to_numpy()
        edges = np.unique(np.nanquantile(number, np.linspace(0, 1, _BINS + 1)[1:-1]))
        return np.where(np.isnan(number), len(edges) + 1, np.searchsorted(edges, number, side="right"))
    return pd.factorize(values, use_na_sentinel=False)[0]


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cross_fitted_rates(codes: NDArray[np.intp], converted: Flags) -> Floats:
    fold = np.random.default_rng(0).permutation(len(converted)) % _FOLDS
    rates, base_rate = np.empty(len(converted)), float(converted.mean())
    for number in range(_FOLDS):
        train, test = fold != number, fold == number
        hits = np.bincount(codes[train], converted[train], minlength=codes.max() + 1)
        rows = np.bincount(codes[train], minlength=codes.max() + 1)
        rates[test] = ((hits + 2 * base_rate) / (rows + 2))[codes[test]]
    return rates


def _entropy_explained(rate: Floats, converted: Flags) -> float:
    base_rate = float(converted.mean())
    if not 0 < base_rate < 1:
        return 0.0
    loss = log_loss_of(converted, rate, edge=1e-6).mean()
    return float(1 - loss / -(base_rate * math.log(base_rate) + (1 - base_rate) * math.log(1 - base_rate)))
