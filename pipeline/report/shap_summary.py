"""The SHAP summary of a training: which features move scores, and which way, on the out-of-time leads."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.prediction import named, predict, sheet_points

if TYPE_CHECKING:
    from pipeline.dataset.training_set import TrainingSet
    from pipeline.registry.bundle import Bundle


def shap_summary(bundle: Bundle, rows: TrainingSet, sample: pd.Index, most: int = 15) -> bytes:
    """Beeswarm of contributions in points as PNG; (rows, features) are those of ``sample``."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    columns = named(rows.matrix.columns, bundle.sheet)
    frame = rows.matrix.frame.loc[sample]
    prediction = predict(bundle.model, frame, columns, sheet_points(rows.prior, sample))
    names = [str(name) for name in prediction.contributions]
    explanation = shap.Explanation(
        values=prediction.contributions.to_numpy(),
        base_values=np.full(len(sample), prediction.base_value),
        data=np.column_stack([_shade(frame, name) for name in names]),
        feature_names=[columns[name].label if name in columns else name for name in names],
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


def _shade(frame: pd.DataFrame, name: str) -> np.ndarray:
    """What colours the dots: a number itself; a category has no low and high."""
    if name in frame and pd.api.types.is_numeric_dtype(frame[name]):
        return frame[name].to_numpy(dtype=float)
    return np.full(len(frame), np.nan)
