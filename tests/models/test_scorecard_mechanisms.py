"""Every mechanism of score sheets by small cases whose numbers are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from leadlens.features.history import Kind
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.models.histories import DAY, START, open_small, set_spine

MICRO = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 3, 9)
T = START + 100 * DAY
LEAD: dict[str, Kind] = {"age": "number", "city": "category", "phone": "text"}
ACCOUNT: dict[str, Kind] = {"staff": "number"}
EVENT: dict[str, Kind] = {"page": "category", "minutes": "number"}
Event = dict[str, Any]


def sheet(*actions: Mapping[str, Any], **parts: Any) -> Sheet:
    labelled = [
        {"label": f"rule {n}", "when": "event_type = 'open'", "points": 3, **rule}
        for n, rule in enumerate(actions)
    ]
    return Sheet.model_validate({"sheet": "small", "actions": labelled, **parts})


def at(moment: datetime, event_type: str = "open", **more: Any) -> Event:
    return {"lead_id": "a", "occurred_at": moment, "event_type": event_type, **more}


def scored(
    found: Sheet,
    events: Sequence[Event] = (),
    moments: Sequence[datetime] = (T,),
    movement: bool = False,
    **lead: Any,
) -> SheetScores:
    history = open_small(
        [{"lead_id": "a", "account_id": "x", **lead}], events, [{"account_id": "x", "staff": 12.0}],
        lead_attributes=LEAD, account_attributes=ACCOUNT, event_properties=EVENT,
    )  # fmt: skip
    spine = set_spine(history, [("a", moment) for moment in moments])
    return score_sheet(found, history, spine, movement=movement)


def totals(*args: Any, **more: Any) -> list[float]:
    return list(scored(*args, **more).scores["total"])


def column(name: str, *args: Any, **more: Any) -> list[Any]:
    values = scored(*args, **more).scores[name]
    return [None if pd.isna(value) else value for value in values]


def lines(found: SheetScores, *columns: str) -> list[list[Any]]:
    values = found.ledger[list(columns)].astype("object")
    return values.where(values.notna(), None).to_numpy().tolist()


# --- how often


def test_once_each_day_and_value_count_five_events_once_five_times_on_three_days_and_for_two_pages() -> None:
    events = [
        at(MIDNIGHT - MICRO, page="b"),
        at(MIDNIGHT, page="a"),
        at(MIDNIGHT + 23 * HOUR, page="a"),
        at(MIDNIGHT + DAY, page=None),
        at(MIDNIGHT + DAY, page="b"),
    ]
    assert totals(sheet({}), events) == [3]
    assert totals(sheet({"per": "each"}), events) == [15]
    by_day = scored(sheet({"per": "day"}), events)
    assert [when for (when,) in lines(by_day, "occurred_at")] == [MIDNIGHT - MICRO, MIDNIGHT, MIDNIGHT + DAY]
    by_value = scored(sheet({"per": "value", "of": "page"}), events)
    assert lines(by_value, "occurred_at", "detail", "points") == [
        [MIDNIGHT - MICRO, "b", 3],
        [MIDNIGHT, "a", 3],
    ]


def test_a_unit_that_fades_is_dated_by_its_latest_event() -> None:
    events = [at(MIDNIGHT, page="a"), at(MIDNIGHT + 2 * HOUR, page="a")]
    for fades in ({"within": "300d"}, {"decay": {"half_life": "900d"}}):
        for unit in ({"per": "day"}, {"per": "value", "of": "page"}, {"per": "once"}):
            assert lines(scored(sheet({**unit, **fades}), events), "occurred_at") == [[MIDNIGHT + 2 * HOUR]]
            assert lines(scored(sheet(unit), events), "occurred_at") == [[MIDNIGHT]]


def test_numbers_are_values_too_and_are_told_as_people_write_them() -> None:
    events = [at(MIDNIGHT, minutes=minutes) for minutes in (2.0, 2.0, 2.5, None)]
    found = scored(sheet({"per": "value", "of": "minutes"}), events)
    assert sorted(detail for (detail,) in lines(found, "detail")) == ["2", "2.5"]


def test_the_cap_of_a_rule_limits_days_and_values_in_the_order_of_time() -> None:
    events = [at(MIDNIGHT + n * DAY, page=str(n % 3)) for n in (3, 0, 2, 1)]
    for unit, kept in (({"per": "day"}, [3, 3, 1, 0]), ({"per": "value", "of": "page"}, [3, 3, 1])):
        found = scored(sheet({**unit, "cap": 7}), events)
        assert [points for (points,) in lines(found, "points")] == kept


# --- how many it takes


def test_three_opens_are_enough_and_two_are_not() -> None:
    rule = sheet({"at_least": 3})
    events = [at(MIDNIGHT + n * HOUR) for n in range(4)]
    moments = [MIDNIGHT + n * HOUR + MICRO for n in range(4)]
    found = scored(rule, events, moments)
    assert found.scores["total"].tolist() == [0, 0, 3, 3]
    assert lines(found, "row_id", "occurred_at", "detail") == [
        [2, MIDNIGHT + 2 * HOUR, "3 times"],
        [3, MIDNIGHT + 2 * HOUR, "4 times"],
    ]


def test_three_days_and_three_pages_are_counted_as_such() -> None:
    events = [
        at(MIDNIGHT, page="a"),
        at(MIDNIGHT + HOUR, page="b"),
        at(MIDNIGHT + DAY, page="b"),
        at(MIDNIGHT + DAY, page=None),
        at(MIDNIGHT + 2 * DAY, page="c"),
    ]
    moments = [MIDNIGHT + 2 * DAY, T]
    days = scored(sheet({"at_least": {"days": 3}}), events, moments)
    assert lines(days, "row_id", "occurred_at", "detail") == [[1, MIDNIGHT + 2 * DAY, "3 days"]]
    values = scored(sheet({"at_least": {"values": 3}, "of": "page"}), events, moments)
    assert lines(values, "row_id", "occurred_at", "detail") == [[1, MIDNIGHT + 2 * DAY, "3 values"]]
    two = scored(sheet({"at_least": {"values": 2}, "of": "page"}), events)
    assert lines(two, "occurred_at", "detail") == [[MIDNIGHT + HOUR, "3 values"]]


def test_in_a_window_enough_is_dated_by_the_event_with_which_it_will_end() -> None:
    """Three within ten days, opened on days 0, 2, 4, 6: the third last, of day 2, is the one that matters."""
    events = [at(MIDNIGHT + n * DAY) for n in (0, 2, 4, 6)]
    moments = [MIDNIGHT + 10 * DAY, MIDNIGHT + 12 * DAY, MIDNIGHT + 12 * DAY + MICRO]
    found = scored(sheet({"at_least": 3, "within": "10d"}), events, moments)
    assert found.scores["total"].tolist() == [3, 3, 0]
    assert lines(found, "occurred_at", "detail") == [
        [MIDNIGHT + 2 * DAY, "4 times"],
        [MIDNIGHT + 2 * DAY, "3 times"],
    ]
    days = [*events, at(MIDNIGHT + 2 * DAY + HOUR)]
    by_day = scored(sheet({"at_least": {"days": 3}, "within": "10d"}), days, moments[:1])
    assert lines(by_day, "occurred_at", "detail") == [[MIDNIGHT + 2 * DAY + HOUR, "4 days"]]


# --- one after the other, and silence


def test_after_asks_for_strictly_later_than_the_first_even_if_that_lies_before_the_window() -> None:
    rule = {"after": "event_type = 'form'", "per": "each", "within": "30d"}
    form = T - 60 * DAY
    events = [at(form, "form"), at(form), at(T - 50 * DAY), at(T - 2 * DAY), at(T - DAY), at(T - DAY, "form")]
    assert totals(sheet(rule), events) == [6]
    assert totals(sheet({**rule, "within": None}), events) == [9]
    assert totals(sheet(rule), events[1:5]) == [0]
    assert totals(sheet({**rule, "when": "event_type = 'form'"}), events) == [3]


def test_silence_holds_from_its_length_after_the_last_event_or_after_the_creation() -> None:
    rule = sheet({"silent": "30d", "points": -10})
    spoke = START + 40 * DAY
    moments = [
        START + 30 * DAY - MICRO,
        START + 30 * DAY,
        spoke + MICRO,
        spoke + 30 * DAY - MICRO,
        spoke + 30 * DAY,
    ]
    found = scored(rule, [at(spoke), at(spoke + 50 * DAY, "else")], [*moments, T])
    assert found.scores["total"].tolist() == [0, -10, 0, 0, -10, -10]
    assert lines(found, "row_id", "occurred_at", "raw_points") == [
        [1, START + 30 * DAY, -10],
        [4, spoke + 30 * DAY, -10],
        [5, spoke + 30 * DAY, -10],
    ]
    assert totals(rule, [at(START - 90 * DAY)], moments[:2]) == [0, -10]


# --- time


def test_worked_example_3_a_webinar_of_20_halves_every_30_days() -> None:
    rule = sheet({"points": 20, "decay": {"half_life": "30d"}})
    moments = [START + 30 * DAY, START + 60 * DAY]
    found = scored(rule, [at(START)], moments)
    assert found.scores["total"].tolist() == [10, 5]
    assert lines(found, "raw_points", "taken_by_decay", "taken_by_cap", "points") == [
        [20, 10, 0, 10],
        [20, 15, 0, 5],
    ]


def test_worked_example_3_50_percent_a_month_is_20_then_10_then_0() -> None:
    rule = sheet({"points": 20, "decay": {"to_zero": "60d"}})
    moments = [START + MICRO, START + 30 * DAY, START + 60 * DAY - MICRO, START + 60 * DAY, START + 90 * DAY]
    found = scored(rule, [at(START)], moments)
    assert found.scores["total"].tolist() == pytest.approx([20, 10, 0, 0, 0], abs=1e-9)
    assert set(found.ledger["row_id"]) == {0, 1, 2}, "what has come to nothing has no line"
    assert totals(sheet({"points": -20, "decay": {"to_zero": "60d"}}), [at(START)], moments[1:2]) == [-10]


def test_worked_example_3_twelve_views_this_week_give_5() -> None:
    rule = sheet({"points": 1, "per": "each", "cap": 5, "within": "7d"})
    assert totals(rule, [at(T - n * HOUR) for n in range(1, 13)] + [at(T - 8 * DAY)]) == [5]


def test_worked_example_3_a_group_of_three_rules_of_12_gives_25_and_the_ledger_shows_the_11() -> None:
    rules = [
        {"points": 12, "group": "mail", "when": f"event_type = '{name}'"}
        for name in ("open", "click", "reply")
    ]
    events = [at(START, "reply"), at(START + DAY, "open"), at(START + 2 * DAY, "click")]
    found = scored(sheet(*rules, groups=[{"name": "mail", "cap": 25}]), events)
    assert found.scores["total"].tolist() == [25]
    assert lines(found, "rule", "taken_by_cap", "points") == [
        ["rule 2", 0, 12],
        ["rule 0", 0, 12],
        ["rule 1", 11, 1],
    ]


def test_the_cap_of_a_rule_takes_after_the_decay() -> None:
    rule = sheet({"points": 8, "per": "each", "cap": 10, "decay": {"half_life": "10d"}})
    found = scored(rule, [at(START), at(START + 10 * DAY), at(START + 20 * DAY)], [START + 20 * DAY + MICRO])
    rows = (
        found.ledger[["raw_points", "taken_by_decay", "taken_by_cap", "points"]].round(6).to_numpy().tolist()
    )
    assert rows == [[8, 6, 0, 2], [8, 4, 0, 4], [8, 0, 4, 4]]


def test_with_decay_the_moment_of_enough_ages() -> None:
    rule = sheet({"points": 16, "at_least": 2, "decay": {"half_life": "10d"}})
    assert totals(rule, [at(T - 40 * DAY), at(T - 20 * DAY), at(T - 10 * DAY)]) == [4]


# --- groups


def test_a_group_limits_both_signs_by_themselves_over_attributes_and_actions() -> None:
    found = scored(
        sheet(
            {"points": 6, "group": "g", "per": "each", "cap": 9},
            {"points": -7, "group": "g", "when": "event_type = 'bounce'", "per": "each"},
            attributes=[
                {"label": "Old", "when": "age > 40", "points": 4, "group": "g"},
                {"label": "Far", "when": "city = 'Oslo'", "points": -2, "group": "g"},
            ],
            groups=[{"name": "g", "cap": 10}],
        ),
        [at(START), at(START + DAY), at(START, "bounce"), at(START + DAY, "bounce")],
        age=41.0,
        city="Oslo",
    )  # fmt: skip
    assert lines(found, "dimension", "rule", "taken_by_cap", "points") == [
        ["fit", "Old", 0, 4],
        ["fit", "Far", 0, -2],
        ["engagement", "rule 0", 0, 6],
        ["engagement", "rule 1", 0, -7],
        ["engagement", "rule 0", 6, 0],  # 3 by the rule's own cap, 3 by the group's
        ["engagement", "rule 1", -6, -1],
    ]
    assert found.scores[["fit", "engagement", "total"]].to_numpy().tolist() == [[2, -2, 0]]


def test_of_one_moment_the_rule_that_stands_first_is_served_first() -> None:
    rules = [{"points": 8, "group": "g"}, {"points": 8, "group": "g", "when": "TRUE"}]
    found = scored(sheet(*rules, groups=[{"name": "g", "cap": 10}]), [at(START)])
    assert sorted(lines(found, "rule", "points")) == [["rule 0", 8], ["rule 1", 2]]


def test_two_groups_do_not_share_and_a_rule_without_group_is_free() -> None:
    rules: list[Event] = [{"points": 8, "group": "g"}, {"points": 8, "group": "h"}, {"points": 8}]
    caps = [{"name": "g", "cap": 5}, {"name": "h", "cap": 6}]
    assert totals(sheet(*rules, groups=caps), [at(START)]) == [19]


# --- dimensions, total, score, grade, product


def test_dimension_moves_another_one_instead_and_also_moves_more() -> None:
    found = scored(
        sheet(
            {"dimension": "social", "also": ["services"]},
            {"points": 5, "also": ["platform", "fit"]},
            attributes=[{"label": "Over 40", "when": "age > 40", "points": 7, "dimension": "services"}],
            dimensions=["services", "platform", "social"],
            total=["services", "social"],
            base={"social": 1.5, "platform": 2},
        ),
        [at(START)],
        age=41.0,
    )
    row = found.scores.iloc[0]
    told = {name: row[name] for name in ("fit", "engagement", "services", "platform", "social", "total")}
    assert told == {"fit": 5, "engagement": 5, "services": 10, "platform": 7, "social": 4.5, "total": 14.5}
    starting = found.ledger[found.ledger["rule"] == "Starting points"]
    assert sorted(starting["points"]) == [1.5, 2]


@pytest.mark.parametrize(("points", "score"), [(-30, 0), (-20, 0), (5, 25), (30, 50), (80, 100), (99, 100)])
def test_the_scale_says_which_totals_are_0_and_100(points: int, score: float) -> None:
    assert column("score", sheet({"points": points}, scale={"zero": -20, "hundred": 80}), [at(START)]) == [
        score
    ]


def test_without_a_scale_the_score_is_the_total_cut_to_0_and_100() -> None:
    for points, score in ((-5, 0), (45.5, 45.5), (120, 100)):
        assert column("score", sheet({"points": points}), [at(START)]) == [score]


def test_the_product_line_with_the_most_points_is_recommended_and_of_equals_the_first_in_the_file() -> None:
    def product(**base: float) -> list[Any]:
        lines_of = ["platform", "services", "support"]
        return column("product", sheet({}, dimensions=[*lines_of, "social"], products=lines_of, base=base))

    assert product(services=2, platform=1, social=9) == ["services"]
    assert product(services=2, support=2) == ["services"]
    assert product(support=0.1, platform=-5) == ["support"]
    assert product(social=3) == [None]
    assert product(platform=-1, services=-2, support=-3) == [None]


# --- stages


def test_a_stage_may_ask_for_points_and_for_a_condition_and_both_must_hold() -> None:
    def stages(**sql: Any) -> list[Any]:
        thresholds = {"mql": 3, "sql": sql}
        rules = ({"per": "each"}, {"when": "event_type = 'demo'", "points": 0, "key": "demo"})
        moments = [START, START + MICRO, START + DAY + MICRO, START + 2 * DAY + MICRO]
        events = [at(START), at(START + DAY, "demo"), at(START + 2 * DAY)]
        return column("stage", sheet(*rules, thresholds=thresholds), events, moments, phone="1")

    assert stages(points=6) == ["Lead", "MQL", "MQL", "SQL"]
    assert stages(when="rule.demo") == ["Lead", "MQL", "SQL", "SQL"]
    assert stages(points=6, when="rule.demo AND phone IS NOT NULL") == ["Lead", "MQL", "MQL", "SQL"]
    assert stages(points=3, when="rule.demo AND phone IS NULL") == ["Lead", "MQL", "MQL", "MQL"]
    assert stages(when="phone = '2' OR age > 3") == ["Lead", "MQL", "MQL", "MQL"]


def test_a_signal_without_points_has_no_line() -> None:
    found = scored(sheet({"points": 0, "key": "seen"}), [at(START)])
    assert found.ledger.empty
    assert found.scores["total"].tolist() == [0]


def test_rule_keys_ask_whether_attributes_counts_and_silence_hold() -> None:
    rules = sheet(
        {"points": 0, "key": "often", "at_least": 2},
        {"points": 0, "key": "quiet", "silent": "10d"},
        {"points": 1, "key": "capped", "per": "each", "cap": 1, "decay": {"to_zero": "5d"}},
        attributes=[{"label": "Old", "when": "age > 40", "points": 0, "key": "old"}],
        routes=[
            {"label": "all", "when": "rule.often AND rule.quiet AND rule.old", "action": "x"},
            {"label": "quiet", "when": "rule.quiet", "action": "x"},
            {"label": "often", "when": "rule.often AND rule.capped", "action": "x"},
            {"label": "none", "when": "NOT rule.often AND NOT rule.quiet", "action": "x"},
        ],
    )
    events = [at(START + DAY), at(START + 2 * DAY)]
    moments = [START + DAY, START + 3 * DAY, START + 12 * DAY]
    assert column("route", rules, events, moments, age=41.0) == ["none", "often", "all"]
    assert column("route", rules, events, moments, age=39.0) == ["none", "often", "quiet"]


def test_a_stage_once_reached_is_kept_until_the_total_falls_below_keep() -> None:
    """20 points, halved every 10 days: MQL from 15 on, lost below 5."""
    rule = {"points": 20, "decay": {"half_life": "10d"}}
    moments = [START, START + MICRO, START + 10 * DAY, START + 20 * DAY, START + 20 * DAY + HOUR]
    kept = sheet(rule, thresholds={"mql": {"points": 15, "keep": 5}})
    assert column("stage", kept, [at(START)], moments) == ["Lead", "MQL", "MQL", "MQL", "Lead"]
    assert column("stage", sheet(rule, thresholds={"mql": 15}), [at(START)], moments)[2:] == ["Lead"] * 3


def test_once_lost_a_stage_must_be_reached_anew() -> None:
    rules: list[Event] = [
        {"points": 20},
        {"points": -18, "when": "event_type = 'bounce'", "within": "5d"},
        {"points": 4, "when": "event_type = 'click'"},
    ]
    kept = sheet(
        *rules,
        {"points": -8, "when": "event_type = 'complaint'"},
        thresholds={"mql": {"points": 15, "keep": 10}},
    )
    events = [at(START), at(START + DAY, "complaint")]
    moments = [START + 2 * DAY, START + 4 * DAY, START + 8 * DAY + MICRO, START + 12 * DAY]
    assert column("stage", kept, events, moments) == ["MQL"] * 4  # 12, above keep
    fell = [*events, at(START + 3 * DAY, "bounce")]
    assert totals(kept, fell, moments) == [12, -6, 12, 12]
    assert column("stage", kept, fell, moments) == ["MQL", "Lead", "Lead", "Lead"]
    again = [*fell, at(START + 9 * DAY, "click")]
    assert column("stage", kept, again, moments) == ["MQL", "Lead", "Lead", "MQL"]


def test_an_event_taken_back_was_reached_then_and_is_still_kept() -> None:
    rules: list[Event] = [{"points": 20, "when": "event_type = 'demo'"}, {"points": 10}]
    kept = sheet(*rules, thresholds={"mql": {"points": 25, "keep": 10}, "sql": {"points": 30, "keep": 11}})
    events = [at(START), at(START, "demo", retracted_at=START + 5 * DAY)]
    moments = [START + 5 * DAY, START + 5 * DAY + MICRO]
    assert column("stage", kept, events, moments) == ["SQL", "MQL"]


def test_what_becomes_known_later_does_not_change_a_stage_that_was_kept_or_not() -> None:
    """The total peaks between reviews; an event that is not known yet must not bring a review about."""
    rules = [
        {"points": -10, "when": "event_type = 'complaint'", "decay": {"half_life": "4d"}},
        {"points": 20, "when": "event_type = 'demo'", "decay": {"to_zero": "40d"}},
        {"points": 1, "when": "event_type = 'visit'", "within": "5d"},
    ]
    kept = sheet(*rules, thresholds={"mql": {"points": 13.45, "keep": 5}})
    events = [at(START, "complaint"), at(START, "demo")]
    ahead = at(START + 3 * DAY, "visit", known_at=START + 30 * DAY)
    moments = [START + 20 * DAY]
    assert column("stage", kept, events, moments) == ["Lead"]
    assert column("stage", kept, [*events, ahead], moments) == ["Lead"]
    # nor must the window of a rule that nothing matches: 15 - 10 / 2 ** 1.25 on day 5 would be enough
    lower = sheet(*rules, thresholds={"mql": {"points": 13.2, "keep": 5}})
    assert column("stage", lower, events, moments) == ["Lead"]


def test_disqualified_goes_before_every_stage_and_still_has_a_route() -> None:
    found = scored(
        sheet(
            {"points": 50},
            disqualify=[{"label": "Student", "when": "city = 'Oslo'"}],
            thresholds={"mql": {"points": 5, "keep": 1}},
            routes=[
                {"label": "Say no", "when": "disqualified AND stage = 'Disqualified'", "action": "e-mail"}
            ],
        ),
        [at(START)],
        city="Oslo",
    )
    row = found.scores.iloc[0]
    assert (row["stage"], row["disqualified_by"], row["route"], row["total"]) == (
        "Disqualified",
        "Student",
        "Say no",
        50,
    )


# --- routes


ROUTES = [
    {"label": "Senior rep at once", "when": "rule.slow_reading AND rule.buying_signal AND stage <> 'Lead'",
     "action": "call", "queue": "senior_reps", "reason": "Read for weeks, then asked for a price"},
    {"label": "Rep by phone", "when": "stage <> 'Lead' AND phone IS NOT NULL", "action": "call", "queue": "reps"},
    {"label": "Rep by e-mail", "when": "stage <> 'Lead'", "action": "e-mail"},
    {"label": "Nurture", "when": "total > 0", "action": "nurture"},
]  # fmt: skip
SURGE = sheet(
    {"label": "Reads", "when": "event_type = 'page_viewed'", "points": 1, "per": "each", "cap": 10},
    {"label": "Slow reading", "when": "event_type = 'page_viewed'", "points": 0, "at_least": {"days": 4}, "key": "slow_reading"},
    {"label": "Buying signal", "when": "event_type = 'price_asked'", "points": 30, "within": "7d", "key": "buying_signal"},
    thresholds={"mql": 30},
    routes=ROUTES,
)  # fmt: skip


def test_long_slow_reading_and_then_a_clear_signal_goes_straight_to_a_senior_rep() -> None:
    reading = [at(START + 5 * n * DAY, "page_viewed") for n in range(4)]
    asked = at(START + 20 * DAY, "price_asked")
    moments = [START, START + 20 * DAY, START + 20 * DAY + MICRO, START + 28 * DAY]
    found = scored(SURGE, [*reading, asked], moments, phone="1").scores
    assert found["route"].fillna("-").tolist() == ["-", "Nurture", "Senior rep at once", "Nurture"]
    assert found["queue"].fillna("-").tolist() == ["-", "-", "senior_reps", "-"]
    assert found["reason"].fillna("-").tolist() == [
        "-",
        "Nurture",
        "Read for weeks, then asked for a price",
        "Nurture",
    ]
    assert column("route", SURGE, [asked], moments[2:3], phone="1") == ["Rep by phone"]
    assert column("route", SURGE, [asked], moments[2:3]) == ["Rep by e-mail"]
    assert column("action", SURGE, [asked], moments[2:3]) == ["e-mail"]


# --- movement


def test_trend_is_what_the_total_won_in_a_week() -> None:
    rule = sheet({"per": "each"}, attributes=[{"label": "Old", "when": "age > 40", "points": 9}])
    events = [at(START + DAY), at(START + 10 * DAY), at(START + 12 * DAY)]
    moments = [START + 8 * DAY, START + 8 * DAY + MICRO, START + 13 * DAY, START + 30 * DAY]
    # as of a week before START + 8 days, the event of that very moment was not seen yet
    assert column("trend", rule, events, moments, movement=True, age=41.0) == [3, 0, 6, 0]
    quiet = sheet({"points": 8, "within": "3d"})
    assert column("trend", quiet, [at(START + DAY)], [START + 2 * DAY, START + 9 * DAY], movement=True) == [
        8,
        -8,
    ]


def test_trend_may_be_asked_for_to_the_tenth() -> None:
    rules: list[Event] = [{"points": 0.1}, {"points": 0.2, "when": "event_type = 'click'"}]
    found = sheet(*rules, routes=[{"label": "Rising", "when": "trend >= 0.2", "action": "call"}])
    events = [at(START), at(START + 10 * DAY, "click")]
    assert column("route", found, events, [START + 11 * DAY]) == ["Rising"]


def test_surge_is_this_weeks_engagement_less_a_third_of_the_three_weeks_before() -> None:
    rule = sheet(
        {"per": "each"},
        {"per": "each", "when": "event_type = 'social'", "dimension": "social"},
        attributes=[{"label": "Old", "when": "age > 40", "points": 9, "dimension": "engagement"}],
        dimensions=["social"],
    )
    events = [
        at(T - MICRO), at(T - 7 * DAY), at(T - 7 * DAY - MICRO), at(T - 28 * DAY), at(T - 28 * DAY - MICRO),
        at(T - DAY, "social"),
    ]  # fmt: skip
    assert column("surge", rule, events, movement=True, age=41.0) == [3 + 3 - (3 + 3) / 3]


def test_surge_counts_what_the_caps_left_and_nothing_that_is_dated_as_of_itself() -> None:
    capped = sheet({"per": "each", "cap": 4})
    assert column("surge", capped, [at(T - 8 * DAY), at(T - DAY)], movement=True) == [1 - 3 / 3]
    silent = sheet({"silent": "10d"})
    moments = [START + 10 * DAY, START + 10 * DAY + MICRO]
    assert column("surge", silent, (), moments, movement=True) == [0, 3]


def test_a_stage_may_ask_for_the_trend_and_is_kept_by_the_total() -> None:
    kept = sheet({"points": 8}, thresholds={"mql": {"when": "trend > 5", "keep": 8}})
    moments = [START, START + DAY, START + 8 * DAY]
    assert column("stage", kept, [at(START)], moments) == ["Lead", "MQL", "MQL"]


# --- what conditions may name


def test_lists_stand_for_their_values(tmp_path: Any) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "hot.txt").write_text("# pages\npricing\n\n it's a demo \n", encoding="utf-8")
    (tmp_path / "cities.csv").write_text('Bern,1\n"Bâle, ville",2\n', encoding="utf-8")
    path = tmp_path / "sheet.yaml"
    path.write_text(
        """sheet: lists
