"""The SHAP summary of a training: which features move scores, and which way, on the out-of-time leads."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.printable import printable

if TYPE_CHECKING:
    from pipeline.dataset.scored_leads import ScoredLeads


_SAMPLE = 2000


def shap_summary(scored: ScoredLeads, most: int = 15) -> bytes:
    """Beeswarm of the first rows' contributions in points, as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    columns, frame = scored.columns, scored.matrix.frame.head(_SAMPLE)
    contributions = scored.prediction.contributions.head(_SAMPLE)
    names = [str(name) for name in contributions]
    explanation = shap.Explanation(
        values=contributions.to_numpy(),
        base_values=np.full(len(frame), scored.prediction.base_value),
        data=np.column_stack([_shade(frame, name) for name in names]),
        feature_names=[_drawn(columns[name].label if name in columns else name) for name in names],
    )
    figure = plt.figure(figsize=(9, 6))
    try:
        warnings.filterwarnings(
            "ignore", "All-NaN slice", RuntimeWarning
        )  # a column of categories has no shade
        shap.plots.beeswarm(explanation, max_display=most, show=False, plot_size=None)
        plt.xlabel("points (10 double the odds)")
        plt.tight_layout()
        picture = io.BytesIO()
        plt.savefig(picture, format="png", dpi=110)
        return picture.getvalue()
    finally:
        plt.close(figure)


def _drawn(label: str) -> str:
    """A label as it is: dollars are no formula, and what steers a terminal would reach it in a warning of the fonts."""
    return printable(label).replace("$", r"\$")


def _shade(frame: pd.DataFrame, name: str) -> np.ndarray:
    """What colours the dots: a number itself; a category has no low and high."""
    if name in frame and pd.api.types.is_numeric_dtype(frame[name]):
        return frame[name].to_numpy(dtype=float)
    return np.full(len(frame), np.nan)
