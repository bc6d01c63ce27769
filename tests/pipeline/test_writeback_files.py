"""Parquet and CSV: a snapshot that is replaced as a whole, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features.errors import DataError, LeadlensError
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.writeback import SCORE_COLUMNS, write_scores
from tests.pipeline.writeback_samples import AS_OF, StoppedRun, run, scores


@pytest.fixture(params=["parquet", "csv"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"scores.{request.param}"


def _read(path: Path) -> pd.DataFrame:
    times = ["as_of", "confirmed_at"]
    frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in times if name in frame})


def _state(path: Path) -> tuple[bytes, int, int]:
    return path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino


def test_writing_twice_leaves_the_file_untouched(path: Path) -> None:
    first = write_scores(scores(), str(path), run=run())
    assert (first.rows, first.inserted, first.target_shown) == (5, 5, str(path))
    before = _state(path)
    assert write_scores(scores(), str(path), run=run()).unchanged == 5
    assert _state(path) == before


def test_every_run_confirms_the_whole_file(path: Path) -> None:
    for number in (1, 2):
        before = now()
        assert write_scores(scores(), str(path), run=run(f"run-{number}", day=number)).rows == 5
        read = _read(path)
        assert set(read["run_id"]) == {f"run-{number}"}
        assert set(read["status"]) == {"open"}
        assert before <= read["confirmed_at"].min() <= read["confirmed_at"].max() <= now()


def test_newer_scores_in_a_file_stay_unless_asked_in_so_many_words(path: Path) -> None:
    write_scores(scores(), str(path), run=run("newer", day=2))
    before = _state(path)
    with pytest.raises(DataError, match="run newer wrote them as of 2026-03-03"):
        write_scores(scores(seed=1), str(path), run=run())
    assert _state(path) == before
    assert write_scores(scores(seed=1), str(path), run=run(replace_newer=True)).updated == 5


def test_a_file_of_an_earlier_version_is_replaced(path: Path) -> None:
    write_scores(scores(), str(path), run=run())
    old = _read(path).drop(columns=["status", "closed_reason", "confirmed_at"])
    old.to_csv(path, index=False) if path.suffix == ".csv" else old.to_parquet(path)
    assert write_scores(scores(), str(path), run=run("run-2", day=1)).rows == 5
    assert set(_read(path)["status"]) == {"open"}


def test_a_file_is_a_snapshot_of_the_last_run(path: Path) -> None:
    write_scores(scores(), str(path), run=run())
    frame = scores(6).iloc[1:].assign(route=pd.Series(["x"], index=[1]))
    result = write_scores(frame, str(path), run=run("run-2"))
    assert (result.inserted, result.updated, result.unchanged, result.closed) == (1, 1, 3, 1)
    read = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    assert list(read["lead_id"]) == list(frame["lead_id"])
    assert set(read["run_id"]) == {"run-2"}
    assert write_scores(frame.iloc[:2], str(path), run=run("run-3")).unchanged == 2
    assert len(pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)) == 2


def test_values_come_back_as_they_were(path: Path) -> None:
    frame = scores()
    write_scores(frame, str(path), run=run())
    read = pd.read_csv(path, parse_dates=["as_of"]) if path.suffix == ".csv" else pd.read_parquet(path)
    assert list(read.columns) == [column.name for column in SCORE_COLUMNS]
    assert list(read["probability"]) == list(frame["probability"])
    assert list(read["reasons_text"]) == list(frame["reasons_text"])
    assert [json.loads(cell) for cell in read["reasons"]] == list(frame["reasons"])
    assert set(read["as_of"]) == {pd.Timestamp(AS_OF)}


def test_a_killed_run_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(scores(), str(path), run=run())
    before = _state(path)
    StoppedRun(str(path), "written").kill()
    assert _state(path) == before
    assert write_scores(scores(seed=1), str(path), run=run()).updated == 5


def test_two_runs_at_once_end_in_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    first = StoppedRun(str(path), "written", seed=1)
    write_scores(scores(7), str(path), run=run())
    assert first.finish() == (5, 0, 0)
    assert write_scores(scores(seed=1), str(path), run=run()).unchanged == 5
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_file_of_something_else_is_never_overwritten(path: Path) -> None:
    leads = pd.DataFrame({"lead_id": ["1"], "name": ["Anna"]})
    for spoil in (
        lambda: leads.to_csv(path),
        lambda: leads.to_parquet(path),
        lambda: path.write_bytes(b"\xff\0"),
    ):
        spoil()
        before = _state(path)
        with pytest.raises(DataError, match="does not contain scores of Leadlens"):
            write_scores(scores(), str(path), run=run())
        assert _state(path) == before


def test_no_open_lead_makes_an_empty_file_with_columns(path: Path) -> None:
    for _ in range(2):
        assert write_scores(scores(0), str(path), run=run()).rows == 0
    read = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    assert list(read.columns) == [column.name for column in SCORE_COLUMNS]


def test_a_path_that_cannot_be_written(path: Path) -> None:
    path.mkdir()
    with pytest.raises(LeadlensError):
        write_scores(scores(), str(path), run=run())
    (path.parent / "file").touch()
    with pytest.raises(LeadlensError, match=r"cannot be (written|opened)"):
        write_scores(scores(), str(path.parent / "file" / path.name), run=run())


@pytest.mark.skipif(os.name != "posix", reason="links and modes")
def test_a_link_stays_a_link_and_a_mode_stays_a_mode(path: Path) -> None:
    link = path.with_name("link" + path.suffix)
    link.symlink_to(path.name)
    write_scores(scores(), str(link), run=run())
    path.chmod(0o640)
    write_scores(scores(seed=1), str(link), run=run())
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_a_csv_runs_as_a_formula(tmp_path: Path, formula: str) -> None:
    path = tmp_path / "scores.csv"
    frame = scores(2).assign(
        lead_id=[formula, "b"], route=formula, reasons_text=f"{formula}\n=2,=3", fit_points=-2.5
    )
    write_scores(frame, str(path), run=run())
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["lead_id"] == rows[0]["route"] == "'" + formula
    assert {row["fit_points"] for row in rows} == {"-2.5"}
    numbers = {column.name for column in SCORE_COLUMNS if column.kind in ("number", "whole")}
    for row in rows:
        assert not any(
            cell[:1] in set("=+-@\t\r\n") - {""} for name, cell in row.items() if name not in numbers and cell
        )
    assert write_scores(frame, str(path), run=run("run-2")).unchanged == 2


def test_a_csv_that_a_spreadsheet_has_saved_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(scores(), str(path), run=run())
    path.write_text(path.read_text("utf-8-sig").replace("2026-03-01 00:00:00.000000", "01.03.2026"), "utf-8")
    assert write_scores(scores(), str(path), run=run("run-2")).inserted == 5
    assert set(pd.read_csv(path)["run_id"]) == {"run-2"}


def test_excel_is_told_that_a_csv_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(scores(), str(path), run=run())
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
