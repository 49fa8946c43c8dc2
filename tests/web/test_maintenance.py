"""A resident sees maintenance apart from electricity and pays it by the gateway or a reported transfer."""

import pytest
from tests.apps.payments.till import as_role
from tests.web import house
from tests.web.reading import text_of
from tests.web.test_bank import account as open_bank_account, claims
from tests.web.test_pay import collect, come_back, paid_there, process, shop  # noqa: F401 - fixtures

OWED = "/accounts/{}/maintenance/"


@pytest.fixture
def charged(home):
    """The house is a flat of a society that has posted ₹2,500 for February and for March."""
    from datetime import date

    from tests.apps.town import by_hand

    from urja.apps.network.models import Premise, ServicePoint
    from urja.pipeline.credits import post_credits
    from urja.usecases.operations import PostMaintenance, perform

    with as_role("urja_owner"):
        stamp = {"recorded_at": house.NOW, "actor": "test"}
        society = Premise.objects.create(id=900, kind="society", name="Green Park", code="GP", **stamp)
        with by_hand():
            Premise.objects.filter(id__in=ServicePoint.objects.values("premise_id")).update(parent=society)
        for month in (2, 3):
            dues = PostMaintenance(premise_code="GP", month=date(2026, month, 1), each_minor=2500_00)
            perform(dues, **stamp)
        post_credits(house.NOW)
    return home


def maintenance(home):
    from urja.apps.maintenance.queries import maintenance_of

    return maintenance_of(home.account_id)


def test_it_is_shown_apart_and_to_the_household_alone(charged, browser):
    person = browser(user_id=charged.owner_id)
    assert "Maintenance ₹5,000.00 · Owed since February 2026" in text_of(person.get("/"))
    words = text_of(person.get(OWED.format(charged.account_id)))
    assert "It is apart from your supply" in words
    assert "Maintenance, March 2026 ₹2,500.00 not paid ₹2,500.00" in words
    assert "In cash Pay at the office of Urja" in words
    assert "Recharge" not in words
    hindi = browser(user_id=charged.owner_id, language="hi")
    assert "रखरखाव" in text_of(hindi.get(OWED.format(charged.account_id)))
    assert browser(user_id=charged.outsider_id).get(OWED.format(charged.account_id)).status_code == 404
    # The maintenance account itself is no address: who may see it is decided by the account for electricity.
    for page in ("", "pay/", "entries/", "maintenance/"):
        own = f"/accounts/{maintenance(charged).account_id}/{page}"
        assert person.get(own).status_code == 404


def test_it_is_paid_by_the_gateway_and_credits_no_electricity(charged, shop, browser):  # noqa: F811
    from urja.apps.books.models import CreditRequest
    from urja.apps.payments.crediting import AppliedCounts, apply_refund
    from urja.apps.payments.models import Order, Payment
    from urja.apps.payments.port import RefundFact
    from urja.pipeline.credits import post_credits

    person = browser(user_id=charged.owner_id)
    way = person.post(OWED.format(charged.account_id), {"rupees": "3000"})["Location"]
    order = Order.objects.latest("id")
    assert way == f"/accounts/{charged.account_id}/orders/{order.id}/go/"
    assert order.account_id == maintenance(charged).account_id
    collect()
    page = person.get(way)
    assert "Maintenance: ₹3,000.00" in text_of(page)
    back = come_back(person, paid_there(shop, page))
    assert "Maintenance: ₹3,000.00" in text_of(back)
    collect()
    assert "Your payment for maintenance is recorded." in text_of(person.get(way.replace("go/", "")))
    assert CreditRequest.objects.get(idempotency_key__startswith="razorpay:").kind == "maintenance"
    assert (maintenance(charged).owed_minor, f"{maintenance(charged).since:%B}") == (2000_00, "March")
    words = text_of(person.get(OWED.format(charged.account_id)))
    assert "Maintenance, February 2026 paid ₹2,500.00" in words
    assert "Payments 20 March 2026 +₹3,000.00" in words
    assert browser(user_id=charged.outsider_id).get(way).status_code == 404
    # What the gateway sends back is owed again, and taken off no electricity.
    with as_role("urja_pipeline"):
        payment = Payment.objects.get(order=order)
        back = RefundFact("rfnd_1", payment.payment_id, 1000_00, house.NOW)
        assert apply_refund(payment.provider, back, house.NOW, AppliedCounts())
        post_credits(house.NOW)
    assert maintenance(charged).owed_minor == 3000_00
    assert "so the maintenance is owed again" in text_of(person.get(way.replace("go/", "")))


def test_a_reported_transfer_says_what_it_is_for(charged, browser):
    open_bank_account(house.NOW)
    person = browser(user_id=charged.owner_id)
    address = f"/accounts/{charged.account_id}/transfer/"
    ways = person.get(OWED.format(charged.account_id)).content.decode()
    assert f"{address}?amount=5000&amp;for=maintenance" in ways
    form = {"utr": "412345678901", "amount": "2500", "paid_on": "2026-03-19"}
    refused = person.post(address, form)
    assert (refused.status_code, "Choose what the transfer is for." in text_of(refused)) == (422, True)
    assert claims() == []
    person.post(address, form | {"paid_for": "maintenance"})
    (one,) = claims()
    assert one.account_id == maintenance(charged).account_id
    assert "412345678901 · Maintenance" in text_of(person.get(address))
