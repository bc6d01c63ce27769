"""The report page: one file, safe from what leads typed, readable on a phone, drawn in a real browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, Route

from leadlens.features import UsageError
from leadlens.models.insights import Insights
from leadlens.models.judging import Comparison, compare, report_model
from leadlens.models.judging.agreement import QUADRANTS
from leadlens.models.judging.matured import Outcome, judge_matured
from leadlens.pipeline.cli.render.jobs import render_comparison, render_demo
from leadlens.pipeline.drift.comparing import Difference
from leadlens.pipeline.drift.monitoring import Checkpoint, Monitoring, WeekAbove
from leadlens.pipeline.drift.watching import FeatureMoves
from leadlens.pipeline.jobs.compare import Compared
from leadlens.pipeline.jobs.demo import BestLead, Demo, WorldRun
from leadlens.pipeline.published.people import SHOWN
from leadlens.pipeline.report import chart_files, write_back_tests, write_report, write_tables
from leadlens.pipeline.report.lead_list import lead_list
from leadlens.pipeline.report.monitor_view import monitor_view
from leadlens.pipeline.report.page import model_page, page, refuse_others
from leadlens.pipeline.views.links import Links
from tests.models.back_tests_example import back_tests_example
from tests.models.judged_example import judged_example
from tests.pipeline.hostile_texts import Reader, hostile_texts

IMAGE, SCRIPT = "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>"


def hostile() -> Comparison:
    """Every text a stranger can type holds markup that would run if it were not escaped."""
    judged, ledger, meta = judged_example(600)
    name = {0: IMAGE, 1: SCRIPT, 2: "'\"`{{7*7}}{% raw %}", 3: "\u2028<!--<script>", 4: "長" * 400}
    judged["lead_id"] = [f"{name[i % 5]}{i}" for i in range(len(judged))]
    judged["disqualified_by"] = judged["disqualified_by"].replace("Student", IMAGE)
    judged["rule_stage"] = judged["rule_stage"].replace("MQL", SCRIPT)
    ledger["rule"] = ledger["rule"].replace({"Decision maker": SCRIPT, "Right industry": IMAGE})
    texts = {"project": SCRIPT, "horizon": IMAGE, "warnings": [IMAGE], "dropped_columns": [SCRIPT]}
    compared = compare(judged, ledger, {**meta, **texts, "rules": {SCRIPT: 20.0}})
    return replace(compared, insights=insights(SCRIPT, IMAGE))


def insights(label: str, value: str) -> Insights:
    """What a model with one feature goes by."""
    importance = pd.DataFrame(
        [(label, label, "demographic", 3.25, 1.0, 9.0, -4.0)],
        columns=["name", "label", "family", "points", "share", "highest", "lowest"],
    )
    dependence = pd.DataFrame(
        [(label, label, value, 58.1, 0.21)], columns=["name", "label", "value", "score", "probability"]
    )
    return Insights(importance=importance, dependence=dependence)


@pytest.fixture(scope="module")
def result() -> Comparison:
    return replace(compare(*judged_example()), insights=insights("Home town", "Bern"))


def _report_of(texts: Sequence[str], folder: Path) -> tuple[Reader, str]:
    """The report and its list of leads, with these texts as names, rules, warnings and versions."""
    judged, ledger, meta = judged_example(600)
    leads = list(dict.fromkeys(judged["lead_id"]))
    columns = {name: [texts[at % len(texts)] for at in range(len(leads))] for name in SHOWN}
    rules = dict(zip(("Decision maker", "Right industry"), texts, strict=False))
    ledger["rule"] = ledger["rule"].replace(rules)
    labels = ("project", "horizon", "model_version", "sheet_version")
    meta |= dict(zip(labels, texts[2:], strict=False)) | {"warnings": texts, "dropped_columns": texts}
    meta["rules"] = dict.fromkeys(rules.values(), 20.0)
    compared = replace(compare(judged, ledger, meta), insights=insights(texts[6], texts[7]))
    people = pa.table({"lead_id": leads, **columns})
    write_report(compared, folder / "r.html", None, folder / "r.csv", people=people)
    return Reader.of((folder / "r.html").read_text(encoding="utf-8")), (folder / "r.csv").read_text(
        encoding="utf-8-sig"
    )


def test_two_hundred_hostile_texts_are_text_in_the_report_and_its_list(tmp_path: Path) -> None:
    texts = hostile_texts()
    page, list_of_leads = _report_of(texts, tmp_path)
    plain, _ = _report_of([f"plain text {number}" for number in range(len(texts))], tmp_path)
    assert page.elements <= plain.elements
    assert page.attributes <= plain.attributes
    assert page.links <= plain.links
    assert page.comments == plain.comments
    shown = [text for text in texts if page.shows(text.replace("\r\n", "\n"))]
    assert len(shown) == len(texts), set(texts) - set(shown)
    head, *rows = csv.reader(io.StringIO(list_of_leads, newline=""))
    assert len(rows) > len(texts)
    for row in rows:
        assert len(row) == len(head)
        for cell in row:
            number = cell.lstrip("-").replace(".", "", 1).isdigit()
            assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell


def test_the_report_lists_the_best_of_each_cell_and_the_file_all(result: Comparison) -> None:
    every, first = lead_list(result, None), lead_list(result, None, 3)
    assert set(every) == set(QUADRANTS)
    assert max(map(len, every.values())) > 3
    assert first == {cell: leads[:3] for cell, leads in every.items()}


@pytest.fixture(scope="module")
def others(result: Comparison, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Reports on a model alone, of back-tests and of monitoring."""
    folder = tmp_path_factory.mktemp("others")
    judged, _, meta = judged_example()
    alone = replace(report_model(judged, meta, resamples=20), insights=result.insights)
    write_report(alone, folder / "report.html")
    write_back_tests(back_tests_example(), folder / "back_tests.html", folder / "back_tests.json")
    told = monitored()
    write_tables(monitor_view(told), told.to_dict(), folder / "monitor.html", folder / "monitor.json")
    return sorted(folder.glob("*.html"))


