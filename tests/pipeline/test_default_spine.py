"""Without `spine:` leads with events are learned at the ages at which leads convert, and it is said."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens.features.spine import SpinePolicy
from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.old_leads import OldLeads
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.registry.serving import serving_model
from tests.pipeline.little_project import START, LittleProject, leadlens

DAYS = (2, 8, 8, 16, 16, 16, 40, 40)  # of age, when leads convert
AGES = ["0d", "7d", "14d", "30d"]


def project(folder: Path, *, spine: dict[str, object] | None = None, horizon: str = "20d") -> LittleProject:
    """Leads every six hours; of every four one buys, at one of the ages, and looked at prices an hour before."""
    built = LittleProject(folder)
    count = 480
    ids = [f"L{number:03}" for number in range(count)]
    created = pd.Series([START + timedelta(hours=6 * number) for number in range(count)])
    rng = np.random.default_rng(3)
    built.leads = pd.DataFrame(
        {"lead_id": ids, "created_at": created, "city": rng.choice(["Bern", "Rome", "Oslo"], count)}
    )
    buys = pd.Series([number for number in range(count) if number % 3 == 0])
    ages = pd.Series([timedelta(days=DAYS[place % len(DAYS)]) for place in range(len(buys))])
    converted = created[buys].reset_index(drop=True) + ages
    kept = converted < created.max()
    built.conversions = pd.DataFrame(
        {"lead_id": [ids[at] for at in buys[kept]], "converted_at": converted[kept].to_numpy()}
    )
    looked = [
        (ids[number], created[number] + timedelta(hours=3 + hours), "page_viewed", page)
        for number in range(count)
        for hours, page in ((1, "Careers"), (9, "Pricing" if number % 3 == 0 else "Home"))
    ]
    built.events = pd.DataFrame(looked, columns=["lead_id", "occurred_at", "event_type", "page"])
    built.settings["outcome"] = {"horizon": horizon}
    built.settings["model"] = {"trials": 1, "folds": 2}
    built.settings["drift"] = {"mode": "warn"}  # the data are old
    del built.settings["spine"]
    if spine is not None:
        built.settings["spine"] = spine
    return built


def test_the_ages_are_those_at_which_leads_convert(tmp_path: Path) -> None:
    """A quarter by 8 days, half by 16, three quarters and 95 % by 40: rounded down to ages that people name."""
    path = project(tmp_path).write()
    file = load_project(path)
    with open_history(file) as history:
        chosen = training_spine(history, file.project)
    assert [f"{age.days}d" for age in chosen.policy.at_ages] == AGES
    assert chosen.note is not None
    assert "spine: {at_ages: [0d, 7d, 14d, 30d]}" in chosen.note
    assert "within 21 days, 95 % within 45 days" in chosen.note


@pytest.mark.parametrize("spine", [{"at_ages": ["0d"]}, {"every": "7d"}, {"dates": ["2024-04-01"]}])
def test_what_the_project_says_stands(tmp_path: Path, spine: dict[str, object]) -> None:
    path = project(tmp_path, spine=spine).write()
    file = load_project(path)
    with open_history(file) as history:
        chosen = training_spine(history, file.project)
    assert chosen.note is None
    assert chosen.policy.at_ages == file.project.spine.at_ages


def test_without_events_nothing_changes(tmp_path: Path) -> None:
    built = project(tmp_path)
    del built.data["events"]
    file = load_project(built.write())
    with open_history(file) as history:
        assert training_spine(history, file.project) == type(training_spine(history, file.project))(
            SpinePolicy()
        )


def test_conversions_of_the_test_period_are_not_looked_at(tmp_path: Path) -> None:
    """Were the late conversions read, the ages would be others."""
    built = project(tmp_path)
    built.settings["judge"] = {"test_from": "2024-05-01"}
    late = built.conversions["converted_at"] >= pd.Timestamp("2024-05-01")
    built.conversions.loc[late, "converted_at"] += timedelta(days=30)
    assert late.sum() > 40
    file = load_project(built.write())
    with open_history(file) as history:
        before = training_spine(history, file.project)
    (tmp_path / "again").mkdir()
    again = project(tmp_path / "again")
    again.settings["judge"] = {"test_from": "2024-05-01"}
    other = load_project(again.write())
    with open_history(other) as history:
        assert training_spine(history, other.project) == before


def test_too_few_conversions_say_so(tmp_path: Path) -> None:
    built = project(tmp_path)
    built.conversions = built.conversions.head(4)
    file = load_project(built.write())
    with open_history(file) as history:
        chosen = training_spine(history, file.project)
    assert chosen.policy == SpinePolicy()
    assert "only 4 leads converted" in str(chosen.note)


def test_check_train_features_and_the_record_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = project(tmp_path).write()
    checked = leadlens("check", path, "--json").facts
    found = [item for item in checked["findings"] if item["code"] == "default-spine"]
    assert len(found) == 1
    assert "[0d, 7d, 14d, 30d]" in found[0]["message"]
    assert checked["counts"]["spine"] > 2 * 480
    listed = leadlens("features", path, "--json").facts
    assert any("no `spine` is given" in note for note in listed["notes"])
    assert any(column["family"] == "behavioural" for column in listed["features"])
    trained = leadlens("train", path, "--json")
    assert trained.code == 0, trained.err
    assert any("no `spine` is given" in warning for warning in trained.facts["warnings"])
    record = serving_model("little").bundle.recipe.spine
    assert record is not None
    assert record["at_ages"] == AGES
    assert record["oldest_days"] == 30
    assert "no `spine` is given" in record["chosen"]
    scored = leadlens("score", path, "--dry-run", "--json").facts
    old = next(warning for warning in scored["warnings"] if "more than twice as old" in warning)
    assert old.endswith("or add ages to spine.at_ages, such as 60d and 120d")


@pytest.mark.parametrize(
    ("oldest", "limit"), [(7.0, timedelta(days=14)), (0.0, timedelta(days=20)), (120.0, timedelta(days=240))]
)
def test_old_leads_are_told_for_every_policy(tmp_path: Path, oldest: float, limit: timedelta) -> None:
    """What counts is how old the training rows were, not by which setting they came to be."""
    file = load_project(project(tmp_path, spine={"every": "7d"}).write())
    old = OldLeads.of(file.project, {"oldest_days": oldest})
    assert old.limit == limit
    old.leads, old.old = 100, 26
    assert len(old.warnings()) == 1
    old.old = 25
    assert old.warnings() == []
