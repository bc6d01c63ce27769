"""The README's picture of the page: a lead of the simulated car dealer, through both lenses.

    make demo
    python -m tests.page_picture              # docs/page.png: the best open lead of demo/car_dealer
    python -m tests.page_picture --out a.png  # elsewhere

It needs Chromium. The names in it are made up, as all of the demo's data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from leadlens.pipeline.config import load_project
from tests.pipeline.chromium import SWITCHES, installed_chromium
from tests.pipeline.page_example import served

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 1280, 816


def main() -> None:
    """Take it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, default=Path("demo/car_dealer"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "page.png")
    options = parser.parse_args()
    file = load_project(options.project)
    with served(file, person="mia") as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed_chromium(), args=SWITCHES)
        tab = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="en-GB"
        )
        tab.goto(f"{site.url}/{file.project.name}/leads")
        tab.locator("tbody a").first.click()
        tab.screenshot(path=options.out)
        browser.close()
    print(f"wrote {options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
