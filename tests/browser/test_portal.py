"""The page in a real browser: from the door to the arithmetic of a posting, by phone and at a desk.

Every pair of (width, language, scheme, JavaScript) values occurs in one of the rows below.
"""

import dataclasses
import re
from itertools import combinations
from typing import NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import override_settings
from msgspec.structs import replace
from playwright.sync_api import expect
from tests.apps.payments import cast
from tests.browser.conftest import aside
from tests.browser.outbox import code_for, next_code_for
from tests.one_setup import with_one_setup
from tests.web import house
from tests.web.test_statements import state_march

from urja.apps.payments.config import PaymentsConfig

AXE = Axe()
RIGHTMOST = "found => Math.max(...found.map(one => one.getBoundingClientRect().right))"


class Device(NamedTuple):
    width: int
    language: str
    scheme: str
    script: bool


DEVICES = [
    Device(390, "en", "light", True),
    Device(390, "hi", "dark", False),
    Device(320, "en", "dark", False),
    Device(320, "hi", "light", True),
    Device(1440, "en", "dark", True),
    Device(1440, "hi", "light", False),
]
HEIGHTS = {320: 640, 390: 844, 1440: 900}

WORDS = {
    "en": {
        "send": "Send me a code",
        "enter": "Sign in",
        "balance": "Balance",
        "as of": "As of today, 13:30",
        "energy": "Energy charge",
        "adds up": "These rows add up to the amount of this entry.",
        "table": "Show as a table",
        "out": "Sign out",
        "all": "All entries",
    },
    "hi": {
        "send": "मुझे कोड भेजें",
        "enter": "साइन इन करें",
        "balance": "शेष राशि",
        "as of": "स्थिति: आज, 13:30 बजे",
        "energy": "ऊर्जा शुल्क",
        "adds up": "इन पंक्तियों का जोड़ इस प्रविष्टि की राशि के बराबर है।",
        "table": "तालिका में देखें",
        "out": "साइन आउट",
        "all": "सभी प्रविष्टियाँ",
    },
}


def test_the_devices_are_a_pairwise_set():
    values = ((320, 390, 1440), ("en", "hi"), ("light", "dark"), (True, False))
    for one, other in combinations(range(4), 2):
        seen = {(device[one], device[other]) for device in DEVICES}
        assert seen == {(a, b) for a in values[one] for b in values[other]}


