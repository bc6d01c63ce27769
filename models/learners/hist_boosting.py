"""scikit-learn's HistGradientBoosting read as LightGBM's text of a model, whose SHAP values know categories.

shap reads the thresholds of its nodes alone: of categories it makes numbers, or nothing. LightGBM asks the same questions
at its nodes and has exact path-dependent SHAP values for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_UNKNOWN = 255  # the code of a missing or unseen category: those of known ones end at 254
_CATEGORICAL, _MISSING_LEFT, _NAN_IS_MISSING = 1, 2, 8


def is_hist_boosting(estimator: Any) -> bool:
    """Whether it is a fitted classifier of this kind, for two classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return isinstance(estimator, HistGradientBoostingClassifier) and estimator.n_trees_per_iteration_ == 1


def hist_contributions(estimator: Any, frame: Any) -> tuple[Floats, float]:
    """SHAP values in log-odds, (rows, columns of ``frame``), and the base value."""
    import lightgbm as lgb

    encoded = np.array(estimator._preprocess_X(frame, reset=False), dtype=np.float64)
    place, categorical = _places(estimator, encoded.shape[1])
    codes = encoded[:, categorical]
    encoded[:, categorical] = np.where(np.isnan(codes), _UNKNOWN, codes)
    base, columns = float(np.ravel(estimator._baseline_prediction)[0]), encoded.shape[1]
    trees = [tree for (tree,) in estimator._predictors]
    base += sum(float(tree.nodes["value"][0]) for tree in trees if len(tree.nodes) == 1)
    grown = [tree for tree in trees if len(tree.nodes) > 1]
    if not grown:
        return np.zeros((len(encoded), columns)), base
    text = "\n".join(
        [*_head(columns), *(line for at, tree in enumerate(grown) for line in _tree(at, tree)), *_END]
    )
    # One thread, as elsewhere in a run: rows are few.
    found = np.asarray(lgb.Booster(model_str=text).predict(encoded, pred_contrib=True, num_threads=1))
    return found[:, :-1][:, place], base + float(found[0, -1])


def _places(estimator: Any, columns: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each column of the frame stands among those that the trees read, and which of these are categories."""
    if estimator.is_categorical_ is None:
        return np.arange(columns), np.zeros(columns, dtype=bool)
    first = np.asarray(estimator.is_categorical_, dtype=bool)  # the trees read the categories first
    order = np.r_[np.flatnonzero(first), np.flatnonzero(~first)]
    return np.argsort(order), first[order]


def _head(columns: int) -> list[str]:
    names = " ".join(f"Column_{at}" for at in range(columns))
    return [
        *("tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0"),
        f"max_feature_idx={columns - 1}",
        "objective=binary sigmoid:1",
        f"feature_names={names}",
        f"feature_infos={' '.join(['none'] * columns)}",
        "",
    ]


_END = ("end of trees", "", "parameters:", "end of parameters", "")


def _tree(number: int, tree: Any) -> Iterator[str]:
    nodes, inner = tree.nodes, tree.nodes["is_leaf"] == 0
    splits, leaves = nodes[inner], nodes[~inner]
    # LightGBM counts nodes and leaves apart, and writes the leaf n as -1 - n.
    number_of = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))
    is_set = splits["is_categorical"] == 1
    words = [
        _left_codes(tree.raw_left_cat_bitsets[node["bitset_idx"]], bool(node["missing_go_to_left"]))
        for node in splits[is_set]
    ]
    missing = np.where(splits["missing_go_to_left"] == 1, _MISSING_LEFT, 0) | _NAN_IS_MISSING
    fields: dict[str, Any] = {
        "num_leaves": [len(leaves)],
        "num_cat": [len(words)],
        "split_feature": splits["feature_idx"],
        "threshold": np.where(is_set, np.cumsum(is_set) - 1.0, splits["num_threshold"]),
        "decision_type": np.where(is_set, _CATEGORICAL | _NAN_IS_MISSING, missing),
        "left_child": number_of[splits["left"]],
        "right_child": number_of[splits["right"]],
        "leaf_value": leaves["value"],
        "leaf_count": leaves["count"],
        "internal_value": splits["value"],
        "internal_count": splits["count"],
        **(
            {"cat_boundaries": np.cumsum([0, *map(len, words)]), "cat_threshold": np.concatenate(words)}
            if words
            else {}
        ),
        "is_linear": [0],
        "shrinkage": [1],
    }
    yield f"Tree={number}"
    for name, values in fields.items():
        yield f"{name}={' '.join(map(repr, np.asarray(values).tolist()))}"
    yield ""


def _left_codes(bits: NDArray[np.uint32], missing_left: bool) -> NDArray[np.uint32]:
    """The codes that go left, a bit each, with that of missing and unseen categories."""
    words = np.array(bits, dtype=np.uint32)
    if missing_left:
        words[_UNKNOWN // 32] |= np.uint32(1 << _UNKNOWN % 32)
    return words
