"""Two hundred hostile texts in every place where somebody's text can stand: on every page and in every export they stay text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import duckdb
import pyarrow as pa
import pytest
import yaml

from leadlens.models.scorecard import Sheet
from leadlens.pipeline.app.jobs import Job, JobFolder
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.views.links import segment
from tests.models.judged_example import judged_example
from tests.pipeline.hostile_texts import CANARY, COUNT, Reader, hostile_texts
from tests.pipeline.page_example import (
    NIGHT,
    Night,
    Served,
    address,
    little_file,
    monitored,
    publish,
    publish_compared,
    served,
)

ROOT = Path(__file__).parents[2]
TEXTS = hostile_texts()
# What a sheet refuses: its labels are one line of text.
LABELS = [text for text in TEXTS if text.strip() and text.isprintable()]
DAY = timedelta(days=1)
MOVES = {"moves": False, "psi_training": 0.3, "psi_nights": 0.1, "low_tail": None, "high_tail": None, "tail_z": None}  # fmt: skip


class HostileNight(Night):
    """Every text of a lead is hostile: reasons, ledger with its details, route, versions."""

    def rows(self) -> pa.Table:
        rows, leads = super().rows(), list(self.scores)

        def line(text: str, points: float) -> dict[str, object]:
            at = "2025-06-25T10:00:00"
            taken = {"taken_by_decay": 0.0, "taken_by_cap": 0.0, "dimension": text}
            return taken | {"rule": text, "detail": text, "occurred_at": at, "points": points}

        own = {
            "ledger": [json.dumps([line(lead, 2.0 * score)]) for lead, score in self.scores.items()],
            "route": leads,
            "scorecard_version": leads,
            "trend": leads,
            "grade": leads,
            "rule_grade": leads,
        }
        for name, values in own.items():
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, pa.string()))
        return rows


@dataclass
class Attacked:
    """A page whose every text is hostile, and its sheet."""

    site: Served
    file: ProjectFile
    sheet: str


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        sheet = {
            "sheet": "points", "about": LABELS[0], "for": LABELS[1],
            "attributes": [{"label": f"{text} attribute", "when": text, "points": 1} for text in LABELS],
            "actions": [{"label": text, "when": text, "points": 1, "per": "value", "of": text, "after": text} for text in LABELS],
            "disqualify": [{"label": f"{text} no", "when": text} for text in LABELS],
            "routes": [{"label": text, "when": text, "action": text, "queue": text} for text in LABELS],
        }  # fmt: skip
        file = little_file(folder, sheet=yaml.safe_dump(sheet, allow_unicode=True))
        people = {text: dict.fromkeys(("name", "email", "company", "owner"), text) for text in TEXTS}
        reasons = {text: [(text, 8.0)] for text in TEXTS}
        for day, score, run in ((0, 50, "one"), (1, 60, "two")):
            night = HostileNight(dict.fromkeys(TEXTS, score), people, NIGHT + day * DAY, reasons)
            publish(file, night, run, warnings=TEXTS, model=TEXTS[0], sheet=TEXTS[1], scored_at=now())
        closing = HostileNight(dict.fromkeys(TEXTS[20:], 60), people, NIGHT + 10 * DAY, reasons)
        publish(file, closing, "three", why=TEXTS[2], warnings=TEXTS, model=TEXTS[0], scored_at=now())
        _compare(file)
        message = [{"code": text, "subject": text, "message": text} for text in TEXTS]
        monitored(
            file, alarms=message, warnings=message, notes=[f"no score {text}" for text in TEXTS], matured=None, outcomes=[],
            features=[MOVES | {"name": text, "label": text} for text in TEXTS],
        )  # fmt: skip
        _runs()
        _jobs(folder)
        with served(file, person=TEXTS[3]) as site:
            yield Attacked(site, file, Sheet.load(folder / "points.yaml").version)


def _compare(file: ProjectFile) -> None:
    """A comparison whose people, rules and versions are hostile."""
    leads = list(dict.fromkeys(judged_example(600)[0]["lead_id"]))
    people = {
        lead: dict.fromkeys(("name", "email", "company", "owner"), TEXTS[at % COUNT])
        for at, lead in enumerate(leads)
    }
    publish_compared(file, people)
    path = CopyFolder.compared("little").latest()
    assert path is not None
    with duckdb.connect(str(path)) as copy:
        ((text,),) = copy.execute("SELECT value FROM facts WHERE name = 'comparison'").fetchall()
        figures = json.loads(text)
        (rule, *_) = figures["audit"]
        figures["audit"] += [rule | {"rule": text, "words": text, "verdict": "Not settled"} for text in TEXTS]
        figures["meta"] |= {"model_version": TEXTS[4], "sheet_version": TEXTS[5], "project": TEXTS[6]}
        copy.execute("UPDATE facts SET value = ? WHERE name = 'comparison'", [json.dumps(figures)])
        copy.execute("UPDATE rule_lead SET rule = ? WHERE rule = ?", [TEXTS[7], rule["rule"]])


def _runs() -> None:
    store = RunStore(state_folder() / "runs")
    for text in TEXTS[:40]:
        record = RunRecord(
            project="little", started_at=now(), target=text, model_version=text, warnings=[text]
        )
        store.begin(record)
        record.end("failed", 3, text)
        store.end(record)


def _jobs(folder: Path) -> None:
    jobs = JobFolder.of("little")
    moved = [
        {"lead_id": text, "stage_before": text, "stage_after": text, "total_before": 1, "total_after": 2} for text in TEXTS
    ]  # fmt: skip
    result = {
        "as_of": None, "compared": 200, "only_before": 0, "only_after": 0, "stages": [{"stage": text, "before": 1, "after": 2} for text in TEXTS],
        "points_changed": 1, "up": 200, "down": 200, "risen": moved, "fallen": moved, "past": [], "no_past": TEXTS[8], "changes": TEXTS[:20],
    }  # fmt: skip
    known = {"config": "c", "sheet": TEXTS[9], "version": TEXTS[10], "against": TEXTS[11], "by": TEXTS[12], "started_at": str(NIGHT)}  # fmt: skip
    jobs.save(Job(id="20260101T000000-00000001", **known, status="done", result=result))
    jobs.save(Job(id="20260101T000000-00000002", **known, status="failed", error="\n".join(TEXTS)))


class Looked:
    """Looks at pages, and knows in the end which texts were shown."""

    def __init__(self, site: Served) -> None:
        self._site, self.pages, self.shown = site, 0, set[str]()

    def at(self, path: str) -> Reader:
        """Get a page and look at it."""
        got = self._site.get(path)
        assert got.status in (200, 404), path
        assert "set-cookie" not in got.headers
        return self.over(got.text, path)

    def over(self, text: str, path: str) -> Reader:
        """Look at a page that was answered."""
        page = Reader.of(text)
        self.pages += 1
        assert page.elements <= ELEMENTS, path
        assert not page.comments, path
        for element, name in page.attributes:
            assert not name.startswith("on"), (path, element, name)
            assert name in ATTRIBUTES, (path, element, name)
        for link in page.links:
            assert not link.lstrip().lower().startswith(("javascript:", "data:", "//", "http")), (path, link)
        assert f"{CANARY}{CANARY}" not in text, "a template in a text was run"
        assert "49zqx49zqx" not in text
        self.shown |= {
            each for each in TEXTS if each not in self.shown and page.shows(each.replace("\r\n", "\n"))
        }
        return page


# What the templates themselves write: an element or attribute that is in none of them came from a text.
_WRITTEN = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("app", "views")
    for path in (ROOT / "pipeline" / folder / "templates").glob("*.html")
)
ELEMENTS = set(re.findall(r"<([a-z][a-z0-9]*)", _WRITTEN))
ATTRIBUTES = {name.lower() for name in re.findall(r"[\s}]([a-zA-Z][\w-]*)=\"", _WRITTEN)} | {
    "required",
    "selected",
    "open",
}


def test_there_are_two_hundred_and_each_is_another() -> None:
    assert len(TEXTS) == len(set(TEXTS)) == COUNT
    assert all(CANARY in text for text in TEXTS)
    naive = Reader.of("".join(f"<p title='{text}'>{text}</p>" for text in TEXTS))
    assert not naive.elements <= ELEMENTS, "unescaped, they are noticed"
    assert any(name.startswith("on") for _, name in naive.attributes)
    assert naive.comments


def test_no_page_lets_a_text_be_more_than_text(
    attacked: Attacked, capsys: pytest.CaptureFixture[str]
) -> None:
    site, looked = attacked.site, Looked(attacked.site)
    version = f"/little/sheets/points/{attacked.sheet}"
    for text in TEXTS:
        sent = {"verdict": "rejected", "reason": text}
        stays = bool(text.strip())
        assert site.post(f"{address(text)}/verdict", sent).status == (303 if stays else 400)
    assert site.post(f"{version}/keep", {"reason": TEXTS[13]}).status == 303
    saved = site.post(f"{version}/draft", {"actions.0.points": "9", "reason": TEXTS[14]})
    assert saved.status == 303
    site.post(f"{version}/move", {"to": "test", "reason": TEXTS[15]})
    for text in TEXTS[:20]:
        refused = site.post(f"{version}/draft", {"actions.0.points": text, "reason": text})
        assert refused.status == 400
        looked.over(refused.text, f"a refused form: {text!r}")
        refused = site.post(
            "/little/threshold/draft", {"points": text, "reason": text, "cost": text, "reps": text}
        )
        looked.over(refused.text, f"a refused threshold: {text!r}")
    for path in (
        "leads", "leads?disqualified=1&owner=", "leads?status=closed&owner=", "leads?status=any&owner=&sort=moved", "leads?untouched=1&owner=", "compare",
        "compare/both", "compare/model-only", "compare/rules-only", "compare/neither", "threshold?cost=1&gain=9", "sheets", "health", "log",
        "jobs/20260101T000000-00000001", "jobs/20260101T000000-00000002",
    ):  # fmt: skip
        looked.at(f"/little/{path}")
    for path in (version, saved.headers["location"]):
        looked.at(path)
    assert looked.shown == set(TEXTS), "each was on some page"
    for at, text in enumerate(TEXTS):
        lead = looked.at(address(text))
        assert lead.shows(text.replace("\r\n", "\n")), text
        looked.at(f"/little/rules/{segment(text)}")
        asked = dict.fromkeys(("q", "owner", "stage", "grade", "after", "capacity", "from", "reps", "cost", "points", "note", "sort"), text)  # fmt: skip
        # A page of all rules is long: every tenth text asks for it.
        pages = ("leads", "threshold", "compare/both", *(["compare"] if at % 10 == 0 else []))
        for page in pages:
            looked.at(f"/little/{page}?{urlencode(asked)}")
        looked.at(f"/little/jobs/{quote(text, safe='')}")
        looked.at(f"/{quote(text, safe='')}/leads")
    with capsys.disabled():
        print(f"\n{len(TEXTS)} hostile texts on {looked.pages:,} pages: none was more than text")
    assert looked.pages > 1_300


def test_no_export_holds_a_formula_and_the_interface_is_json(attacked: Attacked) -> None:
    site = attacked.site
    exports = [site.post("/little/leads/export", {"status": "any", "disqualified": "1", "owner": ""})]
    exports += [
        site.post(f"/little/compare/{cell}/export", {})
        for cell in ("both", "model-only", "rules-only", "neither")
    ]
    cells = 0
    for got in exports:
        assert got.status == 200
        assert got.headers["content-type"] == "text/csv; charset=utf-8"
        head, *rows = csv.reader(io.StringIO(got.text.removeprefix("\ufeff"), newline=""))
        assert rows
        for row in rows:
            assert len(row) == len(head), "no text begins another cell"
            for cell in row:
                cells += 1
                number = cell.lstrip("-").replace(".", "", 1).isdigit()
                assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell
        # A spreadsheet of another country ends cells elsewhere.
        for other in (";", "\t"):
            for row in csv.reader(io.StringIO(got.text.removeprefix("\ufeff"), newline=""), delimiter=other):
                assert not any(cell.strip(' "').startswith(("=", "+", "@")) for cell in row), row
    assert cells > 2_000
    first = list(csv.reader(io.StringIO(exports[0].text.removeprefix("\ufeff"), newline="")))
    assert len(first) == COUNT + 1
    for path in ("leads?limit=500&status=any&owner=&disqualified=1", f"leads/{segment(TEXTS[60])}"):
        got = site.get(f"/little/api/{path}")
        assert (got.status, got.headers["content-type"]) == (200, "application/json")
        assert got.headers["x-content-type-options"] == "nosniff"
    listed = json.loads(site.get("/little/api/leads?limit=500&status=any&owner=&disqualified=1").text)
    assert {lead["lead_id"] for lead in listed["leads"]} == set(TEXTS)
