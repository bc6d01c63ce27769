"""Leads that left are closed with a reason and kept; open ones say when they were confirmed; old tables learn both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadlens.features.errors import DataError
from leadlens.pipeline.runs.record import RunRecord, now
from leadlens.pipeline.writeback import report_runs, stage_scores, write_scores
from tests.pipeline.postgres import DATABASE, PASSWORD, PostgresServer
from tests.pipeline.writeback_samples import AS_OF, Database, run, scores


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database(f"duckdb:///{tmp_path / 'scores.duckdb'}")
    return Database(request.getfixturevalue("postgres_url"))


def _write(database: Database, leads: Sequence[int], run_id: str, day: int = 0, **facts: Any) -> int:
    """Score these leads; how many were closed."""
    why = {f"lead-{number}": reason for number, reason in facts.pop("why", {}).items()}
    frame = scores(9)
    with stage_scores(database.to, run=run(run_id, day=day, **facts)) as staged:
        staged.add(frame[frame["lead_id"].isin([f"lead-{number}" for number in leads])])
        return staged.commit(why_left=lambda left: [why[lead] for lead in left]).closed


def _times(rows: list[tuple[Any, ...]]) -> list[datetime]:
    return [each.replace(tzinfo=None) for (each,) in rows]


def test_a_lead_that_left_is_closed_once_with_its_reason_and_reopened(database: Database) -> None:
    assert _write(database, [0, 1, 2], "one") == 0
    first = now()
    assert _write(database, [0], "two", day=1, why={1: "converted", 2: "merged"}) == 2
    assert _write(database, [0], "three", day=2) == 0, "closed once, not each night"
    state = "SELECT lead_id, status, closed_reason, run_id FROM lead_scores ORDER BY lead_id"
    assert database.query(state) == [
        ("lead-0", "open", None, "one"),
        ("lead-1", "closed", "converted", "two"),
        ("lead-2", "closed", "merged", "two"),
    ]
    (confirmed,) = set(_times(database.query("SELECT confirmed_at FROM lead_scores WHERE status = 'closed'")))
    assert confirmed < first, "the first run was the last to find them open"
    assert _write(database, [0, 2], "four", day=3) == 0
    assert database.query(state)[2] == ("lead-2", "open", None, "four")
    assert database.query("SELECT confirmed_at FROM lead_scores WHERE status = 'open'") == [(None,), (None,)]
    history = "SELECT run_id, status, closed_reason, change FROM lead_scores_history WHERE lead_id = 'lead-2' ORDER BY as_of"
    assert database.query(history) == [
        ("one", "open", None, "inserted"),
        ("two", "closed", "merged", "closed"),
        ("four", "open", None, "reopened"),
    ]
    assert database.query("SELECT run_id, closed FROM scoring_runs ORDER BY as_of") == [
        ("one", 0),
        ("two", 2),
        ("three", 0),
        ("four", 0),
    ]


def test_a_closed_lead_keeps_its_last_score(database: Database) -> None:
    figures = "SELECT probability, score, grade, reasons, ledger FROM lead_scores WHERE lead_id = 'lead-1'"
    _write(database, [0, 1], "one")
    before = database.query(figures)
    _write(database, [0], "two", day=1, why={1: "closed"})
    assert database.query(figures) == before
    ((as_of,),) = database.query("SELECT as_of FROM lead_scores WHERE lead_id = 'lead-1'")
    assert as_of.replace(tzinfo=None) == AS_OF + timedelta(days=1), "of its last change"


def test_the_view_shows_whom_to_call_and_the_run_that_confirmed_it(database: Database) -> None:
    _write(database, [0, 1], "one")
    before = now()
    _write(database, [0], "two", day=1, why={1: "vanished"})
    ((lead, confirmed, as_of, score),) = database.query(
        "SELECT lead_id, confirmed_at, confirmed_as_of, score FROM open_lead_scores"
    )
    assert lead == "lead-0"
    assert before <= confirmed.replace(tzinfo=None) <= now()
    assert as_of.replace(tzinfo=None) == AS_OF + timedelta(days=1)
    assert score == scores().loc[0, "score"]


def test_confirming_writes_no_row(database: Database) -> None:
    _write(database, [0, 1, 2], "one")
    before = database.everything()[:2]
    _write(database, [0, 1, 2], "two", day=1)
    assert database.everything()[:2] == before
    assert len(_times(database.query("SELECT DISTINCT confirmed_at FROM open_lead_scores"))) == 1


@pytest.mark.parametrize("version", ["7", None])
def test_rows_of_no_project_are_those_of_no_project(database: Database, version: str | None) -> None:
    """Also where their run is not known any more, and their model names no project."""
    _write(database, [0, 1], "one", model_version=version)
    database.query("DELETE FROM scoring_runs")
    assert _write(database, [5], "south", project="south", model_version="south/1") == 0
    assert _write(database, [0], "two", day=1, why={1: "closed"}, model_version=version) == 1


@pytest.mark.parametrize("lost", ["the list of runs", "the name of the table"])
def test_leads_that_left_are_closed_although_their_run_is_not_known_any_more(
    database: Database, lost: str
) -> None:
    """Those who object to profiling among them: a list of runs that was cleared must not leave them open."""
    facts: dict[str, dict[str, Any]] = {
        name: {"project": name, "model_version": f"{name}/1"} for name in ("north", "south")
    }
    _write(database, [0, 1, 2], "north one", **facts["north"])
    _write(database, [5, 6], "south one", **facts["south"])
    database.query(
        "DELETE FROM scoring_runs"
        if lost == "the list of runs"
        else "UPDATE scoring_runs SET scores_table = 'main.lead_scores'"
    )
    left = {1: "objected", 2: "converted"}
    assert _write(database, [0], "north two", day=1, why=left, **facts["north"]) == 2
    state = "SELECT lead_id, closed_reason FROM lead_scores ORDER BY lead_id"
    assert database.query(state) == [
        ("lead-0", None),
        ("lead-1", "objected"),
        ("lead-2", "converted"),
        ("lead-5", None),
        ("lead-6", None),
    ]


def test_projects_that_share_a_table_close_their_own_leads(database: Database) -> None:
    _write(database, [0, 1], "north one", project="north")
    _write(database, [5, 6], "south one", project="south")
    assert _write(database, [0], "north two", day=1, project="north", why={1: "closed"}) == 1
    assert database.query("SELECT lead_id FROM open_lead_scores ORDER BY 1") == [
        ("lead-0",),
        ("lead-5",),
        ("lead-6",),
    ]
    found = database.query("SELECT lead_id, confirmed_as_of FROM open_lead_scores ORDER BY 1")
    assert [as_of.replace(tzinfo=None) for _, as_of in found] == [AS_OF + timedelta(days=1), AS_OF, AS_OF]


def test_a_retry_says_everything_once(database: Database) -> None:
    _write(database, [0, 1, 2], "one")
    _write(database, [0, 1], "two", day=1, why={2: "closed"})
    _write(database, [0], "two", day=1, why={1: "closed"})
    assert database.query(
        "SELECT lead_id, change FROM lead_scores_history WHERE run_id = 'two' ORDER BY 1"
    ) == [("lead-1", "closed"), ("lead-2", "closed")]
    assert database.query("SELECT closed FROM scoring_runs WHERE run_id = 'two'") == [(2,)]


def _as_of_earlier_version(database: Database) -> None:
    """The tables as 0.4.0 made them, with two leads that had left when it last wrote."""
    write_scores(scores(4), database.to, run=run("old", model_version="cars/3"))
    database.query("DROP VIEW open_lead_scores")
    later = {
        "lead_scores": ("status", "closed_reason", "confirmed_at"),
        "lead_scores_history": ("status", "closed_reason"),
        "scoring_runs": ("project", "closed", "error", "warnings", "data_version", "stages"),
    }
    for table, columns in later.items():
        for column in columns:
            database.query(f"ALTER TABLE {table} DROP COLUMN {column}")
    for column in ("as_of", "finished_at", '"rows"', "inserted", "updated", "unchanged"):
        database.query(f"ALTER TABLE scoring_runs ALTER COLUMN {column} SET NOT NULL")


def test_tables_of_an_earlier_version_learn_what_is_open(database: Database) -> None:
    _as_of_earlier_version(database)
    ((finished,),) = database.query("SELECT finished_at FROM scoring_runs")
    versions = "SELECT ctid::text, lead_id FROM lead_scores ORDER BY lead_id"
    before = database.query(versions) if "postgresql" in database.to else []
    report_runs(database.to, "lead_scores", [RunRecord(project="cars", run_id="new")])
    if before:
        assert database.query(versions) == before, "no row was written"
    assert (
        _write(
            database,
            [0, 1],
            "new",
            day=1,
            project="cars",
            model_version="cars/3",
            why={2: "vanished", 3: "merged"},
        )
        == 2
    )
    assert database.query("SELECT lead_id, status, closed_reason FROM lead_scores ORDER BY 1") == [
        ("lead-0", "open", None),
        ("lead-1", "open", None),
        ("lead-2", "closed", "vanished"),
        ("lead-3", "closed", "merged"),
    ]
    assert database.query("SELECT DISTINCT confirmed_at FROM lead_scores WHERE status = 'closed'") == [
        (finished,)
    ]
    assert database.query("SELECT run_id, project, status FROM scoring_runs ORDER BY 1") == [
        ("new", "cars", "done"),
        ("old", "cars", "done"),
    ]


def test_whoever_may_not_add_columns_is_told_what_the_owner_runs(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = Database(postgres_url)
    _as_of_earlier_version(database)
    postgres_server.execute(
        f"DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'", DATABASE
    )
    tables = "lead_scores, lead_scores_history, scoring_runs"
    database.query(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO guest")
    guest = Database(postgres_server.url(DATABASE, user="guest"))
    before = database.everything()
    with pytest.raises(DataError, match="made by an earlier version") as caught:
        _write(guest, [0], "new", day=1)
    assert "let the tables' owner run this once" in str(caught.value)
    assert database.everything() == before
    for statement in str(caught.value).splitlines():
        if statement.strip().startswith(("ALTER", "COMMENT", "UPDATE", "CREATE")):
            database.query(statement)
    why = dict.fromkeys((1, 2, 3), "vanished")
    report_runs(guest.to, "lead_scores", [RunRecord(project="cars", run_id="new")])
    assert _write(guest, [0], "new", day=1, project="cars", why=why) == 3
    assert database.query("SELECT lead_id FROM open_lead_scores") == [("lead-0",)]
