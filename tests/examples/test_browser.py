"""JupyterLab as somebody sees it who clicks on the address: a real browser on the running service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.examples.investigation import Attended

CHROMIUM = Path("/usr/bin/chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE_MS = 200_000

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", autouse=True)
def chromium() -> Path:
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is missing, so nobody looked at JupyterLab: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return CHROMIUM


def test_the_file_browser_shows_the_three_repos_and_out(
    chromium: Path, attended: Attended, tmp_path: Path
) -> None:
    root = attended.url.replace("/lab/tree/out/investigate.ipynb?", "/lab?reset&")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE_MS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(root)
        # JupyterLab starts in /pfs/out, the one place that can be written to.
        page.get_by_text("investigate.ipynb", exact=True).dblclick()
        figure = page.locator(".jp-RenderedImage img")
        expect(figure).to_be_visible(timeout=PATIENCE_MS)
        figure.scroll_into_view_if_needed()

        page.locator(".jp-BreadCrumbs-home").click()
        names = page.locator(".jp-DirListing-itemText")
        expect(names).to_have_text(["out", "sales", "trips", "weather"], timeout=PATIENCE_MS)
        page.screenshot(path=tmp_path / "jupyterlab.png")
        browser.close()
