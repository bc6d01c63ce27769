"""Columns of the user's that are named like those of our statements are read like any others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return LittleProject(tmp_path)


def _features_of_events(project: LittleProject, name: str) -> set[str]:
    with (
        open_history(load_project(project.write())) as history,
        build_spine(history, SpinePolicy(at_ages=(timedelta(days=60),))) as spine,
    ):
        plan = plan_vocabulary(history, spine, FeatureSettings())
        return {key.name.replace(f":{name}=", ":page=") for key in plan.keys}


@pytest.mark.parametrize("name", ["as_of", "AS_OF", "rows", "s", "value"])
def test_a_property_keeps_its_features_under_any_name(little: LittleProject, name: str) -> None:
    usual = _features_of_events(little, "page")
    assert any(":page=" in key for key in usual)
    little.events = little.events.rename(columns={"page": name})
    assert _features_of_events(little, name) == usual


@pytest.mark.parametrize("policy", [{"every": "7d"}, {"dates": ["2024-03-01"]}, {"at_ages": ["1d"]}])
def test_a_lead_may_have_an_as_of(little: LittleProject, policy: dict[str, object]) -> None:
    little.leads["as_of"] = little.leads["city"]
    little.settings["spine"] = policy
    assert leadlens("check", little.write()).code == 0


def test_a_lead_may_have_a_reason(little: LittleProject) -> None:
    little.leads["reason"] = little.leads["city"]
    some = str(little.leads["city"].dropna().iloc[0])
    little.settings["hygiene"] = {"exclude_leads": f"city = '{some}'"}
    answer = leadlens("check", little.write())
    assert answer.code == 0, answer.err


def test_a_lead_may_have_a_column_converted_beside_its_outcome(little: LittleProject) -> None:
    little.leads["won"] = [place % 4 == 0 for place in range(len(little.leads))]
    little.leads["converted"] = little.leads["city"]
    little.settings["outcome"] = {"column": "won"}
    del little.data["conversions"], little.settings["spine"]
    answer = leadlens("check", little.write())
    assert answer.code == 0, answer.err
