"""Scored leads as rows of `lead_scores`: what a batch job writes, and a rep reads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from leadlens.features.matrix import FeatureMatrix, build_matrix
from leadlens.features.plan import FeaturePlan
from leadlens.models.prediction import Prediction
from leadlens.models.scorecard import ScorecardSet, Sheet, score_scorecard_set
from leadlens.pipeline.dataset.lead_scores import lead_scores, lead_scores_table, route_text
from leadlens.pipeline.dataset.ledger_column import ledger_column
from leadlens.pipeline.dataset.scored_leads import ScoredLeads
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


def test_a_table_and_a_frame_say_the_same(scored: ScoredLeads) -> None:
    table, frame = lead_scores_table(scored), lead_scores(scored)
    assert table.column_names == list(frame.columns)
    assert {table.schema.field(name).type for name in ("reasons", "ledger", "route")} == {pa.string()}
    for name in ("reasons", "ledger"):
        assert [json.loads(text) for text in table[name].to_pylist()] == frame[name].tolist()
    rest = [name for name in frame if name not in ("reasons", "ledger")]
    pd.testing.assert_frame_equal(table.select(rest).to_pandas(), frame[rest])


def ledger_of(rows: list[int], seed: int) -> pd.DataFrame:
    """Lines with and without time and detail, of texts that JSON must escape; points with and without decimals."""
    rng, lines = np.random.default_rng(seed), len(rows)
    times = pd.Timestamp("1969-12-31 23:59:58.999999") + pd.to_timedelta(rng.integers(0, 2**51, lines), "us")
    texts = np.array(['Sent "it"\\', "two\nlines", "Größe 👍", "", "a, b"], dtype=object)
    decayed = np.round(rng.exponential(9, lines), 9) * rng.integers(-1, 2, lines)
    frame = pd.DataFrame(
        {
            "row_id": rows,
            "dimension": rng.choice(["fit", "engagement"], lines),
            "rule": rng.choice(texts, lines),
            "occurred_at": times.to_series().where(rng.random(lines) < 0.7).to_numpy("datetime64[us]"),
            "detail": rng.choice([*texts, None], lines),
            "points": decayed,
            "taken_by_decay": -decayed,
            "taken_by_cap": 0.0,
        }
    )
    return frame.astype({"dimension": "str", "rule": "str", "detail": "str"})


def read_slowly(ledger: pd.DataFrame, index: pd.Index) -> list[list[dict[str, Any]]]:
    ledgers: dict[Any, list[dict[str, Any]]] = {row: [] for row in index}
    for line in ledger.to_dict("records"):
        time, detail = line["occurred_at"], line["detail"]
        line["occurred_at"] = None if pd.isna(time) else f"{time:%Y-%m-%dT%H:%M:%S}"
        line["detail"] = None if pd.isna(detail) else detail
        ledgers[line.pop("row_id")].append(line)
    return list(ledgers.values())


@pytest.mark.parametrize("seed", range(6))
def test_a_ledger_is_written_line_by_line(seed: int) -> None:
    index = pd.Index([7, 3, 9, 4, 12])
    rows = [[], [3], [3, 3, 9, 12], [7, 7, 3, 3, 4, 4, 4], [12, 4, 9, 3, 7] * 9, [4] * 40][seed]
    ledger = ledger_of(rows, seed)
    written = ledger_column(ledger, index)
    read = [json.loads(text, parse_int=pytest.fail) for text in written.to_pylist()]
    assert read == read_slowly(ledger, index)
    assert not any(":-0.0" in text for text in written.to_pylist())


def test_a_line_of_no_row_is_an_error() -> None:
    with pytest.raises(KeyError, match="5"):
        ledger_column(ledger_of([3, 5], 0), pd.Index([3, 4]))


def test_what_no_database_accepts_is_replaced() -> None:
    ledger = ledger_of([3], 0).assign(rule="nul\x00")
    assert json.loads(ledger_column(ledger, pd.Index([3]))[0].as_py())[0]["rule"] == "nul\ufffd"
