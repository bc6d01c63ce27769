"""Stage histories: dated rises and falls with what lies behind, and the last stage is the score's."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.insights.stage_history import stage_history
from tests.laws.histories import START as LAW_START
from tests.laws.histories import Tables, open_tables, tables
from tests.models.histories import DAY, START, open_small, set_spine

MICRO = timedelta(microseconds=1)
END = START + 100 * DAY
EXAMPLES = settings(
    max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "40")) // 3 + 1,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def sheet(thresholds: dict[str, Any], *actions: dict[str, Any], **more: Any) -> Sheet:
    return Sheet.model_validate(
        {"sheet": "stages", "thresholds": thresholds, "actions": list(actions), **more}
    )


def rule(event: str, points: float, **more: Any) -> dict[str, Any]:
    return {"label": event.title(), "when": f"event_type = '{event}'", "points": points, **more}


def did(event: str, *days: float, lead: str = "a", **more: Any) -> list[dict[str, Any]]:
    return [{"lead_id": lead, "occurred_at": START + day * DAY, "event_type": event, **more} for day in days]


def told(found: Sheet, history: History, as_of: datetime = END) -> list[list[Any]]:
    spine = set_spine(history, [("a", as_of)])
    rows = stage_history(found, history, spine)
    last = score_sheet(found, history, spine).scores["stage"]
    assert rows["stage"].iloc[-1] == last.iloc[0]
    days = [(moment - START) / DAY for moment in rows["at"]]
    return [[day, stage, total] for day, stage, total in zip(days, rows["stage"], rows["total"], strict=True)]


def test_a_lead_rises_by_what_it_does_and_falls_when_a_window_ends() -> None:
    found = sheet({"mql": 10, "sql": 25}, rule("open", 10, within="30d"), rule("demo", 20))
    history = open_small([{"lead_id": "a"}], [*did("open", 5), *did("demo", 20)])
    assert told(found, history) == [
        [0, "Lead", 0],
        [pytest.approx(5), "MQL", 10],
        [pytest.approx(20), "SQL", 30],
        [pytest.approx(35), "MQL", 20],
    ]
    rows = stage_history(found, history, Spine(history.engine, "spine"))
    assert rows["why"].tolist() == [
        "as it was created",
        "Open +10 (new)",
        "Demo +20 (new)",
        "Open -10 (more than 30 days ago)",
    ]
    assert rows["at"].iloc[1].to_pydatetime() == START + 5 * DAY + MICRO  # seen strictly after it happened
    assert rows["occurred_at"].iloc[2].to_pydatetime() == START + 20 * DAY


def test_a_stage_is_kept_until_the_total_falls_below_keep() -> None:
    found = sheet(
        {"mql": {"points": 20, "keep": 10}}, rule("open", 10, within="30d"), rule("page", 10, within="60d")
    )
    history = open_small([{"lead_id": "a"}], [*did("open", 5), *did("page", 10)])
    assert [row[:2] for row in told(found, history)] == [
        [0, "Lead"],
        [pytest.approx(10), "MQL"],
        [pytest.approx(70), "Lead"],
    ]
    assert told(found, history, START + 40 * DAY)[-1][1] == "MQL"


def test_points_that_fade_across_a_threshold_are_told_by_the_day() -> None:
    found = sheet({"mql": 10}, rule("open", 20, decay={"half_life": "30d"}))
    history = open_small([{"lead_id": "a"}], did("open", 1))
    rows = told(found, history)
    assert [stage for _, stage, _ in rows] == ["Lead", "MQL", "Lead"]
    assert 31 < rows[2][0] <= 32.01
    assert stage_history(found, history, Spine(history.engine, "spine"))["why"].iloc[2].endswith("(decayed)")


def test_a_lead_that_fell_and_rose_between_two_days_of_its_events_is_seen_twice() -> None:
    found = sheet(
        {"mql": {"points": 15, "keep": 8}}, rule("open", 20, decay={"half_life": "10d"}), rule("page", 2)
    )
    history = open_small([{"lead_id": "a"}], [*did("open", 1, 60), *did("page", 59)])
    assert [stage for _, stage, _ in told(found, history, START + 61 * DAY)] == ["Lead", "MQL", "Lead", "MQL"]


def test_a_disqualified_lead_and_one_whose_data_were_mended_are_told_when_it_was_known() -> None:
    found = sheet({"mql": 3}, rule("open", 3), disqualify=[{"label": "Student", "when": "job = 'student'"}])
    changes = [
        {"entity": "lead", "id": "a", "attribute": "job", "value": value, "known_at": START + day * DAY}
        for value, day in (("student", 10), ("engineer", 40))
    ]
    history = open_small(
        [{"lead_id": "a", "job": "engineer"}],
        did("open", 5),
        changes=changes,
        lead_attributes={"job": "text"},
    )
    assert [row[:2] for row in told(found, history)] == [
        [0, "Lead"],
        [pytest.approx(5), "MQL"],
        [pytest.approx(10), "Disqualified"],
        [pytest.approx(40), "MQL"],
    ]
    why = stage_history(found, history, Spine(history.engine, "spine"))["why"].tolist()
    assert why[2:] == ["disqualified: Student", "no longer disqualified"]


def test_an_edit_is_no_review_so_a_stage_that_it_only_covers_comes_back() -> None:
    found = sheet(
        {"mql": {"points": 20, "keep": 15}},
        rule("open", 10),
        attributes=[
            {"label": label, "when": f"size = '{label}'", "points": points}
            for label, points in (("high", 10), ("mid", 6))
        ],
    )
    changes = [
        {"entity": "lead", "id": "a", "attribute": "size", "value": value, "known_at": START + day * DAY}
        for value, day in (("high", 0), ("low", 10), ("mid", 20))
    ]
    history = open_small(
        [{"lead_id": "a", "size": "mid"}], did("open", 5), changes=changes, lead_attributes={"size": "text"}
    )
    assert told(found, history)[-3:] == [
        [pytest.approx(5), "MQL", 20],
        [pytest.approx(10), "Lead", 10],
        [pytest.approx(20), "MQL", 16],
    ]


def test_a_condition_without_points_is_told_as_a_condition() -> None:
    found = sheet({"mql": {"when": "rule.demo"}}, rule("demo", 0, key="demo", within="30d"))
    history = open_small([{"lead_id": "a"}], did("demo", 5))
    assert [stage for _, stage, _ in told(found, history)] == ["Lead", "MQL", "Lead"]
    assert stage_history(found, history, Spine(history.engine, "spine"))["why"].tolist()[1:] == [
        "the condition of MQL matches",
        "the condition of MQL no longer matches",
    ]


def test_each_lead_has_a_history_of_its_own_and_nothing_is_left_behind() -> None:
    found = sheet({"mql": 3}, rule("open", 3))
    history = open_small([{"lead_id": "a"}, {"lead_id": "b"}], did("open", 5, lead="b"))
    spine = set_spine(history, [("b", END), ("a", END), ("a", START)])
    before = set(history.engine.frame("SELECT table_name FROM information_schema.tables")["table_name"])
    rows = stage_history(found, history, spine)
    assert rows[["row_id", "lead_id", "stage"]].to_numpy().tolist() == [
        [0, "b", "Lead"],
        [0, "b", "MQL"],
        [1, "a", "Lead"],
        [2, "a", "Lead"],
    ]
    after = set(history.engine.frame("SELECT table_name FROM information_schema.tables")["table_name"])
    assert after - before <= {"lead_as_of", "account_as_of"}


def test_a_sheet_without_stages_has_nothing_but_leads() -> None:
    history = open_small([{"lead_id": "a"}], did("open", 5))
    found = Sheet.model_validate({"sheet": "none", "actions": [rule("open", 3)]})
    assert told(found, history) == [[0, "Lead", 0]]


@EXAMPLES
@given(
    world=tables(), mql=st.sampled_from([3, 6]), keep=st.sampled_from([None, 1, 3]), day=st.integers(10, 70)
)
def test_on_any_history_the_last_stage_is_the_scores_at_every_moment(
    world: Tables, mql: int, keep: int | None, day: int
) -> None:
    history = open_tables(world)
    email, any_event = "event_type = 'email_opened'", "TRUE"
    found = sheet(
        {"mql": {"points": mql, "keep": keep}, "sql": {"points": 9, "when": "rule.mail", "keep": keep}},
        {"label": "mail", "when": email, "points": 5, "decay": {"half_life": "9d"}, "key": "mail"},
        {"label": "each", "when": any_event, "points": 2, "per": "each", "within": "7d", "cap": 5},
        {"label": "quiet", "when": any_event, "points": -3, "silent": "10d"},
        attributes=[{"label": "rich", "when": "income > 12", "points": 3}],
        disqualify=[{"label": "Oslo", "when": "city = 'Oslo'"}],
    )
    born = {lead["lead_id"]: lead["created_at"] for lead in world["leads"]}
    rows = [(lead, LAW_START + day * DAY + more * DAY) for lead in born for more in (0, 3, 11)]
    rows = [(lead, as_of) for lead, as_of in rows if as_of >= born[lead]]
    spine = set_spine(history, rows)
    whole = stage_history(found, history, spine)
    last = whole.groupby("row_id")["stage"].last()
    assert last.tolist() == score_sheet(found, history, spine).scores["stage"].tolist()
    _holds_at_its_dates(found, history, whole)


def _holds_at_its_dates(found: Sheet, history: History, rows: pd.DataFrame) -> None:
    """A stage that the history tells is what a score of that moment says, and the look before it said the other."""
    risen = rows[rows["was"].notna()]
    asked = [*zip(rows["lead_id"], rows["at"], strict=True)]
    asked += zip(risen["lead_id"], risen["looked_before"], strict=True)
    spine = set_spine(history, asked, "dates")
    got = score_sheet(found, history, spine).scores["stage"].tolist()
    assert got == [*rows["stage"], *risen["was"]]
