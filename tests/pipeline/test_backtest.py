"""Back-tests of a project: only what was known at each date, nothing registered, dates that cannot be judged named."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens import load_project
from leadlens.pipeline.jobs.backtest import BackTesting, backtest
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.runs import RunStore
from tests.pipeline.little_project import START, LittleProject, leadlens

LENSES = ("leadlens", "model_before", "base_rate")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    little = LittleProject(tmp_path / "little")
    little.settings["spine"] = {"at_ages": ["0d", "1d", "3d"]}
    little.settings["model"] = {"folds": 2}
    little.settings["judge"] = {"embargo": "0d"}  # a back-test waits for every outcome all the same
    return little


def test_it_is_judged_date_by_date_and_registers_nothing(project: LittleProject, tmp_path: Path) -> None:
    done = leadlens("backtest", project.write(), "--every", "20d", "--calls", "6", "--json")
    assert done.code == 0, done.err
    facts = done.facts
    ends = [datetime.fromisoformat(each["ends"]) for each in facts["periods"]]
    last = max(project.leads["created_at"].max(), project.conversions["converted_at"].max())
    assert ends[-1] <= last - timedelta(days=10), "every outcome is known"
    assert [b - a for a, b in itertools.pairwise(ends)] == [timedelta(days=20)] * (len(ends) - 1)
    (first, *_) = facts["left_out"]
    assert first["why"].startswith("too few conversions: ")
    assert f"{len(facts['left_out'])} date left out:" in facts["story"]
    assert facts["more"].keys() == {"model_before", "base_rate"}
    assert facts["periods"][0]["found"]["model_before"] is None
    assert facts["figures"]["leadlens"]["roc_auc"]["value"] > 0.6
    assert facts["random_split"]["figures"]["roc_auc"] > 0.5
    for each in facts["periods"]:
        created = project.leads["created_at"]
        begins = datetime.fromisoformat(each["date"])
        known = created[created + timedelta(days=10) <= begins]
        assert each["train_leads"] == len(known)

    registry = Registry("little")
    assert registry.open("challenger") is None
    assert registry.open("champion") is None
    runs = registry.client.search_runs([registry.client.get_experiment_by_name("little").experiment_id])
    parent = next(run for run in runs if run.info.run_id == facts["mlflow_run"])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in children) == [each["date"][:10] for each in facts["periods"]]
    assert parent.data.metrics["leadlens.found"] == pytest.approx(facts["found"]["leadlens"])
    record = RunStore(tmp_path / "home" / "runs").records()[0]
    assert (record.run_id, record.status) == (facts["run_id"], "done")
    page = Path(facts["page"]).read_text(encoding="utf-8")
    assert facts["headline"] in page
    assert json.loads(Path(facts["json"]).read_text(encoding="utf-8"))["headline"] == facts["headline"]


def run(project: LittleProject) -> BackTesting:
    return backtest(load_project(project.write()), every=timedelta(days=25), periods=1, calls=5)


def test_only_what_was_known_by_a_date_is_learned(project: LittleProject) -> None:
    """Half of the conversions from the date on never happened: its model says the same of the same snapshots."""
    project.leads = project.leads.drop(
        columns="account_id"
    )  # what became of colleagues is known as of a snapshot
    done = run(project)
    date = done.tests.tests[0].date
    one = said(done, date)
    later = project.conversions["converted_at"] >= date
    project.conversions = project.conversions[~later | (np.arange(len(later)) % 2 == 0)]
    other = said(run(project), date)
    both = one.index.intersection(other.index)
    assert len(both) > 30
    pd.testing.assert_series_equal(one[both], other[both])


def said(done: BackTesting, date: datetime) -> pd.Series:
    (test,) = (test for test in done.tests.tests if test.date == date)
    rows = test.rows.assign(probability=test.probability["leadlens"])
    return rows.set_index(["lead_id", "as_of"])["probability"].sort_index()


def test_what_cannot_be_back_tested_is_said_in_words(project: LittleProject) -> None:
    assert leadlens("backtest", project.write(), "--every", "1h").code == 2
    assert leadlens("backtest", project.write(), "--every", "often").code == 2
    few = leadlens("backtest", project.write(), "--every", "60d")
    assert few.code == 1
    assert "a model cannot be trained and judged at any of the past dates" in few.err
    project.settings["data"] = {"leads": {"read": "data/leads.csv"}}
    project.settings |= {"outcome": {"column": "city", "positive": ["Bern"]}, "order": {"column": "income"}}
    del project.settings["spine"]
    project.leads = project.leads.drop(columns=["created_at", "closed_at"])
    path = project.write()
    (path.parent / "data" / "leads.csv").unlink()
    dateless = leadlens("backtest", path)
    assert dateless.code == 2
    assert "a backtest needs dates" in dateless.err, "before anything is read"
    assert "monitoring needs dates" in leadlens("monitor", path).err
    assert START.year == 2024
