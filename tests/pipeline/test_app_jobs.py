"""Previews: one process at a time, its result with names, its failure in words, and what a dead one leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from playwright.sync_api import Browser

from leadlens.features import DataError
from leadlens.features.label import build_labels
from leadlens.features.spine import build_spine
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.insights.comparison import compare_sheets
from leadlens.pipeline.app.jobs import KEPT, Job, JobFolder, Jobs
from leadlens.pipeline.app.preview import run
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.jobs.scorecard.diff import diff
from leadlens.pipeline.jobs.scorecard.preview import preview
from leadlens.pipeline.jobs.scorecard.who_moves import who_moves
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.scorecards.project import store_of
from tests.pipeline.little_project import LittleProject
from tests.pipeline.page_example import SHEET, Night, Served, little_file, publish, served
from tests.pipeline.test_app_browser import reading

POINTS: dict[str, Any] = {
    "sheet": "points",
    "attributes": [{"label": "Earns well", "when": "income > 1500", "points": 10}],
    "actions": [
        {"label": "Prices", "when": "event_type = 'page_viewed' AND page = 'Pricing'", "points": 10, "per": "each"}
    ],
    "thresholds": {"mql": 20, "sql": 30},
}  # fmt: skip
BEFORE = Sheet.model_validate(POINTS)
PATH = f"/little/sheets/points/{BEFORE.version}"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path / "data")
    path = project.write()
    text = yaml.safe_load(path.read_text()) | {"scorecards": ["points.yaml"], "name": "little"}
    path.write_text(yaml.safe_dump(text))
    (path.parent / "points.yaml").write_text(yaml.safe_dump(POINTS))
    return load_project(path)


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return little_file(tmp_path, sheet=SHEET)


def ended(site: Served, path: str) -> str:
    """The page of a job when it has ended."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        got = site.get(path)
        assert got.status == 200
        if "refresh" not in got.headers:
            return got.text
        assert "Working out who moves" in got.text
        time.sleep(0.2)
    raise AssertionError("the job did not end")


def test_a_preview_says_what_the_version_changes(file: ProjectFile, tmp_path: Path) -> None:
    after = Sheet.model_validate(POINTS | {"thresholds": {"mql": 10, "sql": 40}})
    kept = store_of(file).save(after, "mia", "lower")
    job = Job(
        id="20260101T000000-00000001",
        config=str(file.path),
        sheet="points",
        version=kept.version,
        against=BEFORE.version,
        by="mia",
        started_at="2026-01-01 00:00:00",
    )
    done = run(JobFolder.of("little"), job)
    assert done.result is not None, done.error
    assert done.result["changes"] == [each.text for each in compare_sheets(BEFORE, after).differences]
    assert any("mql" in text.lower() and "20 → 10" in text for text in done.result["changes"])
    JobFolder.of("little").save(done)
    with served(file) as site:
        text = site.get(f"/little/jobs/{job.id}").text
    for change in done.result["changes"]:
        assert change in unescape(text)


def test_who_moves_is_what_diff_and_preview_say(file: ProjectFile) -> None:
    after = Sheet.model_validate(POINTS | {"thresholds": {"mql": 10, "sql": 40}})
    found = who_moves(file, BEFORE, after)
    by_diff, by_preview = diff(file, BEFORE, after), preview(file, after, against=BEFORE)
    assert by_preview.crossing is not None
    assert (found.up, found.down) == (by_preview.crossing.up, by_preview.crossing.down)
    assert found.up > 0
    assert sum(way["leads"] for way in by_diff.stages) == found.up + found.down
    assert found.compared == by_diff.compared == sum(row["before"] for row in found.stages)
    assert {row["stage"]: row["after"] for row in found.stages} == by_preview.stages
    assert [lead["lead_id"] for lead in found.risen[:10]] == [
        lead["lead_id"] for lead in by_preview.crossing.risen
    ]
    assert found.points_changed == 0
    assert json.loads(json.dumps(found.to_dict()))["past"] == [dict(row) for row in found.past]


