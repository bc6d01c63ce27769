"""Whether the hand-written sheet still helps: are the latest validation rows predicted better with it or without?

Under drift a sheet can be the best that there is, or what was right two years ago. Weights that are fitted over all folds mix
both. So before anything is tuned, a model with default settings is blended with the sheet and without, and the latest
folds compare them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlens.models.folds import Fold
from leadlens.models.learners.calibration import intercept_shift
from leadlens.models.learners.parts import ModelParams
from leadlens.models.rows import Rows
from leadlens.models.statistics import Z, log_loss
from leadlens.models.trials import blended, fold_bench

Floats = NDArray[np.float64]
_LATEST = 2  # folds that say so: what has changed by them is most of what has changed by the next leads
_LEAST_COST = 0.001  # of log loss, for which a sheet is left out: less is luck on few folds


@dataclass(frozen=True, kw_only=True)
class SheetCheck:
    """Mean log loss on the latest folds, apart from the base rate.

    Attributes
    ----------
    with_sheet, without : of a model with default settings that has the sheet as a part, and of one that has not.
    error : standard error of their difference, over leads.
    """

    with_sheet: float
    without: float
    error: float

    @property
    def cost(self) -> float:
        """How much worse the model is with the sheet; negative where the sheet helps."""
        return self.with_sheet - self.without

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the cost."""
        return self.cost - Z * self.error, self.cost + Z * self.error

    @property
    def left_out(self) -> bool:
        """Whether it costs enough, and beyond chance, that the model does without it."""
        return self.cost > _LEAST_COST and self.interval[0] > 0

    @property
    def message(self) -> str | None:
        """What to say of a sheet that is left out."""
        if not self.left_out:
            return None
        low, high = self.interval
        return (
            f"the score sheet costs the model {self.cost:.4f} of log loss on the latest training leads "
            f"(90 % interval {low:.4f} to {high:.4f}; {self.with_sheet:.4f} with it, {self.without:.4f} without), so it is left out of "
            "the model; scores by the sheet are unaffected, the point audit of the report shows which rules are out of "
            "date, and the next training checks again"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "left_out": self.left_out,
            "cost": self.cost,
            "interval": list(self.interval),
            "log_loss_with": self.with_sheet,
            "log_loss_without": self.without,
        }


def check_sheet(
    rows: Rows, folds: Sequence[Fold], lead: NDArray[Any] | None = None, *, seed: int, n_jobs: int
) -> SheetCheck:
    """Compare a model with the sheet and one without on the latest folds; on all of them where rows have no order in time.

    ``lead`` is that of each row, for the standard error: rows of one lead are not independent.
    """
    timed = rows.time is not None and len(np.unique(rows.time)) > 1
    latest = slice(-_LATEST, None) if timed else slice(None)
    some = folds[latest]
    both = [_losses(each, folds, seed, n_jobs)[latest] for each in (rows, rows.without_sheet())]
    validation = [fold_bench(rows, fold, seed, n_jobs) for fold in some]
    means, variances = [], []
    for bench, with_sheet, without in zip(validation, *both, strict=True):
        weight = np.ones(len(bench.y)) if bench.weight is None else bench.weight
        means.append([weight @ loss / weight.sum() for loss in (with_sheet, without)])
        away = weight * (with_sheet - without - (means[-1][0] - means[-1][1]))
        of_lead = (
            away if lead is None else np.bincount(np.unique(lead[bench.rows], return_inverse=True)[1], away)
        )
        variances.append(of_lead @ of_lead / weight.sum() ** 2)
    with_sheet, without = np.mean(means, axis=0)
    error = float(np.sqrt(np.sum(variances))) / len(some)
    return SheetCheck(with_sheet=float(with_sheet), without=float(without), error=error)


def _losses(rows: Rows, folds: Sequence[Fold], seed: int, n_jobs: int) -> list[Floats]:
    """Log loss of every validation row per fold, by a blend of default settings that all folds weighed."""
    params, margins, benches = ModelParams(), [], []
    for fold in folds:
        bench = fold_bench(rows, fold, seed, n_jobs)
        trees = min(bench.trees(params, seed, params.n_trees), key=bench.loss)
        margins.append(bench.parts(bench.linear(params.linear_strength), trees))
        benches.append(bench)
    weights, found = blended(benches, margins), []
    for bench, side in zip(benches, margins, strict=True):
        line = side @ weights
        found.append(
            log_loss(bench.y, line + intercept_shift(line, bench.y, prior_rows=0.0, weight=bench.weight))
        )
    return found
