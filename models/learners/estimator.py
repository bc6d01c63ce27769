"""Any scikit-learn classifier in the place of the trees: fitted on the folds as they are, explained by shap where it can."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import DataError, UsageError
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.hist_boosting import hist_contributions, is_hist_boosting
from leadlens.models.statistics import logit

Floats = NDArray[np.float64]
_REFUSED = re.compile(r'[][{}",:<>]')
_EXACT = 1e-5  # log-odds that contributions may be off
_BACKGROUND = 200  # rows that stand for the average of a linear estimator


@dataclass(frozen=True, kw_only=True)
class EstimatorParams:
    """What ``ModelParams`` is for the trees: the strength of the additive part, and the estimator beside it."""

    estimator: Any
    encoding: Encoding
    linear_strength: float = 0.01
    trees_on_sheet: bool = False

    def trees(self, seed: int, n_jobs: int, categorical: Sequence[int] = ()) -> EstimatorPart:
        """An unfitted part; the estimator keeps its own seed and threads."""
        return EstimatorPart(self.estimator, self.encoding)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"estimator": described(self.estimator), "linear_strength": self.linear_strength}


class EstimatorPart:
    """A classifier that reads a data frame, as a part of a lead model, which reads encoded rows.

    It is fitted on numbers with NaN for what is unknown, and on pandas categories, in columns named as the features are, with
    ``_`` for characters that LightGBM and XGBoost refuse in names. Its log-odds are those of
    ``predict_proba``, which may not be surer than half a row of those that it learned from.
    """

    def __init__(self, estimator: Any, encoding: Encoding) -> None:
        self.estimator, self.encoding = estimator, encoding

    def set_params(self, *, monotone: dict[int, int] | None = None) -> EstimatorPart:
        """Raises ``UsageError`` where signs are asked for: the estimator's own settings say them."""
        if monotone:
            raise UsageError(
                "monotone is not passed on to an estimator of your own",
                value=type(self.estimator).__name__,
                fix="say it in the estimator's own settings",
            )
        return self

    def fit(
        self, matrix: Floats, y: Floats, weight: Floats | None = None, *, prior: Floats | None = None
    ) -> EstimatorPart:
        """Fit a copy. Raises ``UsageError`` with the estimator's own words where it cannot learn from these rows."""
        from sklearn.base import clone

        fitted = clone(self.estimator)
        named = {} if weight is None else {_weight_name(fitted): weight}
        frame = self.frame(matrix)
        try:
            fitted.fit(frame, y.astype(int), **named)
        except (TypeError, ValueError) as error:
            raise UsageError(
                "the estimator cannot learn from these rows",
                value=type(self.estimator).__name__,
                why=str(error).strip().partition("\n")[0],
                fix="unknown values are NaN and categories are pandas categories: put it in a Pipeline that prepares "
                "them, such as make_pipeline(make_column_transformer(…), estimator)",
            ) from None
        made = EstimatorPart(fitted, self.encoding)
        made.edge = 0.5 / len(y)
        made.background = frame.iloc[np.linspace(0, len(frame) - 1, min(len(frame), _BACKGROUND)).astype(int)]
        return made

    edge: float
    background: pd.DataFrame

    def frame(self, matrix: Floats) -> pd.DataFrame:
        """Encoded rows as the estimator reads them."""
        columns: dict[str, Any] = {}
        for at, (plain, levels) in enumerate(zip(self.encoding.names, self.encoding.levels, strict=True)):
            name = _REFUSED.sub("_", plain)
            name = name if name not in columns else f"{name}_{at}"
            columns[name] = matrix[:, at]
            if levels is not None:
                codes = np.nan_to_num(matrix[:, at], nan=-1).astype(int)
                columns[name] = pd.Categorical.from_codes(codes, categories=pd.Index(levels))
        return pd.DataFrame(columns)

    def decision_function(self, matrix: Floats) -> Floats:
        """Log-odds per row."""
        return self._log_odds(self.frame(matrix))

    def _log_odds(self, frame: pd.DataFrame) -> Floats:
        return logit(self.estimator.predict_proba(frame)[:, 1], self.edge)

    def contributions(self, matrix: Floats) -> Floats:
        """SHAP values in log-odds per column, the base value last: (rows, columns + 1).

        Raises ``DataError`` where shap cannot say what each column adds to the log-odds, exact to 1e-5.
        """
        frame, estimator, background = self.frame(matrix), self.estimator, self.background
        order = list(range(frame.shape[1]))
        try:
            if hasattr(estimator, "steps"):
                prepare, estimator = estimator[:-1], estimator[-1]
                made = [str(name) for name in prepare.get_feature_names_out()]
                if sorted(made) != sorted(frame.columns):
                    raise ValueError("its steps change the columns that they are given")
                order = [made.index(name) for name in frame.columns]
                frame, background = (
                    pd.DataFrame(np.asarray(prepare.transform(part)), columns=made)
                    for part in (frame, background)
                )
            values, base = _shap_values(estimator, frame, background)
            values = values[:, order]
        except Exception as error:  # shap raises whatever its model readers do
            raise self._unexplained(str(error).strip().partition("\n")[0] or type(error).__name__) from None
        off = np.abs(base + values.sum(axis=1) - self.decision_function(matrix)).max()
        if not off < _EXACT:
            raise self._unexplained(f"shap's values do not add up to its log-odds: they are off by {off:.2g}")
        return np.column_stack([values, np.full(len(values), base)])

    def add_to(self, parts: Floats, matrix: Floats, share: float) -> float:
        """Add a share of the SHAP values of encoded rows (one at least) to ``parts``; returns the base. Raises as above."""
        values = self.contributions(matrix)
        parts += share * values[:, :-1]
        return float(values[0, -1])

    def _unexplained(self, why: str) -> DataError:
        return DataError(
            "shap cannot explain this estimator in log-odds, column by column",
            value=described(self.estimator),
            why=why,
            fix="its figures are valid; to get reasons, use gradient boosting or a linear model, with steps that keep the columns "
            "and their names. Categories work with LightGBM and HistGradientBoosting; for others turn them into numbers "
            "first: OrdinalEncoder",
        )

    def to_dict(self) -> dict[str, Any]:
        """Raises ``UsageError``: only parts that are plain numbers are saved."""
        raise UsageError(
            "a model with your own estimator cannot be saved",
            value=described(self.estimator),
            why="it could only be kept as a pickle, which runs whatever code it holds when it is loaded",
            fix="compare it with the model of the same rows, and keep what it shows in features or in the sheet",
        )


