"""What 0.3.0 left with its users is read by the present code: project, sheet versions, matrix, model and scores."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens import load_project, open_history, score, train
from leadlens.models.prediction import predict_frame
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.scorecards.versions import SheetStore
from leadlens.pipeline.writeback import RunManifest, write_scores

OLD = Path(__file__).parent / "assets" / "0.3.0"
ACTIVE, DRAFT = "9dc6ba458344", "a6f5dc61015a"
AS_OF = datetime(2025, 3, 1)
NUMBERS = ["probability", "score", "grade", "stage", "trend", "route", "fit_points", "engagement_points",
           "rule_points", "rule_grade", "rule_stage", "scorecard_version"]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    """The old project, with the versions of its sheet and its registered model in a home of its own."""
    home = tmp_path / "home"
    monkeypatch.setenv("LEADLENS_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(OLD / "project", tmp_path / "project")
    (home / "sheets").mkdir(parents=True)
    shutil.copy(OLD / "versions.sqlite", home / "sheets" / "shop.sqlite")
    return load_project(tmp_path / "project")


@pytest.fixture
def old_model(project: ProjectFile) -> Bundle:
    """The old model as the project's champion."""
    client = Registry(project.project.name).client
    client.create_registered_model(project.project.name)
    version = client.create_model_version(project.project.name, str(OLD / "model"))
    client.set_registered_model_alias(project.project.name, "champion", version.version)
    return Registry(project.project.name).serving().bundle


def predictions() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows as the old model takes them, and what it made of them."""
    table = pd.read_csv(OLD / "predictions.csv", index_col="row_id", float_precision="round_trip")
    return table.drop(columns=["probability", "score"]), table[["probability", "score"]]


@pytest.fixture
def old_scores(tmp_path: Path) -> Path:
    """The database of the old scores."""
    path = tmp_path / "scores.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute((OLD / "scores" / "schema.sql").read_text())
        for table in ("lead_scores", "lead_scores_history", "scoring_runs"):
            database.execute(f"COPY {table} FROM '{OLD}/scores/{table}.csv' (HEADER)")
    return path


def read(path: Path, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(path), read_only=True) as database:
        return database.execute(sql).df()


COLUMNS = "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() ORDER BY ALL"
SCORES = f"SELECT lead_id, as_of, {', '.join(NUMBERS)} FROM lead_scores ORDER BY lead_id"


def test_a_project_keeps_its_fingerprint_and_its_sheet_its_version(project: ProjectFile) -> None:
    recipe = json.loads((OLD / "model" / "artifacts" / "bundle" / "recipe.json").read_text(encoding="utf-8"))
    sheet = Sheet.load(project.folder / "scorecards" / "shop.yaml")
    assert project.fingerprint == recipe["project_fingerprint"]
    assert sheet.version == recipe["sheet_version"].split()[-1] == ACTIVE


def test_a_store_of_versions_returns_the_active_sheet(project: ProjectFile, tmp_path: Path) -> None:
    store = SheetStore(tmp_path / "home" / "sheets" / "shop.sqlite")
    assert store.names() == ["shop"]
    assert [(kept.version, kept.stage) for kept in store.versions("shop")] == [
        (ACTIVE, "active"),
        (DRAFT, "draft"),
    ]
    active = store.active("shop")
    assert active is not None
    assert active.content() == Sheet.load(project.folder / "scorecards" / "shop.yaml").content()
    assert store.get("shop", DRAFT).version == DRAFT
    assert "# A sheet of 0.3.0" in store.yaml("shop", ACTIVE)
    assert [move.to_stage for move in store.history("shop")] == ["draft", "test", "active", "draft"]
    assert store.move("shop", DRAFT, "test", reason="On it goes").stage == "test"


def test_a_bundle_gives_the_same_scores() -> None:
    given, expected = predictions()
    bundle = Bundle.load(OLD / "model" / "artifacts" / "bundle")
    # Sums of floats may differ in the last bit between processors.
    pd.testing.assert_frame_equal(predict_frame(bundle.model, given), expected, rtol=1e-12, atol=0)


def test_a_bundle_saved_again_is_the_same(tmp_path: Path) -> None:
    old = OLD / "model" / "artifacts" / "bundle"
    Bundle.load(old).save(tmp_path)
    for path in old.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_registered_model_loads_by_mlflow(project: ProjectFile) -> None:
    given, expected = predictions()
    loaded = Registry(project.project.name).mlflow.pyfunc.load_model(str(OLD / "model"))
    pd.testing.assert_frame_equal(loaded.predict(given), expected, rtol=1e-12, atol=0)


def test_a_saved_matrix_is_what_is_built_today(project: ProjectFile) -> None:
    built, saved = (
        build_training_set(project, open_history(project), matrix=matrix) for matrix in (None, OLD / "matrix")
    )
    pd.testing.assert_frame_equal(saved.matrix.frame, built.matrix.frame, rtol=1e-12, atol=0)
    pd.testing.assert_series_equal(saved.label, built.label)
    pd.testing.assert_series_equal(saved.part, built.part)
    assert (saved.plan, saved.test_from) == (built.plan, built.test_from)


def test_a_saved_matrix_trains(project: ProjectFile) -> None:
    done = train(project, trials=1, matrix=OLD / "matrix")
    assert done.rows == {"train": 273, "test": 97}


def test_an_old_model_scores_into_its_old_table(
    project: ProjectFile, old_model: Bundle, old_scores: Path
) -> None:
    columns, before = read(old_scores, COLUMNS), read(old_scores, SCORES)
    done = score(project, as_of=AS_OF, to=f"duckdb:///{old_scores}")
    assert done.alias == "champion"
    assert done.written is not None
    assert (done.written.inserted, done.written.updated + done.written.unchanged) == (0, len(before))
    now = read(old_scores, COLUMNS)
    types = ["table_name", "column_name", "data_type"]
    assert set(now[types].itertuples(index=False)) > set(columns[types].itertuples(index=False))
    left = set(columns.itertuples(index=False)) - set(now.itertuples(index=False))
    assert {row.table_name for row in left} <= {"scoring_runs"}, "a run that is not over has no counts yet"
    ours = now.loc[now["table_name"] == "lead_scores", "column_name"]
    assert {"status", "closed_reason", "confirmed_at"} <= set(ours)
    pd.testing.assert_frame_equal(read(old_scores, SCORES), before, rtol=1e-12, atol=0)
    again = score(project, as_of=AS_OF, to=f"duckdb:///{old_scores}")
    assert again.written is not None
    assert (again.written.inserted, again.written.updated) == (0, 0)


def test_equal_scores_change_nothing_in_an_old_table(old_scores: Path) -> None:
    kept = read(old_scores, "SELECT * EXCLUDE (run_id, model_version, scorecard_version, explanation_url) FROM lead_scores")  # fmt: skip
    versions = read(old_scores, "SELECT DISTINCT model_version, scorecard_version FROM lead_scores").iloc[0]
    for name in ("reasons", "ledger"):
        kept[name] = kept[name].map(json.loads)
    run = RunManifest(as_of=AS_OF, config_fingerprint="", **versions.to_dict())
    done = write_scores(kept, f"duckdb:///{old_scores}", table="lead_scores", run=run)
    assert (done.inserted, done.updated, done.unchanged) == (0, 0, 8)
    assert len(read(old_scores, "SELECT * FROM scoring_runs")) == 2
