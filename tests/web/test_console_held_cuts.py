"""Held disconnections: a release is requested, approved by passkeys and cancelled."""

from datetime import timedelta

import pytest
from tests.authenticator import Authenticator
from tests.web import town_cast
from tests.web.reading import text_of

from urja.stream.releases import HeldDisconnections

PAGE = "/console/held-cuts/"
NONCE = bytes(range(32))
HOUR = timedelta(hours=1)


@pytest.fixture
def releases(at_noon):
    from urja.apps.commands.queries import releases

    return releases


def told(**changes) -> HeldDisconnections:
    fields = {
        "headend": "headend",
        "at": town_cast.NOW,
        "nonce": NONCE,
        "cuts": 7,
        "areas": {"section NORTH": 5, "": 2},
        "kinds": {"disconnect": 7},
        "oldest_at": town_cast.NOW - HOUR,
        "last_end_at": town_cast.NOW + HOUR,
        "cuts_in_hour": 600,
        "cuts_per_hour": 600,
        "cuts_in_day": 900,
        "cuts_per_day": 2000,
        "full_until": None,
        "approvers": ["asha@utility.example", "ravi@utility.example"],
        "delay_s": 43_200,
        "releases": [],
        "outcomes": [],
    }
    return HeldDisconnections(**(fields | changes))


@pytest.fixture
def tell(at_noon, staff, database_of_town):
    """Keep what a head end tells, as the pipeline does."""
    import json

    import msgspec

    def tell(**changes):
        one = told(**changes)
        with database_of_town("urja_pipeline") as pipeline:
            pipeline.execute(
                "INSERT INTO commands_held_cuts (headend, told, told_at) VALUES (%s, %s, %s) "
                "ON CONFLICT (headend) DO UPDATE SET told = excluded.told, told_at = excluded.told_at",
                [one.headend, json.dumps(msgspec.to_builtins(one)), one.at],
            )

    return tell


def test_what_is_held_and_who_may_release_it(tell, colleague):
    tell()
    text = text_of(colleague("control_room").get(PAGE))
    assert "Held now 7" in text
    assert "section NORTH 5 unknown area 2" in text
    assert "Disconnected in the last hour / limit 600 / 600" in text
    assert "A release needs the approval of two of these people. asha@utility.example" in text


def test_the_control_room_is_told_that_something_is_held(tell, colleague):
    tell()
    assert "7 disconnections are held by the head end" in text_of(colleague("control_room").get("/console/"))


def test_before_a_head_end_has_told_anything(at_noon, staff, colleague):
    assert "No head end has reported yet." in text_of(colleague("control_room").get(PAGE))


@pytest.mark.parametrize("role", ["clerk", "field_engineer"])
def test_the_page_does_not_exist_for_others(tell, colleague, role):
    tell()
    assert colleague(role).get(PAGE).status_code == 404


def test_without_approvers_it_is_said_how_to_install_them(tell, colleague):
    tell(approvers=[])
    page = text_of(colleague("control_room").get(PAGE))
    assert "No release is possible: no approver&#x27;s passkey is installed at the head end." in page
    assert "Request a release" not in page


def test_one_approver_alone_means_a_delay(tell, colleague):
    tell(approvers=["asha@utility.example"])
    assert "A release takes effect 12 hours after that" in text_of(colleague("control_room").get(PAGE))


def test_a_release_of_one_approver_lasts_beyond_the_delay(tell, colleague, releases):
    tell(approvers=["asha@utility.example"])
    colleague("control_room").post(PAGE, {"cuts": "7", "hours": "6"})
    (asked,) = releases.latest()
    assert asked.until_at == town_cast.NOW.replace(microsecond=0) + 18 * HOUR


def test_a_count_that_was_overwritten_is_an_alarm(tell, colleague):
    tell(full_until=town_cast.NOW + 2 * HOUR)
    assert "was overwritten by something other than a head end. No supply is disconnected until" in text_of(
        colleague("control_room").get(PAGE)
    )


def test_a_release_is_asked_for_answered_and_called_back(tell, colleague, staff, releases):
    from urja.apps.commands import release_exchange
    from urja.apps.commands.models import CutRelease

    tell()
    browser = colleague("control_room")
    assert browser.post(PAGE, {"cuts": "7", "hours": "2"}).status_code == 302
    (asked,) = releases.latest()
    assert (asked.cuts, asked.areas, asked.nonce) == (7, ("", "section NORTH"), NONCE)
    assert CutRelease.objects.get(id=asked.id).asked_by_id == staff["control_room"]
    page = text_of(browser.get(PAGE))
    assert "7 disconnections until today" in page
    assert "waiting for approval" in page
    given = Authenticator().approve(asked.content.challenge(NONCE))
    answer = {
        name: _base64url(getattr(given, name))
        for name in ("credential_id", "client_data", "authenticator_data", "signature")
    }
    other = colleague("administrator")
    assert other.post(f"{PAGE}{asked.id}/", answer).status_code == 302
    assert "Approved by" in text_of(other.get(PAGE))
    (sent,) = release_exchange.pending_releases()
    assert (sent.answers, sent.cancelled) == ([given], False)
    assert browser.post(f"{PAGE}{asked.id}/", {"cancel": "yes"}).status_code == 302
    assert release_exchange.pending_releases()[0].cancelled
    assert "being cancelled" in text_of(browser.get(PAGE))
    # What is over takes no answer.
    assert other.post(f"{PAGE}{'0' * 32}/", answer).status_code == 404
    assert other.post(f"{PAGE}{asked.id}/", {"credential_id": "?"}).status_code == 400


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"cuts": "0", "hours": "2"}, "a whole number from 1 to 1000000"),
        ({"cuts": "many", "hours": "2"}, "a whole number from 1 to 1000000"),
        ({"cuts": "7", "hours": "999"}, "Choose the duration"),
    ],
)
def test_what_cannot_be_asked_for_is_said(tell, colleague, releases, typed, fault):
    tell()
    response = colleague("control_room").post(PAGE, typed)
    assert response.status_code == 422
    assert fault in text_of(response)
    assert releases.latest() == []


def _base64url(value: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(value).rstrip(b"=").decode()
