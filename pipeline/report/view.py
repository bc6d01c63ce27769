"""A comparison as the page shows it: every number a text, every table a list of rows."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from models.judging import METRICS, Capacity, Comparison
from models.judging.agreement import QUADRANTS
from models.judging.chances import chance
from models.judging.lenses import LENSES, MODEL, RULES
from models.judging.point_audit import SheetUnit
from models.judging.story import advice, by_chance, details, headline, same_calls
from models.judging.trust import Check, status, trust
from models.judging.verdicts import SUPPORTED, VERDICTS, WRONG_DIRECTION, WRONG_SIZE
from models.judging.wording import METRIC_NAMES, by_name, how_called, judged_on, percent, period
from pipeline.report.theme import NAMES
from pipeline.report.words import GLOSSARY, METRIC_WORDS, QUADRANT_WORDS

MISSING = "–"
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_TONE = {SUPPORTED: "good", WRONG_DIRECTION: "bad"} | dict.fromkeys(WRONG_SIZE, "care")


def view(c: Comparison) -> dict[str, Any]:
    """Everything the template names."""
    shown: dict[str, Any] = _unbroken(_view(c))
    return shown


def _view(c: Comparison) -> dict[str, Any]:
    return {
        "project": str(c.meta.get("project") or "Comparison"),
        "headline": headline(c),
        "status": status(trust(c)),
        "advice": advice(c),
        "same_calls": same_calls(c),
        "story": details(c),
        "checks": trust(c),
        "bars": _bars(c),
        "more": _more(c),
        "figures": {name: _figure(c, name) for name in METRICS},
        "calls": f"{c.capacity.calls:,}",
        "how_called": how_called(weekly=c.weekly, weeks=c.weeks, capacity=c.capacity.share),
        "judged_on": judged_on(c),
        "capacity_table": _capacity_table(c),
        "metrics": _metrics(c),
        "random_split": bool(c.meta.get("random_split")),
        "hot": [_hot(row) for row in c.hot_band.itertuples()],
        "bands": [
            shown | {"chance": chance(row["leads"], row["conversions"], c.conversions / c.leads)}
            for shown, row in zip(_tally(c.bands, "band"), c.bands.to_dict("records"), strict=True)
        ],
        "stages": _tally(c.stages[c.stages["leads"] > 0], "stage"),
        "quadrants": [_quadrant(c, name) for name in QUADRANTS],
        "has_dates": bool(period(c)),
        "snapshots": c.rows != c.leads,
        "audit": [
            _rule(row, c.unit)
            for row in sorted(c.audit.itertuples(), key=lambda row: VERDICTS.index(row.verdict))
        ],
        "by_chance": by_chance(c).strip(),
        "unit": _unit(c),
        "setup": _setup(c),
        "glossary": GLOSSARY,
    }


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign, a dash where there is none to show."""
    if not math.isfinite(value):
        return MISSING
    rounded = round(value, digits)
    return f"{rounded:+,.{digits}f}".replace("-", "−") if rounded else "0"


def share(value: float) -> str:
    """A share in percent, a dash where nothing was counted."""
    return percent(value) if math.isfinite(value) else MISSING


def _unbroken(value: Any) -> Any:
    """Keep percent signs on the line of their number; what users typed stays as it is."""
    if isinstance(value, dict):
        typed = ("lead_id", "rule", "project")
        return {key: item if key in typed else _unbroken(item) for key, item in value.items()}
    if isinstance(value, Check):
        return value._replace(title=_unbroken(value.title), words=_unbroken(value.words))
    if isinstance(value, list | tuple):
        return [_unbroken(item) for item in value]
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value


def _bars(c: Comparison) -> list[dict[str, Any]]:
    at = c.capacity
    named = (
        ("model", NAMES[MODEL], at.model),
        ("rules", NAMES[RULES], at.rules),
        ("chance", "At random", at.random),
    )
    return [
        {"kind": kind, "name": name, "count": f"{count:,.0f}", "width": f"{100 * count / c.conversions:.1f}"}
        for kind, name, count in named
    ]


def _more(c: Comparison) -> dict[str, str]:
    low, high = c.capacity.more_interval
    relative = c.capacity.more / c.capacity.rules if c.capacity.rules >= 1 else math.nan
    return {
        "count": signed(c.capacity.more),
        "relative": f"{signed(100 * relative)} %" if math.isfinite(relative) else "",
        "interval": f"{signed(low)} to {signed(high)}",
    }


def _figure(c: Comparison, metric: str) -> dict[str, str]:
    scale = 100 if metric == "ece" else 1
    digits = 1 if metric == "ece" else 3
    return {lens: f"{scale * c.measure(lens, metric):.{digits}f}" for lens in LENSES}


def _capacity_table(c: Comparison) -> list[dict[str, Any]]:
    curve = c.gains.assign(percent=(c.gains["called"] * 100).round().astype(int))
    points = by_name(curve, "lens", "percent")
    rows: list[tuple[float, dict[str, Any]]] = []
    for called in SHARES:
        row: dict[str, Any] = {"share": f"{100 * called:.0f} %", "calls": f"{called * c.leads:,.0f}"}
        for lens in LENSES:
            at = points[lens, round(100 * called)]
            row[lens] = {
                "found": f"{at['found'] * c.conversions:,.0f}",
                "share": share(at["found"]),
                "lift": f"{at['lift']:.1f}×",
            }
        row["chance"] = f"{points[MODEL, round(100 * called)]['random'] * c.conversions:,.0f}"
        rows.append((called, row))
    rows += [(cut.share, _cut(c, cut)) for cut in c.cuts]
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


