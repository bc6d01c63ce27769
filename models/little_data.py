"""The additive part where conversions are few: every strength, each as far as it is believed.

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
from leadlens.models.rows import Rows
from leadlens.models.scorecard.scoring.probability import PointsCalibration, calibrate_points
from leadlens.models.statistics import log_odds, summed_log_loss, weighted_mean

Floats = NDArray[np.float64]
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
FEWEST_ROWS = 3  # of a category, to have an entry of its own
_LEAST_SHARE = 1e-4  # of the average: what is believed less is left out


def believed(rows: Rows, folds: Sequence[Fold]) -> Floats:
    """How far each model is believed, the one that knows nothing first; shares that sum to one.

    Parameters
    ----------
    rows : where they have points of the hand-written sheet, the models start from its calibrated line.
    folds : of whole leads, without regard to time.
    """
    losses = np.zeros(1 + len(STRENGTHS))
    for fold in folds:
        held = rows.take(fold.validation)
        fitted, line = _models(rows.take(fold.train), range(len(losses)))
        prior = None if line is None else line.log_odds(np.asarray(held.total))
        for at, model in enumerate(fitted):
            losses[at] += summed_log_loss(held.y, model.margin(held.matrix, prior), held.weight)[0]
    if rows.points is not None:
        # that the sheet says all there is counts as much as all strengths together
        losses[1:] += np.log(len(STRENGTHS))
    share = np.exp(losses.min() - losses)
    return np.asarray(share / share.sum())


def fit_average(rows: Rows, share: Floats) -> AdditiveLogistic:
    """The average of the models of all rows by their ``share``; of many rows a fit takes long, and few are believed."""
    kept = np.flatnonzero(share >= _LEAST_SHARE)
    fitted, _ = _models(rows, kept.tolist())
    own = share[kept] / share[kept].sum()
    tables = tuple(
        ColumnTable(alike[0].edges, own @ np.stack([table.entries for table in alike]))
        for alike in zip(*(model.tables for model in fitted), strict=True)
    )
    return AdditiveLogistic(
        float(own @ [model.intercept for model in fitted]),
        float(own @ [model.prior_slope for model in fitted]),
        tables,
    )


def _models(rows: Rows, places: Sequence[int]) -> tuple[list[AdditiveLogistic], PointsCalibration | None]:
    """The models in some places, and the sheet's line: first one that knows nothing beyond sheet or base rate, then each strength."""
    line = None if rows.points is None else calibrate_points(np.asarray(rows.total), rows.y, rows.weight)
    prior = None if line is None else line.log_odds(np.asarray(rows.total))
    design = AdditiveDesign(
        rows.matrix, rows.encoding.categorical, rows.signs, rows.weight, fewest_rows=FEWEST_ROWS
    )
    start = 0.0 if prior is not None else log_odds(weighted_mean(rows.y, rows.weight), len(rows.y))
    nothing = AdditiveLogistic(start, 0.0 if prior is None else 1.0, design.still())
    fitted = [design.fit(rows.y, STRENGTHS[place - 1], prior) if place else nothing for place in places]
    return fitted, line
