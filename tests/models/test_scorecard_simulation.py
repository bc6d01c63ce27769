"""The days to come without any action: exact drops, no peeping ahead, and the engine's own scores."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from leadlens.features import History
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.insights.simulation import simulate_inactivity
from tests.models.histories import DAY, START, open_small, set_spine

MICRO = timedelta(microseconds=1)
NOW = START + 50 * DAY


def sheet(*actions: dict[str, Any], **more: Any) -> Sheet:
    return Sheet.model_validate({"sheet": "coming", "actions": list(actions), **more})


def rule(event: str, points: float, **more: Any) -> dict[str, Any]:
    return {"label": event.title(), "when": f"event_type = '{event}'", "points": points, **more}


def did(event: str, *days: float, **more: Any) -> list[dict[str, Any]]:
    return [{"lead_id": "a", "occurred_at": START + day * DAY, "event_type": event, **more} for day in days]


def test_a_window_ends_at_its_exact_moment_and_the_stage_with_it() -> None:
    found = sheet(rule("open", 10, within="30d"), rule("form", 5), thresholds={"mql": 12})
    history = open_small([{"lead_id": "a"}], [*did("open", 30.5), *did("form", 3)])
    simulated = simulate_inactivity(found, history, "a", NOW, days=20)
    exact = simulated.snapshots[simulated.snapshots["exact"]]
    assert [moment.to_pydatetime() for moment in exact["as_of"]] == [START + 60.5 * DAY + MICRO]
    assert exact[["total", "stage"]].to_numpy().tolist() == [[5, "Lead"]]
    assert len(simulated.snapshots) == 22
    assert simulated.snapshots["total"].tolist() == [15] * 11 + [5] * 11
    [loss] = simulated.losses.to_dict("records")
    assert (loss["rule"], loss["kind"], loss["points"]) == ("Open", "expired", -10)


def test_what_fades_silence_and_a_kept_stage_are_told_by_kind() -> None:
    found = sheet(
        rule("open", 20, decay={"half_life": "10d"}),
        rule("page", -6, silent="60d"),
        rule("call", 8, decay={"to_zero": "60d"}),
        thresholds={"mql": {"points": 25, "keep": 12}},
    )
    history = open_small([{"lead_id": "a"}], [*did("open", 49), *did("page", 10), *did("call", 49)])
    simulated = simulate_inactivity(found, history, "a", NOW, days=90)
    kinds = simulated.losses.groupby("kind")["points"].agg(["count", "sum"])
    assert kinds.loc["silence"].tolist() == [1, -6]
    assert set(kinds.index) == {"decay", "silence", "expired"}
    stages = simulated.snapshots["stage"].tolist()
    assert stages[0] == "MQL"
    assert stages[-1] == "Lead"
    at = simulated.snapshots.loc[simulated.snapshots["stage"] == "Lead", ["as_of", "total"]].iloc[0]
    assert at["total"] < 12
    moved = simulated.snapshots["total"].iloc[-1] - simulated.snapshots["total"].iloc[0]
    assert simulated.losses["points"].sum() == pytest.approx(moved, abs=1e-9)
    moments = [
        moment.to_pydatetime() for moment in simulated.snapshots.loc[simulated.snapshots["exact"], "as_of"]
    ]
    assert START + 70 * DAY not in moments  # a whole day from NOW is a daily look already
    assert START + 109 * DAY in set(simulated.snapshots["as_of"].dt.to_pydatetime())


def test_nothing_that_comes_to_be_known_later_is_seen() -> None:
    found = sheet(
        rule("open", 10, per="each"),
        attributes=[{"label": "Old", "when": "age > 30", "points": 5}],
        disqualify=[{"label": "Barred", "when": "event_type = 'bar'", "on": "action"}],
    )
    coming = [
        *did("open", 60),
        *did("open", 20, known_at=START + 55 * DAY),
        *did("open", 10, retracted_at=START + 70 * DAY),
        *did("bar", 61),
    ]
    edits = [
        {"entity": "lead", "id": "a", "attribute": "age", "value": value, "known_at": START + day * DAY}
        for value, day in (("20", 1), ("50", 60))
    ]
    kinds = {"age": "number"}
    history = open_small([{"lead_id": "a", "age": 50.0}], coming, changes=edits, lead_attributes=kinds)
    simulated = simulate_inactivity(found, history, "a", NOW, days=40)
    assert simulated.snapshots["total"].unique().tolist() == [10]
    assert simulated.snapshots["stage"].unique().tolist() == ["Lead"]
    assert simulated.losses.empty
    unknown = open_small([{"lead_id": "a", "age": 50.0}], changes=edits[1:], lead_attributes=kinds)
    assert simulate_inactivity(found, unknown, "a", NOW, days=40).snapshots["total"].unique().tolist() == [0]


def test_with_nothing_to_come_it_is_what_the_engine_says_of_each_day() -> None:
    found = sheet(
        rule("open", 10, decay={"half_life": "9d"}, per="each", cap=15),
        rule("page", 3, within="20d", at_least=2),
        thresholds={"mql": {"points": 12, "keep": 6}, "sql": {"when": "trend > -3 AND total > 10"}},
        routes=[{"label": "Call", "when": "stage = 'SQL'", "action": "call"}],
    )
    history = open_small([{"lead_id": "a"}], [*did("open", 40, 45), *did("page", 44, 46.25)])
    simulated = simulate_inactivity(found, history, "a", NOW, days=15)
    _equal(found, history, simulated.snapshots)


def test_features_age_with_the_days() -> None:
    found = sheet(
        attributes=[{"label": "Long known", "when": "feature.lead_age > 60", "points": 4}],
    )
    history = open_small(
        [{"lead_id": "a", "account_id": "x"}, {"lead_id": "b", "account_id": "x", "created_at": START - DAY}],
        did("open", 2),
        accounts=[{"account_id": "x"}],
    )
    simulated = simulate_inactivity(found, history, "a", NOW, days=15)
    assert simulated.snapshots["total"].iloc[[0, 10, 11, -1]].tolist() == [0, 0, 4, 4]
    assert simulated.losses["kind"].tolist() == ["feature"]


def _equal(found: Sheet, history: History, snapshots: pd.DataFrame) -> None:
    moments: list[datetime] = [moment.to_pydatetime() for moment in snapshots["as_of"]]
    spine = set_spine(history, [("a", moment) for moment in moments])
    scores = score_sheet(found, history, spine).scores
    names = ["engagement", "total", "stage", "grade"]
    pd.testing.assert_frame_equal(scores[names], snapshots[names], rtol=0, atol=1e-9)
    assert scores["route"].equals(snapshots["route"])
