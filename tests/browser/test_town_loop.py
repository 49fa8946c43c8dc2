"""The whole loop in a real browser, over real processes: a disconnected house, its reason, a recharge by UPI, reconnection.

One house pays with JavaScript and sees the light come back without reloading; its neighbour pays without.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import CHROMIUM
from tests.browser.test_portal import Device, assert_good, sign_in
from tests.conftest import new_directory

ROOT = Path(__file__).parents[2]
PHONE = Device(390, "en", "light", True)
PLAIN_PHONE = Device(390, "en", "light", False)
WHY = re.compile(
    r"The supply is disconnected because the credit is used up; a payment of ₹[\d.]+ reconnects it\."
)
PATIENCE_MS = 120_000
"""As long as a step may take on a machine that has much else to do."""


class Town:
    """The process, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "town.log"
        self._said: Queue[str] = Queue()
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.browser.running_town", str(folder / "data")],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)

    def hear(self, seconds: float = 400) -> dict:
        """The next thing that the town says."""
        try:
            line = self._said.get(timeout=seconds)
        except Empty:
            pytest.fail(f"the town says nothing\n{self.log.read_text()}")
        if not line.startswith("{"):
            return self.hear(seconds)
        return json.loads(line)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._process.stdout.close()


@pytest.fixture
def town(prepared) -> Iterator[Town]:
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no browser at {CHROMIUM}: install chromium or set URJA_CHROMIUM")
    folder = new_directory()
    prepared(folder / "data")
    running = Town(folder)
    yield running
    running.stop()
    sys.stderr.write(running.log.read_text())  # pytest shows it beside a failure
    shutil.rmtree(folder, ignore_errors=True)


def test_a_disconnected_house_pays_by_upi_and_sees_its_reconnection(town, chromium):
    standing = town.hear()
    one, other = standing["poor"]
    watching = on_a_phone(chromium, PHONE, standing["url"])
    sign_in(watching, PHONE, one["email"])
    plain = on_a_phone(chromium, PLAIN_PHONE, standing["url"])
    sign_in(plain, PLAIN_PHONE, other["email"])
    town.hear()

    pays_by_upi(watching, PHONE)
    watching.evaluate("window.notReloaded = true")
    sees_the_light(watching)
    assert watching.evaluate("window.notReloaded"), "the page was loaded again"
    assert_good(watching, PHONE)
    the_meter_says_on(watching, one["serial"])

    pays_by_upi(plain, PLAIN_PHONE)
    sees_the_light(plain)
    the_meter_says_on(plain, other["serial"])


def on_a_phone(chromium, device, url):
    context = chromium.new_context(
        viewport={"width": device.width, "height": 844},
        color_scheme=device.scheme,
        java_script_enabled=device.script,
        locale="en-IN",
        base_url=url,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    context.set_default_navigation_timeout(PATIENCE_MS)
    return context.new_page()


def pays_by_upi(page, device) -> None:
    """From the reason on the first page to the gateway's page and back."""
    page.goto("/")
    # The books follow the switch by a moment; a page without JavaScript is loaded again for it.
    give_up = time.monotonic() + PATIENCE_MS / 1000
    while not WHY.search(said := page.locator(".standing").inner_text()):
        assert time.monotonic() < give_up, said
        page.reload()
    assert_good(page, device)
    page.get_by_role("link", name="Recharge", exact=True).click()
    page.get_by_role("button", name="₹500", exact=True).click()
    effect = page.locator(".effect")
    expect(effect.get_by_role("heading")).to_have_text("Effect of ₹500.00")
    expect(effect.locator(".light.good")).to_be_visible()
    expect(effect.get_by_role("listitem").first).to_have_text("All of it is added to your credit.")
    assert_good(page, device)
    page.get_by_role("button", name="Pay ₹500.00").click()
    if not device.script:
        page.get_by_role("button", name="Go to the payment page").click()
    expect(page.locator("svg").first).to_be_visible(timeout=PATIENCE_MS)  # the QR code
    expect(page.locator("a[href^='upi://']")).to_have_count(1)
    page.get_by_role("button", name="I have paid in my UPI app").click()
    if not device.script:
        page.locator("form#return button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recharge of ₹500.00", timeout=PATIENCE_MS)


def sees_the_light(page) -> None:
    chain = page.locator("#chain")
    expect(chain.get_by_role("heading")).to_have_text("Reconnected", timeout=PATIENCE_MS)
    expect(chain.locator("li.done")).to_have_count(5)
    for step in ("Paid", "Credited", "Command sent", "Confirmed by the meter", "Reconnected"):
        expect(chain.get_by_role("listitem").get_by_text(step, exact=True)).to_be_visible()
    expect(chain.locator(".check")).to_have_text(
        re.compile(r"From payment to reconnection: \d+\.\d seconds on your own clock")
    )


def the_meter_says_on(page, serial: str) -> None:
    page.goto(f"/town/houses/{serial}/")
    expect(page.locator(".standing")).to_have_class(re.compile(r"\bpowered\b"))
    relay = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="RELAY"))
    page.get_by_text("All pages of the display").click()
    expect(relay.locator("td")).to_have_text("ON")
