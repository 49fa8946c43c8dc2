"""The counter's pages: a drawer opened with a passkey, a payment in three fields, the count, a slip, and what is printed."""

import pytest
from tests.authenticator import Authenticator
from tests.web import town_cast
from tests.web.console_staff import answer_requests, as_pipeline
from tests.web.reading import text_of

DESK = "/console/counter/"
NUMBER = "URJ00000001"


@pytest.fixture
def at_once(monkeypatch):
    """The stage answers while the page waits."""
    from urja.apps.journal import requests

    monkeypatch.setattr(requests, "wait_for", lambda _number, _seconds: answer_requests())


@pytest.fixture
def passkey(staff):
    """The clerk has a passkey; returns what approves the pending request."""
    from datetime import timedelta

    from urja.apps.approvals import passkeys, requests
    from urja.apps.approvals.challenges import challenge_of
    from urja.apps.approvals.models import Waiting
    from urja.apps.journal.models import Request
    from urja.pipeline.approve import run_once as judge

    user_id, at = staff["clerk"], passkeys.site()
    key = Authenticator(rp_id=at.rp_id, origin=at.origins[0])

    def enrol():
        from django.contrib.auth import get_user_model

        user = get_user_model().objects.get(pk=user_id)
        code = passkeys.invite(user, now=town_cast.NOW, lasts=timedelta(days=1), actor="test")
        challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), user_id)
        requests.enrol(user_id, "telephone", key.register(challenge), now=town_cast.NOW)
        judge(town_cast.NOW)

    as_pipeline(enrol, "urja_owner")

    def approve():
        waiting = Waiting.objects.latest("pk")
        asked = Request.objects.get(pk=waiting.pk)
        requests.approve(waiting.pk, user_id, key.approve(challenge_of(waiting, asked)), now=town_cast.NOW)
        as_pipeline(lambda: judge(town_cast.NOW))

    return approve


@pytest.fixture
def clerk(passkey, at_once, colleague):
    """A clerk's browser with an open drawer of 5,000."""
    browser = colleague("clerk")
    asked = browser.post(DESK, {"kind": "open_drawer", "ceiling_minor": "5000", "hours": "12", "key": "a"})
    page = browser.get(asked["Location"])
    assert page["Location"].startswith("/console/approvals/")
    passkey()
    return browser


def take(browser, amount="250.50", key="b", **more):
    typed = {
        "kind": "take_receipt",
        "consumer_number": NUMBER,
        "received_minor": amount,
        "instrument": "cash",
    }
    return browser.post(DESK, typed | {"key": key} | more, follow=True)


def test_a_payment_is_taken_in_three_fields_and_its_receipt_is_printed(clerk):
    text = text_of(clerk.get(f"{DESK}?consumer_number={NUMBER}"))
    assert "up to ₹5,000.00" in text
    assert "Ramesh Kumar" in text
    receipt = take(clerk)
    text = text_of(receipt)
    for said in (
        "Receipt 1",
        "Ramesh Kumar",
        NUMBER,
        "₹250.50",
        "cash",
        "The amount is credited to your account.",
    ):
        assert said in text, text
    assert "Rupees two hundred fifty and paise fifty only" in text
    hindi = text_of(clerk.get(f"{receipt.request['PATH_INFO']}?language=hi"))
    assert "दो सौ पचास" in hindi
    again = take(clerk)
    assert again.request["PATH_INFO"] == receipt.request["PATH_INFO"], (
        "a second press takes no second payment"
    )
    assert (
        f'{DESK}?consumer_number={NUMBER}"' in clerk.get(f"/console/connections/{NUMBER}/").content.decode()
    )
    text = text_of(clerk.get(DESK))
    assert "Cash received ₹250.50" in text
    assert "up to ₹4,749.50" in text


def test_a_receipt_for_maintenance_says_so(clerk):
    from urja.apps.contracts.queries import of_service_point
    from urja.apps.maintenance.operations import accounts_beside
    from urja.apps.network.models import ServicePoint

    address = f"{DESK}?consumer_number={NUMBER}"
    assert 'name="paid_for"' not in clerk.get(address).content.decode(), "no flat has maintenance"
    place = ServicePoint.objects.get(consumer_number=NUMBER)
    account_id = of_service_point(place.id)[0].account_id
    as_pipeline(lambda: accounts_beside({account_id: "INR"}, town_cast.NOW), "urja_owner")
    page = clerk.get(address)
    assert 'name="paid_for"' in page.content.decode()
    assert "Maintenance owed: ₹0.00" in text_of(page)
    receipt = take(clerk, paid_for="maintenance")
    assert "Paid for Maintenance" in text_of(receipt)
    assert "किसके लिए रखरखाव" in text_of(clerk.get(f"{receipt.request['PATH_INFO']}?language=hi"))
    assert "cash · for maintenance" in text_of(clerk.get(address))
    assert "Paid for Electricity" in text_of(take(clerk, key="c"))


