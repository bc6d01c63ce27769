"""The sheet of the nightly benchmark: 30 rules, as a sheet that is in use has them."""

from __future__ import annotations

from typing import Any

from benchmarks.feature_bench.world import TYPES
from leadlens.models.scorecard import Sheet

_WORTH = (1, 2, 3, 4, 8, 3, 6, 4, 4, 5, 15, 12)  # of an action of each type


def sheet() -> Sheet:
    """8 rules for who the lead is, 22 for what it did: plain, capped, fading, in order, by silence."""
    attributes: list[dict[str, Any]] = [
        *({"label": f"Aged {low} to {low + 14}", "when": f"age BETWEEN {low} AND {low + 14}", "points": points}
          for low, points in ((18, -2), (33, 6), (48, 4))),
        {"label": "Good income", "when": "income >= 80000", "points": 8},
        {"label": "Came from a fair", "when": "source = 'fair'", "points": 5},
        {"label": "Leads a firm", "when": "title IN ('CEO', 'Owner')", "points": 10},
        {"label": "Reads the newsletter", "when": "newsletter", "points": 3},
        {"label": "Student", "when": "title = 'Student'", "points": -10},
    ]  # fmt: skip
    actions: list[dict[str, Any]] = [
        {"label": f"{name}: ever", "when": f"event_type = '{name}'", "points": points}
        for name, points in zip(TYPES, _WORTH, strict=True)
    ]
    actions += [
        {"label": f"{name}: each, 30 days", "when": f"event_type = '{name}'", "points": 1, "per": "each",
         "within": "30d", "cap": 8}
        for name in TYPES[:4]
    ]  # fmt: skip
    actions += [
        {"label": "Trial, fading", "when": "event_type = 'trial_used'", "points": 10, "decay": {"half_life": "30d"}},
        {"label": "Days of chats", "when": "event_type = 'chat_opened'", "points": 2, "per": "day", "within": "30d",
         "cap": 8},
        {"label": "Saw the prices", "when": "event_type = 'page_viewed' AND page = 'page 3'", "points": 6,
         "within": "90d"},
        {"label": "A quote after the form", "when": "event_type = 'quote_asked'", "after": "event_type = 'form_sent'",
         "points": 12, "key": "quote"},
        {"label": "Pages on three days of two weeks", "when": "event_type = 'page_viewed'", "points": 5,
         "within": "14d", "at_least": {"days": 3}},
        {"label": "Quiet for 60 days", "when": "TRUE", "points": -10, "inactive_for": "60d"},
    ]  # fmt: skip
    return Sheet.model_validate(
        {
            "sheet": "night",
            "base": 0,
            "attributes": attributes,
            "actions": actions,
            "thresholds": {"mql": 40, "sql": 70},
            "routes": [
                {"label": "Call", "when": "stage = 'SQL' AND rule.quote", "action": "call"},
                {"label": "Write", "when": "stage <> 'Lead'", "action": "e-mail"},
            ],
        }
    )
