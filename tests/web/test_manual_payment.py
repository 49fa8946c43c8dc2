"""Paying the society directly: UPI to its own address, a transfer, cash; with a gateway and without one."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import override_settings
from tests.apps import town
from tests.apps.payments import cast
from tests.apps.payments.till import as_role
from tests.web import house
from tests.web.reading import text_of

GIVEN = {
    "name": "society",
    "holder": "Neem <Residents> & Co",
    "number": "50100012345678",
    "ifsc": "HDFC0001234",
    "vpa": "neem-society@okbank",
    "currency": "INR",
}


def open_account(**changed):
    from urja.apps.bank import accounts

    with as_role("urja_owner"):
        accounts.open_account(**(GIVEN | changed), now=town.START, actor="test")


@pytest.fixture
def pay(home, browser):
    """The pay page of an amount."""

    def get(rupees="250.50", language="en"):
        client = browser(user_id=home.owner_id, language=language)
        return client.get(f"/accounts/{home.account_id}/pay/?rupees={rupees}")

    return get


def test_without_a_gateway_every_other_way_is_shown_and_nothing_can_be_posted(home, pay, browser):
    from urja.apps.payments.models import Order

    open_account()
    person = browser(user_id=home.owner_id)
    assert f'href="/accounts/{home.account_id}/pay/"' in person.get("/").content.decode()
    page = pay()
    words = text_of(page)
    assert "By UPI to Neem <Residents> & Co Scan the code" in unescape(words)
    assert "UPI address neem-society@okbank Amount ₹250.50 Note URJ00000001" in words
    assert "Account number 50100012345678 IFSC HDFC0001234 Amount ₹250.50 Note URJ00000001" in words
    assert (
        "In cash Pay at the office of Urja and take a receipt. Your consumer number is URJ00000001." in words
    )
    assert "<Residents>" not in page.content.decode()
    report = f"/accounts/{home.account_id}/transfer/?amount=250.50&for=electricity"
    assert f'href="{report}"' in unescape(page.content.decode())
    assert 'id="amount" name="amount" required' in (form := person.get(report).content.decode())
    assert 'value="250.50"' in form
    assert 'method="post">' not in page.content.decode().partition('<section class="card effect"')[2]
    assert person.post(f"/accounts/{home.account_id}/pay/", {"rupees": "250"}).status_code == 404
    assert not Order.objects.exists()


def test_the_link_is_of_npci_s_form_and_the_code_is_the_link(pay):
    from urja.base import upi

    open_account()
    page = pay().content.decode()
    link = unescape(re.search(r'href="(upi://[^"]+)"', page)[1])
    assert link.startswith(
        "upi://pay?pa=neem-society@okbank&pn=Neem%20%3CResidents%3E%20%26%20Co&tr=URJ00000001"
    )
    fields = dict(parse_qsl(urlsplit(link).query))
    assert (fields["am"], fields["cu"], fields["tn"]) == ("250.50", "INR", "URJ00000001")
    assert fields["tr"] == f"URJ00000001{int(house.NOW.timestamp()) // 60:x}"
    drawn = re.search(r'<path [^>]*stroke="#000"[^>]* d="([^"]+)"', page) or re.search(
        r' d="([^"]+)"/?></svg>', page
    )
    assert drawn[1] in upi.qr_inline(link, "any")
    assert drawn[1] not in upi.qr_inline(link.replace("250.50", "250.51"), "any")


def test_a_gateway_comes_first_and_cash_is_not_promised(pay):
    open_account()
    with override_settings(URJA_PAYMENTS=cast.config("http://127.0.0.1:9")):
        words = text_of(pay())
    assert words.index("Pay ₹250.50") < words.index("By UPI to")
    assert "In cash" not in words


@pytest.mark.parametrize(
    ("changed", "currency", "shown", "not_shown"),
    [
        ({"vpa": ""}, "INR", ["By bank transfer", "In cash"], ["By UPI"]),
        ({"ifsc": "", "vpa": ""}, "INR", ["By bank transfer"], ["IFSC"]),
        (
            {"currency": "USD"},
            "INR",
            ["In cash"],
            ["By UPI", "By bank transfer", "UTR", "report the transfer"],
        ),
        ({"currency": "KES", "ifsc": ""}, "KES", ["By bank transfer", "KES 250.50"], ["By UPI"]),
    ],
)
def test_only_ways_that_exist_are_shown(pay, changed, currency, shown, not_shown):
    open_account(**changed)
    with override_settings(URJA_CURRENCY=currency):
        words = text_of(pay())
    assert [one for one in shown if one not in words] == []
    assert [one for one in not_shown if one in words] == []


def test_in_hindi_and_for_an_amount_that_cannot_be_paid(pay):
    open_account()
    words = text_of(pay(language="hi"))
    assert "को यूपीआई से" in words
    assert "बैंक ट्रांसफ़र से" in words
    assert "नकद" in words
    assert "By UPI" not in text_of(pay("0"))


def test_a_web_that_was_taken_over_cannot_change_where_money_is_paid(home):
    import psycopg
    from django.db import connection

    from urja.apps.bank.models import SocietyAccount

    open_account()
    with as_role("urja_web"):
        for attempt in (
            lambda: SocietyAccount.objects.update(vpa="thief@okbank"),
            lambda: SocietyAccount.objects.create(
                **GIVEN | {"name": "x", "number": "1234"}, opened_at=house.NOW, actor="x"
            ),
            lambda: SocietyAccount.objects.all().delete(),
        ):
            with pytest.raises(Exception, match="permission denied") as refused:
                attempt()
            assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
            connection.rollback()
