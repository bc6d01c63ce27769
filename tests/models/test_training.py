"""How training chooses: the base rate of the latest rows, the window it comes from, the blend, few rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError, UsageError
from leadlens.models import validation
from leadlens.models.fitting import fit, without_learning
from leadlens.models.folds import Fold
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.parts import ModelParams
from leadlens.models.rows import Rows
from leadlens.models.statistics import expit, log_loss, log_odds, roc_auc
from leadlens.models.training import TrainedModel, TrainSettings, _signs, train_model
from leadlens.models.tuning import Tuned
from leadlens.models.validation import validate

ROWS, RISE = 1200, 0.7  # after this share of the rows more leads convert


def _history(
    rows: int = ROWS, rise: float = 1.6, seed: int = 3
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"visits": rng.normal(size=rows), "noise": rng.normal(size=rows)})
    late = np.arange(rows) >= RISE * rows
    y = (rng.random(rows) < expit(frame["visits"].to_numpy() - 2.2 + rise * late)).astype(float)
    return frame, y, np.arange(rows, dtype=float)


def _rows(y: np.ndarray, time: np.ndarray | None, points: np.ndarray | None = None) -> Rows:
    frame = pd.DataFrame({"visits": np.random.default_rng(1).normal(size=len(y))})
    encoding = Encoding.of(frame)
    return Rows(
        encoding=encoding,
        matrix=encoding.encode(frame),
        y=y,
        time=time,
        signs=[0],
        points=points,
        names=() if points is None else ("fit", "engagement"),
    )


def _tuned(*weights: float) -> Tuned:
    params = ModelParams(n_trees=20, linear_strength=0.1)
    return Tuned(params=params, value=0, sheet_value=None, weights=np.array(weights), trials=pd.DataFrame())


@pytest.fixture(scope="module")
def risen() -> TrainedModel:
    frame, y, time = _history()
    return train_model(frame, y, as_of=time, settings=TrainSettings(trials=1, folds=3))


def test_predictions_follow_the_base_rate_of_the_latest_window(risen: TrainedModel) -> None:
    frame, y, time = _history()
    window = risen.base_rate_window["window"]
    latest = time >= ROWS - 1 - window * ROWS
    assert y[latest].mean() > y.mean() + 0.1, "the rise is what this test is about"
    predicted = risen.model.predict_proba(frame[latest])
    held = 0.25 * 20 * risen.model.calibration.shift  # a prior as strong as twenty rows
    assert y[latest].sum() - predicted.sum() == pytest.approx(held, abs=1e-6)
    assert abs(predicted.mean() - y[latest].mean()) < abs(predicted.mean() - y.mean())
    assert risen.model.average_log_odds == log_odds(float(y[latest].mean()))


def test_the_window_with_the_lowest_log_loss_is_taken(risen: TrainedModel) -> None:
    window, costs = risen.base_rate_window["window"], risen.base_rate_window["log_loss_by_window"]
    assert list(costs) == ["1", "0.3", "0.1"]
    assert costs[f"{window:g}"] == min(costs.values()) < max(costs.values())
    assert max(costs, key=lambda name: costs[name]) == "1", "the base rate rose: all rows are the worst guide"
    assert risen.folds["log_loss"].mean() == pytest.approx(costs[f"{window:g}"], abs=1e-12)
    assert risen.model.about["level_window"] == window


def test_windows_are_compared_on_rows_they_were_not_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither all training rows nor the last few, but the latest 30 % convert like the rows that follow."""
    monkeypatch.setattr(validation, "_HALF_LIVES", ())
    rng = np.random.default_rng(0)
    rate = np.repeat([0.1, 0.5, 0.15, 0.4], [200, 160, 40, 200])
    rows = _rows((rng.random(600) < rate).astype(float), np.arange(600.0))
    fold = Fold(np.arange(400), np.arange(400, 600))
    found = validate(rows, [fold], _tuned(0.5, 0.5), seed=0, n_jobs=1, progress=lambda *_: None)
    costs, figures = found.levels["log_loss_by_window"], found.folds
    assert found.window == 0.3
    assert costs["0.3"] < min(costs["1"], costs["0.1"])
    assert figures.loc[0, ["train_rows", "rows", "conversions"]].tolist() == [400, 200, rows.y[400:].sum()]
    model = fit(rows.take(fold.train), _tuned(0.5, 0.5), 0, 1)
    margin = model.margin(rows.matrix[400:], None)
    assert figures.loc[0, "roc_auc"] == pytest.approx(roc_auc(rows.y[400:], margin))
    assert figures.loc[0, "log_loss"] == costs["0.3"] < log_loss(rows.y[400:], margin).mean()


