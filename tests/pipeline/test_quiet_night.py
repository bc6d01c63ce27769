"""A night on which leads did nothing: what drifts by itself makes no row a changed row, what people read does."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadlens.pipeline.writeback import SCORE_COLUMNS, write_scores
from tests.pipeline.writeback_samples import Database, run, scores

DRIFTING = {"probability", "fit_points", "engagement_points", "reasons", "ledger"}
OF_THE_RUN = {"lead_id", "as_of", "run_id"}


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database(f"duckdb:///{tmp_path / 'scores.duckdb'}")
    return Database(request.getfixturevalue("postgres_url"))


def test_all_is_compared_but_what_drifts() -> None:
    of_the_run = OF_THE_RUN | {"confirmed_at"}  # which stands in rows of closed leads alone
    assert {column.name for column in SCORE_COLUMNS if not column.compared} == DRIFTING | of_the_run
    assert [column.name for column in SCORE_COLUMNS if column.in_whole] == ["rule_points"]


def test_drift_is_no_change_and_comes_with_the_next_one(database: Database) -> None:
    evening = scores().assign(rule_points=14.2)
    write_scores(evening, database.to, run=run())
    before = database.everything()[0]
    drifted = evening.assign(
        probability=evening["probability"] * 0.99, fit_points=1.5, engagement_points=-2.5, rule_points=14.4,
        reasons=[[{"reason": "other", "points": 0.1}]] * 5, ledger='[{"rule": "Visited", "points": -2.9}]',
    )  # fmt: skip
    done = write_scores(drifted, database.to, run=run("run-2", day=1))
    assert (done.inserted, done.updated, done.unchanged) == (0, 0, 5)
    assert database.everything()[0] == before

    drifted.loc[3, "reasons_text"] = "Viewed the pricing page, last on 2 Mar 2026: +9"
    done = write_scores(drifted, database.to, run=run("run-3", day=2))
    assert (done.updated, done.unchanged) == (1, 4)
    told = database.query("SELECT lead_id, fit_points, rule_points FROM lead_scores WHERE run_id = 'run-3'")
    assert told == [("lead-3", 1.5, 14.4)], "a changed row is written whole"


def test_points_of_the_sheet_are_compared_as_people_read_them(database: Database) -> None:
    evening = scores().assign(rule_points=[14.2, -0.4, 3.0, 8.6, None])
    write_scores(evening, database.to, run=run())
    morning = evening.assign(rule_points=[14.4, 0.4, 4.0, 8.4, 0.0])
    done = write_scores(morning, database.to, run=run("run-2", day=1))
    assert (done.updated, done.unchanged) == (3, 2)
