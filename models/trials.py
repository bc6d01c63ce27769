"""One trial of the search: settings drawn, tried on every fold, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from leadlens.models.folds import Fold
from leadlens.models.learners.blend import blend_weights
from leadlens.models.learners.parts import STEP, FoldBench, ModelParams
from leadlens.models.rows import Rows

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

Floats = NDArray[np.float64]
_MOST_TREES = 160
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_MOST_ROWS = 12_000  # of either side of a fold; beyond that a choice of settings does not change
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The rows that every trial is tried on: the arguments of ``leadlens.models.tuning.tune``."""

    matrix: Floats
    label: Floats
    folds: Sequence[Fold]
    categorical: NDArray[np.bool_]
    points: Floats | None
    weight: Floats | None
    monotone: Sequence[int]
    seed: int
    n_jobs: int

    def benches(self) -> list[FoldBench]:
        """Every fold made ready, the latest first."""
        return [
            FoldBench(
                self.matrix,
                self.label,
                train=thinned(fold.train, self.seed),
                validation=thinned(fold.validation, self.seed),
                categorical=self.categorical,
                monotone=self.monotone,
                points=self.points,
                n_jobs=self.n_jobs,
                weight=self.weight,
            )
            for fold in reversed(self.folds)
        ]

    def try_one(
        self, study: optuna.Study, benches: Sequence[FoldBench], number: int, *, beside: bool
    ) -> None:
        """Run one trial of the study.

        What it draws depends on ``number`` and on the trials before, not on who ran them. ``beside`` others that are being tried at
        the moment it also keeps away from those.
        """
        study.sampler = optuna.samplers.TPESampler(
            seed=self.seed * 100_003 + number, n_startup_trials=6, constant_liar=beside
        )
        while True:
            try:
                study.optimize(
                    lambda trial: _evaluate(trial, benches, self.seed, self.points is not None), n_trials=1
                )
                return
            except ValueError as error:
                # SQLite locks no row: two processes may be given the same waiting trial, and one of them ends it first.
                if not beside or not str(error).startswith("Cannot tell a "):
                    raise


def finished_trials(study: optuna.Study) -> int:
    """How many trials came to an end, those that were cut short among them."""
    return len(study.get_trials(deepcopy=False, states=_FINISHED))


def pruner() -> optuna.pruners.BasePruner:
    """What cuts a trial short that falls behind."""
    return optuna.pruners.PercentilePruner(60.0, n_startup_trials=4)


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


def default_settings() -> dict[str, Any]:
    return {name: value for name, value in ModelParams().to_dict().items() if name != "n_trees"}


def params_of(trial: FrozenTrial, has_sheet: bool) -> ModelParams:
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
