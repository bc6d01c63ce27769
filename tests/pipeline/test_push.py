"""Scores reach a CRM once each, whatever the CRM does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadlens.features import LeadlensError, UsageError
from leadlens.pipeline.jobs.push import push
from leadlens.pipeline.runs import RunStore
from tests.pipeline.crm_server import FAULTS, FIELDS, FakeCrm, serving
from tests.pipeline.little_project import leadlens
from tests.pipeline.pushed_leads import HASTY, PushedLeads, scores_at

KINDS = ("hubspot", "salesforce", "https")
Start = Callable[..., FakeCrm]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts fake CRMs whose secrets are in the environment."""
    from contextlib import ExitStack

    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    with ExitStack() as stack:

        def begin(kind: str, **more: object) -> FakeCrm:
            crm = stack.enter_context(serving(FakeCrm(kind, **more)))  # type: ignore[arg-type]
            for name, value in crm.environment().items():
                monkeypatch.setenv(name, value)
            return crm

        yield begin


@pytest.mark.parametrize("kind", KINDS)
def test_every_lead_once_then_only_what_changed(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path), start(kind)
    first = leads.push(crm)
    assert (first.exit_code, first.acknowledged, first.same) == (0, 250, 0)
    assert scores_at(crm) == leads.expected(crm)
    assert set(crm.received.values()) == {1}
    some = crm.leads["lead-7"]
    assert {crm.named(each) for each in FIELDS} <= set(some)
    assert str(some[crm.named("as_of")]) == "2026-03-02"
    assert some[crm.named("status")] == "open"

    again = leads.push(crm)
    assert (again.acknowledged, again.same, crm.received.total()) == (0, 250, 250), "nothing is sent twice"
    leads.frame.loc[[3, 5], "score"] = 98
    leads.night()
    changed = leads.push(crm)
    assert (changed.acknowledged, changed.same) == (2, 248)
    assert scores_at(crm) == leads.expected(crm)
    assert leads.push(crm, everything=True).acknowledged == 250


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_nothing_but_time(kind: str, fault: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path), start(kind)
    crm.faults = [fault, None, fault]
    done = leads.push(crm)
    assert (done.exit_code, done.acknowledged, done.left) == (0, 250, 0)
    assert scores_at(crm) == leads.expected(crm)
    assert set(crm.changed.values()) == {1}, "applied exactly once"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_comes_too_late(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 20), start(kind, silence=0.6)
    crm.faults = ["silent"]
    from dataclasses import replace

    done = leads.push(crm, patience=replace(HASTY, answer=0.2))
    assert (done.exit_code, done.acknowledged, done.retried) == (0, 20, 1)
    assert set(crm.received.values()) == {2}
    assert set(crm.changed.values()) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_storm_of_all_of_them(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 2_000), start(kind, chance=0.4)
    pushes = [leads.push(crm)]
    while pushes[-1].left and len(pushes) < 20:
        pushes.append(leads.push(crm))
    assert pushes[-1].left == 0
    assert scores_at(crm) == leads.expected(crm)
    assert set(crm.changed.values()) == {1}
    assert sum(push.acknowledged for push in pushes) == 2_000


