"""The additive part where conversions are too few to choose anything: every strength, each as far as it is believed.

One strength chosen by a handful of conversions is a draw of lots. Instead, models of all strengths, and the one that knows
nothing beyond the base rate or the sheet, are averaged in log-odds by exp(-loss), where the loss is summed over rows that a
model was not fitted on: what the rows cannot tell apart counts alike, what misleads counts for nothing. A sum of
additive models is an additive model, so that its explanation stays exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadlens.models.folds import Fold
from leadlens.models.learners.linear import AdditiveLogistic, ColumnTable
from leadlens.models.learners.linear_fit import AdditiveDesign
from leadlens.models.scorecard.scoring.probability import calibrate_points
from leadlens.models.statistics import log_odds, summed_log_loss, weighted_mean

Floats = NDArray[np.float64]
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
FEWEST_ROWS = 3  # of a category, to have an entry of its own


def fit_little(
    matrix: Floats,
    y: Floats,
    folds: Sequence[Fold],
    *,
    categorical: NDArray[np.bool_],
    monotone: Sequence[int],
    points: Floats | None = None,
    weight: Floats | None = None,
) -> AdditiveLogistic:
    """The average of additive models of all strengths and of none.

    Parameters
    ----------
    matrix : encoded rows (``leadlens.models.learners.encoding``); ``categorical`` says which columns hold codes.
    folds : of whole leads, without regard to time.
    points : total points of the hand-written sheet per row; the models start from its calibrated line.
    weight : how many rows each stands for, 1 by default.
    """

    def models(rows: NDArray[np.intp]) -> tuple[list[AdditiveLogistic], Floats | None]:
        own = None if weight is None else weight[rows]
        line = None if points is None else calibrate_points(points[rows], y[rows], own)
        prior = None if line is None else line.log_odds(np.asarray(points))
        design = AdditiveDesign(matrix[rows], categorical, monotone, own, fewest_rows=FEWEST_ROWS)
        fitted = [design.fit(y[rows], s, None if prior is None else prior[rows]) for s in STRENGTHS]
        start = 0.0 if prior is not None else log_odds(weighted_mean(y[rows], own), len(rows))
        still = tuple(ColumnTable(table.edges, np.zeros_like(table.entries)) for table in fitted[0].tables)
        return [AdditiveLogistic(start, 0.0 if prior is None else 1.0, still), *fitted], prior

    losses = np.zeros(1 + len(STRENGTHS))
    for fold in folds:
        fitted, prior = models(fold.train)
        held = fold.validation
        for at, model in enumerate(fitted):
            margin = model.margin(matrix[held], None if prior is None else prior[held])
            losses[at] += summed_log_loss(y[held], margin, None if weight is None else weight[held])[0]
    if points is not None:
        losses[1:] += np.log(
            len(STRENGTHS)
        )  # that the sheet says all there is counts as much as all strengths together
    share = np.exp(losses.min() - losses)
    return _mean(models(np.arange(len(y)))[0], share / share.sum())


def _mean(fitted: Sequence[AdditiveLogistic], share: Floats) -> AdditiveLogistic:
    tables = tuple(
        ColumnTable(alike[0].edges, share @ np.stack([table.entries for table in alike]))
        for alike in zip(*(model.tables for model in fitted), strict=True)
    )
    return AdditiveLogistic(
        float(share @ [model.intercept for model in fitted]),
        float(share @ [model.prior_slope for model in fitted]),
        tables,
    )
