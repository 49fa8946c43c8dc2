"""Two people release held cuts in a real browser with passkeys, and the head end's own judgement takes their answers."""

import json
from base64 import b64encode
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import expect
from tests.apps.approvals import office
from tests.authenticator import Authenticator
from tests.browser.conftest import aside
from tests.browser.running_console import as_colleague
from tests.browser.test_console import site  # noqa: F401 - a fixture
from tests.browser.test_portal import Device, assert_good, open_page  # noqa: F401 - fixture
from tests.web import town_cast
from tests.web.test_console_held_cuts import NONCE, told

from urja.base.approvers import Approver
from urja.headend.disconnection_counts import DisconnectionCounts
from urja.headend.releases import Approved, Incomplete, judge

DEVICE = Device(390, "hi", "dark", True)
PEOPLE = ("control_room", "administrator")


@pytest.fixture
def phones(site):  # noqa: F811
    """A passkey of each of the two, enrolled; and what the head end holds."""
    found = {role: Authenticator(rp_id="localhost", origin=site.url) for role in PEOPLE}

    def prepare():
        from django.contrib.auth import get_user_model

        from urja.apps.commands import release_exchange

        for role, phone in found.items():
            user = get_user_model().objects.get(email=f"{role}@urja.example")
            office.enrol(SimpleNamespace(user=user, id=user.pk), phone, town_cast.NOW)
        release_exchange.record_held_cuts([told()], town_cast.NOW)

    aside(prepare)
    return found


def with_passkey(page, phone):
    """Give the browser an authenticator that holds a passkey and verifies its user."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    made = client.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    key = phone.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    credential = {
        "credentialId": b64encode(phone.id).decode(),
        "isResidentCredential": False,
        "rpId": "localhost",
        "privateKey": b64encode(key).decode(),
        "signCount": 1,
    }
    client.send(
        "WebAuthn.addCredential",
        {"authenticatorId": made["authenticatorId"], "credential": credential},
    )


def recorded():
    """The releases as the pipeline carries them to the head end."""
    found = []

    def read():
        from urja.apps.commands import release_exchange

        found.extend(release_exchange.pending_releases())

    aside(read, "urja_pipeline")
    return found


def test_two_people_approve_and_the_head_end_believes_them(open_page, site, phones):  # noqa: F811
    approvers = [
        Approver(
            person=f"{role}@urja.example",
            credential_id=phone.id,
            public_key=phone.public_key,
            origin=site.url,
            rp_id="localhost",
            installed_at=town_cast.NOW,
        )
        for role, phone in phones.items()
    ]

    def judged_by(asked, nonce=NONCE):
        delay = timedelta(hours=12)
        return judge(asked, DisconnectionCounts(nonce=nonce), approvers, town_cast.NOW, delay_alone=delay)

    for number, (role, phone) in enumerate(phones.items()):
        page = open_page(DEVICE)
        as_colleague(page, site, role)
        with_passkey(page, phone)
        page.goto(f"{site.url}/console/held-cuts/")
        assert_good(page, DEVICE)
        if number == 0:
            page.locator("form.asked button.primary").click()
            assert_good(page, DEVICE)
        page.locator("form[data-passkey] button").click()
        expect(page.locator("form[data-passkey]")).to_have_count(0)
        assert_good(page, DEVICE)
        (asked,) = recorded()
        judged = judged_by(asked)
        assert isinstance(judged, Incomplete if number == 0 else Approved), judged
    assert judged.persons == ["administrator@urja.example", "control_room@urja.example"]
    assert set(judged.sign_counts.values()) == {2}
    # The same answers to a release of more, or to the head end's next question, are no approval.
    more = msgspec.structs.replace(asked, release=msgspec.structs.replace(asked.release, cuts=1000))
    assert "approves other content" in judged_by(more).why
    assert judged_by(asked, bytes(32)).why == "its nonce is an old one: request the release again"
    assert json.loads(asked.answers[0].client_data)["origin"] == site.url