@pytest.mark.parametrize("whole", [False, True], ids=["each its answer", "whole batches refused"])
@pytest.mark.parametrize("kind", KINDS)
def test_leads_that_are_refused_are_listed_and_tried_again(
    kind: str, whole: bool, start: Start, tmp_path: Path
) -> None:
    leads = PushedLeads(tmp_path, 1_000)
    bad = frozenset(f"lead-{number}" for number in range(0, 1_000, 100))
    crm = start(kind, bad=bad, whole=whole)
    done = leads.push(crm)
    assert (done.exit_code, done.acknowledged, done.refused, done.left) == (1, 990, 10, 10)
    assert {failure.lead_id for failure in done.failures} == bad
    assert sum(done.reasons.values()) == 10
    assert all("no such record" in reason or (whole and "not valid: 1" in reason) for reason in done.reasons)
    assert crm.received["lead-0"] == 1 or whole, "what is refused for good is not sent again"
    record = RunStore(tmp_path / "state" / "runs").records()[0]
    assert (record.command, record.status, record.rows) == ("push", "refused", 990)

    crm.bad = frozenset()
    again = leads.push(crm)
    assert (again.exit_code, again.acknowledged, again.same, again.failures) == (0, 10, 990, ())
    assert scores_at(crm) == leads.expected(crm)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_down_keeps_the_rest_waiting(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 2_000), start(kind)
    crm.faults = [None] + ["503"] * 1_000
    done = leads.push(crm)
    batch = {"hubspot": 100, "salesforce": 200, "https": 500}[kind]
    assert (done.exit_code, done.acknowledged, done.unanswered) == (
        3,
        batch,
        min(3, 2_000 // batch - 1) * batch,
    )
    crm.faults = []
    assert leads.push(crm).acknowledged == 2_000 - batch
    assert set(crm.changed.values()) == {1}


def test_a_batch_that_breaks_the_server_does_not_hold_up_the_others(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 1_000), start("hubspot")
    crm.faults = [None, *["500"] * 8, None]
    done = leads.push(crm)
    assert (done.exit_code, done.acknowledged, done.unanswered) == (3, 900, 100)


@pytest.mark.parametrize("kind", KINDS)
def test_a_crm_that_takes_nothing_is_not_sent_everything(kind: str, start: Start, tmp_path: Path) -> None:
    leads = PushedLeads(tmp_path, 3_000)
    crm = start(kind, bad=frozenset(leads.frame["lead_id"]))
    done = leads.push(crm)
    batch = {"hubspot": 100, "salesforce": 200, "https": 500}[kind]
    assert (done.acknowledged, done.refused, crm.writes) == (0, 3 * batch, 3)
    assert done.stopped is not None
    assert "none of the leads" in done.stopped.what


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
def test_a_token_that_cannot_be_renewed(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path), start(kind, renewable=False)
    leads.push(crm)
    crm.tokens = set()
    with pytest.raises(UsageError, match="refuses the token") as refused:
        leads.push(crm)
    assert f"{kind.upper()}_ACCESS_TOKEN" in str(refused.value)
    assert "good-token" not in str(refused.value)


def test_without_a_token_nothing_begins(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads, crm = PushedLeads(tmp_path, 5), start("hubspot")
    for name in crm.environment():
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="there is no token"):
        leads.push(crm)
    assert not crm.asked


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
def test_fields_that_are_missing_are_named(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 30), start(kind)
    crm.missing = {crm.named("trend"), crm.named("score")}
    with pytest.raises(UsageError, match="has no field") as missing:
        leads.push(crm)
    assert f"{crm.named('score')} (a number)" in str(missing.value)
    assert f"{crm.named('trend')} (a text" in str(missing.value)
    assert crm.writes == 0
    if kind == "salesforce":
        with pytest.raises(UsageError, match="not created"):
            leads.push(crm, create_fields=True)
    else:
        assert leads.push(crm, create_fields=True).acknowledged == 30
        made = [payload for verb, path, _, payload in crm.asked if path.endswith("/contacts/batch/create")]
        assert [each["name"] for each in made[0]["inputs"]] == ["leadlens_score", "leadlens_trend"]


def test_names_and_an_external_id_of_ones_own(start: Start, tmp_path: Path) -> None:
    fields = {
        "score": "leadlens_reasons",
        "reasons": None,
        "trend": None,
        "points": "leadlens_route",
        "route": None,
    }
    leads, crm = PushedLeads(tmp_path, 3, id="external", fields=fields), start("hubspot")
    assert leads.push(crm).acknowledged == 3
    _, path, _, payload = crm.asked[-1]
    assert path.endswith("/batch/upsert")
    assert {each["idProperty"] for each in payload["inputs"]} == {"external"}
    assert crm.leads["lead-1"]["leadlens_route"] == "30"
    assert int(crm.leads["lead-1"]["leadlens_reasons"]) == leads.frame["score"][1]
    assert "leadlens_trend" not in crm.leads["lead-1"]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("hubspot", {"id": "lastname"}, "cannot be found by"),
        ("salesforce", {"id": "Nobodys__c"}, "cannot be found by"),
        ("hubspot", {"fields": {"stage": "leadlens_score", "score": None}}, "holds no text"),
        ("hubspot", {"fields": {"stage": "lastname"}}, "cannot be written"),
    ],
)
def test_fields_that_hold_something_else(
    kind: str, settings: dict[str, object], message: str, start: Start, tmp_path: Path
) -> None:
    leads, crm = PushedLeads(tmp_path, 3, **settings), start(kind)
    with pytest.raises(UsageError, match=message):
        leads.push(crm)
    assert crm.writes == 0


def test_salesforce_by_an_external_id_and_short_fields(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 3, id="Ours__c"), start("salesforce", length=20)
    done = leads.push(crm)
    assert crm.asked[-1][:2] == ("PATCH", "/services/data/v62.0/composite/sobjects/Lead/Ours__c")
    assert len(str(crm.leads["lead-2"]["Leadlens_Reasons__c"])) == 20
    assert done.cut == {"Leadlens_Reasons__c": 3}, "what is cut is counted"


