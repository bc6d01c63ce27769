"""The looked-up SHAP values are those of the definition, of LightGBM and of the shap package, whatever the trees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import shap
from numpy.typing import NDArray

from leadlens.models.learners.tree_shap import TreeShap
from leadlens.models.learners.tree_text import Tree, read_trees

Floats = NDArray[np.float64]
CATEGORIES = 70  # more than the bits of two words


def rows(count: int, seed: int) -> Floats:
    """Numbers with ties, gaps in one of them, a number that is never missing in training, and two categories."""
    rng = np.random.default_rng(seed)
    some = rng.normal(size=count).round(1)
    gaps = np.where(rng.random(count) < 0.3, np.nan, rng.exponential(size=count))
    codes = rng.integers(0, CATEGORIES, (2, count)).astype(float)
    codes[1, rng.random(count) < 0.2] = np.nan
    return np.column_stack([some, gaps, rng.integers(-2, 3, count), *codes, rng.random(count)])


def forest(seed: int = 0, trees: int = 30, count: int = 2000, **settings: Any) -> lgb.Booster:
    x = rows(count, seed)
    pull = x[:, 0] + np.nan_to_num(x[:, 1], nan=2.0) * (x[:, 2] > 0) + (x[:, 3] % 3 == 0) * x[:, 5]
    y = np.random.default_rng(seed).random(count) < 1 / (1 + np.exp(-pull))
    given = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "seed": seed,
             "min_data_per_group": 3, "cat_smooth": 1.0, "max_cat_to_onehot": 1}  # fmt: skip
    data = lgb.Dataset(x, y, categorical_feature=[3, 4], params={"verbosity": -1})
    return lgb.train({**given, "bagging_fraction": 0.7, "bagging_freq": 1, **settings}, data, trees)


def odd_rows() -> Floats:
    """New rows, among them gaps everywhere, codes that were never seen, and values on the very thresholds."""
    x = rows(300, seed=99)
    x[0], x[1] = np.nan, 0.0
    x[2, 3:5], x[3, 3:5], x[4, 3:5] = CATEGORIES + 100, -1, 31
    x[5:20, 0] = np.nan
    x[20:40, 2] = np.nan
    return x


def explained(booster: lgb.Booster, x: Floats) -> Floats:
    found = TreeShap.of(booster.model_to_string())
    assert found is not None
    return found.contributions(x)


SHAPES = {
    "stumps": {"num_leaves": 2},
    "as a lead model's": {"max_depth": 3, "num_leaves": 8},
    "the largest of a lead model": {"max_depth": 5, "num_leaves": 24},
    "of one feature": {"max_depth": 5, "num_leaves": 24, "interaction_constraints": [[0], [1], [3]]},
    "as deep as can be": {"max_depth": 7, "num_leaves": 100},
    "of large leaves": {"max_depth": 4, "min_data_in_leaf": 300},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_those_of_lightgbm(shape: str, seed: int) -> None:
    booster, x = forest(seed, **SHAPES[shape]), odd_rows()
    np.testing.assert_allclose(
        explained(booster, x), np.asarray(booster.predict(x, pred_contrib=True)), atol=1e-12
    )


def test_they_are_those_of_the_shap_package() -> None:
    booster, x = forest(max_depth=4, num_leaves=16), odd_rows()
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    values = explainer.shap_values(x)
    values = values[1] if isinstance(values, list) else values  # of the second class
    np.testing.assert_allclose(explained(booster, x)[:, :-1], values, atol=1e-9)


def test_they_are_those_of_the_definition() -> None:
    booster, x = forest(trees=4, max_depth=4, num_leaves=10), odd_rows()[:25]
    trees = read_trees(booster.model_to_string())
    np.testing.assert_allclose(explained(booster, x), [list(_defined(trees, row)) for row in x], atol=1e-12)


def test_a_row_is_explained_alike_in_any_table() -> None:
    booster, x = forest(max_depth=5, num_leaves=24), rows(700, seed=5)
    whole = explained(booster, x)
    for place in (0, 255, 256, 699):
        np.testing.assert_array_equal(explained(booster, x[[place]])[0], whole[place])
    np.testing.assert_array_equal(explained(booster, np.asfortranarray(x)), whole)


def test_a_tree_without_a_split_is_in_the_base_value() -> None:
    booster = forest(trees=2, min_data_in_leaf=1900)
    assert all(not len(tree.feature) for tree in read_trees(booster.model_to_string()))
    x = odd_rows()
    np.testing.assert_allclose(explained(booster, x), np.asarray(booster.predict(x, pred_contrib=True)))


def test_deeper_trees_are_left_to_lightgbm() -> None:
    booster = forest(trees=5, num_leaves=200)
    assert TreeShap.of(booster.model_to_string()) is None


def _defined(trees: list[Tree], row: Floats) -> Iterator[float]:
    """Shapley's formula over every subset of the features, and the value of the empty one."""
    size = len(row)
    for feature in range(size):
        others = [other for other in range(size) if other != feature]
        yield sum(
            math.factorial(count) * math.factorial(size - 1 - count) / math.factorial(size)
            * (_expected(trees, row, {*known, feature}) - _expected(trees, row, set(known)))
            for count in range(size)
            for known in combinations(others, count)
        )  # fmt: skip
    yield _expected(trees, row, set())


def _expected(trees: list[Tree], row: Floats, known: set[int]) -> float:
    """What the trees give where only these features are known: at others, both ways by their training rows."""

    def below(tree: Tree, child: int) -> float:
        if child < 0:
            return float(tree.leaf_value[-1 - child])
        left, right = int(tree.left[child]), int(tree.right[child])
        if tree.feature[child] in known:
            return below(tree, left if _goes_left(tree, child, row[tree.feature[child]]) else right)
        share = tree.rows_of(left) / tree.rows_of(child)
        return share * below(tree, left) + (1 - share) * below(tree, right)

    return sum(below(tree, 0 if len(tree.feature) else -1) for tree in trees)


def _goes_left(tree: Tree, node: int, value: float) -> bool:
    codes = tree.categories[node]
    if codes is not None:
        return value in codes
    return bool(tree.missing_left[node] if math.isnan(value) else value <= tree.threshold[node])
