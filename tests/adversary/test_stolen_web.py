"""A thief who holds the web's database role, and nothing else, tries for money, supply and delivered notices.

Each attempt goes over a connection of its own to a database that was prepared as `urja up` prepares it.
"""

import json
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from tests.apps.notices.cast import sms_channel
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture
from tests.apps.town import START, adopt
from tests.pipeline.test_post import load as load_tariff

from urja.base.configuration import load
from urja.demo.stand_ins import StandIns
from urja.sandbox.outbox import sign
from urja.site.supervisor.secrets import Vault


@pytest.fixture
def house(database):
    """An account with credit and its supply."""
    load_tariff()
    return adopt(credit_minor=50_000)


@pytest.fixture
def thief(database, house) -> Iterator[psycopg.Connection]:
    with database.connect("urja_web") as connection:
        yield connection


def refused(thief: psycopg.Connection, statement: str, values: tuple = ()) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement.encode(), values)


# -- money ---------------------------------------------------------------------------------------------------


def test_a_credit_cannot_be_requested(thief, house):
    refused(
        thief,
        "INSERT INTO books_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, "
        "input_hash, correlation, requested_at) VALUES (%s, %s, 1000000, 'recharge', '', 'mint', '\\x00', 0, %s)",
        (house.account_id + 1, house.account_id, START),
    )


# -- supply --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["hold", "release"])
def test_a_supply_cannot_be_ordered(thief, house, action):
    refused(
        thief,
        "INSERT INTO supply_order (service_point_id, action, hold, note, actor, requested_at) "
        "VALUES (%s, %s, 'safety', '', 'a person', %s)",
        (house.service_point_id, action, START),
    )


# -- payments ------------------------------------------------------------------------------------------------

ORDER = (
    "INSERT INTO payments_order (id, account_id, amount_minor, currency, provider, correlation, created_at{more}) "
    "VALUES (%s, %s, %s, %s, 'razorpay', 1, now(){values})"
)
WEBHOOK = (
    "INSERT INTO payments_inbox (provider, source, body, received_at, received_wall_ms{more}) "
    "VALUES ('razorpay', 'webhook', '{{}}', now(), 0{values})"
)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("provider_order_id", "'order_of_another'"),
        ("state", "'credited'"),
        ("pending_at", "now()"),
        ("paid_at", "now()"),
    ],
)
def test_an_order_is_a_wish_and_no_more(thief, house, column, value):
    values = (house.account_id + 1, house.account_id, 20_000, "INR")
    refused(thief, ORDER.format(more=f", {column}", values=f", {value}"), values)
    thief.execute(ORDER.format(more="", values="").encode(), values)
    refused(thief, f"UPDATE payments_order SET {column} = {value}")


def test_an_account_has_fifty_orders_that_may_be_paid_and_no_more(thief, house):
    """Each is placed at the gateway and asked about for days: a consumer's program would keep all others waiting."""
    order = ORDER.format(more="", values="").encode()
    stored = [
        thief.execute(order, (house.account_id + n, house.account_id, 20_000, "INR")).rowcount
        for n in range(1, 52)
    ]
    assert stored == [*[1] * 50, 0]
    assert thief.execute(order, (house.account_id + 60, adopt(2).account_id, 20_000, "INR")).rowcount == 1


@pytest.mark.parametrize(("column", "value"), [("verdict", "'asked'"), ("processed_at", "now()")])
def test_a_webhook_is_recorded_and_not_judged(thief, column, value):
    refused(thief, WEBHOOK.format(more=f", {column}", values=f", {value}"))
    thief.execute(WEBHOOK.format(more="", values="").encode())
    refused(thief, f"UPDATE payments_inbox SET {column} = {value}")
    refused(thief, "SELECT body, headers FROM payments_inbox")


def test_no_payment_can_be_written(thief, house):
    for table in ("payments_payment", "payments_refund", "payments_unmatched", "payments_gateway"):
        refused(thief, f"INSERT INTO {table} DEFAULT VALUES")
        refused(thief, f"DELETE FROM {table}")


