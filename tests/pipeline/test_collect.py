"""From the gateway to the ledger, whatever becomes of webhooks: against the stand-in gateway's own process over HTTP.

Web and pipeline act here with the rights of their roles.
"""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import psycopg
import pytest
from tests.apps.payments.cast import KEYS, START, sign
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture
from tests.logs import logged
from tests.one_setup import with_one_setup

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


def not_by_schedule():
    """Orders are asked about in this test only where something that came in names them."""
    from urja.apps.payments.models import Order

    Order.objects.update(ask_at=None)


def answers(till, monkeypatch, **of_payment):
    """The gateway answers otherwise about payments."""
    of_order, of_one = till.gateway.client.payments_of, till.gateway.client.payment
    monkeypatch.setattr(
        till.gateway.client, "payments_of", lambda id_: [replace(f, **of_payment) for f in of_order(id_)]
    )
    monkeypatch.setattr(till.gateway.client, "payment", lambda id_: replace(of_one(id_), **of_payment))


def test_a_payment_is_credited_when_a_webhook_has_made_the_gateway_be_asked(till, paid):
    not_by_schedule()
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.collect()
    assert till.entries() == CREDITED
    assert till.state(paid) == "credited"
    assert paid.ask_at is None
    assert inbox() == ["asked"]


def test_what_a_webhook_says_of_money_is_not_believed(till, paid, order):
    """Signed as the gateway signs, also: it names a payment, and the gateway says the rest."""
    not_by_schedule()
    other = till.order()
    not_by_schedule()
    (told,) = webhooks(till, paid, "payment.captured")
    till.hook(changed(told, amount=90_000, order_id=other.provider_order_id))
    till.hook(changed(told, id="pay_never_made"))
    till.collect()
    assert till.entries() == CREDITED
    assert till.state(other) == "pending"
    assert inbox() == ["asked", "refused"]


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
    assert inbox() == ["asked"] * 6
    assert till.state(paid) == "credited"


def test_a_webhook_long_after_the_answer_changes_nothing(till, paid):
    till.collect()
    told = webhooks(till, paid, "payment.authorized", "payment.captured")
    till.shop.move(days=2)
    for body in told:
        till.hook(body)
    till.collect()
    assert till.entries() == CREDITED


def test_a_forged_webhook_is_kept_and_causes_no_question(till, paid):
    not_by_schedule()
    (told,) = webhooks(till, paid, "payment.captured")
    assert till.hook(told, sign(told, "guessed"))
    assert till.hook(told.replace(b"20000", b"90000"), sign(told))
    assert till.hook(told, "")
    with logged() as logs:
        till.collect()
    # The gateway logs as well: that its own webhooks find no receiver.
    said = [line["event"] for line in logs if line["event"] != "webhook"]
    assert said == ["webhook with a wrong signature"] * 3
    assert till.entries() == []
    assert inbox() == ["forged"] * 3
    assert till.state(paid) == "pending"


def test_an_event_of_an_unknown_kind_is_said_to_be_one(till, paid):
    not_by_schedule()
    (told,) = webhooks(till, paid, "payment.captured")
    till.hook(told.replace(b"payment.captured", b"payment.vanished"))
    till.collect()
    assert inbox() == ["unknown_kind"]
    assert till.entries() == []


def test_a_query_that_a_webhook_has_caused_outlives_a_gateway_without_an_answer(till, paid):
    not_by_schedule()
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.shop.api.post("/control/mute", json={"what": "everything"})
    till.collect()
    assert inbox() == [""]
    till.shop.api.post("/control/unmute", json={})
    till.shop.move(minutes=1)
    till.collect()
    assert inbox() == ["asked"]
    assert till.entries() == CREDITED


def test_a_flood_of_forged_webhooks_is_bounded_and_loses_no_payment(till, paid, database):
    """What is not kept is sent again; and the credit comes by asking, webhook or not."""
    from urja.apps.payments.models import MOST_WAITING, Inbox
    from urja.apps.payments.requests import LARGEST_BODY

    insert = (
        "INSERT INTO payments_inbox (provider, source, body, received_at, received_wall_ms) "
        "VALUES ('razorpay', 'webhook', %s, now(), 0)"
    )
    with database.connect("urja_web") as web:
        with pytest.raises(psycopg.errors.CheckViolation, match="payments_inbox_is_small"):
            web.execute(insert, [bytes(LARGEST_BODY + 1)])
        with web.transaction():
            web.cursor().executemany(insert, [(b"x",)] * (MOST_WAITING + 50))
    assert Inbox.objects.count() == MOST_WAITING
    assert not till.hook(*webhooks(till, paid, "payment.captured")), "it is sent again"
    till.collect()
    assert till.entries() == CREDITED
    while Inbox.objects.filter(processed_at=None).exists():
        till.collect()
    assert Inbox.objects.count() <= 1000 + 200


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


