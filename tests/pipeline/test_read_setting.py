"""`features.read` in a project file: how a column is read, as the command line lists it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.little_project import Answer, LittleProject, leadlens


def listed(folder: Path, read: Any) -> Answer:
    """What ``leadlens features`` answers for a project whose cities are read like that."""
    (folder / "data").mkdir()
    project = LittleProject(folder)
    project.settings["features"] = {"windows": ["7d"], "max_event_keys": 1, "read": read}
    return leadlens("features", project.write(), "--json")


@pytest.mark.parametrize(
    ("reading", "names"),
    [("function", ["city.function"]), (["filled", "category"], ["city.filled", "city"]), ([], [])],
)
def test_one_reading_a_list_or_none(tmp_path: Path, reading: Any, names: list[str]) -> None:
    answer = listed(tmp_path, {"city": reading})
    found = [feature["name"] for feature in answer.facts["features"] if feature["condition"] == "leads.city"]
    assert found == names


def test_the_lookup_behind_a_reading_is_explained(tmp_path: Path) -> None:
    steps = {step["name"]: step["sql"] for step in listed(tmp_path, {"city": "function"}).facts["steps"]}
    assert steps["title_lookup_1_values"].startswith("SELECT DISTINCT")
    assert "LEFT JOIN title_lookup_1 ON title_lookup_1.value = " in steps["features"]


@pytest.mark.parametrize(
    ("read", "told"),
    [({"citi": "category"}, "city"), ({"city": "fonction"}, "function"), ({"city": "flag"}, "kind category")],
)
def test_a_wrong_reading_is_told(tmp_path: Path, read: Any, told: str) -> None:
    answer = listed(tmp_path, read)
    assert answer.code == 2
    assert told in answer.err
