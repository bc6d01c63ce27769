"""Where scores go when nobody says so."""

from pathlib import Path

import pytest

from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.jobs.target import left_behind, shown_target, target_of

MINIMAL = "name: little\ndata:\n  leads: {read: leads.csv}\n  conversions: {read: sales.csv}\n"


def _project(folder: Path, more: str = "") -> ProjectFile:
    path = folder / "project.yaml"
    path.write_text(MINIMAL + more, encoding="utf-8")
    return load_project(path)


def test_the_default_target_is_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("LEADLENS_HOME", str(home))
    file = _project(tmp_path)
    assert target_of(file, None) == f"duckdb:///{home}/scores.duckdb"
    assert shown_target(file, None) == f"duckdb:///{home}/scores.duckdb"
    assert target_of(file, "duckdb:///other.duckdb") == "duckdb:///other.duckdb"


def test_without_a_state_folder_of_its_own_the_address_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier runs are known by it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEADLENS_HOME", raising=False)
    assert target_of(_project(tmp_path), None) == "duckdb:///.leadlens/scores.duckdb"


def test_a_target_that_is_named_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    file = _project(tmp_path, 'scores: {to: "duckdb:///.leadlens/scores.duckdb"}\n')
    assert target_of(file, None) == "duckdb:///.leadlens/scores.duckdb"
    assert target_of(_project(tmp_path, "scores: {to: out/scores.csv}\n"), None) == str(
        tmp_path / "out/scores.csv"
    )


def test_scores_of_an_earlier_release_are_not_left_behind_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "state"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADLENS_HOME", str(home))
    file = _project(tmp_path)
    assert left_behind(file, None) == []
    old = tmp_path / ".leadlens" / "scores.duckdb"
    old.parent.mkdir()
    old.write_bytes(b"")
    (warning,) = left_behind(file, None)
    assert str(old) in warning
    assert str(home / "scores.duckdb") in warning
    assert left_behind(file, "duckdb:///other.duckdb") == []
    (home / "scores.duckdb").write_bytes(b"")
    assert left_behind(file, None) == []
