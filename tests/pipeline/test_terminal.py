"""What leads typed reaches a terminal or a log as visible text, whichever command prints it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.features.printable import printable
from leadlens.pipeline.cli.render.people import render_person
from leadlens.pipeline.cli.render.terminal import print_json, print_lines, print_message
from leadlens.pipeline.forgetting.removal import Stored
from leadlens.pipeline.jobs.person import StoredPerson
from leadlens.pipeline.progress import shown
from tests.pipeline.little_project import LittleProject, leadlens

ROOT = Path(__file__).parents[2]
EVIL = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202egnp.exe\r\nleadlens: all is well"
STEERING = "\x1b\x07\x9b\u202e\r"


@pytest.mark.parametrize(
    "character", ["\x1b", "\x07", "\x9b", "\r", "\n", "\x00", "\u202e", "\u2028", "\x85", "\x08"]
)
def test_a_character_that_steers_is_shown(character: str) -> None:
    assert printable(f"a{character}b").isprintable()
    assert printable(f"a{character}b") != "ab"


def test_what_is_plain_stays() -> None:
    for text in ("Zoë – 名前 🙂", "a b", "C:\\temp", "tab\there"):
        assert printable(text) == text.replace("\t", " ")


def test_files_are_named_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = (
        f"{tmp_path}/my leads/scores.csv",
        f"duckdb:///{tmp_path}/s.duckdb",
        f"{tmp_path}2/s.csv",
        "s.csv",
    )
    row = {"note": f"{tmp_path}/s.csv"}
    places = tuple(Stored(where, "rows", (row,)) for where in files)
    stored = StoredPerson(("L1",), {}, places, differences=(f"{files[0]} has 70 ({files[1]})",))
    lines = render_person(stored)
    assert [line for line in lines if line.endswith(": rows")] == [
        "my leads/scores.csv: rows",
        "duckdb:///s.duckdb: rows",
        f"{tmp_path}2/s.csv: rows",
        "s.csv: rows",
    ]
    assert "  my leads/scores.csv has 70 (duckdb:///s.duckdb)" in lines
    assert f"  note: {tmp_path}/s.csv" in lines, "what is stored is shown as it is"


def test_every_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([f"Lead {EVIL}"])
    print_lines([f"SELECT '{EVIL}'\nFROM t"], blocks=True)
    print_json({"lead": EVIL})
    print_message(f"no lead {EVIL}")
    print_message(
        str(UsageError(f"no lead {EVIL}", value=EVIL, fix=EVIL, where=EVIL, why=EVIL, known=[EVIL]))
    )
    with shown() as progress:
        progress(f"Writing to {EVIL}", 0, 0)
    said = capsys.readouterr()
    assert not set(STEERING) & set(said.out + said.err)
    lines = said.out.splitlines()
    assert len(lines) == 5
    assert not lines[0].startswith("leadlens")
    assert json.loads(lines[-1]) == {"lead": EVIL}  # a machine reads what it was


def test_explain_of_an_odd_lead_and_the_sql_of_odd_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path)
    project.events["page"] = project.events["page"].replace({"Pricing": f"Pricing $\\frac{{$ {EVIL}"})
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = table["lead_id"].replace({"L003": f"L003{EVIL}"})
    project.settings |= {"scorecards": ["sheet.yaml"], "model": {"trials": 1, "folds": 2}}
    project.files["sheet.yaml"] = (
        b"sheet: little\nactions:\n  - {label: Looked, when: \"event_type = 'page_viewed'\", points: 10}\n"
    )
    path = project.write()
    assert leadlens("train", path).code == 0
    for arguments in (
        ("explain", path, f"L003{EVIL}"),
        ("explain", path, f"L004{EVIL}"),
        ("features", path, "--explain"),
        ("features", path),
        ("score", path, "--dry-run"),
        ("score", path, "--dry-run", "--json"),
        ("scorecard", "test", path, f"L003{EVIL}"),
    ):
        answer = leadlens(*arguments)
        assert "Traceback" not in answer.err
        assert not set(STEERING) & set(answer.out + answer.err), arguments
        if "--explain" not in arguments:
            assert not any(line.startswith("leadlens: all is well") for line in answer.out.splitlines())


def test_nothing_else_prints() -> None:
    """`print` is called where text is cleaned, and for what is our own."""
    allowed = {
        "pipeline/cli/render/terminal.py": 3,
        "pipeline/progress.py": 1,  # a stage, cleaned
        "pipeline/logs.py": 2,  # a line, cleaned or JSON
        "pipeline/languages/extracting.py": 1,  # counts of our own messages, for developers
        "pipeline/cli/main.py": 4,  # the version, "stopped", paths of the schema, wrong use
    }
    found: dict[str, int] = {}
    for part in ("features", "models", "pipeline"):
        for path in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                    name = path.relative_to(ROOT).as_posix()
                    found[name] = found.get(name, 0) + 1
    assert found == allowed
