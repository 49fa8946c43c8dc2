"""The pay page as payers use it: without JavaScript, on a phone, in two languages."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from tests.sandbox.conftest import KEYS, open_shop

from urja.sandbox.gateway.texts import TEXTS
from urja.sandbox.gateway.upi import intent
from urja.sandbox.outbox import sign
from urja.sandbox.page import rupees

CALLBACK = "http://localhost:8000/pay/return/?order=7"


def address(order, callback=CALLBACK, way="", **more):
    query = f"?callback_url={quote(callback, safe='')}" if callback else "?"
    return f"/pay/{order['id']}{way}{query}" + "".join(f"&{name}={value}" for name, value in more.items())


HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


async def returned(shop, response):
    """The fields that the page posts back, and where."""
    page = response
    if response.status_code == 303:
        page = await shop.browser.get(response.headers["location"])
    form = re.search(r'<form id="return" method="post" action="([^"]+)">(.*?)</form>', page.text)
    return {name: unescape(value) for name, value in HIDDEN.findall(form[2])}, unescape(form[1])


def opened(order, **other):
    """The form of Hosted Checkout, with every field that its documentation calls mandatory."""
    return {
        "key_id": KEYS[0],
        "name": "Neem Housing",
        "order_id": order["id"],
        "amount": str(order["amount"]),
        "currency": "INR",
        "callback_url": CALLBACK,
        "cancel_url": "http://localhost:8000/left/",
    } | other


async def test_the_page_is_opened_by_the_form_of_hosted_checkout(shop):
    order = await shop.order()
    answer = await shop.browser.post("/v1/checkout/embedded", data=opened(order))
    assert answer.status_code == 303
    page = (await shop.browser.get(answer.headers["location"])).text
    assert 'href="http://localhost:8000/left/"' in page, "who cancels goes there by GET"
    declined = await shop.browser.post(
        re.search(r'action="(/pay/[^"]+/card[^"]*)"', page)[1].replace("&amp;", "&"),
        data={"number": "4000 0000 0000 0002"},
    )
    fields, to = await returned(shop, declined)
    assert to == CALLBACK
    assert (fields["error[code]"], fields["error[reason]"]) == ("BAD_REQUEST_ERROR", "payment_declined")
    assert json.loads(fields["error[metadata]"])["order_id"] == order["id"]
    assert "razorpay_payment_id" not in fields


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [(name, "", "required") for name in ("key_id", "name", "order_id", "amount", "currency", "callback_url")]
    + [
        ("key_id", "rzp_test_another", "api key"),
        ("amount", "99", "different from your order amount"),
        ("order_id", "order_x", "does not exist"),
        ("callback_url", "https://evil.example/", "callback_url must be"),
        ("cancel_url", "https://evil.example/", "cancel_url must be"),
    ],
)
async def test_a_form_that_is_not_of_this_order_opens_nothing(shop, field, value, said):
    answer = await shop.browser.post(
        "/v1/checkout/embedded", data=opened(await shop.order(), **{field: value})
    )
    assert answer.status_code in (400, 401)
    assert said in answer.text


@pytest.mark.parametrize(
    ("way", "form"),
    [
        ("upi", {}),
        ("wallet", {}),
        ("card", {"number": "4111 1111 1111 1111", "expiry": "12/39", "cvv": "123"}),
    ],
)
async def test_each_way_leads_back_signed(shop, way, form):
    order = await shop.order(50_000)
    response = await shop.browser.post(address(order, way=f"/{way}"), data=form)

    fields, to = await returned(shop, response)
    payment = (await shop.payments_of(order["id"]))[0]
    assert to == CALLBACK
    assert fields == {
        "razorpay_order_id": order["id"],
        "razorpay_payment_id": payment["id"],
        "razorpay_signature": sign(KEYS[1], f"{order['id']}|{payment['id']}".encode()),
    }
    assert payment["method"] == way


async def test_the_page_shows_amount_code_link_and_every_way(shop):
    order = await shop.order(1_23_456_50, receipt="R-1")
    page = (await shop.browser.get(address(order))).text

    assert "₹1,23,456.50" in page
    assert "R-1" in page
    assert 'href="upi://pay?' in page
    assert "<svg" in page
    assert "<script" not in page
    assert "style=" not in page
    for way in ("upi", "card", "wallet"):
        assert f'action="/pay/{order["id"]}/{way}?' in page
    # Nothing comes from elsewhere.
    assert [link for link in page.split('"') if link.startswith(("http:", "https:", "//"))] == [
        link for link in page.split('"') if link.startswith("http://localhost:8000/")
    ]


async def test_the_page_is_guarded_by_its_policy_and_lets_forms_lead_back(shop):
    order = await shop.order()
    policy = (await shop.browser.get(address(order))).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["form-action"] == "'self' http://localhost:8000"
    assert rules["frame-ancestors"] == "'none'"
    assert (await shop.browser.get("/assets/sandbox.css")).status_code == 200


@pytest.mark.parametrize(
    "callback",
    [
        "https://evil.example/return",
        "http://localhost@evil.example/",
        "http://localhost;script-src *:80/",
        "javascript:alert(1)",
        "//evil.example/",
        "http://[::1",
    ],
)
async def test_no_browser_is_sent_to_an_address_that_was_not_allowed(shop, callback):
    order = await shop.order()
    shown = await shop.browser.get(address(order, callback))
    paid = await shop.browser.post(address(order, callback, "/upi"))

    assert (shown.status_code, paid.status_code) == (400, 400)
    assert "form-action 'self'" in shown.headers["content-security-policy"].split(";")[-1]
    assert await shop.payments_of(order["id"]) == []


async def test_hindi_is_there_and_complete(shop):
    order = await shop.order()
    page = (await shop.browser.get(address(order, lang="hi"))).text
    assert '<html lang="hi">' in page
    assert "मैंने यूपीआई ऐप में भुगतान कर दिया" in page
    # Forms and the other language keep the way back and the language.
    forms = [part for part in page.split('"') if part.startswith("/pay/") and "lang=hi" in part]
    assert len(forms) == 3
    assert all(
        parse_qs(urlsplit(form.replace("&amp;", "&")).query)["callback_url"] == [CALLBACK] for form in forms
    )
    assert '<html lang="en">' in (await shop.browser.get(address(order, lang="xx"))).text


def test_both_languages_say_the_same_things():
    assert TEXTS["en"].keys() == TEXTS["hi"].keys()
    for key, english in TEXTS["en"].items():
        for place in ("{merchant}", "{amount}", "{number}"):
            assert (place in english) == (place in TEXTS["hi"][key]), key


async def test_a_declined_card_leaves_the_order_to_another_try(shop, receiver):
    order = await shop.order()
    response = await shop.browser.post(address(order, way="/card"), data={"number": "4000 0000 0000 0002"})
    page = (await shop.browser.get(response.headers["location"])).text
    assert TEXTS["en"]["failed"] in page
    assert f'action="/pay/{order["id"]}/upi?' in page

    fields, _ = await returned(shop, await shop.browser.post(address(order, way="/upi")))
    assert fields["razorpay_signature"]
    assert [payment["status"] for payment in await shop.payments_of(order["id"])] == ["captured", "failed"]
    assert (await shop.get(f"/v1/orders/{order['id']}"))["attempts"] == 2
    failed = (await receiver.wait_for(4))[0].event["payload"]["payment"]["entity"]
    assert (failed["error_code"], failed["error_reason"]) == ("BAD_REQUEST_ERROR", "payment_declined")


async def test_a_button_of_the_list_wins_over_the_number_typed(shop):
    order = await shop.order()
    await shop.browser.post(
        address(order, way="/card"),
        content="number=4111111111111111&number=4000000000000002",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert (await shop.payments_of(order["id"]))[0]["status"] == "failed"


async def test_a_real_card_is_not_taken(shop):
    order = await shop.order()
    response = await shop.browser.post(address(order, way="/card"), data={"number": "4539 1488 0343 6467"})
    page = (await shop.browser.get(response.headers["location"])).text
    assert TEXTS["en"]["not_a_test_card"] in page
    assert await shop.payments_of(order["id"]) == []


async def test_a_late_card_is_told_and_goes_through_after_all(shop):
    order = await shop.order()
    response = await shop.browser.post(address(order, way="/card"), data={"number": "4000000000000119"})
    told = response.headers["location"]
    assert TEXTS["en"]["timed_out"] in (await shop.browser.get(told)).text

    shop.clock.set(shop.clock.now().replace(minute=50))
    shop.gateway.tick(shop.clock.now())

    fields, _ = await returned(shop, await shop.browser.get(told))
    assert fields["razorpay_order_id"] == order["id"]


async def test_a_pending_payment_is_watched_by_the_page(tmp_path, receiver):
    # By this seed the first late payment is not called failed.
    async with open_shop(tmp_path, receiver.url, seed=3, payments={"late": 1.0}) as shop:
        order = await shop.order()
        response = await shop.browser.post(address(order, way="/upi"))
        watching = response.headers["location"]
        page = (await shop.browser.get(watching)).text
        assert TEXTS["en"]["pending"] in page
        assert 'http-equiv="refresh"' in page
        assert "<form" not in page

        shop.clock.set(shop.clock.now().replace(hour=6))
        shop.gateway.tick(shop.clock.now())
        fields, _ = await returned(shop, await shop.browser.get(watching))
        assert fields["razorpay_order_id"] == order["id"]


async def test_pressing_twice_pays_once(shop):
    order = await shop.order()
    await shop.browser.post(address(order, way="/upi"))
    again = await shop.browser.post(address(order, way="/upi"))

    page = (await shop.browser.get(again.headers["location"])).text
    assert TEXTS["en"]["paid"].format(amount="₹500") in page
    assert 'name="razorpay_signature"' in page
    assert len(await shop.payments_of(order["id"])) == 1


async def test_without_a_way_back_the_page_says_that_it_is_paid(shop):
    order = await shop.order()
    response = await shop.browser.post(address(order, None, "/wallet"))
    page = (await shop.browser.get(response.headers["location"])).text
    assert TEXTS["en"]["paid"].format(amount="₹500") in page


async def test_what_a_merchant_writes_is_not_markup(shop):
    order = await shop.order(receipt='<img src=x onerror="1">')
    page = (await shop.browser.get(address(order))).text
    assert "<img" not in page
    unknown = await shop.browser.get("/pay/order_<b>")
    assert unknown.status_code == 400
    assert "<b>" not in unknown.text


def test_the_intent_names_payee_order_and_amount():
    link = intent("Urja & Söhne", "order_1", 50_005)
    assert link.startswith("upi://pay?pa=urja@sandbox&pn=Urja%20%26%20S%C3%B6hne&")
    fields = dict(parse_qsl(urlsplit(link).query))
    assert (fields["tr"], fields["am"], fields["cu"]) == ("order_1", "500.05", "INR")
    assert "am" not in dict(parse_qsl(urlsplit(intent("Urja", "qr_1", None)).query))


def test_rupees_are_grouped_as_in_india():
    assert [rupees(paise) for paise in (5, 100, 99_900, 1_00_000, 1_23_45_678_09)] == [
        "₹0.05", "₹1", "₹999", "₹1,000", "₹1,23,45,678.09"
    ]  # fmt: skip


async def test_the_code_on_the_page_is_a_picture_with_a_name(shop):
    order = await shop.order()
    page = (await shop.browser.get(address(order))).text
    svg = page[page.index("<svg") : page.index("</svg>") + 6]
    assert ET.fromstring(svg).find("title").text == TEXTS["en"]["qr_title"]
