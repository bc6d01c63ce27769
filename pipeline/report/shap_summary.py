"""SHAP pictures of out-of-time leads: which features move scores and which way, and how one score comes about."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leadlens.features.columns import FeatureColumn
from leadlens.features.errors import UsageError
from leadlens.features.printable import printable
from leadlens.models.prediction import with_points

if TYPE_CHECKING:
    from leadlens.pipeline.dataset.scored_leads import ScoredLeads


_SAMPLE = 2000
_MOST = 30  # features that are drawn; shap adds the rest up in one last row that says how many they are
_LINE = 0.34  # inches
_UNIT = "points (10 double the odds)"


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows."""

    png: bytes

    def save(self, path: Path | str) -> None:
        """Write it to a file."""
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png


def _check_scored(scored: object, picture: str) -> None:
    from leadlens.pipeline.dataset.scored_leads import ScoredLeads

    if not isinstance(scored, ScoredLeads):
        raise UsageError(
            "the picture is of rows with their scores and reasons",
            value=type(scored).__name__,
            fix=f"leadlens.{picture}(trained.explain()), where trained = leadlens.train(…)",
        )


def beeswarm(scored: ScoredLeads, most: int = _MOST) -> Picture:
    """A dot per lead and feature, of the first 2,000 rows: its points, coloured by the feature's value.

    The ``most`` strongest features have a row each, with their whole label; the rest are summed up in one.
    """
    _check_scored(scored, "beeswarm")
    import shap

    frame = with_points(scored.matrix.frame, scored.points).head(_SAMPLE)
    contributions = scored.prediction.contributions.head(_SAMPLE)
    names = [str(name) for name in contributions]
    explanation = shap.Explanation(
        values=contributions.to_numpy(),
        base_values=np.full(len(frame), scored.prediction.base_value),
        data=np.column_stack([_shade(frame, name) for name in names]),
        feature_names=[_label(scored.columns, name) for name in names],
    )
    with _figure(min(len(names), most)) as (plt, picture):
        warnings.filterwarnings(
            "ignore", "All-NaN slice", RuntimeWarning
        )  # a column of categories has no shade
        shap.plots.beeswarm(explanation, max_display=most, show=False, plot_size=None)
        plt.xlabel(_UNIT)
    return Picture(picture.getvalue())


def waterfall(scored: ScoredLeads, row_id: int | None = None, most: int = 12) -> Picture:
    """How the score of one row comes about, by default of the one that scores highest: from the base value, feature by feature.

    Each line has the lead's own value in words; beyond ``most`` the rest are summed up in one. Raises ``UsageError`` for another row.
    """
    _check_scored(scored, "waterfall")
    import shap

    table, contributions = scored.prediction.table, scored.prediction.contributions
    rows = list(table.index)
    if row_id is not None and row_id not in rows:
        raise UsageError(
            "there is no such row",
            value=row_id,
            fix=f"give a row_id of scored.spine, which says whose it is; the first is {rows[0] if rows else 'missing: it is empty'}",
        )
    at = int(np.argmax(table["score"].to_numpy())) if row_id is None else rows.index(row_id)
    values = with_points(scored.matrix.frame, scored.points).iloc[at]
    names = [str(name) for name in contributions]
    moment = scored.as_of[at]
    explanation = shap.Explanation(
        values=contributions.iloc[at].to_numpy(),
        base_values=scored.prediction.base_value,
        feature_names=[_drawn(scored.columns[name].format(values[name], moment)) for name in names],
    )
    with _figure(min(len(names), most)) as (plt, picture):
        shap.plots.waterfall(explanation, max_display=most, show=False)
        plt.xlabel(_UNIT)
    return Picture(picture.getvalue())


@contextmanager
def _figure(lines: int) -> Iterator[tuple[Any, io.BytesIO]]:
    """A figure that grows with its lines, saved with all of its text however long that is."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, picture = plt.figure(), io.BytesIO()
    try:
        yield plt, picture
        figure = plt.gcf()
        figure.set_size_inches(9, 1.6 + _LINE * max(lines, 4))
        figure.savefig(picture, format="png", dpi=110, bbox_inches="tight")
    finally:
        plt.close(figure)


def _label(columns: dict[str, FeatureColumn], name: str) -> str:
    return _drawn(columns[name].label if name in columns else name)


def _drawn(label: str) -> str:
    """A label as it is: dollars are no formula, and what steers a terminal would reach it in a warning of the fonts."""
    return printable(label).replace("$", r"\$")


def _shade(frame: pd.DataFrame, name: str) -> np.ndarray:
    """What colours the dots: a number itself; a category has no low and high."""
    if name in frame and pd.api.types.is_numeric_dtype(frame[name]):
        return frame[name].to_numpy(dtype=float)
    return np.full(len(frame), np.nan)
