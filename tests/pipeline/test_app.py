"""The page over HTTP: what it shows and keeps, whom it lets in, and that nobody gets more out of it than they may."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import yaml

from leadlens.features.errors import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.app.answers import PageOfLeads, WholeLead
from leadlens.pipeline.app.guard import _POLICY
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.scorecards.project import store_of
from leadlens.pipeline.state import state_folder
from tests.pipeline.little_project import leadlens
from tests.pipeline.page_example import (
    HOSTILE,
    NIGHT,
    OWNERS,
    SHEET,
    Night,
    Served,
    address,
    little_file,
    monitored,
    publish,
    served,
)

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
PEOPLE = {
    f"L{at:03}": {
        "name": f"Lead {at}",
        "company": f"Firm {at}",
        "email": f"l{at}@firm.example",
        "owner": OWNERS[at % 3],
    }
    for at in range(120)
}
SCORES = {lead: 99 - at % 90 for at, lead in enumerate(PEOPLE)}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return little_file(tmp_path)


def _site(folder: Path, page: Mapping[str, Any]) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        file = little_file(folder, page, sheet=SHEET)
        publish(file, Night(SCORES, PEOPLE), "one")
        store_of(file).save(Sheet.model_validate(yaml.safe_load(SHEET) | {"base": 6}), "mia", "kept")
        with served(file) as site:
            yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests that look."""
    yield from _site(tmp_path_factory.mktemp("site"), {})


@pytest.fixture
def own(file: ProjectFile) -> Iterator[Served]:
    """One for a test that writes."""
    publish(file, Night(SCORES, PEOPLE), "one")
    with served(file) as own:
        yield own


