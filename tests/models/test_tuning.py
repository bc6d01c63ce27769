"""A stopped study resumes to the result of an uninterrupted one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from features.errors import DataError
from models.folds import make_folds
from models.tuning import Tuned, tune


def _study(n_trials: int, seed: int = 0, points: bool = True, **settings: object) -> Tuned:
    rng = np.random.default_rng(5)
    matrix = np.column_stack([rng.normal(size=600), rng.integers(0, 3, 600)]).astype(float)
    y = (rng.random(600) < 1 / (1 + np.exp(1 - matrix[:, 0]))).astype(int)
    return tune(
        matrix,
        y,
        make_folds(y, np.arange(600), n_folds=2),
        categorical=np.array([False, True]),
        points=10 * (matrix[:, 0] > 0) if points else None,
        n_trials=n_trials,
        seed=seed,
        **settings,
    )


@pytest.mark.parametrize("storage", ["sqlite:///{}/study.db", "{}/study.journal"])
def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(storage: str, tmp_path: Path) -> None:
    place = storage.format(tmp_path.as_posix())

    def stop(done: int, of: int, best: float) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _study(9, storage=place, callback=stop)
    counted: list[int] = []
    resumed = _study(9, storage=place, callback=lambda done, of, best: counted.append(done))
    assert counted == [5, 6, 7, 8, 9]
    whole = _study(9)
    assert_frame_equal(resumed.trials.drop(columns="seconds"), whole.trials.drop(columns="seconds"))
    assert (resumed.params, resumed.value) == (whole.params, whole.value)


def test_the_default_is_the_first_trial_and_the_best_is_no_worse() -> None:
    tuned = _study(6)
    assert tuned.trials.loc[0, "linear_strength"] == 0.01
    assert tuned.value <= tuned.trials.loc[0, "value"]
    assert len(tuned.weights) == 3
    assert (tuned.weights >= 0).all()


def test_works_without_a_sheet() -> None:
    tuned = _study(2, points=False)
    assert tuned.sheet_value is None
    assert len(tuned.weights) == 2
    assert not tuned.params.trees_on_sheet


def test_a_study_of_other_rows_is_refused(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path.as_posix()}/study.db"
    _study(1, storage=place, study_name="mine")
    with pytest.raises(DataError, match="mine"):
        _study(1, seed=1, storage=place, study_name="mine")
