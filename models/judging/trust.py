"""Checks on how far a comparison can be relied on; its status is the worst of those that decide."""

from __future__ import annotations

import math
from typing import NamedTuple

from leadlens.models.judging.lenses import MODEL
from leadlens.models.judging.result import ComparisonResult
from leadlens.models.judging.wording import (
    Reported,
    by_name,
    judged_on,
    percent,
    signed,
    winner,
    without_settings,
)

ENOUGH, FEW = 100, 30
SLACK = 0.1  # share of the base rate that the average prediction may be off
DATA_CARE, DATA_BAD = 0.05, 0.25  # share of the leads or events that a data finding is open on

GOOD, CARE, BAD = "good", "care", "bad"
LEVELS = (GOOD, CARE, BAD)
SETTLE_FIRST = "Change nothing before that is settled: the checks say what it takes."
STATUS = {GOOD: "Ready to decide", CARE: "Decide with care", BAD: "Do not decide yet"}


class Check(NamedTuple):
    """One check of the comparison; ``level`` is good, care or bad. The status is the worst of those that ``decide``."""

    level: str
    title: str
    words: str
    decides: bool = False


def trust(comparison: ComparisonResult) -> list[Check]:
    """All checks: evidence, difference, calibration and data decide, the others are worth knowing."""
    return [
        _evidence(comparison),
        _difference(comparison),
        _calibration(comparison),
        _data(comparison),
        _hot_band(comparison),
        *_ties(comparison),
        *_notes(comparison),
    ]


def trust_in_model(report: Reported) -> list[Check]:
    """The checks that need no sheet: evidence, calibration and data decide."""
    return [_evidence(report), _calibration(report), _data(report), _hot_band(report), *_notes(report)]


def overall(checks: list[Check]) -> tuple[str, str]:
    """``(level, words)`` of the status: the worst of the checks that decide, and what is wrong by their titles."""
    deciding = [check for check in checks if check.decides]
    level = max((check.level for check in deciding), key=LEVELS.index)
    why = [check.title[:1].lower() + check.title[1:] for check in deciding if check.level == level != GOOD]
    return level, STATUS[level] + (f": {', '.join(why)}" if why else "")


def status(checks: list[Check]) -> dict[str, str]:
    """The same by name."""
    return dict(zip(("level", "words"), overall(checks), strict=True))


def stop(checks: list[Check]) -> str | None:
    """What stands in place of a headline where the status is bad: “Do not decide yet”, and the reason of the first such check."""
    reason = next((check.words for check in checks if check.decides and check.level == BAD), None)
    return None if reason is None else f"{STATUS[BAD]}: {reason.partition(': ')[0].rstrip('.')}"


def _evidence(c: Reported) -> Check:
    count = c.conversions
    level = GOOD if count >= ENOUGH else CARE if count >= FEW else BAD
    converted = f"{count:,} of {judged_on(c)} converted"
    advice = {GOOD: "", CARE: f"; {ENOUGH} would be better", BAD: f", and a decision needs {FEW}"}[level]
    title = "Enough evidence" if level == GOOD else "Little evidence"
    return Check(level, title, f"{converted}{advice}", decides=True)


def _difference(c: ComparisonResult) -> Check:
    low, high = c.capacity.more_interval
    if winner(c) == "unclear":
        between = f"from {signed(low)} to {signed(high)} leads reached by the model beyond the sheet (90 % interval)"
        return Check(CARE, "Difference not clear", between, decides=True)
    few, many = sorted((abs(low), abs(high)))
    who = "the model" if winner(c) == MODEL else "the sheet"
    more = f"{who} reaches {few:,.0f} to {many:,.0f} more leads that convert (90 % interval)"
    return Check(GOOD, "Clear difference", more, decides=True)


def _calibration(c: Reported) -> Check:
    gap, low, high = c.bias
    off = c.measure(MODEL, "ece")
    of = "" if c.rows == c.leads else " of the snapshots"
    words = (
        f"the model predicted that {percent(c.base_rate + gap)}{of} convert and {percent(c.base_rate)} did; "
        f"over ten bins it is off by {100 * off:.1f} percentage points on average"
    )
    if not low <= 0 <= high and abs(gap) >= SLACK * c.base_rate:
        title = "Predicts too much" if gap > 0 else "Predicts too little"
        return Check(CARE, title, words, decides=True)
    if off > max(2 * _chance_error(c), 2.5 * SLACK * c.base_rate):
        return Check(CARE, "Poorly calibrated", words, decides=True)
    return Check(GOOD, "Well calibrated", words, decides=True)


def _chance_error(c: Reported) -> float:
    """The calibration error that perfect probabilities would show by chance with as many leads."""
    bins = c.calibration[c.calibration["lens"] == MODEL]
    leads = bins["rows"] * c.leads / c.rows
    by_bin = (2 / math.pi * bins["claimed"] * (1 - bins["claimed"]) / leads) ** 0.5
    return float((by_bin * bins["rows"]).sum() / c.rows)


def _data(c: Reported) -> Check:
    """By the finding that is open on the largest share of the leads or events (``meta["findings"]``)."""
    worst = max(c.meta.get("findings") or [], key=lambda finding: finding["share"], default=None)
    if worst is None or worst["share"] < DATA_CARE:
        none = f"no finding concerns {DATA_CARE * 100:.0f} % or more of the leads or events"
        return Check(GOOD, "Data in order", none, decides=True)
    level = BAD if worst["share"] >= DATA_BAD else CARE
    title = f"Data not in order ({percent(worst['share'])})"
    return Check(level, title, without_settings(str(worst["message"])), decides=True)


def _hot_band(c: Reported) -> Check:
    hot = by_name(c.hot_band, "lens")[MODEL]
    if not hot["share_of_leads"] > 0:
        return Check(CARE, "No hot band", "no lead reaches a score of 60, twice the average odds")
    times = f", {hot['times']:.0f} times those that never exceed 40" if hot["times"] > 0 else ""
    words = (
        f"{percent(hot['share_of_leads'])} of the leads reach a score of 60 and hold "
        f"{percent(hot['share_of_conversions'])} of the conversions; "
        f"{percent(hot['hot_rate'])} convert{times}"
    )
    level = GOOD if hot["hot_rate"] > c.base_rate else BAD
    title = "Hot leads convert more" if level == GOOD else "Hot leads do not convert more"
    return Check(level, title, words)


def _ties(c: ComparisonResult) -> list[Check]:
    named = (("model", c.capacity.model_tied), ("sheet", c.capacity.rules_tied))
    return [
        Check(
            CARE,
            "Many equal ranks",
            f"for {tied:,} of the {name}'s {c.capacity.calls:,} calls a random draw decides between equal ranks",
        )
        for name, tied in named
        if tied > 0.1 * c.capacity.calls
    ]


def _notes(c: Reported) -> list[Check]:
    shown = _data(c).words
    notes = (without_settings(str(text)) for text in c.meta.get("warnings") or [])
    return [Check(CARE, "Note", note) for note in notes if note != shown]
