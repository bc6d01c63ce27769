"""Thresholds, importance and dependence as tables of texts, for either page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leadlens.models.insights import Insights
from leadlens.models.judging.groups import FEWEST
from leadlens.models.judging.thresholds import more_above
from leadlens.pipeline.report.words import NAMES, share, signed

_SIDES = {"behavioural": "what the lead did", "firmographic": "the firm", "demographic": "the person"}


def threshold_table(thresholds: pd.DataFrame, *, lenses: bool) -> dict[str, Any]:
    """Leads above each threshold; with ``lenses`` a row says whose score it is."""
    rows = [
        (
            f"{row['threshold']}",
            *((NAMES[row["lens"]],) if lenses else ()),
            share(row["probability"]),
            f"{row['leads']:,} ({share(row['share_of_leads'])})",
            f"{row['conversions']:,} ({share(row['share_of_conversions'])})",
            share(row["precision"]),
            f"{share(row['low'])} to {share(row['high'])}",
        )
        for row in thresholds.sort_values("threshold", kind="stable").to_dict("records")
    ]
    return {
        "id": "thresholds",
        "title": "Thresholds",
        "intro": " ".join(
            filter(
                None,
                (
                    "Leads that reach a score, each once, as of the first snapshot that reaches it, and the conversions that follow.",
                    more_above(thresholds),
                ),
            )
        ),
        "head": (
            "Score from",
            *(("Lens",) if lenses else ()),
            "Probability",
            "Leads above",
            "Conversions caught",
            "Precision",
            "90 % interval",
        ),
        "rows": rows,
    }


def protected_tables(rates: pd.DataFrame | None, *, lenses: bool) -> list[dict[str, Any]]:
    """How the groups of each protected column fare; none where nothing is protected."""
    if rates is None or rates.empty:
        return []

    def with_interval(row: Any, name: str) -> str:
        if not row[name] >= 0:
            return "–"
        return f"{share(row[name])} ({share(row[f'{name}_low'])} to {share(row[f'{name}_high'])})"

    rows = [
        (
            f"{row['by']}: {row['group']}",
            *((NAMES[row["lens"]],) if lenses else ()),
            f"{row['leads']:,} ({row['conversions']:,})",
            with_interval(row, "called"),
            share(row["predicted"]),
            with_interval(row, "converted"),
            row["calibration"],
            with_interval(row, "reached"),
        )
        for row in rates.to_dict("records")
    ]
    return [
        {
            "id": "protected",
            "title": "Protected groups",
            "intro": "Each lead counts once, with 90 % intervals: of the same number of calls the share of the group that is called; what is "
            "predicted of it and what became of it, as of each lead's first snapshot; and of those that convert the share that is called before. "
            f"Of groups of fewer than {FEWEST} leads nothing is said. No feature is made of these columns.",
            "head": (
                "Group",
                *(("Lens",) if lenses else ()),
                "Leads (converted)",
                "Called",
                "Predicted",
                "Converted",
                "Prediction",
                "Reached",
            ),
            "rows": rows,
        }
    ]


def insight_tables(insights: Insights | None) -> list[dict[str, Any]]:
    """What the model goes by: every feature, and what values of the strongest lead to."""
    if insights is None:
        return []
    every = [
        (
            row["label"],
            _SIDES[row["family"]],
            f"{row['points']:.2f}",
            share(row["share"]),
            signed(row["highest"], 1),
            signed(row["lowest"], 1),
        )
        for row in insights.importance.to_dict("records")
    ]
    values = [
        (row["label"], row["value"], f"{row['score']:.1f}", share(row["probability"]))
        for row in insights.dependence.to_dict("records")
    ]
    return [
        *([_learning_curve(insights.curve)] if insights.curve is not None else []),
        {
            "id": "importance",
            "title": "What the model goes by",
            "intro": "How far each feature moves a score up or down, on average, and at most. Ten points double the odds.",
            "head": ("Feature", "About", "Points on average", "Share", "At most", "At least"),
            "rows": every,
        },
        {
            "id": "dependence",
            "title": "What values lead to",
            "intro": "The average score if every lead had this value and everything else as it is. Measures of one behaviour go "
            "together in life, and are varied one at a time here.",
            "head": ("Feature", "Value", "Average score", "Average probability"),
            "rows": values,
        },
    ]


def _learning_curve(curve: pd.DataFrame) -> dict[str, Any]:
    def metric(row: Any, name: str) -> str:
        return f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"

    return {
        "id": "learning-curve",
        "title": "Learning curve",
        "intro": "Models of growing shares of the training leads, without a search, on the same out-of-time rows. The next doubling "
        "seldom brings more than the last.",
        "head": ("Share", "Leads", "Conversions", "Average precision", "Log loss", "ROC AUC"),
        "rows": [
            (
                share(row["share"]),
                f"{row['leads']:,.0f}",
                f"{row['conversions']:,.0f}",
                *(metric(row, name) for name in ("average_precision", "log_loss", "roc_auc")),
            )
            for row in curve.to_dict("records")
        ],
    }