def test_without_an_order_all_rows_give_the_base_rate() -> None:
    rows = _rows(np.tile([0.0, 1.0], 60), None)
    found = validate(
        rows,
        [Fold(np.arange(80), np.arange(80, 120))],
        _tuned(0.5, 0.5),
        seed=0,
        n_jobs=1,
        progress=lambda *_: None,
    )
    assert (found.window, list(found.levels["log_loss_by_window"])) == (1.0, ["1"])
    assert (found.half_life, list(found.recency["log_loss_by_half_life"])) == (None, ["none"])
    assert rows.latest(0.1).tolist() == list(range(120))


def test_the_latest_rows_are_as_many_as_the_base_rate_needs_and_never_split_a_tie() -> None:
    y = np.zeros(1000)
    y[::10] = 1  # the latest 100 rows hold ten conversions, twenty take 200
    assert len(_rows(y, np.arange(1000.0)).latest(0.1)) == pytest.approx(200, abs=10)
    assert y[_rows(y, np.arange(1000.0)).latest(0.1)].sum() == 20
    assert y[_rows(1 - y, np.arange(1000.0)).latest(0.1)].sum() == 20, "as many that did not convert"
    assert _rows(y, np.arange(1000.0)).latest(0.5).min() == pytest.approx(500, abs=1)
    assert len(_rows(y, np.repeat([1.0, 2.0, 3.0, 4.0], 250)).latest(0.1)) == 250
    assert len(_rows(np.r_[np.ones(5), np.zeros(995)], np.arange(1000.0)).latest(0.1)) == 1000


def test_the_blend_sums_to_one_and_its_total_is_the_slope() -> None:
    rows = _rows(np.tile([0.0, 1.0, 0.0, 1.0, 1.0], 40), np.arange(200.0))
    model = fit(rows, _tuned(0.2, 0.6), 0, 1)
    assert model.weights == pytest.approx((0.0, 0.25, 0.75))
    assert model.calibration.slope == pytest.approx(0.8)
    assert model.average_log_odds == pytest.approx(log_odds(0.6))
    assert fit(rows, _tuned(0.4, 0.0), 0, 1).trees is None
    assert fit(rows, _tuned(0.0, 0.4), 0, 1).linear is None
    none = fit(rows, _tuned(0.0, 0.0), 0, 1)
    assert none.weights == (0.0, 0.5, 0.5)
    assert none.calibration.slope == pytest.approx(1e-3)


def test_the_sheet_is_a_part_of_its_own_and_centred() -> None:
    points = np.column_stack([np.tile([0.0, 10.0], 100), np.tile([5.0, 5.0, 20.0, 20.0], 50)])
    rows = _rows(np.tile([0.0, 0.0, 0.0, 1.0], 50), np.arange(200.0), points)
    model = fit(rows, replace(_tuned(0.5, 0.25, 0.25)), 0, 1)
    assert model.weights == pytest.approx((0.5, 0.25, 0.25))
    assert model.sheet is not None
    assert model.sheet.centre == (5.0, 12.5)
    assert model.sheet.line.b > 0
    few = without_learning(rows)
    frame = pd.DataFrame({"fit": points[:, 0], "engagement": points[:, 1]})
    assert few.predict_proba(frame, frame).mean() == pytest.approx(0.25, abs=1e-6)
    assert few.score(frame, frame)[3] > 50 > few.score(frame, frame)[0]


def test_few_conversions_or_few_others_choose_no_settings() -> None:
    frame, _, _ = _history(400)
    two = TrainSettings(trials=1, folds=2)
    for label in (1.0, 0.0):
        for few, kind in ((9, "base rate"), (10, "few conversions"), (29, "few conversions")):
            y = np.full(400, 1 - label)
            y[np.linspace(0, 399, few).astype(int)] = label
            trained = train_model(frame, y, settings=two)
            assert trained.kind == kind
            assert trained.tuned is None
            assert trained.model.about == {"rows": 400, "conversions": int(y.sum())}
        assert train_model(frame, y, settings=replace(two, fewest_conversions=29)).kind == "learned"


def test_rows_fade_where_what_they_say_has_changed_and_only_there() -> None:
    """The column's meaning turns around after a quarter of the time, or never."""
    rng = np.random.default_rng(3)
    value, time = rng.normal(size=2400), np.arange(2400.0)
    found = {}
    for name, turned in (("turned", time > 600), ("steady", np.zeros(2400, bool))):
        sign = np.where(turned, -1.0, 1.0)
        y = (rng.random(2400) < expit(2 * sign * value)).astype(float)
        found[name] = train_model(
            pd.DataFrame({"value": value}), y, as_of=time, settings=TrainSettings(trials=1, folds=4)
        )
    turned, steady = found["turned"], found["steady"]
    assert turned.recency["half_life"] is not None
    losses = turned.recency["log_loss_by_half_life"]
    assert losses[f"{turned.recency['half_life']:g}"] < losses["none"] - 0.001
    assert turned.model.about["half_life"] == turned.recency["half_life"]
    latest = pd.DataFrame({"value": [-2.0, 2.0]})
    low, high = turned.model.predict_proba(latest)
    assert low > 0.6 > 0.4 > high, "it follows what holds now"
    assert steady.recency["half_life"] is None
    low, high = steady.model.predict_proba(latest)
    assert low < 0.2 < 0.8 < high