def monitored() -> Monitoring:
    """An alarm, with names as long as people make them."""
    feature = FeatureMoves(
        name="x", label="Wolfeschlegel" * 20, moves=True, psi_training=0.3, psi_nights=None, low_tail=0.1, high_tail=0.2, tail_z=-4.0
    )  # fmt: skip
    alarm = Difference(
        code="stale-data", level="stop", subject="events", message="the data end 9 days ago", value=9, limit=3
    )
    day = pd.Timestamp("2025-06-30").to_pydatetime()
    return Monitoring(
        run_id="1", project="little", version="little v1", as_of=day, looked_back=day, capacity=0.2,
        matured=judge_matured([0.1, 0.4] * 300, [0, 1] * 300),
        checkpoints=(Checkpoint(date=day, leads=900, hot=90, mql=None, converted=40),),
        features=(feature,), sources={"leads": day, "events": None}, findings=(alarm,), notes=(),
        weeks=tuple(
            WeekAbove(date=day, cut=cut, leads=900, above=90, converted=None if cut else 8) for cut in (None, 10, 60)
        ),
        scores=replace(feature, name="grades", label="Grades of the model"),
        outcomes=(Outcome(band="60–69", leads=400, expected=55.5, converted=60, rate=0.15, low=0.12, high=0.18), Outcome(band="50–59", leads=3, expected=0.4, converted=0, rate=0.0, low=0.0, high=0.47)),
    )  # fmt: skip


def test_the_page_of_monitoring_has_what_became_of_earlier_scores() -> None:
    """As Health has it: a share of three leads says nothing."""
    view = monitor_view(monitored())
    tables = {each["id"]: each["rows"] for each in view["tables"]}
    assert tables["weeks"] == [("2025-06-30", "900", "90 (10 %)", "–", "90 (10 %)", "8")]
    assert tables["features"][0][0] == "Grades of the model"
    assert tables["outcomes"] == [
        ("60–69", "400", "55.5", "60", "15 %", "12 % to 18 %"),
        ("50–59", "3", "0.4", "0", "too few to say", "too few to say"),
    ]


