"""A consumer's receipts on the portal: the counter's, the bank's, the gateway's; no other account's."""

from datetime import timedelta

import pytest
from tests.apps.payments.till import as_role
from tests.web import house
from tests.web.reading import text_of


def receipt(account_id, number, **more):
    """A receipt of a transfer, as the pipeline stores it with its credit."""
    from urja.apps.books.models import CreditRequest
    from urja.apps.counter.models import Receipt

    source = f"transfer:{number}"
    with as_role("urja_owner"):
        CreditRequest.objects.create(
            id=account_id + 700_000,
            account_id=account_id,
            amount_minor=50_000,
            kind="recharge",
            idempotency_key=source,
            input_hash=b"",
            requested_at=house.NOW,
        )
        return Receipt.objects.create(
            id=account_id + 710_000,
            series="NEEM",
            number=number,
            account_id=account_id,
            consumer_number="URJ00000002",
            instrument="upi",
            amount_minor=50_000,
            received_at=house.NOW,
            source=source,
            state="taken",
            state_at=house.NOW,
            recorded_at=house.NOW,
            actor="urja",
            **more,
        )


def order(account_id, payment_id, *, credited=True, **more):
    """A payment at the gateway."""
    from urja.apps.payments.models import Order, Payment

    at = house.NOW - timedelta(hours=2)
    with as_role("urja_owner"):
        made = Order.objects.create(
            id=account_id + 720_000,
            account_id=account_id,
            amount_minor=30_050,
            currency="INR",
            provider="razorpay",
            state="credited" if credited else "paid",
            correlation=1,
            created_at=at,
            paid_at=at,
            credited_at=at if credited else None,
        )
        fields = {"provider": "razorpay", "payment_id": payment_id, "account_id": account_id}
        amount = {"amount_minor": 30_050, "currency": "INR"}
        Payment.objects.create(
            order=made, state="captured", created_at=at, seen_at=at, credit_id=1, **fields, **amount, **more
        )
        return made


@pytest.fixture
def own(home):
    return receipt(home.account_id, 1), order(home.account_id, "pay_Own1")


def test_all_receipts_are_listed_and_printed_in_both_languages(home, browser, own):
    person = browser(user_id=home.owner_id)
    base = f"/accounts/{home.account_id}"
    assert f'href="{base}/receipts/"' in person.get(f"{base}/").content.decode()
    words = text_of(person.get(f"{base}/receipts/"))
    assert (
        "₹500.00 20 March 2026 · UPI Receipt NEEM-1 ₹300.50 20 March 2026 · online payment Receipt pay_Own1"
        in words
    )
    sheet = text_of(person.get(f"{base}/receipts/{own[0].id}/"))
    for said in (
        "Receipt NEEM-1",
        "₹500.00",
        "Rupees five hundred only",
        "Flat 12, Neem Street",
        "Electricity",
        "UPI",
    ):
        assert said in sheet, said
    assert "Signature" not in sheet, "a copy is not signed"
    online = text_of(person.get(f"{base}/orders/{own[1].id}/receipt/"))
    assert "Receipt pay_Own1" in online
    assert "The amount is credited to your account." in online
    hindi = text_of(person.get(f"{base}/orders/{own[1].id}/receipt/?language=hi"))
    assert "तीन सौ" in hindi
    assert "ऑनलाइन भुगतान" in hindi
    assert "रसीद" in text_of(browser(language="hi", user_id=home.owner_id).get(f"{base}/receipts/"))


def test_what_was_paid_back_is_said(home, browser):
    made = order(home.account_id, "pay_Back", refunded_minor=10_000)
    page = browser(user_id=home.owner_id).get(f"/accounts/{home.account_id}/orders/{made.id}/receipt/")
    assert "Of it ₹100.00 was paid back." in text_of(page)


def test_another_accounts_receipt_does_not_exist(home, browser, own):
    """Neither under its own account nor under the thief's, whatever number is tried."""
    theirs = home.landlord_accounts[0]
    thief = browser(user_id=home.landlord_id)
    assert thief.get(f"/accounts/{theirs}/receipts/").status_code == 200
    assert "NEEM-1" not in text_of(thief.get(f"/accounts/{theirs}/receipts/"))
    for account in (theirs, home.account_id):
        assert thief.get(f"/accounts/{account}/receipts/{own[0].id}/").status_code == 404
        assert thief.get(f"/accounts/{account}/orders/{own[1].id}/receipt/").status_code == 404
    assert thief.get(f"/accounts/{home.account_id}/receipts/").status_code == 404
    assert browser().get(f"/accounts/{home.account_id}/receipts/{own[0].id}/").status_code == 302


def test_an_order_that_was_not_credited_has_no_receipt(home, browser):
    made = order(home.account_id, "pay_Own1", credited=False)
    person = browser(user_id=home.owner_id)
    assert person.get(f"/accounts/{home.account_id}/orders/{made.id}/receipt/").status_code == 404
    assert "No receipts yet." in text_of(person.get(f"/accounts/{home.account_id}/receipts/"))
