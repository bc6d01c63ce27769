"""Health's longer view: what monitoring found is said with its levels, and MQLs waiting are counted as slow code counts them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.pipeline.app.health import health_of
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.dataset.night_gate import NightRefused
from leadlens.pipeline.drift.comparing import Difference
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.languages.language import language
from leadlens.pipeline.published.asked import Query
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.published.monitored import read_monitored
from leadlens.pipeline.runs import RunRecord, RunStore, recorded_run
from leadlens.pipeline.runs.record import Status, now
from leadlens.pipeline.scorecards.project import SHEET_CHANGED
from leadlens.pipeline.state import state_folder
from tests.pipeline.page_example import (
    HOSTILE,
    NIGHT,
    Night,
    Served,
    little_file,
    monitored,
    publish,
    publish_compared,
    served,
)

DAY = timedelta(days=1)
MOVES = {"psi_nights": 0.0, "low_tail": None, "high_tail": None, "tail_z": None}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return little_file(tmp_path)


@pytest.fixture
def site(file: ProjectFile) -> Iterator[Served]:
    publish(file, Night({"L1": 50}, as_of=now()), "one", scored_at=now())
    with served(file) as site:
        yield site


def moved(name: str, psi: float, *, by_itself: bool = False) -> dict[str, Any]:
    return MOVES | {"name": name, "label": f"Label of {name}", "psi_training": psi, "moves": by_itself}


def checks(file: ProjectFile) -> dict[str, str]:
    return {check.title: check.level for check in health_of(ShownProject(file)).checks}


def recorded(status: Status, *, error: str | None = None, exit_code: int = 3, **facts: Any) -> RunRecord:
    """A run of the project that ended now."""
    record = RunRecord(**{"project": "little", "target": "scores.duckdb"} | facts)
    store = RunStore(state_folder() / "runs")
    store.begin(record)
    record.end(status, 0 if status == "done" else exit_code, error)
    store.end(record)
    return record


def test_scores_that_nobody_watches_are_said_and_how_to_watch_them(site: Served, file: ProjectFile) -> None:
    text = unescape(site.get("/little/health").text)
    assert "scores in service are not watched" in text
    assert "Run “leadlens monitor” with the project file" in text
    assert "What became of earlier scores" not in text
    monitored(file)
    text = site.get("/little/health").text
    assert "All is well" in text
    assert re.search(r"60–69.*?30\.1.*?33.*?11 %.*?8\.4 % to 14 %", text, re.S)
    assert re.search(r"50–59.*?too few to say", text, re.S), "29 leads"
    monitored(file, made_at=now() - 11 * DAY)
    assert "the last check of scores in service is old" in site.get("/little/health").text
    monitored(file, made_at="no date")
    assert read_monitored("little") is None


@pytest.mark.parametrize(
    ("features", "level"),
    [
        ([moved("a", 0.09)], "good"), ([moved("a", 0.1)], "care"), ([moved("a", 0.24), moved("b", 0.01)], "care"), ([moved("a", 0.25)], "bad"),
        ([moved("a", 3.0, by_itself=True)], "care"), ([moved("a", 3.0, by_itself=True), moved("b", 0.3)], "bad"),
    ],
)  # fmt: skip
def test_what_moved_is_named_the_worst_first_at_its_level(
    site: Served, file: ProjectFile, features: list[dict[str, Any]], level: str
) -> None:
    monitored(file, features=features)
    found = checks(file)
    title = {
        "good": "The inputs are as they were",
        "care": "The inputs moved somewhat",
        "bad": "The inputs moved far",
    }
    assert found[title[level]] == level
    assert found["The scores are as they were"] == "good"
    headline = health_of(ShownProject(file)).headline
    assert headline == "All is well" if level == "good" else title[level].lower() in headline
    text = site.get("/little/health").text
    shown = re.findall(r"Label of (\w)</th>", text)
    assert shown == sorted(
        shown, key=lambda name: -next(each["psi_training"] for each in features if each["name"] == name)
    )


def test_scores_moved_and_alarms_are_worse_than_what_is_near(site: Served, file: ProjectFile) -> None:
    alarm = {
        "code": "calibration",
        "subject": "probabilities",
        "message": "9 of 900 converted, where 48 were expected",
    }
    near = {"code": "grades", "subject": "grades", "message": "grades are distributed differently"}
    grades = moved("grades", 0.4) | {"name": "grades", "label": "Grades of the model"}
    matured = {"leads": 900, "observed": 9, "expected": 48.2, "low": 39.0, "high": 57.0}
    monitored(file, alarms=[alarm], warnings=[near], scores=grades, matured=matured)
    found = checks(file)
    for title, level in (
        ("Alarm: probabilities", "bad"), ("The monitor warned", "care"), ("The scores moved far", "bad"),
        ("Earlier scores did not come true", "bad"),
    ):  # fmt: skip
        assert found[title] == level
    assert list(found.values()) == sorted(found.values(), key=["bad", "care", "good"].index)
    text = site.get("/little/health").text
    assert "need a look: alarm: probabilities" in text
    assert "9 of 900 converted, where 48 were expected." in text
    monitored(file, matured=matured | {"observed": 60})
    assert checks(file)["Earlier scores are off"] == "care"
    monitored(file, matured=None, outcomes=[], notes=["no score was written by 2025-05-01"])
    assert "No score was written by 2025-05-01." in site.get("/little/health").text


@pytest.mark.parametrize(
    ("code", "good"),
    [
        ("stale", "The data are up to date"), ("nothing-new", "The data are up to date"), ("ranking", "Earlier scores came true"),
        ("inflation", "The scores are as they were"), ("feature", "The inputs are as they were"), ("an unknown code", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("level", ["alarms", "warnings"])
def test_what_one_check_calls_bad_no_other_calls_good(
    site: Served, file: ProjectFile, level: str, code: str, good: str | None
) -> None:
    monitored(file)
    before = checks(file)
    monitored(file, **{level: [{"code": code, "subject": "the data", "message": "they end long ago"}]})
    found = checks(file)
    assert [title for title in before if title not in found] == ([] if good is None else [good])
    assert min(found.values()) == ("bad" if level == "alarms" else "care")


def test_scores_of_the_past_are_not_up_to_date_and_their_data_reach_to_no_night(file: ProjectFile) -> None:
    publish(file, Night({"L1": 50}), "one", scored_at=now())
    found = checks(file)
    assert found["The scores are for a past date"] == "care"
    assert not {"Scores are up to date", "The data are up to date"} & set(found)
    publish(file, Night({"L1": 50}, as_of=NIGHT + DAY), "two")
    found = checks(file)
    assert found["Scores are old"] == "care"
    assert "The scores are for a past date" not in found, "they were of the present"


def test_scores_are_not_watched_well_where_the_last_monitor_failed(site: Served, file: ProjectFile) -> None:
    monitored(file)
    assert checks(file)["Scores in service are watched"] == "good"
    recorded("failed", command="monitor", error="there is no such file")
    found = checks(file)
    assert found["The last “leadlens monitor” did not end well"] == "care"
    assert "Scores in service are watched" not in found
    recorded("failed")
    assert "Scores are up to date" not in checks(file), "the last night gave none"


def test_a_refused_night_says_what_was_unlike_and_what_to_do(site: Served, file: ProjectFile) -> None:
    found = Difference(
        code="rows-lost", level="stop", subject="rows of events", value=0.7, limit=0.5,
        message="rows of events: 91,124, after 304,581 in the last nights",
    )  # fmt: skip
    with (
        suppress(NightRefused),
        recorded_run("little", folder=state_folder() / "runs", target="scores.duckdb") as run,
    ):
        run.note("differences", [found.to_dict()])
        raise NightRefused([found])
    (check,) = [each for each in health_of(ShownProject(file)).checks if each.level == "bad"]
    assert check.title == "The last run was refused"
    assert (
        "nothing was written (beyond its limit: rows of events: 91,124, after 304,581 in the last nights; "
        in check.text
    )
    assert "run it again with --force and the reason" in check.fix
    assert site.get("/little/health").text.count("91,124") == 2, "the table of runs says it too"
    german = site.get("/little/health", Accept_Language="de").text
    assert "jenseits der Grenze: rows of events: 91.124, nach 304.581 in den letzten Nächten" in german
    recorded("refused", error="no lead has an id", exit_code=1)
    assert "Fix the cause" in health_of(ShownProject(file)).checks[0].fix, "no gate can be forced"


@pytest.mark.parametrize("code", ["en", "de", "fr", "id"])
@pytest.mark.parametrize(
    "error", ["data.events: there is no such file (received: events.csv)", "No.", "and so on…"]
)
def test_what_is_said_and_what_to_do_are_two_sentences(
    site: Served, file: ProjectFile, code: str, error: str
) -> None:
    monitored(file)
    recorded("done")
    recorded("failed", command="retrain", error=error)
    fix = language(code).word("Fix the cause and run it again.")
    text = unescape(re.sub(r"<[^>]+>", "", site.get("/little/health", Accept_Language=code).text))
    assert f"{error.rstrip('.…')}{'…' if '…' in error else '.'} {fix}" in text


@pytest.mark.parametrize(
    ("failed", "done", "said"),
    [
        (1, 0, {"en": "The run before it did not end well.", "de": "Der Lauf davor ging nicht gut aus.", "fr": "L’exécution précédente s’est mal terminée.", "id": "Proses sebelumnya tidak berakhir dengan baik."}),
        (1, 3, {"en": "1 of the 4 runs before it did not end well.", "de": "1 der 4 Läufe davor ging nicht gut aus.", "fr": "1 des 4 exécutions précédentes s’est mal terminée.", "id": "1 dari 4 proses sebelumnya tidak berakhir dengan baik."}),
        (2, 2, {"en": "2 of the 4 runs before it did not end well.", "de": "2 der 4 Läufe davor gingen nicht gut aus.", "fr": "2 des 4 exécutions précédentes se sont mal terminées.", "id": "2 dari 4 proses sebelumnya tidak berakhir dengan baik."}),
    ],
)  # fmt: skip
def test_earlier_failures_are_counted_and_the_latest_says_why(
    site: Served, file: ProjectFile, failed: int, done: int, said: dict[str, str]
) -> None:
    for at in range(failed):
        recorded("failed", error=f"reason {at}", started_at=NIGHT + at * DAY)
    for _ in range(done):
        recorded("done", started_at=NIGHT)
    recorded("done", run_id="one")
    (check,) = [each for each in health_of(ShownProject(file)).checks if each.title == "Earlier runs failed"]
    when = f"{30 if failed == 1 else 1} {'Jun' if failed == 1 else 'Jul'} 2025 02:10"
    assert check.text == f"{said['en']} The latest of them, {when} UTC: reason {failed - 1}."
    for code, text in said.items():
        shown = language(code).word(check.text)
        assert shown.startswith(text), shown
        assert shown.endswith(f": reason {failed - 1}.")


def test_a_mistyped_command_and_an_old_record_of_something_else_are_no_nights(
    site: Served, file: ProjectFile
) -> None:
    recorded("done", run_id="one")
    with pytest.raises(UsageError):
        score(file, to="ftp://x")
    (typed, _) = RunStore(state_folder() / "runs").records()
    assert (typed.command, typed.target, typed.exit_code) == ("score", "", 2)
    old = RunRecord(project="little")
    old.end("failed", 3, "nobody answers")
    values = json.loads(old.to_json())
    del values["command"]
    path = state_folder() / "runs" / f"{old.run_id}.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    assert not any("fail" in title or "not end well" in title for title in checks(file))
    assert checks(file)["The last run is done"] == "good"
    text = site.get("/little/health").text
    assert re.findall(r'data-label="Command">([^<]*)<', text) == ["–", "score", "score"]
    path.write_text(json.dumps(values | {"target": "scores.duckdb"}), encoding="utf-8")
    assert checks(file)["The last run failed"] == "bad", "what had a target scored"


def test_runs_of_a_challenger_are_no_nights_and_it_is_said_that_they_are_not_published(
    file: ProjectFile,
) -> None:
    with served(file) as site:
        assert "Run it once." in unescape(site.get("/little/health").text)
        with pytest.raises(LeadlensError):
            score(file, challenger=True)
        (shadow,) = RunStore(state_folder() / "runs").records()
        assert shadow.notes["challenger"] is True
        assert "The last run failed" not in checks(file)
        assert "The last run was refused" not in checks(file)
        assert checks(file)["The last “leadlens score --challenger” did not end well"] == "care"
        recorded("done", notes={"challenger": True})
        assert "did not end well" not in " ".join(checks(file))
        text = unescape(site.get("/little/health").text)
        assert "those of a challenger never are" in text
        assert "Run it once." not in text
        assert '<td data-label="Command">score --challenger</td>' in text
        leads = site.get("/little/leads")
        assert (leads.status, "those of a challenger never are" in leads.text) == (404, True)
        publish(file, Night({"L1": 50}, as_of=now()), "one", scored_at=now())
        recorded("done", notes={"challenger": True})
        assert "The page does not show the latest night" not in checks(file)


@pytest.mark.parametrize("code", ["en", "de"])
def test_lists_of_leads_say_that_something_is_bad_and_leave_warnings_to_health(
    file: ProjectFile, code: str
) -> None:
    publish(file, Night({"L1": 50}, as_of=now()), "one", scored_at=now(), warnings=[SHEET_CHANGED])
    link = '<a href="/little/health">' + language(code).word("Something needs a look: Health") + "</a>"
    with served(file) as site:
        leads = site.get("/little/leads", Accept_Language=code).text
        assert SHEET_CHANGED not in leads
        assert link not in leads, "a warning is not bad"
        assert language(code).word(SHEET_CHANGED) in unescape(
            site.get("/little/health", Accept_Language=code).text
        )
    recorded("failed", error="nobody answers")
    with served(file) as site:
        assert link in site.get("/little/leads", Accept_Language=code).text
        recorded("done", run_id="two")
        assert link in site.get("/little/leads", Accept_Language=code).text, "of the last minute"
        publish(file, Night({"L1": 50}, as_of=now()), "two", scored_at=now())
        assert link not in site.get("/little/leads", Accept_Language=code).text, "of the night that is shown"


@pytest.mark.parametrize(
    ("code", "word"), [("en", "Problem"), ("de", "Problem"), ("fr", "Problème"), ("id", "Masalah")]
)
def test_what_is_bad_is_called_a_problem(file: ProjectFile, code: str, word: str) -> None:
    with served(file) as site:
        assert f"<b>{word}: " in site.get("/little/health", Accept_Language=code).text


def test_a_night_whose_settings_cannot_be_read_failed(
    tmp_path: Path, file: ProjectFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_TARGET", raising=False)
    settings = json.loads(file.path.read_text(encoding="utf-8")) | {"scores": {"to": "${NO_SUCH_TARGET}"}}
    file.path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(UsageError):
        score(load_project(file.path))
    (record,) = RunStore(state_folder() / "runs").records()
    assert (record.target, record.exit_code) == ("${NO_SUCH_TARGET}", 2)
    assert checks(file)["The last run failed"] == "bad"


def test_weeks_in_service_are_told_and_those_that_are_not_over_say_so(file: ProjectFile) -> None:
    publish_compared(file)
    weeks = [
        {"date": str(NIGHT - 7 * back * DAY), "cut": cut, "leads": 1000, "above": 200, "converted": 40 if back > 1 else None}
        for back in (3, 2, 1, 0)
        for cut in (None, 60)
    ]  # fmt: skip
    monitored(file, weeks=weeks)
    with served(file) as site:
        text = (
            site.get("/little/threshold")
            .text.partition("In service: MQL or SQL")[2]
            .partition("Thresholds of")[0]
        )
    assert text.count("not matured") == 2
    assert text.count('20 %</td><td data-label="90 % interval"') == 2, "40 of 200"
    assert "9 Jun 2025" in text


def nights(rng: random.Random) -> Iterator[dict[str, int]]:
    """Scores of five leads in twenty nights; which stage a lead has is where it stands among the night's leads."""
    for _ in range(20):
        own = [f"L{at}" for at in range(12) if rng.random() < 0.9]
        rng.shuffle(own)
        yield {lead: rng.choice((40, 50, 60)) for lead in own}


