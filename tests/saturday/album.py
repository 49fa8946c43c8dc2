"""Pictures of the Saturday for docs/saturday.md: `PICTURES=docs/img/saturday uv run --group test pytest -n0 tests/saturday`."""

import os
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.browser.conftest import CHROMIUM
from tests.saturday.web import Browser

PHONE = {"width": 390, "height": 844}


def picture(browser: Browser, path: str, name: str) -> None:
    """Take the picture of a page as a person sees it on a telephone; only where PICTURES names a directory."""
    if not (directory := os.environ.get("PICTURES")):
        return
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = chromium.new_context(viewport=PHONE, base_url=browser.url, reduced_motion="reduce")
        for cookie in browser.client.cookies.jar:
            context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": browser.url}])
        page = context.new_page()
        page.goto(path)
        page.screenshot(path=Path(directory) / f"{name}.png")
        chromium.close()
