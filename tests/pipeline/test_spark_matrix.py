"""From one machine to Spark by two commands: the matrix that Spark writes trains a model by the same settings.

On a cluster, features are tested by ``tests/features/test_spark_cluster.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.jobs.list_features import list_features
from leadlens.pipeline.jobs.train import train
from leadlens.pipeline.sources import open_history
from tests.features.spark_support import INTERPRETED, TINY, need_spark
from tests.pipeline.test_saved_matrix import little


def _run(home: Path, *arguments: str | Path) -> dict[str, Any]:
    """The command line in a process of its own, as a user runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "leadlens", *map(str, arguments), "--json"],
        env={**os.environ, "LEADLENS_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_spark_writes_the_matrix_and_training_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_spark()
    project = little(tmp_path / "project")
    work = tmp_path / "work"
    project.settings["engine"] = {"work": str(work), "memory": "512m", "spark": TINY | INTERPRETED}
    project.settings["features"] = {"max_event_keys": 3, "windows": ["1d", "7d"]}
    path, out, plain = project.write(), tmp_path / "spark", tmp_path / "duckdb"
    told = _run(tmp_path, "features", path, "--engine", "spark", "--master", "local[2]", "--out", out)
    assert told["written"] == str(out)
    assert json.loads((out / "matrix.json").read_text())["engine"] == "spark"
    assert list((out / "features.parquet").glob("part-*.parquet"))
    assert not list(work.iterdir()), "tables are left in the working folder"

    file = load_project(path)
    list_features(file, plain)
    one, other = (build_training_set(file, open_history(file), matrix=folder) for folder in (out, plain))
    assert one.plan == other.plan
    assert one.test_from == other.test_from
    assert one.label.equals(other.label)
    assert one.part.equals(other.part)
    for name in other.matrix.frame:
        mine, theirs = one.matrix.frame[name], other.matrix.frame[name]
        numbers = mine.dtype.kind == "f"
        near = (mine - theirs).abs() <= 1e-9 * theirs.abs().clip(lower=1) if numbers else mine == theirs
        assert (near | (mine.isna() & theirs.isna())).all(), name

    trained = []
    for home, folder in (("one", out), ("other", None)):  # each begins its tuning anew
        monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / home))
        trained.append(train(file, trials=2, matrix=folder))
    assert trained[0].params == trained[1].params
    # Decayed sums differ in their last bits, since loops add in another order than SQL: rows with equal values in one matrix
    # may be told apart in the other, and with few rows a tree may split between them.
    for lens, figures in trained[1].figures.items():
        assert trained[0].figures[lens] == pytest.approx(figures, abs=2e-3)
