"""The documentation site (`make docs`) in a real browser, from a folder: without a server and without a network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pipeline.chromium import browser

__all__ = ["browser"]
ROOT = Path(__file__).parents[1]
# Enough pages to find one among others: the whole site takes a minute, and `make docs` builds it.
SOME = "README.md,docs/index.md,docs/tutorials/*.md,docs/architecture.md,docs/adr/0021-sampled-training.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("sphinx") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have Sphinx: make docs")
        pytest.skip("no Sphinx here (make docs)")
    folder = tmp_path_factory.mktemp("site")
    places = ["--doctree-dir", str(folder / "doctrees"), "--conf-dir", "docs", ".", str(folder / "site")]
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--quiet",
        "--fresh-env",
        "-D",
        f"include_patterns={SOME}",
        *places,
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder / "site"


def test_the_front_page_leads_to_a_tutorial_by_role(browser: Browser, site: Path) -> None:
    tab = browser.new_page()
    for role, heading in (
        ("marketing", "For marketers"), ("data scientist", "For data scientists"), ("operator", "For operators"),
    ):  # fmt: skip
        tab.goto((site / "index.html").as_uri())
        tab.wait_for_url("**/docs/index.html")
        tab.get_by_role("row").filter(has_text=role).get_by_role("link").first.click()
        assert tab.get_by_role("heading", level=1).inner_text().startswith(heading)
    tab.close()


def test_search_finds_pages_without_a_network(browser: Browser, site: Path) -> None:
    tab, asked = browser.new_page(), list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((site / "docs" / "index.html").as_uri())

    tab.keyboard.press("Control+k")
    tab.keyboard.type("embargo")
    tab.keyboard.press("Enter")
    found = tab.locator("#search-results li a")
    found.first.wait_for()

    tab.get_by_text("Search finished").wait_for()
    pages = {link.get_attribute("href") or "" for link in found.all()}
    assert any(page.startswith("docs/architecture.html") for page in pages)
    assert not any(page.startswith("docs/tutorials/marketer.html") for page in pages)
    assert [url for url in asked if not url.startswith("file:")] == []
    tab.close()
