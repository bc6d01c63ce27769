"""A saved matrix trains as a built one does, and only the project and the data it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import DataError, DuckDBEngine, History, UsageError
from leadlens.features.matrix import build_matrix, write_matrix
from leadlens.features.planning import plan_vocabulary
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from leadlens.pipeline.jobs.list_features import list_features
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.transfer import data_fingerprint, transfer_history
from tests.features.spark_support import need_spark
from tests.pipeline.little_project import START, LittleProject, leadlens

SHEET = b"""
sheet: little
attributes: [{label: Rome, when: "city = 'Rome'", points: 4}]
actions: [{label: Prices, when: "page = 'Pricing'", points: 6, per: each, cap: 9}]
"""


def little(folder: Path) -> LittleProject:
    """All five tables, numbers that change, and a sheet."""
    project = LittleProject(folder).use("accounts", "changes")
    told = ["1e3", " 12 ", "0900", "7.50", None, "1_000"]
    project.changes = pd.DataFrame(
        {
            "entity": "lead",
            "id": [f"L{number:03}" for number in range(6)],
            "attribute": "income",
            "value": told,
            "known_at": START + timedelta(days=1),
        }
    )
    again = project.changes.assign(value=["999", "5", "1000", "80", "1", None])  # at the same moments
    project.changes = pd.concat([project.changes, again, LittleProject(folder).changes])
    project.files["little.yaml"] = SHEET
    project.settings["scorecards"] = ["little.yaml"]
    return project


@pytest.fixture
def project(tmp_path: Path) -> LittleProject:
    return little(tmp_path / "project")


def saved(project: LittleProject) -> tuple[ProjectFile, Path]:
    file, out = load_project(project.write()), project.folder / "matrix"
    list_features(file, out)
    return file, out


def trains(file: ProjectFile, matrix: Path | None = None) -> TrainingSet:
    return build_training_set(file, open_history(file), matrix=matrix)


def test_a_saved_matrix_is_the_built_one(project: LittleProject) -> None:
    file, out = saved(project)
    built, read = trains(file), trains(file, out)
    pd.testing.assert_frame_equal(read.matrix.frame, built.matrix.frame)
    pd.testing.assert_frame_equal(read.matrix.spine, built.matrix.spine)
    pd.testing.assert_series_equal(read.label, built.label)
    pd.testing.assert_series_equal(read.part, built.part)
    assert (read.plan, read.test_from, read.warnings) == (built.plan, built.test_from, built.warnings)
    assert built.rules is not None
    assert read.rules is not None
    pd.testing.assert_frame_equal(read.rules.scores, built.rules.scores)
    assert read.matrix.fingerprint == built.matrix.fingerprint


def test_the_columns_listed_are_those_written(project: LittleProject) -> None:
    file = load_project(project.write())
    listed = list_features(file, project.folder / "matrix")
    told = json.loads((project.folder / "matrix" / "matrix.json").read_text())
    found = pd.read_parquet(project.folder / "matrix" / "features.parquet")
    assert [column.name for column in listed.columns] == [name for name in found if name not in
        ("row_id", "lead_id", "as_of", "created_at")]  # fmt: skip
    assert told["rows"] == len(found)
    assert told["engine"] == "duckdb"


def _other_horizon(project: LittleProject) -> None:
    project.settings["outcome"] = {"horizon": "11d"}


def _other_embargo(project: LittleProject) -> None:
    project.settings["judge"] = {"embargo": "3d"}


def _other_value(project: LittleProject) -> None:
    project.events.loc[7, "seconds"] = 1.25


def _other_end(project: LittleProject) -> None:
    project.data["ends"] = "2024-07-01"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (_other_horizon, UsageError, "made with other settings"),
        (_other_embargo, UsageError, "made with other settings"),
        (_other_end, UsageError, "made with other settings"),
        (_other_value, DataError, "differs: events"),
    ],
)
def test_what_it_was_not_made_from_is_refused(
    project: LittleProject,
    change: Callable[[LittleProject], None],
    error: type[Exception],
    told: str,
) -> None:
    _, out = saved(project)
    change(project)
    with pytest.raises(error, match=told):
        trains(load_project(project.write()), out)


def test_settings_that_decide_no_row_may_change(project: LittleProject) -> None:
    _, out = saved(project)
    project.settings |= {"model": {"trials": 3}, "engine": {"name": "spark"}, "scorecards": [], "about": "x"}
    assert len(trains(load_project(project.write()), out).matrix) > 0


def test_the_order_of_rows_makes_no_other_data(project: LittleProject) -> None:
    file, out = saved(project)
    project.leads, project.events = project.leads[::-1], project.events.sample(frac=1, random_state=3)
    assert len(trains(load_project(project.write()), out).matrix) > 0
    assert data_fingerprint(open_history(file))


def test_what_is_left_half_done_is_refused(project: LittleProject) -> None:
    file, out = saved(project)
    (out / "matrix.json").unlink()
    with pytest.raises(UsageError, match="holds no training matrix"):
        trains(file, out)
    (out / "matrix.json").write_text('{"leadlens_matrix": 99}')
    with pytest.raises(UsageError, match="another version"):
        trains(file, out)


def test_files_of_two_matrices_are_refused(project: LittleProject) -> None:
    file, out = saved(project)
    labels = pd.read_parquet(out / "labels.parquet")
    labels.iloc[1:].to_parquet(out / "labels.parquet")
    with pytest.raises(DataError, match="do not belong together"):
        trains(file, out)


def test_a_file_where_the_folder_should_be_is_refused(project: LittleProject) -> None:
    file = load_project(project.write())
    (project.folder / "taken").write_text("x")
    with pytest.raises(UsageError, match="this is a file"):
        list_features(file, project.folder / "taken")


@pytest.fixture
def elsewhere(project: LittleProject, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; the project lies in a folder beside it."""
    folder = project.folder.parent / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LEADLENS_HOME", str(folder / "home"))
    return folder


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("", "name a separate place"),
        (".", "name a separate place"),
        ("out.csv", "features are not written as .csv"),
        ("../project", "this folder holds something other than a matrix"),
        ("taken", "this is a file"),
        ("taken/x", "cannot be written to"),
        ("/proc/x", "cannot be written to"),
        ("/proc/x.parquet", "cannot be written to"),
        ("folder.parquet", "this is a folder, and one file goes there"),
        ("../project/data/events.parquet", "a file that holds no features"),
    ],
)
def test_places_that_would_be_spoilt_or_cannot_be_written_are_refused_first(
    project: LittleProject, elsewhere: Path, out: str, told: str
) -> None:
    (elsewhere / "taken").write_text("x")
    (elsewhere / "folder.parquet").mkdir()
    path = project.write()
    (project.folder / "data" / "leads.csv").unlink()  # it is not even looked for
    answer = leadlens("features", path, "--out", out)
    assert answer.code == 2, answer.err
    assert told in answer.err
    assert "how to fix it" in answer.err
    # That a command is at work is noted in the state folder, whatever becomes of it.
    assert {item.name for item in elsewhere.iterdir()} - {"home"} == {"folder.parquet", "taken"}


