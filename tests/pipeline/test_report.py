"""The report page: one file, safe from what leads typed, readable on a phone, drawn in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Dialog, Page, Route

from models.insights import Insights
from models.judging import Comparison, compare
from pipeline.cli.render.jobs import render_comparison, render_demo
from pipeline.jobs.compare import Compared
from pipeline.jobs.demo import BestLead, Demo, WorldRun
from pipeline.report import charts, figures, write_report
from pipeline.report.page import page
from tests.models.judged_example import judged_example

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


@pytest.fixture(scope="module")
def report(result: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(result, path)
    return path


def opened(browser: Browser, path: Path, width: int = 1200, **options: str) -> tuple[Page, list[str]]:
    """The page after its charts are drawn, and every complaint and every request that left the file."""
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
    tab.wait_for_function(
        "document.querySelectorAll('.chart.drawn svg').length === document.querySelectorAll('.chart').length"
    )
    return tab, wrong


def without_scripts(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.S)


def test_the_page_and_its_json_are_written_whole(result: Comparison, tmp_path: Path) -> None:
    write_report(result, tmp_path / "sub" / "report.html", tmp_path / "sub" / "report.json")
    html = (tmp_path / "sub" / "report.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert json.loads((tmp_path / "sub" / "report.json").read_text(encoding="utf-8")) == result.to_dict()
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == ["report.html", "report.json"]


def test_the_first_screen_answers_the_three_questions(result: Comparison) -> None:
    hero = page(result).split("<nav")[0].split("<header")[1]
    assert result.to_dict()["headline"] in hero  # which, and by how much
    assert "90&nbsp;% interval" in hero
    assert "Ready to decide" in hero
    assert result.to_dict()["advice"] in unescape(hero)  # what to do
    assert len(re.findall(r'class="tile[ "]', hero)) == 4


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
            "\n".join(render_comparison(compared)),
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
    html = without_scripts(page(result))
    at = result.thresholds[result.thresholds["lens"] == "leadlens"].iloc[0]
    assert f">{at['leads']:,} (" in html
    assert "Home town" in html
    assert "58.1" in html
    assert "+9.0" in html
    assert 'id="importance"' not in without_scripts(page(replace(result, insights=None)))


def test_nothing_is_named_that_would_be_fetched(result: Comparison) -> None:
    html = page(result)
    own = without_scripts(html)
    assert not re.search(r"""(?:src|href|action)=["'](?!#|data:)""", own)
    assert "url(" not in own
    assert "@import" not in own
    assert "default-src 'none'" in own
    assert "unsafe-eval" not in html
    assert "script-src 'sha256-" in own


def test_equal_comparisons_give_equal_pages(result: Comparison) -> None:
    assert page(result) == page(replace(compare(*judged_example()), insights=result.insights))


def test_what_leads_typed_is_escaped_everywhere() -> None:
    html = page(hostile())
    assert "<img" not in without_scripts(html)
    assert "alert(2)</script>" not in html
    assert html.count("<script") == html.count("</script>") == 6 + 2
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    for spec in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, flags=re.S):
        assert json.loads(spec)["$schema"].endswith(".json")
        assert "<" not in spec


def test_charts_draw_offline_without_a_word_on_the_console(report: Path, browser: Browser) -> None:
    tab, wrong = opened(browser, report)
    assert tab.locator(".chart svg").count() == 6
    assert all(
        box["width"] > 300
        for box in (chart.bounding_box() for chart in tab.locator(".chart svg").all())
        if box
    )
    assert tab.locator("#audit svg").get_by_text("Viewed the pricing page").count() >= 1
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_whole_width(report: Path, browser: Browser, scheme: str) -> None:
    tab, wrong = opened(browser, report, width=390, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    edges = tab.locator(".chart svg").evaluate_all("all => all.map(s => s.getBoundingClientRect().right)")
    assert max(edges) <= 390
    assert wrong == []


def test_hostile_names_neither_run_nor_break_the_page(browser: Browser, tmp_path: Path) -> None:
    write_report(hostile(), tmp_path / "report.html")
    tab, wrong = opened(browser, tmp_path / "report.html", width=390)
    assert tab.locator("img").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.locator("#audit svg path[aria-label*='onerror']").first.hover(force=True)
    assert tab.locator("#vg-tooltip-element img").count() == 0
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
    said = tab.locator(".chart").evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert all(said)
    assert len(set(said)) == 6
    described = tab.locator(".chart svg").evaluate_all(
        "all => all.map(s => s.querySelector('[aria-label]') !== null)"
    )
    assert all(described)


def test_paper_shows_the_folded_lists(report: Path, browser: Browser) -> None:
    tab, _ = opened(browser, report)
    assert tab.locator("details:not([open])").count() > 0
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details:not([open])").count() == 0


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
    tab, wrong = opened(browser, tmp_path / "report.html", width=390)
    assert "nan" not in tab.locator("body").inner_text().lower().split()
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert wrong == []


def test_figures_are_pictures(result: Comparison) -> None:
    pictures = figures(result)
    assert set(pictures) == {"gains.png", "gains.svg", "reliability.png", "reliability.svg"}
    assert pictures["gains.png"].startswith(b"\x89PNG")
    assert b"<svg" in pictures["reliability.svg"]


def test_charts_are_altair_charts_an_app_can_use(result: Comparison) -> None:
    import altair as alt

    for chart in (charts.gains_chart(result, width=400), charts.grade_chart(result, "scorecard")):
        assert isinstance(chart, alt.TopLevelMixin)
        assert chart.to_dict()["description"]
