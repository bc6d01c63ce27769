"""The scientist's way in: the rows as a dataset, and an estimator of one's own on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier

import leadlens
from leadlens.features.errors import UsageError
from leadlens.models.judging.metrics import METRICS
from leadlens.pipeline.dataset.dataset import Dataset
from leadlens.pipeline.jobs.experiment import Experiment
from leadlens.pipeline.jobs.train import Training
from leadlens.pipeline.registry.mlflow_registry import Registry
from tests.pipeline.little_project import LittleProject


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        project = LittleProject(folder)
        project.settings["model"] = {"trials": 1, "folds": 2}
        yield leadlens.training_set(project.write())


@pytest.fixture(scope="module")
def experiment(dataset: Dataset) -> Experiment:
    estimator = LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1, random_state=0)
    return leadlens.train(dataset, estimator=estimator)


@pytest.fixture(scope="module")
def training(dataset: Dataset) -> Training:
    return leadlens.train(dataset)


def test_a_dataset_is_a_table_with_names_labels_and_times(dataset: Dataset) -> None:
    frame = dataset.to_pandas()
    assert list(frame.columns[:5]) == ["lead_id", "as_of", "part", "label", "weight"]
    assert list(frame.columns[5:]) == [column.name for column in dataset.columns]
    assert frame["lead_id"].str.fullmatch(r"L\d{3}").all()
    assert (
        frame.loc[frame["part"] == "train", "as_of"].max() < frame.loc[frame["part"] == "test", "as_of"].min()
    )
    bought = set(dataset.history.engine.frame("SELECT lead_id FROM conversions")["lead_id"])
    assert (frame["lead_id"].isin(bought) == (frame["label"] == 1)).all()
    table = dataset.to_arrow()
    assert table.num_rows == len(frame)
    field = table.schema.field("income")
    assert field.metadata[b"label"].decode() == next(c.label for c in dataset.columns if c.name == "income")
    assert "Dataset(little; train:" in repr(dataset)
    assert "<table" in dataset._repr_html_()


def test_at_a_prompt_a_result_is_some_lines_and_not_its_whole_model(
    training: Training, experiment: Experiment
) -> None:
    for result in (training, experiment):
        assert len(repr(result)) < 4_000

    assert f"version='{training.version}'" in repr(training)
    assert str(experiment.estimator) in repr(experiment)


def test_training_on_a_dataset_is_training_on_its_project(dataset: Dataset, training: Training) -> None:
    again = leadlens.train(dataset.file)
    assert again.figures == training.figures
    assert again.bundle.recipe.data_fingerprint == training.bundle.recipe.data_fingerprint


def test_an_experiment_is_judged_and_logged_and_not_registered(
    dataset: Dataset, experiment: Experiment
) -> None:
    assert list(experiment.figures.index) == ["sum", "estimator alone", "base rate"]
    assert list(experiment.figures.columns) == list(METRICS)
    assert experiment.figures.loc["base rate", "roc_auc"] == 0.5
    assert sum(experiment.weights.values()) == pytest.approx(1)
    registry = Registry("little")
    run = registry.client.get_run(experiment.run_id)
    assert run.data.tags["leadlens.kind"] == "experiment"
    assert run.data.metrics["sum.roc_auc"] == pytest.approx(experiment.figures.loc["sum", "roc_auc"])
    assert "LGBMClassifier" in run.data.params["estimator"]
    versions = registry.client.search_model_versions("name = 'little'")
    assert experiment.run_id not in {version.run_id for version in versions}
    assert "not registered" in experiment._repr_html_()


def test_the_estimator_has_not_seen_what_it_is_judged_on(dataset: Dataset) -> None:
    seen: list[pd.Index] = []

    class Watching(HistGradientBoostingClassifier):
        def fit(self, X: pd.DataFrame, y: object, sample_weight: object = None) -> Watching:
            seen.append(X["income"])
            return super().fit(X, y, sample_weight)

    leadlens.train(dataset, estimator=Watching(max_iter=2))
    assert max(len(rows) for rows in seen) == len(dataset.rows.train)


def test_it_is_held_against_a_model_of_the_same_rows(
    experiment: Experiment, training: Training, tmp_path: Path
) -> None:
    table = experiment.against(training)
    mine, theirs = table["sum"], table[f"version {training.version}"]
    assert np.allclose(table["difference"], mine - theirs)
    assert (table["low"] <= table["difference"] + 1e-12).all()
    assert theirs["roc_auc"] == pytest.approx(training.figures["leadlens"]["roc_auc"])
    other = LittleProject(tmp_path)
    other.settings |= {"model": {"trials": 1, "folds": 2}, "name": "other"}
    other.leads = other.leads.iloc[:150]
    with pytest.raises(UsageError, match="not judged on the same rows"):
        experiment.against(leadlens.train(leadlens.training_set(other.write())))


def test_its_reasons_are_those_of_a_score(experiment: Experiment) -> None:
    some = experiment.label.index[:4]
    scored = experiment.explain(some)
    prediction = scored.prediction
    total = prediction.base_value + prediction.contributions.sum(axis=1)
    assert np.allclose(total, prediction.table["score"])
    assert np.allclose(prediction.table["probability"], experiment.probability.loc[some, "sum"])
    assert len(scored.reasons(3)) == 4


def test_thresholds_and_what_it_goes_by_are_those_of_a_training(
    experiment: Experiment, training: Training
) -> None:
    assert list(experiment.thresholds.columns) == list(training.thresholds.columns)
    assert set(experiment.thresholds["lens"]) == {"leadlens"}
    scored = training.explain()
    assert np.allclose(
        training.insights.importance.set_index("name")["points"],
        scored.prediction.contributions.abs().mean()[training.insights.importance["name"]],
    )
    assert set(experiment.insights.dependence["name"]) <= set(experiment.trained.model.columns)


def test_pictures_show_whole_labels(training: Training) -> None:
    scored = training.explain()
    strongest = str(training.insights.importance["name"].iloc[0])
    long = replace(
        scored.columns[strongest], label="visited " * 40, phrase="visited " * 40, absent="never " * 60
    )
    lengthened = replace(scored, columns=scored.columns | {strongest: long})
    for picture in (leadlens.beeswarm, leadlens.waterfall):
        plain, wide = (_size(picture(one)._repr_png_()) for one in (scored, lengthened))
        assert wide[0] > plain[0] + 1000, "the label is cut"
    assert _size(leadlens.waterfall(scored, int(scored.matrix.frame.index[0]), most=5).png)[1] > 200


def _size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_an_estimator_that_knows_nothing_is_named(dataset: Dataset, experiment: Experiment) -> None:
    knows_nothing = leadlens.train(dataset, estimator=DummyClassifier())
    (warning,) = (text for text in knows_nothing.warnings if "better than chance" in text)
    assert "(ROC AUC 0.500)" in warning
    assert f"weighs {knows_nothing.weights['estimator']:.2f}" in warning
    assert not any("better than chance" in text for text in experiment.warnings)


def test_what_would_be_ignored_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are not searched"):
        leadlens.train(dataset, trials=5, estimator=HistGradientBoostingClassifier())
    with pytest.raises(UsageError, match="minutes=5"):
        leadlens.train(dataset, minutes=5, estimator=HistGradientBoostingClassifier())
    with pytest.raises(UsageError, match="positive number of minutes"):
        leadlens.train(dataset, minutes=0)
    for none in (0, 1.5, "two"):
        with pytest.raises(UsageError, match="at least one process"):
            leadlens.train(dataset, processes=none)  # type: ignore[arg-type]
    assert (
        leadlens.train(dataset, minutes=1e-6).trials == 1
    )  # a project of one trial is not searched for ever
    with pytest.raises(UsageError, match="already has its rows"):
        leadlens.train(dataset, matrix=tmp_path)
    with pytest.raises(UsageError, match="processes=2"):
        leadlens.train(dataset, processes=2, estimator=HistGradientBoostingClassifier())


def test_two_processes_search_in_the_study_of_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    config = LittleProject(tmp_path).write()
    assert leadlens.train(config, trials=2).trials == 2
    assert leadlens.train(config, trials=5, processes=2).trials == 5


def test_the_page_lists_what_the_module_has() -> None:
    page = (Path(__file__).parents[2] / "docs" / "in_python.md").read_text(encoding="utf-8")
    table = page[page.index("| for | functions |") : page.index("## The rows")]
    assert set(re.findall(r"`(\w+)`", table)) == set(leadlens.__all__)


def test_the_module_has_the_jobs_and_nothing_else() -> None:
    assert {"training_set", "train", "score", "explain"} <= set(dir(leadlens))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        leadlens.trian  # noqa: B018
