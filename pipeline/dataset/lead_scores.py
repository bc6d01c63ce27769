"""Scored leads as the rows of `lead_scores`: what a batch job writes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.reasons import Reason, reasons_text
from models.scorecard import ScorecardSetScores
from pipeline.dataset.scored_leads import ScoredLeads

_REASONS_KEPT = 10
_LEDGER = ("dimension", "rule", "occurred_at", "detail", "points", "taken_by_decay", "taken_by_cap")
_STEADY = 0.5  # points in a week that are no trend


def lead_scores(scored: ScoredLeads) -> pd.DataFrame:
    """One row per scored lead: the columns of `lead_scores` that scoring fills, in the spine's order."""
    table, prediction = scored.prediction.table, scored.prediction
    reasons = scored.reasons(_REASONS_KEPT)
    scores = pd.DataFrame(
        {
            "lead_id": scored.spine["lead_id"].to_numpy(),
            "as_of": scored.spine["as_of"].to_numpy(),
            "probability": table["probability"].to_numpy(),
            "score": table["shown"].to_numpy(),
            "grade": table["grade"].to_numpy(),
            "fit_points": table["fit_points"].round(3).to_numpy(),
            "engagement_points": table["engagement_points"].round(3).to_numpy(),
            "reasons": [_with_base(prediction.base_value, lines) for lines in reasons],
            "reasons_text": [reasons_text(lines) for lines in reasons],
        }
    )
    if scored.rules is None or scored.sheet is None:
        return scores
    return scores.assign(**_sheet_columns(scored.rules, scored.sheet))


def route_text(action: Any, queue: Any, reason: Any) -> str | None:
    """What to do with a lead, in one line; ``None`` where no route is for it.

    >>> route_text("call", "senior_reps", "Read for weeks, then asked for a price")
    'call, senior_reps: Read for weeks, then asked for a price'
    """
    if pd.isna(action):
        return None
    return f"{action}{'' if pd.isna(queue) else f', {queue}'}: {reason}"


def _with_base(base: float, lines: list[Reason]) -> list[dict[str, Any]]:
    """Base value and reasons, which sum to the score."""
    return [
        {"text": "Every lead starts at", "points": round(base, 3), "family": None},
        *(line.to_dict() for line in lines),
    ]


def _sheet_columns(rules: ScorecardSetScores, by_row: pd.DataFrame) -> dict[str, Any]:
    versions = {sheet.name: f"{sheet.name} {sheet.version}" for sheet in rules.sheet.sheets}
    return {
        "stage": by_row["stage"].to_numpy(),
        "trend": by_row["trend"].map(_heading).to_numpy() if "trend" in by_row else None,  # by `movement`
        "route": [
            route_text(*row) for row in zip(by_row["action"], by_row["queue"], by_row["reason"], strict=True)
        ],
        "scorecard_version": by_row["sheet"].map(versions).to_numpy(),
        "rule_points": by_row["total"].to_numpy(dtype=float),
        "rule_grade": by_row["grade"].to_numpy(),
        "rule_stage": by_row["stage"].to_numpy(),
        "ledger": _ledgers(rules.ledger, by_row.index),
    }


def _ledgers(ledger: pd.DataFrame, index: pd.Index) -> list[list[dict[str, Any]]]:
    dates = ledger["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object)
    lines = zip(
        ledger["row_id"],
        ledger["dimension"],
        ledger["rule"],
        dates.where(ledger["occurred_at"].notna(), None),
        ledger["detail"].astype(object).where(ledger["detail"].notna(), None),
        ledger["points"].tolist(),
        ledger["taken_by_decay"].tolist(),
        ledger["taken_by_cap"].tolist(),
        strict=True,
    )
    ledgers: dict[Any, list[dict[str, Any]]] = {row: [] for row in index}
    for row, *line in lines:
        ledgers[row].append(dict(zip(_LEDGER, line, strict=True)))
    return list(ledgers.values())


def _heading(points: float) -> str | None:
    """Where the sheet's total went in the last week, in one word, so that it seldom changes."""
    if np.isnan(points):  # no sheet is for this lead
        return None
    return "steady" if abs(points) < _STEADY else "rising" if points > 0 else "falling"
