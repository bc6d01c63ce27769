"""A lead is found by its id, e-mail address or name, and each lead is held against the sheet that is its own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from leadlens.features import UsageError
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.jobs import scorecard as jobs
from leadlens.pipeline.jobs.named_lead import find_lead
from tests.pipeline.little_project import LEADS, LittleProject, leadlens


def _sheet(name: str, **parts: Any) -> dict[str, Any]:
    rule = {"label": f"Earns well ({name})", "when": "income >= 1500", "points": 20}
    return {"sheet": name, "attributes": [rule], **parts}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ProjectFile:
    folder = tmp_path_factory.mktemp("named")
    built = LittleProject(folder)
    built.leads["Email"] = [f"person{number}@firm.io" for number in range(LEADS)]
    built.leads.loc[[5, 6], "Email"] = "shared@firm.io"
    built.leads["First name"] = ["Anna" if number % 2 else "Tom" for number in range(LEADS)]
    built.leads["Last name"] = [f"O'Neil{number // 16}" for number in range(LEADS)]
    built.leads.loc[7, "Last name"] = "Zimmermann"
    built.leads.loc[8, "Last name"] = "L009"  # what is somebody's id is nobody's name
    for name, city in (("berne", "Bern"), ("rome", "Rome")):
        text = yaml.safe_dump(_sheet(name, **{"for": f"city = '{city}'"}))
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    built.settings["scorecards"] = ["berne.yaml", "rome.yaml"]
    return load_project(built.write())


@pytest.mark.parametrize(
    ("asked", "lead", "by"),
    [
        ("L003", "L003", None),
        ("person3@firm.io", "L003", "Email"),
        ("PERSON3@Firm.IO", "L003", "Email"),
        ("Zimmermann", "L007", "Last name"),
        ("anna zimmermann", "L007", "First name and Last name"),
        ("Zimmermann Anna", "L007", "Last name and First name"),
        ("L009", "L009", None),
    ],
)
def test_a_lead_is_found_and_it_is_said_which(
    file: ProjectFile, asked: str, lead: str, by: str | None
) -> None:
    found = find_lead(file, asked)
    assert found.lead_id == lead
    assert found.notes == (() if by is None else (f"{asked} is lead {lead} ({by})",))
    assert found.history.engine.count(f"leads WHERE lead_id = '{lead}'") == 1


def test_several_leads_are_an_error_that_names_the_first(file: ProjectFile) -> None:
    with pytest.raises(UsageError) as error:
        find_lead(file, "shared@firm.io")
    assert "2 leads have this name" in str(error.value)
    assert "L006 (created 2024-03-04), L005 (created 2024-03-03)" in str(error.value)
    with pytest.raises(UsageError) as error:
        find_lead(file, "Anna")
    assert "80 leads have this name" in str(error.value)
    assert "and 70 more" in str(error.value)
    assert str(error.value).count("created") == 10


@pytest.mark.parametrize("asked", ["nobody@firm.io", "Nobody", "O'Neil", "' OR 1=1 --", "", "%"])
def test_nobody_is_an_error_that_says_what_may_be_given(file: ProjectFile, asked: str) -> None:
    with pytest.raises(UsageError, match="e-mail address or a name"):
        find_lead(file, asked)


def test_a_lead_is_held_against_its_own_sheet(file: ProjectFile) -> None:
    """L000 lives in Bern, L001 in Rome, L002 in Oslo."""
    tests = [jobs.lead_test(file, None, lead) for lead in ("L000", "L001", "L002")]
    assert [test.sheet.split()[0] for test in tests] == ["berne", "rome", "berne"]
    assert "of 2 sheets rome is this lead's own" in tests[1].notes
    assert "none of the 2 sheets is for this lead: berne is the first" in tests[2].notes
    assert jobs.simulate(file, None, "person1@firm.io", 3).sheet.startswith("rome")
    assert jobs.stages(file, None, "L001").sheet.startswith("rome")
    assert jobs.changed(file, None, "L001", tests[0].as_of.replace(day=2)).sheet.startswith("rome")


def test_the_commands_do_the_same(file: ProjectFile) -> None:
    answer = leadlens("scorecard", "test", file.path, "person1@firm.io", "--json")
    assert answer.facts["lead_id"] == "L001"
    assert answer.facts["sheet"].startswith("rome")
    assert answer.facts["notes"][0] == "person1@firm.io is lead L001 (Email)"
    named = leadlens("scorecard", "test", file.path, "person1@firm.io", "--sheet", "berne")
    assert "sheet berne" in named.out
    assert "note: person1@firm.io is lead L001 (Email)" in named.out
    trained = leadlens("train", file.path, "--trials", "1")
    assert trained.code == 0, trained.err
    explained = leadlens("explain", file.path, "person158@firm.io")
    assert explained.code == 0, explained.err
    assert "Lead L158" in explained.out
    assert "note: person158@firm.io is lead L158 (Email)" in explained.out
    assert leadlens("explain", file.path, "shared@firm.io").code == 2
