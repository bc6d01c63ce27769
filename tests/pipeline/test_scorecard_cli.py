"""`leadlens scorecard …` as a marketer types it: from an empty file to an active sheet that leads are scored by."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from leadlens import load_project, write_starter
from leadlens.features import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.cli import main as cli
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.jobs.train import train
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.scorecards.project import choose_sheet, load_sheets, notes_of
from leadlens.pipeline.scorecards.templates import names
from tests.pipeline.little_project import thin_out


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
    assert "from draft it can go to test" in typed("move", ".", "active", "--reason", "hasty", code=2)
    assert "is test now" in typed("move", ".", "test", "--reason", "Try it for a week")
    assert "is active now" in typed("move", ".", "active", "--reason", "Sales agreed")
    first = Sheet.load(project / "scorecards" / "starter.yaml")

    edit(project, "points: 20}", "points: 25}")
    book = load_sheets(file_of(project))
    assert book is not None
    assert book.version == first.version  # leads are scored by what is active, not by what is being edited
    assert [note[:38] for note in notes_of(file_of(project))] == ["leads are scored by the active version"]
    assert "not by starter.yaml" in typed("check", ".")
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

    edit(project, "points: 25}", "points: 26}")
    third_version = Sheet.load(project / "scorecards" / "starter.yaml").version
    typed("save", ".", "--reason", "A mistake")
    typed("move", ".", "withdrawn", "--reason", "It was one")
    history = typed("versions", ".")
    listed, _, withdrawn = history.partition("Withdrawn drafts: 1")
    assert third_version in withdrawn
    assert f"{third_version}  " not in listed
    assert "note: the file is a draft that was withdrawn" in listed
    edit(project, "points: 26}", "points: 25}")

    typed("move", ".", "active", "--sheet", f"starter@{first.version}", "--reason", "Roll back")
    third = load_sheets(file_of(project))
    assert third is not None
    assert third.version == first.version


def test_one_lead_before_anything_goes_live(project: Path, typed: Typed) -> None:
    told = json.loads(typed("test", ".", "L000646", "--json"))
    assert told["total"] == sum(told["dimensions"][name] for name in ("fit", "engagement"))
    words = typed("test", ".", "L000646")
    assert "Vehicle form" in words or "vehicle form" in words
    assert "Not matched" in words
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
    from leadlens.pipeline.sources import open_history

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


def test_nothing_is_overwritten_unasked_and_what_was_written_is_told_to_machines(
    project: Path, typed: Typed
) -> None:
    version = Sheet.load("scorecards/starter.yaml").version
    commands = {"sheet.sql": ("sql", "."), "sheet.csv": ("export", "."), "back.yaml": ("import", "sheet.csv")}
    for name, command in commands.items():
        told = json.loads(typed(*command, "--out", name, "--json"))
        assert told["written"] == name
        assert told.get("version", version) == version
        written = (project / name).read_bytes()
        (project / name).write_text("mine", encoding="utf-8")
        refused = typed(*command, "--out", name, code=2)
        assert "there is a file already" in refused
        assert "--force" in refused
        assert (project / name).read_text(encoding="utf-8") == "mine"
        assert f"wrote {name}" in typed(*command, "--out", name, "--force")
        assert (project / name).read_bytes() == written
    assert json.loads(typed("sql", ".", "--json"))["sql"].strip() == typed("sql", ".").strip()
    assert "cannot be written" in typed("export", ".", "--out", "x" * 300, code=2)


def test_names_and_ids_that_cannot_be_are_refused_in_words(project: Path, typed: Typed) -> None:
    for path, better in {"": "sheet.yaml", "..": "../sheet.yaml", "a.txt": "a.yaml"}.items():
        assert f"write {better}" in typed("new", path, code=2)
    typed("new", f"{'a' * 100}.yaml")
    assert f"sheet: {'a' * 60}\n" in (project / f"{'a' * 100}.yaml").read_text(encoding="utf-8")
    for command in (("test",), ("simulate",), ("stages",), ("changed", "--since", "2025-06-20")):
        name, *options = command
        assert "not UTF-8" in typed(name, ".", "\udcff", *options, code=2)


def test_two_sheets_of_one_name_are_refused(project: Path, typed: Typed) -> None:
    second(project, "starter")
    assert "two sheets have one name" in typed("check", ".", code=2)
    assert "two sheets have one name" in typed("check", ".", "--sheet", "scorecards/second.yaml", code=2)
    (project / "elsewhere.yaml").write_bytes((project / "scorecards" / "starter.yaml").read_bytes())
    assert "rules that can be used" in typed("check", ".", "--sheet", "elsewhere.yaml")


def second(project: Path, name: str) -> None:
    """A copy of the starter's sheet as the second of the project."""
    text = (project / "scorecards" / "starter.yaml").read_text(encoding="utf-8")
    copy = text.replace("sheet: starter", f"sheet: {name}")
    (project / "scorecards" / "second.yaml").write_text(copy, encoding="utf-8")
    scorecards(project, "[scorecards/starter.yaml, scorecards/second.yaml]")


