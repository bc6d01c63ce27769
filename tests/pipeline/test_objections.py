"""`data.objections`: whoever objects to profiling is not scored, learned from or explained, and written rows close."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens import load_project, open_history
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.sources.opening import open_history as open_anew
from leadlens.pipeline.sources.transfer import data_fingerprint
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return LittleProject(tmp_path / "project")


def objecting(project: LittleProject, *leads: str) -> Path:
    """The project with a list of those who object."""
    project.data["objections"] = {"read": "data/objections.csv", "columns": {"lead_id": "person"}}
    text = pd.DataFrame({"person": leads, "said_on": "2024-05-01"}).to_csv(index=False)
    (project.folder / "data").mkdir(parents=True, exist_ok=True)
    project.files["data/objections.csv"] = text.encode()
    return project.write()


def test_they_are_not_scored_their_rows_close_and_they_are_counted(
    project: LittleProject, tmp_path: Path
) -> None:
    crm = tmp_path / "crm.duckdb"
    path, to = objecting(project), f"duckdb:///{crm}"
    assert leadlens("train", path, "--trials", "1").code == 0
    first = leadlens("score", path, "--to", to, "--json", "--force", "a test")
    assert first.code == 0, first.err
    assert first.facts["objected"] == 0

    def rows(where: str) -> list[tuple[str, ...]]:
        with duckdb.connect(str(crm), read_only=True) as written:
            return written.execute(f"SELECT {where}").fetchall()

    open_leads = [lead for (lead,) in rows("lead_id FROM open_lead_scores ORDER BY 1")]
    gone = open_leads[:2]
    path = objecting(project, *gone, gone[0], "L000-typo")
    said = leadlens("score", path, "--to", to, "--force", "a test")
    assert said.code == 0, said.err
    assert "2 leads left out: they object to profiling." in said.out
    assert "1 id in objections is of no lead (L000-typo)" in said.out.replace("\n", " ")
    assert rows("lead_id, closed_reason FROM lead_scores WHERE status = 'closed' ORDER BY 1") == [
        (lead, "objected") for lead in gone
    ]
    assert [lead for (lead,) in rows("lead_id FROM open_lead_scores ORDER BY 1")] == open_leads[2:]

    refused = leadlens("explain", path, gone[0])
    assert refused.code == 1
    assert "this lead objects to profiling" in refused.err
    assert leadlens("explain", path, open_leads[2]).code == 0

    # Whoever takes the objection back is scored again.
    again = leadlens("score", objecting(project, gone[1]), "--to", to, "--json", "--force", "a test")
    assert again.facts["objected"] == 1
    assert rows("lead_id FROM open_lead_scores ORDER BY 1") == [
        (lead,) for lead in open_leads if lead != gone[1]
    ]


def test_they_are_neither_learned_from_nor_judged(project: LittleProject) -> None:
    def leads(path: Path) -> set[str]:
        file = load_project(path)
        history = open_history(file)
        with split_snapshots(history, file.project) as split:
            found = history.engine.frame(f"SELECT DISTINCT lead_id FROM {split.both}")["lead_id"]
        return set(found)

    project.settings["judge"] = {"test_from": "2024-04-20"}
    every = leads(objecting(project))
    some = sorted(every)[::7]
    assert leads(objecting(project, *some)) == every - set(some)


def test_an_objection_holds_for_the_lead_that_an_id_was_merged_into(project: LittleProject) -> None:
    project.data["aliases"] = {"read": "data/merges.csv"}
    (project.folder / "data").mkdir(parents=True, exist_ok=True)
    project.files["data/merges.csv"] = b"old_id,lead_id\nL003,L004\n"
    file = load_project(objecting(project, "L003"))
    for history in (open_history(file), open_anew(file)):
        assert history.engine.frame("SELECT lead_id FROM objections")["lead_id"].tolist() == ["L004"]


def test_what_was_prepared_before_there_were_objections_opens(project: LittleProject) -> None:
    file = load_project(project.write())
    before = data_fingerprint(open_history(file))
    from leadlens.pipeline.prepared import open_prepared

    prepared = open_prepared(file)
    tables = {name: table for name, table in prepared.manifest.tables.items() if name != "objections"}
    old = type(prepared)(file, prepared.folder, prepared.manifest.model_copy(update={"tables": tables}))
    history = old.history()
    assert history.engine.count("objections") == 0
    assert data_fingerprint(history) == before


def test_an_objection_changes_what_is_learned_from(project: LittleProject) -> None:
    one, other = (
        data_fingerprint(open_history(load_project(objecting(project, *leads)))) for leads in ((), ("L001",))
    )
    assert one != other