@pytest.fixture(scope="module")
def report(result: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(result, path)
    return path


def opened(browser: Browser, path: Path, width: int = 1200, **options: str) -> tuple[Page, list[str]]:
    """The page, and every complaint and every request that left the file."""
    context = browser.new_context(viewport={"width": width, "height": 844}, **options)  # type: ignore[arg-type]
    tab, wrong = context.new_page(), list[str]()

    def leave(route: Route) -> None:
        wrong.append(route.request.url)
        route.abort()

    def ask(dialog: Dialog) -> None:
        wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    context.route(lambda url: not url.startswith("file://"), leave)
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", ask)
    tab.goto(path.as_uri())
    return tab, wrong


def unfold(tab: Page) -> None:
    tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def test_the_page_and_its_json_are_written_whole(result: Comparison, tmp_path: Path) -> None:
    write_report(result, tmp_path / "sub" / "report.html", tmp_path / "sub" / "report.json")
    html = (tmp_path / "sub" / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert json.loads((tmp_path / "sub" / "report.json").read_text(encoding="utf-8")) == result.to_dict()
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == ["report.html", "report.json"]


def test_the_first_screen_says_what_to_do(report: Path, result: Comparison, browser: Browser) -> None:
    """On a phone, before anything is scrolled: which list, by how much, whether that can be relied on, and what to do."""
    tab, _ = opened(browser, report, width=360)
    facts = result.to_dict()
    for text in (facts["headline"], facts["status"]["words"], facts["advice"]):
        box = tab.locator("main").get_by_text(text).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 740, text
    assert tab.locator("table").first.get_by_text("90 % interval").is_visible()


def test_there_is_one_headline(result: Comparison, tmp_path: Path) -> None:
    """Report, terminal, demo, JSON and notebook say the same, whatever it is."""
    for odd in ([], [{"message": "400 leads are odd: still in", "share": 0.3}]):
        told = replace(result, meta={**result.meta, "findings": odd})
        facts, calling = told.to_dict(), told.findings()[3]
        compared = Compared(told, "1", "champion", tmp_path / "report.html", tmp_path / "report.json")
        best = BestLead(lead_id="L1", score=9, grade="A4", rule_points=1.0, reasons="")
        world = WorldRun(
            name="x", about="x", folder=tmp_path, leads=9, figures={}, comparison=told, page=tmp_path, open_leads=9, best=best,
        )  # fmt: skip
        places = [
            unescape(page(told)),
            "\n".join(render_comparison(compared, "my_leads")),
            "\n".join(render_demo(Demo(worlds=(world,), store="store"))),
            json.dumps(compared.to_dict(), ensure_ascii=False),
            unescape(told._repr_html_()),
        ]
        for text in places:
            text = text.replace("\u00a0", " ").replace('\\"', '"')
            for sentence in (facts["headline"], facts["advice"], facts["status"]["words"], calling):
                assert sentence in text
        assert calling.startswith("Calling the same 300 of 1,500 out-of-time leads, the model reaches ")
        assert facts["headline"].startswith("Do not decide yet: 400 leads are odd") == bool(odd)


def test_the_page_has_thresholds_and_what_the_model_goes_by(result: Comparison) -> None:
    html = page(result)
    at = result.thresholds[result.thresholds["lens"] == "leadlens"].iloc[0]
    assert f">{at['leads']:,} (" in html
    assert "Home town" in html
    assert "58.1" in html
    assert "+9.0" in html
    assert 'id="importance"' not in page(replace(result, insights=None))


SETTINGS = (
    "left out, because they say who a lead is: full_name; to use one: features.read: {full_name: [category]}",
    "every second click is a machine's. hygiene: {bots: {patterns: [burst, every_link]}} leaves that pattern out",
    "age looks like a column that people are protected by: protected: [age] keeps it out and shows how the groups fare",
)


def test_prose_has_no_settings_of_the_project_file() -> None:
    judged, ledger, meta = judged_example(300)
    told = {**meta, "warnings": list(SETTINGS), "findings": [{"message": SETTINGS[0], "share": 0.3}]}
    both, alone = (compare(judged, ledger, told, resamples=5), report_model(judged, told, resamples=5))
    for html in (page(both), model_page(alone)):
        text = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S))
        assert "they say who a lead is: full_name" in text
        assert "age looks like a column that people are protected by" in text
        assert not re.search(r"\w: [\[{]", text)
    assert all(any(setting in line for line in both.story()) for setting in SETTINGS), (
        "a terminal says it all"
    )


