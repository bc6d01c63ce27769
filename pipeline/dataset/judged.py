"""The later rows as both lenses see them: what `compare` and `promote` judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features import UsageError
from models.judging import Comparison
from models.judging import compare as judge
from models.prediction import named, predict, sheet_points, sheet_probability
from models.scorecard import ScorecardSetScores, calibrate_points
from pipeline.config import ProjectFile
from pipeline.dataset.training_set import TrainingSet
from pipeline.registry.bundle import Bundle


def fit_sheet_probability(rules: ScorecardSetScores, label: pd.Series) -> dict[str, float]:
    """Points → log-odds on training rows; disqualified leads apart, by their own (smoothed) rate."""
    scores = rules.scores.set_index("row_id").loc[label.index]
    out = scores["disqualified_by"].notna()
    fitted = calibrate_points(scores.loc[~out, "total"].astype(float), label[~out])
    rate = float(label.mean())
    disqualified = (float(label[out].sum()) + 20 * rate * 0.5) / (int(out.sum()) + 20)
    return {**fitted.as_dict(), "disqualified": max(disqualified, 1e-4)}


def judged_rows(bundle: Bundle, rows: TrainingSet) -> pd.DataFrame:
    """One row per later (lead, as_of) with label, probability, score, grade and the sheet's side."""
    if rows.rules is None or bundle.recipe.sheet_probability is None:
        raise UsageError(
            "this project has no score sheet to compare the model with",
            fix="write one and name it under scorecards: (leadlens init DIR writes an example)",
        )
    later = rows.rows("test")
    points = sheet_points(rows.prior, later)
    seen = predict(
        bundle.model, rows.matrix.frame.loc[later], named(rows.matrix.columns, bundle.sheet), points
    ).table
    spine = rows.matrix.spine.set_index("row_id").loc[later]
    sheet = rows.rules.scores.set_index("row_id").loc[later]
    return pd.DataFrame(
        {
            "row_id": later,
            "lead_id": spine["lead_id"].to_numpy(),
            "as_of": spine["as_of"].to_numpy(),
            "label": rows.label[later].to_numpy(),
            "probability": seen["probability"].to_numpy(),
            "score": seen["score"].to_numpy(),
            "grade": seen["grade"].to_numpy(),
            "rule_points": sheet["total"].to_numpy(dtype=float),
            "rule_probability": sheet_probability(bundle.recipe.sheet_probability, rows.rules, later),
            "rule_grade": sheet["grade"].to_numpy(),
            "rule_stage": sheet["stage"].to_numpy(),
            "disqualified": sheet["disqualified_by"].notna().to_numpy(),
            "disqualified_by": sheet["disqualified_by"].to_numpy(),
        }
    )


def later_probability(bundle: Bundle, rows: TrainingSet) -> np.ndarray:
    """What a model says of the later rows, in their order."""
    later = rows.rows("test")
    return bundle.model.predict_proba(rows.matrix.frame.loc[later], sheet_points(rows.prior, later))


def compare_rows(
    file: ProjectFile, bundle: Bundle, rows: TrainingSet, version: str, warnings: list[str]
) -> Comparison:
    """Judge rules and model on the later rows of a training set."""
    judged = judged_rows(bundle, rows)
    assert rows.rules is not None
    sheet = rows.rules.sheet
    meta: dict[str, Any] = {
        "project": file.project.name,
        "about": file.project.about,
        "horizon": None if file.project.outcome.column else _days(file),
        "model_version": version,
        "sheet_version": f"{sheet.name} {sheet.version}",
        "dropped_columns": list(bundle.recipe.dropped),
        "warnings": warnings,
        "clock": "time" if file.project.order is None else "sequence",
        "rules": {rule.label: rule.points for rule in sheet.rules},
        "test_from": rows.test_from.isoformat(),
    }
    return judge(judged, rows.rules.told(), meta, capacity=file.project.judge.capacity)


def _days(file: ProjectFile) -> str:
    from features import humanize

    return humanize(file.project.outcome.horizon)
