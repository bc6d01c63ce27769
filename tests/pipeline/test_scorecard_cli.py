"""`leadlens scorecard …` as a marketer types it: from an empty file to an active sheet that leads are scored by."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest

from features import UsageError
from models.scorecard import Sheet
from pipeline import cli, load_project, write_starter
from pipeline.config import ProjectFile
from pipeline.project_sheets import choose_sheet, notes_of
from pipeline.ready_sheets import names
from pipeline.training_set import load_sheets


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LEADLENS_AUTHOR", raising=False)
    write_starter(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(monkeypatch, capsys)


class Typed:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run `leadlens scorecard …`; what it printed, and to standard error where it fails."""
        self.monkeypatch.setattr(sys, "argv", ["leadlens", "scorecard", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self.capsys.readouterr()
        assert int(ended.value.code or 0) == code, err
        assert "Traceback" not in err
        return out if code == 0 else err


def edit(project: Path, old: str, new: str) -> None:
    path = project / "scorecards" / "starter.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def file_of(project: Path) -> ProjectFile:
    return load_project(project)


def test_from_the_file_to_an_active_version_and_back(project: Path, typed: Typed) -> None:
    assert "not saved as a version yet" in typed("move", ".", "test", "--reason", "x", code=2)
    assert "saved as a draft" in typed("save", ".", "--reason", "First agreed points", "--author", "Mia")
    assert "was saved before" in typed("save", ".")
    assert "from draft it goes to test" in typed("move", ".", "active", "--reason", "hasty", code=2)
    assert "is test now" in typed("move", ".", "test", "--reason", "Try it for a week")
    assert "is active now" in typed("move", ".", "active", "--reason", "Sales agreed")
    first = Sheet.load(project / "scorecards" / "starter.yaml")

    edit(project, "points: 20}", "points: 25}")
    book = load_sheets(file_of(project))
    assert book is not None
    assert book.version == first.version  # leads are scored by what is active, not by what is being edited
    assert [note[:38] for note in notes_of(file_of(project))] == ["leads are scored by the active version"]
    assert "was edited since" in typed("check", ".")
    told = typed("diff", ".", "starter@active", "starter")
    assert "points 20 → 25" in told

    typed("save", ".", "--reason", "Directions matter more")
    typed("move", ".", "test", "--reason", "Try")
    typed("move", ".", "active", "--reason", "Better")
    second = load_sheets(file_of(project))
    assert second is not None
    assert second.version != first.version
    assert notes_of(file_of(project)) == []
    history = typed("versions", ".")
    assert history.count("active") >= 2
    assert "Mia: First agreed points" in history
    assert "Sales agreed" in history

    typed("move", ".", "active", "--sheet", f"starter@{first.version}", "--reason", "Roll back")
    third = load_sheets(file_of(project))
    assert third is not None
    assert third.version == first.version


def test_one_lead_before_anything_goes_live(project: Path, typed: Typed) -> None:
    told = json.loads(typed("test", ".", "L000646", "--json"))
    assert told["total"] == sum(told["dimensions"][name] for name in ("fit", "engagement"))
    words = typed("test", ".", "L000646")
    assert "Vehicle form" in words or "vehicle form" in words
    assert "Do not hold" in words
    assert "did you mean" in typed("test", ".", "L00646", code=2)


def test_preview_simulate_changed_and_stages_tell_their_story(project: Path, typed: Typed) -> None:
    assert "open leads" in typed("preview", ".")
    assert json.loads(typed("preview", ".", "--json"))["leads"] == 117
    assert "does nothing for 30 days" in typed("simulate", ".", "L000646", "--days", "30")
    assert "= change of the total" in typed("changed", ".", "L000646", "--since", "2025-06-20")
    assert "L000646" in typed("stages", ".", "L000646")
    assert "since" in typed("changed", ".", "L000646", "--since", "yesterday", code=2)


def test_the_query_gives_the_points_that_the_command_tells(project: Path, typed: Typed) -> None:
    typed("sql", ".", "--out", "sheet.sql")
    from pipeline.sources import open_history

    history = open_history(file_of(project))
    engine = history.engine
    engine.register(
        "told", engine.frame((project / "sheet.sql").read_text(encoding="utf-8").rstrip().rstrip(";"))
    )
    total = engine.value("SELECT total FROM told WHERE lead_id = 'L000646'")
    assert total == json.loads(typed("test", ".", "L000646", "--json"))["total"]
    assert "duckdb, postgres, spark" in typed("sql", ".", "--dialect", "oracle", code=2)


def test_a_sheet_goes_to_a_spreadsheet_and_comes_back(project: Path, typed: Typed) -> None:
    typed("export", ".", "--out", "sheet.csv", "--decimal-comma")
    assert "9 rules" in typed("import", "sheet.csv", "--out", "back.yaml")
    there, back = (Sheet.load(path) for path in ("scorecards/starter.yaml", "back.yaml"))
    assert there.version == back.version
    assert "there is a file already" in typed("import", "sheet.csv", "--out", "back.yaml", code=2)
    typed("import", "sheet.csv", "--out", "back.yaml", "--force")
    assert "cannot be read" in typed("import", "nowhere.csv", "--out", "x.yaml", code=2)


def test_an_empty_sheet_and_every_ready_one_can_be_begun_with(project: Path, typed: Typed) -> None:
    assert typed("new").count("\n") == len(names())
    for name in names():
        typed("new", f"ready/{name}.yaml", "--from", name)
        assert Sheet.load(f"ready/{name}.yaml").rules
    typed("new", "empty.yaml")
    assert "the sheet has no rule" in typed("check", ".", "--sheet", "empty.yaml", code=2)
    assert "there is a file already" in typed("new", "empty.yaml", code=2)
    assert "did you mean" in typed("new", "other.yaml", "--from", "car_deeler", code=2)
    assert "a sheet is a YAML file" in typed("new", "other.txt", code=2)


def test_which_sheet_is_meant(project: Path) -> None:
    file = file_of(project)
    for which, told in {
        "starterr": "there is no such sheet",
        "starter@active": "no version of this sheet is kept",
        "starter@123": "no version of this sheet is kept",
        "scorecards/nowhere.yaml": "there is no such score sheet",
    }.items():
        with pytest.raises(UsageError, match=told):
            choose_sheet(file, which)
    forms = ("starter", "scorecards/starter.yaml", None)
    assert len({choose_sheet(file, which)[0].version for which in forms}) == 1


def test_scores_that_are_written_tell_version_trend_and_route(
    project: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        "grades:",
        "routes:\n  - {label: Interested, when: \"stage = 'MQL' AND phone IS NOT NULL\", action: call, queue: reps}\ngrades:",
    )
    for arguments in (("train", ".", "--trials", "1"), ("score", ".", "--to", "duckdb:///scores.duckdb")):
        monkeypatch.setattr(sys, "argv", ["leadlens", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code, capsys.readouterr().err
    version = Sheet.load("scorecards/starter.yaml").version
    with duckdb.connect("scores.duckdb", read_only=True) as store:
        rows = store.execute("SELECT route, trend, scorecard_version, rule_stage FROM lead_scores").fetchall()
    assert {row[2] for row in rows} == {f"starter {version}"}
    assert {row[1] for row in rows} <= {"rising", "falling", "steady"}
    assert len({row[1] for row in rows}) > 1
    routed = [row for row in rows if row[0] is not None]
    assert routed
    assert {(row[0], row[3]) for row in routed} == {("call, reps: Interested", "MQL")}