def test_a_reversal_told_before_its_payment_has_the_payment_asked_about_first(till, order):
    till.shop.card(order.provider_order_id, "5105 1051 0510 5100")
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/refunds")["items"])
    not_by_schedule()
    till.hook(*webhooks(till, order, "refund.processed"))
    till.collect()
    assert sum(amount for _line, amount in till.entries()) == 0
    assert till.state(order) in ("pending", "reversed")


def test_a_refund_that_a_webhook_tells_of_is_asked_about_at_once(till, order):
    till.shop.card(order.provider_order_id, "5105 1051 0510 5100")
    till.collect()
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/refunds")["items"])
    not_by_schedule()
    till.hook(*webhooks(till, order, "refund.processed"))
    till.collect()
    assert till.entries() == [*CREDITED, ("reversal", -20_000)]


def test_what_is_only_authorised_is_captured_and_the_answer_is_the_fact(till):
    from urja.apps.payments.errors import GatewayRefusedError
    from urja.apps.payments.kinds import PaymentState

    asked = {"amount": 20_000, "currency": "INR", "receipt": "by hand", "payment_capture": False}
    order = till.shop.post("/v1/orders", **asked)
    till.shop.pay(order["id"])
    (fact,) = till.gateway.client.payments_of(order["id"])
    assert fact.state == PaymentState.AUTHORISED
    captured = till.gateway.client.capture(fact)
    assert (captured.payment_id, captured.state) == (fact.payment_id, PaymentState.CAPTURED)
    with pytest.raises(GatewayRefusedError):
        till.gateway.client.capture(fact)


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


def test_another_amount_than_the_orders_is_kept_for_a_clerk(till, paid, monkeypatch):
    answers(till, monkeypatch, amount_minor=19_900)
    with logged() as logs:
        till.collect()
    assert set(kept(logs)) == {("other_amount", 19_900)}
    assert till.entries() == []
    assert till.reasons() == ["other_amount"]


def test_one_payment_with_other_content_is_kept_for_a_clerk(till, paid, monkeypatch):
    till.collect()
    other = till.order()
    (told,) = webhooks(till, paid, "payment.captured")
    answers(till, monkeypatch, order_id=other.provider_order_id)
    till.hook(told)
    till.collect()
    assert till.entries() == CREDITED
    assert till.reasons() == ["other_content"]
    assert till.state(other) == "pending"


def test_a_second_payment_of_an_order_is_kept_for_a_clerk(till, paid, monkeypatch):
    till.collect()
    (told,) = webhooks(till, paid, "payment.captured")
    answers(till, monkeypatch, payment_id="pay_another")
    till.hook(told)
    till.collect()
    assert till.entries() == CREDITED
    assert till.reasons() == ["second_payment"]


def test_a_payment_of_an_order_that_is_not_ours_is_kept_for_a_clerk(till, paid):
    strange = till.shop.post("/v1/orders", amount=30_000, currency="INR", receipt=paid.receipt)
    till.shop.pay(strange["id"])
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.collect()
    assert till.reasons() == ["unknown_order"]
    assert till.entries() == CREDITED


def test_an_order_of_the_gateways_that_does_not_carry_our_receipt_credits_nothing(till, paid):
    """As when a row of ours were pointed at the payment of another."""
    anothers = till.shop.post("/v1/orders", amount=20_000, currency="INR", receipt="urja-1")
    till.shop.pay(anothers["id"])
    type(paid).objects.filter(id=paid.id).update(provider_order_id=anothers["id"])
    till.collect()
    assert till.entries() == []
    assert till.reasons() == ["other_receipt"]


def test_an_unreadable_message_is_quarantined_and_stops_nothing(till, paid):
    not_by_schedule()
    for body in (
        b"", b"{", b"[]", b'{"event": 1}', b'{"event": "x", "payload": {"payment": {"entity": {"id": ""}}}}',
    ):  # fmt: skip
        till.hook(body)
    till.hook(*webhooks(till, paid, "payment.captured"))
    till.collect()
    assert inbox() == ["unreadable"] * 5 + ["asked"]
    assert till.entries() == CREDITED


