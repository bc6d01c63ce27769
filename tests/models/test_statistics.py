"""The shared statistics equal those of scikit-learn, SciPy and the textbooks, at the edges too."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics as sk

from leadlens.models.statistics import (
    Z,
    expit,
    log_loss,
    log_loss_of,
    log_odds,
    logit,
    newton,
    roc_auc,
    summed_log_loss,
    wilson,
)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([-2.0, 0.0, 0.5, 3.0, np.inf])), min_size=1))
def test_roc_auc_equals_scikit_learns_with_ties(rows: list[tuple[bool, float]]) -> None:
    label, score = np.array(rows, dtype=float).T
    if 0 < label.sum() < len(label):
        expected = sk.roc_auc_score(label, np.nan_to_num(score, posinf=9))
        assert roc_auc(label, score) == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(roc_auc(label, score))


def test_unknown_scores_rank_together_below_all_known_ones() -> None:
    assert roc_auc([1, 0, 1, 0], [1.0, np.nan, np.nan, -5.0]) == (1 + 1 + 0.5 + 0) / 4
    assert math.isnan(roc_auc([], []))


def test_log_odds_and_probability_invert_each_other_without_overflow() -> None:
    odds = np.array([-800.0, -30, -1, 0, 2, 30, 800])
    np.testing.assert_allclose(expit(odds), special.expit(odds), rtol=1e-13, atol=0)
    np.testing.assert_allclose(logit(expit(odds[2:5])), odds[2:5], atol=1e-12)
    assert np.isfinite(logit([0, 1])).all()
    assert log_odds(0.25) == pytest.approx(math.log(1 / 3))
    assert log_odds(0, rows=50) == pytest.approx(math.log(0.01 / 0.99))
    assert log_odds(1, rows=50) == pytest.approx(math.log(0.99 / 0.01))


def test_log_loss_of_log_odds_and_of_probabilities_agree_with_scikit_learn() -> None:
    label, margin = np.array([0.0, 1, 1, 0]), np.array([-1.0, 2, -0.5, 3])
    expected = sk.log_loss(label, expit(margin))
    assert log_loss(label, margin).mean() == pytest.approx(expected)
    assert log_loss_of(label, expit(margin)).mean() == pytest.approx(expected)
    total, slope = summed_log_loss(label, margin)
    assert total / 4 == pytest.approx(expected)
    nudged = margin + np.array([0, 1e-6, 0, 0])
    assert slope[1] == pytest.approx((summed_log_loss(label, nudged)[0] - total) / 1e-6, abs=1e-5)


def test_wilson_matches_the_textbook_and_survives_empty_cells() -> None:
    low, high = wilson([0, 10, 0], [10, 10, 0])
    assert low[0] == 0
    assert high[0] == pytest.approx(0.2129, abs=1e-3)
    assert high[1] == 1
    assert low[1] == pytest.approx(1 - 0.2129, abs=1e-3)
    assert (low[2], high[2]) == (0, 1)
    assert pytest.approx(1.6449, abs=1e-4) == Z
    low, high = wilson(15, 50, z=1.96)  # Newcombe 1998 gives 0.191 to 0.438
    assert (float(low), float(high)) == (pytest.approx(0.191, abs=5e-4), pytest.approx(0.438, abs=5e-4))


def test_newton_finds_the_minimum_from_where_a_full_step_would_diverge() -> None:
    def loss(x: np.ndarray) -> float:
        return float(np.sqrt(1 + x @ x))

    def derivatives(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x / loss(x), np.eye(1) * loss(x) ** -3

    assert newton(loss, derivatives, np.array([2.0]), tolerance=1e-9)[0] == pytest.approx(0, abs=1e-9)
