"""The worked examples of scorecards, to the point: the car dealer, and fit x activity with product lines."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.features import History
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.models.histories import DAY, START, open_small, set_spine

SHEETS = Path(__file__).parent / "sheets"
CLICK = START + 4 * DAY
STORY = [
    {"lead_id": "ann", "occurred_at": START, "event_type": "form_submitted", "form": "vehicle"},
    {"lead_id": "ann", "occurred_at": START + timedelta(minutes=1), "event_type": "campaign_entered"},
    {"lead_id": "ann", "occurred_at": START + DAY, "event_type": "email_opened"},
    {"lead_id": "ann", "occurred_at": START + DAY + timedelta(minutes=2), "event_type": "email_clicked"},
    {"lead_id": "ann", "occurred_at": CLICK, "event_type": "page_viewed", "page": "Directions"},
]
AFTER = CLICK + timedelta(microseconds=1)


def dealer(
    *more: dict[str, Any],
    rows: list[tuple[str, datetime]] | None = None,
    sheet: Sheet | None = None,
    **lead: Any,
) -> SheetScores:
    history = open_small(
        [{"lead_id": "ann", **lead}],
        [*STORY, *({"lead_id": "ann", **event} for event in more)],
        lead_attributes={"occupation": "category"},
        event_properties={"page": "category", "form": "category"},
    )
    spine = set_spine(history, rows or [("ann", START + 30 * DAY)])
    return score_sheet(sheet or Sheet.load(SHEETS / "car_dealer.yaml"), history, spine)


def test_the_car_dealers_score_rises_from_10_to_40() -> None:
    moments = [START, START + DAY, START + DAY + timedelta(minutes=1), START + 2 * DAY, CLICK, AFTER]
    found = dealer(rows=[("ann", moment) for moment in moments])
    assert found.scores["total"].tolist() == [0, 10, 13, 20, 20, 40]
    assert found.scores["stage"].tolist() == ["Lead"] * 5 + ["MQL"]
    assert found.scores["as_of"].tolist() == moments


def test_the_car_dealers_ledger_has_four_dated_lines_that_sum_to_40() -> None:
    lines = dealer(rows=[("ann", CLICK), ("ann", AFTER)]).lines(1)
    assert list(zip(lines["rule"], lines["occurred_at"], lines["points"], strict=True)) == [
        ("Vehicle of interest form", START, 10),
        ("Opened an e-mail", START + DAY, 3),
        ("Clicked in an e-mail", START + DAY + timedelta(minutes=2), 7),
        ("Directions page", CLICK, 20),
    ]
    assert lines["points"].sum() == 40
    assert set(lines["dimension"]) == {"engagement"}
    assert set(lines["lead_id"]) == {"ann"}


def test_a_second_open_adds_points_only_if_the_rule_says_each(tmp_path: Path) -> None:
    second = {"occurred_at": START + 2 * DAY, "event_type": "email_opened"}
    assert dealer(second).scores["total"].tolist() == [40]
    text = (SHEETS / "car_dealer.yaml").read_text(encoding="utf-8")
    each = tmp_path / "each.yaml"
    each.write_text(text.replace("points: 3}", "points: 3, per: each}"), encoding="utf-8")
    assert dealer(second, sheet=Sheet.load(each)).scores["total"].tolist() == [43]


@pytest.mark.parametrize(
    ("event", "total"),
    [({"event_type": "unsubscribed"}, 25), ({"event_type": "page_viewed", "page": "Careers"}, 30)],
)
def test_unsubscribing_and_the_careers_page_take_points_away(event: dict[str, Any], total: int) -> None:
    assert dealer({"occurred_at": CLICK, **event}).scores["total"].tolist() == [total]


def test_a_student_is_out_whatever_the_points_and_the_reason_is_kept() -> None:
    row = dealer(occupation="student").scores.iloc[0]
    assert (row["total"], row["stage"], row["disqualified_by"]) == (40, "Disqualified", "Student")
    others = dealer(occupation="nurse").scores.iloc[0]
    assert others["stage"] == "MQL"
    assert pd.isna(others["disqualified_by"])


def b2b() -> tuple[SheetScores, dict[str, int]]:
    perfect: dict[str, Any] = {
        "account_id": "acme",
        "country": "CH",
        "known_need": True,
        "title": "Chief Information Officer",
    }
    perfect |= {"email": "a@acme.ch", "phone": "+41"}
    leads = [{"lead_id": "perfect", **perfect}, {"lead_id": "silent", **perfect}, {"lead_id": "nobody"}]
    leads += [{"lead_id": "visitor"}]
    active = [("page_viewed", "services"), ("page_viewed", "platform"), ("webinar_attended", None)]
    active += [("webinar_attended", None), ("webinar_attended", None), ("trial_requested", None)]
    events: list[dict[str, Any]] = [
        {"lead_id": "perfect", "occurred_at": START + i * DAY, "event_type": kind, "product": product}
        for i, (kind, product) in enumerate(active)
    ]
    events += [
        {"lead_id": "visitor", "occurred_at": START, "event_type": "page_viewed", "product": "services"}
    ]
    history: History = open_small(
        leads,
        events,
        [{"account_id": "acme", "industry": "Software", "revenue": 2e7}],
        lead_attributes={
            "country": "category",
            "known_need": "boolean",
            "title": "text",
            "email": "text",
            "phone": "text",
        },
        account_attributes={"industry": "category", "revenue": "number"},
        event_properties={"product": "category"},
    )
    names = [lead["lead_id"] for lead in leads]
    spine = set_spine(history, [(str(name), START + 60 * DAY) for name in names])
    return score_sheet(Sheet.load(SHEETS / "b2b.yaml"), history, spine), {
        str(name): i for i, name in enumerate(names)
    }


def test_fit_and_activity_give_the_grades_a4_a1_and_d1() -> None:
    found, row = b2b()
    grades = found.scores["grade"]
    assert (grades[row["perfect"]], grades[row["silent"]], grades[row["nobody"]]) == ("A4", "A1", "D1")
    assert found.scores["stage"].tolist() == ["SQL", "MQL", "Lead", "Lead"]
    assert found.scores["total"].tolist() == [85 + 100, 85, 0, 15]


def test_a_services_click_moves_services_and_engagement_but_not_platform() -> None:
    found, row = b2b()
    visitor = found.scores.loc[row["visitor"]]
    assert (visitor["services"], visitor["engagement"], visitor["platform"], visitor["fit"]) == (15, 15, 0, 0)
    assert visitor["total"] == 15
    assert found.lines(row["visitor"])["dimension"].tolist() == ["engagement", "services"]


def test_the_ledger_shows_what_the_cap_took() -> None:
    found, row = b2b()
    webinars = found.lines(row["perfect"]).query("rule == 'Webinar'")
    assert webinars["raw_points"].tolist() == [20, 20, 20]
    assert webinars["points"].tolist() == [20, 20, 0]
    assert webinars["taken_by_cap"].tolist() == [0, 0, 20]
