"""The society's bank accounts are registered on the machine itself, and shown to consumers while they are open."""

from dataclasses import astuple

import psycopg
import pytest
from tests.apps.town import START

GIVEN = {
    "name": "society",
    "holder": "Neem Residents' Association",
    "number": "5010 0012 3456 78",
    "ifsc": "hdfc0001234",
    "vpa": "neem-society@okbank",
    "currency": "INR",
}


def opened(**changed):
    from urja.apps.bank import accounts

    return accounts.open_account(**(GIVEN | changed), now=START, actor="test")


def test_an_account_is_shown_until_it_is_closed(database):
    from urja.apps.bank import accounts, queries

    first = opened()
    opened(name="reserve", number="IN12", ifsc="", vpa="")
    assert [astuple(one)[1:] for one in queries.society_accounts()] == [
        (
            "society",
            "Neem Residents' Association",
            "50100012345678",
            "HDFC0001234",
            "neem-society@okbank",
            "INR",
        ),
        ("reserve", "Neem Residents' Association", "IN12", "", "", "INR"),
    ]
    accounts.close_account("society", now=START)
    assert first.pk not in [one.id for one in queries.society_accounts()]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"number": "12/34"}, "'12/34' is not an account number or IBAN: 4 to 34 letters and digits"),
        ({"ifsc": "HDFC1001234"}, "four letters, a zero and six"),
        ({"vpa": "neem society"}, "'neem society' is not a UPI address"),
        ({"holder": " "}, "give the account a name"),
        ({"number": "50100012345678", "name": "twice"}, "is registered as 'society'"),
        ({"number": "1234"}, "another account has the name 'society'"),
    ],
)
def test_a_wrong_field_is_refused_with_what_is_wrong(database, changed, says):
    from urja.apps.bank.errors import BankError

    opened()
    with pytest.raises(BankError, match=says):
        opened(**changed)


def test_no_other_role_opens_an_account(database):
    opened()
    for role in ("urja_web", "urja_pipeline"):
        with database.connect(role) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute("UPDATE bank_account SET vpa = 'thief@okbank'")
