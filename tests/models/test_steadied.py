"""With few conversions a share of the model is the average of all strengths, and the sum stays what it was: a sum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leadlens.models.fitting import fit, fit_few, steadied
from leadlens.models.folds import grouped_folds
from leadlens.models.lead_model import LeadModel
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.linear import AdditiveLogistic, ColumnTable
from leadlens.models.rows import Rows
from leadlens.models.statistics import expit, log_loss
from leadlens.models.training import TrainedModel, TrainSettings, train_model
from leadlens.models.tuning import tune


def world(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two numbers and a category that matter a little, and six numbers that do not."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 8)), columns=[f"x{at}" for at in range(8)])
    frame["city"] = rng.choice(["Bern", "Rome", "Oslo", "Lima"], rows)
    frame.loc[rng.random(rows) < 0.1, "x1"] = np.nan
    line = 0.7 * frame["x0"] + 0.7 * frame["x1"].fillna(0) + 0.8 * (frame["city"] == "Rome") - 2.2
    return frame, (rng.random(rows) < expit(line.to_numpy())).astype(float)


def rows_of(frame: pd.DataFrame, y: np.ndarray, points: pd.Series | None = None) -> Rows:
    encoding = Encoding.of(frame)
    return Rows(
        encoding=encoding,
        matrix=encoding.encode(frame),
        y=y,
        time=None,
        signs=[0] * len(encoding.names),
        points=None if points is None else points.to_numpy(float)[:, None],
        names=() if points is None else ("points",),
    )


def tuned_model(rows: Rows) -> LeadModel:
    folds = grouped_folds(rows.y, None, 4, 0)
    tuned = tune(
        rows.matrix,
        rows.y,
        folds,
        categorical=rows.encoding.categorical,
        points=rows.total,
        n_trials=2,
        n_jobs=1,
    )
    return fit(rows, tuned, 0, 1)


@pytest.mark.parametrize("with_sheet", [False, True])
def test_the_margin_is_a_share_of_both(with_sheet: bool) -> None:
    frame, y = world(600, 1)
    points = (10 * frame["x0"]).rename("points") if with_sheet else None
    rows = rows_of(frame, y, points)
    model = tuned_model(rows)
    both = steadied(model, rows, None, 0.3, seed=0)
    alone = fit_few(rows, grouped_folds(rows.y, None, 5, 0))

    def margin(of: LeadModel) -> np.ndarray:
        return np.asarray(of.log_odds(frame, points)) - of.calibration.shift

    np.testing.assert_allclose(margin(both), 0.7 * margin(model) + 0.3 * margin(alone), atol=1e-9)
    assert np.abs(margin(model) - margin(alone)).max() > 0.1
    explained = both.explain(frame, points)
    total = explained.base_value + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, both.score(frame, points), atol=1e-9)


def test_tables_are_summed_whatever_their_cuts() -> None:
    one = AdditiveLogistic(
        0.5,
        1.0,
        (
            ColumnTable(np.array([0.0, 2.0]), np.array([1.0, 2.0, 4.0, 8.0])),
            ColumnTable(None, np.array([1.0, 3.0, 9.0])),
        ),
    )
    other = AdditiveLogistic(
        -1.0,
        0.5,
        (
            ColumnTable(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 40.0, 80.0, 160.0])),
            ColumnTable(None, np.array([5.0, 6.0, 7.0, 11.0])),
        ),
    )
    values = np.array([-5.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 9.0, np.nan])
    matrix = np.array([(value, code) for value in values for code in (0.0, 1.0, 2.0, 3.0, np.nan)])
    prior = np.linspace(-1, 1, len(matrix))
    np.testing.assert_allclose(
        one.plus(other, (0.25, 0.75)).margin(matrix, prior),
        0.25 * one.margin(matrix, prior) + 0.75 * other.margin(matrix, prior),
    )


def trained(frame: pd.DataFrame, y: np.ndarray) -> TrainedModel:
    return train_model(frame, y, settings=TrainSettings(trials=3, n_jobs=1))


def test_its_share_falls_with_the_conversions_to_nothing() -> None:
    shares = []
    for rows in (500, 1500, 8000):
        frame, y = world(rows, 2)
        share = trained(frame, y).model.about["steady"]
        assert share == pytest.approx(100 / (100 + y.sum()) if y.sum() <= 900 else 0.0, abs=1e-3)
        shares.append(share)
    assert shares[0] > 0.5 > shares[1] > shares[2] == 0


def test_few_conversions_are_predicted_better_than_by_what_was_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    later, outcome = world(20_000, 99)

    def loss() -> float:
        costs = []
        for seed in range(6):
            model = trained(*world(400, seed)).model
            costs.append(log_loss(outcome, np.asarray(model.log_odds(later))).mean())
        return float(np.mean(costs))

    with_share = loss()
    monkeypatch.setattr("leadlens.models.training._HALF_STEADY", 0)
    assert with_share < loss() - 0.002


def test_of_many_rows_the_rarer_outcome_is_kept_and_the_others_stand_for_all() -> None:
    frame, y = world(5000, 3)
    rows = rows_of(frame, y)
    some, at = rows.fewer(2500, seed=1)
    assert len(some.y) == 2500
    assert some.y.sum() == y.sum()
    assert some.base_rate == pytest.approx(rows.base_rate)
    np.testing.assert_array_equal(some.matrix, rows.matrix[at])
    half, _ = rows.fewer(200, seed=1)
    assert half.y.sum() == 100
    assert half.base_rate == pytest.approx(rows.base_rate)
    assert rows.fewer(5000, seed=1)[0] is rows
