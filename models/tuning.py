"""Choosing a model in time order: an Optuna study that can be stopped at any time and resumed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from leadlens.features.errors import DataError
from leadlens.models.folds import Fold
from leadlens.models.learners.estimator import EstimatorParams
from leadlens.models.learners.parts import ModelParams
from leadlens.models.trials import Search, default_settings, finished_trials, params_of, pruner
from leadlens.models.trying import tried_alone, tried_together

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tuned:
    """The outcome of a study.

    Attributes
    ----------
    params : the best trial's settings; of an estimator of one's own (``leadlens.models.weighing``), that one.
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
    processes: int = 1,
    callback: Callable[[int, int, float], None] | None = None,
) -> Tuned:
    """Search settings whose blend of sheet, additive part and trees predicts the validation rows best.

    The first trial is the default, so that the search never ends below it. Trials that fall behind 60 %
    of the others after a fold are cut short; the latest fold comes first. Trials are counted across runs:
    a stopped study resumes to the result of an uninterrupted one.

    Parameters
    ----------
    matrix : encoded rows (``leadlens.models.learners.encoding``); ``categorical`` says which columns hold codes.
    points : total points of the hand-written sheet per row.
    weight : how many rows each stands for, 1 by default.
    storage : an SQLAlchemy URL, the path of a journal file (``*.journal``), or in memory.
    study_name : by default made from the data, so that other data never share this study.
    seconds : no trial begins after so many; one is always finished. How many there are depends on the machine then.
    n_jobs : threads. The result does not depend on them.
    processes : that try at once and share the threads. With more than one the search depends on which trial ends first, and so does its
        result.
    callback : called as ``callback(finished, n_trials, best value)`` after each trial.

    Raises
    ------
    DataError : where ``study_name`` belongs to other rows, folds or seed.
    """
    label = np.asarray(y, dtype=np.float64)
    mark = _fingerprint(matrix, label, folds, points, weight, seed)
    search = Search(
        matrix=matrix,
        label=label,
        folds=folds,
        categorical=categorical,
        points=points,
        weight=weight,
        monotone=monotone,
        seed=seed,
        n_jobs=max(1, n_jobs // processes),
    )
    benches = search.benches()
    ends = None if seconds is None else time.monotonic() + seconds
    with _quiet(), _kept(storage, processes) as place:
        study = optuna.create_study(
            study_name=study_name or f"leadlens-{mark}",
            storage=place,
            load_if_exists=True,
            pruner=pruner(),
        )
        _claim(study, mark)
        done = finished_trials(study)
        if done == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.enqueue_trial(default_settings())

        def free_numbers() -> Iterator[int]:
            """Those of the trials that are still to be run, until time is up; one is always run."""
            number = done
            while number < n_trials and not (number and ends is not None and time.monotonic() >= ends):
                yield number
                number = max(number + 1, finished_trials(study))  # another command may work on it too

        tried = (
            tried_together(search, study.study_name, place, free_numbers(), processes)
            if processes > 1
            else tried_alone(search, study, benches, free_numbers())
        )
        for _ in tried:
            if callback is not None:
                callback(finished_trials(study), n_trials, study.best_value)
        best = study.best_trial
        table = _table(study.get_trials(deepcopy=False))
    sheet = None if points is None else float(np.mean([b.loss(np.asarray(b.sheet)) for b in benches]))
    return Tuned(
        params=params_of(best, points is not None),
        value=best.value or 0.0,
        sheet_value=sheet,
        weights=np.array(best.user_attrs["weights"]),
        trials=table,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """While inside, Optuna says nothing but errors."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@contextmanager
def _kept(storage: str | BaseStorage | None, processes: int) -> Iterator[str | BaseStorage | None]:
    """Where the study is kept: what nobody wants to keep is in memory, or in a file for as long as several processes work on it."""
    with ExitStack() as stack:
        if storage is None and processes > 1:
            storage = f"{stack.enter_context(TemporaryDirectory())}/study.journal"
        if isinstance(storage, str) and storage.endswith(".journal") and "://" not in storage:
            yield JournalStorage(JournalFileBackend(storage))
        else:
            yield storage


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
