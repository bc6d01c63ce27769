"""What a model goes by: how far each feature moves scores, and what score each value of a feature leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.columns import FeatureColumn, humanize_number
from leadlens.models.lead_model import LeadModel
from leadlens.models.scale import score
from leadlens.models.statistics import expit

Floats = NDArray[np.float64]
_FEATURES = 8
_VALUES = 10  # of a feature
_ROWS = 300  # that the average is over


@dataclass(frozen=True, kw_only=True)
class Insights:
    """``importance`` and ``dependence`` of one model on the same rows, as the functions of these names give them.

    ``curve`` is what models of growing shares of the training leads are worth (``leadlens.pipeline.dataset.learning_curve``), where that was asked.
    """

    importance: pd.DataFrame
    dependence: pd.DataFrame
    curve: pd.DataFrame | None = None


def importance(contributions: pd.DataFrame, columns: Mapping[str, FeatureColumn]) -> pd.DataFrame:
    """Every feature and every rule of the sheet that moves a score, the strongest first; none is cut.

    ``contributions`` are points per row and column (``leadlens.models.prediction.Prediction``).

    Returns
    -------
    name, label, family, points (how far it moves a score up or down, on average), share (of all that moves scores), highest and
    lowest (the most that it adds to one row, and takes).
    """
    size = contributions.abs().mean().to_numpy()
    table = pd.DataFrame(
        {
            "name": [str(name) for name in contributions],
            "label": [columns[str(name)].label for name in contributions],
            "family": [columns[str(name)].family for name in contributions],
            "points": size,
            "share": size / max(float(size.sum()), 1e-12),
            "highest": contributions.max().to_numpy(),
            "lowest": contributions.min().to_numpy(),
        }
    )
    moving = table[table["points"] > 0]
    return moving.sort_values("points", ascending=False, kind="stable", ignore_index=True)


def partial_dependence(
    model: LeadModel,
    frame: pd.DataFrame,
    points: pd.DataFrame | None,
    columns: Mapping[str, FeatureColumn],
    names: list[str],
    *,
    values: int = _VALUES,
    rows: int = _ROWS,
) -> pd.DataFrame:
    """The average score if all rows had a value of a feature and everything else as it is.

    ``frame`` and ``points`` are as in ``LeadModel.score``; ``names`` the features, which the model must read. Of a number the grid is its
    quantiles, of a category its most frequent values; missing is one more value where it occurs. At most ``rows`` rows, evenly spaced.

    Returns
    -------
    name, label, value (as people read it), score (unrounded), probability: the mean over rows of either.
    """
    some = np.unique(np.linspace(0, len(frame) - 1, min(rows, len(frame))).astype(int))
    whole = model.encoding.encode(frame)
    matrix = whole[some]
    given = (
        None
        if model.sheet is None
        else model.sheet.points(None if points is None else points.iloc[some], len(some))
    )
    made = []
    for name in names:
        at = model.encoding.names.index(name)
        levels = model.encoding.levels[at]
        grid = _grid(whole[:, at], values, category=levels is not None)
        tried = np.repeat(matrix[None], len(grid), axis=0)
        tried[:, :, at] = grid[:, None]
        log_odds = model.calibration.log_odds(
            model.margin(
                tried.reshape(-1, matrix.shape[1]), None if given is None else np.tile(given, (len(grid), 1))
            )
        ).reshape(len(grid), len(some))
        made.append(
            pd.DataFrame(
                {
                    "name": name,
                    "label": columns[name].label,
                    "value": [_readable(value, levels) for value in grid],
                    "score": score(log_odds, model.average_log_odds).mean(axis=1),
                    "probability": expit(log_odds).mean(axis=1),
                }
            )
        )
    empty = pd.DataFrame(columns=["name", "label", "value", "score", "probability"])
    return pd.concat(made, ignore_index=True) if made else empty


def insights(
    model: LeadModel,
    frame: pd.DataFrame,
    points: pd.DataFrame | None,
    contributions: pd.DataFrame,
    columns: Mapping[str, FeatureColumn],
) -> Insights:
    """Both, the dependence of the eight strongest features."""
    table = importance(contributions, columns)
    strongest = [name for name in table["name"] if name in model.columns][:_FEATURES]
    return Insights(importance=table, dependence=partial_dependence(model, frame, points, columns, strongest))


def _grid(values: Floats, most: int, *, category: bool) -> Floats:
    known = values[~np.isnan(values)]
    if category:
        codes, counts = np.unique(known, return_counts=True)
        grid = codes[np.argsort(-counts, kind="stable")][:most]
    else:
        distinct = np.unique(known)
        # Values that occur, not between them: of a count that is 0 or 1 nobody has a half.
        even = np.quantile(known, np.linspace(0, 1, most), method="inverted_cdf") if len(known) else known
        grid = distinct if len(distinct) <= most else np.unique(even)
    return np.append(grid, np.nan) if len(known) < len(values) else grid


def _readable(value: float, levels: tuple[str, ...] | None) -> str:
    if np.isnan(value):
        return "not known"
    return humanize_number(float(value)) if levels is None else levels[int(value)]
