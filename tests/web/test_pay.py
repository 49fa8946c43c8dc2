"""Recharging as people do it, against the gateway's own process: amounts, the way there and back, what is seen."""

import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client, override_settings
from tests.apps import town
from tests.apps.payments import cast
from tests.apps.payments.till import as_role
from tests.logs import logged
from tests.web import house
from tests.web.reading import text_of
from tests.web.test_mobile_sign_in import has_number

from urja.sandbox.residents.forms import forms_of


@pytest.fixture(scope="session")
def process(tmp_path_factory):
    with cast.open_shop(tmp_path_factory.mktemp("gateway"), start=house.NOW) as shop:
        yield shop


@pytest.fixture
def shop(process, django):
    with override_settings(URJA_PAYMENTS=cast.config(process.url)):
        yield process


@pytest.fixture
def governed(home):
    """The policy of a demonstration governs every account."""
    from urja.usecases.policies import load_bundled_policy

    load_bundled_policy("plain.toml", recorded_at=town.START, actor="test")
    return home


def inbox():
    """What the web has recorded and may not read."""
    from urja.apps.payments.models import Inbox

    with as_role("urja_owner"):
        return list(Inbox.objects.order_by("id"))


def collect():
    """What the pipeline does, with its rights."""
    from urja.apps.payments import clients
    from urja.pipeline.collect import Collector
    from urja.pipeline.credits import post_credits

    collector = Collector(clients.gateway("razorpay"), 0.0)
    with as_role("urja_pipeline"):
        collector.run_once(house.NOW)
        post_credits(house.NOW)
        collector.run_once(house.NOW)


def test_the_first_page_says_until_when_nothing_is_disconnected_and_leads_to_a_recharge(
    governed, shop, browser
):
    page = browser(user_id=governed.owner_id).get("/")
    words = text_of(page)
    assert "light is safe" not in words
    assert "your credit lasts until" not in words, "one deadline on a card"
    assert re.search(r"No disconnection for credit before \w+day \d+ \w+, \d\d:\d\d\.", words)
    assert f'href="/accounts/{governed.account_id}/pay/"' in page.content.decode()


def test_who_begins_payments_without_end_is_told_to_finish_one(governed, shop, browser):
    from urja.apps.payments import requests

    given = {"account_id": governed.account_id, "user_id": None, "amount_minor": 20_000, "currency": "INR"}
    for _ in range(50):
        requests.open_order(cast.config(shop.url), "razorpay", **given, now=house.NOW)
    answer = browser(user_id=governed.owner_id).post(
        f"/accounts/{governed.account_id}/pay/", {"rupees": "200"}
    )
    assert answer.status_code == 422
    assert "Too many payments of this account were begun" in text_of(answer)


