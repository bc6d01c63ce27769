"""Nothing of others is overwritten unasked: reports, links that go nowhere, databases that are only read."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.pipeline.report import refuse_others
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_report_of_somebody_else_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / name
    for text in ("<html><title>Accounts 2026</title>", "{}", '{"project": 1}', "[1]", "", "[" * 100_000):
        mine.write_text(text)
        answer = leadlens("compare", LittleProject(tmp_path).write(), "--out", tmp_path / "out")
        assert answer.code == 2
        assert "not a Leadlens report" in answer.err
        assert mine.read_text() == text
    mine.unlink()
    mine.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError):
        refuse_others(mine)


def test_a_report_of_ours_is_replaced(tmp_path: Path) -> None:
    page, payload = tmp_path / "report.html", tmp_path / "report.json"
    page.write_text("<!doctype html>\n<html><head><title>little: rules beside model</title>")
    payload.write_text('{"headline": "", "story": [], "trust": []}')
    refuse_others(page, payload, tmp_path / "not-there")


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
@pytest.mark.parametrize("name", ["project.yaml", "scorecards/starter.yaml", "data/leads.csv"])
def test_init_writes_through_no_link(name: str, tmp_path: Path) -> None:
    link, beyond = tmp_path / "new" / name, tmp_path / "beyond"
    link.parent.mkdir(parents=True)
    link.symlink_to(beyond)
    answer = leadlens("init", tmp_path / "new")
    assert answer.code == 2
    assert "already exists" in answer.err
    assert not beyond.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_new_sheet_is_written_through_no_link(tmp_path: Path) -> None:
    link, beyond = tmp_path / "sheet.yaml", tmp_path / "beyond.yaml"
    link.symlink_to(beyond)
    assert leadlens("scorecard", "new", link).code == 2
    assert not beyond.exists()


def test_the_demo_replaces_no_project(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "car_dealer" / "project.yaml"
    for world in ("b2b_software", "car_dealer"):
        path = tmp_path / "demo" / world / "project.yaml"
        path.parent.mkdir(parents=True)
        path.write_text("name: mine\n")
    answer = leadlens("demo", "--dir", tmp_path / "demo", "--leads", "500")
    assert answer.code == 2
    assert "not this demo" in answer.err
    assert mine.read_text() == "name: mine\n"


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true", "sqlite+pysqlite:///{}"])
def test_a_source_that_is_not_there_is_not_made(form: str, tmp_path: Path) -> None:
    project = LittleProject(tmp_path)
    project.data["leads"] = {"read": form.format(tmp_path / "crm.db"), "table": "leads"}
    answer = leadlens("check", project.write())
    assert answer.code == 2
    assert "there is no such file" in answer.err
    assert not (tmp_path / "crm.db").exists()


def test_an_sqlite_source_is_read_and_not_written(tmp_path: Path) -> None:
    project, path = LittleProject(tmp_path), tmp_path / "a b#c.db"
    with sqlite3.connect(path) as database:
        project.leads.astype(str).replace("NaT", None).to_sql("leads", database, index=False)
    before = path.read_bytes()
    project.data["leads"] = {"read": f"sqlite:///{path}", "table": "leads"}
    answer = leadlens("check", project.write(), "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["counts"]["leads"] == len(project.leads)
    assert path.read_bytes() == before
    project.data["leads"] = {
        "read": f"sqlite:///{path}",
        "query": "SELECT * FROM leads WHERE load_extension('x')",
    }
    assert leadlens("check", project.write()).code == 2
