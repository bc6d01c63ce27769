"""Folders named country=DE below a star are columns, of every table; those above it say nothing of its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import History
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.prepared.sources import EventReader
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.partitions import partitions_of
from tests.pipeline.little_project import LEADS, LittleProject

COUNTRIES = ("DE", "FR", "__HIVE_DEFAULT_PARTITION__")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path / "region=Atlantis" / "project")
    project.folder.mkdir(parents=True)
    for table, rows in (("leads", project.leads), ("events", project.events)):
        for number, country in enumerate(COUNTRIES):
            write(project, table, f"country={country}", rows[number :: len(COUNTRIES)])
        project.data[table] = {"read": f"data/{table}/*/*.parquet"}
    return project


def write(project: LittleProject, table: str, folder: str, rows: pd.DataFrame, name: str = "part-0") -> Path:
    path = project.folder / "data" / table / folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path, index=False)
    return path


def opened(project: LittleProject) -> tuple[History, History]:
    """Read into memory and prepared."""
    file = load_project(project.write())
    return open_history(file), open_prepared(file).history()


def counts(history: History, table: str, column: str = "country") -> dict[str | None, int]:
    rows = f"SELECT {column}, count(*) FROM {table} GROUP BY 1"
    return dict(history.engine.connection.execute(rows).fetchall())  # type: ignore[attr-defined]


@pytest.mark.parametrize("settings", [{}, {"query": "SELECT * FROM source"}], ids=["", "query"])
@pytest.mark.parametrize("table", ["leads", "events"])
def test_names_of_folders_are_columns(project: LittleProject, table: str, settings: dict[str, str]) -> None:
    project.data[table] |= settings
    rows = len(getattr(project, table))
    wanted = {name: len(range(number, rows, 3)) for number, name in enumerate(("DE", "FR", None))}
    for history in opened(project):
        with history:
            assert counts(history, table) == wanted
            kinds = history.lead_attributes if table == "leads" else history.event_properties
            assert kinds["country"] == "category"
            assert "region" not in kinds


def test_what_the_contract_needs_may_be_a_folder(project: LittleProject) -> None:
    """In any spelling that the names of folders need."""
    shutil.rmtree(project.folder / "data" / "events")
    for kind, folder in (("page_viewed", "page_viewed"), ("mail: open", "mail%3A%20open"), ("0x", "0x")):
        write(
            project,
            "events",
            f"type={folder}",
            project.events.drop(columns="event_type").assign(event_id=kind),
        )
    project.data["events"]["columns"] = {"event_type": "type"}
    for history in opened(project):
        with history:
            assert set(counts(history, "events", "event_type")) == {"page_viewed", "mail: open", "0x"}


def test_a_column_of_the_file_stands_before_its_folder(project: LittleProject) -> None:
    for name in ("leads", "events"):
        shutil.rmtree(project.folder / "data" / name)
        write(project, name, "Country=DE", getattr(project, name).assign(country="CH"))
    for history in opened(project):
        with history:
            assert counts(history, "leads") == {"CH": LEADS}
            assert set(counts(history, "events")) == {"CH"}


def test_a_file_that_moves_to_another_folder_is_read_again(project: LittleProject) -> None:
    file = load_project(project.write())
    with open_prepared(file).history() as history:
        before = counts(history, "events")
    old = project.folder / "data" / "events" / "country=FR"
    old.rename(old.with_name("country=IT"))
    prepared = open_prepared(file)
    with prepared.history() as history:
        assert counts(history, "events") == {"IT" if name == "FR" else name: n for name, n in before.items()}
    assert differences(file, prepared) == ()
    project.data["events"] = {"read": "data/events/country=IT/*.parquet"}  # above the star
    with open_prepared(load_project(project.write())).history() as history:
        assert "country" not in history.event_properties


@pytest.mark.parametrize(
    "values", [["n%2Fa", "__HIVE_DEFAULT_PARTITION__", "ads"], ["n%2Fa"]], ids=["together", "alone"]
)
def test_words_and_gaps_in_names_of_folders(project: LittleProject, values: list[str]) -> None:
    """Said alike, whichever way it is read: small files are read together, a single one is not."""
    shutil.rmtree(project.folder / "data" / "events")
    for number, value in enumerate(values):
        write(project, "events", f"channel={value}", project.events[number :: len(values)])
    said = []
    for history in opened(project):
        with history:
            said.append([each.message for each in history.findings if each.code == "unknown-words"])
            assert set(counts(history, "events", "channel")) == {None, "ads"} & {None, *values}
    assert said[0] == said[1] != []


def test_small_files_in_folders_are_read_together(
    project: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[int] = []
    read = EventReader._read_parquet
    monkeypatch.setattr(
        EventReader,
        "_read_parquet",
        lambda self, number, mark: alone.append(number) or read(self, number, mark),
    )
    with open_prepared(load_project(project.write())).history() as history:
        assert len(counts(history, "events")) == len(COUNTRIES)
    assert alone == []


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("/p/*/*.parquet", "/p/a=1/x.parquet", {"a": "1"}),
        ("/p/**/*.parquet", "/p/a=1/b=2/x.parquet", {"a": "1", "b": "2"}),
        ("/p/y=*/x.parquet", "/p/y=3/x.parquet", {"y": "3"}),
        ("/a=0/p/*/*.parquet", "/a=0/p/b=/x.parquet", {"b": ""}),
        ("/p/a=1/*.parquet", "/p/a=1/x.parquet", {}),
        ("/p/*.parquet", "/p/a=1.parquet", {}),
        ("/p/*/*.parquet", "/q/a=1/x.parquet", {}),
        ("/p/*/*.parquet", "/p/=1/x.parquet", {}),
        ("/p/**/*.parquet", "/p/a=1/A=2/x.parquet", {"a": "1"}),
    ],
)
def test_which_folders_count(pattern: str, path: str, found: dict[str, str]) -> None:
    assert dict(partitions_of(pattern, path)) == found