@pytest.mark.parametrize("seed", range(4))
def test_leads_that_wait_are_those_of_a_slow_reading(file: ProjectFile, seed: int) -> None:
    rng, stages = random.Random(seed), ("Lead", "MQL", "SQL", "Disqualified")
    told = {f"L{at}": NIGHT + timedelta(days=rng.uniform(0, 20)) for at in range(0, 12, 2)}
    data = {f"L{at}": NIGHT + timedelta(days=rng.uniform(0, 20)) for at in range(0, 12, 3)}
    table = pa.table({"lead_id": list(data), "given_at": pa.array(list(data.values()), pa.timestamp("us"))})
    since: dict[str, datetime] = {}
    for day, scores in enumerate(nights(rng)):
        night = Night(
            scores,
            {lead: {"owner": f"owner {int(lead[1:]) % 3}"} for lead in scores},
            as_of=NIGHT + day * DAY,
        )
        publish(file, night, f"n{day:02}", verdicts=table)
        called = [lead for at, lead in enumerate(scores) if stages[at % 4] in ("MQL", "SQL")]
        # Whoever is not scored in a night left no word of it: the history goes on where it was.
        gone = [lead for lead in since if lead in scores and lead not in called]
        since = {lead: at for lead, at in since.items() if lead not in gone} | {
            lead: NIGHT + day * DAY for lead in called if lead not in since
        }
    path = CopyFolder.of("little").latest()
    assert path is not None
    copy = PublishedScores(path)
    for days in (1, 2, 5):
        for judged in ({}, told):
            waiting = {
                lead
                for lead in called
                if since[lead] <= copy.as_of - days * DAY
                and max([datetime.min, *(known[lead] for known in (judged, data) if lead in known)])
                < since[lead]
            }
            listed = {row.lead_id for row in copy.leads(Query(untouched=days, judged=judged)).rows}
            assert listed == waiting
            by_owner = copy.untouched(days, judged)
            assert sum(leads for _, leads in by_owner) == len(waiting)
            for owner, leads in by_owner:
                assert leads == len([lead for lead in waiting if f"owner {int(lead[1:]) % 3}" == owner])
                assert copy.untouched(days, judged, owner) == [(owner, leads)]


