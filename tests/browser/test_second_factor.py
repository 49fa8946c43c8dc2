"""A security key and an app in a real browser, by Chromium's virtual authenticator and at the width of a telephone."""

import os

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import aside
from tests.browser.test_console import site  # noqa: F401 - fixture
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - fixture
from tests.web.test_second_factor import ONE_STEP_S, code_of

PHONE = Device(390, "hi", "dark", True)


@pytest.fixture(autouse=True)
def demanded(database_template):
    from django.test import override_settings

    with override_settings(URJA_STAFF_SECOND_FACTOR=True, MFA_TOTP_PERIOD=ONE_STEP_S):
        yield


def look(page, name):
    """Keep a picture where one is wanted."""
    assert_good(page, PHONE)
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.fixture
def at_the_console(site, open_page):  # noqa: F811 - asks for the fixtures
    """A clerk's page at an address to which keys can be bound."""
    url = site.url.replace("127.0.0.1", "localhost")

    page = open_page(PHONE)
    page.context.add_cookies([{"name": "sessionid", "value": site.cookies["clerk"], "url": url}])
    return page, url


def test_a_security_key_is_added_and_given(at_the_console):
    page, url = at_the_console
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "usb",
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.goto(f"{url}/console/search/")
    expect(page).to_have_url(f"{url}/sign-in/second/")
    look(page, "index")
    page.goto(f"{url}/sign-in/second/keys/add/")
    look(page, "add")
    page.locator("#add-key").click()
    # The recovery codes are next; they take the factor that is there by now.
    expect(page).to_have_url(f"{url}/sign-in/second/again/?next=%2Fsign-in%2Fsecond%2Fcodes%2F")
    page.locator("main a").click()
    expect(page).to_have_url(f"{url}/sign-in/second/keys/again/?next=%2Fsign-in%2Fsecond%2Fcodes%2F")
    look(page, "key-again")
    page.locator("#use-key").click()
    expect(page).to_have_url(f"{url}/sign-in/second/codes/")
    expect(page.locator("ol.codes li")).to_have_count(10)
    look(page, "codes")
    page.goto(f"{url}/console/search/")
    expect(page).to_have_url(f"{url}/console/search/")


def test_an_app_is_set_up_and_given_while_signing_in(at_the_console):
    page, url = at_the_console
    page.goto(f"{url}/sign-in/second/app/")
    look(page, "app")
    secret = page.locator("code.secret").inner_text()
    page.locator("input[name=code]").fill(code_of(secret))
    page.locator("button.primary").click()
    expect(page).to_have_url(f"{url}/sign-in/second/again/?next=%2Fsign-in%2Fsecond%2Fcodes%2F")
    look(page, "again")
    codes = []
    aside(lambda: codes.extend(recovery_codes()))
    page.locator("input[name=code]").fill(codes[0])
    page.locator("button.primary").click()
    expect(page.locator("ol.codes li")).to_have_count(9)


def recovery_codes():
    from allauth.mfa.models import Authenticator

    return Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
