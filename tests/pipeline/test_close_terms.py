"""Changes of terms in the ledger: reads and terms in, postings out."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace
from tests.apps.town import START, adopt
from tests.conftest import copy_of
from tests.pipeline.test_post import DAY, Town
from tests.usecases.test_terms import change_category, change_load, do

HOME = """
format = 1
code = "demo"
version = "1"
title = "Home"
currency = "INR"
valid_from = 2024-01-01
[[line]]
name = "energy"
accrues = "slabs"
prorate = "none"
slabs = [{from = 0, up_to = 30, rate = "3.00"}, {from = 30, rate = "5.00"}]
[[line]]
name = "fixed"
accrues = "per-day"
per = "kW"
rate = "1.00"
[[line]]
name = "duty"
accrues = "percent"
percent = 10
on = ["energy"]
"""
SHOP = """
format = 1
code = "shop"
version = "1"
title = "Shop"
currency = "INR"
valid_from = 2024-01-01
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, rate = "8.00"}]
[[line]]
name = "fixed"
accrues = "per-day"
per = "kW"
rate = "2.00"
"""


@pytest.fixture
def town(database):
    """A home from midnight of 2 March on 5 kW; 10 kWh on its register. Its March has 30 days, its slab 30 kWh."""
    load_both()
    with database.connect() as connection:
        yield Town(connection, adopt())


def load_both():
    from urja.apps.rulebook.operations import load_tariff

    for text in (HOME, SHOP):
        load_tariff(text, START)


def agree(change, n):
    """The clerk agrees it in the n-th day's morning."""
    from urja.usecases.operations import perform

    perform(change, recorded_at=START + (n - 1) * timedelta(days=1) + timedelta(hours=9), actor="clerk")


def test_a_load_to_come_cuts_its_own_line_and_no_other(town):
    agree(change_load(7000, 3), 1)
    for n, kwh in enumerate([20, 35, 45, 50], 1):
        town.register(n, kwh)
        town.run(n)
        assert all(town.laws().values()), town.laws()
    assert town.book() == [
        "02 Mar energy          -3000  -3000",
        "02 Mar fixed            -500  -3500",
        "02 Mar duty             -300  -3800",
        "03 Mar energy          -4500  -8300",
        "03 Mar fixed            -500  -8800",
        "03 Mar duty             -450  -9250",
        # The slab of 30 kWh goes on: 5 kWh of it are left on the 4th.
        "04 Mar energy          -4000 -13250",
        "04 Mar fixed            -700 -13950",
        "04 Mar duty             -400 -14350",
        "05 Mar energy          -2500 -16850",
        "05 Mar fixed            -700 -17550",
        "05 Mar duty             -250 -17800",
    ]
    assert [(row.label, row.amount_minor) for why in town.whys()[7:8] for row in why.rows] == [
        ("by day, 7 kW", -700)
    ]


def test_a_load_that_was_raised_in_the_past_is_corrected_by_new_entries(town):
    for n in (1, 2, 3):
        town.register(n, 10 + n)
        town.run(n)
    before = town.book()
    agree(change_load(7000, 2), 4)
    assert all(town.laws().values()), "the books stand on what was known when they were closed"
    assert town.fresh(3, timedelta(hours=10)).pending_minor == 2 * 200
    town.register(4, 14)
    town.run(4)
    assert town.book()[: len(before)] == before
    assert town.charged() == {"energy": 4 * 300, "fixed": 500 + 3 * 700, "duty": 120}
    (why,) = [
        why for why in town.whys() if why.entry.line == "fixed" and why.entry.service_date == date(2026, 3, 5)
    ]
    assert [(row.label, str(row.quantity), row.amount_minor) for row in why.rows] == [
        ("by day, 5 kW", "-2", 1000),
        ("by day, 7 kW", "3", -2100),
    ]
    assert all(town.laws().values())
    assert town.run(4).entries == 0


def by_contracted_kva(valid_from):
    """A version of the home's tariff, from a day on, with a fixed charge per kVA of the contracted load."""
    text = HOME.replace('version = "1"', 'version = "2"').replace("2024-01-01", valid_from)
    return text.replace('per = "kW"', 'per = "kVA"\nload = "contracted"')