lists: {hot: lists/hot.txt, near: cities.csv, old: ["41"]}
attributes: [{label: Near, when: city IN near, points: 5}]
actions: [{label: Hot page, when: page IN hot, points: 3, per: value, of: page}]
""",
        encoding="utf-8",
    )
    pages = ["pricing", "it's a demo", "# pages", "Pricing", None]
    found = scored(Sheet.load(path), [at(START, page=page) for page in pages], city="Bâle, ville")
    assert sorted(lines(found, "rule", "detail")) == [
        ["Hot page", "it's a demo"], ["Hot page", "pricing"], ["Near", "city Bâle, ville"],
    ]  # fmt: skip
    assert found.scores["total"].tolist() == [11]


def of_many(found: Sheet, moments: Sequence[datetime] = (T,), movement: bool = False) -> SheetScores:
    """Leads enough that `leadlens features` has something to say: each opened as often as its number says."""
    leads = [{"lead_id": f"l{n}", "age": 30.0 + n, "created_at": START + n * DAY} for n in range(6)]
    events = [at(START + (20 + k) * DAY) | {"lead_id": f"l{n}"} for n in range(6) for k in range(n)]
    history = open_small(leads, events, lead_attributes={"age": "number"})
    asked = set_spine(history, [(f"l{n}", moment) for moment in moments for n in range(6)], "asked")
    born = f"SELECT s.row_id, s.lead_id, s.as_of, l.created_at FROM {asked} AS s JOIN leads AS l ON l.lead_id = s.lead_id"
    spine = Spine.make(history.engine, "spine", born)
    return score_sheet(found, history, spine, movement=movement)


def test_features_of_the_model_are_columns_of_conditions() -> None:
    found = of_many(sheet(attributes=[{"label": "Known long", "when": "feature.lead_age > 97", "points": 4}]))
    assert found.scores["total"].tolist() == [4, 4, 4, 0, 0, 0]
    assert lines(found, "detail") == [["lead_age 100"], ["lead_age 99"], ["lead_age 98"]]


def test_features_may_be_asked_by_stages_routes_and_a_week_before() -> None:
    asks = sheet(
        {},
        attributes=[{"label": "Known long", "when": "feature.lead_age > 97", "points": 4}],
        thresholds={"mql": {"when": "feature.lead_age > 96", "keep": 3}},
        routes=[{"label": "New", "when": "feature.lead_age <= 96", "action": "wait"}],
    )
    found = of_many(asks, [T, T + 2 * DAY], movement=True).scores
    assert found["total"].tolist() == [4, 7, 7, 3, 3, 3, 4, 7, 7, 7, 7, 3]
    assert found["stage"].tolist() == ["MQL"] * 4 + ["Lead"] * 2 + ["MQL"] * 6
    assert found["route"].fillna("-").tolist() == ["-"] * 4 + ["New"] * 2 + ["-"] * 6
    assert found["trend"].tolist() == [4, 4, 4, 0, 0, 0, 4, 4, 4, 4, 4, 0]


def test_the_ledger_tells_what_was_seen() -> None:
    found = scored(
        sheet(
            {"label": "Opened"},
            attributes=[
                {"label": "Age", "when": "age > 40 AND city = 'Oslo'", "points": 1},
                {"label": "Firm", "when": "account.staff > 10", "points": 2},
                {"label": "No phone", "when": "phone IS NULL", "points": 3},
                {"label": "Odd age", "when": "age <> 40", "points": 4},
            ],
            base=5,
        ),
        [at(START)],
        age=41.5,
        city="Oslo",
    )
    assert dict(lines(found, "rule", "detail")) == {
        "Starting points": None, "Age": "age 41.5, city Oslo", "Firm": "staff 12", "No phone": "phone not known",
        "Odd age": "age 41.5", "Opened": None,
    }  # fmt: skip