SIGN_IN = {
    "header": "X-Forwarded-Email",
    "roles": {"mia@firm.example": "viewer", "mark@firm.example": "marketer", "ada@firm.example": "admin"},
    "everybody": None,
    "owners_only": True,
}


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that is signed in to."""
    yield from _site(
        tmp_path_factory.mktemp("signed"), {"sign_in": SIGN_IN, "url": "https://leads.firm.example/x"}
    )


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_leads_and_a_lead_are_shown(site: Served) -> None:
    assert site.get("/").headers["location"] == "/little/leads"
    listed = site.get("/little/leads").text
    assert "<b>90</b> open" in listed, "a quarter is disqualified"
    assert "Lead 0<" in listed
    assert "30 disqualified that are" in listed
    assert "Lead 7<" not in site.get("/little/leads?q=").text, "it is disqualified"
    assert "Lead 7<" in site.get("/little/leads?q=firm+7").text, "whoever searches for it finds it"
    assert "Lead 7<" not in site.get("/little/leads?q=firm+7&status=open").text
    lead = site.get(address("L004")).text
    for text in (
        "Lead 4",
        "Firm 4",
        "95",
        "190",
        "Viewed the pricing page",
        "Starting points",
        "call, senior reps",
        "L004",
    ):
        assert text in lead


def test_a_lead_is_linked_to_the_crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    file = little_file(tmp_path, {"crm": "https://crm.example/c/{lead_id}?x"})
    publish(file, Night({HOSTILE[1]: 50}), "one")
    with served(file) as site:
        assert (
            f'href="https://crm.example/c/{quote(HOSTILE[1], safe="")}?x"'
            in site.get(address(HOSTILE[1])).text
        )
    for wrong in ("javascript:alert({lead_id})", "https://crm.example/c/"):
        with pytest.raises(UsageError, match="lead_id"):
            little_file(tmp_path, {"crm": wrong})


def test_the_next_night_is_shown_without_a_restart(own: Served, file: ProjectFile) -> None:
    publish(file, Night({"L004": 12}, PEOPLE, as_of=NIGHT + DAY), "two")
    assert "from 95 to 12" in own.get(address("L004")).text
    assert "<b>Closed.</b>" in own.get(address("L005")).text
    assert "1 Jul 2025" in own.get("/little/leads").text


def test_nothing_published_and_unknown_things_are_said_in_words(file: ProjectFile) -> None:
    with served(file) as site:
        assert (site.get("/little/leads").status, "leadlens score" in site.get("/little/leads").text) == (
            404,
            True,
        )
        assert "No scores are published" in site.get("/little/health").text
    publish(file, Night(SCORES, PEOPLE), "one")
    with served(file) as site:
        for path in (
            address("nobody"),
            "/other/leads",
            "/little/nothing",
            "/static/../server.py",
        ):
            got = site.get(path)
            assert (got.status, "Traceback" in got.text) == (404, False), path
        assert "Search name" in site.get(address("nobody")).text


def test_a_verdict_is_kept_logged_and_readable_as_a_source(own: Served, file: ProjectFile) -> None:
    assert own.post(f"{address('L004')}/verdict", {"verdict": "accepted"}).headers["location"] == address(
        "L004"
    )
    assert (
        own.post(f"{address('L004')}/verdict", {"verdict": "rejected", "reason": "No budget"}).status == 303
    )
    for wrong in ({"verdict": "rejected"}, {"verdict": "deleted", "reason": "x"}, {}):
        assert own.post(f"{address('L004')}/verdict", wrong).status == 400
    assert own.post(f"{address('nobody')}/verdict", {"verdict": "accepted"}).status == 404
    assert "ann rejected it" in own.get(address("L004")).text
    listed = own.get("/little/leads?owner=").text
    assert re.findall(r"<small>· (accepted|rejected)</small>", listed) == ["rejected"], (
        "who calls next sees it"
    )
    with sqlite3.connect(state_folder() / "page.sqlite") as store:
        kept = store.execute('SELECT lead_id, verdict, reason, "by" FROM verdicts ORDER BY number').fetchall()
        assert kept == [("L004", "accepted", "", "ann"), ("L004", "rejected", "No budget", "ann")]
        for statement in ("DELETE FROM log", "UPDATE log SET who = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                store.execute(statement)
    assert "No budget" in own.get("/little/log").text
    assert (state_folder() / "page.sqlite").stat().st_mode & 0o077 == 0


def test_a_verdict_is_given_once_with_a_reason_of_ones_own_and_taken_back(
    own: Served, file: ProjectFile
) -> None:
    lead, given = address("L004"), f"{address('L004')}/verdict"

    def kept() -> list[tuple[str, str]]:
        with sqlite3.connect(state_folder() / "page.sqlite") as store:
            return store.execute("SELECT verdict, reason FROM verdicts ORDER BY number").fetchall()

    for _ in range(3):
        assert own.post(given, {"verdict": "rejected", "reason": "Moved to Mars"}).status == 303
    assert kept() == [("rejected", "Moved to Mars")], "the same again is one"
    assert own.get("/little/log").text.count("Moved to Mars") == 1
    own.post(given, {"verdict": "accepted"})
    own.post(given, {"verdict": "rejected", "reason": "Moved to Mars"})
    assert kept() == [("rejected", "Moved to Mars"), ("accepted", ""), ("rejected", "Moved to Mars")]
    assert own.post(given, {"verdict": "taken back"}).headers["location"] == lead
    assert kept() == [("rejected", "Moved to Mars"), ("accepted", "")]
    assert "took a verdict back" in own.get("/little/log").text
    assert "Take back" in own.get(lead).text
    with served(file, person="bo") as other:
        assert "Take back" not in other.get(lead).text, "it is not his"
        answer = other.post(given, {"verdict": "taken back"})
        assert (answer.status, "no verdict of yours" in answer.text) == (400, True)
    assert len(kept()) == 2
    for _ in range(2):
        own.post(given, {"verdict": "taken back"})
    assert kept() == []
    assert own.post(given, {"verdict": "taken back"}).status == 400
    assert own.post(given, {"verdict": "rejected", "reason": " "}).status == 400


def test_a_lead_says_what_its_grade_means_and_why_it_left(own: Served, file: ProjectFile) -> None:
    text = own.get(address("L004")).text
    assert "A1: fits very well, not active." in text
    assert "A to D is who the lead is" in text
    for why, words in (
        ("converted", "it converted"), ("merged", "it was merged into another lead"), ("vanished", "it is no longer in the data"),
        ("filtered", "a setting of the project leaves it out"), ("another", "another"),
    ):  # fmt: skip
        publish(file, Night(SCORES, PEOPLE), f"back-{why}", replace_newer=True)
        publish(file, Night({"L001": 50}, PEOPLE, as_of=NIGHT + DAY), f"left-{why}", why=why)
        assert f"Closed: {words}." in own.get(address("L004")).text
        assert f"closed: {words}" in own.get("/little/leads?status=closed").text


def test_an_export_is_the_list_that_is_shown_safe_and_logged(own: Served) -> None:
    got = own.post("/little/leads/export", {"q": "lead", "sort": "points", "stage": "MQL"})
    assert "attachment" in got.headers["content-disposition"]
    head, *listed = rows(got.text)
    assert head[:2] == ["lead_id", "name"]
    assert [row[0] for row in listed] == sorted(
        (f"L{at:03}" for at in range(1, 120, 4)), key=lambda lead: (-SCORES[lead], lead)
    )
    assert "rows: 30" in own.get("/little/log").text
    assert own.get("/little/leads/export").status == 404, "an export is never a link: it is sent"


def test_after_a_verdict_comes_the_lead_whatever_its_id(own: Served, file: ProjectFile) -> None:
    ids = ("a?b#c", "a%2Fb", "../../log", "a/b", ".", "..", "~.", "~~..", "~", "...")
    assert address("..").endswith("/~..")
    publish(file, Night(dict.fromkeys(ids, 50), as_of=NIGHT + DAY), "odd")
    for lead in ids:
        got = own.post(f"{address(lead)}/verdict", {"verdict": "accepted"})
        assert (got.status, got.headers["location"]) == (303, address(lead))
        assert "accepted it" in own.get(got.headers["location"]).text


def test_hostile_names_do_nothing_anywhere(file: ProjectFile) -> None:
    people = {text: {"name": text, "company": text, "email": text, "owner": text} for text in HOSTILE}
    reasons = {text: [(text, 8.0)] for text in HOSTILE}
    publish(file, Night(dict.fromkeys(HOSTILE, 50), people, reasons=reasons), "one")
    publish(
        file,
        Night(dict.fromkeys(HOSTILE, 60), people, reasons=reasons, as_of=NIGHT + DAY),
        "two",
        warnings=list(HOSTILE),
    )
    with served(file, person="<i>ann</i>") as site:
        pages = ["/little/leads", "/little/leads?disqualified=1", "/little/health", "/little/log"]
        for text in HOSTILE:
            assert (
                site.post(f"{address(text)}/verdict", {"verdict": "rejected", "reason": text}).status == 303
            )
            pages.append(address(text))
        for path in pages:
            got = site.get(path)
            assert got.status == 200, path
            for tag in ("<script", "<img", "<svg onload", "<!--", "<i>", 'href="javascript:'):
                assert tag not in got.text, (path, tag)
            assert "49" not in got.text or "{{7*7}}" in got.text, "a template in a name is not run"
            assert "set-cookie" not in got.headers
        exported = rows(site.post("/little/leads/export", {"disqualified": "1"}).text)
        assert len(exported) == len(HOSTILE) + 1
        for cell in itertools.chain.from_iterable(exported):
            assert not cell.startswith(("=", "+", "@", "\t")), cell
            assert not cell.startswith("-") or cell[1:].isdigit()


def test_every_answer_has_the_headers_that_keep_it_to_itself(site: Served) -> None:
    for got in (
        site.get("/little/leads"), site.get(address("nobody")), site.get("/static/page.css"), site.get("/", Host="evil.example"),
        site.post("/little/leads/export", {}), site.post("/little/leads/export", {}, Sec_Fetch_Site="cross-site"),
    ):  # fmt: skip
        assert got.headers["content-security-policy"] == _POLICY
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["referrer-policy"] == "same-origin"
        assert got.headers["x-frame-options"] == "DENY"
        assert "server" not in got.headers
    assert "script-src" not in _POLICY
    assert _POLICY.startswith("default-src 'none'")
    assert site.get("/little/leads").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200), ("localhost", 200), ("LOCALHOST:99", 200), ("[::1]:80", 200), ("evil.example", 400),
        ("127.0.0.1.evil.example", 400), ("evil@127.0.0.1", 400), ("127.0.0.1/evil", 400), ("127.0.0.1?x", 400), ("0.0.0.0", 400),
        ("", 400), ("[::1", 400), ("localhost.", 400), ("local\thost", 400), ("10.0.0.1", 400),
    ],
)  # fmt: skip
def test_only_known_hosts_are_answered(site: Served, host: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
        raw.sendall(
            f"GET /little/leads HTTP/1.1\r\nHost: {host.format(port=site.port)}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = raw.makefile("rb").read()
    assert int(answer.split(b" ", 2)[1]) == status
    assert status == 200 or b"Firm" not in answer


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True), ({"Sec-Fetch-Site": "cross-site"}, False), ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False), ({"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, False), ({"Origin": "OWN"}, True),
        ({"Origin": "https://evil.example"}, False), ({"Origin": "null"}, False), ({"Origin": "http://127.0.0.1:1"}, False), ({}, False),
        ({"Content-Type": "text/plain"}, False), ({"Referer": "OWN"}, False), ({"Sec-Fetch-Site": ""}, False),
    ],
)  # fmt: skip
def test_forms_of_other_sites_change_nothing(site: Served, headers: dict[str, str], let_in: bool) -> None:
    own = {"Content-Type": "application/x-www-form-urlencoded"}
    own |= {name: site.url if value == "OWN" else value for name, value in headers.items()}
    if headers.get("Sec-Fetch-Site") == "":
        own.pop("Sec-Fetch-Site")
    reason = uuid4().hex
    got = site.ask("POST", f"{address('L008')}/verdict", f"verdict=rejected&reason={reason}".encode(), own)
    assert got.status == (303 if let_in else 403)
    assert (reason in site.get(address("L008")).text) == let_in


VERSION = f"/little/sheets/points/{Sheet.model_validate(yaml.safe_load(SHEET)).version}"
KEPT = f"/little/sheets/points/{Sheet.model_validate(yaml.safe_load(SHEET) | {'base': 6}).version}"
ROLES = {
    "mia@firm.example": {"read", "verdict"}, "mark@firm.example": {"read", "verdict", "export", "sheets"},
    "ada@firm.example": {"read", "verdict", "export", "sheets", "log"}, "eve@firm.example": set(), "": set(),
}  # fmt: skip
ASKED: dict[str, tuple[str, str, dict[str, str]]] = {
    "read": ("GET", "/little/leads", {}), "verdict": ("POST", f"{address('L003')}/verdict", {"verdict": "accepted"}),
    "export": ("POST", "/little/leads/export", {}), "log": ("GET", "/little/log", {}),
    "read all sheets": ("GET", "/little/sheets", {}), "read a sheet": ("GET", VERSION, {}),
    "sheets: keep": ("POST", f"{VERSION}/keep", {"reason": "a test"}),
    "sheets: move": ("POST", f"{KEPT}/move", {"to": "test", "reason": "a test"}),
    "sheets: preview": ("POST", f"{VERSION}/preview", {}),
    "sheets: job": ("GET", "/little/jobs/20260101T000000-00000000", {}),
    "sheets: threshold": ("POST", "/little/threshold/draft", {"points": "31", "reason": "a test"}),
    "read health": ("GET", "/little/health", {}), "read untouched": ("GET", "/little/leads?untouched=7", {}),
    "sheets: draft": ("POST", f"{VERSION}/draft", {"reason": "a test", "base.fit": "6"}),
}  # fmt: skip
# The second to ask finds the version moved, by that version nobody moves, and there is no such job.
OTHERWISE = {"sheets: move": (303, 400), "sheets: preview": (400,), "sheets: job": (404,)}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ROLES)
def test_each_role_may_what_it_may(signed: Served, name: str, asked: str) -> None:
    method, path, fields = ASKED[asked]
    right = asked.partition(":")[0].partition(" ")[0]
    headers = {"X-Forwarded-Email": name}
    got = signed.get(path, **headers) if method == "GET" else signed.post(path, fields, **headers)
    done = OTHERWISE.get(asked, (200, 303))
    assert (got.status in done) == (right in ROLES[name])
    assert got.status in (*done, 403)


def test_whoever_may_see_own_leads_alone_gets_no_others(signed: Served) -> None:
    mia: dict[str, Any] = {"X-Forwarded-Email": "mia@firm.example"}
    listed = signed.get("/little/leads?owner=tom%40firm.example", **mia).text
    assert "<b>30</b> open" in listed
    assert "Lead 1<" not in listed
    assert signed.get("/little/leads?owner=", **mia).text.count("<b>30</b> open") == 1
    assert signed.get(address("L003"), **mia).status == 200
    for other in ("L001", "L002"):
        assert signed.get(address(other), **mia).status == 404
        assert signed.post(f"{address(other)}/verdict", {"verdict": "accepted"}, **mia).status == 404
    assert "tom@firm.example" not in listed
    marketer = signed.get("/little/leads", **{"X-Forwarded-Email": "mark@firm.example"}).text
    assert "<b>90</b> open" in marketer


def test_a_header_is_believed_of_the_proxy_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    file = little_file(tmp_path, {"sign_in": SIGN_IN | {"proxy": ["10.9.9.9"]}})
    publish(file, Night(SCORES, PEOPLE), "one")
    with served(file) as site:
        got = site.get(
            "/little/leads", **{"X-Forwarded-Email": "ada@firm.example", "X-Forwarded-For": "10.9.9.9"}
        )
        assert got.status == 403


def test_long_and_slow_requests_do_not_hold_up_others(site: Served) -> None:
    assert (
        site.post(f"{address('L004')}/verdict", {"verdict": "rejected", "reason": "x" * 300_000}).status
        == 413
    )
    assert site.ask("POST", f"{address('L004')}/verdict", b"a=1&" * 2000, {"Origin": site.url}).status == 400
    assert site.ask("POST", f"{address('L004')}/verdict", b"\xff\xfe%ff", {"Origin": site.url}).status == 400
    waiting = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(60)]
    for each in waiting:
        each.sendall(
            f"POST {address('L004')}/verdict HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 9\r\n\r\nv".encode()
        )
    start = time.monotonic()
    assert site.get("/little/leads").status == 200
    assert time.monotonic() - start < 5
    for each in waiting:
        each.close()


def test_the_interface_answers_what_it_describes(site: Served, signed: Served) -> None:
    described = json.loads(site.get("/little/api/openapi.json").text)
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {"/little/api/leads", "/little/api/leads/{lead}", "/little/api/score"}
    names = {ref.rsplit("/", 1)[1] for ref in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(described))}
    assert names <= set(described["components"]["schemas"]), "every model that is named is there"
    seen, after = list[str](), ""
    for _ in range(10):  # more pages than there are
        page = PageOfLeads.model_validate_json(
            site.get(f"/little/api/leads?limit=40{after and '&after=' + after}").text
        )
        seen += [lead.lead_id for lead in page.leads]
        if page.next is None:
            break
        after = page.next
    assert (len(seen), page.total) == (90, 90)
    assert seen == sorted(seen, key=lambda lead: (-SCORES[lead], lead))
    lead = WholeLead.model_validate_json(site.get("/little/api/leads/L004").text)
    assert (lead.name, lead.score) == ("Lead 4", 95)
    assert sum(line.points for line in lead.reasons) == pytest.approx(95)
    assert sum(line.points for line in lead.ledger) == pytest.approx(lead.rule_points or 0)
    for path, status in (
        ("/little/api/leads/nobody", 404), ("/little/api/leads?limit=0", 400), ("/little/api/leads?limit=x", 400), ("/little/api/leads?sort=best", 400), ("/little/api/leads?after=x", 400),
        ("/other/api/leads", 404), ("/little/api/nothing", 404), ("/little/api/score", 405),
    ):  # fmt: skip
        got = site.get(path)
        assert (got.status, "what" in json.loads(got.text)["error"]) == (status, True), path
    own = {"Content-Type": "application/json"}
    assert (
        site.ask("POST", "/little/api/score", b"{}", own | {"Origin": "https://evil.example"}).status == 403
    )
    assert site.ask("POST", "/little/api/score", b"{}", own | {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert site.ask("POST", "/little/api/score", b"{}", {"Content-Type": "text/plain"}).status == 403
    for sent in (b" " * 300_000, iter([b" " * 200_000] * 2)):
        long = site.ask("POST", "/little/api/score", sent, own)
        assert (long.status, json.loads(long.text)) == (413, {"error": {"what": "This is too long."}})
    assert signed.get("/little/api/leads").status == 403
    mia: dict[str, Any] = {"X-Forwarded-Email": "mia@firm.example"}
    mine = PageOfLeads.model_validate_json(signed.get("/little/api/leads?owner=", **mia).text)
    assert {each.owner for each in mine.leads} == {"mia@firm.example"}
    assert signed.get("/little/api/leads/L001", **mia).status == 404
    assert signed.ask("POST", "/little/api/score", b"{}", own | mia).status == 403


def test_health_says_the_worst_first(file: ProjectFile) -> None:
    publish(
        file,
        Night(SCORES, PEOPLE),
        "one",
        scored_at=now(),
        warnings=["half of the e-mail addresses are gone"],
    )
    store = RunStore(state_folder() / "runs")
    good = RunRecord(project="little", target="scores.duckdb", started_at=now() - DAY, rows=120)
    bad = RunRecord(project="little", target="scores.duckdb", started_at=now())
    other = RunRecord(project="another", started_at=now())
    for record, status in ((good, "done"), (bad, "failed"), (other, "failed")):
        store.begin(record)
        record.end(status, 3, "the database cannot be reached" if record is bad else None)  # type: ignore[arg-type]
        store.end(record)
    with served(file) as site:
        text = site.get("/little/health").text
    assert "need a look: the last run failed" in text
    assert (
        text.index("the database cannot be reached") < text.index("half of the e-mail") < text.index("Good:")
    )


def test_health_knows_of_a_run_that_was_killed_and_of_one_that_is_not_shown(file: ProjectFile) -> None:
    publish(file, Night(SCORES, PEOPLE, as_of=now()), "one", scored_at=now())
    monitored(file)
    store = RunStore(state_folder() / "runs")
    shown = RunRecord(
        project="little", target="scores.duckdb", run_id="one", started_at=now() - DAY, rows=120
    )
    store.begin(shown)
    shown.end("done", 0)
    store.end(shown)
    with served(file) as site:
        assert "All is well" in site.get("/little/health").text
        dead = RunRecord(project="little", target="scores.duckdb", started_at=now())
        store.begin(dead)
        store._locks.pop(dead.run_id).close()  # the process is gone, and said nothing
        text = site.get("/little/health").text
        assert "the last run was killed" in text
        shadow = RunRecord(project="little", target="another", started_at=now())
        store.begin(shadow)
        shadow.end("done", 0)
        store.end(shadow)
        assert "does not show the latest night" not in site.get("/little/health").text, "it went elsewhere"
        later = RunRecord(
            project="little", target="scores.duckdb", started_at=now(), warnings=["the disk was full"]
        )
        store.begin(later)
        later.end("done", 0)
        store.end(later)
        text = site.get("/little/health").text
        assert "The page does not show the latest night" in text
        assert "the disk was full" in text


def test_health_tells_what_else_failed_from_the_night(file: ProjectFile) -> None:
    publish(file, Night(SCORES, PEOPLE, as_of=now()), "one", scored_at=now())
    store = RunStore(state_folder() / "runs")
    night = RunRecord(
        project="little", target="scores.duckdb", run_id="one", started_at=now() - DAY, rows=120
    )
    learned = RunRecord(project="little", command="retrain", started_at=now())
    for record, status in ((night, "done"), (learned, "refused")):
        store.begin(record)
        record.end(status, 1, "too few conversions" if record is learned else None)  # type: ignore[arg-type]
        store.end(record)
    with served(file) as site:
        text = site.get("/little/health").text
    assert "The last run is done" in text
    assert "The last “leadlens retrain” did not end well" in text
    assert "too few conversions" in text


def test_a_lead_is_shown_while_verdicts_cannot_be_read(own: Served) -> None:
    own.post(f"{address('L004')}/verdict", {"verdict": "accepted"})
    with sqlite3.connect(state_folder() / "page.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        got = own.get(address("L004"))
        assert (got.status, "cannot be read just now" in got.text) == (200, True)
        said = own.post(f"{address('L004')}/verdict", {"verdict": "accepted"})
        assert (said.status, "Try again" in said.text) == (503, True)
        other.execute("ROLLBACK")
    assert own.post(f"{address('L004')}/verdict", {"verdict": "accepted"}).status == 303


def test_a_damaged_copy_gives_way_to_the_one_before(file: ProjectFile) -> None:
    publish(file, Night(SCORES, PEOPLE), "one")
    publish(file, Night(SCORES, PEOPLE, as_of=NIGHT + DAY), "two")
    latest = CopyFolder.of("little").latest()
    assert latest is not None
    latest.write_bytes(b"no database" * 100)
    with served(file) as site:
        got = site.get("/little/leads")
        assert (got.status, "30 Jun 2025" in got.text) == (200, True)
    CopyFolder.of("little").copy("one").unlink()
    with served(file) as site:
        got = site.get("/little/leads")
        assert got.status == 503
        assert "score rebuilds the copy of the scores" in got.text
        assert str(state_folder()) not in got.text, "paths are for the operator"


def test_many_leads_to_score_at_once_leave_the_page_to_its_readers(
    own: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(self: ShownProject, body: bytes) -> dict[str, Any]:
        go.wait(20)
        return {}

    monkeypatch.setattr(ShownProject, "score", slow)
    answers: list[int] = []
    sent = {"Content-Type": "application/json"}
    threads = [
        threading.Thread(
            target=lambda: answers.append(own.ask("POST", "/little/api/score", b"{}", sent).status)
        )
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    while answers.count(503) < 20:
        assert any(thread.is_alive() for thread in threads)
        time.sleep(0.01)
    assert own.get(address("L004")).status == 200
    go.set()
    for thread in threads:
        thread.join()
    assert (answers.count(503), answers.count(200)) == (20, 10)


def test_nobody_serves_names_to_a_network_without_sign_in(file: ProjectFile, tmp_path: Path) -> None:
    answer = leadlens("app", tmp_path / "little.yaml", "--host", "0.0.0.0")
    assert answer.code == 2
    assert "there is no sign-in" in answer.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = leadlens("app", tmp_path / "little.yaml", "--port", str(taken.getsockname()[1]))
    assert answer.code == 2
    assert "taken" in answer.err
    answer = leadlens("app", tmp_path / "little.yaml", tmp_path / "little.yaml")
    assert "same name" in answer.err


def test_the_command_serves_until_it_is_stopped(file: ProjectFile, tmp_path: Path) -> None:
    publish(file, Night(SCORES, PEOPLE), "one")
    command = [
        sys.executable,
        "-m",
        "leadlens",
        "app",
        str(tmp_path / "little.yaml"),
        "--port",
        "0",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        assert "Lead 0<" in Served(port).get("/little/leads").text
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert CopyFolder.of("little").latest() is not None
