"""What the end of the billing period will add: beside the balance, in the forecast, and before a recharge."""

import pytest
from tests.apps import town
from tests.web import house
from tests.web.reading import text_of

LEAST = """
[[line]]
name = "least"
title = "Minimum charge"
accrues = "minimum"
settles = "at-close"
rate = 6200
on = ["energy"]
"""


@pytest.fixture
def reserved(home):
    """A version of its tariff with a minimum of 200.00 a day, which is charged at the end of March."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.policies import load_bundled_policy

    text = bundled_tariffs()["demo-domestic.toml"]
    version = next(line for line in text.splitlines() if line.startswith("version"))
    load_tariff(text.replace(version, 'version = "least"') + LEAST, town.START)
    load_bundled_policy("plain.toml", recorded_at=town.START, actor="test")
    return home


def test_the_reserve_is_shown_beside_the_balance_and_before_a_recharge(reserved, browser):
    from urja.apps.billing.queries import fresh_balance
    from urja.web.shared import formats

    found = fresh_balance(reserved.account_id, house.NOW)
    amount = formats.money(found.reserve_minor)
    assert found.reserve_minor > 200_000
    person = browser(user_id=reserved.owner_id)
    words = text_of(person.get("/"))
    balance, later = words.split("At the end of the billing period")
    assert (
        f"Not due today: about {amount} is charged after 31 March 2026. Until then it is not taken off your balance, and "
        f"your supply is not disconnected for it. Minimum charge {amount}"
    ) in later
    # The figures of the balance have nothing of it; beside the button to recharge it is said.
    figures, beside = balance.split("Recharge")
    assert amount not in figures
    assert beside.strip() == f"About {amount} more is charged after 31 March 2026."
    said = f"About {amount} more is charged after 31 March 2026, at the end of the billing period: Minimum charge"
    before = text_of(person.get(f"/accounts/{reserved.account_id}/pay/?rupees=500"))
    assert said in before


def test_and_in_hindi(reserved, browser):
    person = browser(user_id=reserved.owner_id)
    words = text_of(person.get("/", headers={"accept-language": "hi"}))
    assert "बिलिंग अवधि के अंत में आज देय नहीं: लगभग" in words
    assert "31 मार्च 2026 के बाद लगेगा। उससे पहले यह आपकी शेष राशि से नहीं घटता" in words
    # A line of the tariff has its Hindi title here as elsewhere.
    before = text_of(
        person.get(f"/accounts/{reserved.account_id}/pay/?rupees=500", headers={"accept-language": "hi"})
    )
    assert "न्यूनतम शुल्क।" in before


def test_a_tariff_without_such_lines_says_nothing_of_it(home, browser):
    assert "At the end of the billing period" not in text_of(browser(user_id=home.owner_id).get("/"))


def test_the_mean_power_factor_is_said_in_both_languages(django):
    from django.utils import translation

    from urja.web.shared import ledger_words

    assert ledger_words.note("factor: mean power factor 0.8") == (
        "The mean power factor of the billing period is 0.8."
    )
    with translation.override("hi"):
        assert "0.8" in ledger_words.note("factor: mean power factor 0.8")
