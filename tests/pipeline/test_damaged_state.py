"""A state folder in which something is broken is named, not called an error of Leadlens; nothing in it is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from leadlens.features import DataError, UsageError
from leadlens.pipeline.exit_codes import INTERNAL, as_user_error, exit_code
from tests.pipeline.little_project import LittleProject, leadlens

GARBAGE = b"no database at all\n" * 500


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    state = tmp_path / "state"
    monkeypatch.setenv("LEADLENS_HOME", str(state))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state.mkdir()
    return state


@pytest.mark.parametrize(
    ("command", "name"),
    [("models", "mlflow.db"), ("score", "mlflow.db"), ("train", "mlflow.db"), ("train", "optuna.db")],
)
def test_a_database_that_is_none(state: Path, tmp_path: Path, command: str, name: str) -> None:
    (state / name).write_bytes(GARBAGE)
    project = LittleProject(tmp_path).write()
    arguments = {"score": ("--to", str(tmp_path / "scores.csv")), "train": ("--trials", "1")}.get(command, ())
    answer = leadlens(command, project, *arguments)
    assert answer.code == 1, answer.err
    assert f"{state / name}: a database of the state folder is damaged\n" in answer.err
    assert "move it away" in answer.err
    assert (state / name).read_bytes() == GARBAGE
    if command == "score":
        runs = leadlens("runs", project)
        assert "(exit code 1)" in " ".join(runs.out.split())
        assert "is damaged" in runs.out


def test_a_database_of_which_a_page_is_broken(state: Path) -> None:
    path = state / "studies.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE numbers (number INTEGER, text TEXT)")
        database.executemany("INSERT INTO numbers VALUES (?, ?)", [(n, "x" * 200) for n in range(500)])
    database.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 8] = bytes(4096 * 5)
    path.write_bytes(raw)
    sqlite3.connect(state / "whole.db").execute("CREATE TABLE other (number INTEGER)").connection.close()
    with pytest.raises(sqlite3.DatabaseError) as raised:
        sqlite3.connect(path).execute("SELECT count(text || number) FROM numbers").fetchall()
    told = as_user_error(raised.value)
    assert isinstance(told, DataError)
    assert told.where == str(path)
    assert exit_code(raised.value) == 1


def test_a_file_in_the_place_of_a_folder(state: Path, tmp_path: Path) -> None:
    (state / "runs").write_text("mine")
    answer = leadlens("score", LittleProject(tmp_path).write(), "--to", str(tmp_path / "scores.csv"))
    assert answer.code == 2, answer.err
    assert f"{state / 'runs'}: a file stands where a folder of the state should be\n" in answer.err
    assert (state / "runs").read_text() == "mine"


@pytest.mark.parametrize("name", ["mlflow.db", "optuna.db"])
def test_a_folder_in_the_place_of_a_database(state: Path, tmp_path: Path, name: str) -> None:
    (state / name).mkdir()
    answer = leadlens("train", LittleProject(tmp_path).write(), "--trials", "1")
    assert answer.code == 2, answer.err
    assert f"{state / name}: a folder stands where a file of the state should be\n" in answer.err


def test_a_folder_in_the_place_of_another_file_and_a_link_to_nowhere(state: Path) -> None:
    (state / "serving" / "little" / "serving.json").mkdir(parents=True)
    (state / "runs").symlink_to(state / "gone")
    replaced = IsADirectoryError(21, "Is a directory", str(state / "new"))
    replaced.filename2 = str(state / "serving" / "little" / "serving.json")
    for error, place in (
        (replaced, "serving/little/serving.json"),
        (FileExistsError(17, "File exists", str(state / "runs")), "runs"),
    ):
        told = as_user_error(error)
        assert isinstance(told, UsageError)
        assert told.where == str(state / place)


def test_what_is_elsewhere_is_another_matter(state: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for error in (
        NotADirectoryError(20, "Not a directory", str(tmp_path / "file" / "below")),
        sqlite3.DatabaseError("file is not a database"),
        sqlite3.OperationalError("no such table: runs"),
    ):
        assert as_user_error(error) is error
        assert exit_code(error) == INTERNAL
    (state / "models").write_text("mine")
    behind = ValueError("odd")
    behind.__cause__ = FileExistsError(17, "File exists", str(state / "models"))
    assert isinstance(as_user_error(behind), UsageError)
    mine = UsageError("said by us")
    mine.__cause__ = behind.__cause__
    assert as_user_error(mine) is mine
