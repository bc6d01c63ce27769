"""An estimator of one's own in the place of the trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shap
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from leadlens.features.errors import DataError, UsageError
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.estimator import EstimatorPart
from leadlens.models.learners.hist_boosting import hist_contributions
from leadlens.models.statistics import expit, roc_auc
from leadlens.models.training import TrainedModel, TrainSettings, train_model

ROWS = 900


def history(seed: int = 5, categories: bool = False) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Conversions come of ``visits`` times ``age``, which no sum over columns can see; a tenth of ``age`` is unknown."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"visits": rng.normal(size=ROWS), "age": rng.normal(size=ROWS)})
    line = 2 * frame["visits"] * frame["age"] + 0.5 * frame["age"] - 1
    if categories:
        frame["city"] = rng.choice(["Bern", "Oslo", "Rome"], ROWS)
        line = line + 1.5 * (frame["city"] == "Oslo")
    y = (rng.random(ROWS) < expit(line.to_numpy())).astype(float)
    frame.loc[rng.random(ROWS) < 0.1, "age"] = np.nan
    return frame, y, np.arange(ROWS, dtype=float)


def learned(estimator: Any, **options: Any) -> TrainedModel:
    frame, y, time = history()
    return train_model(frame, y, as_of=time, settings=TrainSettings(folds=3), estimator=estimator, **options)


def boosted() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=30, random_state=0)


def linear() -> Any:
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())


def ordinal() -> Any:
    """Categories as numbers, after the other columns."""
    numbers = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["city"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return make_pipeline(numbers, boosted())


def leaves() -> Any:
    return LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1, random_state=0, n_jobs=1)


@pytest.mark.parametrize(
    ("made", "categories"),
    [(boosted, False), (boosted, True), (linear, False), (leaves, True), (ordinal, True)],
)
def test_reasons_add_up_to_the_score(made: Callable[[], Any], categories: bool) -> None:
    frame, y, time = history(categories=categories)
    model = train_model(frame, y, as_of=time, settings=TrainSettings(folds=3), estimator=made()).model
    assert model.weights[2] > 0.1
    some = frame.head(60)
    base, parts = model.explain(some)
    assert np.abs(base + parts.sum(axis=1) - model.score(some)).max() < 1e-4
    assert parts["visits"].abs().max() > 0.5


def test_reasons_are_of_the_column_that_they_are_named_after() -> None:
    """The steps put the city first."""
    frame, y, _ = history(categories=True)
    encoding = Encoding.of(frame)
    part = EstimatorPart(ordinal(), encoding).fit(encoding.encode(frame), y)
    values = part.contributions(encoding.encode(frame))[:, encoding.names.index("city")]
    by_city = pd.Series(values).groupby(frame["city"]).mean()
    assert by_city["Oslo"] > by_city.drop("Oslo").max() + 0.5


def test_shap_values_of_hist_boosting_are_those_of_shap() -> None:
    """shap reads numbers alone. Two of five columns are unknown here and there, and one of those only later."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(ROWS, 5)), columns=list("abcde"))
    y = (rng.random(ROWS) < expit(frame["a"] * frame["b"] + frame["e"])).astype(int)
    frame = frame.mask(rng.random(frame.shape) < [0.2, 0, 0.1, 0, 0])
    fitted = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(frame, y)
    later = frame.mask(rng.random(frame.shape) < [0, 0, 0, 0, 0.2])
    values, base = hist_contributions(fitted, later)
    explainer = shap.TreeExplainer(fitted)
    assert np.allclose(values, explainer.shap_values(later), atol=1e-9)
    assert base == pytest.approx(float(np.ravel(explainer.expected_value)[0]))


