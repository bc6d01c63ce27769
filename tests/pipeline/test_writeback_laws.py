"""Laws of the write-back on both databases: what a changed row is, what a run records, what a table must have."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError
from leadlens.pipeline.writeback import RUN_COLUMNS, SCORE_COLUMNS, Column, write_scores
from leadlens.pipeline.writeback.columns import HISTORY_COLUMNS
from tests.pipeline.writeback_samples import AS_OF, Database, run, scores

_OTHER: dict[str, Any] = {"text": "other", "number": 0.125, "whole": 42, "json": '[{"points":1}]'}
LONG_AGO = datetime(2020, 1, 1)


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database(f"duckdb:///{tmp_path / 'scores.duckdb'}")
    return Database(request.getfixturevalue("postgres_url"))


def _stored(column: Column, value: Any) -> Any:
    return json.loads(value) if column.kind == "json" and isinstance(value, str) else value


def test_a_change_of_any_compared_column_is_written_and_kept(database: Database) -> None:
    frame = scores().astype(object).assign(model_version="7", scorecard_version="a1b2")
    write_scores(frame, database.to, run=run())
    for day, column in enumerate((c for c in SCORE_COLUMNS if c.compared and not c.ours), start=1):
        frame[column.name] = frame.get(column.name)  # a column that the frame lacks begins as NULL
        frame.at[2, column.name] = _OTHER[column.kind]
        result = write_scores(frame, database.to, run=run(f"run-{day:02}", day=day))
        assert (result.inserted, result.updated, result.unchanged) == (0, 1, 4), column.name
        tables = ["lead_scores", *["lead_scores_history"] * column.in_history]
        for table in tables:
            ((lead, as_of, value),) = database.query(
                f"SELECT lead_id, as_of, {column.name} FROM {table} WHERE run_id = 'run-{day:02}'"
            )
            assert (lead, as_of.replace(tzinfo=None)) == ("lead-2", AS_OF + timedelta(days=day))
            assert _stored(column, value) == _stored(column, _OTHER[column.kind]), (table, column.name)


def test_a_run_records_its_own_times_and_versions(database: Database) -> None:
    as_of = pd.Timestamp("2026-03-01 12:00:00.123456", tz="Europe/Berlin")
    before = datetime.now(UTC).replace(tzinfo=None)
    started_at = as_of - timedelta(hours=2)
    write_scores(scores(1), database.to, run=run(as_of=as_of, started_at=started_at, model_version=7))
    ((as_of_stored, started, finished, version),) = database.query(
        "SELECT as_of, started_at, finished_at, model_version FROM scoring_runs"
    )
    utc = datetime(2026, 3, 1, 11, 0, 0, 123456)
    assert [time.replace(tzinfo=None) for time in (as_of_stored, started)] == [utc, utc - timedelta(hours=2)]
    assert before <= finished.replace(tzinfo=None) <= datetime.now(UTC).replace(tzinfo=None)
    assert version == "7"
    ((row_as_of,),) = database.query("SELECT as_of FROM lead_scores")
    assert row_as_of.replace(tzinfo=None) == utc


def test_an_unknown_version_stays_null(database: Database) -> None:
    write_scores(scores(1), database.to, run=run(model_version=None))
    assert database.query("SELECT model_version FROM lead_scores") == [(None,)]
    assert database.query("SELECT model_version FROM scoring_runs") == [(None,)]


def test_required_columns_cannot_be_null_in_new_tables(database: Database) -> None:
    write_scores(scores(1), database.to, run=run())
    for table, columns in {
        "lead_scores": SCORE_COLUMNS,
        "lead_scores_history": HISTORY_COLUMNS,
        "scoring_runs": RUN_COLUMNS,
    }.items():
        required = database.query(
            f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' "
            "AND is_nullable = 'NO'"
        )
        assert {name for (name,) in required} == {column.name for column in columns if column.required}


def test_a_retry_updates_the_row_of_its_run(database: Database) -> None:
    figures = "SELECT rows, inserted, updated, unchanged, finished_at FROM scoring_runs"
    write_scores(scores(3), database.to, run=run())
    ((*_, first),) = database.query(figures)
    changed = scores(4).iloc[:3].assign(grade=["A1", "B2", "B2"])
    write_scores(changed, database.to, run=run())  # updates alone, without an insert
    ((*counts, second),) = database.query(figures)
    assert counts == [3, 3, 2, 1]
    assert second > first
    write_scores(changed, database.to, run=run())  # changes nothing
    assert database.query(figures) == [(3, 3, 2, 1, second)]
    write_scores(changed.assign(grade="C3"), database.to, run=run())  # updates add up
    assert database.query(figures)[0][:4] == (3, 3, 5, 0)


def test_only_newer_scores_of_the_same_table_and_project_stand_in_the_way(database: Database) -> None:
    older = run("older", started_at=LONG_AGO)
    write_scores(scores(), database.to, table="other", run=run("elsewhere", day=2))
    write_scores(scores(), database.to, run=run("of another project", day=2, project="boats"))
    write_scores(scores(), database.to, run=run("twin"))
    assert write_scores(scores(seed=1), database.to, run=older).updated == 5
    write_scores(scores(), database.to, run=run("newer", day=3))
    before = database.everything()
    with pytest.raises(DataError, match="run newer wrote them as of 2026-03-04") as caught:
        write_scores(scores(seed=2), database.to, run=older)
    assert caught.value.exit_code == 1
    assert database.everything() == before
    assert write_scores(scores(seed=2), database.to, run=replace(older, replace_newer=True)).updated == 5
    between = run("between", day=1)  # what was replaced on purpose counts no more
    assert write_scores(scores(seed=3), database.to, run=between).updated == 5


def test_the_ends_of_a_range_belong_to_it(database: Database) -> None:
    frame = scores(2).assign(probability=[0.0, 1.0], score=[1, 99])
    assert write_scores(frame, database.to, run=run()).inserted == 2


@pytest.mark.parametrize(("column", "value"), [("probability", -0.01), ("score", 100), ("score", -1)])
def test_a_value_beyond_its_range_is_refused(tmp_path: Path, column: str, value: float) -> None:
    frame = scores(2).astype(object)
    frame.at[1, column] = value
    with pytest.raises(DataError, match=f"have a {column} outside"):
        write_scores(frame, str(tmp_path / "scores.csv"), run=run())


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    frame = pd.concat([scores(2), scores(2)[["grade"]]], axis=1)
    with pytest.raises(DataError, match="a column occurs twice"):
        write_scores(frame, str(tmp_path / "scores.csv"), run=run())


def test_a_key_of_more_columns_does_not_identify_a_lead(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    columns = ", ".join(column.name for column in SCORE_COLUMNS)
    database.query(f"CREATE TABLE wide AS SELECT {columns} FROM lead_scores")
    database.query("CREATE UNIQUE INDEX wide_key ON wide (lead_id, run_id)")
    with pytest.raises(DataError, match=r"\(lead_id\) is not its primary key"):
        write_scores(scores(), database.to, table="wide", run=run())


def test_a_table_of_that_name_in_another_schema_does_not_matter(database: Database) -> None:
    database.query("CREATE SCHEMA archive")
    database.query("CREATE TABLE archive.lead_scores (lead_id VARCHAR)")
    assert write_scores(scores(), database.to, run=run()).inserted == 5


def test_a_column_of_another_type_is_named_with_the_statement_that_changes_it(database: Database) -> None:
    write_scores(scores(), database.to, run=run())
    database.query("DROP VIEW open_lead_scores")
    database.query("ALTER TABLE lead_scores ALTER COLUMN rule_points TYPE VARCHAR")
    with pytest.raises(DataError, match="rule_points is ") as caught:
        write_scores(scores(seed=1), database.to, run=run())
    assert 'ALTER TABLE "lead_scores" ALTER COLUMN "rule_points" TYPE' in str(caught.value)


def test_json_of_numpy_values_and_timestamps_is_written_compactly_as_text(tmp_path: Path) -> None:
    frame = scores(1).assign(reasons=None)
    frame.at[0, "reasons"] = [{"ä": np.float64(1.5), "n": np.arange(2), "at": datetime(2026, 3, 1)}]
    write_scores(frame, str(tmp_path / "x.parquet"), run=run())
    (stored,) = pd.read_parquet(tmp_path / "x.parquet")["reasons"]
    assert stored == '[{"ä":1.5,"n":[0,1],"at":"2026-03-01T00:00:00"}]'
