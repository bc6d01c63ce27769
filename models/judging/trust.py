"""Checks on how reliable a comparison is, the most important first."""

from __future__ import annotations

import math
from typing import NamedTuple

from models.judging.lenses import MODEL
from models.judging.result import ComparisonResult
from models.judging.wording import Reported, by_name, judged_on, percent, signed, winner

ENOUGH, FEW = 100, 30
SLACK = 0.1  # share of the base rate that the average prediction may be off


class Check(NamedTuple):
    """One check of the comparison; ``level`` is good, care or bad."""

    level: str
    title: str
    words: str


def trust(comparison: ComparisonResult) -> list[Check]:
    """All checks; the first three decide, the others are worth knowing."""
    return [
        _evidence(comparison),
        _difference(comparison),
        _calibration(comparison),
        _hot_band(comparison),
        *_ties(comparison),
    ] + [Check("care", "Note", str(text)) for text in comparison.meta.get("warnings") or []]


def trust_in_model(report: Reported) -> list[Check]:
    """The checks that need no sheet; the first two decide."""
    notes = [Check("care", "Note", str(text)) for text in report.meta.get("warnings") or []]
    return [_evidence(report), _calibration(report), _hot_band(report), *notes]


def overall(checks: list[Check]) -> tuple[str, str]:
    """``(level, words)`` in short: the worst of evidence, clear difference and calibration."""
    levels = {check.level for check in checks[:3]}
    if "bad" in levels:
        return "bad", "Too little evidence to decide"
    if "care" in levels:
        return "care", "Usable with caution"
    return "good", "Reliable"


def _evidence(c: Reported) -> Check:
    count = c.conversions
    level = "good" if count >= ENOUGH else "care" if count >= FEW else "bad"
    advice = {"good": "", "care": f"; {ENOUGH} would be better", "bad": "; too few for a decision"}[level]
    title = "Enough evidence" if level == "good" else "Little evidence"
    return Check(level, title, f"{judged_on(c)}; {count:,} of the leads converted{advice}")


def _difference(c: ComparisonResult) -> Check:
    low, high = c.capacity.more_interval
    if winner(c) == "unclear":
        return Check(
            "care",
            "Difference not clear",
            f"from {signed(low)} to {signed(high)} leads reached by the model beyond the sheet (90 % interval)",
        )
    few, many = sorted((abs(low), abs(high)))
    who = "the model" if winner(c) == MODEL else "the sheet"
    return Check(
        "good",
        "Clear difference",
        f"{who} reaches {few:,.0f} to {many:,.0f} more leads that convert (90 % interval)",
    )


def _calibration(c: Reported) -> Check:
    gap, low, high = c.bias
    off = c.measure(MODEL, "ece")
    of = "" if c.rows == c.leads else " of the snapshots"
    words = (
        f"the model predicted that {percent(c.base_rate + gap)}{of} convert and {percent(c.base_rate)} did; "
        f"over ten bins it is off by {100 * off:.1f} percentage points on average"
    )
    if not low <= 0 <= high and abs(gap) >= SLACK * c.base_rate:
        return Check("care", "Predicts too much" if gap > 0 else "Predicts too little", words)
    if off > max(2 * _chance_error(c), 2.5 * SLACK * c.base_rate):
        return Check("care", "Poorly calibrated", words)
    return Check("good", "Well calibrated", words)


def _chance_error(c: Reported) -> float:
    """The calibration error that perfect probabilities would show by chance with as many leads."""
    bins = c.calibration[c.calibration["lens"] == MODEL]
    leads = bins["rows"] * c.leads / c.rows
    by_bin = (2 / math.pi * bins["claimed"] * (1 - bins["claimed"]) / leads) ** 0.5
    return float((by_bin * bins["rows"]).sum() / c.rows)


def _hot_band(c: Reported) -> Check:
    hot = by_name(c.hot_band, "lens")[MODEL]
    if not hot["share_of_leads"] > 0:
        return Check("care", "No hot band", "no lead reaches a score of 60, twice the average odds")
    times = f", {hot['times']:.0f} times those that never exceed 40" if hot["times"] > 0 else ""
    words = (
        f"{percent(hot['share_of_leads'])} of the leads reach a score of 60 and hold "
        f"{percent(hot['share_of_conversions'])} of the conversions; "
        f"{percent(hot['hot_rate'])} convert{times}"
    )
    level = "good" if hot["hot_rate"] > c.base_rate else "bad"
    title = "Hot leads convert more" if level == "good" else "Hot leads do not convert more"
    return Check(level, title, words)


def _ties(c: ComparisonResult) -> list[Check]:
    named = (("model", c.capacity.model_tied), ("sheet", c.capacity.rules_tied))
    return [
        Check(
            "care",
            "Many equal ranks",
            f"for {tied:,} of the {name}'s {c.capacity.calls:,} calls a lot decides between equal ranks",
        )
        for name, tied in named
        if tied > 0.1 * c.capacity.calls
    ]
