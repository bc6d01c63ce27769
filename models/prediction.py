"""From a feature matrix (and the sheet's points) to probability, score, reasons and grade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlens.features import FeatureColumn
from leadlens.features.columns import Family
from leadlens.features.conditions.subject import attribute_meant, events_meant
from leadlens.models.lead_model import LeadModel
from leadlens.models.reasons import RULE, family_points, model_grades
from leadlens.models.scale import log_odds_of, score, shown_score
from leadlens.models.scorecard import ActionRule, AttributeRule, ScorecardSet, ScorecardSetScores
from leadlens.models.statistics import expit


@dataclass(frozen=True)
class Prediction:
    """The model's output per row; all frames share one index.

    Attributes
    ----------
    table : probability, score (unrounded), shown (1–99), fit_points, engagement_points, grade (of the sides that the
        model has columns of; missing without any).
    base_value : points that every row starts at.
    contributions : points per feature (and per rule of a sheet); ``base_value + sum == score`` to 1e-9.
    """

    table: pd.DataFrame
    base_value: float
    contributions: pd.DataFrame


def sheet_points(rules: ScorecardSetScores | None, index: pd.Index) -> pd.DataFrame | None:
    """The sheet's points per rule, in the order of ``index``; the names begin with ``"sheet: "``."""
    return None if rules is None else rules.by_rule().loc[index].add_prefix(RULE)


def named(columns: tuple[FeatureColumn, ...], sheet: ScorecardSet | None) -> dict[str, FeatureColumn]:
    """Features, and the rules of a sheet as columns of its points, by name."""
    by_name = {column.name: column for column in columns}
    if sheet is not None:
        by_name |= {RULE + rule.label: _rule_column(rule) for rule in sheet.rules}
    return by_name


def _rule_column(rule: AttributeRule | ActionRule) -> FeatureColumn:
    about_lead = isinstance(rule, AttributeRule)
    family: Family = "demographic" if about_lead else "behavioural"
    return FeatureColumn(
        name=RULE + rule.label,
        label=f"{rule.label} (sheet)",
        family=family,
        unit="points",
        sentence="Points of the score sheet.",
        condition=attribute_meant(rule.when) if about_lead else events_meant(rule.when),
        phrase=f"{rule.label} (sheet)",
        absent=f"Not so: {rule.label[:1].lower()}{rule.label[1:]} (sheet)",
    )


def predict(
    model: LeadModel, frame: pd.DataFrame, columns: dict[str, FeatureColumn], points: pd.DataFrame | None
) -> Prediction:
    """Score rows and explain every score, in one pass: the score *is* the sum. ``points`` come from ``sheet_points``."""
    base_value, contributions = model.explain(frame, points)
    sides = family_points(contributions, columns)
    total = base_value + sides["fit"].to_numpy() + sides["engagement"].to_numpy()
    table = pd.DataFrame(
        {
            "probability": expit(log_odds_of(total, model.average_log_odds)),
            "score": total,
            "shown": shown_score(total),
            "fit_points": sides["fit"],
            "engagement_points": sides["engagement"],
            "grade": model_grades(sides, {columns[name].family for name in contributions.columns}),
        },
        index=frame.index,
    )
    return Prediction(table, base_value, contributions)


def with_points(frame: pd.DataFrame, points: pd.DataFrame | None) -> pd.DataFrame:
    """Features and the sheet's points side by side: the model's whole input."""
    return frame if points is None else frame.join(points)


def predict_frame(model: LeadModel, model_input: pd.DataFrame) -> pd.DataFrame:
    """The output of ``mlflow.pyfunc``: probability and shown score per row of features (and sheet points)."""
    points = model_input[list(model.rule_names)] if model.rule_names else None
    log_odds = model.log_odds(model_input, points)
    shown = shown_score(score(log_odds, model.average_log_odds))
    return pd.DataFrame({"probability": expit(log_odds), "score": shown}, index=model_input.index)


def sheet_probability(fitted: dict[str, float], rules: ScorecardSetScores, index: pd.Index) -> np.ndarray:
    """The sheet's points as probability; disqualified leads get the smoothed rate of disqualified training leads."""
    scores = rules.scores.set_index("row_id").loc[index]
    probability = expit(fitted["a"] + fitted["b"] * scores["total"].to_numpy(dtype=float))
    return np.where(scores["disqualified_by"].notna(), fitted["disqualified"], probability)