def test_an_earlier_matrix_finished_or_not_is_replaced(project: LittleProject, elsewhere: Path) -> None:
    path = project.write()
    (elsewhere / "matrix").mkdir()
    (elsewhere / "matrix" / "features.parquet").mkdir()  # part files, as Spark writes them
    (elsewhere / "matrix" / "features.parquet" / "part-0.parquet").write_text("x")
    assert leadlens("features", path, "--out", "matrix").code == 0
    (elsewhere / "matrix" / "notes.txt").write_text("mine")
    assert leadlens("features", path, "--out", "matrix").code == 0
    assert (elsewhere / "matrix" / "notes.txt").read_text() == "mine"
    trains(load_project(path), elsewhere / "matrix")
    for _ in range(2):
        assert leadlens("features", path, "--out", "all.parquet").code == 0


def test_a_place_that_fails_later_is_told_and_leaves_no_table(
    project: LittleProject, elsewhere: Path
) -> None:
    history = open_history(load_project(project.write()))
    spine = build_spine(history, SpinePolicy(at_ages=(timedelta(0),)))
    before = set(history.engine.frame("SELECT table_name AS t FROM duckdb_tables()")["t"])
    for place in ("/proc/x/f.parquet", "/proc/f.parquet"):
        with pytest.raises(DataError, match="could not be written"):
            write_matrix(history, plan_vocabulary(history, spine), spine, Path(place))
    assert set(history.engine.frame("SELECT table_name AS t FROM duckdb_tables()")["t"]) == before


