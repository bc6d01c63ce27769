"""`data.finished`: leads that are over, with no day to it, are learned from and not scored."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens import load_project, open_history
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.sources.transfer import data_fingerprint
from tests.pipeline.little_project import LittleProject, conversions, leadlens


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return LittleProject(tmp_path / "project")


def finishing(project: LittleProject, *leads: str) -> Path:
    """The project with a list of leads that are over."""
    project.data["finished"] = {"read": "data/finished.csv"}
    (project.folder / "data").mkdir(parents=True, exist_ok=True)
    project.files["data/finished.csv"] = pd.DataFrame({"lead_id": leads}).to_csv(index=False).encode()
    return project.write()


def test_they_are_not_scored_their_rows_close_and_explain_says_so(
    project: LittleProject, tmp_path: Path
) -> None:
    crm = tmp_path / "crm.duckdb"
    path, to = finishing(project), f"duckdb:///{crm}"
    assert leadlens("train", path, "--trials", "1").code == 0
    first = leadlens("score", path, "--to", to, "--json", "--force", "a test")
    assert first.code == 0, first.err
    assert first.facts["finished"] == 0

    def rows(where: str) -> list[tuple[str, ...]]:
        with duckdb.connect(str(crm), read_only=True) as written:
            return written.execute(f"SELECT {where}").fetchall()

    open_leads = [lead for (lead,) in rows("lead_id FROM open_lead_scores ORDER BY 1")]
    over = open_leads[:2]
    sold = conversions()["lead_id"].head(3)
    said = leadlens(
        "score", finishing(project, *over, over[0], *sold, "L000-typo"), "--to", to, "--force", "a test"
    )
    assert said.code == 0, said.err
    assert (
        "2 leads left out: over by data.finished." in said.out
    )  # not those that are converted or closed anyway
    assert "1 id in finished is of no lead (L000-typo)" in said.out.replace("\n", " ")
    assert rows("lead_id, closed_reason FROM lead_scores WHERE status = 'closed' ORDER BY 1") == [
        (lead, "closed") for lead in over
    ]
    assert [lead for (lead,) in rows("lead_id FROM open_lead_scores ORDER BY 1")] == open_leads[2:]

    explained = leadlens("explain", path, over[0], "--json")
    assert explained.code == 0, explained.err
    assert "this lead is over (data.finished): leadlens score leaves it out" in explained.facts["notes"]
    assert "this lead is over" not in leadlens("explain", path, open_leads[2], "--json").out


def test_they_are_learned_from_and_judged_like_others(project: LittleProject) -> None:
    def seen(path: Path) -> tuple[str, set[str]]:
        file = load_project(path)
        history = open_history(file)
        with split_snapshots(history, file.project) as split:
            found = history.engine.frame(f"SELECT DISTINCT lead_id FROM {split.both}")["lead_id"]
        return data_fingerprint(history), set(found)

    project.settings["judge"] = {"test_from": "2024-04-20"}
    before = seen(finishing(project))
    assert seen(finishing(project, *sorted(before[1])[::7])) == before


def test_an_old_id_stands_for_the_lead_that_it_was_merged_into(project: LittleProject) -> None:
    project.data["aliases"] = {"read": "data/merges.csv"}
    (project.folder / "data").mkdir(parents=True, exist_ok=True)
    project.files["data/merges.csv"] = b"old_id,lead_id\nL003,L004\n"
    history = open_history(load_project(finishing(project, "L003")))
    assert history.engine.frame("SELECT lead_id FROM finished")["lead_id"].tolist() == ["L004"]