def test_past_leads_count_once_for_each_move_as_of_its_first_snapshot(file: ProjectFile) -> None:
    # Who buys after five days does so within four of the later snapshots alone.
    own = {"spine": {"at_ages": ["2h", "6h", "3d", "10d"]}, "outcome": {"horizon": "4d"}}
    text = yaml.safe_load(file.path.read_text()) | own
    file.path.write_text(yaml.safe_dump(text))
    file = load_project(file.path)
    after = Sheet.model_validate(POINTS | {"thresholds": {"mql": 10, "sql": 40}})
    history = open_history(file)
    leads: dict[tuple[str, str], set[str]] = {}
    converted: dict[tuple[str, str], int] = {}
    snapshots = 0
    with (
        build_spine(history, training_spine(history, file.project).policy) as spine,
        build_labels(history, spine, outcome_horizon(file.project)) as labels,
    ):
        old, new = (score_sheet(sheet, history, spine).scores for sheet in (BEFORE, after))
        outcome = dict(history.engine.frame(f"SELECT row_id, label FROM {labels}").itertuples(index=False))
    stage = dict(zip(new["row_id"], new["stage"], strict=True))
    for row in old.sort_values("as_of").to_dict("records"):
        label = outcome[row["row_id"]]
        if pd.isna(label):  # too early to say
            continue
        move = (row["stage"], stage[row["row_id"]])
        move = move if move[0] != move[1] else ("", "")
        snapshots += 1
        if row["lead_id"] not in leads.setdefault(move, set()):
            leads[move].add(row["lead_id"])
            converted[move] = converted.get(move, 0) + int(label)
    found = who_moves(file, BEFORE, after).past
    assert {
        (row["stage_before"] or "", row["stage_after"] or ""): (row["leads"], row["conversions"])
        for row in found
    } == {move: (len(leads[move]), converted[move]) for move in leads}
    assert len(leads) > 1
    assert sum(map(len, leads.values())) < snapshots, "some lead has two snapshots with one move"
    assert all(row["low"] <= row["rate"] <= row["high"] for row in found)


def test_points_are_changed_and_who_moves_is_shown_in_four_clicks(
    browser: Browser, file: ProjectFile
) -> None:
    people = {f"L{at:03}": {"name": f"Lead <{at}>", "company": f"Firm {at}"} for at in range(160)}
    publish(file, Night(dict.fromkeys(people, 50), people), "one")
    with served(file) as site, reading(browser, site, 360, scripts=False) as marketer:
        marketer.open(PATH)
        marketer.click(marketer.tab.get_by_label("MQL from this many points on"))
        marketer.tab.keyboard.press("ControlOrMeta+A")
        marketer.tab.keyboard.type("10")
        marketer.click(marketer.tab.locator("[id='reason.draft']"))
        marketer.tab.keyboard.type("more to call")
        marketer.click(marketer.tab.get_by_role("button", name="Save and see who moves"))
        assert marketer.tab.get_by_role("heading", name="Working out who moves").is_visible()
        path = marketer.tab.url.removeprefix(site.url)
        assert re.fullmatch(r"/little/jobs/\d{8}T\d{6}-[0-9a-f]{8}", path)
        assert site.get(f"{path}?refresh=no").headers.get("refresh") is None
        # The page looks again by itself until the job has ended.
        marketer.tab.get_by_role("heading", name="rise, 0 fall").wait_for(timeout=300_000)
        assert marketer.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert marketer.tab.get_by_text("Lead → MQL").first.is_visible()
        assert marketer.tab.get_by_role("heading", name="Past leads with the same move").is_visible()
        marketer.click(marketer.tab.get_by_role("link", name="Lead <").first)
        assert marketer.clicks == 4, "the fourth opens a lead that moves"
        assert marketer.tab.get_by_role("heading", name="Lead <").is_visible()
        job = JobFolder.of("little").read(path.rpartition("/")[2])
        assert job is not None
        assert job.id in site.get(f"/little/sheets/points/{job.version}").text
        assert "asked who moves" in site.get("/little/log").text
    folder = JobFolder.of("little").path
    assert all(each.stat().st_mode & 0o077 == 0 for each in (folder, *folder.iterdir()))


def test_a_preview_that_fails_says_so_in_words(unreadable: ProjectFile) -> None:
    with served(unreadable) as site:
        version = site.post(f"{version_path()}/draft", {"base.fit": "9", "reason": "x"}).headers["location"]
        path = site.post(f"{version}/preview", {}).headers["location"]
        shown = ended(site, path)
        assert "The preview failed" in shown
        assert "leads.csv" in shown
        assert str(unreadable.folder) not in shown, "where it is on the server is for whoever runs it"
        assert "Traceback" not in shown
        assert "Try again" in shown


