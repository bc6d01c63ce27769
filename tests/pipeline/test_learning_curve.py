"""The learning curve: growing shares of the training leads, judged on the same out-of-time rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import pytest

import leadlens
from leadlens.features import DataError, UsageError
from leadlens.models.insights import Insights
from leadlens.models.judging import Measured
from leadlens.pipeline.dataset.dataset import Dataset
from leadlens.pipeline.dataset.learning import learn
from leadlens.pipeline.dataset.learning_curve import LearningCurve, _drawn, _leads
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.report.insights_view import insight_tables
from tests.pipeline.little_project import LittleProject
from tests.pipeline.little_project import leadlens as command


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    folder = tmp_path_factory.mktemp("curve")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        project = LittleProject(folder)
        project.settings["model"] = {"trials": 1, "folds": 2}
        yield leadlens.training_set(project.write())


@pytest.fixture(scope="module")
def curve(dataset: Dataset) -> LearningCurve:
    return leadlens.learning_curve(dataset, shares=(0.5, 1.0))


def test_smaller_draws_lie_in_larger_ones_and_hold_both_outcomes_alike(dataset: Dataset) -> None:
    rows = dataset.rows
    quarter, half = _drawn(rows, 0.25, 0), _drawn(rows, 0.5, 0)
    assert set(_leads(quarter)) < set(_leads(half)) < set(_leads(rows))
    assert set(_leads(_drawn(rows, 0.5, 1))) != set(_leads(half))
    assert half.test.equals(rows.test)
    assert half.label[half.train].mean() == pytest.approx(rows.label[rows.train].mean(), abs=0.02)
    assert len(half.train) == pytest.approx(len(rows.train) / 2, abs=1)


def test_each_point_is_judged_on_all_out_of_time_rows(dataset: Dataset, curve: LearningCurve) -> None:
    rows, whole = dataset.rows, curve.table.iloc[-1]
    model = learn(dataset.file, dataset.history, rows, trials=1).model
    same = Measured(rows.label[rows.test], model.predict_proba(rows.matrix.frame.loc[rows.test]))
    assert whole["average_precision"] == pytest.approx(same.average_precision())
    assert whole["log_loss"] == pytest.approx(same.log_loss())
    assert list(curve.table["share"]) == [0.5, 1.0]
    assert whole["leads"] == len(rows.train)
    assert curve.table["conversions"].is_monotonic_increasing
    for name in ("average_precision", "log_loss", "roc_auc"):
        assert (curve.table[f"{name}_low"] <= curve.table[f"{name}_high"]).all()
        difference, low, high = curve.last_doubling[name]
        assert difference == pytest.approx(np.diff(curve.table[name])[0])
        assert low <= high
    assert f"to {whole['conversions']:,.0f} conversions" in curve.message
    assert json.loads(json.dumps(curve.to_dict(), allow_nan=False))["table"][0]["share"] == 0.5
    assert "<table" in curve._repr_html_()


def test_it_is_a_table_of_the_report(curve: LearningCurve) -> None:
    nothing = pd.DataFrame(columns=["name"])
    table = insight_tables(Insights(importance=nothing, dependence=nothing, curve=curve.table))[0]
    assert table["id"] == "learning-curve"
    assert [row[0] for row in table["rows"]] == ["50 %", "100 %"]
    assert len(table["rows"][0]) == len(table["head"])


def test_shares_that_say_nothing_are_refused(dataset: Dataset) -> None:
    for shares in ((1.0,), (0.5, 0.25, 1.0), (0.0, 1.0), (0.5, 0.9)):
        with pytest.raises(UsageError, match="increase and end at 1"):
            leadlens.learning_curve(dataset, shares=shares)
    with pytest.raises(DataError, match="one outcome alone"):
        leadlens.learning_curve(dataset, shares=(0.001, 1.0))


def test_train_puts_it_into_the_run(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "leadlens.pipeline.jobs.train.learning_curve", partial(leadlens.learning_curve, shares=(0.5, 1.0))
    )
    done = command("train", dataset.file.path, "--learning-curve", "--json")
    assert done.code == 0, done.err
    client = Registry("little").client
    assert "learning_curve.csv" in {item.path for item in client.list_artifacts(done.facts["run_id"])}
