"""The state folder may have any name: what MLflow, Optuna and DuckDB keep is in it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.state import sqlite_path, study_storage, tracking_uri
from tests.pipeline.little_project import LEADS, LittleProject

NAMES = ("really? 100%20 #1", 'it\'s "ü" & a:b;c+d=e', "50%", "[a-z]* {x} $y")


@pytest.mark.parametrize("name", NAMES)
def test_the_stores_are_found_by_their_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / name))
    optuna.create_study(storage=study_storage(), study_name="one")
    assert sqlite_path(tracking_uri()) == tmp_path / name / "mlflow.db"
    assert sqlite_path(study_storage()) == tmp_path / name / "optuna.db"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "optuna.db").exists()


@pytest.mark.parametrize("name", NAMES)
def test_sources_are_read_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / name / "state"))
    little = LittleProject(tmp_path / name)
    with open_history(load_project(little.write())) as history:
        assert history.engine.count("leads") == LEADS
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_runs_and_models_are_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one whose name breaks MLflow's own SQL, too, and from within it."""
    folder = tmp_path / "it's 50%20 ü?"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LEADLENS_HOME", str(folder / "state"))
    registry = Registry("odd")
    run = registry.client.create_run(registry.client.create_experiment("odd"))
    registry.client.log_text(run.info.run_id, "hello", "a.txt")
    assert [path.read_text() for path in (folder / "state").rglob("a.txt")] == ["hello"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == ["state"]
