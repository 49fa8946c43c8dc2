"""Take the pictures of the documents again, of a demonstration that runs. The town and a payment need its usual speed:

    uv run urja demo                and then   uv run --group test python -m tests.browser.pictures payment

A day's charges need the end of a day, a few minutes at a higher one:

    uv run urja demo --speed 300    and then   uv run --group test python -m tests.browser.pictures day
"""

import argparse
import re
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError as NotShownError, sync_playwright
from tests.browser.conftest import CHROMIUM
from tests.browser.outbox import code_for, next_code_for

PATIENCE_S = 600
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
POOR = "neem@street.example"
"""The household that runs out of credit first."""


def sign_in(context: BrowserContext, email: str) -> Page:
    page, earlier = context.new_page(), code_for(context, email)
    page.goto("/sign-in/")
    page.locator("input[name=email]").fill(email)
    page.locator("main form button").first.click()
    page.locator("input[name=code]").wait_for()
    page.locator("input[name=code]").fill(next_code_for(context, email, earlier))
    page.keyboard.press("Enter")
    page.locator(".balance").wait_for()
    return page


def until(page: Page, address: str, selector: str) -> None:
    """Load a page again until it shows something."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        page.goto(address)
        try:
            page.locator(selector).first.wait_for(timeout=2000)
        except NotShownError:
            if time.monotonic() > give_up:
                raise
        else:
            return


def phone(browser: Browser, address: str, *, scheme: str = "light", locale: str = "en-IN") -> BrowserContext:
    return browser.new_context(
        viewport=PHONE, color_scheme=scheme, locale=locale, base_url=address, reduced_motion="reduce"
    )


def payment(browser: Browser, address: str, out: Path) -> None:
    """The town, a household, the effect of a payment, and the reconnection that follows it."""
    own = phone(browser, address)
    home = sign_in(own, POOR)
    until(home, "/", ".standing:has-text('disconnected because the credit is used up')")
    small = own.new_page()
    small.goto("/town/houses/00100001/")
    small.screenshot(
        path=out / "house.png", clip={"x": 0, "y": 0, "width": 390, "height": 1500}, full_page=True
    )
    home.get_by_role("link", name="Recharge", exact=True).click()
    home.get_by_role("button", name="₹200", exact=True).click()
    home.screenshot(path=out / "phone-pay.png")
    home.get_by_role("button", name="Pay ₹200.00").click()
    home.get_by_role("button", name="I have paid in my UPI app").click()
    home.locator("#chain").get_by_role("heading", name="Reconnected").wait_for(timeout=PATIENCE_S * 1000)
    home.screenshot(path=out / "phone-reconnected.png", full_page=True)
    town = browser.new_context(
        viewport=DESK, locale="en-IN", base_url=address, reduced_motion="reduce"
    ).new_page()
    town.goto("/town/")
    town.screenshot(path=out / "town.png", full_page=True)


def day(browser: Browser, address: str, out: Path) -> None:
    """The consumer's page and an entry, once a day's energy has been posted."""
    own = phone(browser, address)
    home = sign_in(own, POOR)
    until(home, "/", "a:has-text('Energy charge')")
    home.screenshot(path=out / "phone-home.png", full_page=True)
    hindi = phone(browser, address, scheme="dark", locale="hi-IN")
    hindi.add_cookies(own.cookies())
    night = hindi.new_page()
    night.goto("/")
    night.screenshot(path=out / "phone-home-hi-dark.png", full_page=True)
    home.get_by_role("link", name=re.compile("Energy charge")).first.click()
    home.locator("h1").wait_for()
    home.screenshot(path=out / "phone-entry.png", full_page=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("part", choices=("payment", "day"))
    arguments.add_argument("--address", default="http://127.0.0.1:8000")
    arguments.add_argument("--out", type=Path, default=Path("docs/img"))
    given = arguments.parse_args()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        {"payment": payment, "day": day}[given.part](chromium, given.address, given.out)
        chromium.close()
