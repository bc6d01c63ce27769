"""Somebody who is forgotten is in no store any more, and comes back by no import."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from leadlens.features import DataError, History, UsageError
from leadlens.pipeline.app.store import PageStore
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.forgetting import state_files
from leadlens.pipeline.forgetting.score_targets import forget_in_target
from leadlens.pipeline.jobs.forget import forget
from leadlens.pipeline.jobs.person import person
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.runs import recorded_run
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.forgotten import Forgotten, add_forgotten
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback import write_scores
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.writeback_samples import Database, run, scores

LEAD, OLD = "rosa-77123", "rosa-old-5512"
WORDS = (LEAD, OLD, "rosa.pena@example.com", "Rosa Peña", "+1 555 3275199")


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    """One lead has a name, an address, an old id that was merged into it, and events that mention it."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    found = LittleProject(tmp_path).use("changes")
    for frame in (found.leads, found.events, found.conversions):
        frame["lead_id"] = frame["lead_id"].replace("L004", LEAD)
    found.leads["full_name"] = [f"Person {number}" for number in range(len(found.leads))]
    found.leads["email"] = [f"person{number}@example.com" for number in range(len(found.leads))]
    found.leads["phone"] = None
    own = found.leads["lead_id"] == LEAD
    found.leads.loc[own, ["full_name", "email", "phone"]] = ["Rosa Peña", WORDS[2], WORDS[4]]
    found.events["note"] = None
    found.events.loc[found.events["lead_id"] == LEAD, "note"] = f"mail to {WORDS[2]}"
    old = found.events[found.events["lead_id"] == LEAD].assign(lead_id=OLD, event_id=["x1", "x2"])
    unknown = old.assign(lead_id="nobody-90210", event_id=["y1", "y2"], note=None)
    found.events = pd.concat([found.events, old, unknown], ignore_index=True)
    found.changes = pd.DataFrame(
        {"entity": ["lead"], "id": [LEAD], "attribute": ["email"], "value": ["rosa@before.example"], "known_at": [found.leads["created_at"].max()]}
    )  # fmt: skip
    found.files["data/merged.csv"] = f"old_id,lead_id\n{OLD},{LEAD}\n".encode()
    found.data["aliases"] = {"read": "data/merged.csv"}
    found.settings["scores"] = {"to": f"duckdb:///{tmp_path}/scores.duckdb"}
    return found


