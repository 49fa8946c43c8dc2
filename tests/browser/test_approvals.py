"""A clerk enrols a passkey and approves an operation with it, in Chromium with its virtual authenticator."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from tests.apps.town import protect
from tests.browser.conftest import aside
from tests.browser.running_console import as_colleague, running_console
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - fixture
from tests.web import town_cast


@pytest.fixture
def site(staff, town_books, tmp_path):
    protect(1)
    with running_console(staff, tmp_path) as site:
        yield site


def virtual_authenticator(page):
    """A telephone's own authenticator that verifies its user by itself; how it is switched to one that does not."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )

    def verifies_user(yes):
        session.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": made["authenticatorId"], "isUserVerified": yes},
        )

    return verifies_user


def work():
    """The pipeline's turn."""
    from urja.pipeline.approve import run_once as judge_approvals
    from urja.pipeline.register import run_once as answer_requests

    answer_requests(town_cast.NOW)
    judge_approvals(town_cast.NOW)


def invite(email):
    """A code from the installation."""
    codes = []

    def issue():
        from urja.apps.approvals import passkeys
        from urja.usecases.staff import user_of

        codes.append(
            passkeys.invite(user_of(email), now=town_cast.NOW, lasts=timedelta(days=1), actor="test")
        )

    aside(issue)
    return codes[0]


def orders():
    """How many supplies were ordered to be held off by hand."""
    found = []

    def count():
        from urja.apps.supply.models import Order

        found.append(Order.objects.filter(action="hold", hold="safety").count())

    aside(count)
    return found[0]


def test_from_a_code_to_an_approved_operation(open_page, site):  # noqa: F811
    device = Device(390, "hi", "dark", True)
    page = open_page(device)
    as_colleague(page, site, "clerk")
    verifies_user = virtual_authenticator(page)

    page.goto("/console/passkeys/")
    assert_good(page, device)
    page.locator("#code").fill(invite("clerk@urja.example"))
    page.locator("#name").fill("My telephone")
    page.locator("form.asked button").click()
    expect(page.locator("form[data-passkey=create]")).to_be_visible()
    assert_good(page, device)
    page.locator("form[data-passkey] button").click()
    page.wait_for_selector("meta[http-equiv=refresh]", state="attached")
    aside(work, "urja_pipeline")
    page.goto("/console/passkeys/")
    expect(page.locator(".rows strong")).to_have_text("My telephone")
    expect(page.locator(".rows code")).to_have_text(re.compile(r"^[0-9a-f]{4}( [0-9a-f]{4}){3}$"))
    assert_good(page, device)

    page.goto("/console/operations/disconnect_temporarily/?consumer_number=URJ00000001")
    page.locator("#reason").fill("safety")
    page.locator("#note").fill("a lineman is at work")
    page.locator(".asked button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(work, "urja_pipeline")
    page.reload()
    expect(page.locator(".card .notice li")).to_have_count(1)
    assert_good(page, device)
    page.locator("form[action$='/do/'] button").click()
    page.wait_for_url("**/console/requests/*/")
    aside(work, "urja_pipeline")
    page.reload()
    page.wait_for_url("**/console/approvals/*/")
    assert_good(page, device)
    page.locator("#plain summary").click()
    assert_good(page, device)
    page.goto("/console/approvals/")
    page.locator(".entries a").click()

    expect(page.locator("form[data-passkey] .error:visible")).to_have_count(0)
    verifies_user(False)
    page.locator("form[data-passkey] button").click()
    expect(page.locator("[data-failed]")).to_be_visible()
    verifies_user(True)
    assert orders() == 0
    page.locator("form[data-passkey] button").click()
    page.wait_for_selector("meta[http-equiv=refresh]", state="attached")
    assert orders() == 0
    aside(work, "urja_pipeline")
    page.reload()
    expect(page.locator("p.notice a")).to_be_visible()
    assert_good(page, device)
    assert orders() == 1