def test_a_gateway_without_an_answer_is_noted_and_asked_again(till, paid):
    from urja.apps.payments import queries

    till.shop.api.post("/control/mute", json={"what": "everything"})
    till.collect()
    assert till.entries() == []
    silent_since = queries.last_answered_at()
    till.shop.move(hours=2)
    till.collect()
    assert queries.last_answered_at() == silent_since < till.shop.now
    till.shop.api.post("/control/unmute", json={})
    till.shop.move(minutes=1)
    till.collect()
    assert till.entries() == CREDITED
    assert queries.last_answered_at() == till.shop.now


def test_who_never_pays_is_asked_after_less_and_less_and_then_not_any_more(till, order):
    asked = 0
    with till.acting_as("urja_pipeline"):
        while till.state(order) != "expired":
            till.shop.now = order.ask_at + timedelta(seconds=1)
            till.collector.run_once(till.shop.now)
            asked += 1
            assert asked < 200
    assert order.ask_at is None
    assert till.shop.now - order.created_at > timedelta(days=6)


def test_an_order_that_has_ended_keeps_when_it_did(till, order):
    """An end that is told again later is none: people see when the order ended."""
    from urja.apps.payments import crediting

    crediting.expire(order, till.shop.now)
    crediting.expire(order, till.shop.now + timedelta(days=1))
    assert till.state(order) == "expired"
    assert order.ended_at == till.shop.now


def test_authorised_money_holds_off_a_cut_until_it_is_credited(till, order, monkeypatch):
    from urja.apps.payments import queries
    from urja.apps.payments.errors import GatewayRefusedError

    def refuses(_fact):
        raise GatewayRefusedError("not now")

    till.shop.pay(order.provider_order_id)
    with monkeypatch.context() as patch:
        answers(till, patch, state="authorised")
        patch.setattr(till.gateway.client, "capture", refuses)
        till.collect()
    ((amount, since),) = [(a.amount_minor, a.since) for a in queries.authorised(till.account_id)]
    assert (amount, since) == (20_000, till.shop.now)
    till.shop.move(minutes=1)
    till.collect()
    assert queries.authorised(till.account_id) == []
    assert till.entries() == CREDITED


# -- how an order gets to the gateway ------------------------------------------------------------------------


def orders_at_the_gateway(till):
    return till.shop.get("/v1/orders")["items"]


def test_what_the_web_records_is_placed_by_the_pipeline(till):
    order = till.asked_for()
    assert (order.state, order.provider_order_id) == ("created", None)
    till.collect()
    assert till.state(order) == "pending"
    [placed] = orders_at_the_gateway(till)
    assert (placed["id"], placed["receipt"], placed["amount"]) == (
        order.provider_order_id,
        order.receipt,
        20_000,
    )


def test_an_order_whose_answer_was_lost_is_not_opened_twice(till, monkeypatch):
    from urja.apps.payments.errors import GatewayAwayError

    order, place_order = till.asked_for(), till.gateway.client.place_order

    def loses_the_answer(*given, **more):
        place_order(*given, **more)
        raise GatewayAwayError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(till.gateway.client, "place_order", loses_the_answer)
        till.collect()
    assert (till.state(order), order.last_error) == ("created", "the line broke")
    till.shop.move(minutes=1)
    till.collect()
    assert till.state(order) == "pending"
    assert [placed["id"] for placed in orders_at_the_gateway(till)] == [order.provider_order_id]


def test_an_order_is_given_up_where_the_gateway_never_answers(till):
    order = till.asked_for()
    till.shop.api.post("/control/mute", json={"what": "everything"})
    till.collect()
    till.shop.move(hours=1)
    till.collect()
    assert till.state(order) == "expired"
    till.shop.api.post("/control/unmute", json={})
    till.shop.move(hours=1)
    till.collect()
    assert orders_at_the_gateway(till) == []


@with_one_setup(
    "column, value, says",
    [
        ("currency", "VND", "the account's currency is INR, not VND"),
        ("amount_minor", 1, "the amount is not between"),
        ("amount_minor", 10**12, "the amount is not between"),
        ("created_at", START + timedelta(days=9000), "its date is in the future"),
    ],
)
def test_an_order_that_a_stolen_web_records_is_judged_again(till, column, value, says):
    order = till.asked_for()
    type(order).objects.filter(id=order.id).update(**{column: value})
    till.collect()
    assert till.state(order) == "expired"
    assert says in order.last_error
    assert orders_at_the_gateway(till) == []


# -- who comes back from the page ----------------------------------------------------------------------------


