"""From the gateway to the ledger, whatever becomes of webhooks: against the stand-in's own process."""

import json

from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture


def webhook(till, name):
    """The newest event of a name, as sent."""
    return next(body for body in reversed(till.shop.webhooks()) if json.loads(body)["event"] == name)


def test_a_payment_is_credited_on_its_webhook(till):
    order = till.order()
    till.shop.pay(order.provider_order_id)
    till.hook(webhook(till, "payment.captured"))
    till.collect()
    assert till.entries() == [("recharge", 20_000)]
    assert till.state(order) == "credited"
    assert order.ask_at is None


def test_a_payment_whose_webhooks_are_lost_is_found_by_asking(till):
    order = till.order()
    till.shop.pay(order.provider_order_id)
    till.collect()
    assert till.entries() == [("recharge", 20_000)]
    assert till.state(order) == "credited"