def test_nothing_is_named_that_would_be_fetched_or_run(result: Comparison) -> None:
    html = page(result)
    assert not re.search(r"""(?:src|href|action)=["'](?!#|data:)""", html)
    assert not re.search(r"url\((?!#)", html)
    assert "@import" not in html
    assert "default-src 'none'; style-src 'sha256-" in html
    assert "<script" not in html
    assert " style=" not in html, "the policy lets only the style sheet style"
    assert len(html.encode()) < 400_000


def test_equal_comparisons_give_equal_pages(result: Comparison) -> None:
    assert page(result) == page(replace(compare(*judged_example()), insights=result.insights))


def test_what_leads_typed_is_escaped_everywhere() -> None:
    names = pa.table({name: [f"{IMAGE}0"] for name in ("lead_id", "name", "email", "company", "owner")})
    for html in (page(hostile()), page(hostile(), people=names, links=Links("https://leads.example/shop"))):
        assert "<img" not in html
        assert "<script" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_leads_have_names_where_they_are_given_and_lead_somewhere_where_there_is_a_page(
    result: Comparison,
) -> None:
    lead = result.quadrant_leads["lead_id"].iloc[0]
    given = {
        "lead_id": lead,
        "name": "Liam Silva",
        "email": "l@x.example",
        "company": "Firm 9",
        "owner": "Mia",
    }
    people = pa.table({name: [text] for name, text in given.items()})
    plain, named = page(result), page(result, people=people)
    assert f'<th scope="row">{lead}</th>' in plain
    assert f'<th scope="row">{lead}</th>' not in named
    assert '<th scope="row">Liam Silva <small>Mia</small></th>' in named
    assert '<td data-label="Company">Firm 9</td>' in named
    assert "https:" not in named
    linked = page(result, people=people, links=Links("https://leads.example/shop"))
    assert f'<a href="https://leads.example/shop/leads/{lead}">Liam Silva</a>' in linked
    assert 'href="https://leads.example/shop/compare/model-only?capacity=20"' in linked
    assert 'href="https://leads.example/shop/rules/Viewed%20the%20pricing%20page"' in linked


