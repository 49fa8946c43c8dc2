"""Rebates on recharges and on balances in the close: the money of each day from the posted entries, by hand, and proven."""

from datetime import timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.town import START, adopt
from tests.pipeline.test_evidence import broken, falsify, why
from tests.pipeline.test_post import Town

TARIFF = """
format = 1
code = "demo"
version = "{version}"
title = "Rebates"
currency = "INR"
valid_from = {valid_from}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{{from = 0, rate = 3}}]
[[line]]
name = "thanks"
title = "Rebate on recharges"
accrues = "recharge-rebate"
percent = {percent}
[[line]]
name = "interest"
title = "Rebate on the balance"
accrues = "balance-rebate"
percent = 1
"""


def load(version="1", valid_from="2026-01-01", percent=2):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(version=version, valid_from=valid_from, percent=percent), START)


@pytest.fixture
def home(database):
    """A meter with 10 kWh at midnight of 2 March; 500 of opening credit and a recharge of 80 are posted on that day."""
    load()
    adopted = adopt(credit_minor=50_000)
    with database.connect() as connection:
        yield Town(connection, adopted)


def two_days(home):
    home.register(0, 10)
    home.paid = town_rows.pay(home.adopted.account_id, 8_000, "pay_1", home.midnight(0) + timedelta(hours=5))
    home.post(0, timedelta(hours=6))
    home.register(1, 18)
    home.run(1)
    town_rows.pay(home.adopted.account_id, 1_000, "pay_2", home.midnight(1) + timedelta(hours=5))
    town_rows.give_back(home.paid, 5_000, "rfnd_1", home.midnight(1) + timedelta(hours=5))
    home.post(1, timedelta(hours=6))
    home.register(2, 19)
    home.run(2)


def test_each_day_has_its_recharges_and_its_balance(home):
    two_days(home)
    # 2 March: 2 % of 80.00; 1 % of 580.00 by one day of 31. 3 March: 10.00 less 50.00, and 1 % of 517.79 by another day.
    assert home.book() == [
        "02 Mar opening-credit  50000  50000",
        "02 Mar recharge         8000  58000",
        "02 Mar energy          -2400  55600",
        "02 Mar thanks            160  55760",
        "02 Mar interest           19  55779",
        "03 Mar recharge         1000  56779",
        "03 Mar reversal        -5000  51779",
        "03 Mar energy           -300  51479",
        "03 Mar thanks            -80  51399",
        "03 Mar interest           16  51415",
    ]
    for line in ("thanks", "interest"):
        assert why(home, line, 3).faults == ()
    assert [(row.label, row.amount_minor) for row in why(home, "thanks", 3).rows] == [
        ("2 % of recharges", -80)
    ]
    assert broken(home) == set()
    assert home.run(2).entries == 0


def test_a_version_inside_the_period_has_the_money_of_its_days(home):
    load("2", "2026-03-03", percent=5)
    two_days(home)
    # 2 % of 80.00 on the first day; 5 % of −40.00 since.
    assert home.charged()["thanks"] == -160 + 200
    assert why(home, "thanks", 3).faults == ()
    assert broken(home) == set()


@pytest.mark.parametrize(("line", "name"), [("thanks", "recharge_minor"), ("interest", "balance_minor")])
def test_other_money_than_was_posted_is_a_fault(home, line, name):
    two_days(home)
    falsify(home, f"jsonb_set(inputs, '{{calculation,measured,0,1,{name}}}', '777')", day=3)
    assert any("the account has" in fault for fault in why(home, line, 3).faults)
    assert "evidence" in broken(home)


def credits_of_every_kind(patch):
    """What was brought along counts as a recharge."""
    from urja.apps.billing import day_money

    patch.setattr(day_money, "RECHARGE_KINDS", ("recharge", "payment", "opening-credit"))


def balances_below_zero(patch):
    """The balance of the day is one that the account never had."""
    from urja.apps.billing import day_money

    patch.setattr(
        day_money, "_BALANCES", day_money._BALANCES.replace("greatest(e.balance_after_minor, 0)", "-7")
    )


def rebate_doubled(patch):
    """The engine gives the rebate twice."""
    from urja.core.rating import parts

    real = parts.money_parts
    from urja.core.rating import engine

    patch.setattr(engine, "money_parts", lambda *given: [*real(*given), *real(*given)])


@pytest.mark.parametrize(
    ("mutation", "law"),
    [
        (credits_of_every_kind, "evidence"),
        (balances_below_zero, "evidence"),
        (rebate_doubled, "second_rater"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_rebate_breaks_its_law(home, monkeypatch, mutation, law):
    with monkeypatch.context() as patch:
        mutation(patch)
        two_days(home)
    assert law in broken(home)
