"""Laws of the whole model: base value + reasons = score, saved = loaded, equal seeds, little data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError, UsageError
from leadlens.models.lead_model import LeadModel
from leadlens.models.scale import POINTS_PER_LOG_ODDS
from leadlens.models.statistics import expit
from leadlens.models.training import TrainedModel, TrainSettings, train_model

QUICK = TrainSettings(trials=2, folds=2)


def history(rows: int = 900, seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    as_of = pd.Series(pd.date_range("2026-01-01", periods=rows, freq="3h"))
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, rows).astype(float),
            "recency": np.where(rng.random(rows) < 0.3, np.nan, rng.exponential(10, rows)),
            "channel": pd.Categorical(rng.choice(["ad", "fair", "mail"], rows)),
            "rate": 5 - np.arange(rows) / 300,
        }
    )
    points = pd.DataFrame(
        {
            "fit_rule_points": 10.0 * (frame["channel"] == "fair"),
            "engagement_rule_points": frame["visits"].clip(upper=5) * 3,
        }
    )
    pull = 0.5 * frame["visits"] - 3.2 + 1.2 * (frame["channel"] == "fair") - frame["recency"].fillna(20) / 30
    y = pd.Series((rng.random(rows) < expit(pull)).astype(int))
    return frame, y, as_of, points


def train(rows: int = 900, sheet: bool = True, ordered: bool = True, **more: object) -> TrainedModel:
    frame, y, as_of, points = history(rows)
    return train_model(
        frame,
        y,
        as_of=as_of if ordered else None,
        horizon=pd.Timedelta(days=2),
        rule_points=points if sheet else None,
        **{"settings": QUICK, **more},
    )


@pytest.fixture(scope="module", params=[True, False], ids=["with a sheet", "without"])
def trained(request: pytest.FixtureRequest) -> TrainedModel:
    return train(sheet=request.param)


def _new_leads(trained: TrainedModel) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """New leads with gaps, infinities and an unseen category."""
    frame, _, _, points = history(40, seed=9)
    frame = frame.assign(channel=frame["channel"].astype(object))
    frame.loc[0, "channel"], frame.loc[1, "channel"], frame.loc[2, "visits"] = "tv", None, np.inf
    frame.loc[3, ["visits", "recency"]] = np.nan
    return frame, points if trained.model.rule_names else None


def test_base_value_and_contributions_sum_to_the_score_and_the_probability(trained: TrainedModel) -> None:
    frame, points = _new_leads(trained)
    model = trained.model
    explained = model.explain(frame, points)
    total = explained.base_value + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, model.score(frame, points), atol=1e-9)
    log_odds = (total - 50) / POINTS_PER_LOG_ODDS + model.average_log_odds
    np.testing.assert_allclose(expit(log_odds), model.predict_proba(frame, points), atol=1e-12)
    assert list(explained.contributions.columns) == [*model.columns, *model.rule_names]


def test_saved_and_loaded_it_predicts_bit_for_bit(trained: TrainedModel, tmp_path: Path) -> None:
    frame, points = _new_leads(trained)
    trained.model.save(tmp_path)
    back = LeadModel.load(tmp_path)
    np.testing.assert_array_equal(
        back.predict_proba(frame, points), trained.model.predict_proba(frame, points)
    )
    pd.testing.assert_frame_equal(
        back.explain(frame, points).contributions, trained.model.explain(frame, points).contributions
    )
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".txt"}


def test_time_proxies_stay_out_and_the_slope_is_positive(trained: TrainedModel) -> None:
    assert [column.name for column in trained.dropped] == ["rate"]
    assert "rate" not in trained.model.columns
    assert trained.model.calibration.slope > 0
    assert trained.kind == "learned"


def test_the_mean_probability_is_the_rate_of_the_latest_rows(trained: TrainedModel) -> None:
    frame, y, _, points = history()
    mean = trained.model.predict_proba(frame, points if trained.model.rule_names else None).mean()
    assert mean == pytest.approx(y.mean(), abs=0.05)


def test_equal_seeds_give_equal_models() -> None:
    one, two = (
        train(seed=4).model.to_dict(),
        train(seed=4, settings=TrainSettings(trials=2, folds=2, n_jobs=1)).model.to_dict(),
    )
    for model in (one, two):
        model["trees"] and model["trees"]["settings"].pop("n_jobs")
        model["trees"] and model["trees"].update(trees=model["trees"]["trees"].split("parameters:")[0])
    assert json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


@pytest.mark.parametrize("sheet", [True, False])
def test_with_few_conversions_it_is_the_sheet_or_the_base_rate(sheet: bool) -> None:
    frame, y, as_of, points = history(60)
    y = pd.Series(np.where(np.arange(60) < 50, 0, y))
    y.iloc[-1] = 1
    trained = train_model(frame, y, as_of=as_of, rule_points=points if sheet else None)
    p = trained.model.predict_proba(frame, points if sheet else None)
    if sheet:
        assert trained.kind == "sheet"
        total = points.sum(axis=1)
        assert (np.diff(p[np.argsort(total, kind="stable")]) >= -1e-12).all(), "in the order of the points"
        explained = trained.model.explain(frame, points)
        np.testing.assert_allclose(
            explained.base_value + explained.contributions.sum(axis=1),
            trained.model.score(frame, points),
            atol=1e-9,
        )
    else:
        assert trained.kind == "base rate"
        np.testing.assert_allclose(p, y.mean())


def test_without_an_order_it_still_learns() -> None:
    trained = train(ordered=False)
    assert trained.kind == "learned"
    assert trained.dropped == []
    assert (trained.folds["roc_auc"] > 0.6).all()


def test_a_monotone_column_never_turns() -> None:
    model = train(monotone={"visits": 1}, sheet=False).model
    ladder = pd.DataFrame({"visits": np.arange(15.0), "recency": 3.0, "channel": "ad"})
    assert (np.diff(model.log_odds(ladder)) >= -1e-12).all()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"y": 0}, DataError, "one class only: no row converted"),
        ({"y": 1}, DataError, "one class only: every row converted"),
        ({"y": np.nan}, DataError, "labels must be 0 or 1"),
        ({"as_of": pd.Series([1.0])}, DataError, "as_of must have one value per row"),
        ({"monotone": {"visitz": 1}}, UsageError, "did you mean: visits"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    change: dict[str, object], error: type[Exception], says: str
) -> None:
    frame, y, as_of, points = history(100)
    label = pd.Series(change.pop("y"), index=y.index) if "y" in change else y
    with pytest.raises(error, match=says):
        train_model(frame, label, **{"as_of": as_of, "rule_points": points, **change})  # type: ignore[arg-type]


def test_a_damaged_or_foreign_model_is_refused(trained: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable model"):
        LeadModel.load(tmp_path)
    trained.model.save(tmp_path)
    trees, parts = tmp_path / "trees.txt", tmp_path / "model.json"
    kept = trees.read_text()
    trees.write_text(kept + " ")
    with pytest.raises(DataError, match="changed after it was saved"):
        LeadModel.load(tmp_path)
    trees.write_text(kept)
    content = json.loads(parts.read_text())
    parts.write_text(json.dumps({**content, "leadlens_model": 99}))
    with pytest.raises(DataError, match="99"):
        LeadModel.load(tmp_path)
    parts.write_text(json.dumps({name: value for name, value in content.items() if name != "encoding"}))
    with pytest.raises(DataError, match="damaged"):
        LeadModel.load(tmp_path)
    parts.write_text("{")
    with pytest.raises(DataError, match="no readable model"):
        LeadModel.load(tmp_path)


def test_absent_columns_and_points_are_named(trained: TrainedModel) -> None:
    frame, points = _new_leads(trained)
    with pytest.raises(DataError, match="visits"):
        trained.model.predict_proba(frame.drop(columns="visits"), points)
    if points is not None:
        with pytest.raises(DataError, match="none were given"):
            trained.model.predict_proba(frame)
        with pytest.raises(DataError, match="engagement_rule_points"):
            trained.model.predict_proba(frame, points[["fit_rule_points"]])