def test_shap_values_of_categories_are_those_of_as_many_numbers() -> None:
    """A category with two levels splits as a number does; and many levels, some unknown or never seen, add up."""
    rng = np.random.default_rng(4)
    codes, number = rng.integers(0, 2, ROWS), rng.normal(size=ROWS)
    y = (rng.random(ROWS) < expit(2 * codes * number)).astype(int)
    plain = pd.DataFrame({"number": number, "code": codes.astype(float)})
    named = pd.DataFrame({"number": number, "code": pd.Categorical.from_codes(codes, ["no", "yes"])})
    settings = {"max_iter": 10, "max_leaf_nodes": 4, "min_samples_leaf": 60, "random_state": 0}
    two = [HistGradientBoostingClassifier(**settings).fit(X, y) for X in (plain, named)]
    assert np.allclose(two[0].decision_function(plain), two[1].decision_function(named))
    one, other = hist_contributions(two[0], plain)[0], hist_contributions(two[1], named)[0]
    assert np.abs(one).max() > 0.1
    assert np.allclose(one, other, atol=1e-9)

    # The trees read categories first; a third of the cities are unknown, and later ones were never seen.
    levels = [f"city {at}" for at in range(254)]
    known = np.where(rng.random(ROWS) < 0.3, -1, rng.integers(0, 20, ROWS))
    noise = pd.Categorical(rng.choice(list("xyz"), ROWS))
    many = pd.DataFrame(
        {
            "number": number,
            "city": pd.Categorical.from_codes(known, levels),
            "noise": noise,
            "other": rng.normal(size=ROWS),
        }
    )
    y = (rng.random(ROWS) < expit(number + 3 * ((known < 0) | (known % 3 == 0)) - 1)).astype(int)
    fitted = HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=5, random_state=0).fit(many, y)
    later = many.assign(city=pd.Categorical.from_codes(rng.integers(-1, 254, ROWS), levels))
    for frame in (many, later):
        values, base = hist_contributions(fitted, frame)
        assert np.abs(base + values.sum(axis=1) - fitted.decision_function(frame)).max() < 1e-9
    strength = np.abs(hist_contributions(fitted, many)[0]).mean(axis=0)
    assert list(np.argsort(strength)[2:]) in ([0, 1], [1, 0]), "each column has its own"
    assert np.corrcoef(hist_contributions(fitted, many)[0][:, 0], number)[0, 1] > 0.8


def test_hist_boosting_may_ask_only_whether_a_value_is_known() -> None:
    """Such a node has an infinite threshold."""
    rng = np.random.default_rng(6)
    known = rng.random(ROWS) < 0.5
    frame = pd.DataFrame({"a": np.where(known, 1.0, np.nan), "b": rng.normal(size=ROWS)})
    y = (rng.random(ROWS) < np.where(known, 0.7, 0.2)).astype(int)
    fitted = HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(frame, y)
    nodes = np.concatenate([tree.nodes["num_threshold"] for (tree,) in fitted._predictors])
    assert np.isinf(nodes).any()
    values, base = hist_contributions(fitted, frame)
    assert np.abs(base + values.sum(axis=1) - fitted.decision_function(frame)).max() < 1e-9
    assert np.abs(values[:, 0]).min() > 0.5


def test_hist_boosting_that_found_nothing_gives_every_row_the_base_value() -> None:
    frame, y = pd.DataFrame({"a": np.zeros(ROWS)}), (np.arange(ROWS) % 3 == 0).astype(int)
    values, base = hist_contributions(HistGradientBoostingClassifier(max_iter=2).fit(frame, y), frame)
    assert not values.any()
    assert base == pytest.approx(float(np.log(0.5)))


def test_categories_that_shap_cannot_read_are_refused() -> None:
    frame, y, _ = history(categories=True)
    encoding = Encoding.of(frame)
    part = EstimatorPart(Weightless(), encoding).fit(encoding.encode(frame), y)
    with pytest.raises(DataError, match="OrdinalEncoder"):
        part.contributions(encoding.encode(frame.head(5)))


def test_it_has_the_weight_that_the_folds_give_it() -> None:
    """Boosting sees the U and takes over; a line does not, and neither weighs more for it nor ruins the sum."""
    frame, y, _ = history(seed=6)
    sum_of_boosted, sum_of_line = learned(leaves()).model, learned(linear()).model
    assert sum_of_boosted.weights[2] > 0.5
    assert (
        roc_auc(y, sum_of_boosted.predict_proba(frame)) > roc_auc(y, sum_of_line.predict_proba(frame)) - 0.02
    )
    assert roc_auc(y, sum_of_boosted.predict_proba(frame)) > 0.75


def test_categories_and_gaps_reach_it_as_pandas_has_them() -> None:
    frame, y, time = history(categories=True)
    seen: list[pd.DataFrame] = []

    class Watching(HistGradientBoostingClassifier):
        def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> Watching:
            seen.append(X)
            return super().fit(X, y, sample_weight)

    model = train_model(
        frame, y, as_of=time, settings=TrainSettings(folds=3), estimator=Watching(max_iter=2, random_state=0)
    ).model
    assert all(isinstance(part["city"].dtype, pd.CategoricalDtype) for part in seen)
    assert all(part["age"].isna().any() for part in seen)
    strange = frame.head(5).assign(city="Lima")
    assert np.isfinite(model.predict_proba(strange)).all(), "a category that training did not have"


