"""Names of people, notes and ids stay out of models, records and reasons, are told, and come back by a setting."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leadlens.pipeline.registry.serving import serving_model
from tests.pipeline.little_project import LEADS, LittleProject, leadlens

NAMES = ("O'Neil", "Zimmermann", "Kowalska", "Rossi")
NOTES = ("ill, will call later", "asked for the price list again", "wants nothing at all any more")
PLANTED = (*NAMES, *NOTES, "Anna Schmidt", "left word with the neighbour", "900123")


def project(folder: Path) -> LittleProject:
    built = LittleProject(folder).use("accounts")
    built.leads["last_name"] = [NAMES[number % 4] for number in range(LEADS)]
    built.leads["notes"] = [NOTES[number % 3] if number % 7 else None for number in range(LEADS)]
    built.leads["full_name"] = [f"Anna {NAMES[number % 4]}{number}" for number in range(LEADS)]
    built.leads["record_no"] = [900_000 + number for number in range(LEADS)]
    built.accounts["contact"] = [("Anna Schmidt", "Tom Weber")[number % 2] for number in range(20)]
    built.events["agent"] = [("Anna Schmidt", "Eva Novak")[place % 2] for place in range(len(built.events))]
    built.events["remark"] = pd.Series(
        ["left word with the neighbour", None] * len(built.events), index=range(2 * len(built.events))
    ).head(len(built.events))
    built.settings["model"] = {"trials": 1, "folds": 2}
    built.settings["drift"] = {"mode": "warn"}  # the data are old
    return built


WITHHELD = {
    "last_name": "personal-name",
    "full_name": "personal-name",
    "notes": "free-text",
    "record_no": "id",
    "accounts.contact": "personal-name",
    "events.agent": "personal-name",
    "events.remark": "free-text",
}


def test_nothing_of_them_is_kept_and_all_of_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = project(tmp_path).write()
    checked = leadlens("check", path, "--json").facts
    unused = {item["column"]: item for item in checked["unused_columns"]}
    assert {name: unused[name]["code"] for name in WITHHELD} == WITHHELD
    assert unused["notes"]["reason"].endswith("whether it is filled in is a feature")
    listed = leadlens("features", path, "--json").facts
    names = {column["name"] for column in listed["features"]}
    assert "city" in names
    assert "notes.filled" in names
    assert not names & {"last_name", "notes", "record_no", "account.contact", "last_agent", "last_remark"}
    note = next(note for note in listed["notes"] if note.startswith("left out"))
    assert "events.agent (names of people)" in note
    trained = leadlens("train", path, "--json")
    assert any(warning.startswith("left out") for warning in trained.facts["warnings"]), trained.err
    serving_model("little").bundle.save(tmp_path / "kept")
    kept = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "kept").iterdir())
    scored = leadlens("score", path, "--to", tmp_path / "scores.csv", "--force", "old data", "--json")
    written = (tmp_path / "scores.csv").read_text(encoding="utf-8")
    explained = leadlens("explain", path, "L159", "--json")
    assert explained.code == scored.code == 0, explained.err
    for text in (kept, written, explained.out, listed and str(listed)):
        assert not [word for word in PLANTED if word in text]


def test_a_setting_brings_them_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    built = project(tmp_path)
    built.settings["features"] = {
        "read": {
            "last_name": ["category"],
            "full_name": ["category"],
            "notes": ["category"],
            "record_no": ["number"],
            "contact": "category",
            "agent": "category",
            "remark": "category",
        }
    }
    path = built.write()
    checked = leadlens("check", path, "--json").facts
    unused = {item["column"]: item["code"] for item in checked["unused_columns"]}
    assert {name: unused[name] for name in set(WITHHELD) & set(unused)} == {"full_name": "id"}
    listed = leadlens("features", path, "--json").facts
    names = {column["name"] for column in listed["features"]}
    assert {"last_name", "notes", "record_no", "account.contact"} <= names
    assert any("agent=Anna Schmidt" in name for name in names)
    assert not listed["notes"]


def test_a_property_of_events_is_read_as_a_category_alone(tmp_path: Path) -> None:
    built = project(tmp_path)
    built.settings["features"] = {"read": {"agent": "number"}}
    answer = leadlens("check", built.write())
    assert answer.code == 2
    assert "agent" in answer.err
