"""A webhook says once, signed and whatever happens, which leads have another stage and how a run ended."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.features import UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.crm.http import Patience
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.webhooks.announcing import Announcer
from leadlens.pipeline.webhooks.outbox import MOST_RUNS
from leadlens.pipeline.writeback import stage_scores
from tests.pipeline import http_server
from tests.pipeline.pushed_leads import PushedLeads
from tests.pipeline.writeback_samples import AS_OF, run

SECRET = "a-secret-that-nobody-guesses"
HASTY = Patience(tries=2, first=0.001, longest=0.001, connect=1, answer=1, whole=2)


class Receiver:
    """Keeps every message; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with http_server.serving(_Handler, receiver) as host:
        receiver.url = f"http://{host}/hook"
        yield receiver


class _Handler(http_server.Handler):
    def do_POST(self) -> None:
        receiver: Receiver = self.state
        receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, self.body()))
        self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Nights:
    """A project with a webhook whose nights are written without a model, and recorded as `leadlens score` records them."""

    def __init__(self, folder: Path, receiver: Receiver, **webhook: Any) -> None:
        self.leads = PushedLeads(folder, 10)
        self.leads.settings["webhook"] = {"url": receiver.url, **webhook}
        self.leads.write(self.leads.config)
        self.state, self.day = folder / "state", 1
        (self.state / "runs").mkdir(parents=True)
        self.store = RunStore(self.state / "runs")
        self.record("run-1", "done")
        self.announcer()  # what ended before is no news

    def announcer(self) -> Announcer:
        return Announcer(load_project(self.leads.config), self.leads.to, self.state, patience=HASTY)

    def record(self, run_id: str, status: Any, **facts: Any) -> None:
        record = RunRecord(
            project="little", target=self.leads.to, table="lead_scores", run_id=run_id, **facts
        )
        record.end(status, {"done": 0, "killed": None}.get(status, 3))
        self.store.save(record)

    def night(self, frame: pd.DataFrame) -> list[str]:
        self.day += 1
        manifest = run(f"run-{self.day}", self.day, model_version="little/1", project="little")
        with stage_scores(self.leads.to, run=manifest) as staged:
            staged.add(frame)
            staged.commit(why_left=lambda gone: ["converted"] * len(gone))
        self.record(f"run-{self.day}", "done", as_of=AS_OF, rows=len(frame))
        return self.announcer().announce()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("LEADLENS_WEBHOOK_SECRET", SECRET)
    with receiving() as receiver:
        yield receiver


def test_a_changed_stage_and_the_end_of_a_run_are_said_once(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver)
    frame = nights.leads.frame.copy()
    frame.loc[2, "stage"], frame.loc[3, "score"] = "SQL", 77
    new = frame.iloc[[0]].assign(lead_id="lead-new")
    assert nights.night(pd.concat([frame.iloc[1:], new])) == []
    changes = [body["data"] for body in receiver.bodies if body["type"] == "lead.stage_changed"]
    assert [(each["lead_id"], each["stage_before"], each["stage"], each["status"]) for each in changes] == [
        ("lead-0", "MQL", "MQL", "closed"),
        ("lead-2", "MQL", "SQL", "open"),
        ("lead-new", None, "MQL", "open"),
    ]
    assert [each["closed_reason"] for each in changes] == ["converted", None, None]
    ((end,),) = ([body["data"] for body in receiver.bodies if body["type"] == "run.ended"],)
    assert (end["run_id"], end["status"], end["leads"]) == ("run-2", "done", 10)
    count = len(receiver.got)
    assert nights.announcer().announce() == []
    assert len(receiver.got) == count, "nothing is said twice"
    nights.night(pd.concat([frame.iloc[1:], new]))
    assert len(receiver.got) == count + 1, "a quiet night ends, and changes nothing"


def test_every_message_is_signed(receiver: Receiver, tmp_path: Path) -> None:
    Nights(tmp_path, receiver).night(PushedLeads.scores(10))
    for headers, body in receiver.got:
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["content-type"] == "application/json"


def test_what_is_not_taken_is_sent_again_with_the_same_id(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver)
    frame = nights.leads.frame.copy()
    frame.loc[2, "stage"] = "SQL"
    receiver.statuses = [500, 500, 400]  # the first message twice, the second once
    (warning,) = nights.night(frame)
    assert "2 messages of the webhook not delivered" in warning
    first = receiver.ids
    assert first[0] == first[1]
    assert nights.announcer().announce() == []
    assert receiver.ids[3:] == [first[0], first[2]]


def test_a_receiver_that_is_gone_is_given_up_at_last(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver)
    receiver.statuses = [404] * 1_000
    said = [nights.night(nights.leads.frame)]
    said += [nights.announcer().announce() for _ in range(MOST_RUNS - 1)]
    assert all("1 message of the webhook not delivered" in each[0] for each in said[:-1])
    assert "given up" in said[-1][0]
    assert nights.announcer().announce() == []


def test_a_run_that_was_killed_is_said_by_the_next(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver)
    nights.record("run-1b", "killed")
    nights.record("run-1c", "failed")
    other = RunRecord(project="other", run_id="run-1d")
    other.end("done", 0)
    nights.store.save(other)
    nights.night(nights.leads.frame)
    assert [body["data"]["run_id"] for body in receiver.bodies] == ["run-1b", "run-1c", "run-2"]
    assert [body["data"]["status"] for body in receiver.bodies] == ["killed", "failed", "done"]


def test_only_what_is_asked_for(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver, events=["stage_changed"])
    nights.night(nights.leads.frame.assign(stage="SQL"))
    assert {body["type"] for body in receiver.bodies} == {"lead.stage_changed"}
    assert len(receiver.got) == 10


@pytest.mark.parametrize(
    ("url", "secret", "message"),
    [
        ("http://hooks.example.com/x", SECRET, "not sent over http"),
        ("hubspot://contacts", SECRET, "begins with https"),
        ("https://hooks.example.com/x", "", "has no secret"),
        ("https://hooks.example.com/x", "x7x7x7", "too short"),
        ("https://hooks.example.com/x", "whsec_???", "too short"),
    ],
)
def test_what_will_not_do_is_said_before_a_run(
    url: str, secret: str, message: str, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_WEBHOOK_SECRET", secret)
    receiver.url = url
    with pytest.raises(UsageError, match=message):
        Nights(tmp_path, receiver)


def test_a_file_has_no_stages_before(receiver: Receiver, tmp_path: Path) -> None:
    nights = Nights(tmp_path, receiver)
    (caution,) = Announcer(load_project(nights.leads.config), "scores.csv", nights.state).cautions()
    assert "no change of a stage" in caution
