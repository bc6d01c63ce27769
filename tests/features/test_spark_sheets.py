"""Score sheets give the same scores and the same ledger in Spark and in DuckDB, whatever they are made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from leadlens.features import DuckDBEngine, Engine, Step
from leadlens.features.conformance.world import START, load, random_history, side_by_side
from leadlens.features.engines.spark import SparkEngine
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.features.spark_support import INTERPRETED, TINY, need_spark
from tests.laws.random_sheets import Content, as_sheet, sheets

MOMENTS = (
    START + timedelta(days=20),
    datetime(2024, 3, 31, 2, 0, 0, 1),
    START + timedelta(days=70, microseconds=1),
)
HISTORIES = side_by_side([random_history(seed) for seed in range(2000, 2016)])
VIEWED = "event_type = 'page_viewed'"
EVERYTHING: Content = {
    "sheet": "everything",
    "for": "income > 1",
    "lists": {"pages": ["Pricing", "It's \\new", "李 `x`"], "towns": ["Oslo's", "Straße\\1"]},
    "base": {"fit": 2, "services": 1},
    "dimensions": ["services", "platform", "social"],
    "products": ["services", "platform"],
    "total": ["fit", "engagement", "social"],
    "scale": {"zero": -10, "hundred": 40},
    "groups": [{"name": "both", "cap": 7}, {"name": "mail", "cap": 2.5}],
    "attributes": [
        {"label": "Town", "when": "city IN towns", "points": 5, "group": "both", "also": ["services"]},
        {"label": "No income", "when": "income IS NULL", "points": -4, "group": "both", "key": "poor"},
        {"label": "Staff", "when": "account.staff > 11.5", "points": 3.5, "dimension": "social"},
        {"label": "Long known", "when": "feature.lead_age > 30.25", "points": 1, "key": "long_known"},
    ],
    "actions": [
        {"label": "Each", "when": VIEWED, "points": 2, "per": "each", "cap": 5, "decay": {"half_life": "10d"}},
        {"label": "Day", "when": VIEWED, "points": 1, "per": "day", "also": ["platform"], "within": "30d"},
        {"label": "Page", "when": "page IN pages", "points": 3, "per": "value", "of": "page", "group": "both"},
        {"label": "Value", "when": "TRUE", "points": 0.1, "per": "value", "of": "value", "cap": 0.25},
        {"label": "Twice", "when": "TRUE", "points": 6, "at_least": 2, "decay": {"to_zero": "40d"}},
        {"label": "Two days", "when": "TRUE", "points": 1, "at_least": {"days": 2}, "within": "20d"},
        {"label": "Two pages", "when": "TRUE", "points": 0, "at_least": {"values": 2}, "of": "page", "key": "pages"},
        {"label": "Mail", "when": "event_type LIKE 'email%'", "points": -2, "per": "each", "group": "mail"},
        {"label": "Opened", "when": "event_type = 'email_opened'", "points": 2, "after": "event_type = 'email_sent'"},
        {"label": "Silent", "when": "TRUE", "points": -3, "silent": "14d", "key": "silent", "dimension": "social"},
    ],
    "disqualify": [
        {"label": "From Bern", "when": "city = 'Bern'"},
        {"label": "Called", "when": "event_type ILIKE 'IT''S A CALL%' AND paid", "on": "action"},
    ],
    "thresholds": {
        "mql": {"points": 6, "keep": 2},
        "sql": {"points": 9, "keep": 4, "when": "rule.pages OR trend > 1"},
    },
    "grades": {"fit": [6, 3, 1], "engagement": [6, 3, 1]},
    "routes": [
        {"label": "Out", "when": "disqualified", "action": "none"},
        {"label": "Wake", "when": "rule.silent AND total > 0", "action": "mail", "queue": "it's", "reason": "\\silent"},
        {"label": "Surge", "when": "surge > 0 OR stage <> 'Lead'", "action": "call"},
        {"label": "Product", "when": "product = 'services' AND fit_grade <> 'D'", "action": "mail"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    need_spark()
    histories = []
    with SparkEngine(
        "local[2]", work=tmp_path_factory.mktemp("sheets"), settings=TINY | INTERPRETED
    ) as spark:
        for engine in (spark, DuckDBEngine()):
            history = load(engine, HISTORIES)
            _spine(engine)
            histories.append(history)
        yield histories


def _spine(engine: Engine) -> None:
    moments = ", ".join(f"({engine.dialect.literal(moment)})" for moment in MOMENTS)
    rows = (
        "SELECT row_number() OVER (ORDER BY l.lead_id, m.as_of) - 1 AS row_id, l.lead_id, m.as_of, l.created_at "
        f"FROM leads AS l CROSS JOIN (SELECT * FROM (VALUES {moments}) AS v(as_of)) AS m WHERE l.created_at < m.as_of"
    )
    engine.run([Step("spine", rows)])


def _both(engines: list[Any], sheet: Sheet) -> list[SheetScores]:
    return [score_sheet(sheet, history, Spine(history.engine, "spine"), movement=True) for history in engines]


def _alike(mine: SheetScores, other: SheetScores) -> None:
    pd.testing.assert_frame_equal(mine.scores, other.scores, rtol=0, atol=1e-8, check_dtype=False)
    by = ["row_id", "lead_id", "dimension", "rule", "occurred_at"]
    # which of two lines of one rule and moment a cap cuts is open
    for columns in (["detail"], ["raw_points", "taken_by_decay", "taken_by_cap", "points"]):
        left, right = (
            found.ledger[by + columns].sort_values(by + columns).reset_index(drop=True)
            for found in (mine, other)
        )
        pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-8, check_dtype=False)


def test_a_sheet_of_everything_scores_alike(engines: list[Any]) -> None:
    sheet = Sheet.model_validate(EVERYTHING)
    spark, duckdb = _both(engines, sheet)
    _alike(spark, duckdb)
    found = duckdb.scores
    assert set(duckdb.ledger["rule"]) == {"Starting points", *(r.label for r in sheet.rules if r.points)}, (
        "a rule never fires"
    )
    assert found["stage"].nunique() == 4
    assert set(found["route"].dropna()) == {route.label for route in sheet.routes}
    assert (duckdb.ledger["taken_by_cap"] != 0).any()


@settings(
    max_examples=max(2, int(os.environ.get("LEADLENS_EXAMPLES", "40")) // 20),
    deadline=None,
    derandomize="LEADLENS_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes seconds: too slow to shrink
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(content=sheets())
def test_random_sheets_score_alike(engines: list[Any], content: Content) -> None:
    _alike(*_both(engines, as_sheet(content)))