def test_names_that_boosters_refuse_are_spelled_otherwise() -> None:
    """``page_viewed[page=A]`` is a feature's name, and LightGBM takes no brackets."""
    frame, y, _ = history()
    frame.columns = ["seen[page=A]", "seen_page=A_"]
    encoding = Encoding.of(frame)
    part = EstimatorPart(leaves(), encoding).fit(encoding.encode(frame), y)
    assert part.contributions(encoding.encode(frame.head(3))).shape == (3, 3)


def test_no_later_row_reaches_a_fold_of_earlier_ones() -> None:
    """Each fold's copy learns from rows before those it is weighed on; the last copy from all."""
    frame, y, time = history()
    latest: list[float] = []
    frame["position"] = time  # a time proxy: left out of what learns unless asked for

    class Watching(HistGradientBoostingClassifier):
        def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> Watching:
            latest.append(float(X["position"].max()))
            return super().fit(X, y, sample_weight)

    settings = TrainSettings(folds=3, drop_time_proxies=False)
    train_model(frame, y, as_of=time, settings=settings, estimator=Watching(max_iter=2, random_state=0))
    assert latest[:3] == sorted(latest[:3])
    assert latest[2] < ROWS - 1
    assert latest[-1] == ROWS - 1


def test_a_sure_forest_is_no_surer_than_its_rows() -> None:
    """Leaves of a forest that are all of one class say 0 and 1: infinite log-odds."""
    frame, y, _ = history()
    encoding = Encoding.of(frame)
    part = EstimatorPart(RandomForestClassifier(10, random_state=0), encoding).fit(encoding.encode(frame), y)
    margin = part.decision_function(encoding.encode(frame))
    assert np.abs(margin).max() == pytest.approx(np.log(2 * ROWS - 1))


def test_what_shap_cannot_add_up_is_refused() -> None:
    model = learned(RandomForestClassifier(20, random_state=0)).model
    frame = history()[0].head(5)
    assert np.isfinite(model.predict_proba(frame)).all()
    with pytest.raises(DataError, match="shap cannot explain") as refused:
        model.explain(frame)
    assert "do not add up" in str(refused.value)


class Weightless(ClassifierMixin, BaseEstimator):
    """Knows the base rate, and takes no weights."""

    def fit(self, X: pd.DataFrame, y: Any) -> Weightless:
        self.classes_, self.rate_ = np.array([0, 1]), float(np.mean(y))
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return np.tile([1 - self.rate_, self.rate_], (len(X), 1))


def test_rows_do_not_fade_where_nothing_takes_weights() -> None:
    assert list(learned(Weightless()).recency["log_loss_by_half_life"]) == ["none"]
    assert len(learned(leaves()).recency["log_loss_by_half_life"]) > 1
    with pytest.raises(UsageError, match="takes no weights"):
        learned(Weightless(), weight=np.where(np.arange(ROWS) % 2, 1.0, 2.0))


def test_weights_reach_the_last_step_of_a_pipeline() -> None:
    frame, y, _ = history()
    encoding, weight = Encoding.of(frame), np.where(np.arange(ROWS) % 2, 1.0, 3.0)
    matrix = encoding.encode(frame)
    twice = np.repeat(np.arange(ROWS), weight.astype(int))

    def pipeline() -> Any:
        return make_pipeline(SimpleImputer(strategy="constant", fill_value=0), LogisticRegression(tol=1e-10))

    weighted = EstimatorPart(pipeline(), encoding).fit(matrix, y, weight)
    repeated = EstimatorPart(pipeline(), encoding).fit(matrix[twice], y[twice])
    assert np.allclose(weighted.decision_function(matrix), repeated.decision_function(matrix), atol=1e-5)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (LogisticRegression, "not its class"),
        (RidgeClassifier(), "gives no probabilities"),
        (SimpleImputer(), "not a scikit-learn classifier"),
        ("boosting", "not a scikit-learn classifier"),
        (LogisticRegression(), "Input X contains NaN"),
    ],
)
def test_what_is_no_estimator_is_refused_in_words(estimator: Any, words: str) -> None:
    with pytest.raises(UsageError, match="estimator") as refused:
        learned(estimator)
    assert words in str(refused.value)


def test_signs_and_few_conversions_are_refused() -> None:
    with pytest.raises(UsageError, match="monotone is not passed on"):
        learned(boosted(), monotone={"age": 1})
    frame, y, time = history()
    few = np.where(np.cumsum(y) > 20, 0.0, y)
    with pytest.raises(UsageError, match="too few conversions to weigh"):
        train_model(frame, few, as_of=time, estimator=leaves())


def test_nothing_of_it_is_saved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be saved"):
        learned(leaves()).model.save(tmp_path)
    assert not list(tmp_path.iterdir())