def test_the_list_beside_it_has_every_lead_once_with_its_cell(tmp_path: Path) -> None:
    told = hostile()
    first = told.quadrant_leads["lead_id"].iloc[0]
    given = {"lead_id": first, "name": "=1+1", "email": "@x", "company": None, "owner": "+4"}
    people = pa.table({name: [text] for name, text in given.items()})
    write_report(told, tmp_path / "report.html", path_csv=tmp_path / "report_leads.csv", people=people)
    with (tmp_path / "report_leads.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["lead_id"] for row in rows}) == len(rows) == told.leads
    counts = Counter(row["cell"] for row in rows)
    assert counts == dict(told.quadrants.set_index("quadrant")["leads"])
    assert [rows[0][name] for name in ("name", "email", "company", "owner")] == ["'=1+1", "'@x", "", "'+4"]
    assert '<a href="report_leads.csv">' in (tmp_path / "report.html").read_text(encoding="utf-8")
    refuse_others(tmp_path / "report_leads.csv")
    (tmp_path / "report_leads.csv").write_text("cell,lead_id\nmine,1\n")
    with pytest.raises(UsageError, match="not a Leadlens report"):
        refuse_others(tmp_path / "report_leads.csv")


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
)
def test_it_is_whole_and_open_to_everybody(
    report: Path, others: Sequence[Path], browser: Browser, width: int, scheme: str
) -> None:
    """Nothing is cut on a phone, nothing is left out for a screen reader, and the console has nothing to say."""
    for path in (report, *others):
        tab, wrong = opened(browser, path, width=width, color_scheme=scheme)
        unfold(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        cut = tab.evaluate(
            "[...document.querySelectorAll('th, td, svg, text')].filter(e => e.getClientRects().length"
            " && !e.closest('thead') && e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"
        )
        assert cut == []
        assert wrong == []
        found = Axe().run(tab)
        assert found.violations_count == 0, (path.name, found.generate_report())


def test_texts_in_charts_lie_in_their_boxes_and_can_be_read_on_a_phone(
    report: Path, browser: Browser
) -> None:
    tab, _ = opened(browser, report, width=360)
    unfold(tab)
    assert tab.locator("svg.chart").count() == 3
    for text in tab.locator("svg.chart text").all():
        outer = text.evaluate(
            "e => { const r = e.ownerSVGElement.getBoundingClientRect(); return [r.left, r.right] }"
        )
        inner = text.evaluate(
            "e => { const r = e.getBoundingClientRect(); return [r.left, r.right, r.height] }"
        )
        assert outer[0] <= inner[0] < inner[1] <= outer[1], text.inner_html()
        assert inner[2] >= 10


def test_hostile_names_neither_run_nor_break_the_page(browser: Browser, tmp_path: Path) -> None:
    write_report(hostile(), tmp_path / "report.html")
    tab, wrong = opened(browser, tmp_path / "report.html", width=360)
    unfold(tab)
    assert tab.locator("img").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert wrong == []


def test_the_policy_stops_what_escaping_might_miss(report: Path, browser: Browser) -> None:
    tab, wrong = opened(browser, report)
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=alert(1)>')")
    tab.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    tab.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/x.png'}))")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.ran") is None
    assert len(wrong) == 3
    assert all("Content Security Policy" in complaint for complaint in wrong)


def test_headings_and_charts_speak_to_a_screen_reader(report: Path, browser: Browser) -> None:
    tab, _ = opened(browser, report)
    assert tab.locator("h1").count() == 1
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    said = tab.locator("svg.chart").evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert all(said)
    assert len(set(said)) == 3


def test_the_count_of_a_cell_opens_its_leads(report: Path, browser: Browser) -> None:
    tab, _ = opened(browser, report, width=360)
    for link in tab.locator("table.cells a").all():
        target = tab.locator(str(link.get_attribute("href")))
        assert not target.is_visible()
        link.click()
        assert target.is_visible()


def test_paper_shows_what_is_folded_up(report: Path, browser: Browser) -> None:
    tab, _ = opened(browser, report)
    assert tab.locator("details:not([open])").count() > 3
    assert not tab.get_by_text("Home town").first.is_visible()
    tab.emulate_media(media="print")
    assert tab.get_by_text("Home town").first.is_visible()


@pytest.mark.parametrize("case", ["no rules", "no dates", "few leads", "equal points", "many snapshots"])
def test_thin_worlds_still_make_a_page(case: str, browser: Browser, tmp_path: Path) -> None:
    judged, ledger, meta = judged_example(
        60 if case == "few leads" else 300, 3 if case == "many snapshots" else 1
    )
    if case == "no rules":
        judged, ledger, meta = judged.drop(columns="disqualified_by"), ledger.iloc[:0], {}
        judged = judged.assign(disqualified=False, rule_points=0.0)
    if case == "no dates":
        judged, meta = judged.assign(as_of=pd.NaT), {**meta, "clock": "none"}
    if case == "equal points":
        judged = judged.assign(rule_points=10.0, rule_probability=0.1, disqualified=False)
    write_report(
        compare(judged, ledger, meta, resamples=20), tmp_path / "report.html", tmp_path / "report.json"
    )
    tab, wrong = opened(browser, tmp_path / "report.html", width=360)
    unfold(tab)
    assert "nan" not in tab.locator("body").inner_text().lower().split()
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert wrong == []


def test_pictures_are_the_charts_of_the_report(result: Comparison) -> None:
    drawn = chart_files(result)
    assert set(drawn) == {"gains.svg", "calibration.svg"}
    html = page(result)
    for picture in drawn.values():
        assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
        assert re.sub(r"<style>.*</style>", "", picture, flags=re.S) in html
