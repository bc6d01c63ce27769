"""The DuckDB file: who holds it, what stands in its place, what a reader sees."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from leadlens.features.errors import LeadlensError, RoomError
from leadlens.pipeline.writeback import duckdb as writer
from leadlens.pipeline.writeback import write_scores
from leadlens.pipeline.writeback.duckdb import explained
from tests.pipeline.writeback_samples import StoppedRun, run, scores


def test_a_second_run_is_told_who_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WAIT_SECONDS", 0.3)
    to = f"duckdb:///{tmp_path / 'scores.duckdb'}"
    first = StoppedRun(to, "staged")
    with pytest.raises(LeadlensError) as caught:
        write_scores(scores(), to, run=run())
    assert f"process {first.process.pid}" in caught.value.what
    assert "wait until it has finished" in str(caught.value)
    assert first.finish() == (5, 0, 0)
    assert write_scores(scores(seed=1), to, run=run()).unchanged == 5


def test_a_file_open_elsewhere_in_this_program(tmp_path: Path) -> None:
    path = tmp_path / "scores.duckdb"
    write_scores(scores(), f"duckdb:///{path}", run=run())
    told = pytest.raises(LeadlensError, match="another part of this program")
    with duckdb.connect(path, read_only=True), told:
        write_scores(scores(seed=1), f"duckdb:///{path}", run=run())
    with duckdb.connect() as engine, told:
        engine.execute(f"ATTACH '{path}' AS crm (READ_ONLY)")
        write_scores(scores(seed=1), f"duckdb:///{path}", run=run())


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert write_scores(scores(), f"duckdb:///{tmp_path}/new/folder/scores.duckdb", run=run()).inserted == 5


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "leads.duckdb"
    path.write_text("lead_id,name\n1,Anna\n" * 1000)
    before = path.read_bytes()
    with pytest.raises(LeadlensError, match="not a DuckDB database"):
        write_scores(scores(), f"duckdb:///{path}", run=run())
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_file_is_called_damaged_and_left_alone(tmp_path: Path, damage: str) -> None:
    """Neither its path nor its permissions are to blame."""
    path = tmp_path / "scores.duckdb"
    write_scores(scores(), f"duckdb:///{path}", run=run())
    whole = path.read_bytes()
    half = whole[: len(whole) // 2]
    path.write_bytes(half if damage == "cut" else half + bytes(len(whole) - len(half)))
    damaged = path.read_bytes()
    with pytest.raises(LeadlensError, match=r"is damaged.*\n(.*\n)*.*move it away"):
        write_scores(scores(seed=1), f"duckdb:///{path}", run=run())
    assert path.read_bytes() == damaged


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "scores.duckdb"):
        with pytest.raises(LeadlensError, match=r"cannot be (written|opened)|a folder has this name"):
            write_scores(scores(), f"duckdb:///{path}", run=run())


@pytest.mark.parametrize("name", ["crm", "main", "lead_scores"])
def test_a_file_called_like_a_schema_in_it(tmp_path: Path, name: str) -> None:
    """In crm.duckdb, crm.lead_scores may mean the catalog or the schema."""
    path = tmp_path / f"{name}.duckdb"
    to = f"duckdb:///{path}"
    assert write_scores(scores(), to, table=f"{name}.lead_scores", run=run()).inserted == 5
    assert write_scores(scores(), to, table=f"{name}.lead_scores", run=run()).unchanged == 5
    with duckdb.connect(path, read_only=True) as connection:
        tables = "SELECT schema_name FROM duckdb_tables() WHERE table_name = 'lead_scores'"
        assert connection.execute(tables).fetchall() == [(name,)]
    moved = path.rename(tmp_path / "moved.duckdb")
    with duckdb.connect(moved, read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {name}.open_lead_scores").fetchall() == [(5,)]


def test_a_full_disk_is_called_so() -> None:
    """DuckDB reports it as a transaction that failed, which was taken for a file in use."""
    for text in (
        "Failed to commit: Could not write file: No space left on device",
        "fsync failed: Disk quota exceeded",
    ):
        error = explained(duckdb.TransactionException(f"TransactionContext Error: {text}"), "scores.duckdb")
        assert isinstance(error, RoomError)
        assert "space left on the disk" in str(error)


@pytest.mark.skipif(os.name != "posix", reason="needs a path with a quote in it")
def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / 'o\'dd "näme" 100%.duckdb'
    assert write_scores(scores(), f"duckdb:///{path}", run=run()).inserted == 5
    assert path.exists()
