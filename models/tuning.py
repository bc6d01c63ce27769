"""Choosing a model in time order: an Optuna study that can be stopped at any time and resumed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from features.errors import DataError
from models.folds import Fold
from models.learners.blend import blend_weights
from models.learners.estimator import EstimatorParams
from models.learners.parts import STEP, FoldBench, ModelParams
from models.rows import Rows

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

Floats = NDArray[np.float64]
_MOST_TREES = 160
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_MOST_ROWS = 12_000  # of either side of a fold; beyond that a choice of settings does not change
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tuned:
    """The outcome of a study.

    Attributes
    ----------
    params : the best trial's settings; of an estimator of one's own (``models.weighing``), that one.
    value : its mean log loss on the validation rows, each fold with its own intercept (base rate apart).
    sheet_value : the same of the calibrated sheet alone, or None without a sheet.
    weights : of the sheet (if any), the additive part and the trees, as fitted on the out-of-fold rows.
    trials : one row per trial: number, state, value, settings.
    """

    params: ModelParams | EstimatorParams
    value: float
    sheet_value: float | None
    weights: Floats
    trials: pd.DataFrame


def tune(
    matrix: Floats,
    y: NDArray[Any],
    folds: Sequence[Fold],
    *,
    categorical: NDArray[np.bool_],
    points: Floats | None = None,
    weight: Floats | None = None,
    monotone: Sequence[int] = (),
    n_trials: int = 20,
    seconds: float | None = None,
    seed: int = 0,
    storage: str | BaseStorage | None = None,
    study_name: str | None = None,
    n_jobs: int = 2,
    callback: Callable[[int, int, float], None] | None = None,
) -> Tuned:
    """Search settings whose blend of sheet, additive part and trees predicts the validation rows best.

    The first trial is the default, so that the search never ends below it. Trials that fall behind 60 %
    of the others after a fold are cut short; the latest fold comes first. Trials are counted across runs:
    a stopped study resumes to the result of an uninterrupted one.

    Parameters
    ----------
    matrix : encoded rows (``models.learners.encoding``); ``categorical`` says which columns hold codes.
    points : total points of the hand-written sheet per row.
    weight : how many rows each stands for, 1 by default.
    storage : an SQLAlchemy URL, the path of a journal file (``*.journal``), or in memory.
    study_name : by default made from the data, so that other data never share this study.
    seconds : no trial begins after so many; one is always finished. How many there are depends on the machine then.
    callback : called as ``callback(finished, n_trials, best value)`` after each trial.

    Raises
    ------
    DataError : where ``study_name`` belongs to other rows, folds or seed.
    """
    label = np.asarray(y, dtype=np.float64)
    mark = _fingerprint(matrix, label, folds, points, weight, seed)
    benches = [
        FoldBench(
            matrix,
            label,
            train=thinned(fold.train, seed),
            validation=thinned(fold.validation, seed),
            categorical=categorical,
            monotone=monotone,
            points=points,
            n_jobs=n_jobs,
            weight=weight,
        )
        for fold in reversed(folds)
    ]
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            study_name=study_name or f"leadlens-{mark}",
            storage=_storage(storage),
            load_if_exists=True,
            pruner=optuna.pruners.PercentilePruner(60.0, n_startup_trials=4),
        )
        _claim(study, mark)
        began = time.monotonic()
        while (done := len(study.get_trials(deepcopy=False, states=_FINISHED))) < n_trials:
            if done and seconds is not None and time.monotonic() - began >= seconds:
                break
            # a fresh sampler per trial: what it draws depends on the trials before, not on who ran them
            study.sampler = optuna.samplers.TPESampler(seed=seed * 100_003 + done, n_startup_trials=6)
            if done == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                study.enqueue_trial(_default())
            study.optimize(lambda trial: _evaluate(trial, benches, seed, points is not None), n_trials=1)
            if callback is not None:
                callback(done + 1, n_trials, study.best_value)
        best = study.best_trial
        table = _table(study.get_trials(deepcopy=False))
    finally:
        optuna.logging.set_verbosity(verbosity)
    sheet = None if points is None else float(np.mean([b.loss(np.asarray(b.sheet)) for b in benches]))
    return Tuned(
        params=_params(best, points is not None),
        value=best.value or 0.0,
        sheet_value=sheet,
        weights=np.array(best.user_attrs["weights"]),
        trials=table,
    )


def _suggest(trial: Trial, has_sheet: bool) -> ModelParams:
    return ModelParams(
        linear_strength=trial.suggest_categorical("linear_strength", STRENGTHS),
        trees_on_sheet=trial.suggest_categorical("trees_on_sheet", (True, False)) and has_sheet,
        max_depth=trial.suggest_int("max_depth", 2, 5),
        min_child_samples=trial.suggest_int("min_child_samples", 20, 300, log=True),
        l2=trial.suggest_float("l2", 1.0, 100.0, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.2, 1.0),
        cat_smooth=trial.suggest_float("cat_smooth", 10.0, 200.0, log=True),
    )


def _default() -> dict[str, Any]:
    return {name: value for name, value in ModelParams().to_dict().items() if name != "n_trees"}


def _params(trial: FrozenTrial, has_sheet: bool) -> ModelParams:
    params = ModelParams(**trial.params)
    on_sheet = params.trees_on_sheet and has_sheet
    return replace(params, n_trees=int(trial.user_attrs["n_trees"]), trees_on_sheet=on_sheet)


def _evaluate(trial: Trial, benches: Sequence[FoldBench], seed: int, has_sheet: bool) -> float:
    params = _suggest(trial, has_sheet)
    grown: list[list[Floats]] = []
    so_far = []
    for at, bench in enumerate(benches):
        grown.append(bench.trees(params, seed, _MOST_TREES))
        best = min(grown[-1], key=bench.loss)
        even = bench.parts(bench.linear(params.linear_strength), best).mean(axis=1)
        so_far.append(bench.loss(even))
        trial.report(float(np.mean(so_far)), at)
        if at + 1 < len(benches) and trial.should_prune():
            raise optuna.TrialPruned
    longest = max(len(steps) for steps in grown)
    padded = [steps + [steps[-1]] * (longest - len(steps)) for steps in grown]
    size = [bench.mass for bench in benches]  # the folds nearest to the final fit count most
    by_length = [
        np.average([bench.loss(steps[k]) for steps, bench in zip(padded, benches, strict=True)], weights=size)
        for k in range(longest)
    ]
    chosen = int(np.argmin(by_length))
    margins = [
        bench.parts(bench.linear(params.linear_strength), steps[chosen])
        for bench, steps in zip(benches, padded, strict=True)
    ]
    weights = blended(benches, margins)
    trial.set_user_attr("n_trees", (chosen + 1) * STEP)
    trial.set_user_attr("weights", weights.tolist())
    return float(np.mean([bench.loss(m @ weights) for m, bench in zip(margins, benches, strict=True)]))


def blended(benches: Sequence[FoldBench], margins: Sequence[Floats]) -> Floats:
    """The weights of the parts that fit the validation rows of all folds best."""
    of_rows = [bench.weight for bench in benches if bench.weight is not None]
    return blend_weights(
        np.vstack(margins),
        np.concatenate([bench.y for bench in benches]),
        np.repeat(np.arange(len(benches)), [len(bench.y) for bench in benches]),
        weight=np.concatenate(of_rows) if of_rows else None,
    )


def fold_bench(rows: Rows, fold: Fold, seed: int, n_jobs: int) -> FoldBench:
    """One fold of the rows, thinned for a choice of settings."""
    return FoldBench(
        rows.matrix,
        rows.y,
        train=thinned(fold.train, seed),
        validation=thinned(fold.validation, seed),
        categorical=rows.encoding.categorical,
        monotone=rows.signs,
        points=rows.total,
        n_jobs=n_jobs,
        weight=rows.weight,
    )


def thinned(rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """At most 12,000 of the rows, always the same ones."""
    if len(rows) <= _MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))


def _storage(storage: str | BaseStorage | None) -> BaseStorage | str | None:
    if isinstance(storage, str) and storage.endswith(".journal") and "://" not in storage:
        return JournalStorage(JournalFileBackend(storage))
    return storage


def _claim(study: optuna.Study, mark: str) -> None:
    """A study belongs to one set of rows. Trials that a killed run left unfinished are not counted."""
    owner = study.user_attrs.get("data")
    if owner is not None and owner != mark:
        raise DataError(
            "this study belongs to other rows, folds or another seed",
            value=study.study_name,
            why="its trials cannot be compared with new ones",
            fix="give another study name, or none",
        )
    study.set_user_attr("data", mark)


def _fingerprint(
    matrix: Floats,
    y: Floats,
    folds: Sequence[Fold],
    points: Floats | None,
    weight: Floats | None,
    seed: int,
) -> str:
    digest = hashlib.sha256(str((matrix.shape, seed)).encode())
    weighed = () if weight is None else (weight,)  # studies of unweighted rows go by their old names
    for part in (matrix, y, points, *weighed, *[side for fold in folds for side in fold]):
        digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def _table(trials: Sequence[FrozenTrial]) -> pd.DataFrame:
    rows = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value if trial.state == TrialState.COMPLETE else None,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            **trial.params,
            "n_trees": trial.user_attrs.get("n_trees"),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows)
