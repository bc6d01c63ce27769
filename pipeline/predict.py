"""From a feature matrix (and the sheet's points) to probability, score, reasons and grade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from models.lead_model import LeadModel

from features import FeatureColumn
from models.reasons import Reason, family_points, model_grades, reasons_of
from models.scale import probability, shown_score
from models.scorecard import SheetScores
from pipeline.bundle import Bundle

RULE_POINTS = "rule_points"
SHEET_REASON = "Points of the score sheet"


@dataclass(frozen=True)
class Prediction:
    """What the model says of every row; all frames share one index.

    Attributes
    ----------
    table : probability, score (unrounded), shown (1–99), fit_points, engagement_points, grade.
    start : points that every row begins with.
    contributions : points per feature; ``start + sum == score`` to 1e-6.
    """

    table: pd.DataFrame
    start: float
    contributions: pd.DataFrame


def sheet_points(rules: SheetScores | None, index: pd.Index) -> pd.Series | None:
    """The sheet's total by row_id, in the order of ``index``."""
    if rules is None:
        return None
    return rules.scores.set_index("row_id")["total"].astype(float).loc[index]


def predict(
    model: LeadModel, frame: pd.DataFrame, columns: dict[str, FeatureColumn], points: pd.Series | None
) -> Prediction:
    """Score rows and take every score apart. ``points`` are the sheet's totals, where the model wants them."""
    score = model.score(frame, points)
    start, contributions = model.explain(frame, points)
    sides = family_points(contributions, columns)
    table = pd.DataFrame(
        {
            "probability": model.predict_proba(frame, points)[:, 1],
            "score": score,
            "shown": shown_score(score),
            "fit_points": sides["fit"],
            "engagement_points": sides["engagement"],
            "grade": model_grades(sides),
        },
        index=frame.index,
    )
    return Prediction(table, start, contributions)


def row_reasons(
    prediction: Prediction,
    row: int,
    values: pd.Series,
    columns: dict[str, FeatureColumn],
    points: float | None,
) -> list[Reason]:
    """The reasons of one row, strongest first."""
    told = values.to_dict()
    if points is not None:
        told[SHEET_REASON] = f"{points:g} in all"
    found = prediction.contributions.loc[row]
    return reasons_of(found.to_dict(), told, columns)


def predict_frame(bundle: Bundle, model_input: pd.DataFrame) -> pd.DataFrame:
    """What ``mlflow.pyfunc`` answers: probability and shown score per row of features (and rule points)."""
    points = model_input.get(RULE_POINTS)
    found = bundle.model.predict_proba(model_input, points)[:, 1]
    score = bundle.model.score(model_input, points)
    return pd.DataFrame({"probability": found, "score": shown_score(score)}, index=model_input.index)


def sheet_probability(fitted: dict[str, float], rules: SheetScores, index: pd.Index) -> np.ndarray:
    """The sheet's points as probability; disqualified leads have the rate of their like in training."""
    scores = rules.scores.set_index("row_id").loc[index]
    found = probability(fitted["a"] + fitted["b"] * scores["total"].to_numpy(dtype=float))
    return np.where(scores["disqualified_by"].notna(), fitted["disqualified"], found)