def _cut(c: Comparison, cut: Capacity) -> dict[str, Any]:
    """The row of a threshold of the sheet."""

    def found(count: float) -> dict[str, str]:
        part = count / c.conversions
        lift = f"{count / cut.random:.1f}×" if cut.random > 0 else MISSING
        return {"found": f"{count:,.0f}", "share": share(part), "lift": lift}

    return {
        "share": f"The sheet's {cut.name} ({percent(cut.share)})",
        "calls": f"{cut.calls:,}",
        MODEL: found(cut.model),
        RULES: found(cut.rules),
        "chance": f"{cut.random:,.0f}",
    }


def _metrics(c: Comparison) -> list[dict[str, str]]:
    measures = by_name(c.measures, "lens", "metric")
    difference = by_name(c.difference, "metric")
    random_split = c.meta.get("random_split") or {}
    rows = []
    for metric in METRICS:
        at, optimistic = difference[metric], random_split.get(metric)
        rows.append(
            {
                "name": METRIC_NAMES[metric],
                "words": METRIC_WORDS[metric],
                **{lens: _with_interval(measures[lens, metric], "") for lens in LENSES},
                "difference": _with_interval(at, "+"),
                "better": NAMES.get(at["better"], "not clear"),
                "random": MISSING if optimistic is None else f"{optimistic:.3f}",
            }
        )
    return rows


def _with_interval(row: dict[str, Any], sign: str) -> str:
    value, low, high = (f"{row[name]:{sign}.3f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _hot(row: Any) -> dict[str, str]:
    return {
        "lens": NAMES[row.lens],
        "leads": share(row.share_of_leads),
        "conversions": share(row.share_of_conversions),
        "hot": share(row.hot_rate),
        "low": share(row.low_rate),
        "times": f"{row.times:.1f}×" if math.isfinite(row.times) else MISSING,
    }


def _tally(frame: pd.DataFrame, column: str) -> list[dict[str, str]]:
    return [
        {
            "lens": NAMES[row["lens"]],
            "name": row[column],
            "leads": f"{row['leads']:,}",
            "conversions": f"{row['conversions']:,}",
            "rate": share(row["rate"]),
            "interval": f"{share(row['low'])} to {share(row['high'])}" if row["leads"] else MISSING,
        }
        for row in frame.to_dict("records")
    ]


def _quadrant(c: Comparison, name: str) -> dict[str, Any]:
    row = by_name(c.quadrants, "quadrant")[name]
    leads = c.quadrant_leads[c.quadrant_leads["quadrant"] == name]
    return {
        "id": name.replace(" ", "-"),
        **QUADRANT_WORDS[name],
        "count": f"{row['leads']:,}",
        "conversions": f"{row['conversions']:,}",
        "rate": share(row["rate"]),
        "interval": f"{share(row['low'])} to {share(row['high'])}" if row["leads"] else MISSING,
        "shown": len(leads),
        "leads": [
            lead
            | {
                "as_of": "" if pd.isna(lead["as_of"]) else f"{lead['as_of']:%Y-%m-%d %H:%M}",
                "rule_points": f"{lead['rule_points']:g}",
            }
            for lead in leads.to_dict("records")
        ],
    }


def _rule(row: Any, unit: SheetUnit) -> dict[str, str]:
    points = math.isfinite(row.points)
    digits = unit.digits
    in_sheet = math.isfinite(row.suggested_low)
    ends = (row.suggested_low, row.suggested_high) if in_sheet else (row.low, row.high)
    low, high = (signed(at, digits if in_sheet else 1) for at in ends)
    return {
        "rule": row.rule,
        "leads": f"{row.leads:,}",
        "points": f"{row.points:+.4g}".replace("-", "−") if points else "out",
        "with": share(row.rate_with),
        "without": share(row.rate_without),
        "worth": f"{low} to {high}" if math.isfinite(row.low) else MISSING,
        "where": "" if in_sheet or not math.isfinite(row.low) else "on the common scale",
        "suggested": signed(row.suggested, digits) if math.isfinite(row.suggested) else "",
        "auc": signed(row.dropped_auc, 3),
        "found": signed(row.dropped_found),
        "tone": _TONE.get(row.verdict, "quiet"),
        "words": row.words,
    }


def _unit(c: Comparison) -> str:
    unit = c.unit
    if not math.isfinite(unit.value):
        return "The sheet gives every lead the same points, so its unit cannot be estimated."
    span = f"{unit.value:.2f} points of the common scale (90 %: {unit.low:.2f} to {unit.high:.2f})"
    if unit.clear:
        return f"One point of the sheet is worth {span}; worth is converted at that rate."
    return f"One point of the sheet is worth {span}: not clearly above zero, so only directions are judged."


def _setup(c: Comparison) -> list[tuple[str, str]]:
    meta = c.meta
    setup = [
        ("Judged on", judged_on(c)),
        ("As of", period(c)),
        ("Leads that converted", f"{c.conversions:,} of {c.leads:,} ({percent(c.conversions / c.leads)})"),
        (
            "Snapshots before a conversion",
            f"{c.converted_rows:,} of {c.rows:,} ({percent(c.base_rate)})" if c.rows != c.leads else "",
        ),
        ("Counted as converted", f"within {meta['horizon']}" if meta.get("horizon") else ""),
        ("Sales capacity", f"{percent(c.capacity.share)}: {c.capacity.calls:,} calls"),
        ("Model", meta.get("model_version")),
        ("Score sheet", meta.get("sheet_version")),
        ("Columns left out", ", ".join(map(str, meta.get("dropped_columns") or []))),
    ]
    return [(name, str(value)) for name, value in setup if value]