def test_a_load_that_older_terms_do_not_state_holds_back_their_account_alone(database):
    """A version for past days goes by a load that is stated from April on: March waits, and no other account does."""
    from tests.apps import town as town_rows
    from tests.apps.town import registers

    from urja.apps.contracts.models import AgreementTerms
    from urja.apps.rulebook.operations import load_tariff

    load_both()
    # Both begin on 30 March, the 29th day; 1 April is the 31st and 1 May the 61st.
    home, shop = (
        adopt(n, tariff_code=code, valid_from=START + 28 * DAY) for n, code in ((1, "demo"), (2, "shop"))
    )
    with database.connect() as connection:
        town = Town(connection, home)

        def day(n):
            for one in (home, shop):
                town_rows.store_registers(connection, registers(one, (town.midnight(n), (10 + n) * 1000)))
            return town.post(n, timedelta(hours=2)).closed

        for n in (30, 45, 60):
            assert day(n).problems == []
        before = town.charged_in("fixed")
        do(replace(change_load(6000, 31), contracted_load_va=9000), town.midnight(60))
        load_tariff(by_contracted_kva("2026-03-02"), town.midnight(60))
        for n in (61, 62):
            closed = day(n)
            assert (closed.days, len(closed.problems)) == (2, 1)
        (problem,) = closed.problems
        assert problem.startswith(f"account {home.account_id} is held back: tariff 'demo' goes by loads")
        march = date(2026, 3, 1)
        assert town.charged_in("fixed")[march] == before[march]
        with town_rows.by_hand(town.midnight(62)):
            lacking = AgreementTerms.objects.filter(agreement_id=home.agreement_id, contracted_load_va=None)
            lacking.update(contracted_load_va=8000)
        closed = day(63)
        assert (closed.days, closed.problems) == (2, [])
        # 2 days in March: 8 kVA at 1.00 for the home, 5 kW at 2.00 for the shop.
        assert town.charged_in("fixed")[march] == 2 * 800 + 2 * 1000
        assert all(town.laws().values()), town.laws()


def test_a_home_that_becomes_a_shop_is_rated_by_the_read_of_that_midnight(town):
    agree(change_category("shop", 4), 1)
    for n, kwh in enumerate([14, 18, 22, 32], 1):
        town.register(n, kwh)
        town.run(n)
    # The home has 3 of 30 days and 3 kWh of the slab: 3 x 3.00 and 9 x 5.00; the shop's 10 kWh cost 8.00 each.
    assert town.charged() == {"energy": 900 + 4500 + 8000, "fixed": 3 * 500 + 1000, "duty": 540}
    assert all(town.laws().values())
    codes = [[used.code for used in why.tariffs] for why in town.whys()]
    assert (codes[0], codes[-1]) == (["demo"], ["demo", "shop"])


def test_a_home_that_was_a_shop_from_the_beginning(town):
    """Its duty is taken back to the book that it came from, though the shop has none."""
    for n in (1, 2):
        town.register(n, 10 + n)
        town.run(n)
    agree(change_category("shop", 1), 3)
    town.register(3, 13)
    town.run(3)
    assert town.charged() == {"energy": 3 * 800, "fixed": 3 * 1000, "duty": 0}
    contras = town.connection.execute(
        "SELECT DISTINCT c.code FROM books_entry e JOIN books_account c ON c.id = e.contra_id WHERE line = 'duty'"
    ).fetchall()
    assert contras == [("duty:duty",)]
    assert all(town.laws().values())


def test_a_change_in_a_month_that_is_over_is_settled_with_the_next_close(town):
    town.run(30, timedelta(hours=1))
    agree(change_load(6000, 21), 31)
    town.register(31, 10)
    town.run(31)
    # 2 March to 31 March are 30 days of 5 kW; the last ten were of 6 kW, and so is 1 April.
    entries = [
        (why.entry.amount_minor, why.notes[:1])
        for why in town.whys()
        if why.entry.line == "fixed" and why.entry.service_date == date(2026, 4, 1)
    ]
    assert entries == [(-1000, ("correction of the period from 2026-03-01",)), (-600, ())]
    assert all(town.laws().values())


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 6), st.integers(1, 6), st.sampled_from(["load", "shop", "demo"]), st.integers(1, 9)
    ),
    max_size=4,
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_whenever_terms_change_every_days_books_are_right(postgres, database_template, changes):
    """Changes on some days, known on others: after each close the second rater says the same, and rows sum up."""
    from urja.apps.journal.errors import RefusedError

    with copy_of(postgres, database_template) as database, database.connect() as connection:
        load_both()
        town = Town(connection, adopt())
        for n in range(1, 8):
            for known, effective, what, kilowatts in changes:
                if known == n:
                    change = (
                        change_load(kilowatts * 1000, effective)
                        if what == "load"
                        else change_category(what, effective, what)
                    )
                    # Terms that follow are not run over, and what changes nothing is refused.
                    with suppress(RefusedError):
                        agree(change, n)
            town.register(n, 10 + 7.3 * n)
            town.run(n)
            found = town.laws()
            assert all(found.values()), found
