"""From rows to a model: time proxies out, folds in time order, tuning, fitting, the latest base rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leadlens.features.errors import DataError, UsageError
from leadlens.models.data_checks.time_proxy import TimeProxy, find_time_proxies
from leadlens.models.fitting import (
    FEW_FOLDS,
    at_recent_base_rate,
    counts,
    fit,
    fit_few,
    steadied,
    without_learning,
)
from leadlens.models.folds import as_numbers, grouped_folds, make_folds
from leadlens.models.lead_model import LeadModel, RulePoints, SheetPrior
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.estimator import check_estimator, takes_weights
from leadlens.models.rows import Rows
from leadlens.models.scorecard.scoring.probability import PointsCalibration
from leadlens.models.sheet_check import SheetCheck, check_sheet
from leadlens.models.tuning import Tuned, tune
from leadlens.models.validation import validate
from leadlens.models.weighing import weigh

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
_HALF_STEADY = 100  # conversions with which the average of all strengths is half of the model
_LEAST_STEADY = 0.1  # a smaller share is left out: with many conversions there is nothing to steady


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a model is trained.

    Attributes
    ----------
    trials : of the search; 0 takes the defaults with the weights of one trial.
    minutes : after which no trial begins, or ``None``.
    folds : blocks of later rows that validate a trial.
    fewest_conversions : with fewer nothing is tuned: the model is the average of additive models of every strength.
    fewest_to_learn : with fewer the model is the calibrated sheet, or the base rate without one.
    drop_time_proxies : leave out columns that encode the as-of time.
    storage, study_name : where the study is kept, so that it can be resumed; in memory by default.
    n_jobs : threads. The result does not depend on them.
    processes : that search at once. The result of more than one depends on which trial ends first.
    """

    trials: int = 20
    minutes: float | None = None
    folds: int = 4
    fewest_conversions: int = 30
    fewest_to_learn: int = 10
    drop_time_proxies: bool = True
    storage: Any = None
    study_name: str | None = None
    n_jobs: int = 2
    processes: int = 1


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model and how it came about.

    Attributes
    ----------
    model : ready to score, explain and save.
    kind : ``"learned"``, ``"few conversions"`` (nothing tuned), ``"sheet"`` (still fewer: the calibrated sheet) or
        ``"base rate"``.
    dropped : the time-proxy columns that were left out.
    tuned : the study, or None where nothing was searched.
    folds : one row per fold: rows, conversions, AUC and log loss of model and sheet on its validation rows.
    base_rate_window : the share of the latest rows that the base rate comes from, and the log loss of each.
    recency : the half-life of the rows as a share of their span, None where all count alike, and the log loss of each.
    sheet : whether the sheet helps on the latest folds, and if it is left out what it costs; None where there is none, or
        no folds to ask.
    """

    model: LeadModel
    kind: str
    dropped: list[TimeProxy] = field(default_factory=list)
    tuned: Tuned | None = None
    folds: pd.DataFrame = field(default_factory=pd.DataFrame)
    base_rate_window: dict[str, Any] = field(default_factory=dict)
    recency: dict[str, Any] = field(default_factory=dict)
    sheet: SheetCheck | None = None


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
    estimator: Any = None,
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
    estimator : a scikit-learn classifier in the place of the trees, fitted as it is: nothing is searched.
    progress : called as ``progress(what, done, of)``.

    Raises
    ------
    DataError : one class only, gaps in the label, lengths that differ, a weight that is not positive, a column
        that cannot be learned from.
    UsageError : ``monotone`` names a column that is not there; ``estimator`` cannot learn from the rows, or there are
        too few conversions to weigh it.
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
    rows = Rows(
        encoding=encoding,
        matrix=encoding.encode(X),
        y=label,
        time=time,
        signs=_signs(monotone, encoding, X),
        points=points,
        names=names,
        weight=weights,
    )
    if estimator is not None:
        check_estimator(estimator)
    fewest = int(min(label.sum(), len(label) - label.sum()))
    groups = None if lead_id is None else _as_long(lead_id, len(X), "lead_id")
    folds = (
        make_folds(label, time, groups, _seconds(horizon), n_folds=settings.folds, seed=seed, weight=weights)
        if fewest >= settings.fewest_conversions and encoding.names
        else []
    )
    if not folds and estimator is not None:
        raise UsageError(
            "too few conversions to weigh your own estimator",
            value=f"{fewest}; it takes {settings.fewest_conversions}, and a column to learn from",
            why="folds of later rows would have next to none to judge it on",
            fix="leave `estimator` out: Leadlens has another method for few conversions",
        )
    if not folds and fewest >= settings.fewest_to_learn and encoding.names:
        whole_leads = grouped_folds(label, groups, FEW_FOLDS, seed)
        return TrainedModel(model=fit_few(rows, whole_leads), kind="few conversions", dropped=dropped)
    if not folds:
        kind = "base rate" if points is None else "sheet"
        return TrainedModel(model=without_learning(rows), kind=kind, dropped=dropped)
    sheet = None
    if points is not None:
        progress("Checking whether the sheet still helps", 0, 1)
        sheet = check_sheet(rows, folds, groups, seed=seed, n_jobs=settings.n_jobs)
        rows = rows.without_sheet() if sheet.left_out else rows
    if estimator is not None:
        tuned = weigh(rows, folds, estimator, seed=seed, n_jobs=settings.n_jobs, progress=progress)
    else:
        tuned = tune(
            rows.matrix,
            label,
            folds,
            categorical=encoding.categorical,
            points=rows.total,
            weight=weights,
            monotone=rows.signs,
            n_trials=max(settings.trials, 1),
            seconds=None if settings.minutes is None else 60 * settings.minutes,
            seed=seed,
            storage=settings.storage,
            study_name=settings.study_name,
            n_jobs=settings.n_jobs,
            processes=settings.processes,
            callback=lambda done, of, best: progress(
                # by the clock nobody knows how many trials there will be
                f"Tuning (best log loss {best:.4f})",
                done,
                of if settings.minutes is None else 0,
            ),
        )
    validated = validate(
        rows,
        folds,
        tuned,
        seed=seed,
        n_jobs=settings.n_jobs,
        progress=progress,
        may_fade=estimator is None or takes_weights(estimator),
    )
    progress("Fitting", 0, 1)
    faded = rows.faded(validated.half_life)
    fitted = fit(faded, tuned, seed, settings.n_jobs)
    steady = _HALF_STEADY / (_HALF_STEADY + fewest) if estimator is None else 0.0
    steady = steady if steady > _LEAST_STEADY else 0.0
    fitted = steadied(fitted, faded, groups, steady, seed)
    model = at_recent_base_rate(fitted, rows, validated.window)
    about = {
        **counts(rows),
        "params": tuned.params.to_dict(),
        "level_window": validated.window,
        "half_life": validated.recency["half_life"],
        "steady": round(steady, 3),
        "seed": seed,
        **({} if sheet is None else {"sheet": sheet.to_dict()}),
    }
    progress("Fitting", 1, 1)
    return TrainedModel(
        model=replace(model, about=about),
        kind="learned",
        dropped=dropped,
        tuned=tuned,
        folds=validated.folds,
        base_rate_window=validated.levels,
        recency=validated.recency,
        sheet=sheet,
    )


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
