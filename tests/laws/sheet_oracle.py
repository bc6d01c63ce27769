"""A score sheet in plain Python, one lead and one event at a time: slow, obvious, and no SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool | None]


@dataclass(frozen=True)
class OracleRule:
    """A rule with its condition as a Python function (``None`` = unknown, as SQL's NULL)."""

    label: str
    test: Test
    points: float
    on: str  # "attribute" or "action"
    per: str = "once"
    within: timedelta | None = None
    cap: float | None = None
    also: tuple[str, ...] = ()


Line = tuple[str, str, datetime | None, float, float]  # dimension, rule, occurred_at, raw points, points


def ledger_of(rules: list[OracleRule], lead: Row, events: list[Row], as_of: datetime) -> list[Line]:
    """Every line of one lead's ledger as of then; ``events`` are the lead's own."""
    lines: list[Line] = []
    for rule in rules:
        main = "fit" if rule.on == "attribute" else "engagement"
        for occurred_at, points in _given(rule, lead, events, as_of):
            lines += [(name, rule.label, occurred_at, rule.points, points) for name in (main, *rule.also)]
    return lines


def _given(
    rule: OracleRule, lead: Row, events: list[Row], as_of: datetime
) -> list[tuple[datetime | None, float]]:
    if rule.on == "attribute":
        return [(None, rule.points)] if rule.test(lead) is True else []
    seen = []
    for event in events:
        retracted = event.get("retracted_at")
        stands = retracted is None or retracted >= as_of
        visible = event["occurred_at"] < as_of and event["known_at"] < as_of and stands
        recent = rule.within is None or event["occurred_at"] >= as_of - rule.within
        if visible and recent and rule.test(event) is True:
            seen.append(event["occurred_at"])
    seen.sort()
    if rule.per == "once":
        return [(seen[0] if rule.within is None else seen[-1], rule.points)] if seen else []
    given: list[tuple[datetime | None, float]] = []
    left = float("inf") if rule.cap is None else rule.cap
    for moment in seen:
        size = min(abs(rule.points), left)
        left -= size
        given.append((moment, size if rule.points > 0 else -size))
    return given
