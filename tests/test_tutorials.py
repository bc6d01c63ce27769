"""The tutorials by role and README's tour are followed to the letter, as `tests/followed_pages.py` says.

Where a page is about the browser, its prose is followed too: click **this**, type `this` into **that**, choose `this` under **that**; a
```` ```text ```` holds lines that then stand on the page, in this order.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.followed_pages import BLOCK, Follower, lines_of, unseen
from tests.forked_jobs import ForkedJobs
from tests.pipeline.chromium import browser

__all__ = ["browser"]
ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
# Of the tour's training the page shows that it is registered: one trial tells that as well as twenty.
SHORTER = {"leadlens train my_leads": " --trials 1"}
PAGES: dict[str, tuple[Path, dict[str, str]]] = {
    "tour": (ROOT / "README.md", SHORTER),
    "scientist": (TUTORIALS / "scientist.md", {}),
    "operator": (TUTORIALS / "operator.md", {}),
}
_STEP = re.compile(
    r"click\s+\*\*(?P<click>.+?)\*\*"
    r"|type\s+`(?P<typed>.+?)`\s+into\s+\*\*(?P<field>.+?)\*\*(?:\s+beside\s+\*\*(?P<beside>.+?)\*\*)?"
    r"|choose\s+`(?P<choice>.+?)`\s+under\s+\*\*(?P<list>.+?)\*\*|" + BLOCK.pattern,
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_PATIENCE = 90  # seconds, for what another process works out


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ForkedJobs:
    """Commands in a fresh folder with a state of its own."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return ForkedJobs(tmp_path / "printed")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_comes_out_as_it_is_shown(name: str, jobs: ForkedJobs) -> None:
    page, shorter = PAGES[name]

    with (
        pd.option_context("display.width", 120),
        Follower(shorter, jobs) as reader,
    ):  # the page sets the width, too
        done = reader.follow(page.read_text(encoding="utf-8"))

    wrong = [step.wrong for step in done if step.wrong]
    assert len(done) >= 8
    assert not wrong, "\n\n".join(wrong)
    assert list(unseen(done)) == [], "lines that could say anything"


def test_what_a_marketer_clicks_and_reads_is_there(browser: Browser, jobs: ForkedJobs) -> None:
    text = (TUTORIALS / "marketer.md").read_text(encoding="utf-8")
    steps = list(_STEP.finditer(text))
    followed = [
        name
        for step in steps
        for name in (step["click"], step["field"], step["beside"], step["list"])
        if name
    ]
    assert followed == re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL), "each name in bold is used"

    with Follower(jobs=jobs) as reader:
        tab = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
        for step in steps:
            kind, name, body = step.groups()[-3:]
            if kind == "text":
                _read(tab, lines_of(body))
            elif kind:
                reader.do(kind, name or "", body, [])
                if reader.address and tab.url == "about:blank":
                    tab.goto(reader.address)
            else:
                _do(tab, {key: " ".join(value.split()) for key, value in step.groupdict().items() if value})
        tab.close()

    wrong = [step.wrong for step in reader.done if step.wrong]
    assert not wrong, "\n\n".join(wrong)
    assert list(unseen(reader.done)) == []


def _do(tab: Page, step: dict[str, str]) -> None:
    if "click" in step:
        _named(tab, step["click"]).click()
    elif "typed" in step:
        form = tab.locator("form").filter(has=_named(tab, step["beside"])) if "beside" in step else tab
        form.get_by_label(step["field"], exact=True).fill(step["typed"])
    else:
        tab.get_by_label(step["list"], exact=True).select_option(step["choice"])


def _named(tab: Page, name: str) -> Locator:
    """The first link or button of this name."""
    return (
        tab.get_by_role("link", name=name, exact=True)
        .or_(tab.get_by_role("button", name=name, exact=True))
        .first
    )


def _read(tab: Page, lines: list[str]) -> None:
    """Each line is part of one that is to be seen, in this order: soon, where the page looks again by itself."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        at, shown = 0, [" ".join(line.split()) for line in tab.locator("main").inner_text().splitlines()]
        for line in shown:
            at += at < len(lines) and lines[at] in line
        if at == len(lines) or time.monotonic() > deadline:
            break
        tab.wait_for_timeout(500)
    assert at == len(lines), f"{lines[at]!r} is not on {tab.url}:\n" + "\n".join(shown)
