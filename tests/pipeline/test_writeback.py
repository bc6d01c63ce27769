"""What holds for every database: all or nothing, twice is once, one history row per change."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError, UsageError
from leadlens.pipeline.writeback import SCORE_COLUMNS, RunManifest, WriteResult, stage_scores, write_scores
from tests.pipeline.writeback_samples import AS_OF, Database, StoppedRun, run, scores


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database(f"duckdb:///{tmp_path / 'scores.duckdb'}")
    return Database(request.getfixturevalue("postgres_url"))


def _counts(result: WriteResult) -> tuple[int, int, int, int]:
    return result.rows, result.inserted, result.updated, result.unchanged


def test_columns_come_back_as_they_were(database: Database) -> None:
    frame = scores().assign(trend="up", route="Anna", explanation_url="https://example.com/1")
    assert _counts(write_scores(frame, database.to, run=run())) == (5, 5, 0, 0)
    names = ", ".join(column.name for column in SCORE_COLUMNS)
    for sent, row in zip(
        frame.to_dict("records"),
        database.query(f"SELECT {names} FROM lead_scores ORDER BY lead_id"),
        strict=True,
    ):
        got = dict(zip((column.name for column in SCORE_COLUMNS), row, strict=True))
        got["as_of"] = got["as_of"].replace(tzinfo=None)
        for column in ("reasons", "ledger"):
            got[column] = json.loads(got[column]) if isinstance(got[column], str) else got[column]
        expected: dict[str, Any] = {
            **dict.fromkeys(got),
            **{str(key): value for key, value in sent.items()},
            "as_of": AS_OF,
            "run_id": "run-1",
        }
        expected |= {
            "status": "open",
            "model_version": "7",
            "scorecard_version": "a1b2",
            "ledger": json.loads(sent["ledger"]),
        }
        assert got == expected


def test_writing_twice_changes_nothing(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    before = database.everything()
    assert _counts(write_scores(scores(), database.to, run=run())) == (5, 0, 0, 5)
    assert database.everything() == before


def test_a_later_run_with_equal_scores_only_adds_its_line(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    table, history, _ = database.everything()
    assert _counts(write_scores(scores(), database.to, run=run("run-2", day=1))) == (5, 0, 0, 5)
    assert database.everything()[:2] == [table, history]
    assert database.query(
        "SELECT run_id, status, rows, inserted, updated, unchanged, model_version, scorecard_version, "
        "config_fingerprint, scores_table FROM scoring_runs ORDER BY run_id"
    ) == [
        ("run-1", "done", 5, 5, 0, 0, "7", "a1b2", "c3d4", "lead_scores"),
        ("run-2", "done", 5, 0, 0, 5, "7", "a1b2", "c3d4", "lead_scores"),
    ]


def test_only_changed_rows_are_written(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    frame = scores(7).iloc[1:].reset_index(drop=True)  # lead-0 has left, lead-5 and lead-6 are new
    frame.loc[frame["lead_id"] == "lead-2", "grade"] = None
    assert _counts(write_scores(frame, database.to, run=run("run-2", day=1))) == (6, 2, 1, 3)
    second = "run_id = 'run-2' ORDER BY lead_id"
    assert [lead for (lead,) in database.query(f"SELECT lead_id FROM lead_scores WHERE {second}")] == [
        "lead-0",
        "lead-2",
        "lead-5",
        "lead-6",
    ]
    assert database.query(f"SELECT lead_id, change, grade FROM lead_scores_history WHERE {second}") == [
        ("lead-0", "closed", "A1"),
        ("lead-2", "updated", None),
        ("lead-5", "inserted", "A1"),
        ("lead-6", "inserted", "A1"),
    ]
    assert database.query("SELECT count(*) FROM lead_scores") == [(7,)]


def test_a_run_that_writes_again_adds_up_in_its_line(database: Database) -> None:
    write_scores(scores(3), database.to, run=run())
    write_scores(scores(5, seed=1), database.to, run=run())
    counts = "SELECT rows, inserted, updated, unchanged FROM scoring_runs"
    assert database.query(counts) == [(5, 5, 3, 0)]
    assert database.query(
        "SELECT count(*), min(change) FROM lead_scores_history WHERE lead_id < 'lead-3'"
    ) == [(3, "updated")]


def test_a_killed_run_leaves_everything_as_it_was(database: Database) -> None:
    count = 3_000
    write_scores(scores(count), database.to, run=run())
    before = database.everything()
    StoppedRun(database.to, "merged", count=count).kill()
    assert database.everything() == before
    assert _counts(write_scores(scores(count, seed=1), database.to, run=run("child"))) == (count, 0, count, 0)
    assert database.query("SELECT count(*), count(DISTINCT lead_id), max(run_id) FROM lead_scores") == [
        (count, count, "child")
    ]


def test_a_run_that_is_overtaken_by_newer_scores_writes_nothing(database: Database) -> None:
    with stage_scores(database.to, run=run("slow")) as slow:
        slow.add(scores(seed=1))
        write_scores(scores(), database.to, run=run("fast", day=1))
        before = database.everything()
        with pytest.raises(DataError, match="run fast wrote them as of 2026-03-02"):
            slow.commit()
    assert database.everything() == before


def test_no_open_lead_is_no_error(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    assert _counts(write_scores(scores(0), database.to, run=run("run-2", day=1))) == (0, 0, 0, 0)
    assert database.query("SELECT status, count(*) FROM lead_scores GROUP BY 1") == [("closed", 5)]


def test_a_table_in_a_schema_with_capitals(database: Database) -> None:
    database.query("CREATE SCHEMA crm")
    write_scores(scores(), database.to, table="crm.Scores", run=run())
    write_scores(scores(), database.to, table="crm.other", run=run())
    assert database.query('SELECT count(*) FROM crm."Scores_history"') == [(5,)]
    assert database.query("SELECT scores_table FROM crm.scoring_runs ORDER BY 1 DESC") == [
        ("crm.other",),
        ("crm.Scores",),
    ]


@pytest.mark.parametrize(
    "table", ["", "a b", "x;drop table y", 'x"', "a.b.c", "1a", "tést", "a" * 60, "scoring_runs", "x--"]
)
def test_names_that_are_no_table_are_refused(table: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_scores(scores(), f"duckdb:///{tmp_path / 'x.duckdb'}", table=table, run=run())
    assert not list(tmp_path.iterdir())


def test_every_column_explains_itself_in_the_database(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    comments = (
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'lead_scores'"
        if "duckdb" in database.to
        else "SELECT col_description('lead_scores'::regclass, ordinal_position) "
        "FROM information_schema.columns WHERE table_name = 'lead_scores'"
    )
    assert {about for (about,) in database.query(comments)} == {column.about for column in SCORE_COLUMNS}


def test_a_table_of_another_shape_is_refused_with_what_mends_it(database: Database) -> None:
    database.query(
        "CREATE TABLE lead_scores (lead_id VARCHAR, score VARCHAR, grade VARCHAR(2), "
        "owner VARCHAR DEFAULT 'me')"
    )
    with pytest.raises(DataError) as caught:
        write_scores(scores(), database.to, run=run())
    message = str(caught.value)
    assert "probability is missing" in message
    assert "(lead_id) is not its primary key" in message
    assert " grade is" not in message
    assert database.query("SELECT count(*) FROM lead_scores") == [(0,)]
    for statement in message.splitlines():
        if statement.strip().startswith("ALTER TABLE"):
            database.query(statement)
    assert _counts(write_scores(scores(), database.to, run=run())) == (5, 5, 0, 0)
    assert database.query("SELECT DISTINCT owner FROM lead_scores") == [("me",)]


def test_the_record_of_a_run_says_what_was_scored_and_what_it_cost(database: Database) -> None:
    cost = [{"name": "score", "rows": 5, "seconds": 0.1}]
    with stage_scores(database.to, run=run(data_version=12)) as staged:
        staged.add(scores())
        staged.commit(cost)
    (version, stages), *_ = database.query("SELECT data_version, stages FROM scoring_runs")
    assert version == 12
    assert (json.loads(stages) if isinstance(stages, str) else stages) == cost


def test_a_view_is_refused(database: Database) -> None:
    database.query("CREATE VIEW lead_scores AS SELECT 1 AS lead_id")
    with pytest.raises(DataError, match="not a table"):
        write_scores(scores(), database.to, run=run())


def test_unwritable_characters_are_replaced_alike_everywhere(database: Database) -> None:
    frame = scores(2)
    frame["route"] = pd.Series(["a\0b", "\ud800c"], dtype=object)
    frame["reasons"] = pd.Series([{"page": "a\0b"}, '["\\u0000", "\\\\u0000"]'], dtype=object)
    write_scores(frame, database.to, run=run())
    rows = database.query("SELECT route, CAST(reasons AS VARCHAR) FROM lead_scores ORDER BY lead_id")
    assert [route for route, _ in rows] == ["a\ufffdb", "\ufffdc"]
    assert [json.loads(reasons) for _, reasons in rows] == [{"page": "a\ufffdb"}, ["\ufffd", "\\u0000"]]


def test_ids_of_every_kind_stay_apart(database: Database) -> None:
    ids = [
        "0012",
        "12",
        " 12",
        "1e1",
        "NULL",
        "null",
        "NaN",
        "Ü",
        "U\u0308",
        "数",
        "'",
        '"',
        "a,b",
        "\\N",
        "\\.",
        "x" * 900,
    ]
    frame = scores(len(ids)).assign(lead_id=ids, route="")
    write_scores(frame, database.to, run=run())
    assert sorted(lead for (lead,) in database.query("SELECT lead_id FROM lead_scores")) == sorted(ids)
    assert database.query("SELECT DISTINCT route FROM lead_scores") == [("",)]
    assert _counts(write_scores(frame, database.to, run=run("run-2"))) == (len(ids), 0, 0, len(ids))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("probability", np.nan, "have no probability"),
        ("probability", np.inf, "infinite probability"),
        ("probability", 1.01, "outside 0.0..1.0"),
        ("probability", "high", "must be a number"),
        ("score", 0, "outside 1..99"),
        ("score", 50.5, "must be a whole number"),
        ("score", None, "have no score"),
        ("fit_points", -np.inf, "infinite fit_points"),
        ("grade", {"A": 1}, "must be text"),
        ("as_of", "yesterday-ish", "must be a timestamp"),
        ("lead_id", "lead-0", "more than once"),
        ("lead_id", None, "have no lead_id"),
        ("lead_id", "", "empty lead_id"),
        ("lead_id", "a\0", "no database accepts"),
        ("reasons", "{", "is not JSON"),
        ("reasons", '[1, NaN, "x"]', "it contains NaN"),
        ("reasons", [np.inf], "is not JSON"),
    ],
)
def test_scores_that_cannot_be_used_are_refused_before_anything_is_touched(
    tmp_path: Path, column: str, value: Any, says: str
) -> None:
    frame = scores().astype(object)
    if column == "as_of":
        frame["as_of"] = "2026-01-01"
    frame.at[3, column] = value
    with pytest.raises(DataError, match=says) as caught:
        write_scores(frame, f"duckdb:///{tmp_path / 'x.duckdb'}", run=run())
    assert "3" in str(caught.value) or "lead-0" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_wrong_columns_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    to = str(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="did you mean: probability"):
        write_scores(scores().rename(columns={"probability": "probabilty"}), to, run=run())
    with pytest.raises(DataError, match="a column is missing"):
        write_scores(scores().drop(columns="score"), to, run=run())


def test_moments_with_a_zone_become_utc(database: Database) -> None:
    frame = scores(1).assign(as_of=pd.Timestamp("2026-03-01 12:00", tz="Europe/Berlin"))
    write_scores(frame, database.to, run=run())
    (moment,) = database.query("SELECT as_of FROM lead_scores")[0]
    assert moment.replace(tzinfo=None) == datetime(2026, 3, 1, 11)


def test_a_manifest_takes_moments_and_versions_as_they_come(database: Database) -> None:
    moment = pd.Timestamp("2026-03-01 12:00", tz="Europe/Berlin")
    write_scores(scores(), database.to, run=run(as_of=moment, started_at=moment, model_version=7))
    assert database.query("SELECT model_version FROM scoring_runs") == [("7",)]
    assert {as_of.replace(tzinfo=None) for (as_of,) in database.query("SELECT as_of FROM lead_scores")} == {
        datetime(2026, 3, 1, 11)
    }


def test_run_ids_sort_by_time_and_never_repeat() -> None:
    ids = {RunManifest(as_of=AS_OF).run_id for _ in range(100)}
    assert len(ids) == 100
    assert all(one.startswith("20") and len(one) == 24 for one in ids)
