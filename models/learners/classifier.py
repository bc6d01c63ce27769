"""Shallow boosted trees with scikit-learn's interface: categories, gaps, a prior per row, exact contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from leadlens.features.errors import DataError
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.tree_check import check_trees
from leadlens.models.learners.tree_shap import TreeShap
from leadlens.models.statistics import expit, log_odds

Floats = NDArray[np.float64]
_WORTH_THREADS = 50_000_000  # cells of the matrix


class LeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary gradient boosting (LightGBM) that may start from a prior and explains itself exactly.

    Takes numeric arrays, and data frames with category, text, boolean and number columns. Missing values are
    a value of their own; categories unseen in training and infinities are missing.

    Parameters
    ----------
    n_trees, learning_rate : how many trees, and how much of each is taken.
    max_depth, num_leaves : size of a tree. Both are capped because the cost of an exact explanation
        grows with leaves times depth squared.
    min_child_samples : fewest training rows in a leaf.
    l2 : ridge on the leaves.
    feature_fraction, bagging_fraction : share of columns and of rows that a tree sees.
    cat_smooth : how strongly small categories are shrunk to the average.
    monotone : name (or position) of a column -> 1 (never falls) or -1 (never rises).
    categorical_features : positions of columns of an *array* that hold category codes 0, 1, …
    random_state : equal seeds give equal trees, on any number of threads.
    n_jobs : threads, at most; small data take one.

    Attributes
    ----------
    classes_ : the two labels; the second one is what is predicted.
    booster_ : the fitted LightGBM booster.

    Examples
    --------
    >>> frame = pd.DataFrame({"channel": ["ad", "fair"] * 50, "visits": range(100)})
    >>> converted = [0, 1] * 50
    >>> model = LeadClassifier(n_trees=20, min_child_samples=5).fit(frame, converted)
    >>> parts = model.contributions(frame)
    >>> parts.shape, bool(np.allclose(parts.sum(axis=1), model.decision_function(frame)))
    ((100, 3), True)
    """

    def __init__(
        self,
        n_trees: int = 80,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        num_leaves: int = 8,
        min_child_samples: int = 50,
        l2: float = 10.0,
        feature_fraction: float = 0.5,
        bagging_fraction: float = 0.8,
        cat_smooth: float = 50.0,
        monotone: Mapping[Any, int] | None = None,
        categorical_features: Sequence[int] | None = None,
        random_state: int = 0,
        n_jobs: int = 2,
    ) -> None:
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.l2 = l2
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.cat_smooth = cat_smooth
        self.monotone = monotone
        self.categorical_features = categorical_features
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, prior: ArrayLike | None = None
    ) -> Self:
        """Learn from rows X and two classes y.

        ``prior`` holds log-odds per row from which the trees start; they learn what it does not explain.
        Without it they start from the base rate.
        """
        matrix = self._matrix(X, fitting=True)
        check_classification_targets(y)
        label = column_or_1d(y, warn=True)
        if len(label) != len(matrix):
            raise ValueError(f"X has {len(matrix)} rows, y has {len(label)}: inconsistent numbers of samples")
        self.classes_, target = np.unique(label, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is multiclass "
                f"({len(self.classes_)} classes)."
            )
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, matrix)
        self.has_prior_ = prior is not None
        start = np.zeros(len(matrix)) if prior is None else self._prior(prior, len(matrix))
        if prior is None:  # not left to LightGBM: the explanation needs it apart
            self.intercept_ = log_odds(float(np.average(target, weights=weight)), len(target))
        else:
            self.intercept_ = 0.0
        data = lgb.Dataset(
            matrix,
            target,
            weight=weight,
            init_score=start + self.intercept_,
            categorical_feature=self._categorical(),
            params={**DATASET_SETTINGS, "num_threads": threads(matrix.size, self.n_jobs)},
        )
        self.__dict__.pop("_shap", None)  # of an earlier fit
        self.booster_ = lgb.train(
            booster_settings(self, self._signs(matrix.shape[1]), matrix.size),
            data,
            num_boost_round=self.n_trees,
        )
        return self

    def decision_function(self, X: Any, prior: ArrayLike | None = None) -> Floats:
        """Log-odds of the second class, the row's prior included if it is given."""
        check_is_fitted(self, "booster_")
        matrix = self._matrix(X)
        grown = self.booster_.predict(matrix, raw_score=True, num_threads=threads(matrix.size, self.n_jobs))
        raw = self.intercept_ + np.asarray(grown)
        return raw if prior is None else raw + self._prior(prior, len(matrix))

    def predict_proba(self, X: Any, prior: ArrayLike | None = None) -> Floats:
        """Probability of either class, in the order of ``classes_``."""
        second = expit(self.decision_function(X, prior))
        return np.column_stack([1 - second, second])

    def predict(self, X: Any, prior: ArrayLike | None = None) -> NDArray[Any]:
        """The more probable class."""
        second = self.decision_function(X, prior) > 0
        chosen: NDArray[Any] = self.classes_[second.astype(int)]
        return chosen

    def contributions(self, X: Any) -> Floats:
        """SHAP values: log-odds per row and column, and in the last column the base.

        Rows sum to ``decision_function(X)``, that is, without the row's prior, which the caller holds.
        """
        check_is_fitted(self, "booster_")
        matrix = self._matrix(X)
        parts = np.zeros((len(matrix), matrix.shape[1] + 1), order="F")
        parts[:, -1] = self.add_to(parts[:, :-1], matrix, 1.0)
        return parts

    def add_to(self, parts: Floats, matrix: Floats, share: float) -> float:
        """Add a share of the SHAP values of encoded rows (one at least) to ``parts``; returns the base."""
        if (shap := self._tree_shap()) is not None:
            shap.add_to(parts, matrix, share)
            return shap.base_value + self.intercept_
        # of deep trees
        found = np.asarray(self.booster_.predict(matrix, pred_contrib=True, num_threads=self.n_jobs))
        for at in range(parts.shape[1]):
            parts[:, at] += share * found[:, at]
        return float(found[0, -1]) + self.intercept_

    def to_dict(self) -> dict[str, Any]:
        """JSON: the settings, the columns, and the trees as LightGBM's own text."""
        check_is_fitted(self, "booster_")
        encoding = getattr(self, "encoding_", None)
        settings = self.get_params(deep=False)
        settings["monotone"] = (
            None if self.monotone is None else [[k, int(v)] for k, v in self.monotone.items()]
        )
        if self.categorical_features is not None:
            settings["categorical_features"] = [int(at) for at in self.categorical_features]
        return {
            "settings": settings,
            "classes": self.classes_.tolist(),
            "start": self.intercept_,
            "has_prior": self.has_prior_,
            "n_features": self.n_features_in_,
            "encoding": None if encoding is None else encoding.to_dict(),
            "trees": self.booster_.model_to_string(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LeadClassifier:
        """The inverse of ``to_dict``: predictions come out bit for bit."""
        settings = dict(data["settings"])
        if settings["monotone"] is not None:
            settings["monotone"] = dict(settings["monotone"])
        model = cls(**settings)
        model.classes_ = np.array(data["classes"])
        model.intercept_, model.has_prior_ = float(data["start"]), bool(data["has_prior"])
        model.n_features_in_ = int(data["n_features"])
        if data["encoding"] is not None:
            model.encoding_ = Encoding.from_dict(data["encoding"])
            model.feature_names_in_ = np.array(model.encoding_.names, dtype=object)
        check_trees(data["trees"], model.n_features_in_)
        try:
            model.booster_ = lgb.Booster(model_str=data["trees"])
        except (lgb.basic.LightGBMError, ValueError) as error:
            raise DataError("the trees of this model cannot be read", why=str(error)) from None
        return model

    def _matrix(self, X: Any, fitting: bool = False) -> Floats:
        """X as encoded numbers, checked against the columns seen at fitting."""
        if (
            isinstance(X, pd.DataFrame)
            and all(isinstance(name, str) for name in X.columns)
            and X.shape[1] > 0
        ):
            if not fitting and not hasattr(self, "encoding_"):
                X = X.to_numpy(dtype=float)
            else:
                validate_data(self, X, reset=fitting, skip_check_array=True)
                if fitting:
                    self.encoding_ = Encoding.of(X)
                if len(X) == 0:
                    raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
                return self.encoding_.encode(X)
        matrix: Floats = validate_data(self, X, reset=fitting, dtype=np.float64, ensure_all_finite=False)
        if fitting:
            self.__dict__.pop("encoding_", None)
        return np.where(np.isinf(matrix), np.nan, matrix) if np.isinf(matrix).any() else matrix

    def _tree_shap(self) -> TreeShap | None:
        """The trees ready to explain rows, made once."""
        if "_shap" not in self.__dict__:
            self._shap = TreeShap.of(self.booster_.model_to_string())
        return self._shap

    def _categorical(self) -> list[int]:
        if hasattr(self, "encoding_"):
            return np.flatnonzero(self.encoding_.categorical).tolist()
        return list(self.categorical_features or [])

    def _signs(self, width: int) -> list[int]:
        """One sign per column; a name that is not a column is refused."""
        signs, names = [0] * width, list(self.encoding_.names) if hasattr(self, "encoding_") else []
        categorical = set(self._categorical())
        for key, sign in (self.monotone or {}).items():
            at = names.index(key) if key in names else key
            if not isinstance(at, int | np.integer) or not 0 <= at < width:
                raise DataError("monotone names an unknown column", value=key, known=names)
            if sign not in (-1, 0, 1):
                raise DataError(
                    "monotone knows 1 (never falls), -1 (never rises) and 0", value=sign, where=str(key)
                )
            if at not in categorical:
                signs[at] = int(sign)
        return signs

    def _prior(self, prior: ArrayLike, rows: int) -> Floats:
        values: Floats = check_array(prior, ensure_2d=False, dtype=np.float64)
        if values.shape != (rows,):
            raise ValueError(f"prior must hold one log-odds per row: ({rows},), got {values.shape}")
        return values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags


DATASET_SETTINGS = {"max_bin": 63, "min_data_in_bin": 3, "feature_pre_filter": False, "verbosity": -1}


def threads(cells: int, wanted: int) -> int:
    """Small data take one thread: synchronisation costs more than it gains, most of all on a busy machine."""
    return wanted if cells >= _WORTH_THREADS else 1


def booster_settings(trees: LeadClassifier, signs: Sequence[int], cells: int) -> dict[str, Any]:
    """LightGBM's names for the settings, with all that makes runs reproducible."""
    settings: dict[str, Any] = {
        "objective": "binary",
        "boost_from_average": False,
        "learning_rate": trees.learning_rate,
        "max_depth": trees.max_depth,
        "num_leaves": trees.num_leaves,
        "min_data_in_leaf": trees.min_child_samples,
        "lambda_l2": trees.l2,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "bagging_freq": 1 if trees.bagging_fraction < 1 else 0,
        "cat_smooth": trees.cat_smooth,
        "cat_l2": 20.0,
        "min_data_per_group": min(50, max(2 * trees.min_child_samples, 1)),
        "max_cat_threshold": 16,
        "seed": trees.random_state,
        "deterministic": True,
        "force_col_wise": True,  # on few threads 1.5 times as fast over many columns as by rows; the same trees
        "num_threads": threads(cells, trees.n_jobs),
        **DATASET_SETTINGS,
    }
    if any(signs):
        settings |= {"monotone_constraints": list(signs), "monotone_constraints_method": "intermediate"}
    return settings
