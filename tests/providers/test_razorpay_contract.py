"""Razorpay's published contract: the stand-in answers in its form, and the provider reads that form.

Source of every set of fields and of the shapes: the API reference and the Hosted Checkout guide that Razorpay publishes
(as of 2025, in its repository razorpay-php-testapp, folder llm-content), one page each: "Orders entity", "Fetch payments
for an order", "Capture a payment", "Fetch refund with ID", "Fetch a dispute with ID", "Fetch settlement recon details",
"Refunds webhook events", "Integration steps" of Hosted Checkout. Values are ours. Nothing here was run against Razorpay.
"""

import json
from datetime import UTC, datetime

import httpx
import pytest
from tests.apps.payments import cast

ORDER = "id entity amount amount_paid amount_due currency receipt offer_id status attempts notes created_at"
PAYMENT = (
    "id entity amount currency status order_id invoice_id international method amount_refunded refund_status captured "
    "description card_id bank wallet vpa email contact notes fee tax error_code error_description error_source "
    "error_step error_reason acquirer_data created_at upi"
)
REFUND = (
    "id entity amount currency payment_id notes receipt acquirer_data created_at batch_id status speed_processed "
    "speed_requested"
)
DISPUTE = "id entity payment_id amount currency amount_deducted reason_code respond_by status phase created_at evidence"
SETTLED = (
    "entity_id type debit credit amount currency fee tax on_hold settled created_at settled_at settlement_id posted_at "
    "credit_type description notes payment_id settlement_utr order_id order_receipt method card_network card_issuer "
    "card_type dispute_id"
)
ERROR = "code description source step reason metadata"
EVENT = "entity account_id event contains payload created_at"


def fields(names):
    return set(names.split())


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with cast.open_shop(tmp_path_factory.mktemp("contract")) as shop:
        yield shop


@pytest.fixture(scope="module")
def paid(shop):
    """An order with a failed and a captured payment."""
    order = shop.post("/v1/orders", amount=20_000, currency="INR", receipt="urja-1")["id"]
    shop.card(order, "4000 0000 0000 0002")
    shop.pay(order)
    return order


def test_orders_and_payments_have_the_published_fields(shop, paid):
    assert fields(ORDER) == shop.get(f"/v1/orders/{paid}").keys()
    listed = shop.get(f"/v1/orders/{paid}/payments")
    assert (listed["entity"], listed["count"]) == ("collection", 2)
    [captured, failed] = listed["items"]
    assert fields(PAYMENT) == captured.keys()
    assert fields(PAYMENT) - {"upi"} == failed.keys() - {"card"}
    assert (failed["status"], failed["error_code"], failed["fee"]) == ("failed", "BAD_REQUEST_ERROR", None)


def test_refunds_disputes_and_settlements_have_the_published_fields(shop):
    order = shop.post("/v1/orders", amount=20_000, currency="INR", receipt="urja-2")["id"]
    shop.card(order, "4000 0000 0000 0259")
    payment = shop.payments_of(order)[0]["id"]
    assert fields(REFUND) == shop.post(f"/v1/payments/{payment}/refund", amount=500).keys()
    shop.move(hours=4)
    [dispute] = shop.until(lambda: shop.get("/v1/disputes")["items"])
    assert fields(DISPUTE) == dispute.keys()
    shop.move(hours=24)
    rows = shop.until(
        lambda: shop.get("/v1/settlements/recon/combined", year=2026, month="03", day="03")["items"]
    )
    assert {frozenset(row) for row in rows} == {frozenset(fields(SETTLED))}


def test_errors_have_the_published_form(shop):
    small = shop.api.post("/v1/orders", json={"amount": 1, "currency": "INR"})
    unknown = shop.api.get("/v1/disputes/disp_AHfqOvkldwsbqt")
    with httpx.Client(base_url=shop.url, auth=("rzp_test_other", "x"), trust_env=False) as stranger:
        refused = stranger.get("/v1/orders")
    assert [answer.status_code for answer in (small, unknown, refused)] == [400, 400, 401]
    for answer in (small, unknown, refused):
        error = answer.json()["error"]
        assert fields(ERROR) <= error.keys()
        assert error["code"] == "BAD_REQUEST_ERROR"
    assert small.json()["error"]["field"] == "amount"


def test_webhooks_have_the_published_form(shop, paid):
    events = [json.loads(body) for body in shop.webhooks()]
    assert {"payment.captured", "payment.failed", "order.paid"} <= {event["event"] for event in events}
    for event in events:
        assert fields(EVENT) == event.keys()
        assert event["contains"] == list(event["payload"])
        assert all(set(part) == {"entity"} for part in event["payload"].values())


def test_what_is_published_and_the_stand_in_never_sends_is_read():
    from urja.apps.payments.kinds import PaymentState
    from urja.apps.payments.port import DisputeState, Method, WebhookSubject
    from urja.apps.payments.providers.razorpay import webhook, words

    bank = dict.fromkeys(fields(PAYMENT)) | {
        "id": "pay_N8FVRD1DzYzBh1", "amount": 100, "currency": "INR", "status": "captured", "method": "netbanking",
        "created_at": 1701688721, "acquirer_data": {"bank_transaction_id": "1"}, "base_amount": 100, "provider": None,
    }  # fmt: skip
    fact = words.payment(bank)
    assert (fact.state, fact.method, fact.order_id) == (PaymentState.CAPTURED, Method.BANK, None)
    assert words.payment(bank | {"method": "paylater"}).method is Method.OTHER

    dispute = {
        "id": "disp_AHfqOvkldwsbqt", "payment_id": "pay_EsyWjHrfzb59eR", "amount": 10_000, "currency": "INR",
        "amount_deducted": 0, "reason_code": "pre_arbitration", "respond_by": 1590604200, "status": "under_review",
        "phase": "pre_arbitration", "created_at": 1590059211,
    }  # fmt: skip
    assert words.dispute(dispute).state is DisputeState.OPEN
    assert words.dispute(dispute | {"status": "closed"}).state is DisputeState.CLOSED

    # A credit by an adjustment names no dispute, and has no transfer's reference of its own.
    adjustment = dict.fromkeys(fields(SETTLED)) | {
        "entity_id": "adj_EhcHONhX4ChgNC", "type": "adjustment", "debit": 0, "credit": 1012, "amount": 1012,
        "currency": "INR", "fee": 0, "tax": 0, "settled": True, "created_at": 1567681786, "settled_at": 1568176960,
        "settlement_id": "setl_DGlQ1Rj8os78Ec",
    }  # fmt: skip
    row = words.settlement(adjustment)
    assert (row.kind, row.utr, row.settled_at) == (
        "adjustment", "", datetime(2019, 9, 11, 4, 42, 40, tzinfo=UTC)
    )  # fmt: skip
    assert words.settlement(adjustment | {"settled": False, "settled_at": None}) is None

    for kind in ("refund.created", "refund.failed", "refund.speed_changed"):
        payload = {"refund": {"entity": {"id": "rfnd_1"}}, "payment": {"entity": {"id": "pay_1"}}}
        event = webhook.read(json.dumps({"event": kind, "payload": payload}).encode())
        assert (event.known, event.about) == (True, (WebhookSubject.REFUND, "rfnd_1"))
