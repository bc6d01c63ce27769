"""What changed between two moments: every kind of difference, and sums that are exact in every dimension."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from leadlens.features import History
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.insights.changes import KINDS, moves, score_changes, version_changes
from leadlens.models.scorecard.scoring.probes import matching_events
from tests.laws.histories import START as LAW_START
from tests.laws.histories import Tables, open_tables, tables
from tests.models.histories import DAY, START, open_small, set_spine

EXAMPLES = settings(
    max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "40")) // 2 + 1,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
T0, T1 = START + 20 * DAY, START + 50 * DAY


def opens(**settings: Any) -> Sheet:
    rule = {"label": "Opened", "when": "event_type = 'open'", "points": 8, **settings}
    return Sheet.model_validate({"sheet": "change", "actions": [rule]})


def at(*days: float, **more: Any) -> list[dict[str, Any]]:
    return [{"lead_id": "a", "occurred_at": START + day * DAY, "event_type": "open", **more} for day in days]


def look(
    sheet: Sheet, history: History, since: datetime = T0, as_of: datetime = T1
) -> tuple[SheetScores, SheetScores, pd.DataFrame]:
    earlier = set_spine(history, [("a", since)], "earlier")
    now = set_spine(history, [("a", as_of)], "now")
    hits = matching_events(sheet, history, now)
    return score_sheet(sheet, history, earlier), score_sheet(sheet, history, now), hits


def told(sheet: Sheet, events: list[dict[str, Any]], **parts: Any) -> list[tuple[str, float]]:
    history = open_small([{"lead_id": "a", "age": 40.0}], events, lead_attributes={"age": "number"}, **parts)
    before, after, hits = look(sheet, history)
    found = score_changes(before, after, hits)
    sums(before, after, found)
    return list(zip(found["kind"], found["points"], strict=True))


def sums(before: SheetScores, after: SheetScores, found: pd.DataFrame) -> None:
    """The law: per lead and dimension the differences make up what the score moved by."""
    assert set(found["kind"]) <= set(KINDS)
    for name in before.sheet.all_dimensions:
        moved = after.scores.set_index("lead_id")[name] - before.scores.set_index("lead_id")[name]
        lines = found[found["dimension"] == name].groupby("lead_id")["points"].sum()
        assert (lines.reindex(moved.index).fillna(0).round(9) == moved.round(9)).all()


def test_something_the_lead_did_since_is_an_event() -> None:
    assert told(opens(), at(30)) == [("event", 8)]
    assert told(opens(), at(10, 30)) == []  # it counts once, and did before
    assert told(opens(per="each"), at(10, 30, 40)) == [("event", 8), ("event", 8)]


def test_what_happened_before_and_became_known_since_is_late() -> None:
    assert told(opens(), at(10, known_at=START + 30 * DAY)) == [("late", 8)]
    assert told(opens(per="each"), [*at(5), *at(10, known_at=START + 30 * DAY)]) == [("late", 8)]
    assert told(opens(), at(10, known_at=START + 60 * DAY)) == []


def test_a_retraction_is_no_expiry() -> None:
    assert told(opens(), at(10, retracted_at=START + 30 * DAY)) == [("retraction", -8)]
    assert told(opens(within="90d"), at(10, retracted_at=START + 30 * DAY)) == [("retraction", -8)]
    assert told(opens(within="30d"), at(10)) == [("expired", -8)]
    assert told(opens(decay={"to_zero": "30d"}), at(19)) == [("expired", pytest.approx(-8 * 29 / 30))]


def test_points_that_fade_are_told_as_decay_and_what_renews_them_as_an_event() -> None:
    fades = opens(decay={"half_life": "30d"})
    before = 8 * 0.5 ** (10 / 30)
    assert told(fades, at(10)) == [("decay", pytest.approx(-before / 2))]
    [(kind, points)] = told(fades, at(10, 49))
    assert (kind, points) == ("event", pytest.approx(8 * 0.5 ** (1 / 30) - before))
    assert told(opens(points=-8, decay={"half_life": "30d"}), at(10)) == [
        ("decay", pytest.approx(before / 2))
    ]


def test_a_cap_that_has_room_again_is_told_apart_from_the_window_that_made_it() -> None:
    capped = opens(per="each", cap=12, within="45d")
    # days 1 and 2 fall out of the window: the last two were cut to 4 and 0, and now give 8 and 4
    found = told(capped, at(1, 2, 15, 16))
    assert sorted(found) == [("cap", 4), ("cap", 8), ("expired", -8), ("expired", -4)]


def test_the_event_that_completes_a_number_is_new_although_its_line_is_older() -> None:
    three = opens(at_least=3, within="90d")
    assert told(three, at(5, 6, 30)) == [("event", 8)]
    assert told(three, [*at(5, 6), *at(7, known_at=START + 30 * DAY)]) == [("late", 8)]
    assert told(opens(at_least=2, within="30d"), at(15, 19)) == [("expired", -8)]


def test_silence_comes_by_waiting_and_goes_by_acting() -> None:
    silent = opens(silent="15d")
    assert told(silent, at(18)) == [("silence", 8)]
    assert told(silent, at(2, 45)) == [("event", -8)]
    assert told(silent, [*at(2), *at(19, known_at=START + 21 * DAY)]) == []  # silent again by now
    assert told(opens(silent="35d"), at(18, retracted_at=START + 40 * DAY)) == [("silence", 8)]


def test_what_must_come_first_may_be_what_became_known() -> None:
    after = opens(after="event_type = 'form'")
    form = {"lead_id": "a", "occurred_at": START + 5 * DAY, "event_type": "form"}
    assert told(after, [*at(10), {**form, "known_at": START + 30 * DAY}]) == [("late", 8)]
    assert told(after, [*at(10), {**form, "retracted_at": START + 30 * DAY}]) == [("retraction", -8)]


def test_an_edit_of_the_data_is_told_with_what_was_seen() -> None:
    sheet = Sheet.model_validate(
        {"sheet": "edit", "attributes": [{"label": "Over 30", "when": "age > 30", "points": 4}]}
    )
    changes = [
        {"entity": "lead", "id": "a", "attribute": "age", "value": value, "known_at": START + days * DAY}
        for value, days in (("20", 10), ("40", 30))
    ]
    history = open_small([{"lead_id": "a", "age": 40.0}], changes=changes, lead_attributes={"age": "number"})
    found = score_changes(*look(sheet, history))
    assert found[["kind", "detail", "points"]].to_numpy().tolist() == [["attribute", "age 40", 4]]
    back = score_changes(*look(sheet, history, T1, T0))
    assert back[["kind", "points"]].to_numpy().tolist() == [["attribute", -4]]


def test_a_condition_over_features_moves_by_what_the_lead_does() -> None:
    sheet = Sheet.model_validate(
        {"sheet": "f", "attributes": [{"label": "Old", "when": "feature.lead_age > 30", "points": 4}]}
    )
    history = open_small([{"lead_id": "a"}, {"lead_id": "b", "created_at": START - DAY}], at(1))
    found = score_changes(*look(sheet, history))
    assert found[["kind", "points"]].to_numpy().tolist() == [["feature", 4]]


def test_lines_of_one_day_and_of_one_value_are_the_same_line_when_they_are_dated_anew() -> None:
    assert told(opens(per="day", within="90d"), at(10, 30)) == [("event", 8)]
    assert told(opens(per="day"), [*at(10.2), *at(10.1, known_at=START + 30 * DAY)]) == []
    kinds = {"page": "category"}
    pages = opens(per="value", of="page", within="40d")
    events = [*at(15, page="A"), *at(16, page="B"), *at(30, page="A")]
    # page A is renewed in its window and worth the same; page B is not lost yet
    assert told(pages, events, event_properties=kinds) == []
    fading = opens(per="value", of="page", decay={"half_life": "30d"})
    history = open_small([{"lead_id": "a"}], events, event_properties=kinds)
    found = score_changes(*look(fading, history))
    half = [8 * 0.5 ** (days / 30) for days in (20, 5, 34, 4)]  # A renewed, then; B now, then
    assert found[["detail", "kind"]].to_numpy().tolist() == [["B", "decay"], ["A", "decay"]]
    assert found["points"].tolist() == pytest.approx([half[2] - half[3], half[0] - half[1]])


def test_two_versions_are_told_by_rule_and_a_renamed_rule_is_the_same() -> None:
    history = open_small([{"lead_id": "a"}], at(10, 12))
    old, new = opens(per="each"), opens(label="Opened mail", per="each", points=10, also=[])
    spine = set_spine(history, [("a", T1)])
    before, after = score_sheet(old, history, spine), score_sheet(new, history, spine)
    found = version_changes(before, after, {"Opened": "Opened mail"})
    assert found[["rule", "kind", "before", "after", "points"]].to_numpy().tolist() == [
        ["Opened mail", "sheet", 16, 20, 4]
    ]
    apart = version_changes(before, after)
    assert sorted(apart["points"]) == [-16, 20]
    assert moves(before, after)[["total_before", "total_after"]].to_numpy().tolist() == [[16, 20]]


def test_sheets_that_differ_and_leads_that_stand_twice_are_refused() -> None:
    history = open_small([{"lead_id": "a"}])
    spine = set_spine(history, [("a", T0), ("a", T1)])
    twice = score_sheet(opens(), history, spine)
    with pytest.raises(ValueError, match="two rows"):
        score_changes(twice, twice)
    with pytest.raises(ValueError, match="version_changes"):
        score_changes(twice, score_sheet(opens(points=1), history, spine))


def rich() -> Sheet:
    """Every way for a line to come and go, and lines in three dimensions."""
    opened, page = "event_type = 'email_opened'", "event_type = 'page_viewed'"
    actions: list[dict[str, Any]] = [
        {"label": "once", "when": opened, "points": 3, "also": ["services"]},
        {"label": "again", "when": opened, "points": 7, "decay": {"half_life": "9d"}},
        {"label": "each", "when": page, "points": 2, "per": "each", "within": "7d", "cap": 5, "group": "g"},
        {"label": "day", "when": "TRUE", "points": -1, "per": "day", "decay": {"to_zero": "11d"}},
        {"label": "value", "when": "TRUE", "points": 0.1, "per": "value", "of": "page", "group": "g"},
        {"label": "three", "when": "TRUE", "points": 5, "at_least": 3, "within": "30d"},
        {"label": "days", "when": "TRUE", "points": 5, "at_least": {"days": 2}, "after": opened},
        {"label": "quiet", "when": page, "points": -4, "silent": "10d", "dimension": "services"},
    ]
    return Sheet.model_validate(
        {
            "sheet": "rich",
            "base": {"fit": 2},
            "dimensions": ["services"],
            "groups": [{"name": "g", "cap": 4}],
            "attributes": [
                {"label": "rich", "when": "income > 5", "points": 4, "group": "g"},
                {"label": "bern", "when": "city = 'Bern'", "points": -2, "also": ["services"]},
            ],
            "actions": actions,
        }
    )


@EXAMPLES
@given(world=tables())
def test_on_any_history_the_differences_sum_to_what_every_dimension_moved_by(world: Tables) -> None:
    history, sheet = open_tables(world), rich()
    leads = [lead["lead_id"] for lead in world["leads"]]
    earlier = set_spine(history, [(lead, LAW_START + 20 * DAY) for lead in leads], "earlier")
    now = set_spine(history, [(lead, LAW_START + 33 * DAY) for lead in leads], "now")
    before, after = score_sheet(sheet, history, earlier), score_sheet(sheet, history, now)
    hits = matching_events(sheet, history, now)
    for found in (score_changes(before, after, hits), score_changes(before, after)):
        sums(before, after, found)
        assert (found["points"] != 0).all()
