"""One pass over the rows gives contributions, score and probability: what the model says by itself, of every kind of model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shap

from leadlens.features.columns import Family, FeatureColumn
from leadlens.models.lead_model import LeadModel, SheetPrior
from leadlens.models.learners.calibration import AffineCalibration
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.linear_fit import AdditiveDesign
from leadlens.models.learners.parts import ModelParams
from leadlens.models.learners.tree_shap import TreeShap
from leadlens.models.prediction import Prediction, predict, predict_frame, with_points
from leadlens.models.scale import POINTS_PER_LOG_ODDS
from leadlens.models.scorecard.scoring.probability import PointsCalibration

RULES = ("sheet: Booked", "sheet: Adult")
# Shares of sheet, additive part and trees; whether the trees start from the sheet.
KINDS = {
    "sheet": ((1.0, 0.0, 0.0), False),
    "additive": ((0.0, 1.3, 0.0), False),
    "trees": ((0.0, 0.0, 0.8), False),
    "trees grown on the sheet": ((0.0, 0.0, 0.8), True),
    "all": ((0.2, 0.5, 0.4), False),
    "all, trees grown on the sheet": ((0.2, 0.5, 0.4), True),
    "base rate": ((0.0, 0.0, 0.0), False),
}


def leads(rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    gap = np.where(rng.random(rows) < 0.3, np.nan, rng.exponential(9, rows))
    channel = pd.array(rng.choice(["ad", "fair", "mail", "tv"], rows), dtype="str")
    channel[rng.random(rows) < 0.1] = None
    frame = pd.DataFrame({"visits": rng.poisson(3, rows) * 1.0, "gap": gap, "channel": channel})
    frame = frame.assign(noise=rng.normal(size=rows), same=1.0)
    return frame, pd.DataFrame(rng.integers(0, 3, (rows, 2)) * [25.0, 5.0], columns=list(RULES))


def model(kind: str) -> LeadModel:
    weights, on_sheet = KINDS[kind]
    frame, points = leads(1500, seed=0)
    encoding = Encoding.of(frame)
    matrix = encoding.encode(frame)
    pull = 0.4 * matrix[:, 0] - np.nan_to_num(matrix[:, 1], nan=20) / 20 + (matrix[:, 2] == 1) - 2
    y = (np.random.default_rng(1).random(len(frame)) < 1 / (1 + np.exp(-pull))).astype(float)
    line = PointsCalibration(a=-1.5, b=0.03)
    on = line.log_odds(points.sum(axis=1).to_numpy())
    with_sheet = bool(weights[0]) or on_sheet
    categorical = np.flatnonzero(encoding.categorical).tolist()
    trees = ModelParams(max_depth=4, n_trees=40).trees(0, 1, categorical)
    linear = AdditiveDesign(matrix, encoding.categorical).fit(y, 0.1, on if with_sheet else None)
    return LeadModel(
        encoding=encoding,
        average_log_odds=-1.2,
        sheet=SheetPrior(RULES, line, tuple(points.mean())) if with_sheet else None,
        linear=linear if weights[1] else None,
        trees=trees.fit(matrix, y, prior=on if on_sheet else None) if weights[2] else None,
        weights=weights,
        trees_on_sheet=on_sheet,
        calibration=AffineCalibration(shift=0.3, slope=0.7),
    )


@pytest.fixture(scope="module", params=list(KINDS))
def made(request: pytest.FixtureRequest) -> LeadModel:
    return model(request.param)


def named(made: LeadModel) -> dict[str, FeatureColumn]:
    families: tuple[Family, ...] = ("behavioural", "demographic")
    names = (*made.columns, *made.rule_names)
    return {
        name: FeatureColumn(name=name, label=name, family=families[at % 2]) for at, name in enumerate(names)
    }


def new_leads(made: LeadModel) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """With gaps everywhere, an infinity and a category that was never seen."""
    frame, points = leads(400, seed=2)
    frame = frame.astype({"channel": object})
    frame.loc[0] = [np.nan, np.nan, None, np.nan, np.nan]
    frame.loc[1, "channel"], frame.loc[2, "gap"] = "radio", np.inf
    return frame, points if made.rule_names else None


def predicted(made: LeadModel) -> Prediction:
    frame, points = new_leads(made)
    return predict(made, frame, named(made), points)


def test_score_and_probability_are_those_of_the_model(made: LeadModel) -> None:
    frame, points = new_leads(made)
    table = predicted(made).table
    np.testing.assert_allclose(table["score"], made.score(frame, points), atol=1e-9)
    np.testing.assert_allclose(table["probability"], made.predict_proba(frame, points), atol=1e-12)
    served = predict_frame(made, with_points(frame, points))
    np.testing.assert_array_equal(table["shown"], served["score"])
    np.testing.assert_allclose(table["probability"], served["probability"], atol=1e-12)


def test_contributions_sum_to_the_score_and_the_sides(made: LeadModel) -> None:
    done = predicted(made)
    total = done.base_value + done.contributions.sum(axis=1)
    np.testing.assert_allclose(total, done.table["score"], atol=1e-9)
    behavioural = [name for name, column in named(made).items() if column.family == "behavioural"]
    np.testing.assert_allclose(
        done.contributions[behavioural].sum(axis=1), done.table["engagement_points"], atol=1e-9
    )


def test_contributions_are_the_shares_of_table_tree_and_sheet(made: LeadModel) -> None:
    frame, points = new_leads(made)
    matrix, (own, linear, trees) = made.encoding.encode(frame), made.weights
    expected = np.zeros(matrix.shape)
    if made.linear is not None:
        expected += linear * made.linear.contributions(matrix)
    if made.trees is not None:
        explainer = shap.TreeExplainer(made.trees.booster_, feature_perturbation="tree_path_dependent")
        values = explainer.shap_values(matrix)
        expected += trees * (values[1] if isinstance(values, list) else values)
    scale = POINTS_PER_LOG_ODDS * made.calibration.slope
    found = predicted(made).contributions
    np.testing.assert_allclose(found[list(made.columns)], scale * expected, atol=1e-9)
    if made.sheet is not None and points is not None:
        slope = own + (trees if made.trees_on_sheet else 0.0)
        slope += linear * made.linear.prior_slope if made.linear else 0.0
        above = points.to_numpy() - made.sheet.centre
        np.testing.assert_allclose(
            found[list(made.rule_names)], scale * slope * made.sheet.line.b * above, atol=1e-9
        )


def test_a_row_is_scored_alike_in_any_table(made: LeadModel) -> None:
    frame, points = new_leads(made)
    whole = predicted(made)
    for place in (0, 1, 255, 399):
        one = None if points is None else points.iloc[[place]]
        alone = predict(made, frame.iloc[[place]], named(made), one)
        pd.testing.assert_frame_equal(alone.table, whole.table.iloc[[place]], check_exact=True)
        pd.testing.assert_frame_equal(
            alone.contributions, whole.contributions.iloc[[place]], check_exact=True
        )


def test_no_row_is_no_error(made: LeadModel) -> None:
    frame, points = new_leads(made)
    none = predict(made, frame.iloc[:0], named(made), None if points is None else points.iloc[:0])
    assert (len(none.table), len(none.contributions)) == (0, 0)


def test_trees_too_deep_to_be_looked_up_are_explained_by_lightgbm() -> None:
    made = model("trees")
    frame, _ = leads(1500, seed=0)
    y = (frame["visits"] + frame["noise"] > 3).astype(int)
    settings = {"max_depth": 12, "num_leaves": 60, "min_child_samples": 5, "bagging_fraction": 1.0}
    assert made.trees is not None
    deep = made.trees.__class__(n_trees=10, **settings, categorical_features=[2])
    deep = deep.fit(made.encoding.encode(frame), y)
    assert TreeShap.of(deep.booster_.model_to_string()) is None
    done = predicted(replace(made, trees=deep))
    again, _ = new_leads(made)
    np.testing.assert_allclose(done.table["score"], replace(made, trees=deep).score(again), atol=1e-9)
