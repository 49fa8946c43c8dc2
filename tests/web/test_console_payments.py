"""Payments pages: differences that match nothing, their notes, and how they are closed."""

import pytest
from tests.web import town_cast
from tests.web.console_staff import answer_requests
from tests.web.reading import text_of

LIST = "/console/payments/"
WHY = "The bank has shown that it is ours: booked by journal 17."
OPEN = (
    "INSERT INTO payments_unmatched (id, provider, payment_id, order_id, amount_minor, reason, detail, seen_at) VALUES "
    "(901, 'razorpay', 'pay_1', 77, 20050, 'other_amount', '{}', %(at)s), "
    "(902, 'razorpay', 'rfnd_1', NULL, 10000, 'settled_otherwise', "
    '\'{"fee_minor": ["236", "240"], "settled_at": ["2026-03-01 18:30:00+00:00", "2026-03-01 19:30:00+00:00"], '
    '"kind": ["payment", "refund"]}\', %(at)s), '
    "(903, 'razorpay', 'pay_9', 78, 30000, 'unsettled', '{\"kind\": \"payment\", \"gone_at\": \"2026-03-02\"}', %(at)s)"
)


@pytest.fixture
def open_(at_noon, staff, database_of_town):
    """A payment that waits, a difference of a settlement, and one that is gone of itself."""
    with database_of_town("urja_owner") as owner:
        owner.execute(OPEN, {"at": town_cast.NOW})
        owner.execute("UPDATE payments_unmatched SET closed_at = seen_at WHERE id = 903")


@pytest.fixture
def at_once(monkeypatch):
    """The stage answers while the page waits."""
    from urja.apps.journal import requests

    monkeypatch.setattr(requests, "wait_for", lambda _number, _seconds: answer_requests())


def kept(number):
    from urja.apps.payments.models import Unmatched

    found = Unmatched.objects.get(id=number)
    return found.closed_at, found.detail.get("notes", [])


def test_what_is_open_is_listed(open_, colleague):
    text = text_of(colleague("revenue_officer").get(LIST))
    assert "Unmatched payments 1 pay_1 order 77 · today, 13:42" in text
    assert "Settlements that do not match 1 rfnd_1" in text
    assert "No settlements yet." in text
    assert "pay_9" not in text
    assert "Closed manually" not in text


def test_test_keys_are_shown_to_staff(open_, colleague):
    from django.test import override_settings
    from tests.apps.payments import cast

    said = "Gateway razorpay has test keys or is a stand-in: no real money moves"
    assert said not in text_of(colleague("revenue_officer").get(LIST))
    with override_settings(URJA_PAYMENTS=cast.config("http://127.0.0.1:9")):
        assert said in text_of(colleague("revenue_officer").get(LIST))


def test_one_says_what_was_told(open_, colleague):
    text = text_of(colleague("revenue_officer").get(f"{LIST}902/"))
    assert "Reported with other figures before ₹100.00" in text
    assert "Fee ₹2.36, later reported as ₹2.40" in text
    assert "Kind payment, later reported as refund" in text
    assert "Paid out today, 00:00, later reported as today, 01:00" in text
    assert "No notes yet." in text


def test_a_revenue_officer_writes_about_it_and_closes_it(open_, at_once, colleague, staff):
    from urja.apps.journal.models import AuditEntry

    client = colleague("revenue_officer")
    noted = client.post(f"{LIST}902/", {"text": " Asked the bank. ", "note": ""})
    assert noted.status_code == 302
    assert "Asked the bank." in text_of(client.get(noted["Location"]))
    assert kept(902)[0] is None
    assert "Asked the bank." in text_of(client.get(LIST))

    closed = client.post(f"{LIST}902/", {"text": WHY, "close": ""})
    text = text_of(client.get(closed["Location"]))
    entries = list(AuditEntry.objects.filter(kind__in=["note_difference", "close_difference"]).order_by("id"))
    assert [entry.actor for entry in entries] == [f"user {staff['revenue_officer']}"] * 2
    assert f"{WHY} today, 13:42 · Revenue_Officer, operation {entries[1].id}" in text
    assert "Closed today, 13:42" in text
    assert "Close as settled" not in text
    text = text_of(client.get(LIST))
    assert "All settlements match the ledger." in text
    assert f"Closed manually rfnd_1 today, 13:42 Reported with other figures before {WHY}" in text


