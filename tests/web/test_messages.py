"""The page of messages: what was said, when, and whether it arrived."""

from datetime import timedelta

import pytest
from tests.web import house
from tests.web.reading import text_of

MINUTE = timedelta(minutes=1)


@pytest.fixture
def told(home):
    """Notices in every state, oldest first."""
    from urja.apps.notices.models import Notice

    at = house.NOW - 60 * MINUTE
    states = [
        {"state": "requested", "kind": "zero"},
        {"state": "sent", "kind": "low-30", "sent_at": at, "text": "Your credit of ₹42 <b>"},
        {"state": "delivered", "kind": "recharge", "sent_at": at, "delivered_at": at + MINUTE},
        {"state": "unconfirmed", "kind": "reconnected", "sent_at": at - timedelta(days=1)},
        {"state": "failed", "kind": "cut", "failure": "no_number"},
        {"state": "failed", "kind": "press", "failure": "undeliverable", "sent_at": at},
        {"state": "failed", "kind": "low-30", "failure": "outdated"},
    ]
    for number, values in enumerate(states):
        Notice.objects.create(
            account_id=home.account_id,
            dedupe_key=f"n{number}",
            requested_at=at,
            recipient="+9990001234",
            language="en",
            **values,
        )
    return f"/accounts/{home.account_id}/messages/"


def test_each_message_says_what_became_of_it(home, told, browser):
    client = browser(user_id=home.owner_id)
    page = text_of(client.get(told))
    for sentence in (
        "Not sent yet",
        "Sent to ••• 1234: today, 12:42. No delivery receipt yet.",
        "Delivered to ••• 1234: today, 12:43",
        "Sent to ••• 1234: 19 March, 12:42. No delivery receipt came.",
        "Not sent: we have no telephone number for you",
        "Could not be delivered to ••• 1234",
        "Not sent: a recharge or a disconnection came first",
        "Your credit of ₹42 &lt;b&gt;",
        "Recharge received",
    ):
        assert sentence in page.replace("\u2009", " "), sentence
    assert "9990001234" not in page
    assert page.index("Press the button") < page.index("Your credit is used up"), "the newest is first"
    assert told in client.get(f"/accounts/{home.account_id}/").content.decode()


def test_the_page_in_hindi(home, told, browser):
    page = text_of(browser(user_id=home.owner_id, language="hi").get(told))
    assert "रिचार्ज मिल गया" in page
    assert "नहीं भेजा गया: हमारे पास आपका फ़ोन नंबर नहीं है" in page


def test_no_other_consumer_sees_it(home, told, browser):
    assert browser(user_id=home.outsider_id).get(told).status_code == 404
    assert browser().get(told).status_code == 302


@pytest.fixture
def many(home):
    from urja.apps.notices.models import Notice

    for number in range(45):
        Notice.objects.create(
            account_id=home.account_id,
            dedupe_key=f"n{number}",
            requested_at=house.NOW,
            text=f"number {number}.",
        )


def test_older_ones_are_a_page_further(home, many, browser):
    from urja.apps.notices.models import Notice

    client = browser(user_id=home.member_id)
    first = client.get(f"/accounts/{home.account_id}/messages/")
    assert "number 5." in text_of(first)
    assert "number 4." not in text_of(first)
    before = Notice.objects.get(dedupe_key="n5").id
    assert f'href="?before={before}"' in first.content.decode()
    older = text_of(client.get(f"/accounts/{home.account_id}/messages/?before={before}"))
    assert "number 4." in older
    assert "number 5." not in older
    assert client.get(f"/accounts/{home.account_id}/messages/?before=x").status_code == 404


def test_an_account_without_messages(home, browser):
    page = text_of(browser(user_id=home.owner_id).get(f"/accounts/{home.account_id}/messages/"))
    assert "No messages yet." in page