def test_a_caller_without_a_passkey_is_led_to_one_before_typing_anything(colleague):
    page = colleague("clerk").get(DESK)
    assert "A drawer is opened with your own passkey, and you have none yet." in text_of(page)
    assert 'href="/console/passkeys/"' in page.content.decode()
    hindi = colleague("clerk", "hi").get(DESK)
    assert "आपके पास अभी कोई नहीं है" in text_of(hindi)


def test_receipts_are_no_payments_of_the_gateway(clerk, database_of_town):
    from urja.demo import town_laws

    take(clerk)
    with database_of_town("urja_owner") as owner:
        found = town_laws.examine(owner, [], [], town_cast.NOW)
    assert not any(one.contradictions for one in found if one.law != "switch_is_last_command"), found


def test_the_consumer_sees_the_payment_with_its_receipt(clerk, at_noon):
    from urja.apps.counter.models import Receipt
    from urja.pipeline.credits import post_credits

    take(clerk)
    account = Receipt.objects.get().account_id
    as_pipeline(lambda: post_credits(town_cast.NOW))
    from urja.apps.books.models import Account

    seq = Account.objects.get(id=account).last_seq
    text = text_of(clerk.get(f"/console/entries/{account}/{seq}/{NUMBER}/"))
    assert "Recharge" in text
    assert "A payment was received. Reference: 1" in text


def test_what_is_refused_says_why_and_keeps_what_was_typed(clerk):
    page = take(clerk, "6000")
    assert "ceiling leaves 5000.00, not 6000.00: close it and open another" in text_of(page)
    assert 'value="6000"' in page.content.decode()
    page = take(clerk, "six")
    assert page.status_code == 422
    assert "Enter a number such as 12.5." in text_of(page)


def test_the_count_closes_the_drawer_and_a_slip_takes_it_to_the_bank(clerk):
    from urja.apps.counter.models import Drawer

    take(clerk, "500")
    take(
        clerk,
        "300",
        "c",
        instrument="cheque",
        cheque_number="004711",
        cheque_bank="SBI",
        cheque_date="2026-03-02",
    )
    here = f"{DESK}drawers/{Drawer.objects.get().pk}/"
    page = clerk.post(here, {"pieces_200": "2", "key": "d"}, follow=True)
    assert "the count differs by -100.00 from the receipts" in text_of(page)
    assert 'value="2"' in page.content.decode()
    page = clerk.post(here, {"pieces_200": "2", "pieces_50": "2", "key": "e"}, follow=True)
    assert "Counted ₹500.00" in text_of(page)
    slips = f"{DESK}deposits/"
    cheque = Drawer.objects.get().receipts.get(instrument="cheque").pk
    drawer = Drawer.objects.get().pk
    typed = {f"cash_{drawer}": "500.5", f"cheque_{cheque}": "yes", "deposited_on": "2026-03-02", "key": "f"}
    page = clerk.post(slips, typed, follow=True)
    assert f"drawer {drawer} has 500.00 to deposit, not 500.50" in text_of(page)
    assert 'value="500.5"' in page.content.decode()
    typed |= {f"cash_{drawer}": "500", "key": "g"}
    text = text_of(clerk.post(slips, typed, follow=True))
    for said in ("Deposit slip 1", "₹500.00", "004711", "₹800.00", "Rupees eight hundred only"):
        assert said in text, text
    text = text_of(clerk.get(slips))
    assert "All takings are deposited." in text
    assert "Cheques that have not cleared 1" in text


def test_a_cashier_begins_at_the_counter_and_sees_no_more_than_it_needs(at_noon, staff, colleague):
    from tests.apps.town import START

    from urja.usecases.operations import employ

    staff.users["cashier"] = as_pipeline(
        lambda: employ("cash@urja.example", "Meena", "cashier", recorded_at=START, actor="test").pk,
        "urja_owner",
    )
    browser = colleague("cashier")
    assert browser.get("/console/")["Location"] == DESK
    assert "Open a cash drawer" in text_of(browser.get(DESK))
    assert browser.get("/console/search/").status_code == 200
    for closed in ("operations/clear_cheque/", "operations/move_in/", "payments/", "work/"):
        assert browser.get(f"/console/{closed}").status_code == 404, closed


def test_the_counter_in_hindi_and_for_those_who_do_not_work_there(clerk, colleague):
    text = text_of(colleague("clerk", "hi").get(DESK))
    assert "भुगतान लें" in text
    assert "Cash" not in text
    assert colleague("field_engineer").get(DESK).status_code == 404
    assert colleague("auditor").get(DESK).status_code == 200
    assert colleague("clerk_north").get(f"{DESK}deposits/").status_code == 404


def test_numbers_in_words():
    from urja.web.shared.amount_words import number_in_words

    assert number_in_words(0, "en") == "zero"
    assert number_in_words(12_34_567, "en") == "twelve lakh thirty-four thousand five hundred sixty-seven"
    assert number_in_words(10_00_00_019, "en") == "ten crore nineteen"
    assert number_in_words(1_25_099, "hi") == "एक लाख पच्चीस हज़ार निन्यानवे"
    words = [number_in_words(value, "hi") for value in range(100)]
    assert len(set(words)) == 100
