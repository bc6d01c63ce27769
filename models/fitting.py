"""The parts of a model fitted to rows, and its level set to what the latest rows did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlens.models.folds import Fold, grouped_folds
from leadlens.models.lead_model import LeadModel, SheetPrior
from leadlens.models.learners.calibration import AffineCalibration, intercept_shift
from leadlens.models.learners.estimator import EstimatorParams
from leadlens.models.learners.linear_fit import AdditiveDesign
from leadlens.models.learners.parts import ModelParams
from leadlens.models.little_data import believed, fit_average
from leadlens.models.rows import Rows
from leadlens.models.scorecard.scoring.probability import calibrate_points
from leadlens.models.statistics import log_odds
from leadlens.models.tuning import Tuned

Floats = NDArray[np.float64]
FEW_FOLDS = 5  # of whole leads, where conversions are few
_MOST_BELIEVED = 20_000  # rows that say which strength is believed


def fit(rows: Rows, tuned: Tuned, seed: int, n_jobs: int) -> LeadModel:
    """All parts on all rows; the intercept is still that of the fit."""
    params, sheet = tuned.params, _sheet(rows)
    prior = None if sheet is None else sheet.line.log_odds(np.asarray(rows.total))
    total = float(tuned.weights.sum())
    even = np.full(len(tuned.weights), 1 / len(tuned.weights))
    share = tuned.weights / total if total > 1e-6 else even
    share = share if sheet is not None else np.append(0.0, share)
    linear = AdditiveDesign(rows.matrix, rows.encoding.categorical, rows.signs, rows.weight).fit(
        rows.y, params.linear_strength, prior
    )
    trees = None
    if share[2] > 0:
        trees = _trees(params, rows, seed, n_jobs).fit(
            rows.matrix, rows.y, rows.weight, prior=prior if params.trees_on_sheet else None
        )
    return LeadModel(
        encoding=rows.encoding,
        average_log_odds=log_odds(rows.base_rate, len(rows.y)),
        sheet=sheet,
        linear=linear if share[1] > 0 else None,
        trees=trees,
        weights=(float(share[0]), float(share[1]), float(share[2])),
        trees_on_sheet=params.trees_on_sheet,
        calibration=AffineCalibration(0.0, max(total, 1e-3)),
    )


def _trees(params: ModelParams | EstimatorParams, rows: Rows, seed: int, n_jobs: int) -> Any:
    trees = params.trees(seed, n_jobs, np.flatnonzero(rows.encoding.categorical).tolist())
    return trees.set_params(monotone={at: sign for at, sign in enumerate(rows.signs) if sign} or None)


def _sheet(rows: Rows) -> SheetPrior | None:
    if rows.points is None:
        return None
    line = calibrate_points(np.asarray(rows.total), rows.y, rows.weight)
    centre = np.average(rows.points, axis=0, weights=rows.weight)
    return SheetPrior(rows.names, line, tuple(centre.tolist()))


def without_learning(rows: Rows) -> LeadModel:
    """The calibrated sheet, or the base rate without one."""
    sheet, average = _sheet(rows), log_odds(rows.base_rate, len(rows.y))
    shift = AffineCalibration(average if sheet is None else 0.0, 1.0)
    return LeadModel(
        encoding=rows.encoding.take(()),
        average_log_odds=average,
        sheet=sheet,
        calibration=shift,
        about=counts(rows),
    )


def fit_few(rows: Rows, folds: Sequence[Fold]) -> LeadModel:
    """The sheet's line and an additive part, where conversions are too few to choose settings by."""
    model = LeadModel(
        encoding=rows.encoding,
        average_log_odds=log_odds(rows.base_rate, len(rows.y)),
        sheet=_sheet(rows),
        linear=fit_average(rows, believed(rows, folds)),
        weights=(0.0, 1.0, 0.0),
        about=counts(rows),
    )
    return at_recent_base_rate(model, rows, 1.0)


def steadied(model: LeadModel, rows: Rows, groups: NDArray[Any] | None, share: float, seed: int) -> LeadModel:
    """The model with a ``share`` of the average of all strengths in it, which few conversions cannot lead astray.

    ``rows`` are those it was fitted on, ``groups`` their leads. The sum is one of sheet, additive part and trees again.
    """
    if not share:
        return model
    some, at = rows.fewer(_MOST_BELIEVED, seed)
    folds = grouped_folds(some.y, None if groups is None else groups[at], FEW_FOLDS, seed)
    average, slope = fit_average(rows, believed(some, folds)), model.calibration.slope
    of_sheet, of_linear, of_trees = ((1 - share) * slope * weight for weight in model.weights)
    linear = average
    if model.linear is not None:
        linear = model.linear.plus(average, (of_linear / (of_linear + share), share / (of_linear + share)))
    total = of_sheet + of_linear + share + of_trees
    return replace(
        model,
        linear=linear,
        weights=(of_sheet / total, (of_linear + share) / total, of_trees / total),
        calibration=AffineCalibration(0.0, total),
    )


def counts(rows: Rows) -> dict[str, Any]:
    """For the model's ``about``; ``stands_for`` where rows are weighted."""
    counted = {"rows": len(rows.y), "conversions": int(rows.y.sum())}
    return counted if rows.weight is None else {**counted, "stands_for": round(float(rows.weight.sum()), 3)}


def at_recent_base_rate(model: LeadModel, rows: Rows, window: float) -> LeadModel:
    """Shift the model to the base rate of the latest ``window`` of its rows, whose average lead scores 50."""
    latest = rows.take(rows.latest(window))
    margin, label = model.calibration.log_odds(model.margin(latest.matrix, latest.points)), latest.y
    return replace(
        model,
        average_log_odds=log_odds(latest.base_rate, len(label)),
        calibration=replace(model.calibration, shift=intercept_shift(margin, label, weight=latest.weight)),
    )
