"""The feature benchmark at tiny size: it runs, its world is what it says, and it notices wrong values."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.feature_bench.agree import disagreement
from benchmarks.feature_bench.world import END, NIGHT, World, make

ROOT = Path(__file__).parents[1]
FIGURES = {"scan_s", "one_asof_x_scan", "twelve_x_one", "pandas_x", "featuretools_x",
           "peak_gib_20m", "peak_gib_100m"}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.features", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_ends_with_one_line_of_json(tmp_path: Path) -> None:
    size = ("--events", "20000", "--leads", "100", "--rounds", "1", "--folder", str(tmp_path))
    done = run(*size, "--skip", "other,featuretools,100m")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["bench"] == "features"
    assert set(told["figures"]) == FIGURES
    unmeasured = {name for name, value in told["figures"].items() if value is None}
    assert unmeasured == {"featuretools_x", "peak_gib_100m"}
    assert all(value > 0 for name, value in told["figures"].items() if name not in unmeasured)
    assert done.stdout.count("values equal") == 2  # pandas came to the same, at one as-of and at twelve
    assert "91 columns" in done.stdout


def test_a_part_that_fails_is_told_and_costs_the_exit_code(tmp_path: Path) -> None:
    size = ("--events", "2000", "--leads", "10", "--rounds", "1", "--folder", str(tmp_path))
    done = run(*size, "--skip", "other,pandas,100m", "--featuretools", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "no featuretools at" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["figures"]["featuretools_x"] is None


def test_unknown_part_to_skip(tmp_path: Path) -> None:
    done = run("--skip", "tuesday", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "'tuesday'" in done.stderr


@pytest.mark.parametrize("shape", ["visits", "even"])
def test_the_world_is_the_same_every_time(shape: str, tmp_path: Path) -> None:
    first, again = (World(tmp_path / name, shape, 5_000, 50) for name in ("a", "b"))
    make(first)
    make(again)
    for path in ("events-00.parquet", "night.parquet", "spine-twelve.parquet"):
        assert (first.home / path).read_bytes() == (again.home / path).read_bytes()


@pytest.mark.parametrize("shape", ["visits", "even"])
def test_the_night_holds_what_was_not_known_before(shape: str, tmp_path: Path) -> None:
    world = World(tmp_path, shape, 400_000, 200)
    make(world)
    tell = "SELECT count(*), min(known_at), max(known_at), min(occurred_at) FROM read_parquet(?)"
    before, _, known, _ = duckdb.execute(tell, [world.months]).fetchall()[0]
    fresh, first_known, last_known, first_occurred = duckdb.execute(tell, [world.night]).fetchall()[0]
    assert known < END <= first_known <= last_known < NIGHT
    assert first_occurred < END  # late news of the year before
    assert before == pytest.approx(400_000, rel=0.02)
    assert fresh == pytest.approx(4_000, rel=0.1)


def test_a_wrong_value_or_a_missing_row_is_noticed(tmp_path: Path) -> None:
    def write(name: str, rows: str) -> str:
        path = str(tmp_path / f"{name}.parquet")
        duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS t(row_id, a__count, a__recency)) TO '{path}'")
        return path

    true = write("true", "(0, 3, 1.5), (1, 0, NULL)")
    assert disagreement(true, true) == ""
    assert disagreement(write("near", "(0, 3, 1.5000000000001), (1, 0, NULL)"), true) == ""
    assert "a__recency (1)" in disagreement(write("far", "(0, 3, 1.500001), (1, 0, NULL)"), true)
    assert "a__count (1)" in disagreement(write("count", "(0, 3, 1.5), (1, 1, NULL)"), true)
    assert "a__recency (1)" in disagreement(write("known", "(0, 3, 1.5), (1, 0, 2.0)"), true)
    assert "1 of 2 rows are missing" in disagreement(write("few", "(0, 3, 1.5)"), true)
