"""Nights of a small project as the page shows them, and its server on a free port."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pyarrow as pa
import uvicorn

from leadlens.models.judging import Comparison, compare
from leadlens.pipeline.app.server import application, settings
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.published.comparing import publish_comparison
from leadlens.pipeline.published.monitored import keep_monitored
from leadlens.pipeline.published.publishing import Publishing
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.views.links import segment
from tests.models.judged_example import judged_example

NIGHT = datetime(2025, 6, 30, 2, 10)
STAGES = ("Lead", "MQL", "SQL", "Disqualified")
OWNERS = ("mia@firm.example", "tom@firm.example", None)
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "=HYPERLINK(\"http://evil.example\")", "{{7*7}}",
    "O'Neil; DROP TABLE lead", "‮drawkcab", "a" * 3000, "\u0000null", "<!--", "javascript:alert(3)", "%2e%2e%2f", "L/1 ?#&=+",
    "👩‍💻 Zoë", "</title><svg onload=alert(4)>", "&lt;b&gt;", "\r\nSet-Cookie: a=b", "+1-1", "@cmd", "-2+3", "\tTab",
)  # fmt: skip

SHEET = """\
# Agreed with sales in May.
sheet: points
about: Who is worth a call
base: {fit: 5}
attributes: # who they are
  - {label: Large firm, when: account.employees >= 1000, points: 15} # ask Mia
actions:
  - label: Opened a mail
    when: event_type = 'email_opened'
    points: 2 # little
    per: each
    cap: 10
    within: 30d
  - {label: Started a trial, when: event_type = 'trial_started', points: 25, decay: {half_life: 30d}}
