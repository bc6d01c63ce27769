"""What is stored of somebody is shown whole, from every store, with why the score is so, a model being there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadlens.pipeline.app.store import PageStore
from leadlens.pipeline.config import load_project
from leadlens.pipeline.elsewhere import written_elsewhere
from leadlens.pipeline.jobs.forget import forget
from leadlens.pipeline.jobs.person import StoredPerson, person
from tests.pipeline.little_project import START, LittleProject, leadlens

NIGHT = START + timedelta(days=79)
LEAD = "L151"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("person")


@pytest.fixture(scope="module")
def project(folder: Path) -> Any:
    with _made(folder) as path:
        yield path


@contextmanager
def _made(folder: Path) -> Iterator[Path]:
    """Trained, scored on two nights, compared into a folder of somebody's own, judged on the page and pushed from."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LEADLENS_HOME", str(folder / "state"))
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        little = LittleProject(folder / "little").use("changes", "accounts")
        little.leads["full_name"] = [f"Person {number}" for number in range(len(little.leads))]
        little.changes["id"] = LEAD
        little.settings["model"] = {"trials": 1, "folds": 2}
        little.settings["scores"] = {"to": f"duckdb:///{folder}/scores.duckdb"}
        path = little.write()
        # In a process of its own, as commands are: what it has open it lets go of when it ends.
        subprocess.run([sys.executable, "-m", "leadlens", "train", str(path)], check=True)
        assert leadlens("promote", path, "--force", "a test").code == 0
        for night in (NIGHT - timedelta(days=5), NIGHT):
            done = leadlens("score", path, "--as-of", night.isoformat(), "--force", "a test")
            assert done.code == 0, done.err
        done = leadlens("compare", path, "--out", folder / "mine")
        assert done.code == 0, done.err
        store = PageStore(folder / "state" / "page.sqlite")
        store.judge("little", LEAD, "rejected", "no budget", "ann")
        store.judge("other", LEAD, "accepted", "", "ann")
        yield path


def shown(project: Path, lead: str = LEAD) -> StoredPerson:
    return person(load_project(project), lead)


def test_every_store_is_shown_with_its_rows(project: Path, folder: Path) -> None:
    stored = shown(project, "person 151")
    assert stored.lead_ids == (LEAD,)
    [lead] = stored.rows["leads"]
    assert (lead["full_name"], lead["city"]) == ("Person 151", "Rome")
    assert [event["event_type"] for event in stored.rows["events"]] == [
        "page_viewed",
        "page_viewed",
        "email_opened",
    ]
    assert stored.rows["changes"][0]["value"] == "Lima"
    assert stored.rows["accounts"][0]["account_id"] == "A11"
    places = {(Path(each.where).name, each.what): each.rows for each in stored.places}
    [row] = places["scores.duckdb", "rows of scores"]
    assert row["lead_id"] == LEAD
    assert row["reasons"][0]["text"] == "Every lead starts at", "JSON is shown as what it says"
    assert len(places["scores.duckdb", "rows of earlier scores"]) >= 1
    [verdict] = places["page.sqlite", "rows of verdicts"]
    assert (verdict["reason"], verdict["project"]) == ("no budget", "little")
    [line] = places["page.sqlite", "rows of log"]
    assert line["details"] == {"reason": "no budget"}
    assert [what for name, what in places if name.endswith(".duckdb") and "lead for the page" in what]
    facts = stored.to_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_what_the_commands_wrote_is_known(project: Path, folder: Path) -> None:
    written = {Path(each.path).name: each for each in written_elsewhere("little")}
    assert set(written) == {"scores.duckdb", "report.html", "report.json"}
    assert written["scores.duckdb"].database
    assert written["report.html"].is_as_written


def test_the_command_prints_all_of_it(project: Path) -> None:
    done = leadlens("person", project, LEAD)
    assert done.code == 0, done.err
    stored = shown(project)
    for each in stored.places:
        assert f"{each.where}: {each.what}" in done.out
    for rows in (*stored.rows.values(), *(place.rows for place in stored.places)):
        for row in rows:
            line = next(line for line in done.out.splitlines() if all(f"{name}: " in line for name in row))
            assert line.startswith("  ")
    assert "no budget" in done.out
    assert "What explains its score" in done.out
    facts = leadlens("person", project, LEAD, "--json").facts
    assert facts["places"] == stored.to_dict()["places"]


