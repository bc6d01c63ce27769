"""`protected`: columns by which people are protected are no features, and how their groups fare is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import leadlens
from leadlens.features.errors import UsageError
from leadlens.pipeline.dataset.protected import _groups
from tests.pipeline.little_project import LittleProject
from tests.pipeline.little_project import leadlens as command

SHEET: dict[str, Any] = {
    "sheet": "hand",
    "attributes": [
        {"label": "A man", "when": "gender = 'm'", "points": 5},
        {"label": "Not a woman", "when": "feature.gender <> 'f'", "points": 1},
        {"label": "Earns well", "when": "income > 2000", "points": 5},
    ],
    "actions": [{"label": "Prices", "when": "page = 'Pricing'", "points": 20, "per": "once"}],
    "disqualify": [{"label": "Steel", "when": "account.industry = 'Steel' AND income < 0"}],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    """Men have a shoe size of 43, women mostly of 38; ages are from 20 to 59."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    little = LittleProject(tmp_path).use("accounts")
    at = np.arange(len(little.leads))
    male = (at * 11 % 7) < 3
    little.leads["gender"] = np.where(male, "m", "f")
    little.leads["shoe"] = np.where(male, 43.0, 38.0 + 5 * (at % 10 == 0))
    little.leads["age"] = 20.0 + at * 7 % 40
    little.settings["model"] = {"trials": 1, "folds": 2}
    little.settings["judge"] = {"test_share": 0.5, "embargo": "0d"}
    little.settings["protected"] = ["gender"]
    return little


def with_sheet(project: LittleProject) -> Path:
    (project.folder / "sheet.yaml").write_text(yaml.safe_dump(SHEET), encoding="utf-8")
    project.settings["scorecards"] = ["sheet.yaml"]
    return project.write()


def test_it_is_no_feature_and_what_brings_it_back_is_named(project: LittleProject) -> None:
    path = with_sheet(project)
    answer = command("check", path, "--json")
    assert answer.code == 0, answer.err + answer.out
    facts = answer.facts
    found = {finding["code"]: finding for finding in facts["findings"]}
    assert found["protected-in-sheet"]["message"].startswith(
        "the sheet hand reads protected columns (A man, Not a woman):"
    )
    assert "! the sheet hand reads protected columns (" in command("scorecard", "check", path).out
    assert "“Shoe” (ROC AUC 0.9" in found["protected-proxy"]["message"]
    assert (found["protected-proxy"]["level"], found["protected-unnamed"]["level"]) == ("warning", "note")
    assert "protected: [age] keeps it out" in found["protected-unnamed"]["message"]
    assert {"column": "gender", "code": "protected"}.items() <= next(
        column for column in facts["unused_columns"] if column["column"] == "gender"
    ).items()
    names = [column["name"] for column in command("features", path, "--json").facts["features"]]
    assert not [name for name in names if "gender" in name]
    assert "age" in names
    project.settings["protected"] = ["gender", "age"]
    codes = {finding["code"] for finding in command("check", project.write(), "--json").facts["findings"]}
    assert "protected-unnamed" not in codes


def test_groups_are_in_the_report_and_on_the_card(project: LittleProject, tmp_path: Path) -> None:
    project.settings["protected"] = ["gender", "age", "industry"]
    path = project.write()
    training = leadlens.train(path)
    groups = training.training_set.groups
    assert groups is not None
    spine = training.training_set.matrix.spine
    own = project.leads.set_index("lead_id")["gender"]
    assert (groups["gender"].to_numpy() == own[spine["lead_id"]].to_numpy()).all()
    industry = project.leads["account_id"].map(project.accounts.set_index("account_id")["industry"])
    industry.index = pd.Index(project.leads["lead_id"])
    assert (groups["industry"].to_numpy() == industry[spine["lead_id"]].to_numpy()).all()
    assert groups["age"].nunique() == 4
    assert set(groups["age"]) == {"20 to 29", "30 to 39", "40 to 49", "50 to 59"}

    assert not {"gender", "age", "account.industry"} & set(training.bundle.model.columns)
    assert any("features stand in for it: “Shoe”" in warning for warning in training.warnings)
    card = command("models", path, "--card", "1")
    assert "| protected group | leads | called |" in card.out
    assert "| gender: f | " in card.out
    facts = command("models", path, "--card", "1", "--json").facts
    rates = {each["group"]: each for each in facts["protected"]}
    judged = spine.set_index("row_id").loc[training.training_set.test]
    assert rates["f"]["leads"] == int((own[judged["lead_id"].unique()] == "f").sum())
    assert rates["20 to 29"]["calibration"] == "too few"
    assert "| age: 20 to 29 | " in card.out
    assert "fewer than 50: nothing is said" in card.out

    compared = command("compare", path, "--out", tmp_path / "report", "--json")
    assert compared.code == 0, compared.err
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Protected groups" in page
    payload = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert any("features stand in for it: “Shoe”" in warning for warning in payload["meta"]["warnings"])
    assert payload["protected"] == facts["protected"], "made again from the history they are the same"

    project.settings["protected"].append("shoe")
    scored = command("score", project.write(), "--dry-run", "--as-of", "2024-05-20")
    assert "note: the model was trained before shoe was protected, and reads it: train again" in scored.out


def test_an_own_feature_cannot_read_it(project: LittleProject) -> None:
    seen: list[list[str]] = []

    def make(rows: pd.DataFrame, known: Any) -> pd.Series:
        seen.append(list(known.leads))
        return known.leads["shoe"] + 1.0

    own = leadlens.feature(label="Shoe and one", family="demographic", name="shoe_and_one")(make)
    leadlens.training_set(project.write(), features=[own])
    assert all("gender" not in columns and "shoe" in columns for columns in seen)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"protected": ["gendre"]}, r"this column is not in the data(.|\n)*did you mean: gender"),
        ({"protected": ["page"]}, r"this is a column of events(.|\n)*features.drop: \[page\]"),
        ({"features": {"read": {"gender": "category"}}}, "gender is protected, so no feature is made of it"),
        ({"known_after": ["gender"]}, "take it out of known_after, or out of protected"),
    ],
)
def test_what_does_not_fit_is_refused(project: LittleProject, settings: dict[str, Any], words: str) -> None:
    project.settings |= settings
    with pytest.raises(UsageError, match=words):
        leadlens.training_set(project.write())


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([True, False, None], {"yes", "no", "(unknown)"}),
        ([1.0, 2.0, None], {"1", "2", "(unknown)"}),
        ([*range(40), None], {"0 to 9", "10 to 19", "20 to 29", "30 to 39", "(unknown)"}),
        ([1_000_000 + n for n in range(12)], {f"{1_000_000 + n} to {1_000_002 + n}" for n in (0, 3, 6, 9)}),
        (list(pd.to_datetime([f"{1950 + n}-06-01" for n in range(12)])), {"1950 to 1952", "1953 to 1955", "1956 to 1958", "1959 to 1961"}),
        ([*"aabbccddeeffgghhij"], {*"abcdefgh", "(other)"}),
        ([None, None], {"(unknown)"}),
    ],
)  # fmt: skip
def test_values_are_groups_that_people_read(values: list[Any], groups: set[str]) -> None:
    assert set(_groups(pd.Series(values))) == groups
