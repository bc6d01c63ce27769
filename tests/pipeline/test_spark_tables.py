"""Tables of a Spark catalog as sources: copied by Spark, whole or from a cursor on, then read like files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.read import read
from tests.features.spark_support import TINY, need_spark
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    """A project whose leads and events are tables of Spark; the events have numbers that grow."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    project = LittleProject(tmp_path / "project")
    project.events["event_no"] = range(1, len(project.events) + 1)
    project.settings["engine"] = {
        "name": "spark",
        "master": "local[1]",
        "work": str(tmp_path / "work"),
        "spark": TINY,
    }
    return project


def _as_tables(project: LittleProject, **events: Any) -> Path:
    path = project.write()
    tables = project.folder / "tables"
    tables.mkdir(exist_ok=True)
    for name, frame in (("leads", project.leads), ("events", project.events)):
        shutil.rmtree(tables / name, ignore_errors=True)
        (tables / name).mkdir()
        frame.to_parquet(tables / name / "rows.parquet", coerce_timestamps="us")
    text = path.read_text(encoding="utf-8")
    settings = project.settings
    settings["data"]["leads"] = {"read": f"catalog://parquet.`{tables / 'leads'}`"}
    settings["data"]["events"] = {"read": f"catalog://parquet.`{tables / 'events'}`", **events}
    import yaml

    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert text != path.read_text(encoding="utf-8")
    return path


def _counts(path: Path) -> dict[str, int]:
    return read(load_project(path)).counts


def test_a_table_that_grows_is_copied_from_its_cursor_on(lake: LittleProject, tmp_path: Path) -> None:
    need_spark()
    plain = LittleProject(tmp_path / "plain")
    expected = read(load_project(plain.write()), engine="duckdb")
    every = lake.events
    lake.events = every.iloc[: len(every) - 40]
    path = _as_tables(lake, cursor="event_no")
    early = _counts(path)
    assert early["events"] < expected.counts["events"]
    files = sorted(file.name for file in (tmp_path / "home" / "spark_tables").rglob("*.parquet"))

    lake.events = every
    path = _as_tables(lake, cursor="event_no")
    assert _counts(path) == expected.counts
    later = sorted(file.name for file in (tmp_path / "home" / "spark_tables").rglob("*.parquet"))
    # What was there before is not copied again; leads, which have no cursor, are.
    assert len(set(files) & set(later)) >= 1
    assert _counts(path) == expected.counts

    # A command without Spark goes on from the copy.
    assert read(load_project(path), verify=True, engine="duckdb").differences == ()


def test_what_spark_does_not_know_is_said(lake: LittleProject, tmp_path: Path) -> None:
    path = _as_tables(lake)
    without = leadlens("check", path, "--engine", "duckdb")
    assert without.code == 2
    assert "no command has read it yet" in without.err
    assert "--engine spark" in without.err
    need_spark()
    lake.settings["data"]["events"] = {"read": "catalog://nowhere.events"}
    import yaml

    path.write_text(yaml.safe_dump(lake.settings), encoding="utf-8")
    unknown = leadlens("check", path)
    assert unknown.code == 2
    assert "Spark knows no such table" in unknown.err
    path = _as_tables(lake, cursor="event_number")
    wrong = leadlens("check", path)
    assert wrong.code == 2
    assert "did you mean: event_no" in wrong.err


def test_copies_go_with_whoever_is_forgotten(lake: LittleProject, tmp_path: Path) -> None:
    need_spark()
    path = _as_tables(lake)
    assert _counts(path)["leads"]
    lead = str(lake.leads["lead_id"].iloc[0])
    gone = leadlens("forget", path, lead, "--yes")
    assert gone.code == 0, gone.err
    assert not list((tmp_path / "home" / "spark_tables").rglob("*.parquet"))
    assert pd.Series(_counts(path))["leads"] == len(lake.leads) - 1
