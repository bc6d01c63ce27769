"""Two sheets side by side: every setting and every rule that differs, and nothing else."""

from __future__ import annotations

from typing import Any

from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.insights.comparison import compare_sheets


def sheet(**parts: Any) -> Sheet:
    plain = {"actions": [{"label": "Webinar", "when": "event_type = 'webinar'", "points": 10}]}
    return Sheet.model_validate({"sheet": "cars", **plain, **parts})


def told(before: Sheet, after: Sheet) -> list[str]:
    return [difference.text for difference in compare_sheets(before, after).differences]


def action(label: str, points: float = 10, **more: Any) -> dict[str, Any]:
    return {"label": label, "when": f"event_type = '{label.lower()}'", "points": points, **more}


def test_equal_sheets_differ_in_nothing() -> None:
    assert told(sheet(), sheet()) == []
    assert told(sheet(base=0), sheet(base={"fit": 0})) == []


def test_points_and_conditions_are_told_as_before_and_after() -> None:
    before = sheet(actions=[action("Webinar", within="30d"), action("Open", 3)])
    after = sheet(
        actions=[action("Webinar", 15, within="60d"), {**action("Open", 3), "when": "event_type = 'o'"}]
    )
    assert told(before, after) == [
        "action “Webinar”: points 10 → 15",
        "action “Webinar”: within 30d → 60d",
        "action “Open”: when event_type = 'open' → event_type = 'o'",
    ]


def test_rules_that_came_and_went_show_their_points() -> None:
    before, after = sheet(actions=[action("Webinar")]), sheet(actions=[action("Demo", 25)])
    assert told(before, after) == [
        "action “Demo”: added (+25, event_type = 'demo')",
        "action “Webinar”: removed (+10, event_type = 'webinar')",
    ]


def test_a_rule_is_the_same_by_its_key_or_by_all_the_rest() -> None:
    before = sheet(actions=[action("Webinar", key="web"), action("Open", 3)])
    opened = {**action("Open", 3), "label": "Opened a mail"}
    after = sheet(actions=[opened, {**action("Webinar", 12, key="web"), "label": "Seminar"}])
    found = compare_sheets(before, after)
    assert found.renamed == {"Open": "Opened a mail", "Webinar": "Seminar"}
    assert [difference.text for difference in found.differences] == [
        "action “Opened a mail”: label Open → Opened a mail",
        "action “Seminar”: label Webinar → Seminar",
        "action “Seminar”: points 10 → 12",
    ]


def test_settings_are_told_one_by_one() -> None:
    before = sheet(thresholds={"mql": 30, "sql": 60}, lists={"rivals": ["A", "B"]}, base=5)
    after = sheet(
        thresholds={"mql": 40, "sql": {"points": 60, "keep": 50}}, lists={"rivals": ["B", "C"]},
        groups=[{"name": "mail", "cap": 25}], **{"for": "country = 'DE'"},
    )  # fmt: skip
    assert sorted(told(before, after)) == [
        "base: removed (fit 5)",
        "for: added (country = 'DE')",
        "groups.mail: added (25)",
        "lists.rivals: added (C)",
        "lists.rivals: removed (A)",
        "thresholds.mql: 30 → 40",
        "thresholds.sql: 60 → points 60, keep 50",
    ]


def test_the_order_of_routes_and_disqualifiers_is_part_of_their_meaning() -> None:
    routes = [{"label": name, "when": "total > 3", "action": name} for name in ("call", "mail")]
    bars = [{"label": name, "when": f"job = '{name}'"} for name in ("student", "rival")]
    before, after = sheet(routes=routes, disqualify=bars), sheet(routes=routes[::-1], disqualify=bars)
    assert told(before, after) == ["order of routes: [call, mail] → [mail, call]"]
    assert told(before, sheet(routes=routes, disqualify=bars[::-1])) == [
        "order of disqualify: [student, rival] → [rival, student]"
    ]