def test_leads_that_left(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 20), start("salesforce")
    crm.bad = frozenset({"lead-3"})
    leads.push(crm)
    crm.bad = frozenset()
    reasons = {"lead-1": "objected", "lead-2": "converted", "lead-3": "converted"}
    leads.frame = leads.frame[~leads.frame["lead_id"].isin([*reasons, "lead-4"])]
    leads.night(lambda gone: [reasons.get(lead, "vanished") for lead in gone])
    assert leads.push(crm).acknowledged == 4, "lead-3 was sent once: the CRM may have it"
    gone, kept = crm.leads["lead-1"], crm.leads["lead-2"]
    assert gone.pop("Leadlens_Status__c") == kept["Leadlens_Status__c"] == "closed"
    assert set(gone.values()) == {None}, "nothing is left of who objects"
    assert kept["Leadlens_Score__c"] is not None

    other = start("https")
    done = leads.push(other)
    assert (done.acknowledged, done.unknown) == (16, 4), (
        "who left is no news to a CRM that never heard of them"
    )


def test_a_score_that_went_back_is_put_right(start: Start, tmp_path: Path) -> None:
    """Sent, applied, and the process gone before the answer: what the CRM has is not what the journal knew."""
    leads, crm = PushedLeads(tmp_path, 5, fields={"as_of": None}), start("https")
    leads.push(crm)
    before = leads.frame.copy()
    leads.frame["score"] = 99
    leads.night()
    crm.faults = ["late reset"] * 8
    assert leads.push(crm).exit_code == 3
    assert set(scores_at(crm).values()) == {99}
    leads.frame = before
    leads.night()
    assert leads.push(crm).acknowledged == 5
    assert scores_at(crm) == leads.expected(crm)


def test_a_redirect_is_not_followed(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 5), start("https")
    crm.faults = ["elsewhere"]
    done = leads.push(crm)
    assert done.stopped is not None
    assert "redirects" in done.stopped.what


