"""How far a comparison can be trusted, in the order a sceptic would ask."""

from __future__ import annotations

import math
from typing import NamedTuple

from models.judging.lenses import MODEL
from models.judging.result import ComparisonResult
from models.judging.wording import by_name, looks, percent, winner

ENOUGH, FEW = 100, 30
SLACK = 0.1  # share of the base rate that the mean claim may be off


class Check(NamedTuple):
    """One reason to trust the comparison or not; ``level`` is good, care or bad."""

    level: str
    title: str
    words: str


def trust(comparison: ComparisonResult) -> list[Check]:
    """What the result rests on; the first three decide, the others are worth knowing."""
    return [
        _enough(comparison),
        _clear(comparison),
        _honest(comparison),
        _hot(comparison),
        *_ties(comparison),
    ] + [Check("care", "Note", str(text)) for text in comparison.meta.get("warnings") or []]


def trusted(checks: list[Check]) -> tuple[str, str]:
    """``(level, words)`` in short: evidence, clear difference, honest percentages, the worst of the three."""
    levels = {check.level for check in checks[:3]}
    if "bad" in levels:
        return "bad", "Too little evidence to decide on"
    if "care" in levels:
        return "care", "Usable, with care"
    return "good", "Trustworthy"


def _enough(c: ComparisonResult) -> Check:
    count = c.converted_leads
    level = "good" if count >= ENOUGH else "care" if count >= FEW else "bad"
    rest = {"good": "", "care": "; a hundred would settle more", "bad": "; too few to decide anything on"}[
        level
    ]
    title = "Enough evidence" if level == "good" else "Little evidence"
    return Check(level, title, f"{looks(c)}; {count:,} of the leads converted{rest}")


def _clear(c: ComparisonResult) -> Check:
    low, high = c.capacity.more_interval
    if winner(c) == "unclear":
        return Check(
            "care",
            "Difference not clear",
            f"anything from {low:+,.0f} to {high:+,.0f} conversions for the model fits",
        )
    few, many = sorted((abs(low), abs(high)))
    who = "the model" if winner(c) == MODEL else "the sheet"
    return Check(
        "good",
        "Clear difference",
        f"between {few:,.0f} and {many:,.0f} conversions in favour of {who} (90 % interval)",
    )


def _honest(c: ComparisonResult) -> Check:
    gap, low, high = c.bias
    off = c.measure(MODEL, "ece")
    words = (
        f"the model expected {percent(c.base_rate + gap)} to convert and {percent(c.base_rate)} did; "
        f"over ten parts of the list it is off by {100 * off:.1f} percentage points on average"
    )
    if not low <= 0 <= high and abs(gap) >= SLACK * c.base_rate:
        return Check("care", "Claims too much" if gap > 0 else "Claims too little", words)
    if off > max(2 * _chance_error(c), 2.5 * SLACK * c.base_rate):
        return Check("care", "Percentages are off", words)
    return Check("good", "Honest percentages", words)


def _chance_error(c: ComparisonResult) -> float:
    """The calibration error that perfect percentages would show by chance with as many leads."""
    bins = c.calibration[c.calibration["lens"] == MODEL]
    leads = bins["rows"] * c.leads / c.rows
    by_bin = (2 / math.pi * bins["claimed"] * (1 - bins["claimed"]) / leads) ** 0.5
    return float((by_bin * bins["rows"]).sum() / c.rows)


def _hot(c: ComparisonResult) -> Check:
    hot = by_name(c.hot_band, "lens")[MODEL]
    if not hot["share_of_leads"] > 0:
        return Check("care", "No hot band", "no lead reaches a score of 60, twice the average odds")
    times = f", {hot['times']:.0f} times the low band" if hot["times"] > 0 else ""
    words = (
        f"scores of 60 and more are {percent(hot['share_of_leads'])} of the leads and hold "
        f"{percent(hot['share_of_conversions'])} of the conversions; "
        f"{percent(hot['hot_rate'])} convert{times}"
    )
    level = "good" if hot["hot_rate"] > c.base_rate else "bad"
    return Check(level, "Hot means hot" if level == "good" else "Hot does not mean hot", words)


def _ties(c: ComparisonResult) -> list[Check]:
    named = (("model", c.capacity.model_tied), ("sheet", c.capacity.rules_tied))
    return [
        Check(
            "care",
            "Ties at the line",
            f"the {name} ranks {tied:,} alike where the list of {c.capacity.calls:,} is cut",
        )
        for name, tied in named
        if tied > 0.1 * c.capacity.calls
    ]