def test_before_paying_one_sees_what_the_amount_does(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    page = person.get(f"/accounts/{governed.account_id}/pay/?rupees=500")
    words = text_of(page)
    assert "Effect of ₹500.00" in words
    assert "All of it is added to your credit." in words
    (now,) = re.findall(r'class="amount[^"]*">₹([\d.]+)<', person.get("/").content.decode())
    (then,) = re.findall(r"Your balance is then ₹([\d,]+\.\d\d)\.", words)
    assert Decimal(then.replace(",", "")) == Decimal(now) + 500
    assert re.search(r"Your credit then lasts about \d+ days at your average use\.", words)
    assert [label for label in ("₹100", "₹200", "₹500", "₹1,000") if label not in words] == []


def test_test_keys_are_shown_as_such_and_live_ones_are_not(governed, shop, browser, django):
    from urja.apps.payments.providers.razorpay import settings as provider

    said = "Test: no real money moves on this payment page."
    person = browser(user_id=governed.owner_id)
    assert said in text_of(person.get(f"/accounts/{governed.account_id}/pay/"))
    assert said in text_of(started(person, governed.account_id)[0])
    why = provider.why_no_money_moves
    assert why(provider.Options(key_id="rzp_test_1")) == "rzp_test_1 is a test key"
    assert why(provider.Options(key_id="rzp_live_1")) == ""
    live = replace(cast.gateway(shop.url), options=provider.Options(key_id="rzp_live_1"))
    from urja.apps.payments.config import PaymentsConfig

    with override_settings(URJA_PAYMENTS=PaymentsConfig((live,))):
        assert said not in text_of(person.get(f"/accounts/{governed.account_id}/pay/"))


@pytest.mark.parametrize(
    ("currency", "label", "typed", "minor"),
    [
        ("INR", "₹", "1,250.5", 125_050),
        ("KES", "KES", "250.50", 25_050),
        ("JPY", "JP¥", "250", 250),
        ("KWD", "KWD", "2.125", 2_125),
    ],
)
def test_amounts_are_of_the_utility_s_currency(governed, shop, browser, currency, label, typed, minor):
    from urja.web.portal import paying

    with override_settings(URJA_CURRENCY=currency):
        assert paying.minor(typed) == minor
        assert paying.minor("2.1255") is None
        assert paying.typed(minor).replace(",", "") in {"1250.50", "250.50", "250", "2.125"}
        words = text_of(browser(user_id=governed.owner_id).get(f"/accounts/{governed.account_id}/pay/"))
    assert f"Other amount ({label})" in words
    assert "rupees" not in words


@pytest.fixture
def by_bill(governed):
    """The account is paid for by bills; 3,000 rupees more than it has were used. It has security deposits."""
    from urja.apps.contracts.models import AgreementTerms

    with town.by_hand():
        AgreementTerms.objects.filter(agreement__account_id=governed.account_id).update(
            payment_mode="postpaid"
        )
    demanded(governed)
    house.owe(governed.account_id, 300_000)
    return governed


def demanded(home):
    """Three parts of a security deposit become due, and an older one is held."""
    from urja.apps.billing.models import Deposit, DepositDemand

    stamp = {"agreement_id": home.agreement_id, "recorded_at": town.START, "actor": "test"}
    for month in (4, 5, 6):
        DepositDemand.objects.create(
            id=home.agreement_id + month, amount_minor=10_000, due_on=date(2026, month, 1), **stamp
        )
    Deposit.objects.create(id=home.agreement_id + 1, amount_minor=5_000, taken_at=town.START, **stamp)


def test_who_pays_by_bill_is_told_of_the_bill_and_of_no_days(by_bill, shop, browser):
    person = browser(user_id=by_bill.owner_id)
    page = person.get("/")
    words = text_of(page)
    assert (
        "Security deposit A security deposit of ₹100.00 is due on 1 April 2026. ₹200.00 more of it is due by 1 June 2026, in "
        "monthly parts. Pay it as you pay your bills: on that day it is added to what you owe. Your supply is not disconnected "
        "for it. ₹50.00 is held as your security deposit."
    ) in words
    hindi = text_of(person.get("/", headers={"accept-language": "hi"}))
    assert "सुरक्षा जमा ₹100.00 की सुरक्षा जमा 1 अप्रैल 2026 को देय है।" in hindi
    assert "You pay by bill. Used and not paid yet: ₹3,000.00." in words
    for word in ("Used up", "average use", "Recharge ", "The light is", "Nothing can be cut"):
        assert word not in words
    assert '<section class="balance good"' in page.content.decode()
    words = text_of(person.get(f"/accounts/{by_bill.account_id}/pay/"))
    assert "Effect of ₹3,000.00" in words
    words = text_of(person.get(f"/accounts/{by_bill.account_id}/pay/?rupees=1000"))
    assert "₹1,000.00 pays for your use, of ₹3,000.00 not paid yet." in words
    assert "₹2,000.00 then remains to be paid." in words
    words = text_of(person.get(f"/accounts/{by_bill.account_id}/pay/?rupees=3500"))
    assert "₹500.00 stays on your account for the next bill." in words
    assert "credit" not in words


def test_old_dues_are_told_paid_and_opened(governed, shop, browser):
    from urja.apps.billing.arrears import Rule
    from urja.apps.billing.models import Arrear
    from urja.apps.billing.posting import post_credit_requests
    from urja.apps.books.operations import request_credit

    account = governed.account_id
    owed = {"principal_minor": 9_000, "surcharge_minor": 1_000, "recorded_at": town.START, "actor": "test"}
    with as_role("urja_pipeline"):
        Arrear.objects.create(
            id=account + 1, account_id=account, bill="B-7", due_on=town.START.date(), **owed
        )
    person = browser(user_id=governed.owner_id)
    assert "Old dues of ₹100.00 are still owed" in text_of(person.get("/"))
    rule = Rule(25, "story 1")
    with as_role("urja_pipeline"):
        request_credit(
            account_id=account,
            amount_minor=20_000,
            kind="recharge",
            idempotency_key="x",
            requested_at=house.NOW,
        )
        post_credit_requests(account >> 40, house.NOW.date(), house.NOW, lambda ids: dict.fromkeys(ids, rule))
    page = person.get("/")
    assert "Old dues of ₹50.00 are still owed" in text_of(page)
    assert "Old dues −₹50.00" in text_of(page)
    seq = max(map(int, re.findall(rf"/accounts/{account}/entries/(\d+)/", page.content.decode())))
    words = text_of(person.get(f"/accounts/{account}/entries/{seq}/"))
    assert "Bill B-7, surcharge for late payment −₹10.00 Bill B-7 −₹40.00 Total −₹50.00" in words
    assert "25 % of the recharge of ₹200.00 goes to old dues, up to the ₹100.00 owed." in words


def test_instalments_are_told_before_paying_and_opened_in_both_languages(governed, shop, browser):
    from django.db import transaction

    from urja.apps.billing.arrears import Plan
    from urja.apps.billing.models import Arrear, InstalmentPlan
    from urja.apps.billing.posting import post_instalments

    account = governed.account_id
    stamp = {"recorded_at": town.START, "actor": "test"}
    with as_role("urja_pipeline"):
        Arrear.objects.create(
            id=account + 1,
            account_id=account,
            bill="B-7",
            due_on=town.START.date(),
            principal_minor=9_000,
            surcharge_minor=1_000,
            **stamp,
        )
        plan = InstalmentPlan.objects.create(
            id=account + 2,
            account_id=account,
            every="day",
            amount_minor=5_000,
            valid_from=town.START,
            **stamp,
        )
    person, hindi = browser(user_id=governed.owner_id), {"Accept-Language": "hi"}
    assert "Old dues of ₹100.00 are still owed; an instalment of ₹50.00 is deducted each day." in text_of(
        person.get("/")
    )
    assert "₹100.00 का पुराना बकाया अभी बाकी है; हर दिन ₹50.00 की किस्त काटी जाती है।" in text_of(
        person.get("/", headers=hindi)
    )
    # A share of each recharge would go to them, did no plan hold.
    words = text_of(person.get(f"/accounts/{account}/pay/?rupees=1000"))
    assert "All of it is added to your credit." in words
    with as_role("urja_pipeline"), transaction.atomic():
        due = Plan(plan.id, account, plan.every, plan.amount_minor), [house.NOW.date()]
        post_instalments(account >> 40, [due], house.NOW)
    page = person.get("/")
    assert "Instalment of old dues −₹50.00" in text_of(page)
    seq = max(map(int, re.findall(rf"/accounts/{account}/entries/(\d+)/", page.content.decode())))
    opened = f"/accounts/{account}/entries/{seq}/"
    assert "An instalment of ₹50.00 was agreed for each day, up to the ₹100.00 owed." in text_of(
        person.get(opened)
    )
    assert "हर दिन के लिए ₹50.00 की किस्त तय हुई थी" in text_of(person.get(opened, headers=hindi))


def test_what_was_left_at_the_end_and_went_to_old_dues_is_opened_in_both_languages(governed, shop, browser):
    from django.db import transaction

    from urja.apps.billing.arrears import final_share
    from urja.apps.billing.models import Arrear
    from urja.apps.billing.posting import post_shares

    account = governed.account_id
    owed = {"principal_minor": 9_000, "surcharge_minor": 1_000, "recorded_at": town.START, "actor": "test"}
    with as_role("urja_pipeline"):
        Arrear.objects.create(
            id=account + 1, account_id=account, bill="B-7", due_on=town.START.date(), **owed
        )
        with transaction.atomic():
            post_shares(account >> 40, [(house.NOW.date(), final_share(1, account, 4_000, 1))], house.NOW)
    person = browser(user_id=governed.owner_id)
    page = person.get("/")
    seq = max(map(int, re.findall(rf"/accounts/{account}/entries/(\d+)/", page.content.decode())))
    opened = f"/accounts/{account}/entries/{seq}/"
    words = text_of(person.get(opened))
    assert "Bill B-7, surcharge for late payment −₹10.00 Bill B-7 −₹30.00 Total −₹40.00" in words
    assert (
        "The supply has ended with a remaining balance of ₹40.00. It pays old dues first, up to the ₹100.00 owed."
        in words
    )
    hindi = person.get(opened, headers={"Accept-Language": "hi"})
    assert "आपूर्ति समाप्त होने पर खाते में ₹40.00 शेष थे।" in text_of(hindi)


@pytest.mark.parametrize("rupees", ["", "5", "-100", "1e3", "१००", "30000", "12.345", "9" * 40])
def test_an_amount_that_cannot_be_paid_is_refused_with_a_word(governed, shop, browser, rupees):
    from urja.apps.payments.models import Order

    answer = browser(user_id=governed.owner_id).post(
        f"/accounts/{governed.account_id}/pay/", {"rupees": rupees}
    )
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Order.objects.exists()


def asked(person, account_id, rupees="200"):
    """Post an amount; where that leads, and the order."""
    from urja.apps.payments.models import Order

    answer = person.post(f"/accounts/{account_id}/pay/", {"rupees": rupees})
    assert answer.status_code == 302
    return answer["location"], Order.objects.latest("created_at", "id")


def started(person, account_id, rupees="200"):
    """Post an amount, and have the pipeline place it; the page that leads to the gateway's, and the order."""
    way, order = asked(person, account_id, rupees)
    collect()
    order.refresh_from_db()
    return person.get(way), order


def forms_on(page):
    """The forms of a page of ours or of the gateway's."""
    text = page.text if isinstance(page, httpx.Response) else page.content.decode()
    return forms_of(httpx.Response(200, text=text))


def leave_form(page):
    """The form that leads to the gateway."""
    return next(form for form in forms_on(page) if "callback_url" in form.fields)


def paid_there(shop, page):
    """Open the gateway's page, pay by UPI, and return the form by which its page posts the payer back."""
    form = leave_form(page)
    there = shop.browser.post(form.action, data=form.fields, follow_redirects=True)
    upi = next(form for form in forms_on(there) if "/upi" in form.action)
    back = forms_on(shop.browser.post(upi.action, follow_redirects=True))
    return next(form for form in back if "razorpay_signature" in form.fields)


def come_back(person, form):
    """Post the form as a browser does that comes from another site, without our cookies; then follow with them."""
    answer = Client(SERVER_NAME="localhost").post(
        urlsplit(form.action).path, form.fields, headers={"origin": "http://127.0.0.1:9"}
    )
    assert (answer.status_code, answer.cookies) == (303, {})
    return person.get(answer["location"])


def test_the_way_to_the_payment_page_waits_for_the_pipeline(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    way, order = asked(person, governed.account_id)
    assert way == f"/accounts/{governed.account_id}/orders/{order.id}/go/"
    page = person.get(way)
    assert "The payment page is being prepared" in text_of(page)
    assert '<meta http-equiv="refresh" content="1">' in page.content.decode()
    assert "This recharge has not reached the payment service yet." in text_of(
        person.get(way.removesuffix("go/"))
    )
    collect()
    assert leave_form(person.get(way)).action == f"{shop.url}/v1/checkout/embedded"
    assert "भुगतान पृष्ठ तैयार हो रहा है" in text_of(
        browser(user_id=governed.owner_id, language="hi").get(asked(person, governed.account_id)[0])
    )


def test_there_and_back_without_javascript(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    has_number(governed.owner_id, "9876543210")
    page, order = started(person, governed.account_id)
    own = f"/accounts/{governed.account_id}/orders/{order.id}/"
    assert leave_form(page).fields == {
        "key_id": cast.KEYS[0],
        "order_id": order.provider_order_id,
        "amount": "20000",
        "currency": "INR",
        "name": "Urja",
        "prefill[email]": "asha@example.org",
        "prefill[contact]": "+919876543210",
        "callback_url": f"http://localhost{own}returned/",
        "cancel_url": f"http://localhost{own}",
    }
    back = paid_there(shop, page)
    assert back.fields["razorpay_order_id"] == order.provider_order_id

    page = come_back(person, back)
    assert page.request["PATH_INFO"] == own
    assert (
        "Payment in progress We are checking with the payment service whether your payment has arrived"
        in text_of(page)
    )
    assert '<meta http-equiv="refresh"' in page.content.decode()
    collect()
    assert [row.verdict for row in inbox()] == ["asked"]
    words = text_of(person.get(own))
    assert re.search(r"Recharge complete .* Paid 13:42:00 Credited 13:42:00", words)
    live = person.get(f"{own}live/")
    assert "hx-get" not in live.content.decode()
    assert "Recharge +₹200.00" in text_of(person.get("/"))


def test_a_page_between_credit_and_reconnection_goes_on_asking(governed, shop, browser):
    """The credit is posted a moment before the reconnection is decided; without JavaScript too the page must go on."""
    person = browser(user_id=governed.owner_id)
    page, order = started(person, governed.account_id)
    disconnected(governed.account_id)
    come_back(person, paid_there(shop, page))
    collect()
    own = f"/accounts/{governed.account_id}/orders/{order.id}/"
    page = person.get(own)
    assert "Recharge complete" in text_of(page)
    assert '<meta http-equiv="refresh"' in page.content.decode()
    assert "hx-get" in person.get(f"{own}live/").content.decode()


def disconnected(account_id):
    """The last decision knew the supply as off; the next one has not come yet."""
    from urja.apps.contracts.models import Agreement
    from urja.apps.supply.models import State
    from urja.core.policy import Standing

    agreement = Agreement.objects.get(account_id=account_id)
    with as_role("urja_owner"):
        State.objects.create(
            account_id=account_id,
            service_point_id=agreement.service_point_id,
            agreement_id=agreement.id,
            standing=Standing.CUT.value,
            reason={"rule": "credit_used_up", "key": "credit_used_up", "params": {}},
            decided_at=house.NOW,
            since_at=house.NOW,
            policy="plain/1",
            supply="off",
            balance_minor=-100,
            limit_minor=0,
            seen_seq=0,
        )


def test_who_has_paid_is_not_asked_after_an_order_that_was_given_up(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    started(person, governed.account_id, "500")
    assert "A recharge of ₹500.00 is pending." in text_of(person.get("/"))
    page, _order = started(person, governed.account_id)
    come_back(person, paid_there(shop, page))
    collect()
    words = text_of(person.get("/"))
    assert "Recharge +₹200.00" in words
    assert "is pending" not in words


def test_the_content_policy_names_the_gateway_on_the_page_that_leads_there_alone(governed, shop, browser):
    from django.conf import settings
    from django.middleware.csp import build_policy

    person, account = browser(user_id=governed.owner_id), f"/accounts/{governed.account_id}/"
    way, _order = asked(person, governed.account_id)
    waiting = person.get(way)
    collect()
    leaves, own = person.get(way), way.removesuffix("go/")
    strict = build_policy(settings.SECURE_CSP)
    assert leaves["Content-Security-Policy"] == strict.replace(
        "form-action 'self'", f"form-action 'self' {shop.url}"
    )
    assert leaves.content.decode().count("<script") == 1
    others = ("/", account, f"{account}pay/", f"{account}pay/?rupees=1", f"{account}entries/", own, f"{own}live/",
              f"{own}?razorpay_payment_id=pay_1", f"{own}returned/", f"{account}messages/", "/sign-in/", "/nowhere/")  # fmt: skip
    pages = [waiting, *(person.get(path) for path in others), person.post(f"{account}pay/", {"rupees": "1"})]
    assert {page["Content-Security-Policy"] for page in pages} == {strict}


def test_a_return_says_nothing_of_an_order_and_leads_nowhere_else(governed, shop, browser):
    _page, order = started(browser(user_id=governed.owner_id), governed.account_id)
    stranger = Client(SERVER_NAME="localhost")
    said = {
        "razorpay_payment_id": "pay_1&x=\r\nSet-Cookie: a",
        "next": "https://evil.example/",
        "error[code]": "x",
    }
    for number in (order.id, order.id + 1):
        own = f"/accounts/{governed.account_id}/orders/{number}/"
        for answer in (stranger.post(f"{own}returned/", said), stranger.get(f"{own}returned/", said)):
            assert (answer.status_code, answer["location"]) == (
                303, f"{own}?razorpay_payment_id=pay_1%26x%3D%0D%0ASet-Cookie%3A+a"
            )  # fmt: skip
    assert inbox() == []


def test_a_link_to_the_payment_page_is_followed_without_a_form(governed, shop, browser, monkeypatch):
    from urja.apps.payments.port import Opening
    from urja.apps.payments.providers.razorpay import page

    monkeypatch.setattr(page, "opening", lambda options, checkout: Opening("https://pay.example/1?a=1&b=2"))
    left, _order = started(browser(user_id=governed.owner_id), governed.account_id)
    words = left.content.decode()
    assert '<meta http-equiv="refresh" content="0;url=https://pay.example/1?a=1&amp;b=2">' in words
    assert 'href="https://pay.example/1?a=1&amp;b=2"' in words
    assert "pay.example" not in left["Content-Security-Policy"]
    assert "<script" not in words


def test_no_address_makes_an_order_paid(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    _location, order = started(person, governed.account_id)
    forged = (
        f"razorpay_order_id={order.provider_order_id}&razorpay_payment_id=pay_x&razorpay_signature={'0' * 64}"
    )
    person.get(f"/accounts/{governed.account_id}/orders/{order.id}/?{forged}")
    collect()
    order.refresh_from_db()
    assert (order.state, [row.verdict for row in inbox()]) == ("pending", ["forged"])
    assert "Waiting for your payment" in text_of(
        person.get(f"/accounts/{governed.account_id}/orders/{order.id}/")
    )


def test_a_gateway_without_an_answer_is_shown_and_tried_again(governed, shop, browser):
    person = browser(user_id=governed.owner_id)
    shop.api.post("/control/mute", json={"what": "everything"})
    try:
        way, order = asked(person, governed.account_id)
        collect()
        page = person.get(way)
        assert "The payment service does not answer. Nothing was paid. We keep trying" in text_of(page)
        assert '<meta http-equiv="refresh" content="5">' in page.content.decode()
    finally:
        shop.api.post("/control/unmute", json={})
    collect()
    assert leave_form(person.get(way)).action == f"{shop.url}/v1/checkout/embedded"
    order.refresh_from_db()
    assert order.state == "pending"


def test_anothers_order_and_account_do_not_exist(governed, shop, browser):
    _location, order = started(browser(user_id=governed.owner_id), governed.account_id)
    outsider = browser(user_id=governed.outsider_id)
    own = f"/accounts/{governed.account_id}/orders/{order.id}/"
    theirs = governed.landlord_accounts[0]
    landlord = browser(user_id=governed.landlord_id)
    with logged() as logs:
        assert outsider.get(own).status_code == 404
    [refused] = [line for line in logs if line["event"] == "access refused"]
    assert (refused["user"], refused["path"]) == (governed.outsider_id, own)
    assert [outsider.get(path).status_code for path in (own, f"{own}live/", f"{own}go/")] == [404] * 3
    assert outsider.post(f"{own}go/").status_code == 404
    assert outsider.get(f"/accounts/{governed.account_id}/pay/").status_code == 404
    assert outsider.get(f"/api/v1/accounts/{governed.account_id}/balance").status_code == 404
    assert landlord.get(f"/accounts/{theirs}/orders/{order.id}/").status_code == 404


def test_a_webhook_is_recorded_raw_and_believed_by_nothing(governed, shop, browser):
    stranger = browser(checks=True)
    body = b'{"event": "payment.captured", "payload": {}}'

    def send(signature):
        return stranger.post(
            "/hooks/payments/razorpay/", body, content_type="application/json",
            headers={"x-razorpay-signature": signature, "x-razorpay-event-id": "e1"},
        ).status_code  # fmt: skip

    with override_settings(URJA_PAYMENTS=cast.config(shop.url, secrets={})):
        assert send(cast.sign(body)) == 200
        assert send("0" * 64) == 200, "the web has no secret to tell them apart"
    assert [(bytes(row.body), row.verdict) for row in inbox()] == [(body, "")] * 2
    assert (
        stranger.post("/hooks/payments/razorpay/", b"x" * 300_000, content_type="text/plain").status_code
        == 413
    )
    assert stranger.get("/hooks/payments/razorpay/").status_code == 405


def test_the_balance_for_a_persons_own_programs(governed, shop, browser):
    from urja.apps.billing import queries

    path = f"/api/v1/accounts/{governed.account_id}/balance"
    told = browser(user_id=governed.owner_id).get(path).json()
    fresh = queries.fresh_balance(governed.account_id, house.NOW)
    assert told["balance_minor"] == fresh.balance_minor
    assert (told["currency"], told["standing"], told["supply"]) == ("INR", "fine", "unknown")
    assert datetime.fromisoformat(told["as_of"]) == fresh.as_of
    assert told["power"] == {
        "state": "powered",
        "since": None,
        "last_heard_at": "2026-03-20T13:30:00+05:30",
        "reasons": [],
        "at_meter": "powered",
        "sentence": "Powered: the meter last reported today, 13:30.",
    }
    assert "No disconnection for credit before" in told["sentence"]
    assert browser().get(path).status_code == 401


def test_hindi_throughout(governed, shop, browser):
    person = browser(user_id=governed.owner_id, language="hi")
    assert "रिचार्ज" in text_of(person.get("/"))
    words = text_of(person.get(f"/accounts/{governed.account_id}/pay/?rupees=200"))
    assert "₹200.00 का भुगतान करें" in words
    assert "पूरी राशि शेष राशि में जुड़ेगी।" in words


@pytest.fixture
def two_gateways(shop, django):
    """Cards are taken by another gateway than the rest."""
    from urja.apps.payments.config import PaymentsConfig

    first = cast.gateway(shop.url, methods=("upi", "wallet"))
    second = replace(cast.gateway("http://127.0.0.1:9", methods=("card", "upi")), name="second")
    with override_settings(URJA_PAYMENTS=PaymentsConfig((first, second))):
        yield shop


@pytest.mark.parametrize(
    ("method", "gateway"), [("card", "second"), ("upi", "razorpay"), ("", "razorpay"), ("../x", "razorpay")]
)
def test_what_one_pays_with_decides_which_gateway_takes_it(governed, two_gateways, browser, method, gateway):
    from urja.apps.payments.models import Order

    person = browser(user_id=governed.owner_id)
    path = f"/accounts/{governed.account_id}/pay/"
    page = person.get(path)
    words = text_of(page)
    assert "Payment method UPI Wallet Card" in words
    assert "You pay on the page of the payment service." in words
    assert person.post(path, {"rupees": "200", "method": method}).status_code == 302
    assert Order.objects.get().provider == gateway


def test_one_gateway_asks_for_no_method(governed, shop, browser):
    words = text_of(browser(user_id=governed.owner_id).get(f"/accounts/{governed.account_id}/pay/"))
    assert "Payment method" not in words
    assert "by UPI, card or wallet." in words