def test_the_explained_score_is_the_stored_one(project: Path) -> None:
    """The last night was as of then, the data go on: the explanation says what lies between."""
    stored = shown(project)
    assert stored.explanation is not None
    assert stored.explanation.version == "little/1"
    reasons = sum(reason.points for reason in stored.explanation.reasons)
    assert stored.explanation.start + reasons == pytest.approx(stored.explanation.score, abs=1e-6)
    [row] = next(each.rows for each in stored.places if each.what == "rows of scores")
    if row["score"] == stored.explanation.shown:
        assert stored.differences == ()


def test_a_score_that_stands_elsewhere_is_another_for_a_reason(project: Path, folder: Path) -> None:
    def said(change: str) -> str:
        with duckdb.connect(str(folder / "scores.duckdb")) as scores:
            before = scores.execute("FROM lead_scores WHERE lead_id = ?", [LEAD]).fetchall()
            scores.execute(f"UPDATE lead_scores SET {change} WHERE lead_id = '{LEAD}'")
        try:
            return " / ".join(shown(project).differences)
        finally:
            with duckdb.connect(str(folder / "scores.duckdb")) as scores:
                scores.execute("DELETE FROM lead_scores WHERE lead_id = ?", [LEAD])
                scores.execute(
                    f"INSERT INTO lead_scores VALUES ({', '.join('?' * len(before[0]))})", before[0]
                )

    now = shown(project).explanation
    assert now is not None
    assert now.as_of is not None
    other = 1 if now.shown > 50 else 99
    today = f"as_of = TIMESTAMP '{now.as_of.isoformat()}'"
    edited = said(f"score = {other}, {today}")
    assert f"has {other}" in edited
    assert f"it is {now.shown}" in edited
    assert "changed since" in edited
    assert "--run" in edited
    assert "another model scores now" in said(f"score = {other}, {today}, model_version = 'little/9'")
    assert said(f"score = {now.shown}") == ""


def test_somebody_who_bought_is_explained_as_of_their_score(project: Path) -> None:
    """They are not open any more today."""
    with duckdb.connect(str(Path(project).parents[1] / "scores.duckdb"), read_only=True) as scores:
        bought = scores.execute(
            "SELECT lead_id FROM lead_scores WHERE status = 'closed' ORDER BY lead_id"
        ).fetchall()
    assert bought
    stored = shown(project, bought[0][0])
    assert stored.explanation is not None
    assert any("instead" in note for note in stored.notes)


def test_somebody_unknown_gets_the_nearest(project: Path) -> None:
    done = leadlens("person", project, "L15x", "--json")
    assert done.code == 2
    assert "L15" in done.facts["nearest"][0]


def test_somebody_who_was_forgotten_is_shown_as_that(tmp_path: Path) -> None:
    with _made(tmp_path) as path:  # of its own, for others look for what is gone then
        _forgotten_is_shown_as_that(path, tmp_path)


def _forgotten_is_shown_as_that(project: Path, folder: Path) -> None:
    file = load_project(project)
    result = forget(file, "L158")
    assert result.failed == ()
    stored = person(file, "L158")
    assert stored.forgotten
    assert stored.rows == {}
    assert stored.places == ()
    assert "keyed hash" in stored.notes[0]
    # Of a model alone the report has no list of leads, so none is missed.
    assert (folder / "mine" / "report.json").exists()
    assert not any("no longer there" in text for text in result.beyond)
    # What comes back by a copy that was kept elsewhere is shown all the same.
    with duckdb.connect(str(folder / "scores.duckdb")) as scores:
        scores.execute(
            "INSERT INTO lead_scores SELECT * REPLACE ('L158' AS lead_id) FROM lead_scores LIMIT 1"
        )
    assert [each.what for each in person(file, "L158").places] == ["rows of scores"]
