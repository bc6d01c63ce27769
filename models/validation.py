"""What the folds say of a tuned model: whether recent rows count more, which rows set its level, and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.fitting import at_recent_base_rate, fit
from leadlens.models.folds import Fold
from leadlens.models.lead_model import LeadModel
from leadlens.models.learners.calibration import loss_at_own_intercept
from leadlens.models.rows import Rows
from leadlens.models.statistics import log_loss, roc_auc, weighted_mean
from leadlens.models.tuning import Tuned

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
_WINDOWS = (1.0, 0.3, 0.1)  # shares of the latest rows whose base rate may serve for the next leads
_HALF_LIVES = (1.0, 0.5, 0.25)  # of the rows, in spans of their time
_LEAST_GAIN = 0.001  # of log loss, for which rows may fade: less is luck on few folds
_LATEST = 2  # folds that say so: the others end where most of what has changed is still to come
_MOST_ROWS = 40_000  # of a fold's training side; beyond that neither half-life nor level changes


@dataclass(frozen=True, kw_only=True)
class Validated:
    """What is decided on rows that the fold models have not seen.

    Attributes
    ----------
    half_life : at which age a row counts half, in the unit of the rows' time; None where all count alike.
    recency : that as a share of the rows' span, and the log loss on the latest folds of every share tried.
    window : the share of the latest rows that the base rate comes from.
    levels : that again, and the log loss of every share.
    folds : one row per fold: rows, conversions, AUC and log loss of model and sheet on its validation rows.
    """

    half_life: float | None
    recency: dict[str, Any]
    window: float
    levels: dict[str, Any]
    folds: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class _FoldFit:
    """The model of one fold, and its log-odds on the validation rows; ``train`` are the rows as they are, unfaded."""

    fold: Fold
    train: Rows
    validation: Rows
    model: LeadModel
    margin: Floats

    @property
    def loss(self) -> float:
        """Log loss on the validation rows, apart from the base rate."""
        margin = self.model.calibration.log_odds(self.margin)
        return loss_at_own_intercept(margin, self.validation.y, self.validation.weight)


def validate(
    rows: Rows,
    folds: Sequence[Fold],
    tuned: Tuned,
    *,
    seed: int,
    n_jobs: int,
    progress: Progress,
    may_fade: bool = True,
) -> Validated:
    """Fit the tuned model on the folds, and decide what only later rows can tell.

    ``may_fade`` is false for an estimator that takes no weights: all rows count alike.
    """
    timed = rows.time is not None and len(np.unique(rows.time)) > 1

    def fits(half_life: float | None, some: Sequence[Fold]) -> list[_FoldFit]:
        found = []
        for done, fold in enumerate(some):
            progress("Validating", done, len(some))
            train = rows.take(fold.train).thinned(_MOST_ROWS, seed)
            validation = rows.take(fold.validation)
            model = fit(train.faded(half_life), tuned, seed, n_jobs)
            margin = model.margin(validation.matrix, validation.points)
            found.append(_FoldFit(fold=fold, train=train, validation=validation, model=model, margin=margin))
        return found

    best, share, losses = fits(None, folds), None, {}
    losses["none"] = lowest = _mean_loss(best[-_LATEST:])
    span = float(rows.time.max() - rows.time.min()) if timed and rows.time is not None else 0.0
    for tried in _HALF_LIVES if timed and may_fade else ():
        losses[f"{tried:g}"] = loss = _mean_loss(fits(tried * span, folds[-_LATEST:]))
        if loss >= lowest:
            break  # the shorter ones would be worse
        lowest = loss
        if loss < losses["none"] - _LEAST_GAIN:
            share = tried
    if share is not None:
        best = fits(share * span, folds)
    window, costs, figures = _choose_window(best, _WINDOWS if timed else (1.0,))
    return Validated(
        half_life=None if share is None else share * span,
        recency={"half_life": share, "log_loss_by_half_life": losses},
        window=window,
        levels={"window": window, "log_loss_by_window": costs},
        folds=figures,
    )


def _mean_loss(fits: Sequence[_FoldFit]) -> float:
    return float(np.mean([fit.loss for fit in fits]))


def _choose_window(
    fits: Sequence[_FoldFit], windows: Sequence[float]
) -> tuple[float, dict[str, float], pd.DataFrame]:
    """Which share of the latest rows predicts the base rate of the next block best, by the folds."""
    validated = []
    for each in fits:
        validation = each.validation
        by_window = {
            w: at_recent_base_rate(each.model, each.train, w).calibration.log_odds(each.margin)
            for w in windows
        }
        sheet = (
            None if each.model.sheet is None else each.model.sheet.line.log_odds(np.asarray(validation.total))
        )
        validated.append((each.fold, validation.y, validation.weight, by_window, sheet))
    costs = {
        w: float(np.mean([weighted_mean(log_loss(y, by[w]), weight) for _, y, weight, by, _ in validated]))
        for w in windows
    }
    window = min(costs, key=lambda w: costs[w])
    figures = []
    for fold, y, weight, by_window, sheet in validated:
        figures.append(
            {
                "train_rows": len(fold.train),
                "rows": len(y),
                "conversions": int(y.sum()),
                "roc_auc": roc_auc(y, by_window[window], weight),
                "log_loss": weighted_mean(log_loss(y, by_window[window]), weight),
                "sheet_roc_auc": None if sheet is None else roc_auc(y, sheet, weight),
                "sheet_log_loss": None if sheet is None else weighted_mean(log_loss(y, sheet), weight),
            }
        )
    return window, {f"{w:g}": cost for w, cost in costs.items()}, pd.DataFrame(figures)
