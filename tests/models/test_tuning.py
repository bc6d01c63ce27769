"""A stopped study resumes to the result of an uninterrupted one."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial, TrialState
from pandas.testing import assert_frame_equal

from leadlens.features.errors import DataError
from leadlens.models.folds import Fold, make_folds
from leadlens.models.learners.blend import blend_weights
from leadlens.models.learners.calibration import loss_at_own_intercept
from leadlens.models.learners.parts import STEP, FoldBench, ModelParams
from leadlens.models.trials import _MOST_TREES, Search, _suggest, default_settings, thinned
from leadlens.models.trying import tried_together
from leadlens.models.tuning import Tuned, tune

CATEGORICAL = np.array([False, True])


def _world() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Fold]]:
    rng = np.random.default_rng(5)
    matrix = np.column_stack([rng.normal(size=600), rng.integers(0, 3, 600)]).astype(float)
    y = (rng.random(600) < 1 / (1 + np.exp(1 - matrix[:, 0]))).astype(int)
    return matrix, y, 10.0 * (matrix[:, 0] > 0), make_folds(y, np.arange(600), n_folds=2)


def _study(n_trials: int, seed: int = 0, points: bool = True, **settings: object) -> Tuned:
    matrix, y, sheet, folds = _world()
    return tune(
        matrix,
        y,
        folds,
        categorical=CATEGORICAL,
        points=sheet if points else None,
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


@pytest.mark.parametrize("points", [True, False])
def test_trees_and_weights_are_those_that_fit_the_validation_rows_best(points: bool) -> None:
    """Recomputed from the parts: the number of trees, the weights and the loss of the winning trial."""
    matrix, y, sheet, folds = _world()
    tuned = _study(3, points=points)
    assert tuned.params.trees_on_sheet <= points
    benches = [
        FoldBench(
            matrix,
            y.astype(float),
            train=fold.train,
            validation=fold.validation,
            categorical=CATEGORICAL,
            monotone=(),
            points=sheet if points else None,
            n_jobs=1,
        )
        for fold in reversed(folds)
    ]
    grown = [bench.trees(tuned.params, 0, _MOST_TREES) for bench in benches]
    at = tuned.params.n_trees // STEP - 1
    longest = max(map(len, grown))
    losses = [
        sum(
            len(bench.y_train) * loss_at_own_intercept(steps[min(k, len(steps) - 1)], bench.y)
            for bench, steps in zip(benches, grown, strict=True)
        )
        for k in range(longest)
    ]
    assert at == int(np.argmin(losses))
    parts = [
        bench.parts(bench.linear(tuned.params.linear_strength), steps[min(at, len(steps) - 1)])
        for bench, steps in zip(benches, grown, strict=True)
    ]
    fold = np.repeat([0, 1], [len(bench.y) for bench in benches])
    weights = blend_weights(np.vstack(parts), np.concatenate([bench.y for bench in benches]), fold)
    np.testing.assert_allclose(tuned.weights, weights, atol=1e-9)
    loss = [loss_at_own_intercept(p @ weights, bench.y) for p, bench in zip(parts, benches, strict=True)]
    assert tuned.value == pytest.approx(np.mean(loss), abs=1e-9)
    if points:
        alone = [loss_at_own_intercept(np.asarray(bench.sheet), bench.y) for bench in benches]
        assert tuned.sheet_value == pytest.approx(np.mean(alone), abs=1e-12)


def test_trials_are_counted_searched_and_seeded() -> None:
    one, two = _study(8), _study(8, seed=1)
    assert one.trials["number"].tolist() == list(range(8))
    assert one.trials["linear_strength"].nunique() > 1
    assert one.trials["l2"].iloc[1:].nunique() == 7
    assert one.trials["l2"].iloc[1] != two.trials["l2"].iloc[1]


def test_a_search_by_the_clock_begins_no_trial_later_and_ends_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, trials in ((0.001, 1), (25, 3), (10**6, 4)):
        clock = itertools.count(0, 10)
        monkeypatch.setattr(
            "leadlens.models.tuning.time", SimpleNamespace(monotonic=lambda clock=clock: next(clock))
        )
        assert len(_study(4, seconds=seconds).trials) == trials


def test_the_latest_fold_comes_first_so_that_pruning_goes_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    firsts: list[int] = []

    class Recorded(FoldBench):
        def __init__(self, *rows: np.ndarray, **sides: np.ndarray) -> None:
            firsts.append(sides["validation"].min())
            super().__init__(*rows, **sides)  # type: ignore[arg-type]

    monkeypatch.setattr("leadlens.models.trials.FoldBench", Recorded)
    _study(1)
    assert firsts == sorted(firsts, reverse=True)


def test_long_folds_are_thinned_to_distinct_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadlens.models.trials._MOST_ROWS", 50)
    rows = np.arange(100, 200)
    kept = thinned(rows, 0)
    assert len(kept) == 50
    assert (np.diff(kept) > 0).all()
    assert set(kept) <= set(rows)
    np.testing.assert_array_equal(thinned(rows, 0), kept)
    np.testing.assert_array_equal(thinned(rows[:50], 0), rows[:50])


@pytest.mark.parametrize(("drawn", "has_sheet"), [(True, True), (False, True), (True, False)])
def test_trees_start_from_a_sheet_only_where_there_is_one(drawn: bool, has_sheet: bool) -> None:
    trial = FixedTrial({**default_settings(), "trees_on_sheet": drawn})
    assert _suggest(trial, has_sheet).trees_on_sheet == (drawn and has_sheet)  # type: ignore[arg-type]


@pytest.mark.parametrize("storage", [None, "sqlite:///{}/study.db", "{}/study.journal"])
def test_two_processes_share_one_study(storage: str | None, tmp_path: Path) -> None:
    place = None if storage is None else storage.format(tmp_path.as_posix())
    counted: list[tuple[int, int]] = []
    together = _study(
        9, storage=place, processes=2, callback=lambda done, of, best: counted.append((done, of))
    )
    assert sorted(together.trials["number"]) == list(range(9))
    assert together.trials["state"].isin(["complete", "pruned"]).all()
    assert together.trials["l2"].nunique() == 9, "no two draw the same"
    assert together.trials["l2"].isin([ModelParams().l2]).any(), "the default is among them"
    assert counted[-1] == (9, 9)
    assert len(counted) == 9
    assert together.value == together.trials["value"].min()


def test_a_waiting_trial_that_two_processes_were_given_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is late takes another one: as many trials as were asked for come to an end."""
    matrix, y, sheet, folds = _world()
    search = Search(
        matrix=matrix, label=y, folds=folds, categorical=CATEGORICAL, points=sheet, weight=None, monotone=(),
        seed=0, n_jobs=1,
    )  # fmt: skip
    tried: list[int] = []

    def evaluate(trial: optuna.Trial, *_: object) -> float:
        tried.append(trial.number)
        if len(tried) == 1:  # the other process was faster
            trial.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])
        return 0.5

    monkeypatch.setattr("leadlens.models.trials._evaluate", evaluate)
    study = optuna.create_study()
    study.enqueue_trial(default_settings())
    search.try_one(study, [], 0, beside=True)
    assert tried == [0, 1]
    assert [trial.values for trial in study.trials] == [[1.0], [0.5]]


class _Killed(Search):
    def benches(self) -> list[FoldBench]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []


def test_a_process_that_is_killed_is_named(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path.as_posix()}/study.db"
    _study(2, seed=7, storage=place)
    name = optuna.get_all_study_names(place)[0]
    matrix, y, sheet, folds = _world()
    search = _Killed(
        matrix=matrix,
        label=y.astype(float),
        folds=folds,
        categorical=CATEGORICAL,
        points=sheet,
        weight=None,
        monotone=(),
        seed=7,
        n_jobs=1,
    )
    with pytest.raises(DataError, match="killed"):
        list(tried_together(search, name, place, range(2, 6), 2))
    assert len(_study(4, seed=7, storage=place).trials) == 4, "the study goes on"
