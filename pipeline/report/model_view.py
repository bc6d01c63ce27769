"""A model without a sheet as its page shows it: every number a text, every table a list of rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leadlens.models.judging import METRICS, ModelReport
from leadlens.models.judging.trust import status, trust_in_model
from leadlens.models.judging.wording import METRIC_NAMES, by_name, how_called, judged_on, percent, period
from leadlens.pipeline.report.insights_view import insight_tables, protected_tables, threshold_table
from leadlens.pipeline.report.words import METRIC_WORDS, MISSING, share

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


def model_view(report: ModelReport) -> dict[str, Any]:
    """Everything the template names."""
    tables = [
        _found(report),
        threshold_table(report.thresholds, lenses=False),
        _calibration(report),
        _bands(report),
        _grades(report),
        _measures(report),
    ]
    tables += [*protected_tables(report.protected, lenses=False), *insight_tables(report.insights)]
    return {
        "project": str(report.meta.get("project") or "Model"),
        "subject": "the model alone",
        "headline": report.headline(),
        "status": status(trust_in_model(report)),
        "advice": report.advice(),
        "about": f"Judged on {judged_on(report)}. There is no sheet to compare the model with.",
        "checks": [check._asdict() for check in trust_in_model(report)],
        "story": report.details(),
        "tables": [table for table in tables if table["rows"]],
        "setup": _setup(report),
    }


def _found(report: ModelReport) -> dict[str, Any]:
    points = by_name(
        report.gains.assign(percent=(report.gains["called"] * 100).round().astype(int)), "percent"
    )
    rows = []
    for called in SHARES:
        at = points[round(100 * called)]
        found = f"{at['found'] * report.conversions:,.0f} ({share(at['found'])})"
        chance = f"{at['random'] * report.conversions:,.0f}"
        rows.append((percent(called), f"{called * report.leads:,.0f}", found, chance, f"{at['lift']:.1f}×"))
    return {
        "id": "same-calls",
        "title": "Leads reached",
        "intro": f"{how_called(weekly=report.weekly, weeks=report.weeks, capacity=report.capacity)} Lift is what is reached "
        "over what is at random.",
        "head": ("Capacity", "Calls", "Model reaches", "At random", "Lift"),
        "rows": rows,
    }


def _calibration(report: ModelReport) -> dict[str, Any]:
    return {
        "id": "calibration",
        "title": "Predicted and actual",
        "intro": "Ten bins of equal count, from the least likely on.",
        "head": ("Bin", "Rows", "Predicted", "Converted", "90 % interval"),
        "rows": [
            (
                row["bin"],
                f"{row['rows']:,}",
                share(row["claimed"]),
                share(row["actual"]),
                f"{share(row['low'])} to {share(row['high'])}",
            )
            for row in report.calibration.to_dict("records")
        ],
    }


def _bands(report: ModelReport) -> dict[str, Any]:
    return _tally(
        "bands", "Score bands", "50 is the average lead, ten points double the odds.", report.bands, "band"
    )


def _grades(report: ModelReport) -> dict[str, Any]:
    intro = "Fit A to D, engagement 4 to 1; a side without features is left out."
    return _tally("grades", "Grades", intro, report.grades[report.grades["leads"] > 0], "grade")


def _tally(place: str, title: str, intro: str, frame: pd.DataFrame, column: str) -> dict[str, Any]:
    rows = [
        (
            row[column],
            f"{row['leads']:,}",
            f"{row['conversions']:,}",
            share(row["rate"]),
            f"{share(row['low'])} to {share(row['high'])}" if row["leads"] else MISSING,
        )
        for row in frame.to_dict("records")
    ]
    head = (column.capitalize(), "Leads", "Conversions", "Converted", "90 % interval")
    return {"id": place, "title": title, "intro": intro, "head": head, "rows": rows}


def _measures(report: ModelReport) -> dict[str, Any]:
    rows = by_name(report.measures, "metric")
    return {
        "id": "measures",
        "title": "Measures",
        "intro": "With 90 % intervals, drawn over whole leads.",
        "head": ("Measure", "Model", "Low", "High"),
        "rows": [
            (
                f"{METRIC_NAMES[name]}: {METRIC_WORDS[name]}",
                *(f"{rows[name][part]:.3f}" for part in ("value", "low", "high")),
            )
            for name in METRICS
        ],
    }


def _setup(report: ModelReport) -> list[tuple[str, str]]:
    meta = report.meta
    setup = [
        ("Judged on", judged_on(report)),
        ("As of", period(report)),
        (
            "Leads that converted",
            f"{report.conversions:,} of {report.leads:,} ({percent(report.conversions / report.leads)})",
        ),
        ("Counted as converted", f"within {meta['horizon']}" if meta.get("horizon") else ""),
        ("Sales capacity", f"{percent(report.capacity)}: {report.calls:,} calls"),
        ("Model", meta.get("model_version")),
        ("Columns left out", ", ".join(map(str, meta.get("dropped_columns") or []))),
    ]
    return [(name, str(value)) for name, value in setup if value]
