"""Calibration and blend: the intercept meets the observed rate, weights are found on top of drifting base rates."""

from __future__ import annotations

import numpy as np
import pytest

from leadlens.models.learners.blend import blend_weights
from leadlens.models.learners.calibration import AffineCalibration, intercept_shift, loss_at_own_intercept
from leadlens.models.statistics import expit, log_loss


def _world(rows: int = 6000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes of two signals and, per fold, a base rate of its own."""
    rng = np.random.default_rng(0)
    signals, fold = rng.normal(size=(rows, 2)), np.arange(rows) // (rows // 3)
    drift = np.array([-3.0, 0.0, 2.0])[fold]
    y = (rng.random(rows) < expit(0.9 * signals[:, 0] + 0.3 * signals[:, 1] + drift)).astype(float)
    return signals, y, fold


def test_the_shift_meets_the_observed_rate_unless_a_prior_holds_it() -> None:
    margin = np.random.default_rng(1).normal(-2, 1, 500)
    y = (np.arange(500) < 200).astype(float)
    free, held = intercept_shift(margin, y, prior_rows=0), intercept_shift(margin, y, prior_rows=80)
    assert expit(margin + free).mean() == pytest.approx(0.4, abs=1e-9)
    assert y.sum() - expit(margin + held).sum() == pytest.approx(20 * held, abs=1e-6)
    assert 0 < held < free
    assert intercept_shift(margin, np.zeros(500), prior_rows=0) < -20, "no conversions, no prior: it stops"


def test_loss_at_own_intercept_ignores_the_base_rate_alone() -> None:
    signals, y, _ = _world()
    loss = loss_at_own_intercept(signals[:, 0], y)
    assert loss_at_own_intercept(signals[:, 0] + 3, y) == pytest.approx(loss, abs=1e-9)
    assert loss == pytest.approx(
        min(log_loss(y, signals[:, 0] + at).mean() for at in np.linspace(-2, 2, 401)), abs=1e-5
    )
    assert loss < loss_at_own_intercept(signals[:, 1], y)


def test_calibration_scales_every_contribution() -> None:
    calibration = AffineCalibration(0.5, 2.0)
    parts = np.array([[1.0, -3.0], [0.0, 4.0]])
    scaled = parts.copy()
    base = calibration.apply_to(1.5, scaled)
    np.testing.assert_allclose(base + scaled.sum(axis=1), calibration.log_odds(1.5 + parts.sum(axis=1)))
    with pytest.raises(ValueError, match="positive"):
        AffineCalibration(0.0, 0.0)


def test_the_blend_finds_the_weights_whatever_the_base_rate_of_each_fold() -> None:
    signals, y, fold = _world()
    np.testing.assert_allclose(blend_weights(signals, y, fold, strength=0.01), [0.9, 0.3], atol=0.07)
    assert blend_weights(np.column_stack([signals[:, 0], -signals[:, 1]]), y, fold)[1] == 0
    np.testing.assert_allclose(blend_weights(signals, y, fold, strength=1e9), [0.5, 0.5], atol=1e-4)