def stored(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file with what it holds: as bytes, and what is packed in Parquet and DuckDB as text."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        if path.suffix == ".parquet":
            raw += pd.read_parquet(path).to_csv().encode()
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for schema, table in connection.execute(
                    "SELECT schema_name, table_name FROM duckdb_tables()"
                ).fetchall():
                    raw += connection.execute(f'SELECT * FROM "{schema}"."{table}"').df().to_csv().encode()
        yield path, raw


def mentions(folder: Path) -> dict[str, list[str]]:
    """Files that hold a word of the person."""
    found = {}
    for path, raw in stored(folder):
        if words := [word for word in (*WORDS, "rosa@before.example") if word.encode() in raw]:
            found[str(path.relative_to(folder))] = words
    return found


def filled(little: LittleProject) -> ProjectFile:
    """The project with every store filled."""
    file, state = load_project(little.write()), little.folder / "state"
    open_prepared(file)
    frame = scores().assign(lead_id=[LEAD, OLD, "L001", "L002", "L003"], route="Rosa Peña")
    for night, to in enumerate(
        (file.project.scores.to, f"{little.folder}/scores.parquet", f"{little.folder}/s.csv")
    ):
        write_scores(frame, to, run=run(f"run-{night}"))
    write_scores(frame.assign(score=50), file.project.scores.to, run=run("run-9", day=1))
    (state / "page" / "little").mkdir(parents=True)
    with duckdb.connect(str(state / "page" / "little" / "run.duckdb")) as copy:
        copy.execute("CREATE TABLE leads AS SELECT ? AS lead_id, ? AS name", [LEAD, "Rosa Peña"])
    for name, text in {
        "reports/little/report.html": f"<td>{LEAD}</td>",
        "reports/little/monitor.json": "{}",
        "jobs/little/a.json": json.dumps({"leads": [OLD]}),
        "runs/20260101T000000-00000000.json": json.dumps({"error": f"lead {LEAD} of Rosa Peña"}),
        "mlartifacts/abc/artifacts/report.json": json.dumps({"name": "Rosa Peña"}),
        "mlartifacts/abc/artifacts/shap_waterfall.png": "picture",
        "mlartifacts/abc/artifacts/card.md": "a model",
    }.items():
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    store = PageStore(state / "page.sqlite")
    store.judge("little", LEAD, "rejected", "rosa@before.example bounced", "ann")
    store.judge("little", "L001", "accepted", "", "ann")
    store.judge("other", LEAD, "accepted", "", "ann")
    return file


def rows(history: History, table: str) -> int:
    return history.engine.count(table)


def test_somebody_who_is_forgotten_is_in_no_store(little: LittleProject) -> None:
    file = filled(little)
    with open_prepared(file).history() as history:
        before = {table: rows(history, table) for table in ("leads", "events", "changes")}
    assert set(mentions(little.folder / "state")) > {"page.sqlite", "reports/little/report.html"}
    result = forget(
        file, "ROSA.PENA@example.com", to=[f"{little.folder}/scores.parquet"], also=[little.folder / "s.csv"]
    )
    assert result.failed == ()
    assert result.lead_ids == (LEAD, OLD)
    state = little.folder / "state"
    # The verdict in another project is another's, who has a forget of its own.
    PageStore(state / "page.sqlite").take_back("other", LEAD, "ann")
    other = [each for each in mentions(state) if each != "page.sqlite"]
    assert other == []
    for name in ("scores.duckdb", "scores.parquet", "s.csv"):
        found = {path.name: raw for path, raw in stored(little.folder) if path.name == name}
        assert LEAD.encode() not in found[name], name
        assert "Rosa Peña".encode() in found[name], "the route of others has that name"
    with open_prepared(file).history() as history:
        assert rows(history, "leads") == before["leads"] - 1
        assert rows(history, "events") == before["events"] - 4
        assert rows(history, "changes") == 0
        told = {each.message for each in history.findings if each.code == "forgotten"}
    assert told == {
        "leads: 1 row of a forgotten person left out (leadlens forget)",
        "events: 4 rows of forgotten people left out (leadlens forget)",
        "conversions: 1 row of a forgotten person left out (leadlens forget)",
        "changes: 1 row of a forgotten person left out (leadlens forget)",
        "aliases: 1 row of a forgotten person left out (leadlens forget)",
    }
    assert [each for each in mentions(state) if each != "page.sqlite"] == []
    assert differences(file, open_prepared(file)) == ()
    with open_history(file) as history:
        assert {each.message for each in history.findings if each.code == "forgotten"} == told


def test_what_others_said_stays(little: LittleProject) -> None:
    file = filled(little)
    forget(file, LEAD)
    store = PageStore(little.folder / "state" / "page.sqlite")
    assert store.verdicts("little", LEAD) == []
    assert len(store.verdicts("little", "L001")) == 1
    assert [entry.subject for entry in store.entries("little")] == ["L001", "(forgotten)"]
    with pytest.raises(Exception, match="append-only"), store._open() as opened:
        opened.execute("DELETE FROM log")
    assert (little.folder / "state" / "reports" / "little" / "monitor.json").exists()
    assert (little.folder / "state" / "mlartifacts" / "abc" / "artifacts" / "card.md").exists()
    assert not (little.folder / "state" / "mlartifacts" / "abc" / "artifacts" / "shap_waterfall.png").exists()


def test_tomorrows_import_does_not_bring_them_back(little: LittleProject) -> None:
    file = filled(little)
    forget(file, LEAD)
    little.events = pd.concat(
        [little.events, little.events[little.events["lead_id"] == LEAD].assign(event_id=["z1", "z2"])]
    )
    little.leads = little.leads.rename(columns={"city": "town"})
    file = load_project(little.write())
    with open_prepared(file).history() as history:
        assert not history.engine.count(f"leads WHERE lead_id = '{LEAD}'")
        assert [each.count for each in history.findings if each.message.startswith("events: 6 rows")] == [6]
    assert differences(file, open_prepared(file)) == ()


def test_somebody_without_a_lead_is_left_out_too(little: LittleProject) -> None:
    """Events may come of an id that is in no table of leads."""
    file = filled(little)
    add_forgotten("little", ["nobody-90210"])
    with open_prepared(file).history() as history:
        assert not [each for each in history.findings if "nobody-90210" in each.message]
    folder = open_prepared(file).folder.path
    assert not [path for path, raw in stored(folder) if b"nobody-90210" in raw]


STEPS = ("_histories", "_copies", "_mentioning", "_artifacts", "_records", "_sqlite", "target", "hashes")


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_completed_by_the_next(
    little: LittleProject, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = filled(little)

    def killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "target":
            patched.setattr("leadlens.pipeline.jobs.forget.forget_in_target", killed)
        elif step == "hashes":
            patched.setattr("leadlens.pipeline.jobs.forget.add_forgotten", killed)
        else:
            patched.setattr(state_files, step, killed)
        with pytest.raises(KeyboardInterrupt):
            forget(file, LEAD)
    result = forget(file, "rosa.pena@example.com" if step != "hashes" else LEAD)
    assert result.lead_ids == (LEAD, OLD)
    assert Forgotten.of("little").holds(OLD)
    state = little.folder / "state"
    PageStore(state / "page.sqlite").take_back("other", LEAD, "ann")
    assert [each for each in mentions(state) if each != "page.sqlite"] == []
    with duckdb.connect(str(little.folder / "scores.duckdb")) as connection:
        assert connection.execute("SELECT count(*) FROM lead_scores").fetchall() == [(3,)]


def test_a_place_that_cannot_be_reached_is_named_and_tried_again(little: LittleProject) -> None:
    file = filled(little)
    gone = "postgresql://nobody@nowhere.invalid:1/none"
    result = forget(file, LEAD, to=[gone])
    assert len(result.failed) == 1
    assert "nowhere.invalid" in result.failed[0]
    assert Forgotten.of("little").holds(LEAD)
    assert forget(file, LEAD).failed == ()
    assert not list((little.folder / "state" / "forgotten").glob("*.unfinished"))


def test_a_file_that_is_out_of_sight_is_named(little: LittleProject) -> None:
    """A run wrote to `--to y.csv` from another folder: the record has no more of it than this name."""
    file = load_project(little.write())
    open_prepared(file)
    with recorded_run("little", folder=state_folder() / "runs", target="y.csv"):
        pass
    assert any("y.csv" in text and "--to" in text for text in forget(file, LEAD).beyond)


def test_a_workbook_of_the_same_name_is_not_removed(
    little: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a run says `y.xlsx` and not in which folder: this one may be another's."""
    file = load_project(little.write())
    open_prepared(file)
    monkeypatch.chdir(little.folder)
    Path("y.xlsx").write_bytes(b"somebody else's")
    with recorded_run("little", folder=state_folder() / "runs", target="y.xlsx"):
        pass
    result = forget(file, LEAD)
    assert Path("y.xlsx").read_bytes() == b"somebody else's"
    assert any("y.xlsx" in text for text in result.beyond)


def test_the_list_itself_names_nobody(little: LittleProject) -> None:
    filled(little)
    forget(load_project(little.folder / "project.yaml"), LEAD)
    [path] = (little.folder / "state" / "forgotten").iterdir()
    assert not [word for word in WORDS if word.encode() in path.read_bytes()]
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        open_prepared(load_project(little.folder / "project.yaml"))


def test_a_database_keeps_its_tables_views_and_comments(tmp_path: Path) -> None:
    to = f"duckdb:///{tmp_path}/scores.duckdb"
    write_scores(scores(), to, run=run())
    database = Database(to)
    database.query("CREATE TABLE mine AS SELECT 1 AS one")
    asked = (
        "SELECT table_name, column_name, comment, is_nullable FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
        "SELECT constraint_text FROM duckdb_constraints() ORDER BY ALL",
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    )
    before = [database.query(each) for each in asked]
    [scored, earlier] = forget_in_target(to, "lead_scores", ["lead-3"])
    assert (scored.number, earlier.number) == (1, 1)
    assert [database.query(each) for each in asked] == before
    assert b"lead-3" not in (tmp_path / "scores.duckdb").read_bytes()
    assert database.query("SELECT count(*), (SELECT one FROM mine) FROM lead_scores") == [(4, 1)]
    assert write_scores(scores(), to, run=run("run-2", day=1)).inserted == 1
    assert forget_in_target(to, "lead_scores", ["nobody"]) == []


def test_files_for_an_import_and_for_people(tmp_path: Path) -> None:
    """Without a column lead_id the id is sought in all; a workbook goes as a whole."""
    path = tmp_path / "salesforce.csv"
    path.write_text("Id,Score__c\n7,90\nlead-3,50\n", encoding="utf-8")
    [found] = forget_in_target(str(path), "lead_scores", ["lead-3"])
    assert found.number == 1
    assert path.read_text(encoding="utf-8-sig").split() == ['"Id","Score__c"', '"7","90"']


def test_what_waits_to_be_sent_is_removed(little: LittleProject) -> None:
    """The journal of a push, messages of a webhook; those of another project stay."""
    file, state = filled(little), little.folder / "state"
    for project in ("little", "other"):
        (state / "pushed" / project).mkdir(parents=True)
        (state / "webhooks").mkdir(exist_ok=True)
        with closing(sqlite3.connect(state / "pushed" / project / "crm.sqlite")) as journal, journal:
            journal.execute("CREATE TABLE lead (lead_id TEXT PRIMARY KEY, error TEXT) WITHOUT ROWID")
            journal.executemany("INSERT INTO lead VALUES (?, ?)", [(LEAD, "no"), ("L001", None)])
        with closing(sqlite3.connect(state / "webhooks" / f"{project}.sqlite")) as outbox, outbox:
            outbox.execute("CREATE TABLE message (place INTEGER PRIMARY KEY, body TEXT)")
            outbox.executemany(
                "INSERT INTO message (body) VALUES (?)", [(f'{{"lead": "{LEAD}"}}',), ('{"lead": "L001"}',)]
            )
    forget(file, LEAD)
    for project, left in (("little", 1), ("other", 2)):
        for place, table in ((f"pushed/{project}/crm", "lead"), (f"webhooks/{project}", "message")):
            with closing(sqlite3.connect(state / f"{place}.sqlite")) as store:
                assert store.execute(f"SELECT count(*) FROM {table}").fetchall() == [(left,)], place
    assert LEAD.encode() not in (state / "pushed" / "little" / "crm.sqlite").read_bytes()


def test_postgres_forgets(postgres_url: str) -> None:
    write_scores(scores(), postgres_url, run=run())
    found = forget_in_target(postgres_url, "lead_scores", ["lead-3"])
    assert [each.number for each in found] == [1, 1]
    assert Database(postgres_url).query("SELECT count(*) FROM lead_scores") == [(4,)]
    assert Database(postgres_url).query("SELECT count(*) FROM lead_scores_history") == [(4,)]


def test_a_person_is_shown_with_all_that_is_stored(little: LittleProject) -> None:
    file = filled(little)
    shown = person(file, "Rosa Peña")
    assert shown.lead_ids == (LEAD, OLD)
    assert shown.rows["leads"][0]["email"] == WORDS[2]
    assert len(shown.rows["events"]) == 4
    places = {place.where.rpartition("/")[2]: len(place.rows) for place in shown.places}
    assert {"report.html", "page.sqlite", "scores.duckdb"} <= set(places)
    forget(file, LEAD)
    after = person(file, LEAD)
    assert after.forgotten
    assert after.rows == {}


def test_the_commands(little: LittleProject) -> None:
    filled(little)
    path = str(little.folder / "project.yaml")
    shown = leadlens("person", path, LEAD)
    assert "Rosa Peña" in shown.out
    assert "no score is explained" in shown.out
    refused = leadlens("forget", path, LEAD)
    assert refused.code == 2
    assert "--yes" in refused.err
    unknown = leadlens("forget", path, "rosa-77124", "--yes")
    assert unknown.code == 2
    done = leadlens("forget", path, LEAD, "--yes")
    assert done.code == 0, done.err
    assert "scores.duckdb: rows of scores" in done.out
    again = json.loads(leadlens("forget", path, LEAD, "--yes", "--json").out)
    assert again["removed"] == []
    assert json.loads(leadlens("person", path, LEAD, "--json").out)["forgotten"] is True


def test_a_stranger_is_refused(little: LittleProject) -> None:
    file = filled(little)
    with pytest.raises(UsageError, match="no lead is known under this id, address or name"):
        forget(file, "rosa@elsewhere.example")