def test_one_that_is_gone_of_itself_says_so(open_, colleague):
    text = text_of(colleague("revenue_officer").get(f"{LIST}903/"))
    assert "Resolved automatically today, 13:42" in text
    assert "Close as settled" not in text


def test_without_a_reason_it_stays_open(open_, at_once, colleague):
    client = colleague("revenue_officer")
    refused = client.post(f"{LIST}901/", {"text": "  ", "close": ""})
    assert "The note was not saved: state how it was settled" in text_of(client.get(refused["Location"]))
    assert kept(901) == (None, [])
    of_another = refused["Location"].replace("/901/", "/902/")
    assert "The note was not saved" not in text_of(client.get(of_another)), "it is about another difference"


def test_closed_twice_it_is_refused_and_what_was_typed_stays(open_, at_once, colleague):
    client = colleague("revenue_officer")
    client.post(f"{LIST}901/", {"text": "first", "close": ""})
    again = client.get(client.post(f"{LIST}901/", {"text": "second", "close": ""})["Location"])
    assert "difference 901 was closed at" in text_of(again)
    assert ">second</textarea>" in again.content.decode()
    assert [note["text"] for note in kept(901)[1]] == ["first"]


@pytest.fixture
def both_roles(staff):
    """The administrator is a revenue officer too: an undo needs the right to what it takes back."""
    from django.contrib.auth import get_user_model
    from tests.apps.town import START

    from urja.usecases.operations import employ

    user = get_user_model().objects.get(id=staff["administrator"])
    employ(user.email, "Both", "revenue_officer", recorded_at=START, actor="test")


def test_closed_by_mistake_it_is_opened_again(open_, at_once, both_roles, colleague, database_of_town):
    from urja.apps.journal.models import AuditEntry

    colleague("revenue_officer").post(f"{LIST}901/", {"text": "a slip", "close": ""})
    number = AuditEntry.objects.get(kind="close_difference").id
    administrator = colleague("administrator")
    form = {"entry_id": str(number), "reason": "another payment was meant"}
    dry_run = administrator.post("/console/operations/undo/", form)["Location"]
    administrator.post(f"{dry_run}do/")
    assert kept(901)[0] is None
    assert [note["text"] for note in kept(901)[1]] == ["a slip"]


@pytest.mark.parametrize("role", ["control_room", "auditor", "administrator"])
def test_others_of_the_whole_utility_see_it_and_write_nothing(open_, colleague, role):
    client = colleague(role)
    assert "pay_1" in text_of(client.get(LIST))
    assert "<textarea" not in client.get(f"{LIST}901/").content.decode()
    assert client.post(f"{LIST}901/", {"text": WHY, "close": ""}).status_code == 404
    assert kept(901) == (None, [])


@pytest.mark.parametrize("role", ["clerk", "field_engineer", "clerk_north"])
def test_to_everybody_else_it_does_not_exist(open_, colleague, role):
    client = colleague(role)
    assert [client.get(path).status_code for path in (LIST, f"{LIST}901/")] == [404, 404]
    assert "Payments" not in text_of(client.get("/console/search/"))


def test_one_that_is_not_there(open_, colleague):
    assert colleague("revenue_officer").get(f"{LIST}999/").status_code == 404


def test_the_control_room_is_led_to_it(open_, someone, at_noon):
    assert f'href="{LIST}901/"' in someone(at_noon.operator_id).get("/console/").content.decode()


def test_in_hindi(open_, colleague):
    client = colleague("revenue_officer", "hi")
    assert "प्राप्त राशियाँ जो मेल नहीं खातीं" in text_of(client.get(LIST))
    assert "निपटाया हुआ बंद करें" in text_of(client.get(f"{LIST}901/"))
