"""From the gateway to the ledger, whatever becomes of webhooks: against the stand-in's own process over HTTP.

Web and pipeline act here with the rights of their roles.
"""

import json
from datetime import timedelta

import httpx
import pytest
import structlog
from tests.apps.payments.cast import sign
from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture

CREDITED = [("recharge", 20_000)]


def webhooks(till, _order, *names):
    """Bodies of the newest events of these names, as sent."""
    bodies = till.shop.webhooks()
    return [next(b for b in reversed(bodies) if json.loads(b)["event"] == name) for name in names]


def inbox():
    from urja.apps.payments.models import Inbox

    return list(Inbox.objects.order_by("id").values_list("verdict", flat=True))


def kept(logs):
    """What was written of payments that no rule settles."""
    return [
        (line["reason"], line["amount_minor"]) for line in logs if line["event"] == "payment kept for a clerk"
    ]


@pytest.fixture
def order(till):
    return till.order()


@pytest.fixture
def paid(till, order):
    till.shop.pay(order.provider_order_id)
    return order


def ask_nothing(till):
    """The gateway is not asked in this test: what is learned comes by webhook."""
    till.collector.silent_until = till.shop.now + timedelta(days=30)


def test_a_payment_is_credited_on_its_webhook(till, paid):
    ask_nothing(till)
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.collect()
    assert till.entries() == CREDITED
    assert till.state(paid) == "credited"
    assert paid.ask_at is None
    assert inbox() == ["applied"]


def test_a_payment_whose_webhooks_are_lost_is_found_by_asking(till, paid):
    till.collect()
    assert till.entries() == CREDITED
    assert till.state(paid) == "credited"


def test_webhooks_in_any_order_and_repeated_credit_once(till, paid):
    told = webhooks(till, paid, "order.paid", "payment.captured", "payment.authorized")
    for body in [*told, *told]:
        till.hook(body)
        till.collect()
    assert till.entries() == CREDITED
    assert inbox() == ["applied"] * 6
    assert till.state(paid) == "credited"


def test_a_webhook_long_after_the_answer_changes_nothing(till, paid):
    till.collect()
    told = webhooks(till, paid, "payment.authorized", "payment.captured")
    till.shop.move(days=2)
    for body in told:
        till.hook(body)
    till.collect()
    assert till.entries() == CREDITED


def test_a_forged_webhook_is_kept_and_believed_by_nobody(till, paid):
    ask_nothing(till)
    (told,) = webhooks(till, paid, "payment.captured")
    with structlog.testing.capture_logs() as logs:
        assert not till.hook(told, sign(told, "guessed"))
        assert not till.hook(told.replace(b"20000", b"90000"), sign(told))
        assert not till.hook(told, "")
    assert [line["event"] for line in logs] == ["webhook with a wrong signature"] * 3
    till.collect()
    assert till.entries() == []
    assert inbox() == ["forged"] * 3
    assert till.state(paid) == "pending"


def test_a_bank_that_answers_late_is_credited_although_it_was_called_failed(till, order):
    till.shop.card(order.provider_order_id, "4000 0000 0000 0119")
    till.collect()
    assert till.state(order) == "failed"
    assert till.entries() == []
    till.shop.move(minutes=6)
    till.shop.until(lambda: till.shop.payments_of(order.provider_order_id)[0]["status"] == "captured")
    till.shop.move(hours=1)
    till.collect()
    assert till.entries() == CREDITED
    assert till.state(order) == "credited"


def test_failed_told_after_captured_takes_nothing_back(till, order):
    till.shop.card(order.provider_order_id, "4000 0000 0000 0119")
    (failed,) = webhooks(till, order, "payment.failed")
    till.shop.move(minutes=6)
    till.shop.until(lambda: till.shop.payments_of(order.provider_order_id)[0]["status"] == "captured")
    till.collect()
    till.hook(failed)
    till.collect()
    assert till.state(order) == "credited"
    assert till.entries() == CREDITED


def test_what_a_bank_takes_back_is_debited_once_and_the_balance_may_go_below_zero(till, order):
    till.shop.card(order.provider_order_id, "5105 1051 0510 5100")
    till.collect()
    assert till.entries() == CREDITED
    till.shop.move(hours=2)
    (refund,) = till.shop.until(lambda: till.shop.get("/v1/refunds")["items"])
    till.collect()
    till.hook(*webhooks(till, order, "refund.processed"))
    till.collect()
    assert till.entries() == [*CREDITED, ("reversal", -20_000)]
    assert till.state(order) == "reversed"
    assert refund["amount"] == 20_000


def test_a_reversal_told_before_its_payment_comes_to_nothing_in_sum(till, order):
    till.shop.card(order.provider_order_id, "5105 1051 0510 5100")
    told = webhooks(till, order, "payment.captured")
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/refunds")["items"])
    ask_nothing(till)
    till.hook(*webhooks(till, order, "refund.processed"))
    till.collect()
    till.hook(*told)
    till.collect()
    till.collector.silent_until = None
    till.collect()
    assert sum(amount for _line, amount in till.entries()) == 0


