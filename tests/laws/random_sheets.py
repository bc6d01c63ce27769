"""Random score sheets in which every mechanism meets every other, over the small histories of ``histories``.

Every condition stands twice: in SQL for the sheet, and in Python for the oracle (``TESTS``).
"""

from __future__ import annotations

import copy
import os
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from leadlens.models.scorecard import Sheet
from tests.laws.histories import START, Tables, tables, timestamps
from tests.laws.sheet_oracle import Row, Test

_COUNT = int(os.environ.get("LEADLENS_EXAMPLES", "40"))
EXAMPLES = settings(
    max_examples=_COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PAIRS = settings(EXAMPLES, max_examples=max(1, _COUNT // 3))  # laws that score twice
Content = dict[str, Any]
Spine = list[tuple[str, datetime]]
MOST_RULES = 9
LISTS = {"capitals": ["Bern", "Rome"], "hot_pages": ["Pricing"]}


def above(row: Row, name: str, limit: float) -> bool | None:
    return None if row[name] is None else row[name] > limit


def _rule(number: int) -> Test:
    return lambda outcome: outcome[f"rule.r{number}"]


def _not_rule(number: int) -> Test:
    return lambda outcome: not outcome[f"rule.r{number}"] and outcome["total"] > 0


def _both(left: bool | None, right: bool | None) -> bool | None:
    return False if left is False or right is False else None if left is None or right is None else True


ACTIONS: dict[str, Test] = {
    "TRUE": lambda e: True,
    "event_type = 'email_opened'": lambda e: e["event_type"] == "email_opened",
    "event_type IN ('call', 'page_viewed')": lambda e: e["event_type"] in ("call", "page_viewed"),
    "page = 'Pricing'": lambda e: None if e["page"] is None else e["page"] == "Pricing",
    "page IN hot_pages OR event_type = 'call'": lambda e: e["page"] == "Pricing" or e["event_type"] == "call",
    "page IS NULL": lambda e: e["page"] is None,
    "NOT page ILIKE 'c%'": lambda e: None if e["page"] is None else not e["page"].lower().startswith("c"),
    "value > 1": lambda e: above(e, "value", 1),
    "value * 2 > 1 AND event_type <> 'call'": lambda e: above(e, "value", 0.5) and e["event_type"] != "call",
    "occurred_at >= DATE '2024-03-01'": lambda e: e["occurred_at"] >= START + timedelta(days=4),
}
ATTRIBUTES: dict[str, Test] = {
    "city = 'Bern'": lambda lead: None if lead["city"] is None else lead["city"] == "Bern",
    "city IN capitals": lambda lead: None if lead["city"] is None else lead["city"] in ("Bern", "Rome"),
    "city IS NULL OR city = 'Rome'": lambda lead: lead["city"] in (None, "Rome"),
    "NOT city = 'Oslo'": lambda lead: None if lead["city"] is None else lead["city"] != "Oslo",
    "email ILIKE '%@GMAIL.com'": lambda lead: lead["email"] and lead["email"].endswith("@gmail.com"),
    "income > 4": lambda lead: above(lead, "income", 4),
    "account.staff > 10": lambda lead: above(lead, "account.staff", 10),
    "account.industry IS NOT NULL": lambda lead: lead["account.industry"] is not None,
}
OUTCOMES: dict[str, Test] = {
    "total >= 3": lambda o: o["total"] >= 3,
    "score > 20 AND NOT city = 'Oslo'": lambda o: _both(o["score"] > 20, ATTRIBUTES["NOT city = 'Oslo'"](o)),
    "trend > 0": lambda o: o["trend"] > 0,
    "trend >= 0.2": lambda o: o["trend"] >= 0.2,
    "surge > 0 OR trend < 0": lambda o: o["surge"] > 0 or o["trend"] < 0,
    "product = 'services'": lambda o: None if o["product"] is None else o["product"] == "services",
    "product IS NULL": lambda o: o["product"] is None,
    "fit_grade IN ('A', 'B')": lambda o: o["fit_grade"] in ("A", "B"),
    "engagement_grade <> '1'": lambda o: o["engagement_grade"] != "1",
    "grade = 'D1'": lambda o: o["grade"] == "D1",
    "services > platform": lambda o: o["services"] > o["platform"],
    "engagement >= 2 AND income > 4": lambda o: _both(o["engagement"] >= 2, above(o, "income", 4)),
    "account.staff > 10": ATTRIBUTES["account.staff > 10"],
    **{f"rule.r{n}": _rule(n) for n in range(MOST_RULES)},
    **{f"NOT rule.r{n} AND total > 0": _not_rule(n) for n in range(MOST_RULES)},
}  # fmt: skip
ROUTES: dict[str, Test] = {
    "stage = 'MQL'": lambda o: o["stage"] == "MQL",
    "stage <> 'Lead' AND trend > 0": lambda o: o["stage"] != "Lead" and o["trend"] > 0,
    "disqualified": lambda o: o["disqualified"],
    "NOT disqualified AND surge > 1": lambda o: not o["disqualified"] and o["surge"] > 1,
}
TESTS: dict[str, Test] = {**ACTIONS, **ATTRIBUTES, **OUTCOMES, **ROUTES}
_DIMENSIONS = ("services", "platform", "retention")


@st.composite
def worlds(draw: st.DrawFn) -> Tables:
    """The small histories, often with all their events within a few days, so that many tie or share a day."""
    world = copy.deepcopy(draw(tables()))
    span = timedelta(days=draw(st.sampled_from([3, 14, 61])))
    for event in world["events"]:
        earlier = (event["occurred_at"] - START) // span * span
        event["occurred_at"] -= earlier
        event["known_at"] -= earlier
    return world


@st.composite
def spines(draw: st.DrawFn, world: Tables) -> Spine:
    """Every lead at two moments, one of them often at the edge of something."""
    turns = [START + timedelta(days=20)]
    turns += [
        event["known_at"] + timedelta(days=days) for event in world["events"] for days in (0, 7, 10, 30)
    ]
    shifts = st.sampled_from([-1, 0, 1, 1])
    chosen = [
        draw(st.sampled_from(turns)) + timedelta(microseconds=draw(shifts)),
        draw(timestamps) + timedelta(days=10),
    ]
    return [(lead["lead_id"], moment) for lead in world["leads"] for moment in chosen]


@st.composite
def sheets(draw: st.DrawFn, keys: bool = True) -> Content:
    """The content of a sheet; without ``keys`` neither stages nor routes ask for a rule."""
    groups = draw(st.sampled_from([(), ("inbound",), ("inbound", "social")]))
    attributes = [_attribute(draw, groups) for _ in range(draw(st.integers(0, 3)))]
    actions = [_action(draw, groups) for _ in range(draw(st.integers(1, MOST_RULES - 4)))]
    for number, rule in enumerate([*attributes, *actions]):
        rule |= {"label": f"rule {number}"} | ({"key": f"r{number}"} if keys else {})
    last = len(attributes) + len(actions) if keys else 0
    known = [name for name in OUTCOMES if "rule." not in name or _number(name) < last]
    outcomes = st.sampled_from(known)
    bars = [
        ("on an attribute", "attribute", draw(st.sampled_from(list(ATTRIBUTES)))),
        ("on an action", "action", "value > 1"),
    ]
    chosen = draw(st.sampled_from([(), (), bars[:1], bars[1:], bars, bars[::-1]]))
    return {
        "sheet": "law",
        "lists": LISTS,
        "base": draw(st.sampled_from([0, 4, {"engagement": -3}, {"fit": 0.1, "services": 2, "platform": 2}])),
        "dimensions": list(_DIMENSIONS),
        "products": draw(st.sampled_from([[], ["services"], ["services", "platform"], ["platform", "services"]])),
        "total": draw(st.sampled_from([["fit", "engagement"], ["engagement"], ["fit", "retention", "services"]])),
        "scale": draw(st.sampled_from([{}, {"zero": -5, "hundred": 20}, {"zero": 3, "hundred": 3.5}])),
        "groups": [{"name": name, "cap": draw(st.sampled_from([1, 2.5, 8, 25]))} for name in groups],
        "attributes": attributes,
        "actions": actions,
        "disqualify": [{"label": label, "on": on, "when": when} for label, on, when in chosen],
        "thresholds": draw(st.none() | _thresholds(outcomes)),
        "grades": {"fit": [8, 4, 1], "engagement": [9, 3, 0.5]},
        "routes": [
            {"label": f"route {n}", "when": draw(outcomes | st.sampled_from(list(ROUTES))), "action": draw(st.sampled_from(["call", "mail"])),
             "queue": draw(st.sampled_from([None, "reps"])), "reason": draw(st.sampled_from([None, "because"]))}
            for n in range(draw(st.integers(0, 3)))
        ],
    }  # fmt: skip


def _number(condition: str) -> int:
    return int(condition.partition("rule.r")[2][:1])


def _shared(draw: st.DrawFn, groups: tuple[str, ...]) -> Content:
    return {
        "points": draw(st.sampled_from([1, 3, 7, 20, -4, -10, 2.5, 0.1, 0])),
        "group": draw(st.sampled_from([None, *groups, *groups])),
        "dimension": draw(st.sampled_from([None, None, None, "fit", "engagement", "retention"])),
        "also": draw(st.sampled_from([[], [], ["services"], ["services", "platform"], ["engagement"]])),
    }


def _attribute(draw: st.DrawFn, groups: tuple[str, ...]) -> Content:
    return _shared(draw, groups) | {"when": draw(st.sampled_from(list(ATTRIBUTES)))}


def _action(draw: st.DrawFn, groups: tuple[str, ...]) -> Content:
    conditions = st.sampled_from(list(ACTIONS))
    rule = _shared(draw, groups) | {"when": draw(conditions)}
    kind = draw(
        st.sampled_from(["once", "each", "each", "day", "value", "events", "days", "values", "silent"])
    )
    if kind == "silent":
        return rule | {"silent": draw(st.sampled_from(["1d", "7d", "30d"]))}
    rule["within"] = draw(st.sampled_from([None, None, None, "1d", "7d", "30d"]))
    rule["decay"] = draw(
        st.sampled_from([None, None, None, {"half_life": "7d"}, {"to_zero": "10d"}, {"to_zero": "30d"}])
    )
    rule["after"] = draw(st.sampled_from([None, None, None, "TRUE", draw(conditions)]))
    if kind in ("value", "values"):
        rule["of"] = draw(st.sampled_from(["page", "value"]))
    if kind in ("each", "day", "value"):
        return rule | {"per": kind, "cap": draw(st.sampled_from([None, None, 1, 5, 9, 0.25]))}
    if kind in ("events", "days", "values"):
        rule["at_least"] = {kind: draw(st.integers(1, 3))}
    return rule


@st.composite
def _thresholds(draw: st.DrawFn, outcomes: st.SearchStrategy[str]) -> Content:
    def stage(least: list[int]) -> Content:
        points, keep = draw(st.sampled_from(least)), draw(st.sampled_from([None, -2, 0, 1, 2]))
        parts = draw(st.sampled_from([("points",), ("points",), ("points", "when"), ("when",)]))
        found = {"keep": keep} | ({"points": points} if "points" in parts else {})
        return found | ({"when": draw(outcomes)} if "when" in parts else {})

    return {"mql": stage([2, 5]), "sql": draw(st.none() | st.just(stage([5, 9])))}


def as_sheet(content: Content) -> Sheet:
    return Sheet.model_validate(copy.deepcopy(content))
