"""The log of sign-ins, as auditors see it."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.web.conftest import connected_as
from tests.web.reading import text_of

NOW = datetime.now(UTC)


@pytest.fixture
def door(staff):
    """A colleague has signed in, and a stranger has tried often."""
    from urja.apps.identity.models import SignIn

    def note(kind, network, user_id=None):
        SignIn.objects.create(
            at=NOW - timedelta(minutes=1),
            kind=kind,
            user_id=user_id,
            address_digest=bytes(32),
            ip=network,
            network=network,
        )

    with connected_as("urja_owner"):
        note("signed_in", "198.51.100.2", staff["clerk"])
        for _ in range(101):
            note("limited", "203.0.113.9")


def test_auditors_see_who_signed_in_and_from_where(door, colleague):
    auditor = colleague("auditor")
    page = text_of(auditor.get("/console/sign-ins/"))
    assert page.count("too many attempts unknown address · 203.0.113.9") == 100
    assert "Older" in page
    here = text_of(auditor.get("/console/sign-ins/?network=198.51.100.2"))
    assert "signed in Clerk · 198.51.100.2" in here
    assert "203.0.113.9" not in here


def test_a_page_goes_on_where_the_last_one_ended(door, colleague):
    auditor = colleague("auditor")
    page = auditor.get("/console/sign-ins/").content.decode()
    older = page.split('href="?before=')[1].split('"')[0]
    assert "signed in Clerk" in text_of(auditor.get(f"/console/sign-ins/?before={older}"))


def test_other_roles_see_no_sign_ins(door, colleague):
    for role in ("clerk", "administrator", "control_room"):
        assert colleague(role).get("/console/sign-ins/").status_code == 404


def test_in_hindi(door, colleague):
    assert "साइन-इन" in text_of(colleague("auditor", "hi").get("/console/sign-ins/"))