def scorecards(project: Path, told: str) -> None:
    """Name other sheets in the project file."""
    path = project / "project.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("scorecards:") for line in lines) == 1
    changed = [f"scorecards: {told}" if line.startswith("scorecards:") else line for line in lines]
    path.write_text("\n".join(changed), encoding="utf-8")


def test_scores_with_nobody_in_a_sheet_or_with_no_sheet_any_more(project: Path, typed: Typed) -> None:
    typed("save", ".")
    typed("move", ".", "test", "--reason", "x")
    typed("move", ".", "active", "--reason", "x")
    edit(project, "points: 20}", "points: 25}")
    second(project, "second")
    file = file_of(project)
    thin_out(file.folder)
    trained = train(file, trials=1)
    folder = Registry(trained.project).mlflow.artifacts.download_artifacts(
        run_id=trained.run_id, artifact_path="scorecard"
    )
    book = load_sheets(file)
    assert book is not None
    assert {path.stem: Sheet.load(path).version for path in Path(folder).iterdir()} == {
        sheet.name: sheet.version for sheet in book.sheets
    }  # what was learned from: of the first its active version, not the file

    long_ago = score(file, as_of=datetime(2020, 1, 1), dry_run=True)
    assert len(long_ago.scores) == 0
    assert any("no lead is open" in warning for warning in long_ago.warnings)

    nobody = project / "scorecards" / "second.yaml"
    nobody.write_text(
        nobody.read_text(encoding="utf-8").replace("attributes:", "for: income >= 60000000\nattributes:", 1),
        encoding="utf-8",
    )
    scorecards(project, "[scorecards/second.yaml]")
    for as_of in (datetime(2020, 1, 1), datetime(2025, 7, 1)):
        score(file_of(project), as_of=as_of, to="duckdb:///none.duckdb", force="nobody was open then")
    with duckdb.connect("none.duckdb", read_only=True) as store:
        query = "SELECT DISTINCT rule_stage, trend, route, scorecard_version, rule_points FROM lead_scores"
        assert store.execute(query).fetchall() == [("No sheet", None, None, None, 0.0)]
        about = (
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'lead_scores' AND column_name = 'stage'"
        )
        assert "No sheet" in str(store.execute(about).fetchone())

    scorecards(project, "[]")
    gone = score(file_of(project), dry_run=True)
    assert any("no longer names a score sheet" in warning for warning in gone.warnings)


def test_scores_that_are_written_tell_version_trend_and_route(
    project: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        "grades:",
        "routes:\n  - {label: Interested, when: \"stage = 'MQL' AND phone IS NOT NULL\", action: call, queue: reps}\ngrades:",
    )
    thin_out(Path())
    score_now = ("score", ".", "--to", "duckdb:///scores.duckdb", "--as-of", "2025-07-01")
    for arguments in (("train", ".", "--trials", "1"), score_now):
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