def version_path() -> str:
    return f"/little/sheets/points/{Sheet.model_validate(yaml.safe_load(SHEET)).version}"


def test_what_cannot_move_anybody_is_not_worked_out(unreadable: ProjectFile) -> None:
    with served(unreadable) as site:
        answer = site.post(f"{version_path()}/preview", {})
        assert (answer.status, "no lead would move" in answer.text) == (400, True)
        for path in (
            "/little/jobs/x",
            "/little/jobs/20260101T000000-00000000",
            "/little/jobs/..%2f..%2fpage",
        ):
            assert site.get(path).status == 404
    assert not JobFolder.of("little").path.exists()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Any]]:
    """Processes of previews that only wait, as long as nobody ends them."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    children: list[Any] = []
    popen = subprocess.Popen

    def wait(command: list[str], **options: Any) -> Any:
        children.append(popen(["sleep", "60"], **options))
        return children[-1]

    monkeypatch.setattr("leadlens.pipeline.app.jobs.subprocess.Popen", wait)
    yield children
    for child in children:
        child.kill()
        child.wait()


def start(jobs: Jobs) -> Job | None:
    return jobs.start(Path("little.yaml"), "points", "2" * 12, "1" * 12, "ann")


def test_one_at_a_time_and_a_dead_one_is_known_to_have_failed(waiting: list[Any]) -> None:
    jobs, other_server = Jobs("little"), Jobs("little")
    first = start(jobs)
    assert first is not None
    assert (start(jobs), start(other_server)) == (None, None), "one at a time, whoever asks"
    assert Jobs("another").running() is None
    assert start(Jobs("another")) is not None, "but one for each project"
    found = other_server.job(first.id)
    assert (found is not None and found.status, len(waiting)) == ("running", 2)
    os.kill(waiting[0].pid, signal.SIGKILL)
    waiting[0].wait()
    found = other_server.job(first.id)
    assert found is not None
    assert (found.status, "ended without a message" in str(found.error)) == ("failed", True)
    again = start(other_server)
    assert again is not None
    other_server.stop()
    found = jobs.job(again.id)
    assert found is not None
    assert found.status == "failed", "a job does not outlive its server"


def test_a_failed_preview_shows_no_folder_of_the_server(
    file: ProjectFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise DataError("this file is gone", value="/srv/crm/leads.csv", why="No such file", fix="export it")

    monkeypatch.setattr("leadlens.pipeline.jobs.scorecard.who_moves.who_moves", gone)
    job = Job(
        id="20260101T000000-00000000",
        config=str(file.path),
        sheet="points",
        version=BEFORE.version,
        against=BEFORE.version,
        by="ann",
        started_at="2026-01-01 00:00:00",
    )
    failed = run(JobFolder.of("little"), job)
    assert (failed.status, failed.error) == ("failed", "This file is gone (leads.csv). Export it.")
    assert "/srv/crm/leads.csv" in caplog.text, "whoever runs the page finds it in the log"


def test_the_last_twenty_are_kept(tmp_path: Path, waiting: list[Any]) -> None:
    folder = JobFolder.of("little")
    old = Job(
        id="",
        config="c",
        sheet="points",
        version="v",
        against="a",
        by="ann",
        started_at="2026-01-01 00:00:00",
    )
    for at in range(KEPT + 5):
        job_id = f"20260101T0000{at:02}-00000000"
        folder.save(Job(**(vars(old) | {"id": job_id, "status": "done", "result": {}})))
    begun = start(Jobs("little"))
    assert begun is not None
    assert folder.ids()[:2] == [begun.id, f"20260101T0000{KEPT + 4:02}-00000000"]
    assert len(folder.ids()) == KEPT


def test_a_busy_project_says_so_and_keeps_the_draft(unreadable: ProjectFile, waiting: list[Any]) -> None:
    with served(unreadable) as site:
        sent = {"base.fit": "9", "reason": "x", "then": "preview"}
        assert "/jobs/" in site.post(f"{version_path()}/draft", sent).headers["location"]
        second = site.post(f"{version_path()}/draft", sent | {"base.fit": "8"}).headers["location"]
        assert second.endswith("?note=busy")
        assert "preview is running" in site.get(second).text
        assert len(waiting) == 1
    waiting[0].wait(5)
    assert waiting[0].returncode is not None, "stopping the page ends it"