def test_a_dry_run_sends_nothing(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leads, crm = PushedLeads(tmp_path), start("hubspot")
    for name in crm.environment():
        monkeypatch.delenv(name)
    done = leads.push(crm, dry_run=True)
    assert not crm.asked
    assert (done.waiting, len(done.examples)) == (250, 10)
    assert done.examples[0]["leadlens_score"] == leads.frame["score"].max(), "the best come first"
    answer = leadlens("push", leads.config, "--to", crm.to, "--dry-run")
    assert answer.code == 0
    assert "nothing was sent" in answer.out
    assert "250 would be sent" in answer.out
    assert not list((tmp_path / "state").glob("pushed/*"))


def test_the_command_names_what_is_left(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path), start("hubspot", bad=frozenset({"lead-9"}))
    answer = leadlens("push", leads.config, "--to", crm.to)
    assert answer.code == 1
    assert "249 of 250 accepted" in answer.out
    assert "1 lead still to be sent: 1 refused" in answer.out
    assert "lead-9: no such record" in answer.out
    assert f"leadlens push {leads.config} --to {crm.to}" in answer.out
    facts = json.loads(leadlens("push", leads.config, "--to", crm.to, "--json").out)
    assert facts["failures"] == [{"lead_id": "lead-9", "error": "no such record", "tries": 2}]


def test_no_secret_is_stored_or_shown(start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path, 30), start("salesforce", bad=frozenset({"lead-9"}))
    log = tmp_path / "log.json"
    answer = leadlens("push", leads.config, "--to", crm.to, "--log-format", "json", "--log-file", log)
    (record,) = RunStore(tmp_path / "state" / "runs").records()
    assert json.loads(log.read_text().splitlines()[0])["run_id"] == record.run_id
    written = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    said = b"".join([*written, log.read_bytes(), answer.out.encode(), answer.err.encode()])
    assert b"hush-hush" not in said
    assert b"good-token" not in said
    assert any(b"good-token" in headers["Authorization"].encode() for _, _, headers, _ in crm.asked)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("http://leads.example.com/in", "not sent over http"),
        ("hubspot://evil.example.com/contacts", "not a server of HubSpot"),
        ("hubspot://hubapi.com.evil.example/contacts", "not a server of HubSpot"),
        ("salesforce://acme.example.com/Lead", "not a server of Salesforce"),
        ("salesforce://acme.my.salesforce.com", "which kind of record"),
        ("https://ann:hunter2@leads.example.com/in", "not contain a user or a password"),
        ("duckdb:///scores.duckdb", "pushed to a CRM"),
        ("https://[::1/in", "not an address"),
        ("hubspot://contact", "did you mean: contacts"),
        ("hubspot://Contacts", "did you mean: contacts"),
        ("hubspot://compnies", "did you mean: companies"),
        ("salesforce://acme.my.salesforce.com/lead", "did you mean: Lead"),
        ("salesforce://acme.my.salesforce.com/Leads", "did you mean: Lead"),
    ],
)
def test_addresses_that_are_refused(
    to: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    leads = PushedLeads(tmp_path, 3)
    for more in ((), ("--dry-run",)):
        answer = leadlens("push", leads.config, "--to", to, *more)
        assert answer.code == 2
        assert message in answer.err
        assert "hunter2" not in answer.err


@pytest.mark.parametrize("place", ["2-1234567", "0-1", "p1234_cars", "line_items"])
def test_records_of_ones_own_kind(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    leads = PushedLeads(tmp_path, 3)
    assert push(leads.config, to=f"hubspot://{place}", dry_run=True).waiting == 3
    assert push(leads.config, to="salesforce://a.my.salesforce.com/My_Car__c", dry_run=True).waiting == 3


@pytest.mark.parametrize(
    ("kind", "crm", "message"),
    [
        ("hubspot", {"fields": {"score": "Lead Score"}}, "no field of such a name"),
        ("salesforce", {"fields": {"grade": "Leadlens-Grade"}}, "no field of such a name"),
        ("hubspot", {"id": "our id"}, "no field of such a name"),
        ("hubspot", {"fields": {"points": "leadlens_score"}}, "score and points would be written to one"),
        ("salesforce", {"fields": {"score": "Id"}}, "own id"),
        ("https", {"id": "score"}, "over the ids"),
        ("https", {"fields": dict.fromkeys(FIELDS)}, "every field is null"),
    ],
)
def test_what_is_known_without_asking_is_refused_at_once(
    kind: str, crm: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a dry run too, and before a token is asked for."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    leads = PushedLeads(tmp_path, 3, **crm)
    to = FakeCrm(kind, origin="http://127.0.0.1:9").to
    for dry_run in (True, False):
        with pytest.raises(UsageError, match=message):
            push(leads.config, to=to, dry_run=dry_run)


def test_what_costs_least_to_put_right_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes an app at the vendor's to hear then that scores.to is a file."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN", raising=False)
    leads = PushedLeads(tmp_path, 3)

    def refused(**more: bool) -> str:
        with pytest.raises(LeadlensError) as error:
            push(leads.config, to="hubspot://contacts", **more)
        return str(error.value)

    assert "there is no token" in refused()
    for kind in ("salesforce://a.my.salesforce.com/Lead", "https://leads.example.com/in"):
        for dry_run in (True, False):
            with pytest.raises(UsageError, match="created"):
                push(leads.config, to=kind, dry_run=dry_run, create_fields=True)
    (tmp_path / "scores.duckdb").unlink()
    assert "run leadlens score first" in refused()
    leads.settings["scores"] = {"to": "scores.csv"}
    leads.write(leads.config)
    assert "not pushed from a file" in refused()


def test_a_dry_run_notes_what_the_push_would_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    for name in FakeCrm("hubspot").environment():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN", raising=False)
    leads = PushedLeads(tmp_path)
    answer = leadlens("push", leads.config, "--to", "hubspot://contacts", "--dry-run")
    assert answer.code == 0
    assert "250 would be sent in 3 requests" in answer.out
    assert "HUBSPOT_ACCESS_TOKEN" in answer.out
    assert "ids such as lead-" in answer.out
    assert "crm.id" in answer.out
    leads.settings["crm"] = {"id": "external"}
    leads.write(leads.config)
    done = push(leads.config, to="hubspot://contacts", dry_run=True)
    assert [note for note in done.notes if "ids such as" in note] == []
    for kind, calls in (("salesforce://a.my.salesforce.com/Lead", 2), ("https://leads.example.com/in", 1)):
        assert push(leads.config, to=kind, dry_run=True).calls == calls


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
def test_requests_are_counted_before_they_are_made(kind: str, start: Start, tmp_path: Path) -> None:
    leads, crm = PushedLeads(tmp_path), start(kind, left_today=1)
    stages: list[str] = []

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        stages.append(stage)

    done = leads.push(crm, progress=progress)
    calls = {"hubspot": 3, "salesforce": 2}[kind]
    assert f"Sending 250 leads in {calls} requests" in stages
    assert (done.calls, done.left_today, crm.writes) == (calls, 1, calls)
    assert any(f"1 more request today, and this takes {calls}" in note for note in done.notes)
    assert done.to_dict()["requests"] == calls
    crm.left_today = 100
    assert not any("more request" in note for note in leads.push(crm, everything=True).notes)


def test_a_file_is_nothing_to_push_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LEADLENS_PUSH_TOKEN", "a-token-of-mine")
    leads = PushedLeads(tmp_path, 3)
    leads.settings["scores"] = {"to": "scores.csv"}
    leads.write(leads.config)
    with pytest.raises(LeadlensError, match="not pushed from a file"):
        push(leads.config, to="https://leads.example.com/in", dry_run=True)
