"""`leadlens check` names every column that gives no feature, and says why."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.check import Check, check
from tests.pipeline.little_project import LEADS, LittleProject, leadlens

# Column of leads, its values by number of lead, and the reason that must be given.
LEFT_OUT = {
    "external_ref": (lambda n: f"ref-{n:05}x", "id", "every one of its 160 values is different"),
    "notes": (
        lambda n: f"called {n // 2}, will ring again",
        "free-text",
        "free text, left out unless asked for",
    ),
    "motto": (lambda n: f"motto {n // 2}", "many-values", "80 different values"),
    "plan": (lambda n: "basic", "constant", "always basic"),
    "score": (lambda n: 7, "constant", "always 7"),
    "fax": (lambda n: None, "empty", "empty in every row"),
    "staff": (
        lambda n: "about 50" if n % 5 == 0 else n * 3,
        "number-in-part",
        "128 of its 160 values are numbers: others are 'about 50'",
    ),
    "secret": (lambda n: n % 3, "dropped", "features.drop"),
    "outcome_code": (lambda n: n % 2, "known-after", "known_after"),
}
EVENTS = {
    "comment": (lambda n: f"visit {n}", "id", "different"),
    "browser": (lambda n: "firefox" if n < 2 else None, "rare", "frequent enough"),
    "clerk_id": (lambda n: n % 9, "id", "stands for something"),
    "sent_at": (lambda n: pd.Timestamp("2024-01-01") + pd.Timedelta(n, "h"), "event-time", "date"),
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Check:
    little = LittleProject(tmp_path_factory.mktemp("unused"))
    for name, (value, _, _) in LEFT_OUT.items():
        little.leads[name] = [value(n) for n in range(LEADS)]
    for name, (value, _, _) in EVENTS.items():
        little.events[name] = [value(n) for n in range(len(little.events))]
    little.settings["features"] = {"drop": ["secret"]}
    little.settings["known_after"] = ["outcome_code"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(little.folder / "home"))
        return check(load_project(little.write()))


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_column_of_leads_is_named_with_the_reason(checked: Check, name: str) -> None:
    _, code, words = LEFT_OUT[name]
    [column] = [column for column in checked.unused if column.column == name]
    assert column.code == code
    assert words in column.reason


@pytest.mark.parametrize("name", EVENTS)
def test_a_property_of_events_is_named_with_the_reason(checked: Check, name: str) -> None:
    _, code, words = EVENTS[name]
    [column] = [column for column in checked.unused if column.column == f"events.{name}"]
    assert column.code == code
    assert words in column.reason


def test_columns_with_features_are_not_named(checked: Check) -> None:
    assert {column.column for column in checked.unused} == {*LEFT_OUT, *(f"events.{name}" for name in EVENTS)}


def test_people_and_machines_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    little = LittleProject(tmp_path)
    little.leads["plan"] = "basic"
    path = little.write()
    assert "Columns that give no feature\n  plan: always basic\n" in leadlens("check", path).out
    [column] = leadlens("check", path, "--json").facts["unused_columns"]
    assert column == {"column": "plan", "code": "constant", "reason": "always basic"}