def test_a_lead_that_is_judged_waits_no_longer_and_owners_see_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    sign_in = {"header": "X-Who", "roles": {"mia": "viewer", "ada": "admin"}, "owners_only": True}
    file = little_file(tmp_path, {"sign_in": sign_in})
    people = {f"L{at}": {"owner": ("mia", "tom")[at // 4 % 2]} for at in range(16)}
    scores = dict.fromkeys(people, 50)
    publish(file, Night(scores, people, as_of=NIGHT - 8 * DAY), "one")
    publish(file, Night(scores, people), "two")
    with served(file) as site:
        whole, own = (site.get("/little/health", X_Who=who).text for who in ("ada", "mia"))
        assert "8 leads have been MQL or SQL for 7 days" in whole
        assert "tom" in whole
        assert "4 leads have been MQL or SQL for 7 days" in own
        assert "tom" not in own
        listed = site.get("/little/leads?untouched=7&owner=tom", X_Who="ada").text
        assert "<b>4</b> open" in listed
        assert "Only leads that have been MQL or SQL for 7 days" in listed
        assert "<b>4</b> open" in site.get("/little/leads?untouched=7&owner=tom", X_Who="mia").text, "her own"
        assert ">L5<" not in site.get("/little/leads?untouched=7&owner=", X_Who="mia").text
        exported = site.post("/little/leads/export", {"untouched": "7"}, X_Who="ada").text
        assert len(exported.splitlines()) == 9
        site.post("/little/leads/L1/verdict", {"verdict": "accepted"}, X_Who="mia")
        assert "<b>7</b> open" in site.get("/little/leads?untouched=7&owner=", X_Who="ada").text
        assert "3 leads have been" in site.get("/little/health", X_Who="mia").text
        for odd in ("x", "-1", "0", "99999", "７"):
            listed = site.get(f"/little/leads?owner=&untouched={quote(odd)}", X_Who="ada").text
            assert "<b>12</b> open" in listed, odd


def test_a_copy_of_an_earlier_version_knows_no_waiting_leads(file: ProjectFile) -> None:
    publish(file, Night({"L1": 50, "L2": 50}, as_of=NIGHT - 8 * DAY), "one")
    publish(file, Night({"L1": 50, "L2": 50}), "two")
    path = CopyFolder.of("little").latest()
    assert path is not None
    with duckdb.connect(str(path)) as copy:
        copy.execute("DROP TABLE waiting")
    with served(file) as site:
        assert "MQLs" not in site.get("/little/health").text
        assert "<b>0</b> open" in site.get("/little/leads?untouched=7").text


def test_hostile_texts_of_a_monitoring_do_nothing(site: Served, file: ProjectFile) -> None:
    each = [{"code": text, "subject": text, "message": text} for text in HOSTILE]
    features = [moved("x", 0.3) | {"name": text, "label": text} for text in HOSTILE]
    monitored(
        file, alarms=each, warnings=each, notes=list(HOSTILE), features=features, matured=None, outcomes=[]
    )
    text = site.get("/little/health").text
    for tag in ("<script", "<img", "<svg onload", "<!--"):
        assert tag not in text
