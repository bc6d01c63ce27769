"""Which sheet scores: the active version, whatever becomes of the file; and what the user is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadlens import load_project, write_starter
from leadlens.features import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.scorecards.project import notes_of, sheets_of, store_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    write_starter(tmp_path / "project")
    return load_project(tmp_path / "project")


def yaml_of(file: ProjectFile) -> Path:
    return file.resolve(file.project.scorecards[0])


def activate(file: ProjectFile) -> Sheet:
    sheet, store = Sheet.load(yaml_of(file)), store_of(file)
    store.save(sheet)
    for stage in ("test", "active"):
        store.move(sheet.name, sheet.version, stage, reason="a test")
    return sheet


def test_the_file_scores_until_a_version_is_active(file: ProjectFile) -> None:
    assert sheets_of(file)[0].live.version == Sheet.load(yaml_of(file)).version
    assert notes_of(file) == []
    activate(file)
    assert notes_of(file) == []


@pytest.mark.parametrize("text", ["sheet: [", None])
def test_a_broken_file_does_not_stop_the_active_version(file: ProjectFile, text: str | None) -> None:
    active = activate(file)
    yaml_of(file).unlink() if text is None else yaml_of(file).write_text(text)
    assert sheets_of(file)[0].live.version == active.version
    assert [note for note in notes_of(file) if "cannot be read" in note]


def test_a_broken_file_without_an_active_version_is_refused(file: ProjectFile) -> None:
    yaml_of(file).write_text("sheet: [")
    with pytest.raises(UsageError, match="not valid YAML"):
        sheets_of(file)


def test_an_archived_sheet_scores_by_its_file_and_says_so(file: ProjectFile) -> None:
    active = activate(file)
    store_of(file).move(active.name, active.version, "archived", reason="a pause")
    assert notes_of(file) == ["no version of starter is active any more: leads are scored by its file"]


def test_a_renamed_sheet_leaves_its_active_version_behind_and_says_so(file: ProjectFile) -> None:
    activate(file)
    path = yaml_of(file)
    path.write_text(path.read_text().replace("sheet: starter", "sheet: starter_2"))
    assert sheets_of(file)[0].live.name == "starter_2"
    assert [note for note in notes_of(file) if "was `sheet:` renamed?" in note]