def test_faded_rows_weigh_half_per_half_life_and_as_much_in_all() -> None:
    rows = _rows(np.tile([0.0, 1.0], 50), np.arange(100.0))
    weight = rows.faded(9.0).weight
    assert weight is not None
    np.testing.assert_allclose(weight[:-9] / weight[9:], 0.5)
    assert weight.sum() == pytest.approx(100)
    doubled = replace(rows, weight=np.where(np.arange(100) < 50, 2.0, 1.0)).faded(9.0).weight
    assert doubled is not None
    assert doubled.sum() == pytest.approx(150)
    np.testing.assert_allclose(doubled[:50] / doubled[50:], 2 * weight[:50] / weight[50:])
    assert rows.faded(None) is rows
    assert _rows(rows.y, None).faded(9.0).weight is None


def test_trees_start_from_the_sheet_only_where_the_parameters_say_so() -> None:
    points = np.column_stack([np.tile([0.0, 10.0], 100), np.zeros(200)])
    rows = _rows(np.tile([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0], 25), np.arange(200.0), points)
    for on_sheet in (True, False):
        tuned = _tuned(0.0, 0.0, 1.0)
        tuned = replace(tuned, params=replace(tuned.params, trees_on_sheet=on_sheet))
        model = fit(rows, tuned, 0, 1)
        assert model.trees is not None
        assert (model.trees_on_sheet, model.trees.has_prior_) == (on_sheet, on_sheet)
        assert expit(model.margin(rows.matrix, points)).mean() == pytest.approx(0.5, abs=0.02)


def test_the_horizon_keeps_training_rows_off_the_validation_rows() -> None:
    frame, y, time = _history()
    settings = TrainSettings(trials=1, folds=2)
    near = train_model(frame, y, as_of=time, settings=settings).folds
    far = train_model(frame, y, as_of=time, horizon=100.0, settings=settings).folds
    assert (near["train_rows"] - far["train_rows"]).tolist() == [99, 99]
    hours = pd.Timestamp("2026-01-01") + pd.to_timedelta(time, unit="h")
    dated = train_model(frame, y, as_of=hours, horizon=pd.Timedelta(hours=100), settings=settings).folds
    assert dated["train_rows"].tolist() == far["train_rows"].tolist()


def test_leads_do_not_stand_on_both_sides_of_a_fold() -> None:
    frame, y, time = _history()
    lead = np.arange(ROWS) // 2
    lead[-1] = 0  # an old lead comes back in the last block
    folds = train_model(frame, y, as_of=time, lead_id=lead, settings=TrainSettings(trials=1, folds=2)).folds
    alone = train_model(frame, y, as_of=time, settings=TrainSettings(trials=1, folds=2)).folds
    assert (alone["train_rows"] - folds["train_rows"]).tolist() == [0, 2]


def test_time_proxies_are_left_out_unless_wanted() -> None:
    frame, y, time = _history()
    frame = frame.assign(rate=time / 100)
    kept = train_model(
        frame, y, as_of=time, settings=TrainSettings(trials=1, folds=2, drop_time_proxies=False)
    )
    assert kept.dropped == []
    assert "rate" in kept.model.columns


def test_what_is_not_one_value_per_row_is_refused() -> None:
    frame, y, time = _history(100)
    with pytest.raises(DataError, match="differ in number"):
        train_model(frame, y[:-1], as_of=time)
    with pytest.raises(DataError, match="as_of has gaps"):
        train_model(frame, y, as_of=np.r_[np.nan, time[1:]])
    with pytest.raises(DataError, match="lead_id must have one value per row"):
        train_model(frame, y, as_of=time, lead_id=["a"])
    with pytest.raises(UsageError, match="nois"):
        train_model(frame, y, as_of=time, monotone={"nois": 1})


def test_a_sign_is_for_numbers_only() -> None:
    frame = pd.DataFrame({"channel": ["ad", "fair"], "visits": [1.0, 2.0], "days": [1.0, 2.0]})
    assert _signs({"channel": 1, "days": -1}, Encoding.of(frame), frame) == [0, 0, -1]
