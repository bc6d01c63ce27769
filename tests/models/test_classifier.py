"""The classifier keeps scikit-learn's rules, and its contributions sum to its log-odds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from leadlens.features.errors import DataError
from leadlens.models.learners.classifier import LeadClassifier

_WEIGHTS = (
    "LightGBM bins and counts rows, so weight 2 is not the row twice: min_child_samples counts rows "
    "(LGBMClassifier declares the same)"
)


def _expected_failures(estimator: LeadClassifier) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": _WEIGHTS,
    }


@parametrize_with_checks(
    [LeadClassifier(n_trees=20, min_child_samples=2, l2=0.0, learning_rate=0.3)],
    expected_failed_checks=_expected_failures,
)
def test_keeps_scikit_learns_rules(estimator: LeadClassifier, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def _leads(rows: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, rows).astype(float),
            "channel": pd.Categorical(rng.choice(["ad", "fair", "mail"], rows)),
            "days": np.where(rng.random(rows) < 0.3, np.nan, rng.exponential(10, rows)),
        }
    )
    pull = 0.6 * frame["visits"] - 2 + (frame["channel"] == "fair") - frame["days"].isna()
    return frame, (rng.random(rows) < 1 / (1 + np.exp(-pull))).astype(int).to_numpy()


def _model(**settings: object) -> LeadClassifier:
    return LeadClassifier(**{"n_trees": 30, "min_child_samples": 10, **settings})


def test_base_and_contributions_sum_to_the_log_odds_with_gaps_and_unseen_categories() -> None:
    frame, y = _leads()
    model = _model().fit(frame, y)
    new = frame.head(3).assign(channel=["tv", None, "fair"], visits=[np.inf, np.nan, 2.0])
    np.testing.assert_allclose(model.contributions(new).sum(axis=1), model.decision_function(new), atol=1e-9)


def test_an_unseen_category_is_a_missing_one() -> None:
    frame, y = _leads()
    model = _model().fit(frame, y)
    unseen = model.decision_function(frame.assign(channel="tv"))
    np.testing.assert_array_equal(unseen, model.decision_function(frame.assign(channel=None)))


def test_a_prior_is_where_the_trees_start_and_no_part_of_the_contributions() -> None:
    frame, y = _leads()
    prior = np.linspace(-2, 2, len(y))
    model = _model().fit(frame, y, prior=prior)
    without = model.contributions(frame).sum(axis=1)
    np.testing.assert_allclose(model.decision_function(frame, prior), without + prior, atol=1e-9)
    with pytest.raises(ValueError, match="one log-odds per row"):
        model.predict_proba(frame, prior=[0.0])


def test_equal_seeds_give_equal_trees_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadlens.models.learners.classifier._WORTH_THREADS", 0)
    frame, y = _leads()
    one = _model(random_state=3, n_jobs=1).fit(frame, y).predict_proba(frame)
    two = _model(random_state=3, n_jobs=2).fit(frame, y).predict_proba(frame)
    np.testing.assert_array_equal(one, two)


def test_a_model_comes_back_from_json_bit_for_bit() -> None:
    frame, y = _leads()
    model = _model(monotone={"visits": 1}).fit(frame, y)
    back = LeadClassifier.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(back.predict_proba(frame), model.predict_proba(frame))
    np.testing.assert_array_equal(back.contributions(frame), model.contributions(frame))


def test_a_monotone_column_never_turns() -> None:
    frame, y = _leads()
    y = np.where(frame["visits"] > 5, 0, y)
    model = _model(monotone={"visits": 1}).fit(frame, y)
    ladder = pd.DataFrame({"visits": np.arange(12.0), "channel": "ad", "days": 3.0})
    assert (np.diff(model.decision_function(ladder)) >= -1e-12).all()
    with pytest.raises(DataError, match="visitz"):
        _model(monotone={"visitz": 1}).fit(frame, y)
