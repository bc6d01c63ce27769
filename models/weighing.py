"""How much an estimator of one's own weighs beside the sheet and the additive part, by the folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leadlens.models.folds import Fold
from leadlens.models.learners.estimator import EstimatorParams, EstimatorPart
from leadlens.models.rows import Rows
from leadlens.models.trials import STRENGTHS, blended, fold_bench, thinned
from leadlens.models.tuning import Tuned


def weigh(
    rows: Rows,
    folds: Sequence[Fold],
    estimator: Any,
    *,
    seed: int,
    n_jobs: int,
    progress: Callable[[str, int, int], None],
) -> Tuned:
    """What ``tune`` does for the trees, without a search: the estimator is fitted as it is, once per fold.

    Raises ``UsageError`` where it cannot learn from the rows.
    """
    part = EstimatorPart(estimator, rows.encoding)
    benches, margins = [], []
    for done, fold in enumerate(folds):
        progress("Fitting the estimator on the folds", done, len(folds))
        benches.append(fold_bench(rows, fold, seed, n_jobs))
        learned = rows.take(thinned(fold.train, seed))
        fitted = part.fit(learned.matrix, learned.y, learned.weight)
        margins.append(fitted.decision_function(rows.matrix[benches[-1].rows]))

    def parts(strength: float) -> list[np.ndarray]:
        pairs = zip(benches, margins, strict=True)
        return [bench.parts(bench.linear(strength), margin) for bench, margin in pairs]

    def loss(strength: float) -> float:
        pairs = zip(benches, parts(strength), strict=True)
        return float(np.mean([bench.loss(side.mean(axis=1)) for bench, side in pairs]))

    strength = min(STRENGTHS, key=loss)
    weights = blended(benches, parts(strength))
    sheets = [bench.loss(bench.sheet) for bench in benches if bench.sheet is not None]
    blends = zip(benches, parts(strength), strict=True)
    return Tuned(
        params=EstimatorParams(estimator=estimator, encoding=rows.encoding, linear_strength=strength),
        value=float(np.mean([bench.loss(side @ weights) for bench, side in blends])),
        sheet_value=float(np.mean(sheets)) if sheets else None,
        weights=weights,
        trials=pd.DataFrame(),
    )
