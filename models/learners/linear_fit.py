"""Fitting the additive part: ridge logistic regression in which every column is a short table of points.

Each number is cut at up to 31 quantiles. Its table of log-odds is a straight line in the rank plus a step per
eighth, both shrunk to nothing; each category is one entry of a table; the missing have an entry of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from leadlens.models.learners.linear import AdditiveLogistic, ColumnTable
from leadlens.models.statistics import log_odds, summed_log_loss, weighted_mean, weighted_quantile

Floats = NDArray[np.float64]
_FINE, _COARSE = 32, 8
_FEWEST_ROWS = 20  # of a category or of missing values, to have an entry of its own
_PRIOR_STRENGTH = 1.0  # units of information that shrink the prior's slope to 1


class AdditiveDesign:
    """The tables' cuts and shapes for given rows, so that several strengths can be fitted without redoing it.

    Parameters
    ----------
    matrix : encoded rows (``leadlens.models.learners.encoding``).
    categorical : which columns hold category codes.
    monotone : 1 or -1 where the table must not fall or not rise, else 0; such a column has no steps.
    weight : how many rows each stands for, in cuts, centres and fits; 1 by default. What is too rare for an
        entry of its own is counted in rows.
    fewest_rows : of a category or of missing values, to have an entry of its own.
    """

    def __init__(
        self,
        matrix: Floats,
        categorical: NDArray[np.bool_],
        monotone: Sequence[int] | None = None,
        weight: Floats | None = None,
        fewest_rows: int = _FEWEST_ROWS,
    ) -> None:
        signs = list(monotone or [0] * matrix.shape[1])
        self.rows, self._weight = len(matrix), weight
        self._mass = self.rows if weight is None else float(weight.sum())
        self._shapes: list[ColumnTable] = []
        bases, picked, offset = [], [], 0
        usual: list[int] = []  # each column's most common entry, counted over all columns
        self.bounds: list[tuple[float | None, float | None]] = []
        for at in range(matrix.shape[1]):
            values = matrix[:, at]
            edges = None if categorical[at] else _edges(values, weight)
            known = values[~np.isnan(values)]
            size = (int(known.max()) + 1 if len(known) else 0) if edges is None else len(edges) + 1
            shape = ColumnTable(edges, np.zeros(size + 1))
            codes = shape.codes(values)
            count = np.bincount(codes, minlength=size + 1).astype(float)
            mass = count if weight is None else np.bincount(codes, weight, size + 1).astype(float)
            basis, sign_of = _basis(count, mass, edges is None, signs[at], fewest_rows)
            self._shapes.append(shape)
            bases.append(basis)
            self.bounds += sign_of
            picked.append(codes + offset)
            usual.append(int(count.argmax()) + offset)
            offset += size + 1
        self._basis = sparse.csr_matrix(sparse.block_diag(bases)) if bases else sparse.csr_matrix((0, 0))
        # Most rows have the usual entry of most columns. What they have in common is added up once, and only
        # the entries that differ from it are multiplied: a third of them in event histories.
        self._usual = np.asarray(self._basis[usual].sum(axis=0)).ravel()
        of_column = np.repeat(usual, [len(shape.entries) for shape in self._shapes])
        self._beyond = sparse.csr_matrix(self._basis - self._basis[of_column])
        self._unusual = _entries(picked, usual, (self.rows, offset))

    def still(self) -> tuple[ColumnTable, ...]:
        """Tables of these columns that say nothing."""
        return tuple(ColumnTable(shape.edges, np.zeros_like(shape.entries)) for shape in self._shapes)

    def fit(
        self,
        y: NDArray[Any],
        strength: float,
        prior: Floats | None = None,
        start_from: Floats | None = None,
        max_steps: int = 200,
    ) -> AdditiveLogistic:
        """Fit with ridge penalty ``1 / (2 * strength)`` per basis weight; the prior's slope is shrunk to 1.

        ``start_from`` may be the ``weights`` of an earlier fit (they are left on ``self.weights``).
        """
        label = np.asarray(y, dtype=np.float64)
        known = np.zeros(self.rows) if prior is None else prior
        width = self._basis.shape[1]
        unusual, beyond = self._unusual, self._beyond
        unusual_columns, beyond_columns = unusual.T.tocsr(), beyond.T.tocsr()

        def loss(weights: Floats) -> tuple[float, Floats]:
            coefficients = weights[2:]
            margin = weights[0] + weights[1] * known + self._usual @ coefficients
            margin += unusual @ (beyond @ coefficients)
            value, miss = summed_log_loss(label, margin, self._weight)
            value += (
                0.5 * coefficients @ coefficients / strength + 0.5 * _PRIOR_STRENGTH * (weights[1] - 1) ** 2
            )
            slope = np.concatenate(
                [
                    [miss.sum(), miss @ known + _PRIOR_STRENGTH * (weights[1] - 1)],
                    self._usual * miss.sum()
                    + beyond_columns @ (unusual_columns @ miss)
                    + coefficients / strength,
                ]
            )
            return value / self._mass, slope / self._mass

        first = np.zeros(width + 2)
        first[0] = 0.0 if prior is not None else log_odds(weighted_mean(label, self._weight), self.rows)
        first[1] = 1.0
        if start_from is not None:
            first = start_from
        bounds = [(None, None), (0.0, None), *self.bounds]
        result = minimize(
            loss,
            first,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": max_steps, "ftol": 1e-9, "gtol": 1e-6},
        )
        self.weights: Floats = result.x
        entries = self._basis @ result.x[2:]
        tables, at = [], 0
        for shape in self._shapes:
            size = len(shape.entries)
            tables.append(ColumnTable(shape.edges, entries[at : at + size]))
            at += size
        return AdditiveLogistic(
            float(result.x[0]), float(result.x[1]) if prior is not None else 0.0, tuple(tables)
        )


def _entries(
    picked: Sequence[NDArray[np.intp]], usual: Sequence[int], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """A one for each row and entry that it takes, but for the usual entry of each column."""
    if not picked:
        return sparse.csr_matrix(shape)
    entries = np.column_stack(picked)
    other = entries != np.asarray(usual)
    ends = np.append(0, other.sum(axis=1).cumsum())
    return sparse.csr_matrix((np.ones(ends[-1]), entries[other], ends), shape=shape)


def _edges(values: Floats, weight: Floats | None) -> Floats:
    given = ~np.isnan(values)
    known = np.unique(values[given])
    if len(known) <= _FINE:
        return (known[1:] + known[:-1]) / 2
    shares = np.linspace(0, 1, _FINE + 1)[1:-1]
    return np.unique(weighted_quantile(values[given], shares, None if weight is None else weight[given]))


def _basis(
    count: Floats, mass: Floats, category: bool, sign: int, fewest_rows: int
) -> tuple[sparse.csr_matrix, list[tuple[float | None, float | None]]]:
    """Entries of a table as a linear function of few weights, each centred over the rows.

    ``count`` is rows per entry, ``mass`` the rows that they stand for.
    """
    size, rows = len(count), count.sum()
    columns: list[Floats] = []
    bounds: list[tuple[float | None, float | None]] = []
    free = (None, None)
    if category:
        for code in np.flatnonzero((count >= fewest_rows) & (count < rows)):
            columns.append(_one_hot(size, [int(code)]))
            bounds.append(free)
    else:
        seen, known = mass[:-1], mass[:-1].sum()
        rank = (np.cumsum(seen) - seen / 2) / max(known, 1.0)
        centre = seen @ rank / max(known, 1.0)
        spread = np.sqrt(seen @ (rank - centre) ** 2 / max(known, 1.0))
        if spread > 1e-9:
            columns.append(np.append((rank - centre) / spread, 0.0))
            bounds.append(free if not sign else (0.0, None) if sign > 0 else (None, 0.0))
            eighth = np.minimum((rank * _COARSE).astype(int), _COARSE - 1)
            for part in [] if sign else np.unique(eighth):
                columns.append(_one_hot(size, np.flatnonzero(eighth == part).tolist()))
                bounds.append(free)
        if fewest_rows <= count[-1] < rows:
            columns.append(_one_hot(size, [size - 1]))
            bounds.append(free)
    if not columns:
        return sparse.csr_matrix((size, 0)), []
    dense = np.column_stack(columns)
    dense -= mass @ dense / mass.sum()
    return sparse.csr_matrix(dense), bounds


def _one_hot(size: int, at: list[int]) -> Floats:
    column = np.zeros(size)
    column[at] = 1.0
    return column
