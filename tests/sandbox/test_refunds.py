"""Refunds, and the settlement of the remaining payments."""

import pytest

KEY = {"x-refund-idempotency": "refund-key-0001"}


async def refund(shop, payment, status=200, headers=None, **body):
    return await shop.post(f"/v1/payments/{payment['id']}/refund", status, headers, **body)


def pass_time(shop, **step):
    from datetime import timedelta

    shop.clock.advance(timedelta(**step))
    shop.gateway.tick(shop.clock.now())


async def test_a_refund_is_pending_and_then_processed(shop, receiver):
    payment = await shop.paid(50_000)
    made = await refund(shop, payment, amount=20_000, notes={"why": "paid twice"}, receipt="RF-1")
    assert (made["status"], made["amount"], made["payment_id"]) == ("pending", 20_000, payment["id"])

    pass_time(shop, minutes=2)

    webhooks = await receiver.wait_for(4)
    payload = webhooks[3].event["payload"]
    assert webhooks[3].name == "refund.processed"
    assert payload["refund"]["entity"] == await shop.get(f"/v1/refunds/{made['id']}")
    assert payload["refund"]["entity"]["status"] == "processed"
    assert payload["payment"]["entity"]["refund_status"] == "partial"
    assert (await shop.get(f"/v1/payments/{payment['id']}/refunds"))["count"] == 1
    assert (await shop.get(f"/v1/payments/{payment['id']}/refunds/{made['id']}"))["receipt"] == "RF-1"
    assert (await shop.get("/v1/refunds"))["items"][0]["notes"] == {"why": "paid twice"}


async def test_a_repeated_refund_under_one_key_is_the_same(shop):
    payment = await shop.paid(50_000)
    first = await refund(shop, payment, headers=KEY, amount=20_000)
    again = await refund(shop, payment, headers=KEY, amount=20_000)
    assert again == first

    # Also once it was processed, and once there is nothing left to give back.
    pass_time(shop, minutes=2)
    await refund(shop, payment)
    late = await refund(shop, payment, headers=KEY, amount=20_000)

    assert late["id"] == first["id"]
    assert (await shop.get(f"/v1/payments/{payment['id']}"))["amount_refunded"] == 50_000
    assert (await shop.get(f"/v1/payments/{payment['id']}/refunds"))["count"] == 2


async def test_a_key_with_other_content_is_refused(shop):
    payment, other = await shop.paid(50_000), await shop.paid(50_000)
    await refund(shop, payment, headers=KEY, amount=20_000)

    error = await refund(shop, payment, 400, KEY, amount=30_000)
    assert "Different request body" in error["error"]["description"]
    await refund(shop, other, 400, KEY, amount=20_000)
    await refund(shop, payment, 400, {"x-refund-idempotency": "short"}, amount=1_000)
    assert (await shop.get(f"/v1/payments/{payment['id']}"))["amount_refunded"] == 20_000


async def test_no_more_goes_back_than_came(shop):
    payment = await shop.paid(50_000)
    await refund(shop, payment, amount=30_000)
    await refund(shop, payment, 400, amount=30_000)
    rest = await refund(shop, payment)
    assert rest["amount"] == 20_000
    error = await refund(shop, payment, 400)
    assert "fully refunded" in error["error"]["description"]
    assert (await shop.get(f"/v1/payments/{payment['id']}"))["status"] == "refunded"


async def test_what_was_not_captured_is_not_refunded_on_request(shop):
    failed = await shop.paid(50_000, "card", number="4000000000000002")
    order = await shop.order(50_000, payment_capture=0)
    await shop.pay(order["id"])
    authorised = (await shop.payments_of(order["id"]))[0]

    await refund(shop, failed, 400)
    await refund(shop, authorised, 400)


async def test_a_reversal_is_a_refund_without_a_request(shop, receiver):
    payment = await shop.paid(50_000, "card", number="5105 1051 0510 5100")
    assert payment["status"] == "captured"
    await refund(shop, payment, amount=10_000)

    pass_time(shop, hours=2)

    await receiver.wait_for(5)
    reversed_ = (await shop.get(f"/v1/payments/{payment['id']}/refunds"))["items"][0]
    assert (reversed_["amount"], reversed_["status"]) == (40_000, "processed")
    assert "reversed" in reversed_["notes"]["reason"]
    book = (await shop.book())["payments"][0]
    assert (book["state"], book["status"], book["refunds_processed"]) == ("reversed", "refunded", 50_000)


async def test_a_payment_wholly_refunded_is_not_reversed_as_well(shop):
    payment = await shop.paid(50_000, "card", number="5105105105105100")
    await refund(shop, payment)

    pass_time(shop, hours=2)

    assert (await shop.get(f"/v1/payments/{payment['id']}/refunds"))["count"] == 1
    assert (await shop.book())["payments"][0]["state"] == "refunded"


async def test_the_settlement_report_sums_to_the_book(shop):
    for amount, way in ((50_000, "upi"), (33_333, "card"), (12_345, "wallet")):
        form = {"number": "4111111111111111"} if way == "card" else {}
        await shop.paid(amount, way, **form)
    early = await shop.paid(20_000)
    await refund(shop, early, amount=5_000)
    pass_time(shop, minutes=5)
    assert (await shop.book())["settlement_rows"] == []

    # The day ends; the next one has a payment, and a refund of one settled before.
    pass_time(shop, days=1)
    await shop.paid(70_000)
    await refund(shop, early)
    pass_time(shop, minutes=5)
    first = await shop.get("/v1/settlements/recon/combined", year=2026, month=10, day=6, count=100)
    pass_time(shop, days=1)
    second = await shop.get("/v1/settlements/recon/combined", year=2026, month=10, day=7, count=100)
    month = await shop.get("/v1/settlements/recon/combined", year=2026, month=10, count=100)

    assert month["items"] == first["items"] + second["items"]
    assert (first["count"], second["count"]) == (5, 2)
    assert len({row["settlement_id"] for row in month["items"]}) == 2
    book = await shop.book()
    assert book["settlement_rows"] == month["items"]
    captured = [payment for payment in book["payments"] if payment["captured"]]
    assert sum(row["credit"] for row in month["items"]) == sum(
        payment["amount"] - payment["fee"] for payment in captured
    )
    assert sum(row["debit"] for row in month["items"]) == sum(
        payment["refunds_processed"] for payment in captured
    )
    assert sum(row["fee"] for row in month["items"]) == sum(payment["fee"] for payment in captured)
    # 2 % of 33,333 is 666.66, rounded to 667; 18 % of that is 120.06.
    assert sorted((payment["fee"], payment["tax"]) for payment in captured) == [
        (0, 0), (0, 0), (0, 0), (247 + 44, 44), (667 + 120, 120)
    ]  # fmt: skip


async def test_nothing_is_settled_twice(shop, tmp_path):
    await shop.paid(50_000)
    pass_time(shop, days=1)
    for _ in range(3):
        pass_time(shop, days=1)
    rows = (await shop.book())["settlement_rows"]
    assert [row["type"] for row in rows] == ["payment"]


@pytest.mark.parametrize("query", [{"year": 2026}, {"year": 2026, "month": 13}, {"year": "x", "month": 1}])
async def test_a_report_of_no_day_is_refused(shop, query):
    await shop.get("/v1/settlements/recon/combined", 400, **query)