@pytest.mark.parametrize("home", ["/proc/x", "taken", "taken/x"])
def test_a_home_that_cannot_be_written_is_wrong_use(
    project: LittleProject, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    (elsewhere / "taken").write_text("x")
    monkeypatch.setenv("LEADLENS_HOME", home)
    answer = leadlens("score", project.write())
    assert answer.code == 2, answer.err
    assert "export LEADLENS_HOME" in answer.err


def test_one_parquet_file_still_holds_every_row(project: LittleProject) -> None:
    path = project.write()
    answer = leadlens("features", path, "--out", project.folder / "all.parquet", "--json")
    assert answer.code == 0, answer.err
    assert len(pd.read_parquet(project.folder / "all.parquet")) == 160
    assert answer.facts["written"].endswith("all.parquet")


def matrix_of(history: History) -> pd.DataFrame:
    spine = build_spine(history, SpinePolicy(at_ages=(timedelta(0), timedelta(days=2)), repeat=True))
    return build_matrix(history, plan_vocabulary(history, spine), spine).frame


def test_a_handed_over_history_is_the_same(project: LittleProject, tmp_path: Path) -> None:
    opened = open_history(load_project(project.write()))
    with DuckDBEngine() as other:
        there = transfer_history(opened, other, tmp_path / "it's between")
        pd.testing.assert_frame_equal(matrix_of(there), matrix_of(opened))
        assert replace(there, engine=opened.engine) == opened
        spelt = other.frame("SELECT id, value FROM changes WHERE attribute = 'income' ORDER BY id")
    # Of two values at one moment the text that sorts last, in the spelling that every engine reads.
    assert spelt["value"].tolist() == ["999.0", "5.0", "1000.0", "80.0", "1.0", "1000.0"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--engine", "sparc"), "did you mean: spark?"),
        (("--master", "local[2]"), "--engine spark --master local[2]"),
        (("--engine", "spark", "--out", "x.parquet"), "Spark writes a folder"),
        (("--engine", "spark", "--master", "yarn"), "needs a working folder"),
        (("--engine", "spark", "--master", "locl[2]"), "did you mean: local[4]"),
        (("--engine", "spark", "--master", "local[x]"), "not a Spark master"),
        (("--engine", "spark", "--master", "spark://host"), "did you mean: spark://host:7077"),
        (("--engine", "spark", "--out", "/proc/x"), "cannot be written to"),
    ],
)
def test_engines_that_do_not_fit_are_wrong_use(
    project: LittleProject, arguments: tuple[str, ...], told: str
) -> None:
    if "yarn" in arguments:
        need_spark()  # asked for first
    path = project.write()
    (project.folder / "data" / "leads.csv").unlink()  # refused before it is looked for
    answer = leadlens("features", path, *arguments)
    assert answer.code == 2
    assert told in answer.err


@pytest.mark.parametrize(
    ("work", "told"),
    [("/tmp", "SPARK_LOCAL_IP"), ("/proc/x", "cannot be written to"), (None, "needs a working folder")],
)
def test_what_a_cluster_needs_is_told_before_anything_is_read(
    project: LittleProject, monkeypatch: pytest.MonkeyPatch, work: str | None, told: str
) -> None:
    need_spark()
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    project.settings["engine"] = {"work": work} if work else {}
    path = project.write()
    (project.folder / "data" / "leads.csv").unlink()
    master = "spark://127.0.0.1:7077" if work == "/proc/x" else "spark://spark.example.com:7077"
    answer = leadlens("features", path, "--engine", "spark", "--master", master)
    assert answer.code == 2
    assert told in answer.err


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"memory": "much"}, "engine.memory"),
        ({"work": "s3://bucket/x"}, "mount a shared disk"),
        ({"name": "flink"}, "engine.name"),
    ],
)
def test_engine_settings_that_cannot_be_are_wrong_use(
    project: LittleProject, engine: dict[str, str], told: str
) -> None:
    project.settings["engine"] = engine
    answer = leadlens("features", project.write())
    assert answer.code == 2
    assert told in answer.err


def test_memory_is_bounded_and_the_rest_goes_to_the_working_folder(project: LittleProject) -> None:
    project.settings["engine"] = {"memory": "1 GB", "work": "spilled"}
    history = open_history(load_project(project.write()))
    told = history.engine.frame(
        "SELECT current_setting('memory_limit') AS memory, current_setting('temp_directory') AS folder"
    )
    assert told.loc[0, "memory"] in ("953.6 MiB", "1.0 GB", "953.7 MiB")
    assert told.loc[0, "folder"] == str(project.folder / "spilled")


def test_where_the_sql_runs_changes_no_fingerprint(project: LittleProject) -> None:
    before = load_project(project.write()).fingerprint
    project.settings["engine"] = {"name": "spark", "master": "local[3]", "memory": "2g"}
    assert load_project(project.write()).fingerprint == before
