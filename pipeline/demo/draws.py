"""Random draws that stay the same when something else in a world changes.

Every purpose has its own named stream, and each draw uses a fixed number of uniforms (inverse CDF), so one
more lead attribute, or a last-bit difference between two machines, never shifts the draws that follow.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Draws:
    """Named random streams of one seed.

    >>> bool(Draws(7).of("fit").random() == Draws(7).of("fit").random())
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def of(self, purpose: str) -> np.random.Generator:
        """A fresh generator for this purpose, always in the same state."""
        return np.random.Generator(np.random.PCG64([self._seed, crc32(purpose.encode())]))


def pick(rng: np.random.Generator, weights: ArrayLike, size: int) -> Ints:
    """Indexes drawn by weight: one row of weights for all, or one row each (shape ``(size, k)``)."""
    cumulative = np.cumsum(np.atleast_2d(np.asarray(weights, dtype=np.float64)), axis=1)
    uniform = rng.random(size) * cumulative[:, -1]
    if len(cumulative) == 1:
        chosen = np.searchsorted(cumulative[0], uniform, side="right")
    else:
        chosen = (uniform[:, None] >= cumulative).sum(axis=1)
    return np.asarray(np.minimum(chosen, cumulative.shape[1] - 1), dtype=np.int64)


def poisson_cells(rng: np.random.Generator, rate: Floats, most: int = 8) -> tuple[Ints, Ints]:
    """Poisson counts for a matrix of small rates, as (row, column) of each event, in row order.

    Counts are capped at ``most``, which for rates below one affects one event in millions.
    """
    uniform = rng.random(rate.shape)
    none = np.exp(-rate)
    row, column = np.nonzero(uniform > none)
    uniform, rate, term = uniform[row, column], rate[row, column], none[row, column]
    count = np.zeros(len(row), dtype=np.int64)
    reached = term.copy()
    for number in range(1, most + 1):
        count += uniform > reached
        term = term * rate / number
        reached += term
    return np.repeat(row, count), np.repeat(column, count)
