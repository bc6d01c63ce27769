"""How much an estimator of one's own weighs beside the sheet and the additive part, by the folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.folds import Fold
from models.learners.blend import blend_weights
from models.learners.estimator import EstimatorParams, EstimatorPart
from models.learners.parts import FoldBench
from models.rows import Rows
from models.tuning import STRENGTHS, Tuned, thinned


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
        progress("fitting the estimator on the folds", done, len(folds))
        train, validation = thinned(fold.train, seed), thinned(fold.validation, seed)
        benches.append(
            FoldBench(
                rows.matrix,
                rows.y,
                train=train,
                validation=validation,
                categorical=rows.encoding.categorical,
                monotone=rows.signs,
                points=rows.total,
                n_jobs=n_jobs,
                weight=rows.weight,
            )
        )
        learned = rows.take(train)
        fitted = part.fit(learned.matrix, learned.y, learned.weight)
        margins.append(fitted.decision_function(rows.matrix[validation]))

    def parts(strength: float) -> list[np.ndarray]:
        pairs = zip(benches, margins, strict=True)
        return [bench.parts(bench.linear(strength), margin) for bench, margin in pairs]

    def loss(strength: float) -> float:
        pairs = zip(benches, parts(strength), strict=True)
        return float(np.mean([bench.loss(side.mean(axis=1)) for bench, side in pairs]))

    strength = min(STRENGTHS, key=loss)
    of_rows = [bench.weight for bench in benches if bench.weight is not None]
    weights = blend_weights(
        np.vstack(parts(strength)),
        np.concatenate([bench.y for bench in benches]),
        np.repeat(np.arange(len(benches)), [len(bench.y) for bench in benches]),
        weight=np.concatenate(of_rows) if of_rows else None,
    )
    sheets = [bench.loss(bench.sheet) for bench in benches if bench.sheet is not None]
    blends = zip(benches, parts(strength), strict=True)
    return Tuned(
        params=EstimatorParams(estimator=estimator, encoding=rows.encoding, linear_strength=strength),
        value=float(np.mean([bench.loss(side @ weights) for bench, side in blends])),
        sheet_value=float(np.mean(sheets)) if sheets else None,
        weights=weights,
        trials=pd.DataFrame(),
    )