def _shap_values(estimator: Any, frame: pd.DataFrame, background: pd.DataFrame) -> tuple[Floats, float]:
    """SHAP values (rows, columns) and the base value, in whatever the explainer takes for the estimator's output."""
    if is_hist_boosting(estimator):
        return hist_contributions(estimator, frame)
    import shap

    explainer = (
        shap.LinearExplainer(estimator, background)
        if hasattr(estimator, "coef_")
        else shap.TreeExplainer(estimator)
    )
    values = np.asarray(explainer.shap_values(frame), dtype=np.float64)
    if values.ndim == 3:  # one table per class
        values = values[:, :, -1]
    return values, float(np.ravel(explainer.expected_value)[-1])


def takes_weights(estimator: Any) -> bool:
    """Whether rows can count more or less in its fit."""
    from sklearn.utils.validation import has_fit_parameter

    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return bool(has_fit_parameter(last, "sample_weight"))


def _weight_name(estimator: Any) -> str:
    if not takes_weights(estimator):
        raise UsageError(
            "the rows are a weighted sample, and this estimator takes no weights",
            value=described(estimator),
            why="its probabilities would be those of the sample",
            fix="raise engine.memory so that all rows fit, or take an estimator whose fit has sample_weight",
        )
    return f"{estimator.steps[-1][0]}__sample_weight" if hasattr(estimator, "steps") else "sample_weight"


def described(estimator: Any) -> str:
    """The estimator and its settings in one line."""
    return " ".join(repr(estimator).split())


def check_estimator(estimator: Any) -> None:
    """Raise ``UsageError`` for what is no classifier with probabilities."""
    from sklearn.base import is_classifier

    name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
    if isinstance(estimator, type):
        raise UsageError("give an estimator, not its class", value=name, fix=f"estimator={name}()")
    if not hasattr(estimator, "get_params") or not is_classifier(estimator):
        raise UsageError(
            "the estimator is not a scikit-learn classifier",
            value=estimator if isinstance(estimator, str) else name,
            why="whether a lead converts is learned as one of two classes, with a probability",
            fix=f"use the classifier of its kind: {name.replace('Regressor', 'Classifier')}()"
            if "Regressor" in name
            else "give one with its settings: estimator=HistGradientBoostingClassifier()",
        )
    if not hasattr(estimator, "predict_proba"):
        raise UsageError(
            "the estimator gives no probabilities",
            value=name,
            why="scores are log-odds",
            fix=f"wrap it: CalibratedClassifierCV({name}()); SVC takes probability=True",
        )
