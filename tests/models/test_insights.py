"""What a model goes by: thresholds by leads, every feature, and what values of a feature lead to."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from leadlens.features.columns import FeatureColumn
from leadlens.models.insights import Insights, importance, insights, partial_dependence
from leadlens.models.judging import compare
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.thresholds import more_above
from leadlens.models.prediction import predict
from leadlens.models.scale import shown_score
from leadlens.models.training import TrainedModel, TrainSettings, train_model
from tests.models.judged_example import judged_example

COLUMNS = {
    name: FeatureColumn(name=name, label=label, family="behavioural", kind=kind)
    for name, label, kind in (
        ("visits", "Visits to the pages on pricing, plans and terms of payment in thirty days", "number"),
        ("city", "City", "category"),
        ("noise", "Noise", "number"),
    )
}


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(1.5, 600).astype(float),
            "city": rng.choice(["Bern", "Oslo"], 600),
            "noise": rng.normal(size=600),
        }
    )
    frame.loc[::9, "visits"] = np.nan
    odds = -1.5 + 0.8 * frame["visits"].fillna(0) + (frame["city"] == "Oslo")
    return frame, (rng.random(600) < 1 / (1 + np.exp(-odds))).astype(float)


@pytest.fixture(scope="module")
def trained(rows: tuple[pd.DataFrame, np.ndarray]) -> TrainedModel:
    frame, label = rows
    return train_model(frame, label, settings=TrainSettings(trials=1, folds=2))


def test_every_feature_is_listed_with_how_far_it_moves_scores(
    trained: TrainedModel, rows: tuple[pd.DataFrame, np.ndarray]
) -> None:
    frame, _ = rows
    contributions = predict(trained.model, frame, COLUMNS, None).contributions
    table = importance(contributions.assign(unused=0.0), COLUMNS | {"unused": COLUMNS["noise"]})
    assert table["name"].iloc[0] == "visits"
    assert set(table["name"]) == {"visits", "city", "noise"}
    assert table["label"].iloc[0] == COLUMNS["visits"].label
    assert table["share"].sum() == pytest.approx(1)
    assert table["points"].iloc[0] == pytest.approx(np.abs(contributions["visits"]).mean())
    assert table["highest"].iloc[0] == contributions["visits"].max()


def test_dependence_is_the_mean_score_with_that_value_in_every_row(
    trained: TrainedModel, rows: tuple[pd.DataFrame, np.ndarray]
) -> None:
    frame, _ = rows
    table = partial_dependence(trained.model, frame, None, COLUMNS, ["visits", "city"], rows=10**6)
    for name, value, shown in (
        ("visits", 2.0, "2"),
        ("visits", math.nan, "not known"),
        ("city", "Oslo", "Oslo"),
    ):
        at = table[(table["name"] == name) & (table["value"] == shown)].iloc[0]
        same = frame.assign(**{name: value})
        assert at["score"] == pytest.approx(trained.model.score(same).mean())
        assert at["probability"] == pytest.approx(trained.model.predict_proba(same).mean())
    numbers = table[(table["name"] == "visits") & (table["value"] != "not known")]["score"]
    assert numbers.iloc[-1] > numbers.iloc[0]
    assert set(table.loc[table["name"] == "city", "value"]) == {"Bern", "Oslo"}


def test_values_between_those_that_occur_are_not_shown(
    trained: TrainedModel, rows: tuple[pd.DataFrame, np.ndarray]
) -> None:
    frame, _ = rows
    table = partial_dependence(trained.model, frame, None, COLUMNS, ["visits", "noise"], values=4)
    assert {
        float(value) for value in table.loc[table["name"] == "visits", "value"] if value != "not known"
    } <= set(frame["visits"])
    assert (table["name"] == "noise").sum() == 4


def test_the_sheet_counts_in_both(rows: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, label = rows
    points = pd.DataFrame({"sheet: Bought": label * 5 + np.arange(600) % 3})
    model = train_model(frame, label, rule_points=points, settings=TrainSettings(trials=1, folds=2)).model
    columns = COLUMNS | {
        "sheet: Bought": FeatureColumn(name="sheet: Bought", label="Bought", family="behavioural")
    }
    contributions = predict(model, frame, columns, points).contributions
    made = insights(model, frame, points, contributions, columns)
    assert made.importance["name"].iloc[0] == "sheet: Bought"
    assert "sheet: Bought" not in set(made.dependence["name"])
    table = partial_dependence(model, frame, points, columns, ["city"], rows=10**6)
    expected = model.score(frame.assign(city="Bern"), points).mean()
    assert table.loc[table["value"] == "Bern", "score"].iloc[0] == pytest.approx(expected)


def test_thresholds_count_each_lead_once_as_of_its_first_snapshot_above() -> None:
    judged, ledger, meta = judged_example(400, snapshots=3)
    judged["label"] *= judged["row_id"] % 3 != 0  # a lead that comes above at the wrong time is no hit
    result = compare(judged, ledger, meta, resamples=5)
    table = result.thresholds[result.thresholds["lens"] == MODEL]
    score = pd.Series(shown_score(judged["score"]))
    for row in table.itertuples():
        above = (
            judged[(score >= row.threshold).to_numpy()]
            .sort_values(["as_of", "row_id"])
            .drop_duplicates("lead_id")
        )
        assert (row.leads, row.conversions) == (len(above), above["label"].sum())
        assert row.precision == pytest.approx(row.conversions / row.leads)
        assert row.low <= row.precision <= row.high
        assert row.share_of_leads == row.leads / 400
        lowest = judged.loc[(score >= row.threshold).to_numpy(), "probability"].min()
        assert lowest >= row.probability - 1e-9
    assert len(table) > 8
    assert (table["leads"].diff().dropna() <= 0).all()
    assert set(result.thresholds["lens"]) == {MODEL, RULES}
    falling = table.assign(conversions=np.arange(len(table))[::-1])
    assert more_above(falling) is None
    both = pd.concat([falling, falling.assign(lens=RULES, threshold=falling["threshold"] + 5)])
    assert more_above(both) is None, "each lens by itself"
    rising = falling.assign(conversions=np.r_[falling["conversions"][:-1], 9])
    assert "leads reach it later" in (more_above(rising) or "")
    assert json.dumps(result.to_dict()["thresholds"])


def test_insights_are_kept_whole_in_the_json() -> None:
    from dataclasses import replace

    judged, ledger, meta = judged_example(200)
    result = compare(judged, ledger, meta, resamples=5)
    table = pd.DataFrame([{"name": "visits", "label": "Visits"}])
    told = replace(result, insights=Insights(importance=table, dependence=table)).to_dict()
    assert told["insights"]["importance"] == [{"name": "visits", "label": "Visits"}]
    assert result.to_dict()["insights"] is None
