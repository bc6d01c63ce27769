"""Scored leads as rows of `lead_scores`: what a batch job writes, and a rep reads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from features.matrix import FeatureMatrix, build_matrix
from features.plan import FeaturePlan
from models.prediction import Prediction
from models.scorecard import ScorecardSet, Sheet, score_scorecard_set
from pipeline.dataset.lead_scores import lead_scores, route_text
from pipeline.dataset.scored_leads import ScoredLeads
from tests.models.histories import DAY, START, open_small, set_spine

SHEET = {
    "sheet": "dealer",
    "attributes": [{"label": "Adult", "when": "age >= 18", "points": 5}],
    "actions": [
        {"label": "Booked", "when": "event_type = 'booked'", "points": 20},
        {"label": "Webinar", "when": "event_type = 'webinar'", "points": 20, "decay": {"half_life": "7d"}},
    ],
    "thresholds": {"mql": 20, "sql": 60},
    "routes": [{"label": "Call at once", "when": "total >= 20", "action": "call", "queue": "senior_reps"}],
}
WANTED = {"A": "rising", "B": "falling", "C": "steady"}


@pytest.fixture(scope="module")
def scored() -> ScoredLeads:
    """As of day 30: A has just booked, B was in a webinar two weeks ago, C did nothing."""
    leads = [{"lead_id": name, "age": 30.0} for name in WANTED]
    events = [
        {"lead_id": "A", "occurred_at": START + 28 * DAY, "event_type": "booked"},
        {"lead_id": "B", "occurred_at": START + 16 * DAY, "event_type": "webinar"},
    ]
    history = open_small(leads, events, lead_attributes={"age": "number"})
    spine = set_spine(history, [(name, START + 30 * DAY) for name in WANTED])
    matrix: FeatureMatrix = build_matrix(history, FeaturePlan(windows=(timedelta(days=7),)), spine)
    sheets = ScorecardSet((Sheet.model_validate(SHEET),))
    table = matrix.frame.assign(
        probability=0.1, score=50.0, shown=50, fit_points=1.23456, engagement_points=-2.0, grade="B2"
    )
    return ScoredLeads(
        matrix=matrix,
        prediction=Prediction(table, 50.0, matrix.frame.iloc[:, :0]),
        rules=score_scorecard_set(sheets, history, spine, movement=True),
        points=None,
        columns={},
    )


def test_the_trend_says_where_the_total_went_in_a_week(scored: ScoredLeads) -> None:
    rows = lead_scores(scored).set_index("lead_id")
    assert rows["trend"].to_dict() == WANTED
    moved = scored.rules.scores.set_index("lead_id")["trend"]  # type: ignore[union-attr]
    assert moved["A"] == pytest.approx(20)
    assert moved["B"] == pytest.approx(20 * 0.5**2 - 20 * 0.5)
    assert moved["C"] == 0


def test_rows_bear_the_sheets_side_and_the_ledger_of_their_own_lead(scored: ScoredLeads) -> None:
    rows = lead_scores(scored).set_index("lead_id")
    assert list(rows.index) == list(WANTED)
    assert rows.loc["A", "rule_points"] == 25
    assert rows.loc["C", "rule_points"] == 5
    assert [line["rule"] for line in rows.loc["A", "ledger"]] == ["Adult", "Booked"]
    assert rows.loc["A", "ledger"][1]["occurred_at"] == "2026-03-30T09:00:00"
    assert [line["rule"] for line in rows.loc["C", "ledger"]] == ["Adult"]
    assert rows.loc["A", "route"] == "call, senior_reps: Call at once"
    assert rows["route"].isna().to_dict() == {"A": False, "B": True, "C": True}
    assert (rows["stage"] == rows["rule_stage"]).all()
    assert rows.loc["A", "stage"] == "MQL"
    assert rows.loc["A", "fit_points"] == 1.235
    assert rows.loc["A", "scorecard_version"].startswith("dealer ")


def test_reasons_begin_with_the_base_value(scored: ScoredLeads) -> None:
    (base,) = lead_scores(scored)["reasons"].iloc[0]
    assert base == {"text": "Every lead starts at", "points": 50.0, "family": None}


def test_a_route_without_a_queue_has_no_comma() -> None:
    assert route_text("call", float("nan"), "Asked") == "call: Asked"
    assert route_text(None, "reps", "Asked") is None
