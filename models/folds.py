"""Folds for choosing a model: earlier rows train, later rows validate, and no lead is on both sides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

_FEWEST_CONVERSIONS = 10  # and as many that did not convert, on either side of a fold


class Fold(NamedTuple):
    """Row positions. In every fold ``train`` and ``validation`` share neither a row nor a lead."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]


def make_folds(
    y: ArrayLike,
    as_of: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    horizon: Any = None,
    n_folds: int = 4,
    first_share: float = 0.4,
    seed: int = 0,
    weight: NDArray[np.float64] | None = None,
) -> list[Fold]:
    """Time-ordered folds where the rows have an order and enough of them; else folds of whole leads.

    Returns an empty list where not even two folds with ten conversions on both sides can be made.
    """
    folds = (
        []
        if as_of is None
        else time_folds(
            as_of, groups, horizon, n_folds=n_folds, first_share=first_share, seed=seed, weight=weight
        )
    )
    label = np.asarray(y)
    folds = [fold for fold in folds if _usable(label, fold)]
    if not folds:
        folds = [fold for fold in grouped_folds(label, groups, n_folds, seed) if _usable(label, fold)]
        folds = folds if len(folds) > 1 else []
    return folds


def time_folds(
    as_of: ArrayLike,
    groups: ArrayLike | None = None,
    horizon: Any = None,
    n_folds: int = 4,
    first_share: float = 0.4,
    seed: int = 0,
    weight: NDArray[np.float64] | None = None,
) -> list[Fold]:
    """Expanding windows: the rows after the first ``first_share`` are cut into ``n_folds`` blocks of time.

    A block is validated by a model of the rows whose whole label window ended when the block begins
    (``as_of + horizon <= start``; the embargo). Training rows of leads that are in the block are left out;
    where that would take half of them or more, as when every customer has a row at every date, the leads are
    dealt into two halves instead, and each half is validated by a model of the other.

    Parameters
    ----------
    as_of : times or positions, one per row, in any order; ties are never split.
    groups : lead of each row; every row its own by default.
    horizon : in the unit of ``as_of`` (a ``Timedelta`` for times); none by default.
    weight : how many rows each stands for, so that a sample is cut where the whole would be; 1 by default.

    >>> [(fold.train.tolist(), fold.validation.tolist()) for fold in time_folds(range(10), n_folds=3)]
    [([0, 1, 2, 3], [4, 5]), ([0, 1, 2, 3, 4, 5], [6, 7]), ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])]
    """
    time, embargo = as_numbers(as_of), _embargo(horizon)
    lead = _leads(groups, len(time))
    shares = first_share + (1 - first_share) * np.arange(n_folds) / n_folds
    starts = np.unique(_at_shares(time, shares, weight)) if len(time) else np.empty(0)
    folds = []
    for at, start in enumerate(starts):
        end = starts[at + 1] if at + 1 < len(starts) else np.inf
        train = np.flatnonzero(time + embargo <= start if embargo else time < start)
        validation = np.flatnonzero((time >= start) & (time < end))
        if not len(train) or not len(validation):
            continue
        shared = np.isin(lead[train], lead[validation])
        if np.average(shared, weights=None if weight is None else weight[train]) < 0.5:
            folds.append(Fold(train[~shared], validation))
            continue
        half = np.random.default_rng(seed).permutation(lead.max() + 1) % 2
        folds += [
            Fold(train[half[lead[train]] != side], validation[half[lead[validation]] == side])
            for side in (0, 1)
        ]
    return [fold for fold in folds if len(fold.train) and len(fold.validation)]


def grouped_folds(
    y: ArrayLike, groups: ArrayLike | None = None, n_folds: int = 4, seed: int = 0
) -> list[Fold]:
    """For data without an order in time: whole leads dealt into folds by ``seed``, converted ones evenly."""
    label = np.asarray(y, dtype=float)
    lead = _leads(groups, len(label))
    if not len(label):
        return []
    converted = np.zeros(lead.max() + 1)
    np.maximum.at(converted, lead, label)
    shuffled = np.random.default_rng(seed).permutation(len(converted))
    dealt = np.empty(len(converted), dtype=int)
    dealt[shuffled[np.argsort(converted[shuffled], kind="stable")]] = np.arange(len(converted)) % n_folds
    of_row = dealt[lead]
    return [Fold(np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(n_folds)]


def as_numbers(as_of: ArrayLike) -> NDArray[np.float64]:
    """Times as seconds since 1970, positions as they are."""
    column = pd.Series(np.asarray(as_of))
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]").astype(np.int64) / 1e6
    return column.to_numpy(dtype=np.float64)


def _at_shares(
    time: NDArray[np.float64], shares: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The time of the row that these shares of the rows come before."""
    if weight is None:
        before = (shares * len(time)).round().astype(int)
        return np.asarray(np.sort(time)[np.minimum(before, len(time) - 1)])
    order = np.argsort(time, kind="stable")
    below = np.cumsum(weight[order])
    first = np.searchsorted(below, (shares * below[-1]).round(), side="right")
    return np.asarray(time[order][np.minimum(first, len(time) - 1)])


def _embargo(horizon: Any) -> float:
    if horizon is None:
        return 0.0
    return float(horizon) if isinstance(horizon, int | float) else pd.Timedelta(horizon).total_seconds()


def _leads(groups: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    return np.arange(rows) if groups is None else pd.factorize(np.asarray(groups), use_na_sentinel=False)[0]


def _usable(label: NDArray[Any], fold: Fold) -> bool:
    sides = (label[fold.train], label[fold.validation])
    return all(_FEWEST_CONVERSIONS <= side.sum() <= len(side) - _FEWEST_CONVERSIONS for side in sides)
