"""What a worker process takes of its machine: one thread, and its share of the memory, however many executors there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from leadlens.pipeline import threads
from leadlens.pipeline.config import load_project
from leadlens.pipeline.memory import total_memory
from leadlens.pipeline.prepared import handed, open_prepared
from tests.pipeline.little_project import LittleProject


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ({"memory": "2GB", "spark": {"spark.executor.cores": "1"}}, 2_000_000_000),
        ({"memory": "2GB", "spark": {"spark.executor.cores": "4"}}, 500_000_000),
        ({"spark": {"spark.executor.cores": "1"}}, total_memory() // 2 // (os.cpu_count() or 1)),
    ],
)
def test_the_share_of_a_worker_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: dict[str, Any], expected: int
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(threads, "_processes", 1)
    project = LittleProject(tmp_path / "project")
    project.settings["engine"] = engine
    prepared = open_prepared(load_project(project.write()))
    there = handed.opened(handed.handed_over(prepared))
    assert threads.processors() == 1
    memory = there.file.project.engine.memory
    assert memory is not None
    assert int(memory.removesuffix("MB")) == pytest.approx(expected / 1e6, abs=1)
    with there.part(0) as history:
        assert history.engine.value("SELECT current_setting('threads')") == 1
        assert history.engine.count("leads") == prepared.history().engine.count("leads")


def test_no_password_that_is_written_out_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    project = LittleProject(tmp_path / "project")
    project.settings["scores"] = {"to": "postgresql://ann:t0p-s3cret@host/crm"}
    project.settings["webhook"] = {"url": "https://ann:t0p-s3cret@host/hook"}
    project.data["events"] = [project.data["events"], {**project.data["events"], "where": "page = 'a:b@c'"}]
    given = load_project(project.write())
    plain = repr(handed.handed_over(open_prepared(given)))
    assert "t0p-s3cret" not in plain
    assert "postgresql://ann:***@host/crm" in plain
    kept = given.project.without_passwords()
    assert kept.data == given.project.data, "what is no address, and an address without a password, stays"
    assert kept.canonical() == given.project.canonical()