@pytest.fixture
def open_page(site, chromium):
    """Opens windows that report whatever a browser complains about."""
    contexts, complaints = [], []

    def complain(request) -> None:
        # A window that goes elsewhere gives up what it was still fetching, as its icon.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"failed: {request.url}: {request.failure}")

    def make(device: Device):
        context = chromium.new_context(
            viewport={"width": device.width, "height": HEIGHTS[device.width]},
            color_scheme=device.scheme,
            java_script_enabled=device.script,
            locale={"en": "en-IN", "hi": "hi-IN"}[device.language],
            base_url=site.url,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", complain)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def assert_good(page, device: Device):
    """Nothing serious by axe, nothing wider than the window, the language said."""
    assert page.locator("html").get_attribute("lang") == device.language
    if device.script:  # axe waits by timers, which a page without JavaScript does not have
        serious = [
            (violation["id"], violation["help"], [node["html"] for node in violation["nodes"]])
            for violation in AXE.run(page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth") <= device.width
    else:
        assert page.locator("main > *, header, section").evaluate_all(RIGHTMOST) <= device.width + 0.5


def sign_in(page, device: Device, email="asha@example.org", look=lambda page, device: None):
    """Sign in by a mailed code; `look` at the pages on the way."""
    words = WORDS[device.language]
    earlier = code_for(page.context, email)
    page.goto("/")
    look(page, device)
    page.locator("input[name=email]").fill(email)
    page.get_by_role("button", name=words["send"]).click()
    look(page, device)
    code = next_code_for(page.context, email, earlier)
    page.locator("input[name=code]").fill(code)
    page.get_by_role("button", name=words["enter"], exact=True).click()
    expect(page.locator(".balance h2")).to_have_text(words["balance"])


@with_one_setup("device", DEVICES)
def test_from_the_door_to_the_arithmetic(open_page, site, device):
    words = WORDS[device.language]
    page = open_page(device)
    sign_in(page, device, look=assert_good)
    page.goto("/demo/outbox/")
    assert_good(page, device)
    page.goto("/")
    expect(page.locator(".amount")).to_have_text(re.compile(r"^₹[\d,]+\.\d\d$"))
    expect(page.locator(".as-of")).to_have_text(words["as of"])
    expect(page.get_by_role("img")).to_have_count(2)
    assert_good(page, device)

    page.get_by_text(words["table"]).first.click()
    expect(page.locator("#today-table table")).to_be_visible()
    assert_good(page, device)

    page.get_by_role("link", name=words["energy"]).first.click()
    expect(page.locator(".check")).to_have_text(words["adds up"])
    assert_good(page, device)
    shown = page.locator("#arithmetic tbody td").all()
    total = sum(int(cell.get_attribute("data-minor")) for cell in shown)
    assert total == int(page.locator("#entry-amount").get_attribute("data-minor"))

    page.locator(".back").click()
    page.get_by_role("link", name=words["all"]).click()
    assert_good(page, device)
    page.get_by_role("button", name=words["out"]).click()
    expect(page.locator("input[name=email]")).to_be_visible()
    page.goto("/")
    expect(page.locator("input[name=email]")).to_be_visible()


FOCUSED = "document.activeElement.tagName + '#' + document.activeElement.id"
PHONE = Device(390, "en", "light", True)


def test_the_language_is_chosen_without_a_script_and_remembered(open_page, site):
    page = open_page(Device(390, "en", "light", False))
    page.goto("/sign-in/")
    page.get_by_role("button", name="हिन्दी").click()
    expect(page.locator("h1")).to_have_text("अपनी खपत हर दिन देखें")
    page.goto("/demo/outbox/")
    assert page.locator("html").get_attribute("lang") == "hi"
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Demo outbox")


def test_everything_is_reached_by_keyboard_and_seen_to_be(open_page, site):
    page = open_page(PHONE)
    sign_in(page, PHONE)
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(100):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUSED)
        if name == "BODY#":
            break
        reached.add(name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert any(name.startswith("A#entry-") for name in reached)
    assert "SUMMARY#" in reached


def pay(account_id):
    from urja.apps.books.operations import request_credit
    from urja.pipeline import post

    request_credit(
        account_id=account_id,
        amount_minor=50_000,
        kind="payment",
        idempotency_key="a payment while the page is open",
        requested_at=house.NOW,
    )
    post.run_once(house.NOW)


def test_the_live_part_moves_by_itself_and_keeps_what_is_open(open_page, site):
    page = open_page(PHONE)
    sign_in(page, PHONE)
    before = page.locator(".amount").inner_text()
    page.locator("#month-table summary").click()
    page.locator("a[id^=entry-]").first.focus()
    focused = page.evaluate("document.activeElement.id")

    with page.expect_response("**/live/") as unchanged:
        page.evaluate("htmx.trigger('#live', 'look')")
    assert unchanged.value.status == 304
    assert page.locator(".amount").inner_text() == before

    aside(lambda: pay(site.home.account_id))
    with page.expect_response("**/live/") as changed:
        page.evaluate("htmx.trigger('#live', 'look')")
    assert changed.value.status == 200
    expect(page.locator(".amount")).not_to_have_text(before)
    expect(page.locator(".entries .credit").first).to_have_text("+₹500.00")
    expect(page.locator("#month-table")).to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.id") == focused


@pytest.fixture
def unconfirmed(site):
    """The site, where readings came that nothing has confirmed."""

    def tell():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO readings_unconfirmed (device_id, start_at, service_point_id, length_s, channel_set, values,"
                " correlation, received_at) SELECT device_id, latest_end_at, service_point_id, 1800, 1, '{500}', 1, now()"
                " FROM readings_accrual WHERE latest"
            )

    aside(tell, user="urja_pipeline")


@with_one_setup("language", ["en", "hi"])
def test_readings_that_nothing_has_confirmed_fit_a_phone(unconfirmed, open_page, language):
    device = Device(390, language, "light", True)
    page = open_page(device)
    sign_in(page, device)
    expect(page.locator(".balance .unconfirmed")).to_be_visible()
    assert_good(page, device)


def collect():
    """What the pipeline does about payments."""
    from urja.apps.payments import clients
    from urja.pipeline.collect import Collector

    Collector(clients.gateway("razorpay"), 0.0).run_once(house.NOW)


@pytest.fixture
def gateway(site, tmp_path):
    """The stand-in under another site's name: for browsers, localhost and 127.0.0.1 are not the same site."""
    with cast.open_shop(tmp_path, start=house.NOW) as shop:
        given = cast.gateway(shop.url)
        options = replace(given.options, public_url=shop.url.replace("127.0.0.1", "localhost"))
        with override_settings(URJA_PAYMENTS=PaymentsConfig((dataclasses.replace(given, options=options),))):
            yield shop


def test_a_payer_comes_back_from_another_site_with_and_without_javascript(gateway, open_page, site):
    for device in (Device(390, "hi", "dark", False), PHONE):
        page = open_page(device)
        sign_in(page, device)
        page.goto(f"/accounts/{site.home.account_id}/pay/?rupees=200")
        assert_good(page, device)
        page.locator("section.effect form button.primary").click()
        expect(page.locator("#main h2")).to_be_visible()
        aside(collect, "urja_pipeline")
        if not device.script:
            leave = page.locator("form#leave button")
            expect(leave).to_be_visible()
            assert_good(page, device)
            leave.click()
        page.locator("form[action*='/upi'] button").click()
        if not device.script:
            page.locator("form#return button").click()
        expect(page).to_have_url(re.compile(rf"{site.url}/accounts/\d+/orders/\d+/\?razorpay_order_id="))
        aside(collect, "urja_pipeline")
        page.reload()
        expect(page.locator("#chain.good")).to_be_visible()
        page.close()


@pytest.fixture
def stated(site, postgres):
    """The statement of March."""
    found = []
    aside(lambda: found.append(state_march(postgres, site.home.account_id)))
    return found[0]


@with_one_setup("device", [Device(390, "hi", "dark", False), Device(320, "en", "light", True)])
def test_a_statement_of_account_fits_a_phone(stated, open_page, site, device):
    """With JavaScript by axe too, without it by its boxes."""
    page = open_page(device)
    sign_in(page, device)
    page.goto(f"/accounts/{site.home.account_id}/statements/")
    assert_good(page, device)
    page.locator(".rows a").first.click()
    expect(page.locator("#total")).to_have_attribute("data-minor", str(stated.content.total_minor))
    assert_good(page, device)