def test_a_partial_refund_takes_back_its_part(till, paid):
    till.collect()
    payment = till.shop.payments_of(paid.provider_order_id)[0]
    till.shop.post(f"/v1/payments/{payment['id']}/refund", amount=5_000)
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/refunds")["items"][0]["status"] == "processed")
    till.collect()
    assert till.entries() == [*CREDITED, ("reversal", -5_000)]


def changed(body, **of_payment):
    told = json.loads(body)
    told["payload"]["payment"]["entity"].update(of_payment)
    return json.dumps(told).encode()


def test_another_amount_than_the_orders_is_kept_for_a_clerk(till, paid):
    ask_nothing(till)
    (told,) = webhooks(till, paid, "payment.captured")
    till.hook(changed(told, amount=19_900))
    with structlog.testing.capture_logs() as logs:
        till.collect()
    assert kept(logs) == [("other_amount", 19_900)]
    assert till.entries() == []
    assert till.reasons() == ["other_amount"]
    assert inbox() == ["unmatched"]


def test_one_payment_with_other_content_is_kept_for_a_clerk(till, paid):
    (told,) = webhooks(till, paid, "payment.captured")
    till.hook(told)
    till.collect()
    other = till.order()
    till.hook(changed(told, order_id=other.provider_order_id))
    till.hook(changed(told, amount=40_000))
    till.hook(changed(told, amount=40_000))
    with structlog.testing.capture_logs() as logs:
        till.collect()
    assert set(kept(logs)) == {("other_content", 20_000), ("other_content", 40_000)}
    assert till.entries() == CREDITED
    assert till.reasons() == ["other_content", "other_content"]
    assert till.state(other) == "pending"


def test_a_second_payment_of_an_order_and_an_order_of_nobody_are_kept_for_a_clerk(till, paid):
    (told,) = webhooks(till, paid, "payment.captured")
    till.hook(told)
    till.hook(changed(told, id="pay_another"))
    till.hook(changed(told, id="pay_third", order_id="order_of_nobody"))
    till.collect()
    assert till.entries() == CREDITED
    assert till.reasons() == ["second_payment", "unknown_order"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"event": 1}', b'{"event": "x", "payload": {"payment": {"entity": {"id": ""}}}}'],
)
def test_what_cannot_be_read_is_set_aside_and_stops_nothing(till, paid, body):
    ask_nothing(till)
    till.hook(body)
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.collect()
    assert inbox() == ["unreadable", "applied"]
    assert till.entries() == CREDITED


def test_a_silent_gateway_is_noted_and_asked_again(till, paid):
    from urja.apps.payments import queries

    till.shop.api.post("/control/silence", json={"what": "everything"})
    till.collect()
    assert till.entries() == []
    assert queries.last_asked_at() == till.shop.now
    silent_since = queries.last_answered_at()
    till.shop.move(hours=2)
    till.collect()
    assert queries.last_answered_at() == silent_since < till.shop.now
    till.shop.api.post("/control/speak", json={})
    till.shop.move(minutes=1)
    till.collect()
    assert till.entries() == CREDITED
    assert queries.last_answered_at() == till.shop.now


def test_who_never_pays_is_asked_after_less_and_less_and_then_not_any_more(till, order):
    asked = 0
    while till.state(order) != "expired":
        till.shop.now = order.ask_at + timedelta(seconds=1)
        till.collect()
        asked += 1
        assert asked < 200
    assert order.ask_at is None
    assert till.shop.now - order.created_at > timedelta(days=6)


def test_authorised_money_holds_off_a_cut_until_it_is_credited(till, order):
    from urja.apps.payments import queries

    till.shop.pay(order.provider_order_id)
    ask_nothing(till)
    till.hook(*webhooks(till, order, "payment.authorized"))
    till.collect()
    ((amount, since),) = [(a.amount_minor, a.since) for a in queries.authorised(till.account_id)]
    assert (amount, since) == (20_000, till.shop.now)
    till.hook(*webhooks(till, order, "payment.captured"))
    till.collect()
    assert queries.authorised(till.account_id) == []


def test_the_web_cannot_make_an_order_paid(till, paid):
    from django.db import Error
    from tests.apps.payments.till import as_role

    from urja.apps.payments.models import Order

    with as_role("urja_web"), pytest.raises(Error, match="does not make order"):
        Order.objects.filter(id=paid.id).update(state="paid")


def test_an_order_that_was_taken_before_is_not_opened_twice(till, order):
    again = till.gateway.place_order(order.receipt, order.amount_minor, "INR", again=True)
    assert again == order.provider_order_id
    assert len(httpx.get(f"{till.shop.url}/v1/orders", auth=till.shop.api.auth).json()["items"]) == 1
