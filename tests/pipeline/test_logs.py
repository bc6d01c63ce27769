"""Logs for people and for machines, metrics of a run, and the bar of a terminal."""

from __future__ import annotations

import io
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from leadlens.pipeline import progress as shown_progress
from leadlens.pipeline.logs import impersonal
from leadlens.pipeline.runs.store import RunStore
from tests.pipeline.little_project import Answer, LittleProject, leadlens

AS_OF = "2024-05-24"
PLANTED = ("Ada Lovelace", "ada@lovelace-family.com", "+41 79 669 12 34", "hunter2-secret", "L140", "L000")
FIELDS = {"time", "level", "command", "run_id", "stage", "message"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleProject]:
    """A champion, and leads with names, addresses and phone numbers."""
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.chdir(folder)
        project = LittleProject(folder)
        project.leads["full_name"] = [f"Ada Lovelace {n}" for n in range(160)]
        project.leads["email"] = [f"ada+{n}@lovelace-family.com" for n in range(160)]
        project.leads["phone"] = "+41 79 669 12 34"
        config = project.write()
        assert leadlens("train", config, "--trials", "1").code == 0
        assert leadlens("promote", config, "--force", "a small example").code == 0
        yield project


@pytest.fixture
def project(trained: LittleProject) -> Iterator[LittleProject]:
    yield trained
    leads, events = trained.leads.copy(), trained.events.copy()
    trained.leads, trained.events = leads, events


def score(project: LittleProject, *options: str | Path) -> Answer:
    return leadlens("score", project.folder / "project.yaml", "--as-of", AS_OF, *options)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_machines_get_one_object_per_line(project: LittleProject) -> None:
    file = project.folder / "night.log"
    done = score(project, "--to", "duckdb:///s.duckdb", "--log-format", "json", "--log-file", file, "--json")
    assert done.code == 0, done.err
    told = lines(done.err)
    assert lines(file.read_text(encoding="utf-8")) == told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(set(line) >= FIELDS for line in told)
    assert {line["run_id"] for line in told} == {done.facts["run_id"]}
    assert RunStore(project.folder / "home" / "runs").records()[0].run_id == done.facts["run_id"]
    stages = [line["stage"] for line in told]
    assert {"Opening the model", "Reading the history", "Scoring open leads"} <= set(stages)
    assert told[-1]["level"] == "info"
    assert told[-1]["leads"] == done.facts["leads"]
    score(project, "--dry-run", "--log-file", file)
    assert len(file.read_text(encoding="utf-8").splitlines()) > len(told), "a log is appended to"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--to", "postgresql://ann:hunter2-secret@127.0.0.1:1/crm"), 3),
        (("--to", "nowhere/hunter2-secret.ods"), 2),
        (("--dry-run",), 0),
    ],
)
def test_machines_get_no_secret_and_nothing_personal(
    project: LittleProject, options: tuple[str, ...], code: int
) -> None:
    file = project.folder / f"log-{code}.json"
    done = score(project, *options, "--log-format", "json", "--log-file", file)
    assert done.code == code, done.err
    for text in (done.err, file.read_text(encoding="utf-8")):
        assert lines(text)
        assert [word for word in PLANTED if word in text and word != "hunter2-secret.ods"] == []
    if code:
        last = lines(done.err)[-1]
        assert (last["level"], last["exit_code"]) == ("error", code)


def test_a_refused_night_is_logged_in_both_forms(project: LittleProject) -> None:
    events = project.events
    try:
        project.events = events.iloc[:0]
        project.write()
        assert (
            score(project, "--to", "duckdb:///refused.duckdb", "--force", "to have a night before").code == 0
        )
        project.events = events
        project.leads["closed_at"] = project.leads["created_at"]
        project.write()
        machine = score(project, "--to", "duckdb:///refused.duckdb", "--log-format", "json")
        assert machine.code == 1
        assert lines(machine.err)[-1]["exit_code"] == 1
        assert lines(machine.err)[-1]["error"] == "NightRefused"
        people = score(project, "--to", "duckdb:///refused.duckdb")
        assert "no lead is open" in people.err
        assert "how to fix it" in people.err
    finally:
        project.events = events
        project.leads["closed_at"] = None
        project.write()


def test_a_log_that_cannot_be_written_is_told_at_once(project: LittleProject) -> None:
    for option in ("--log-file", "--metrics-file"):
        refused = score(project, "--dry-run", option, "/proc/nowhere/night")
        assert refused.code == 2
        assert option in refused.err


def test_metrics_of_a_run(project: LittleProject) -> None:
    file = project.folder / "made for it" / "leadlens.prom"
    done = score(project, "--to", "duckdb:///m.duckdb", "--metrics-file", file, "--json")
    assert done.code == 0
    good = figures(file)
    assert good['leadlens_score_exit_code{project="little"}'] == 0
    assert good['leadlens_score_leads{project="little"}'] == done.facts["leads"]
    assert (
        good['leadlens_score_rows{project="little",change="inserted"}'] == done.facts["written"]["inserted"]
    )
    assert 'leadlens_score_stage_seconds{project="little",stage="features"}' in good
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    # A run that fails says so, and when the last one succeeded.
    assert (
        score(project, "--to", "postgresql://ann:hunter2-secret@127.0.0.1:1/crm", "--metrics-file", file).code
        == 3
    )
    bad, last = figures(file), 'leadlens_score_last_success_timestamp_seconds{project="little"}'
    assert bad['leadlens_score_exit_code{project="little"}'] == 3
    assert bad[last] == good[last]
    assert bad['leadlens_score_timestamp_seconds{project="little"}'] > bad[last]
    assert [path.name for path in file.parent.iterdir()] == ["leadlens.prom"]
    assert not any(word in file.read_text(encoding="utf-8") for word in PLANTED)


def figures(path: Path) -> dict[str, float]:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE))
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert {key.partition("{")[0] for key in values} == named
    return {key: float(value) for key, value in values.items()}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lead L000646 is not open", "lead <id> is not open"),
        ("rows of events: 0, after 578,762 in the last nights", None),
        ("the data end at 2025-06-30 23:52, 515 days before 2026-11-28", None),
        ("hygiene: no lead has an address of 'acme.com'", "hygiene: no lead has an address of <value>"),
        ("write to ada.b@acme.co.uk or +41 (0)79 669-12-34", "write to <address> or <number>"),
        ("cannot open postgresql://ann:hunter2@db/crm", "cannot open postgresql://ann:***@db/crm"),
    ],
)
def test_what_may_be_of_a_person_is_left_out(text: str, shown: str | None) -> None:
    assert impersonal(text) == (shown or text)


def test_a_terminal_shows_a_bar_with_what_is_left_and_a_log_does_not() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, bar in ((Terminal(), True), (io.StringIO(), False)):
        with (
            mock.patch("sys.stderr", stream),
            mock.patch.dict("os.environ", {"TERM": "xterm", "COLUMNS": "120"}),
            shown_progress.shown() as progress,
        ):
            for done in range(4):
                progress("Scoring open leads", done, 4)
        text = stream.getvalue()
        assert "Scoring open leads" in text
        assert ("left" in text and "3/4" in text) is bar
        assert ("\x1b" in text) is bar