thresholds: {mql: 30, sql: {points: 60, keep: 50}}
"""


@dataclass
class Night:
    """Leads of one night: score and points by id; more columns in ``people``."""

    scores: Mapping[str, int]
    people: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    as_of: datetime = NIGHT
    reasons: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)

    def rows(self) -> pa.Table:
        """As ``lead_scores_table`` gives them: reasons sum to the score, ledgers to the points."""
        leads = list(self.scores)
        points = [float(2 * score) for score in self.scores.values()]
        return pa.table(
            {
                "lead_id": leads,
                "as_of": pa.array([self.as_of] * len(leads), pa.timestamp("us")),
                "probability": [score / 400 for score in self.scores.values()],
                "score": list(self.scores.values()),
                "grade": [f"{'ABCD'[at % 4]}{at % 4 + 1}" for at in range(len(leads))],
                "fit_points": [1.0] * len(leads),
                "engagement_points": [2.0] * len(leads),
                "reasons": [json.dumps(self._reasons(lead)) for lead in leads],
                "reasons_text": [
                    "; ".join(f"{text}: {p:+.0f}" for text, p in self._why(lead)) for lead in leads
                ],
                "trend": ["rising"] * len(leads),
                "route": ["call, senior reps: asked for a price"] * len(leads),
                "scorecard_version": ["little 1a2b3c4d5e6f"] * len(leads),
                "rule_points": points,
                "rule_grade": ["A1"] * len(leads),
                "rule_stage": [STAGES[at % 4] for at in range(len(leads))],
                "ledger": [json.dumps(_ledger(total)) for total in points],
            }
        )

    def names(self) -> pa.Table:
        """As ``people_of`` gives them."""
        columns = ("name", "email", "company", "owner")
        own = [self.people.get(lead, {}) for lead in self.scores]
        return pa.table(
            {"lead_id": list(self.scores)}
            | {name: pa.array([each.get(name) for each in own], pa.string()) for name in columns}
        )

    def _why(self, lead: str) -> Sequence[tuple[str, float]]:
        return self.reasons.get(lead, [("Viewed the pricing page", 8.0)])

    def _reasons(self, lead: str) -> list[dict[str, Any]]:
        why = self._why(lead)
        start = self.scores[lead] - sum(points for _, points in why)
        lines = [("Every lead starts at", start), *why]
        return [{"text": text, "points": points, "family": None} for text, points in lines]


def _ledger(total: float) -> list[dict[str, Any]]:
    line = {"dimension": "interest", "detail": None, "taken_by_decay": 0.0, "taken_by_cap": 0.0}
    dated = line | {"rule": "Started a trial", "occurred_at": "2025-06-25T10:00:00", "points": 25.0}
    return [line | {"rule": "Starting points", "occurred_at": None, "points": total - 25.0}, dated]


def little_file(
    folder: Path, page: Mapping[str, Any] | None = None, name: str = "little", sheet: str | None = None
) -> ProjectFile:
    """A project whose data nobody reads; ``sheet`` is the text of its score sheet, if it has one."""
    if sheet is not None:
        (folder / "points.yaml").write_text(sheet, encoding="utf-8")
    text = {
        "scorecards": [] if sheet is None else ["points.yaml"],
        "name": name,
        "data": {"leads": {"read": "leads.csv"}, "conversions": {"read": "c.csv"}},
        "page": page or {},
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    return load_project(path)


def publish(file: ProjectFile, night: Night, run_id: str, why: str = "closed", **facts: Any) -> str | None:
    """Publish a night as `leadlens score` does; what was said where it was not."""
    replace_newer, verdicts = facts.pop("replace_newer", False), facts.pop("verdicts", None)
    with Publishing(file, run_id) as copy:
        copy.add(night.rows(), night.names())
        known = {
            "project": file.project.name, "about": "", "as_of": night.as_of, "dated": True, "data_end": night.as_of,
            "scored_at": night.as_of, "model": "little/1", "alias": "champion", "sheet": "little", "leads": len(night.scores),
            "objected": 0, "warnings": [],
        }  # fmt: skip
        return copy.publish(
            known | facts,
            lambda leads: [why] * len(leads),
            verdicts=verdicts,
            replace_newer=replace_newer,
        )


def monitored(file: ProjectFile, **facts: Any) -> None:
    """Keep what `leadlens monitor` finds where all is well, but for ``facts``."""
    moves = {"moves": False, "psi_nights": 0.01, "low_tail": None, "high_tail": None, "tail_z": None}
    known: dict[str, Any] = {
        "made_at": now(), "as_of": NIGHT, "looked_back": NIGHT, "alarms": [], "warnings": [], "notes": [],
        "matured": {"leads": 900, "observed": 50, "expected": 48.2, "low": 39.0, "high": 57.0},
        "outcomes": [
            {"band": "60–69", "leads": 300, "expected": 30.1, "converted": 33, "rate": 0.11, "low": 0.084, "high": 0.143},
            {"band": "50–59", "leads": 29, "expected": 1.2, "converted": 2, "rate": 0.07, "low": 0.02, "high": 0.19},
        ],
        "scores": moves | {"name": "grades", "label": "Grades of the model", "psi_training": 0.02},
        "features": [moves | {"name": "income", "label": "Income", "psi_training": 0.03}],
        "weeks": [],
    }  # fmt: skip
    keep_monitored(file.project.name, known | facts)


def publish_compared(
    file: ProjectFile, people: Mapping[str, Mapping[str, str | None]] | None = None, leads: int = 600
) -> Comparison:
    """Publish a comparison of simulated leads as `leadlens compare` does; ``people`` by the example's ids."""
    judged, ledger, meta = judged_example(leads, snapshots=2)
    comparison = compare(judged, ledger, meta, capacity=file.project.judge.capacity, resamples=60)
    own = people or {}
    columns = ("name", "email", "company", "owner")
    names = pa.table(
        {"lead_id": pa.array(list(own), pa.string())}
        | {name: pa.array([each.get(name) for each in own.values()], pa.string()) for name in columns}
    )
    assert publish_comparison(file, comparison, names, (judged, ledger)) is None
    return comparison


class Got(NamedTuple):
    """An answer of the server."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Served:
    """A page that is being served."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Got:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Got:
        own = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields).encode(), own | headers)

    def ask(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None, headers: Mapping[str, str]
    ) -> Got:
        """As it is typed: nothing is escaped or followed, and of an iterator the length is not said. A header ``Sec_Fetch_Site`` is Sec-Fetch-Site, an empty one is not sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        try:
            connection.request(method, path, body, sent, encode_chunked=isinstance(body, Iterator))
            answer = connection.getresponse()
            text = answer.read().decode()
            return Got(answer.status, text, {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()


@contextmanager
def served(*files: ProjectFile, person: str = "ann") -> Iterator[Served]:
    """The page of these projects on a free port of this machine."""
    server = uvicorn.Server(settings(application(files, local_person=person)))
    server.config.port = 0
    ready = threading.Event()
    startup = server.startup

    async def started(sockets: Any = None) -> None:
        await startup(sockets)
        ready.set()

    server.startup = started  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(20)
    try:
        yield Served(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)


def address(lead_id: str, project: str = "little") -> str:
    """The path of a lead."""
    return f"/{project}/leads/{segment(lead_id)}"