def came_back(till, order, **changes):
    """The browser comes back, with what the gateway has signed, or says that it has."""
    from urja.apps.payments import requests

    [payment] = till.shop.payments_of(order.provider_order_id)
    query = {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": order.provider_order_id,
        "razorpay_signature": sign(f"{order.provider_order_id}|{payment['id']}".encode(), KEYS[1]),
        **changes,
    }
    with as_role("urja_web"):
        requests.record_return(order, urlencode(query), till.shop.now)


def test_a_return_from_the_page_makes_the_gateway_be_asked(till, paid):
    not_by_schedule()
    came_back(till, paid)
    came_back(till, paid)
    assert inbox() == [""], "one return of an order waits at a time"
    till.collect()
    assert inbox() == ["asked"]
    assert till.entries() == CREDITED


def test_a_return_that_is_not_signed_causes_no_question(till, paid):
    not_by_schedule()
    for n, changes in enumerate(({"razorpay_signature": "0" * 64}, {"razorpay_order_id": "order_other"}), 1):
        came_back(till, paid, **changes)
        till.collect()
        assert inbox() == ["forged"] * n
    assert till.entries() == []


# -- disputes ------------------------------------------------------------------------------------------------

DISPUTED_AND_LOST = "4000 0000 0000 0259"
DISPUTED_AND_WON = "4000 0000 0000 1976"


def disputed(till, card):
    """An order that was paid and credited, and whose payer disputes it an hour later."""
    order = till.order()
    till.shop.card(order.provider_order_id, card)
    till.collect()
    assert till.entries() == CREDITED
    till.shop.move(hours=2)
    till.shop.until(lambda: till.shop.get("/v1/disputes")["items"])
    return order


def decided(till):
    till.shop.move(hours=3)
    return till.shop.until(
        lambda: [one for one in till.shop.get("/v1/disputes")["items"] if one["status"] != "open"]
    )[0]


def test_a_lost_dispute_is_debited_once_and_reaches_a_clerk(till):
    order = disputed(till, DISPUTED_AND_LOST)
    till.collect()
    assert till.reasons() == ["dispute_open"], "a person has to answer the gateway in time"
    assert till.entries() == CREDITED, "nothing is lost yet"
    assert decided(till)["amount_deducted"] == 20_000
    for body in webhooks(till, order, "payment.dispute.created", "payment.dispute.lost"):
        till.hook(body)
        till.hook(body)
        till.collect()
    till.shop.move(hours=1)
    till.collect()
    assert till.entries() == [*CREDITED, ("reversal", -20_000)]
    assert till.state(order) == "reversed"
    assert till.reasons() == ["dispute_lost"]
    assert inbox() == ["asked"] * 4


def test_a_lost_dispute_whose_webhooks_are_lost_is_found_by_asking(till):
    disputed(till, DISPUTED_AND_LOST)
    decided(till)
    till.collect()
    assert till.entries() == [*CREDITED, ("reversal", -20_000)]
    assert till.reasons() == ["dispute_lost"]


def test_what_a_webhook_says_of_a_dispute_is_not_believed(till):
    order = disputed(till, DISPUTED_AND_WON)
    (created,) = webhooks(till, order, "payment.dispute.created")
    till.hook(
        created.replace(b"payment.dispute.created", b"payment.dispute.lost").replace(b'"open"', b'"lost"')
    )
    till.collect()
    assert till.entries() == CREDITED


def test_a_dispute_that_was_won_takes_nothing_and_is_closed(till):
    disputed(till, DISPUTED_AND_WON)
    till.collect()
    assert till.reasons() == ["dispute_open"]
    decided(till)
    till.collect()
    assert till.entries() == CREDITED
    assert till.reasons() == []


def test_a_dispute_of_what_was_given_back_in_part_takes_the_rest(till):
    order = till.order()
    till.shop.card(order.provider_order_id, DISPUTED_AND_LOST)
    till.collect()
    payment = till.shop.payments_of(order.provider_order_id)[0]
    till.shop.post(f"/v1/payments/{payment['id']}/refund", amount=5_000)
    till.shop.move(hours=2)
    [dispute] = till.shop.until(lambda: till.shop.get("/v1/disputes")["items"])
    till.shop.post(f"/v1/disputes/{dispute['id']}/accept")
    till.collect()
    assert sorted(till.entries()) == [("recharge", 20_000), ("reversal", -15_000), ("reversal", -5_000)]
    assert till.reasons() == ["dispute_lost"]
