"""What a report has of a comparison beyond the page: every number a text, every table a list of rows."""

from __future__ import annotations

import math
from typing import Any

from leadlens.models.judging import METRICS, Comparison
from leadlens.models.judging.point_audit import SheetUnit
from leadlens.models.judging.wording import METRIC_NAMES, by_name, how_called, judged_on, percent, period
from leadlens.pipeline.report.insights_view import insight_tables, protected_tables, threshold_table
from leadlens.pipeline.report.words import METRIC_WORDS, MISSING, NAMES, share, signed


def comparison_tables(c: Comparison) -> list[dict[str, Any]]:
    """Those that have rows, in their order."""
    tables = [
        threshold_table(c.thresholds, lenses=True),
        _stages(c),
        _hot(c),
        _dropped(c),
        *protected_tables(c.protected, lenses=True),
        *insight_tables(c.insights),
        _measures(c),
    ]
    return [table for table in tables if table["rows"]]


def setup(c: Comparison) -> list[tuple[str, str]]:
    """What was compared, on whom."""
    meta = c.meta
    named = [
        ("Judged on", judged_on(c)),
        ("As of", period(c)),
        ("Leads that converted", f"{c.conversions:,} of {c.leads:,} ({percent(c.conversions / c.leads)})"),
        (
            "Snapshots before a conversion",
            f"{c.converted_rows:,} of {c.rows:,} ({percent(c.base_rate)})" if c.rows != c.leads else "",
        ),
        ("Counted as converted", f"within {meta['horizon']}" if meta.get("horizon") else ""),
        ("Sales capacity", f"{percent(c.capacity.share)}: {c.capacity.calls:,} calls"),
        ("Calls", how_called(weekly=c.weekly, weeks=c.weeks, capacity=c.capacity.share)),
        ("Unit of the sheet", _unit(c.unit)),
        ("Model", meta.get("model_version")),
        ("Score sheet", meta.get("sheet_version")),
        ("Columns left out", ", ".join(map(str, meta.get("dropped_columns") or []))),
    ]
    return [(name, str(value)) for name, value in named if value]


def _stages(c: Comparison) -> dict[str, Any]:
    return {
        "id": "stages",
        "title": "The sheet's own stages",
        "intro": "A lead counts once in each stage that it was in, as of the first time.",
        "head": ("Stage", "Leads", "Conversions", "Converted", "90 % interval"),
        "rows": [
            (
                row["stage"],
                f"{row['leads']:,}",
                f"{row['conversions']:,}",
                share(row["rate"]),
                f"{share(row['low'])} to {share(row['high'])}",
            )
            for row in c.stages[c.stages["leads"] > 0].to_dict("records")
        ],
    }


def _hot(c: Comparison) -> dict[str, Any]:
    return {
        "id": "hot",
        "title": "Hot leads",
        "intro": "Leads that reach a score of 60, twice the average odds, beside those that are never above 40.",
        "head": (
            "Lens",
            "Share of leads",
            "Share of conversions",
            "Convert",
            "Never above 40 convert",
            "Times",
        ),
        "rows": [
            (
                NAMES[row["lens"]],
                share(row["share_of_leads"]),
                share(row["share_of_conversions"]),
                share(row["hot_rate"]),
                share(row["low_rate"]),
                f"{row['times']:.1f}×" if math.isfinite(row["times"]) else MISSING,
            )
            for row in c.hot_band.to_dict("records")
        ],
    }


def _dropped(c: Comparison) -> dict[str, Any]:
    """What the page has on the page of each rule."""
    return {
        "id": "dropped",
        "title": "Each rule by itself",
        "intro": f"Snapshots that convert with the rule and without it, and what the sheet's ROC AUC and the leads that it reaches in "
        f"{c.capacity.calls:,} calls would change by if the rule were dropped.",
        "head": ("Rule", "Convert with", "Convert without", "ROC AUC", "Leads reached"),
        "rows": [
            (
                row["rule"],
                share(row["rate_with"]),
                share(row["rate_without"]),
                signed(row["dropped_auc"], 3),
                signed(row["dropped_found"]),
            )
            for row in c.audit.to_dict("records")
        ],
    }


def _measures(c: Comparison) -> dict[str, Any]:
    measures, difference = by_name(c.measures, "lens", "metric"), by_name(c.difference, "metric")
    random_split = c.meta.get("random_split") or {}
    optimistic = (
        " A random split trains on leads of the same weeks as it tests on, so its figures are optimistic; expect the out-of-time figures."
        if random_split
        else ""
    )
    rows = []
    for metric in METRICS:
        at = difference[metric]
        row = [
            f"{METRIC_NAMES[metric]}: {METRIC_WORDS[metric]}",
            *(_with_interval(measures[lens, metric], "") for lens in NAMES),
            _with_interval(at, "+"),
            NAMES.get(at["better"], "not clear"),
        ]
        if random_split:
            row.append(f"{random_split[metric]:.3f}" if metric in random_split else MISSING)
        rows.append(row)
    head = [
        "Measure",
        *NAMES.values(),
        "Difference",
        "Better",
        *(["Model, random split"] if random_split else []),
    ]
    return {
        "id": "measures",
        "title": "Measures",
        "intro": f"With 90 % intervals, drawn over whole leads.{optimistic}",
        "head": head,
        "rows": rows,
    }


def _with_interval(row: dict[str, Any], sign: str) -> str:
    value, low, high = (f"{row[name]:{sign}.3f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _unit(unit: SheetUnit) -> str:
    if not math.isfinite(unit.value):
        return "The sheet gives every lead the same points, so its unit cannot be estimated."
    span = f"{unit.value:.2f} points of the common scale (90 %: {unit.low:.2f} to {unit.high:.2f})"
    if unit.clear:
        return f"One point of the sheet is worth {span}; worth is converted at that rate."
    return f"One point of the sheet is worth {span}: not clearly above zero, so only directions are judged."
