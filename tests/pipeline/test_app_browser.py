"""The page in a real browser: tasks within their clicks, on a phone, by keyboard, for everybody, and without a complaint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from leadlens.models.scorecard import Sheet
from leadlens.pipeline.app.jobs import Job, JobFolder
from leadlens.pipeline.runs.record import now
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
    publish_compared,
    served,
)

DAY = timedelta(days=1)
WIDTHS = (1280, 360)
PEOPLE = {
    f"L{at:03}": {"name": f"Lead {at}", "company": f"Firm {at}", "email": f"l{at}@firm.example", "owner": OWNERS[at % 3]}
    for at in range(120)
} | {"long": {"name": "Wolfeschlegelsteinhausenbergerdorff" * 2, "company": HOSTILE[0], "owner": HOSTILE[1]}}  # fmt: skip
# What a list of choices shows is not cut by its own box, but for a name that a user typed and that is longer than a phone.
CUT_CHOICES = """[...document.querySelectorAll('select')].filter(each => each.offsetParent).flatMap(each => {
  const style = getComputedStyle(each), brush = document.createElement('canvas').getContext('2d');
  brush.font = style.font;
  const room = each.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 18;  // the arrow
  return [...each.options].map(option => option.text).filter(text => text.length < 30 && brush.measureText(text).width > room);
})"""
VERSION = f"/little/sheets/points/{Sheet.model_validate(yaml.safe_load(SHEET)).version}"
JOBS = {
    "20260101T000000-00000001": {"status": "running"},
    "20260101T000000-00000002": {"status": "failed", "error": f"it cannot be read\n  received: {HOSTILE[0]}{'x' * 90}"},
    "20260101T000000-00000003": {"status": "done", "result": {
        "before": "points 1", "after": "points 2", "as_of": "2025-06-30T00:00:00", "compared": 1_630, "only_before": 1,
        "only_after": 2, "stages": [{"stage": "MQL", "before": 7, "after": 9}], "points_changed": 40, "up": 300, "down": 1,
        "risen": [
            {"lead_id": lead, "stage_before": "Lead", "stage_after": "MQL", "total_before": 3.5, "total_after": 40}
            for lead in ("L004", "long", HOSTILE[1])
        ],
        "fallen": [{"lead_id": "L005", "stage_before": "SQL", "stage_after": "MQL", "total_before": 60, "total_after": 50}],
        "past": [
            {"stage_before": None, "stage_after": None, "leads": 900, "conversions": 90, "rate": 0.1, "low": 0.09, "high": 0.12},
            {"stage_before": "Lead", "stage_after": "MQL", "leads": 9, "conversions": 2, "rate": 0.22, "low": 0.1, "high": 0.5},
        ],
        "no_past": None,
    }},
}  # fmt: skip
STATES = (
    "/little/leads", "/little/leads?status=closed", "/little/leads?q=nobody", "/little/leads?sort=moved", "/little/health",
    "/little/log", "/little/sheets", VERSION, *(f"/little/jobs/{each}?refresh=no" for each in JOBS), "/little/compare", "/little/compare/model-only?capacity=20", "/little/rules/Viewed%20the%20pricing%20page", "/little/threshold", "/little/threshold?cost=10&gain=90&reps=1", "/little/leads?untouched=1&owner=", address("L004"), address("long"), address("gone"), address("nobody"), "/other/leads",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        file = little_file(folder, sheet=SHEET)
        scores = {lead: 99 - at % 90 for at, lead in enumerate(PEOPLE)}
        publish(file, Night(scores | {"gone": 44}, PEOPLE, as_of=NIGHT - DAY), "one")
        moved = {
            lead: max(1, score - 3) if at % 2 else score for at, (lead, score) in enumerate(scores.items())
        }
        publish(
            file,
            Night(moved, PEOPLE),
            "two",
            scored_at=now(),
            warnings=["half of the e-mail addresses are gone"],
        )
        publish_compared(file)
        moved_far = {"psi_training": 0.31, "psi_nights": None, "moves": False, "low_tail": None, "high_tail": None, "tail_z": None}  # fmt: skip
        monitored(
            file,
            alarms=[{"code": "stale", "subject": HOSTILE[0], "message": "half of the e-mail addresses are gone"}],
            features=[moved_far | {"name": name, "label": name} for name in ("Large firm", PEOPLE["long"]["name"])],
            weeks=[
                {"date": str(NIGHT - 7 * back * DAY), "cut": cut, "leads": 900, "above": 90, "converted": 9 if back > 2 else None}
                for back in (5, 4, 3, 2, 1)
                for cut in (None, 10, 60)
            ],
        )  # fmt: skip
        jobs = JobFolder.of("little")
        for job_id, facts in JOBS.items():
            known = {
                "config": "c",
                "sheet": "points",
                "version": VERSION[-12:],
                "against": "1" * 12,
                "by": HOSTILE[0],
            }
            jobs.save(Job(**{"id": job_id, "started_at": str(NIGHT)} | known | facts))
        running = jobs.lock()
        assert running is not None
        with running, served(file, person="mia@firm.example") as site:
            yield site


class Reader:
    """Somebody at a browser, whose clicks are counted; ``wrong`` is everything the browser complained of."""

    def __init__(self, tab: Page, site: Served) -> None:
        self.tab, self.site, self.clicks, self.wrong = tab, site, 0, list[str]()
        self.is_refused = False  # a form that is refused is a line on the console by itself
        tab.on("console", lambda message: self._complained(f"{message.text} {message.location}"))
        tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda sent: None if sent.url.startswith(site.url) else self.wrong.append(sent.url))

    def _complained(self, text: str) -> None:
        if not (self.is_refused and "status of 400" in text):
            self.wrong.append(text)

    def open(self, path: str) -> None:
        """From a bookmark, or a link in the CRM."""
        self.tab.goto(self.site.url + path)
        # Pages that say 404 are a line on the console by themselves.
        self.wrong[:] = [line for line in self.wrong if "status of 404" not in line]

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()


@contextmanager
def reading(
    browser: Browser,
    site: Served,
    width: int = 1280,
    scheme: str = "light",
    scripts: bool = True,
    locale: str = "en-GB",
) -> Iterator[Reader]:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts, accept_downloads=True, locale=locale,  # type: ignore[arg-type]
    )  # fmt: skip
    reader = Reader(context.new_page(), site)
    yield reader
    context.close()
    assert reader.wrong == []


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_rep_does_the_weekly_tasks_within_their_clicks(
    browser: Browser, site: Served, width: int, scripts: bool
) -> None:
    with reading(browser, site, width, scripts=scripts) as rep:
        # (1) The link in the CRM: why this score, what to do.
        rep.open(address("L004"))
        for text in ("Lead 4", "Viewed the pricing page", "Next:", "call, senior reps"):
            assert rep.tab.get_by_text(text).first.is_visible()
        assert rep.clicks == 0, "the link was the click"
        # (2) My leads, best first: the owner's own without being asked for.
        rep.open("/little/leads")
        assert "30 open" in rep.tab.locator(".sub").inner_text()
        assert rep.tab.locator("tbody a").first.inner_text() == "Lead 0"
        # (3) Reject with a reason.
        rep.open(address("L009"))
        rep.click(rep.tab.get_by_text("Reject", exact=True))
        rep.click(rep.tab.get_by_role("button", name="No budget"))
        assert rep.clicks == 2
        rep.tab.get_by_text("rejected it").first.wait_for()
        # (4) Find a lead.
        rep.open("/little/leads")
        rep.clicks = 0
        rep.click(rep.tab.get_by_label("Search name"))
        rep.tab.keyboard.type("lead 105")
        rep.tab.keyboard.press("Enter")
        rep.click(rep.tab.get_by_role("link", name="Lead 105"))
        assert rep.clicks == 2
        rep.tab.get_by_role("heading", name="Lead 105").wait_for()


def test_a_list_is_taken_out_in_one_click(browser: Browser, site: Served, tmp_path: Path) -> None:
    with reading(browser, site) as marketer:
        marketer.open("/little/leads?owner=&stage=MQL")
        with marketer.tab.expect_download() as sent:
            marketer.click(marketer.tab.get_by_role("button", name="Export"))
        sent.value.save_as(tmp_path / "leads.csv")
        assert len((tmp_path / "leads.csv").read_text(encoding="utf-8-sig").splitlines()) == 31


def test_a_marketer_does_the_weekly_tasks_within_their_clicks(
    browser: Browser, site: Served, tmp_path: Path
) -> None:
    with reading(browser, site) as marketer:
        # (5) Export what only the model ranks high.
        marketer.open("/little/leads")
        marketer.click(marketer.tab.get_by_role("link", name="Rules vs model"))
        marketer.click(marketer.tab.locator(".cells td.only a").first)
        with marketer.tab.expect_download() as sent:
            marketer.click(marketer.tab.get_by_role("button", name="Export"))
        sent.value.save_as(tmp_path / "only.csv")
        assert marketer.clicks == 3
        assert len((tmp_path / "only.csv").read_text(encoding="utf-8-sig").splitlines()) > 5
        # (6) Which rule to change first.
        marketer.clicks = 0
        marketer.open("/little/leads")
        marketer.click(marketer.tab.get_by_role("link", name="Rules vs model"))
        marketer.click(marketer.tab.locator("a[href*='/rules/']").first)
        assert marketer.clicks == 2
        assert marketer.tab.locator("p.lead").inner_text().startswith("Wrong direction")


def test_a_manager_finds_the_threshold_within_the_clicks(browser: Browser, site: Served) -> None:
    with reading(browser, site) as manager:
        # (9) The MQL threshold from capacity.
        manager.open("/little/leads")
        manager.click(manager.tab.get_by_role("link", name="Threshold"))
        manager.click(manager.tab.get_by_label("Reps"))
        manager.tab.keyboard.press("Control+A")
        manager.tab.keyboard.type("2")
        manager.tab.keyboard.press("Tab")
        manager.tab.keyboard.press("Control+A")
        manager.tab.keyboard.type("9")
        manager.click(manager.tab.get_by_role("button", name="Find"))
        assert manager.clicks == 3
        assert "For 18 calls a week" in manager.tab.locator(".sub").first.inner_text()


def test_what_went_wrong_this_week_is_one_click_away(browser: Browser, site: Served) -> None:
    with reading(browser, site) as manager:
        manager.open("/little/leads")
        manager.click(manager.tab.get_by_role("link", name="Health", exact=True))
        assert "need a look" in manager.tab.get_by_role("heading", level=1).inner_text()
        manager.tab.get_by_text("half of the e-mail").first.wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_points_are_changed_in_three_clicks_and_mistakes_lose_nothing(
    browser: Browser, site: Served, width: int
) -> None:
    with reading(browser, site, width, scripts=False) as marketer:
        marketer.is_refused = True
        marketer.open(VERSION)
        marketer.click(marketer.tab.get_by_label("Points: Large firm"))
        marketer.tab.keyboard.type(f"{width}a")
        marketer.click(marketer.tab.locator("[id='reason.draft']"))
        marketer.tab.keyboard.type("Sales call them first")
        marketer.click(marketer.tab.get_by_role("button", name="Save as a draft"))
        assert marketer.clicks == 3
        wrong = marketer.tab.get_by_label("Points: Large firm")
        assert wrong.get_attribute("aria-invalid") == "true"
        assert f"{width}a" in wrong.input_value()
        assert marketer.tab.locator("[id='reason.draft']").input_value() == "Sales call them first"
        assert marketer.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        wrong.fill(str(width))
        marketer.tab.get_by_role("button", name="Save as a draft").click()
        assert marketer.tab.get_by_text(f"points 15 → {width}").count() == 1
        marketer.tab.get_by_text("Sales call them first").first.wait_for()


def test_a_version_is_tested_and_made_active_in_three_clicks_each(browser: Browser, site: Served) -> None:
    site.post(f"{VERSION}/keep", {"reason": "the first"})
    with reading(browser, site, 360, scripts=False) as marketer:
        for button, stage in (("Put on test", "test"), ("Make active", "active")):
            marketer.open("/little/sheets")
            marketer.clicks = 0
            marketer.click(marketer.tab.get_by_role("link", name=VERSION[-12:]).first)
            marketer.click(marketer.tab.locator(f"[id='reason.move.{stage}']"))
            marketer.tab.keyboard.type("Sales agreed")
            marketer.click(marketer.tab.get_by_role("button", name=button))
            assert marketer.clicks == 3
            assert "Sales agreed" in marketer.tab.get_by_role("list").last.inner_text()
        marketer.tab.get_by_text("Leads are scored by this version").wait_for()


def test_a_form_that_was_refused_is_open_to_everybody(browser: Browser, site: Served) -> None:
    with reading(browser, site, 360, "dark") as marketer:
        marketer.is_refused = True
        marketer.open(VERSION)
        marketer.tab.get_by_label("At most: Opened a mail").fill("0")
        marketer.tab.get_by_label("Points: Started a trial").fill("many")
        marketer.tab.get_by_role("button", name="Save as a draft").click()
        assert marketer.tab.locator(".wrong").count() == 3, "both numbers and the reason, at once"
        found = Axe().run(marketer.tab)
        assert found.violations_count == 0, found.generate_report()


def test_everything_is_reached_by_keyboard(browser: Browser, site: Served) -> None:
    with reading(browser, site) as reader:
        reader.open("/little/leads")
        reader.tab.keyboard.press("Tab")
        assert reader.tab.evaluate("document.activeElement.textContent") == "Skip to the content"
        reader.tab.keyboard.press("Enter")
        seen = set()
        for _ in range(80):
            reader.tab.keyboard.press("Tab")
            seen.add(reader.tab.evaluate("document.activeElement.textContent.trim().split('\\n')[0]"))
            visible = reader.tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert visible != "none", "where the focus is can be seen"
            if "Lead 0" in seen:
                break
        assert {"Show", "Lead 0"} <= seen
        reader.tab.keyboard.press("Enter")
        reader.tab.wait_for_url(f"**{address('L000')}")
        reader.tab.get_by_text("Reject", exact=True).focus()
        reader.tab.keyboard.press("Enter")
        reader.tab.keyboard.press("Tab")
        reader.tab.keyboard.press("Enter")
        reader.tab.get_by_text("rejected it").first.wait_for()


@pytest.mark.parametrize(
    ("width", "scheme", "locale"),
    [(1280, "light", "en"), (1280, "dark", "en"), (360, "light", "en"), (360, "dark", "de-DE"), (360, "light", "fr-FR"), (360, "light", "id-ID")],
)  # fmt: skip
def test_every_page_is_whole_and_open_to_everybody(
    browser: Browser, site: Served, width: int, scheme: str, locale: str
) -> None:
    with reading(browser, site, width, scheme, locale=locale) as reader:
        for path in STATES:
            reader.open(path)
            reader.tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            wide = reader.tab.evaluate(
                "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]"
                ".filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 120))"
            )
            assert wide == [], (path, wide)
            small = reader.tab.evaluate(
                "[...document.querySelectorAll('button,summary,input:not([type=hidden]),select,nav a')]"
                ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"
            )
            assert small == [], path
            cut = reader.tab.evaluate(CUT_CHOICES)
            assert cut == [], (path, width)
            assert reader.tab.title() != ""
            assert reader.tab.locator("html").get_attribute("lang") == locale[:2]
            found = Axe().run(reader.tab)
            assert found.violations_count == 0, (path, found.generate_report())


@pytest.mark.parametrize("locale", ["de-DE", "fr-FR", "id-ID"])
def test_long_words_of_other_languages_fit_a_phone(browser: Browser, site: Served, locale: str) -> None:
    with reading(browser, site, 360, locale=locale) as reader:
        reader.open("/little/compare")
        reader.tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert reader.tab.locator("html").get_attribute("lang") == locale[:2]
        assert reader.tab.evaluate("document.documentElement.scrollWidth") == 360
        beyond = reader.tab.evaluate(
            "[...document.querySelectorAll('svg.chart text')].filter(e => {"
            " const [box, text] = [e.ownerSVGElement, e].map(each => each.getBoundingClientRect());"
            " return text.left < box.left || text.right > box.right || text.top < box.top || text.bottom > box.bottom + 1"
            "}).map(e => e.textContent)"
        )
        assert beyond == []


@pytest.mark.parametrize("scripts", [True, False])
def test_another_language_is_one_click_and_stays(browser: Browser, site: Served, scripts: bool) -> None:
    with reading(browser, site, 360, scripts=scripts, locale="fr-FR") as reader:
        reader.open("/little/leads?owner=&q=lead+1&sort=points")
        assert reader.tab.get_by_text("Plus de points de grille").count() > 0
        reader.click(reader.tab.get_by_role("button", name="Deutsch"))
        assert reader.clicks == 1
        assert reader.tab.get_by_label("Name, E-Mail").input_value() == "lead 1", "it is the same page"
        reader.tab.get_by_role("link", name="Schwelle").click()
        assert reader.tab.locator("html").get_attribute("lang") == "de"


def test_back_and_reload_lose_nothing(browser: Browser, site: Served) -> None:
    with reading(browser, site) as reader:
        reader.open("/little/leads?owner=&q=lead+1&sort=points")
        before = reader.tab.locator("tbody a").all_inner_texts()
        reader.tab.locator("tbody a").first.click()
        reader.tab.go_back()
        assert reader.tab.locator("tbody a").all_inner_texts() == before
        assert reader.tab.get_by_label("Search name").input_value() == "lead 1"
        reader.tab.reload()
        assert reader.tab.locator("tbody a").all_inner_texts() == before
        reader.tab.get_by_role("link", name="Next 50").click() if len(before) == 50 else None
