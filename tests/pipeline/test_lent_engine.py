"""A database is lent for one lead after another: to one at a time, and empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadlens.features import Step
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.sources.engines import lent_engine
from tests.pipeline.little_project import LittleProject


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return load_project(LittleProject(tmp_path / "little").write())


def test_it_is_lent_again_and_holds_nothing_of_whoever_had_it(file: ProjectFile) -> None:
    with lent_engine(file) as engine:
        engine.run([Step("leads", "SELECT 'secret' AS lead_id")])
        engine.connection.execute("CREATE TABLE kept AS SELECT 1 AS n")  # what shows that it is the same one
    with lent_engine(file) as engine:
        assert engine.columns("kept") == {"n": "INTEGER"}
        tables = engine.frame("SELECT table_name FROM information_schema.tables")["table_name"]
        assert list(tables) == ["kept"]


def test_two_at_once_have_a_database_each(file: ProjectFile) -> None:
    with lent_engine(file) as one, lent_engine(file) as other:
        one.connection.execute("CREATE TABLE own AS SELECT 1 AS n")
        one.connection.execute("SET preserve_insertion_order = false")
        assert other.count("information_schema.tables WHERE table_name = 'own'") == 0
        assert other.value("SELECT current_setting('preserve_insertion_order')")


def test_it_keeps_within_the_memory_of_the_project(
    file: ProjectFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = LittleProject(tmp_path / "small")
    little.settings["engine"] = {"memory": "100MB"}
    with lent_engine(file):
        pass
    with lent_engine(load_project(little.write())) as engine:
        assert engine.value("SELECT current_setting('memory_limit')") == "95.3 MiB"
