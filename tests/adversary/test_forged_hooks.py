"""A stranger at the addresses that outside services call: other names, other secrets, other headers."""

import sys

import pytest
from django.test import Client, override_settings
from tests.apps.notices.cast import email_channel, sms_channel
from tests.apps.payments import cast
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture

SECOND = {"key_secret": "second-key", "webhook_secret": "second-webhook"}


@pytest.fixture
def two(till):
    """The same gateway twice, as two of the settings with secrets of their own."""
    from dataclasses import replace

    from urja.apps.payments import clients
    from urja.apps.payments.config import PaymentsConfig

    first = cast.gateway(till.shop.url)
    second = replace(first, name="second", secrets=SECOND)
    with override_settings(URJA_PAYMENTS=PaymentsConfig((first, second)), ALLOWED_HOSTS=["testserver"]):
        yield clients


def knock(name, body, signature, **headers):
    """The web's answer to a webhook."""
    with as_role("urja_web"):
        return Client().post(
            f"/hooks/payments/{name}/", body, content_type="application/json",
            headers={"x-razorpay-signature": signature, **headers},
        ).status_code  # fmt: skip


def inbox():
    from urja.apps.payments.models import Inbox

    return list(Inbox.objects.order_by("id"))


def run(till, clients, *names):
    from urja.pipeline.collect import Collector

    with as_role("urja_pipeline"):
        for name in names:
            Collector(clients.gateway(name), 0.0).run_once(till.shop.now)


def test_a_webhook_that_is_signed_with_another_gateways_secret_is_forged(till, two):
    order = till.order()
    till.shop.pay(order.provider_order_id)
    body = till.shop.webhooks()[-1]
    assert knock("razorpay", body, cast.sign(body, SECOND["webhook_secret"])) == 200
    assert knock("second", body, cast.sign(body)) == 200
    assert knock("second", body, cast.sign(body, SECOND["webhook_secret"])) == 200
    run(till, two, "razorpay", "second")
    assert [(row.provider, row.verdict) for row in inbox()] == [
        ("razorpay", "forged"),
        ("second", "forged"),
        # Its own, and it does not answer to the second's key: the query is repeated until the gateway answers.
        ("second", "refused"),
    ]


OTHERS = (
    "sandbox",
    "razorpay2",
    "..",
    "../razorpay",
    "%2e%2e%2frazorpay",
    "razorpay%00",
    "RAZORPAY",
    "a.b",
    "urja",
)


def test_no_other_name_is_recorded_or_imported(till, two):
    before = {name for name in sys.modules if name.startswith("urja.apps.payments.providers")}
    assert {name: knock(name, b"{}", "") for name in OTHERS} == dict.fromkeys(OTHERS, 404)
    assert inbox() == []
    assert {name for name in sys.modules if name.startswith("urja.apps.payments.providers")} == before


def test_rows_of_no_gateway_do_not_keep_the_places_of_others(till, two, database):
    with database.connect("urja_web") as thief:
        thief.execute(
            "INSERT INTO payments_inbox (provider, source, body, received_at, received_wall_ms) "
            "VALUES ('../second', 'webhook', '{}', now(), 0), ('gone', 'return', 'x', now(), 0)"
        )
    run(till, two, "second")
    assert [row.verdict for row in inbox()] == ["forged", "forged"]


def test_only_the_headers_that_the_provider_names_are_kept_and_no_more_of_them(till, two):
    assert (
        knock("razorpay", b"{}", "s" * 5000, **{"x-other": "kept nowhere", "x-razorpay-event-id": "e\0"})
        == 200
    )
    [row] = inbox()
    assert row.headers == {"x-razorpay-signature": "s" * 1000, "x-razorpay-event-id": "e"}


def test_an_order_for_a_gateway_that_is_none_is_never_placed(till, two, database):
    order = till.asked_for()
    with database.connect() as owner:
        owner.execute("UPDATE payments_order SET provider = '../second'")
    run(till, two, "razorpay", "second")
    assert till.state(order) == "created"
    assert till.shop.get("/v1/orders")["items"] == []


def test_receipts_of_no_channel_that_reports_are_not_recorded(database):
    from urja.apps.notices.models import Receipt

    names = ("email", "sms2", "..", "../sms", "%2e%2e%2fsms", "SMS", "sandbox", "smtp")
    with override_settings(URJA_CHANNELS=(sms_channel(), email_channel()), ALLOWED_HOSTS=["testserver"]):
        answers = {
            name: Client().post(f"/hooks/notices/{name}/", b"{}", content_type="application/json").status_code
            for name in (*names, "sms")
        }
    assert answers == dict.fromkeys(names, 404) | {"sms": 204}
    assert Receipt.objects.count() == 1
