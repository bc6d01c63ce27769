"""The additive part: a table per column, exact, shrunk to its prior, monotone where it must be."""

from __future__ import annotations

import json

import numpy as np
from sklearn.linear_model import LogisticRegression

from leadlens.models.learners.linear import AdditiveLogistic, ColumnTable
from leadlens.models.learners.linear_fit import AdditiveDesign


def _rows(rows: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = np.column_stack(
        [rng.normal(size=rows), rng.integers(0, 4, rows).astype(float), rng.poisson(2, rows).astype(float)]
    )
    pull = matrix[:, 0] + np.array([-1.0, 0, 0, 1.0])[matrix[:, 1].astype(int)] - 0.5
    y = (rng.random(rows) < 1 / (1 + np.exp(-pull))).astype(float)
    matrix[rng.random(rows) < 0.2, 0] = np.nan
    return matrix, np.array([False, True, False]), y


def test_intercept_and_entries_sum_to_the_margin_for_any_value() -> None:
    matrix, categorical, y = _rows()
    model = AdditiveDesign(matrix, categorical).fit(y, 0.1)
    odd = np.array([[np.nan, np.nan, np.nan], [99.0, 17.0, -5.0]])
    assert np.isfinite(model.margin(odd)).all()
    np.testing.assert_allclose(
        model.intercept + model.contributions(odd).sum(axis=1), model.margin(odd), atol=1e-12
    )
    assert model.contributions(odd)[1, 1] == model.contributions(odd)[0, 1], "an unseen code is missing"


def test_the_compiled_loop_reads_the_tables_as_they_are_written() -> None:
    """On cuts and beside them, unknown, unseen; by rows or by columns in memory; one row alone."""
    rng = np.random.default_rng(3)
    cuts = np.array([-1.5, 0.0, 2.0])
    tables = (
        ColumnTable(cuts, rng.normal(size=5)),
        ColumnTable(None, rng.normal(size=4)),
        ColumnTable(np.empty(0), rng.normal(size=2)),
        ColumnTable(None, rng.normal(size=1)),
    )
    model = AdditiveLogistic(0.5, 0.0, tables)
    numbers = np.r_[cuts, np.nextafter(cuts, 9), np.nextafter(cuts, -9), np.nan, -0.0, 1e9, -1e9]
    codes = np.r_[0, 1, 2, 3, 17, np.nan, rng.integers(0, 3, len(numbers) - 6)]
    matrix = np.column_stack([numbers, codes, numbers, codes])
    want = np.column_stack([table.entries[table.codes(matrix[:, at])] for at, table in enumerate(tables)])
    for rows in (matrix, np.asfortranarray(matrix)):
        np.testing.assert_array_equal(model.contributions(rows), want)
    alone = np.vstack([model.contributions(matrix[[row]]) for row in range(len(matrix))])
    np.testing.assert_array_equal(alone, want)
    parts = np.asfortranarray(rng.normal(size=matrix.shape))
    before = parts.copy()
    model.add_to(parts, np.asfortranarray(matrix), 0.3)
    np.testing.assert_array_equal(parts, before + 0.3 * want)


def test_with_two_categories_it_is_ridge_regression() -> None:
    rng = np.random.default_rng(1)
    code = rng.integers(0, 2, 500).astype(float)
    y = (rng.random(500) < np.where(code == 1, 0.6, 0.3)).astype(float)
    model = AdditiveDesign(code[:, None], np.array([True])).fit(y, 1.0)
    hot = np.column_stack([code == 0, code == 1]).astype(float)
    peer = LogisticRegression(C=1.0, tol=1e-8).fit(hot - hot.mean(axis=0), y)
    expected = (hot - hot.mean(axis=0)) @ peer.coef_[0] + peer.intercept_[0]
    np.testing.assert_allclose(model.margin(code[:, None]), expected, atol=1e-3)


def test_wherever_it_starts_it_ends_at_the_same_tables() -> None:
    """A slope that is not that of the loss would end where it began, or on the way."""
    matrix, categorical, y = _rows()
    design = AdditiveDesign(matrix, categorical)
    model = design.fit(y, 0.1)
    far = np.random.default_rng(3).normal(size=len(design.weights))
    again = design.fit(y, 0.1, start_from=far)
    np.testing.assert_allclose(again.margin(matrix), model.margin(matrix), atol=5e-3)


def test_shrunk_strongly_it_is_its_prior() -> None:
    matrix, categorical, y = _rows()
    prior = np.where(y > 0, 1.0, -1.0) + np.random.default_rng(2).normal(size=len(y))
    model = AdditiveDesign(matrix, categorical).fit(y, 1e-9, prior)
    assert np.corrcoef(model.margin(matrix, prior), prior)[0, 1] > 0.999999
    assert model.prior_slope > 0


def test_a_monotone_table_never_turns() -> None:
    matrix, categorical, y = _rows()
    model = AdditiveDesign(matrix, categorical, [1, 0, -1]).fit(np.where(matrix[:, 0] > 1, 0, y), 1.0)
    assert (np.diff(model.tables[0].entries[:-1]) >= -1e-12).all()
    assert (np.diff(model.tables[2].entries[:-1]) <= 1e-12).all()


def test_comes_back_from_json_bit_for_bit() -> None:
    matrix, categorical, y = _rows()
    model = AdditiveDesign(matrix, categorical).fit(y, 0.1)
    back = AdditiveLogistic.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(back.margin(matrix), model.margin(matrix))
