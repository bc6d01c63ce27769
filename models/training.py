"""From rows to a model: time proxies out, folds in time order, tuning, fitting, the latest base rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import DataError, UsageError
from models.data_checks.time_proxy import TimeProxy, find_time_proxies
from models.folds import Fold, as_numbers, make_folds
from models.lead_model import LeadModel, RulePoints, SheetPrior
from models.learners.calibration import AffineCalibration, intercept_shift
from models.learners.encoding import Encoding
from models.learners.linear import AdditiveDesign
from models.learners.parts import ModelParams
from models.scorecard.scoring.probability import PointsCalibration, calibrate_points
from models.statistics import log_loss, log_odds, roc_auc, weighted_mean
from models.tuning import Tuned, tune

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
_WINDOWS = (1.0, 0.3, 0.1)  # shares of the latest rows whose base rate may serve for the next leads
_FEWEST_IN_WINDOW = 20  # conversions, and as many leads that did not convert


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a model is trained.

    Attributes
    ----------
    trials : of the search; 0 takes the defaults with the weights of one trial.
    folds : blocks of later rows that validate a trial.
    fewest_conversions : with fewer the model is the calibrated sheet, or the base rate without one.
    drop_time_proxies : leave out columns that encode the as-of time.
    storage, study_name : where the study is kept, so that it can be resumed; in memory by default.
    n_jobs : threads. The result does not depend on them.
    """

    trials: int = 20
    folds: int = 4
    fewest_conversions: int = 30
    drop_time_proxies: bool = True
    storage: Any = None
    study_name: str | None = None
    n_jobs: int = 2


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model and how it came about.

    Attributes
    ----------
    model : ready to score, explain and save.
    kind : ``"learned"``, ``"sheet"`` (too few conversions: the calibrated sheet) or ``"base rate"``.
    dropped : the time-proxy columns that were left out.
    tuned : the study, or None where nothing was searched.
    folds : one row per fold: rows, conversions, AUC and log loss of model and sheet on its validation rows.
    base_rate_window : the share of the latest rows that the base rate comes from, and the log loss of each.
    """

    model: LeadModel
    kind: str
    dropped: list[TimeProxy] = field(default_factory=list)
    tuned: Tuned | None = None
    folds: pd.DataFrame = field(default_factory=pd.DataFrame)
    base_rate_window: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Encoded rows; ``points`` has one column per name of the sheet's parts, ``weight`` is None for equal weights."""

    encoding: Encoding
    matrix: Floats
    y: Floats
    time: Floats | None
    signs: list[int]
    points: Floats | None
    names: tuple[str, ...]
    weight: Floats | None = None

    @property
    def base_rate(self) -> float:
        """Share of the rows that converted."""
        return weighted_mean(self.y, self.weight)

    @property
    def total(self) -> Floats | None:
        return None if self.points is None else self.points.sum(axis=1)

    def take(self, at: NDArray[np.intp]) -> _Rows:
        return replace(
            self,
            matrix=self.matrix[at],
            y=self.y[at],
            time=None if self.time is None else self.time[at],
            points=None if self.points is None else self.points[at],
            weight=None if self.weight is None else self.weight[at],
        )


