"""Points to probability: one rising line through the log-odds, finite whatever the data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leadlens.models.scorecard import PointsCalibration, calibrate_points


def sample(slope: float, rows: int = 5_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    points = rng.integers(-20, 80, rows).astype(float)
    return points, (rng.random(rows) < 1 / (1 + np.exp(2 - slope * points))).astype(int)


def test_it_is_logistic_regression() -> None:
    points, label = sample(0.05)
    fitted = calibrate_points(points, label)
    peer = LogisticRegression(C=1.0, tol=1e-10).fit((points / points.std())[:, None], label)
    assert fitted.b == pytest.approx(peer.coef_[0, 0] / points.std(), rel=1e-4)
    assert fitted.a == pytest.approx(peer.intercept_[0], rel=1e-4)
    assert fitted.probability(points).mean() == pytest.approx(label.mean(), abs=1e-9)


def test_a_weight_counts_like_repeated_rows() -> None:
    points, label = sample(0.05, 200)
    weight = np.arange(200) % 3
    repeated = calibrate_points(np.repeat(points, weight), np.repeat(label, weight))
    assert calibrate_points(points, label, weight) == pytest.approx(repeated)


def test_points_that_rank_the_wrong_way_stay_just_above_flat() -> None:
    points, label = sample(-0.05)
    fitted = calibrate_points(points, label)
    assert 0 < fitted.b < 1e-6
    assert fitted.probability(points) == pytest.approx(label.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("points", "label", "low", "high"),
    [
        ([], [], 0.5, 0.5),
        ([5, 5, 5, 5], [0, 1, 0, 0], 0.25, 0.25),
        ([1, 2, 3], [0, 0, 0], 0.1, 0.2),
        ([1, 2, 3], [1, 1, 1], 0.8, 0.9),
        ([1e6, 1e6 + 1], [0, 1], 0.2, 0.8),
        ([0, 0, 100, 100], [0, 0, 1, 1], 0.05, 0.95),
        ([np.nan, 1, 2], [1, 0, 1], 0.2, 0.8),
        ([0, 1e9], [0, 1], 0.2, 0.8),
    ],
)
def test_little_or_odd_data_gives_finite_sober_numbers(
    points: list[float], label: list[int], low: float, high: float
) -> None:
    fitted = calibrate_points(points, label)
    assert fitted.b > 0
    known = [value for value in points if np.isfinite(value)] or [0]
    probability = fitted.probability(known)
    assert probability.min() >= low - 1e-6
    assert probability.max() <= high + 1e-6


def test_it_survives_json_exactly() -> None:
    fitted = calibrate_points(*sample(0.03))
    assert PointsCalibration(**json.loads(json.dumps(fitted.as_dict()))) == fitted
    a, b = fitted
    assert fitted.log_odds([10]).tolist() == [a + b * 10]
