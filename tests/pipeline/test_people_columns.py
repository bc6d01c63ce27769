"""By what people know a lead: kept in lead_scores where the project asks for it, gone where it does not, and never in the history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadlens.pipeline.writeback import stage_scores
from leadlens.pipeline.writeback.columns import HISTORY_COLUMNS, PEOPLE
from tests.pipeline.writeback_samples import Database, run, scores

ALL = tuple(PEOPLE)


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database(f"duckdb:///{tmp_path / 'scores.duckdb'}")
    return Database(str(request.getfixturevalue("postgres_url")))


def write(database: Database, frame: Any, day: int, people: tuple[str, ...] = ALL, **left: str) -> Any:
    manifest = run(f"run-{day}", day, model_version="cars/1", project="cars", people=people)
    with stage_scores(database.to, run=manifest) as staged:
        staged.add(frame)
        return staged.commit(
            why_left=lambda gone: [left.get(lead.replace("-", "_"), "converted") for lead in gone]
        )


def named(database: Database) -> dict[str, tuple[Any, ...]]:
    rows = database.query("SELECT lead_id, lead_name, lead_email, lead_company, lead_owner FROM lead_scores")
    return {lead: tuple(values) for lead, *values in rows}


def with_names(count: int = 5) -> Any:
    return scores(count).assign(
        lead_name="Ann", lead_email="ann@example.com", lead_company="ACME", lead_owner="Zoë"
    )


def test_names_are_kept_changed_and_shown(database: Database) -> None:
    write(database, with_names(), 1)
    assert set(named(database).values()) == {("Ann", "ann@example.com", "ACME", "Zoë")}
    moved = with_names()
    moved.loc[2, "lead_owner"] = "Ben"
    result = write(database, moved, 2)
    assert (result.updated, result.unchanged) == (1, 4), "another owner is a change"
    assert named(database)["lead-2"][3] == "Ben"
    assert database.query("SELECT lead_name, lead_owner FROM open_lead_scores WHERE lead_id = 'lead-2'") == [
        ("Ann", "Ben")
    ]
    assert not set(PEOPLE) & {column.name for column in HISTORY_COLUMNS}


def test_who_left_keeps_a_name_unless_she_objects(database: Database) -> None:
    write(database, with_names(), 1)
    write(database, with_names().iloc[2:], 2, lead_0="objected")
    assert named(database)["lead-0"] == (None, None, None, None)
    assert named(database)["lead-1"][0] == "Ann"


def test_a_project_that_keeps_them_no_more_has_none(database: Database) -> None:
    write(database, with_names(), 1)
    write(database, with_names().iloc[1:], 2)
    only = scores().iloc[1:].assign(lead_owner="Zoë")
    write(database, only, 3, people=("lead_owner",))
    assert set(named(database).values()) == {(None, None, None, "Zoë")}, "closed rows too"
    write(database, scores().iloc[1:], 4, people=())
    assert set(named(database).values()) == {(None,) * 4}


def test_a_table_and_a_view_of_before_get_the_columns(database: Database) -> None:
    write(database, scores(), 1, people=())
    for statement in (
        "DROP VIEW open_lead_scores",
        *(f"ALTER TABLE lead_scores DROP COLUMN {name}" for name in PEOPLE),
        "CREATE VIEW open_lead_scores AS SELECT lead_id, score FROM lead_scores WHERE status = 'open'",
    ):
        execute(database, statement)
    if not database.to.startswith("duckdb"):
        # PostgreSQL replaces a view by one that begins with the same columns: that of before, not any.
        execute(database, "DROP VIEW open_lead_scores")
    assert write(database, scores(), 2, people=()).unchanged == 5
    write(database, with_names(), 3)
    assert database.query("SELECT DISTINCT lead_name, lead_owner FROM open_lead_scores") == [("Ann", "Zoë")]


def test_the_view_of_before_is_replaced_in_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url)
    write(database, scores(), 1, people=())
    ((view,),) = database.query("SELECT pg_get_viewdef('open_lead_scores')")
    before = view
    for name in PEOPLE:
        before = before.replace(f",\n    s.{name}", "")
    assert before != view
    execute(database, "DROP VIEW open_lead_scores")
    execute(database, f"CREATE VIEW open_lead_scores AS {before}")
    write(database, with_names(), 2)
    assert database.query("SELECT DISTINCT lead_owner FROM open_lead_scores") == [("Zoë",)]


def execute(database: Database, statement: str) -> None:
    if database.to.startswith("duckdb:///"):
        with duckdb.connect(database.to.removeprefix("duckdb:///")) as connection:
            connection.execute(statement)
        return
    import psycopg

    with psycopg.connect(
        database.to.replace("postgresql+psycopg", "postgresql"), autocommit=True
    ) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