def train_model(
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    as_of: ArrayLike | None = None,
    lead_id: ArrayLike | None = None,
    horizon: Any = None,
    rule_points: RulePoints = None,
    weight: ArrayLike | None = None,
    monotone: Mapping[str, int] | None = None,
    settings: TrainSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train on the rows given, which must be mature.

    Parameters
    ----------
    X : one row per (lead, as_of); number and category columns.
    y : 0 or 1, no gaps.
    as_of : time or position of each row; without it (or with one time for all) whole leads are dealt into
        folds by ``seed`` instead of later rows validating earlier ones.
    lead_id : so that no lead is on both sides of a fold.
    horizon : the label's window; the embargo between the sides of a fold.
    rule_points : the hand-written sheet's total per row, or its parts as columns (their sum is the total).
    weight : how many rows each stands for; 1 by default. Whatever is estimated goes by weights, whatever asks
        for enough evidence (conversions, rows of a leaf or of a category) counts rows.
    monotone : column -> 1 (more never means less) or -1.
    progress : called as ``progress(what, done, of)``.

    Raises
    ------
    DataError : one class only, gaps in the label, lengths that differ, a weight that is not positive, a column
        that cannot be learned from.
    UsageError : ``monotone`` names a column that is not there.
    """
    settings, progress = settings or TrainSettings(), progress or (lambda what, done, of: None)
    label, weights = _label(y, len(X)), _weight(weight, len(X))
    time = None if as_of is None else as_numbers(_as_long(as_of, len(X), "as_of"))
    dropped = (
        find_time_proxies(X, pd.Series(time), weight=weights)
        if time is not None and settings.drop_time_proxies
        else []
    )
    encoding = Encoding.of(X.drop(columns=[column.name for column in dropped]))
    points, names = _points(rule_points, len(X))
    rows = _Rows(
        encoding=encoding,
        matrix=encoding.encode(X),
        y=label,
        time=time,
        signs=_signs(monotone, encoding, X),
        points=points,
        names=names,
        weight=weights,
    )
    fewest = int(min(label.sum(), len(label) - label.sum()))
    groups = None if lead_id is None else _as_long(lead_id, len(X), "lead_id")
    folds = (
        make_folds(label, time, groups, _seconds(horizon), n_folds=settings.folds, seed=seed, weight=weights)
        if fewest >= settings.fewest_conversions and encoding.names
        else []
    )
    if not folds:
        kind = "base rate" if points is None else "sheet"
        return TrainedModel(model=_without_learning(rows), kind=kind, dropped=dropped)
    tuned = tune(
        rows.matrix,
        label,
        folds,
        categorical=encoding.categorical,
        points=rows.total,
        weight=weights,
        monotone=rows.signs,
        n_trials=max(settings.trials, 1),
        seed=seed,
        storage=settings.storage,
        study_name=settings.study_name,
        n_jobs=settings.n_jobs,
        callback=lambda done, of, best: progress(f"tuning, best log loss {best:.4f}", done, of),
    )
    window, costs, figures = _choose_window(
        rows, folds, tuned, seed=seed, n_jobs=settings.n_jobs, progress=progress
    )
    progress("fitting", 0, 1)
    model = _at_recent_base_rate(_fit(rows, tuned, seed, settings.n_jobs), rows, window)
    about = {
        **_counts(rows),
        "params": tuned.params.to_dict(),
        "level_window": window,
        "seed": seed,
    }
    progress("fitting", 1, 1)
    return TrainedModel(
        model=replace(model, about=about),
        kind="learned",
        dropped=dropped,
        tuned=tuned,
        folds=figures,
        base_rate_window={"window": window, "log_loss_by_window": costs},
    )


def _fit(rows: _Rows, tuned: Tuned, seed: int, n_jobs: int) -> LeadModel:
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


def _trees(params: ModelParams, rows: _Rows, seed: int, n_jobs: int) -> Any:
    trees = params.trees(seed, n_jobs, np.flatnonzero(rows.encoding.categorical).tolist())
    return trees.set_params(monotone={at: sign for at, sign in enumerate(rows.signs) if sign} or None)


def _sheet(rows: _Rows) -> SheetPrior | None:
    if rows.points is None:
        return None
    line = calibrate_points(np.asarray(rows.total), rows.y, rows.weight)
    centre = np.average(rows.points, axis=0, weights=rows.weight)
    return SheetPrior(rows.names, line, tuple(centre.tolist()))


def _without_learning(rows: _Rows) -> LeadModel:
    """The calibrated sheet, or the base rate without one."""
    sheet, average = _sheet(rows), log_odds(rows.base_rate, len(rows.y))
    shift = AffineCalibration(average if sheet is None else 0.0, 1.0)
    return LeadModel(
        encoding=rows.encoding.take(()),
        average_log_odds=average,
        sheet=sheet,
        calibration=shift,
        about=_counts(rows),
    )


def _counts(rows: _Rows) -> dict[str, Any]:
    """For the model's ``about``; ``stands_for`` where rows are weighted."""
    counted = {"rows": len(rows.y), "conversions": int(rows.y.sum())}
    return counted if rows.weight is None else {**counted, "stands_for": round(float(rows.weight.sum()), 3)}


def _at_recent_base_rate(model: LeadModel, rows: _Rows, window: float) -> LeadModel:
    """Shift the model to the base rate of the latest ``window`` of its rows, whose average lead scores 50."""
    latest = rows.take(_latest(rows, window))
    margin, label = model.calibration.log_odds(model.margin(latest.matrix, latest.points)), latest.y
    return replace(
        model,
        average_log_odds=log_odds(latest.base_rate, len(label)),
        calibration=replace(model.calibration, shift=intercept_shift(margin, label, weight=latest.weight)),
    )


def _latest(rows: _Rows, window: float) -> NDArray[np.intp]:
    """The latest rows, as many as ``window`` asks for and the base rate needs; ties are never split."""
    if rows.time is None or window >= 1:
        return np.arange(len(rows.y))
    order = np.argsort(-rows.time, kind="stable")
    converted = np.cumsum(rows.y[order])
    enough = np.minimum(converted, np.arange(1, len(order) + 1) - converted) >= _FEWEST_IN_WINDOW
    asked = int(window * len(order))
    if rows.weight is not None:
        below = np.cumsum(rows.weight[order])
        asked = int(np.searchsorted(below, int(window * below[-1]), side="right"))
    last = max(asked, int(np.argmax(enough)) if enough.any() else len(order) - 1)
    return np.flatnonzero(rows.time >= rows.time[order[min(last, len(order) - 1)]])


def _choose_window(
    rows: _Rows, folds: Sequence[Fold], tuned: Tuned, *, seed: int, n_jobs: int, progress: Progress
) -> tuple[float, dict[str, float], pd.DataFrame]:
    """Which share of the latest rows predicts the base rate of the next block best, by the folds."""
    windows = _WINDOWS if rows.time is not None and len(np.unique(rows.time)) > 1 else (1.0,)
    validated = []
    for done, fold in enumerate(folds):
        progress("validating", done, len(folds))
        train, validation = rows.take(fold.train), rows.take(fold.validation)
        fitted = _fit(train, tuned, seed, n_jobs)
        margin = fitted.margin(validation.matrix, validation.points)
        by_window = {w: _at_recent_base_rate(fitted, train, w).calibration.log_odds(margin) for w in windows}
        sheet = None if fitted.sheet is None else fitted.sheet.line.log_odds(np.asarray(validation.total))
        validated.append((fold, validation.y, validation.weight, by_window, sheet))
    costs = {
        w: float(np.mean([weighted_mean(log_loss(y, by[w]), weight) for _, y, weight, by, _ in validated]))
        for w in windows
    }
    window = min(costs, key=lambda w: costs[w])
    figures = []
    for fold, y, weight, by_window, sheet in validated:
        figures.append(
            {
                "train_rows": len(fold.train),
                "rows": len(y),
                "conversions": int(y.sum()),
                "roc_auc": roc_auc(y, by_window[window], weight),
                "log_loss": weighted_mean(log_loss(y, by_window[window]), weight),
                "sheet_roc_auc": None if sheet is None else roc_auc(y, sheet, weight),
                "sheet_log_loss": None if sheet is None else weighted_mean(log_loss(y, sheet), weight),
            }
        )
    return window, {f"{w:g}": cost for w, cost in costs.items()}, pd.DataFrame(figures)


def _label(y: ArrayLike, rows: int) -> Floats:
    values = pd.Series(np.asarray(y))
    label = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    if len(label) != rows:
        raise DataError("rows and labels differ in number", value=f"{rows} rows, {len(label)} labels")
    if not np.isin(label, (0.0, 1.0)).all():
        raise DataError(
            "labels must be 0 or 1",
            value=values[~np.isin(label, (0.0, 1.0))].unique()[:5].tolist(),
            fix="leave immature rows out of training",
        )
    if len(np.unique(label)) < 2:
        outcome = "no row converted" if not len(label) or label[0] == 0 else "every row converted"
        raise DataError(
            f"one class only: {outcome}",
            value=f"{len(label)} rows",
            why="there is nothing to learn from",
            fix="check outcome and horizon, or take a longer history",
        )
    return label


def _weight(weight: ArrayLike | None, rows: int) -> Floats | None:
    """None for equal weights, so that they change nothing."""
    if weight is None:
        return None
    weights: Floats = _as_long(weight, rows, "weight").astype(np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise DataError("weights must be positive numbers", value=float(weights.min()))
    return None if (weights == 1).all() else weights


def _as_long(values: ArrayLike, rows: int, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if len(array) != rows:
        raise DataError(f"{name} must have one value per row", value=f"{len(array)} for {rows} rows")
    if pd.isna(array).any():
        raise DataError(f"{name} has gaps", value=int(pd.isna(array).sum()))
    return array


def _points(given: RulePoints, rows: int) -> tuple[Floats | None, tuple[str, ...]]:
    if given is None:
        return None, ()
    frame = given.to_frame(str(given.name or "rule_points")) if isinstance(given, pd.Series) else given
    names = tuple(str(name) for name in frame.columns)
    return SheetPrior(names, PointsCalibration(0.0, 1.0), (0.0,) * len(names)).points(frame, rows), names


def _signs(monotone: Mapping[str, int] | None, encoding: Encoding, frame: pd.DataFrame) -> list[int]:
    unknown = [name for name in monotone or {} if name not in frame.columns]
    if unknown:
        raise UsageError(
            "monotone names an unknown column",
            value=unknown[0],
            known=[str(c) for c in frame.columns],
        )
    pairs = zip(encoding.names, encoding.categorical, strict=True)
    return [0 if category else int((monotone or {}).get(name, 0)) for name, category in pairs]


def _seconds(horizon: Any) -> float | None:
    if horizon is None or isinstance(horizon, int | float):
        return horizon
    return pd.Timedelta(horizon).total_seconds()