def test_a_forged_webhook_and_anothers_payment_credit_nothing(till, database):
    """The proven attack: a payment of another consumer, pointed at the thief's own account."""
    anothers = till.order()
    till.shop.pay(anothers.provider_order_id)
    [payment] = till.shop.payments_of(anothers.provider_order_id)
    own = adopt(2).account_id
    with database.connect("urja_web") as thief:
        thief.execute(ORDER.format(more="", values="").encode(), (own + 1, own, 20_000, "INR"))
        told = {"event": "payment.captured", "payload": {"payment": {"entity": {"id": payment["id"]}}}}
        thief.execute(
            "INSERT INTO payments_inbox (provider, source, order_id, body, received_at, received_wall_ms) "
            "VALUES ('razorpay', 'webhook', NULL, %s, now(), 0), ('razorpay', 'return', %s, %s, now(), 0)",
            [json.dumps(told).encode(), own + 1, b"razorpay_payment_id=" + payment["id"].encode()],
        )
    till.collect()
    with database.connect() as owner:
        credited = owner.execute("SELECT account_id, sum(amount_minor) FROM books_credit_request "
                                 "WHERE kind = 'recharge' GROUP BY 1").fetchall()  # fmt: skip
        verdicts = owner.execute("SELECT verdict FROM payments_inbox ORDER BY id").fetchall()
    assert credited == [(anothers.account_id, 20_000)]
    assert verdicts == [("forged",), ("forged",)]


def test_the_web_is_told_no_secret_of_outside_services(tmp_path):
    settings = StandIns(1, 2).known_to(load(None, {}))
    vault = Vault.open(tmp_path).completed(settings)
    told = msgspec.json.encode(vault.for_web(settings, tmp_path)).decode()
    assert len(vault.services.gateways["razorpay"]) == 2
    for secret in (
        *vault.services.gateways["razorpay"].values(),
        *vault.services.channels["sms"].values(),
    ):
        assert secret not in told


# -- notices -------------------------------------------------------------------------------------------------


def test_a_forged_receipt_delivers_no_notice(thief, house, database):
    from django.test import override_settings

    from urja.apps.notices import delivery
    from urja.apps.notices.operations import request_notice

    notice = request_notice(house.account_id, "cut", {}, "one", START)
    body = json.dumps({"ref": str(notice.id), "status": "delivered", "at": int(START.timestamp())}).encode()
    receipt = (
        "INSERT INTO notices_receipt (provider, digest, body, headers, received_at{more}) "
        "VALUES ('sms', %s, %s, %s, %s{values})"
    )
    values = (b"x", body, json.dumps({"x-sandbox-signature": sign("guessed", body)}), START)
    refused(thief, receipt.format(more=", outcome", values=", 'delivered'"), values)
    refused(thief, receipt.format(more=", applied_at", values=", now()"), values)
    refused(thief, "UPDATE notices_notice SET state = 'delivered', delivered_at = now()")
    thief.execute(receipt.format(more="", values="").encode(), values)
    with (
        as_role("urja_pipeline"),
        override_settings(URJA_CHANNELS=(sms_channel(),)),
    ):
        delivery.apply_receipts(START, 10)
    notice.refresh_from_db()
    assert (notice.state, notice.delivered_at) == ("requested", None)
    with database.connect() as owner:
        assert owner.execute("SELECT count(*) FROM notices_receipt").fetchone() == (0,)


# -- operations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "'done'"),
        ("state", "'approval'"),
        ("effects", "'{}'"),
        ("operation_id", "1"),
        ("answered_at", "now()"),
    ],
)
def test_an_operation_is_asked_for_and_not_answered(thief, column, value):
    request = (
        "INSERT INTO journal_request (id, kind, content, dry_run, actor, requested_at{more}) "
        "VALUES (nextval('journal_number'), 'undo', '{{}}', false, 'a person', now(){values})"
    )
    refused(thief, request.format(more=f", {column}", values=f", {value}"))
    thief.execute(request.format(more="", values="").encode())
    assert thief.execute("SELECT state, faults, effects FROM journal_request").fetchall() == [
        ("waiting", [], {})
    ]
    refused(thief, f"UPDATE journal_request SET {column} = {value}")
    refused(thief, "DELETE FROM journal_request")
