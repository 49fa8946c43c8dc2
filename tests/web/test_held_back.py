"""An account whose tariff is not loaded: its pages answer, and say in a sentence what is not known and who sees to it."""

import pytest
from tests.apps import town
from tests.apps.payments import cast
from tests.web.reading import text_of

NOT_KNOWN = (
    "Your balance cannot be calculated at the moment: the price of your supply is missing in our records."
)
WHO_SEES_TO_IT = "Your utility will correct this; you do not need to do anything."


@pytest.fixture
def unpriced(home):
    """As after an import with a misspelt code; policies are in force, and people may pay."""
    from urja.usecases.policies import load_bundled_policy

    load_bundled_policy("plain.toml", recorded_at=town.START, actor="test")
    misspell(home.account_id)
    return home


def misspell(account_id):
    from urja.apps.contracts.models import AgreementTerms

    with town.by_hand():
        AgreementTerms.objects.filter(agreement__account_id=account_id).update(tariff_code="nobody-knows")


@pytest.fixture
def one_of_two_unpriced(home):
    misspell(home.landlord_accounts[0])
    return home


@pytest.fixture
def unpriced_in_town(staff, at_noon):
    misspell(at_noon.adopted[1].account_id)


@pytest.fixture
def payable(django):
    from django.test import override_settings

    with override_settings(URJA_PAYMENTS=cast.config("http://127.0.0.1:9")):
        yield


def test_the_first_page_stands_without_the_money(unpriced, payable, browser):
    page = browser(user_id=unpriced.owner_id).get("/")
    assert page.status_code == 200
    words = text_of(page)
    assert f"– {NOT_KNOWN} {WHO_SEES_TO_IT}" in words
    assert "Recharge" in words
    assert "Energy charge" in words, "what is posted can be seen"
    assert "March 2026" in words
    assert "light is safe" not in words
    assert "Used up" not in words


def test_what_moves_of_it_too(unpriced, browser):
    live = browser(user_id=unpriced.owner_id).get(f"/accounts/{unpriced.account_id}/live/")
    assert NOT_KNOWN in text_of(live)


def test_in_hindi(unpriced, browser):
    words = text_of(browser(user_id=unpriced.owner_id, language="hi").get("/"))
    assert "आपकी शेष राशि की गणना अभी नहीं हो सकती" in words
    assert "cannot be calculated" not in words


def test_one_of_several_is_chosen_beside_the_others(one_of_two_unpriced, browser):
    words = text_of(browser(user_id=one_of_two_unpriced.landlord_id).get("/"))
    assert f"– {NOT_KNOWN}" in words
    assert "Shop 5, Market Road" in words


def test_paying_says_what_is_not_known_and_is_not_refused(unpriced, payable, browser):
    path = f"/accounts/{unpriced.account_id}/pay/"
    words = text_of(browser(user_id=unpriced.owner_id).get(path, {"rupees": "200"}))
    assert "How long your credit lasts cannot be calculated at the moment" in words
    assert "Your payment is credited all the same." in words
    assert "Pay ₹200.00" in words
    assert "All of it is added to your credit." not in words


def test_a_program_is_told_who_has_to_do_something(unpriced, browser):
    answer = browser(user_id=unpriced.owner_id).get(f"/api/v1/accounts/{unpriced.account_id}/balance")
    assert answer.status_code == 409
    told = answer.json()
    assert told["type"].endswith("#no-tariff")
    assert "no version of tariff 'nobody-knows' is in force" in told["detail"]
    assert "until the utility has loaded the tariff" in told["remedy"]


def test_staff_see_which_tariff_is_missing(unpriced_in_town, colleague):
    page = colleague("clerk").get("/console/connections/URJ00000002/")
    assert page.status_code == 200
    words = text_of(page)
    assert "On hold: no version of tariff nobody-knows is in force." in words
    assert "Opening credit" in words
