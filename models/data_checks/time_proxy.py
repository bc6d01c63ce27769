"""Time-proxy columns: they encode when a row was, and their next values never occur in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.statistics import weighted_quantile

Weight = NDArray[np.float64] | None
_BINS = 50  # of a column with more distinct values than that
_BLOCKS = 12  # of time: a weekday or an hour comes round in each of them, an interest rate does not
_FEWEST_ROWS = 100
_LOWEST_ENTROPY = 0.05  # nats; a value that 99 of 100 rows share carries no information about time


@dataclass(frozen=True)
class TimeProxy:
    """A column that was left out.

    Attributes
    ----------
    name : the column.
    share : how far it encodes the time, 0–1: the larger of the two measures in ``find_time_proxies``.
    reason : the same in words.
    """

    name: str
    share: float
    reason: str


def find_time_proxies(
    frame: pd.DataFrame, as_of: pd.Series, threshold: float = 0.8, weight: Weight = None
) -> list[TimeProxy]:
    """Find the columns whose value determines the time of the row, or the other way round.

    Two measures, each corrected for the number of distinct values:
    how much of the variance of the time's rank the value explains (an interest rate that falls; a month
    of the year while less than two years are covered), and how much of the value's entropy one of twelve
    equal blocks of time explains (a calendar year). Hours and weekdays come round in every block and stay.

    Give training rows only. Fewer than 100 rows, or one time for all, give an empty list. ``weight`` says how many
    rows each stands for, 1 by default.

    >>> rows = 400
    >>> frame = pd.DataFrame({"rate": [5 - row / 100 for row in range(rows)], "odd": [row % 2 for row in range(rows)]})
    >>> [(proxy.name, proxy.share > 0.99) for proxy in find_time_proxies(frame, pd.Series(range(rows)))]
    [('rate', True)]
    """
    rank, total = _ranks(np.asarray(as_of), weight)
    if len(frame) < _FEWEST_ROWS or len(np.unique(rank)) < 2:
        return []
    blocks = pd.factorize(np.minimum((rank - 1) / total * _BLOCKS, _BLOCKS - 1).astype(int))[0]
    proxies = []
    for at, name in enumerate(frame.columns):
        codes = _codes(frame.iloc[:, at], weight)
        of_time, of_value = _time_explained(codes, rank, weight), _value_explained(codes, blocks, weight)
        if max(of_time, of_value) < threshold:
            continue
        reason = (
            f"its value explains {of_time:.0%} of the as-of time"
            if of_time >= of_value
            else f"the as-of time explains {of_value:.0%} of its value"
        )
        proxies.append(
            TimeProxy(
                str(name), max(of_time, of_value), f"{reason}; its later values never occur in training"
            )
        )
    return proxies


def _ranks(as_of: NDArray[Any], weight: Weight) -> tuple[NDArray[np.float64], float]:
    """The average rank of each time among the rows that all stand for, and how many these are."""
    if weight is None:
        return np.asarray(pd.Series(as_of).rank(method="average"), dtype=np.float64), len(as_of)
    _, time = np.unique(as_of, return_inverse=True)
    mass = np.bincount(time, weight)
    return (np.cumsum(mass) - (mass - 1) / 2)[time], float(mass.sum())


def _codes(column: pd.Series, weight: Weight) -> NDArray[np.intp]:
    values = column
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.astype("Float64").astype("float64")
        if values.nunique() > _BINS:
            given = values.notna().to_numpy()
            shares = np.linspace(0, 1, _BINS + 1)[1:-1]
            known: NDArray[np.float64] = values.to_numpy()[given].astype(np.float64)
            edges = np.unique(weighted_quantile(known, shares, None if weight is None else weight[given]))
            binned = np.searchsorted(edges, values.to_numpy(), side="right")
            return np.where(values.isna(), len(edges) + 1, binned)
    return pd.factorize(values, use_na_sentinel=False)[0]


def _time_explained(codes: NDArray[np.intp], rank: NDArray[np.float64], weight: Weight) -> float:
    """Adjusted R² of the rank on the values as groups."""
    each = np.ones(len(rank)) if weight is None else weight
    mass = np.bincount(codes, each)
    mean = np.bincount(codes, rank * each) / np.where(mass > 0, mass, 1)
    groups, rows = int((mass > 0).sum()), len(rank)
    if groups >= rows:  # one row per value: no value recurs
        return 0.0
    centre = np.average(rank, weights=weight)
    left = (each * (rank - mean[codes]) ** 2).sum() / (each * (rank - centre) ** 2).sum()
    return max(0.0, float(1 - left * (rows - 1) / (rows - groups)))


def _value_explained(codes: NDArray[np.intp], blocks: NDArray[np.intp], weight: Weight) -> float:
    """Mutual information (Miller–Madow corrected) over the entropy of the value."""
    table = np.zeros((codes.max() + 1, blocks.max() + 1))
    np.add.at(table, (codes, blocks), 1.0 if weight is None else weight)
    table = table[table.sum(axis=1) > 0]
    share = table / table.sum()
    value, block = share.sum(axis=1, keepdims=True), share.sum(axis=0, keepdims=True)
    entropy = float(-(value * np.log(value)).sum())
    if entropy < _LOWEST_ENTROPY:
        return 0.0
    ratio = np.divide(share, value * block, out=np.ones_like(share), where=share > 0)
    surplus = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * len(codes))
    return max(0.0, float(((share * np.log(ratio)).sum() - surplus) / entropy))
