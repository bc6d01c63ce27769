"""A training set that does not fit in memory is sampled from end to end, and every command says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from leadlens import compare, load_project, open_history, promote, train, write_starter
from leadlens.models.prediction import sheet_probability
from leadlens.pipeline.cli.render.jobs import render_training
from leadlens.pipeline.cli.render.registry import render_promotion
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset import lead_sample
from leadlens.pipeline.dataset.judged import out_of_time
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.jobs.list_features import list_features
from leadlens.pipeline.jobs.train import Training
from leadlens.pipeline.registry.mlflow_registry import Registry
from tests.pipeline.little_project import leadlens

FIT = 780  # rows of the starter, which has 2,158 to learn from and 768 to judge on


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFile]:
    """The starter project, with a store of its own, where a cell takes so much that few rows fit."""
    folder = tmp_path_factory.mktemp("starter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(lead_sample, "_FEWEST_ROWS", 50)
        write_starter(folder / "project")
        path = folder / "project" / "project.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "\nengine: {memory: 1GB}\n", encoding="utf-8")
        file = load_project(folder / "project")
        columns = build_training_set(file, open_history(file)).room.columns
        patch.setattr(lead_sample, "BYTES_PER_CELL", 10**9 // (columns * FIT))
        yield file


@pytest.fixture(scope="module")
def trained(starter: ProjectFile) -> Training:
    return train(starter, trials=1)


def test_training_learns_from_a_sample_and_says_so(starter: ProjectFile, trained: Training) -> None:
    sample = trained.sample
    assert sample is not None
    assert 0.6 * FIT < trained.rows["train"] + trained.rows["test"] < 1.1 * FIT
    assert sample.message in trained.warnings
    assert "engine.memory allows 1.0 GB: raise it" in sample.message
    told = trained.to_dict()["sample"]
    assert json.loads(json.dumps(told)) == told
    assert told["weights"]["others"] > 1
    assert any(sample.message in line for line in render_training(trained, "starter"))
    assert trained.comparison is not None
    assert sample.message in trained.comparison.to_dict()["meta"]["warnings"]
    client = Registry(trained.project).client
    assert client.get_run(trained.run_id).data.params["sampled"] == "True"
    assert "sample.json" in {item.path for item in client.list_artifacts(trained.run_id)}


def test_its_base_rates_are_those_of_all_rows(starter: ProjectFile, trained: Training) -> None:
    rows = trained.training_set
    with split_snapshots(open_history(starter), starter.project) as split:
        assert rows.base_rate == pytest.approx(split.base_rate, rel=1e-12)
        train_rows = split.train.rows
    assert rows.label[rows.train].mean() > 1.5 * rows.base_rate, "conversions are kept, others are not"
    assert rows.train_weight is not None
    assert rows.train_weight.sum() == pytest.approx(train_rows, rel=1e-12)
    assert trained.bundle.model.about["stands_for"] == pytest.approx(train_rows, abs=0.01)
    fitted, rules = trained.bundle.recipe.sheet_probability, rows.rules
    assert fitted is not None
    assert rules is not None
    ranked = rules.take(rows.train).scores.set_index("row_id")["disqualified_by"].isna()
    label, weight = rows.label[rows.train][ranked], rows.train_weight[ranked]
    claimed = sheet_probability(fitted, rules, label.index)
    assert (claimed * weight).sum() == pytest.approx((label * weight).sum(), rel=1e-6)
    assert trained.training_set.base_rate == out_of_time(rows, trained.bundle).base_rate


def test_rows_of_a_saved_matrix_are_the_same(starter: ProjectFile, trained: Training, tmp_path: Path) -> None:
    list_features(starter, tmp_path / "matrix")
    assert len(pd.read_parquet(tmp_path / "matrix" / "features.parquet")) > 2 * FIT, "all rows are written"
    read, built = (
        build_training_set(starter, open_history(starter), tmp_path / "matrix"),
        trained.training_set,
    )
    pd.testing.assert_frame_equal(read.matrix.frame, built.matrix.frame)
    pd.testing.assert_frame_equal(read.matrix.spine, built.matrix.spine)
    pd.testing.assert_series_equal(read.label, built.label)
    pd.testing.assert_series_equal(read.part, built.part)
    assert read.weight is not None
    assert built.weight is not None
    pd.testing.assert_series_equal(read.weight, built.weight)
    assert read.warnings == built.warnings


def test_judging_keeps_within_the_limit_too(starter: ProjectFile, trained: Training, tmp_path: Path) -> None:
    def judged(warnings: list[str]) -> bool:
        return any(text.startswith("a sample of leads: judged on") for text in warnings)

    done = compare(starter, out=tmp_path / "report")
    facts = json.loads(done.json.read_text(encoding="utf-8"))
    assert FIT / 2 < facts["rows"] < 768, "no rows to learn from beside them"
    assert judged(facts["meta"]["warnings"])
    first = promote(starter, force="whatever it is worth")
    assert first.rows == facts["rows"]
    train(starter, trials=1)
    against = promote(starter, force="two models take twice the room")
    assert against.rows == pytest.approx(FIT / 2, rel=0.15)
    for gate in (first, against):
        assert judged(list(gate.notes))
        assert gate.notes[0] in " ".join(render_promotion(gate))
        assert gate.to_dict()["notes"] == list(gate.notes)


def test_check_and_audit_draw_rows_too(starter: ProjectFile) -> None:
    found = check(starter)
    assert [finding.code for finding in found.findings].count("sampled") == 1
    assert found.counts["mature"] > 2 * FIT, "counts are those of all rows"
    report = audit(starter, sample=5)
    assert report.rows < 1.2 * FIT
    assert any(finding.code == "sampled" for finding in report.findings)


def test_the_command_says_it(starter: ProjectFile) -> None:
    answer = leadlens("train", starter.path, "--trials", "1", "--json")
    assert answer.facts["sample"]["memory"] == 10**9
    assert any("learned from all 82 leads with a conversion" in text for text in answer.facts["warnings"])


def test_with_room_for_all_nothing_is_sampled(starter: ProjectFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_sample, "BYTES_PER_CELL", 1)
    rows = build_training_set(starter, open_history(starter))
    assert (rows.sample, rows.weight, rows.train_weight) == (None, None, None)
    assert not any("sample" in warning for warning in rows.warnings)
