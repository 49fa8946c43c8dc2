"""Razorpay's API as a merchant calls it."""

import httpx
import pytest
from tests.sandbox.conftest import KEYS, signed


async def test_an_order_is_made_and_found_again(shop):
    order = await shop.order(30_000, receipt="R-1", notes={"account": "42"})

    assert order["id"].startswith("order_")
    assert len(order["id"]) == len("order_") + 14
    assert (order["entity"], order["status"], order["amount_due"]) == ("order", "created", 30_000)
    assert order["notes"] == {"account": "42"}
    assert await shop.get(f"/v1/orders/{order['id']}") == order
    assert (await shop.get("/v1/orders", receipt="R-1"))["items"] == [order]
    assert (await shop.get("/v1/orders", receipt="R-2"))["count"] == 0


async def test_a_repeated_order_with_unique_receipt_is_the_same(shop):
    first = await shop.order(30_000, receipt="R-1", unique_receipt=True)
    again = await shop.order(30_000, receipt="R-1", unique_receipt=True)
    other = await shop.post(
        "/v1/orders", 400, amount=40_000, currency="INR", receipt="R-1", unique_receipt=True
    )

    assert again == first
    assert other["error"]["field"] == "receipt"
    assert (await shop.order(30_000, receipt="R-1"))["id"] != first["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"currency": "INR"}, "amount"),
        ({"amount": 99, "currency": "INR"}, "amount"),
        ({"amount": 100.5, "currency": "INR"}, "amount"),
        ({"amount": True, "currency": "INR"}, "amount"),
        ({"amount": 1 << 40, "currency": "INR"}, "amount"),
        ({"amount": 100, "currency": "USD"}, "currency"),
        ({"amount": 100, "receipt": "x" * 41}, "receipt"),
        ({"amount": 100, "notes": {str(n): "x" for n in range(16)}}, "notes"),
        ({"amount": 100, "notes": {"x": "y" * 257}}, "notes"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(shop, body, field):
    error = (await shop.post("/v1/orders", 400, **body))["error"]
    assert (error["code"], error["field"]) == ("BAD_REQUEST_ERROR", field)


async def test_only_who_gives_the_keys_is_served(shop):
    for auth in (None, (KEYS[0], "wrong"), ("wrong", KEYS[1])):
        async with httpx.AsyncClient(base_url=shop.url, auth=auth, trust_env=False) as stranger:
            for path in ("/v1/orders", "/book/payments", "/control/state", "/book/webhooks"):
                assert (await stranger.get(path)).status_code == 401
    malformed = await shop.browser.get("/v1/orders", headers={"authorization": "Basic §§".encode("latin-1")})
    assert malformed.status_code == 401


async def test_what_is_no_request_is_refused(shop):
    assert (await shop.api.post("/v1/orders", content=b"{")).status_code == 400
    assert (await shop.api.post("/v1/orders", content=b"[]")).status_code == 400
    assert (await shop.api.post("/v1/orders", content=b" " * 70_000)).status_code == 413
    assert (await shop.api.post("/v1/orders", content=b'{"a":' + b"[" * 60_000)).status_code == 400
    assert (await shop.api.post("/v1/orders", json={"amount": 100, "payment_capture": []})).status_code == 200
    order = await shop.order()
    for form in (b"x=1&" * 64, b"number=\xff"):
        assert (await shop.browser.post(f"/pay/{order['id']}/card", content=form)).status_code == 400
    assert (await shop.api.get("/v1/nothing")).json()["error"]["code"] == "BAD_REQUEST_ERROR"
    assert (await shop.api.get("/v1/orders", params={"count": "many"})).status_code == 400
    assert (await shop.api.get("/v1/orders/order_unknown")).status_code == 400


async def test_a_payment_is_told_by_signed_webhooks(shop, receiver):
    order = await shop.order(50_000, receipt="R-1")
    await shop.pay(order["id"])

    webhooks = await receiver.wait_for(3)

    assert receiver.names() == ["payment.authorized", "payment.captured", "order.paid"]
    assert all(signed(webhook) for webhook in webhooks)
    assert len({webhook.headers["x-razorpay-event-id"] for webhook in webhooks}) == 3
    authorized, captured, paid = (webhook.event for webhook in webhooks)
    # Each is a snapshot from the moment of its event.
    assert authorized["payload"]["payment"]["entity"]["status"] == "authorized"
    assert captured["payload"]["payment"]["entity"]["status"] == "captured"
    assert paid["contains"] == ["payment", "order"]
    assert paid["payload"]["order"]["entity"]["status"] == "paid"
    payment = captured["payload"]["payment"]["entity"]
    assert payment == await shop.get(f"/v1/payments/{payment['id']}")
    assert (payment["amount"], payment["order_id"], payment["method"]) == (50_000, order["id"], "upi")
    assert (await shop.get(f"/v1/orders/{order['id']}"))["amount_due"] == 0


async def test_a_payment_is_captured_by_hand_where_the_order_says_so(shop):
    order = await shop.order(50_000, payment_capture=False)
    await shop.pay(order["id"])
    payment = (await shop.payments_of(order["id"]))[0]
    assert (payment["status"], payment["captured"]) == ("authorized", False)
    path = f"/v1/payments/{payment['id']}/capture"

    await shop.post(path, 400, amount=49_000, currency="INR")
    captured = await shop.post(path, amount=50_000, currency="INR")
    again = await shop.post(path, 400, amount=50_000, currency="INR")

    assert captured["status"] == "captured"
    assert "already been captured" in again["error"]["description"]


async def test_an_uncaptured_payment_goes_back_after_five_days(shop, receiver):
    order = await shop.order(50_000, payment_capture=False)
    await shop.pay(order["id"])

    shop.clock.set(shop.clock.now().replace(day=11))
    shop.gateway.tick(shop.clock.now())

    webhooks = await receiver.wait_for(2)
    assert receiver.names() == ["payment.authorized", "refund.processed"]
    assert webhooks[1].event["payload"]["payment"]["entity"]["captured"] is False
    book = await shop.book()
    assert [payment["state"] for payment in book["payments"]] == ["refunded"]
    assert book["settlement_rows"] == []


async def test_a_list_is_narrowed_by_time_count_and_skip(shop):
    orders = []
    for _ in range(3):
        orders.append(await shop.order())
        shop.clock.set(shop.clock.now().replace(minute=shop.clock.now().minute + 1))
    newest_first = [order["id"] for order in reversed(orders)]

    everything = await shop.get("/v1/orders")
    middle = await shop.get("/v1/orders", **{"from": orders[1]["created_at"], "to": orders[1]["created_at"]})
    second = await shop.get("/v1/orders", count=1, skip=1)

    assert [order["id"] for order in everything["items"]] == newest_first
    assert [order["id"] for order in middle["items"]] == [orders[1]["id"]]
    assert [order["id"] for order in second["items"]] == [newest_first[1]]
