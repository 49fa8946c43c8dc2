"""QR codes without an order."""

from datetime import timedelta
from xml.etree import ElementTree as ET

from urja.sandbox.gateway.texts import TEXTS


async def code(shop, status=200, **more):
    body = {"type": "upi_qr", "usage": "single_use", "fixed_amount": True, "payment_amount": 30_000}
    return await shop.post("/v1/payments/qr_codes", status, **(body | more))


async def pay_code(shop, made, status=303, **form):
    response = await shop.browser.post(f"/qr/{made['id']}/upi", data=form)
    assert response.status_code == status, response.text
    return response


async def test_a_single_use_code_is_closed_by_its_payment(shop, receiver):
    made = await code(shop, name="Flat 12", notes={"account": "42"})
    assert (made["entity"], made["status"], made["payments_count_received"]) == ("qr_code", "active", 0)

    await pay_code(shop, made)

    webhooks = await receiver.wait_for(3)
    assert receiver.names() == ["payment.authorized", "payment.captured", "qr_code.credited"]
    credited = webhooks[2].event["payload"]["qr_code"]["entity"]
    assert (credited["status"], credited["close_reason"]) == ("closed", "paid")
    assert credited["payments_amount_received"] == 30_000
    assert await shop.get(f"/v1/payments/qr_codes/{made['id']}") == credited
    payment = (await shop.get(f"/v1/payments/qr_codes/{made['id']}/payments"))["items"][0]
    assert (payment["order_id"], payment["amount"], payment["status"]) == (None, 30_000, "captured")
    assert (await shop.book())["payments"][0]["notes"] == {"account": "42"}
    await pay_code(shop, made, 400)


async def test_an_open_code_takes_any_amount_and_many_payments(shop):
    made = await code(shop, usage="multiple_use", fixed_amount=False, payment_amount=None)
    for typed in ("250", "1,000.50"):
        await pay_code(shop, made, amount=typed)
    for typed in ("", "ten", "0.5", "1.234", "inf", "nan", "1e9", "-5"):
        response = await pay_code(shop, made, amount=typed)
        assert TEXTS["en"]["bad_amount"] in (await shop.browser.get(response.headers["location"])).text

    now = await shop.get(f"/v1/payments/qr_codes/{made['id']}")
    assert (now["status"], now["payments_count_received"], now["payments_amount_received"]) == (
        "active",
        2,
        125_050,
    )


async def test_a_code_is_closed_on_request_and_in_time(shop):
    by_hand = await code(shop)
    in_time = await code(shop, close_by=int((shop.clock.now() + timedelta(hours=1)).timestamp()))
    await shop.post(f"/v1/payments/qr_codes/{by_hand['id']}/close")
    await shop.post(f"/v1/payments/qr_codes/{by_hand['id']}/close", 400)

    shop.clock.advance(timedelta(hours=2))
    shop.gateway.tick(shop.clock.now())

    reasons = {row["id"]: row["close_reason"] for row in (await shop.get("/v1/payments/qr_codes"))["items"]}
    assert reasons == {by_hand["id"]: "on_demand", in_time["id"]: "expired"}
    await pay_code(shop, in_time, 400)


async def test_a_code_that_cannot_be_is_refused(shop):
    past = int(shop.clock.now().timestamp()) - 1
    for wrong in (
        {"type": "bharat_qr"},
        {"usage": "twice"},
        {"payment_amount": 1},
        {"close_by": past},
        {"close_by": 1 << 70},
        {"usage": []},
    ):
        await code(shop, 400, **wrong)


async def test_a_code_has_a_picture_and_a_page(shop):
    made = await code(shop)
    picture = await shop.browser.get(f"/qr/{made['id']}.svg")
    page = await shop.browser.get(f"/qr/{made['id']}")

    assert picture.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(picture.content).tag.endswith("svg")
    assert made["image_url"].endswith(f"/qr/{made['id']}.svg")
    assert "₹300" in page.text
