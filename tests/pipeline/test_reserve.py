"""No supply is disconnected because of a reserve, of what settled at close in its days of grace, or of a subsidy taken back that day."""

from dataclasses import replace

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import HOUR, POLICY, Place

HEAD = """
format = 1
code = "{code}"
version = "1"
title = "Shop"
currency = "INR"
valid_from = 2026-01-01
period_starts_on = {first}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{{from = 0, rate = 5}}]
"""
DEMAND = """[[line]]
name = "demand"
title = "Demand charge"
accrues = "demand"
billed = "recorded"
unit = "kW"
rate = 20
prorate = "none"
"""
SUBSIDY = """[[line]]
name = "subsidy"
title = "Subsidy"
accrues = "rebate"
prorate = "none"
claim_on = "State"
by_use = [{up_to = 10, percent = 100}, {percent = 0}]
on = ["energy"]
"""


def load(code, text, first=1):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(HEAD.format(code=code, first=first) + text, START)


def place_with(database, code):
    from urja.usecases.policies import load_policy

    place = Place(database, [adopt(credit_minor=10_000, tariff_code=code)])
    text = POLICY.format(version="2", emergency=0, most=20, stagger=20)
    granted = text.replace("cut_below = 0", "cut_below = 0\ngrace_days_at_close = 2")
    load_policy(granted, recorded_at=START, actor="test")
    return place


@pytest.fixture
def shop(database):
    """Its billing period ends with Tuesday; it has 100 rupees."""
    load("shop", DEMAND, first=4)
    place = place_with(database, "shop")
    yield place
    place.connection.close()


@pytest.fixture
def home(database):
    load("home", SUBSIDY)
    place = place_with(database, "home")
    yield place
    place.connection.close()


def law(place):
    from urja.laws.switching import laws

    return laws(place.connection, place.now, town.ZONE)["cut_for_what_counts"]


def on(place, end, step=3 * HOUR):
    """Hours pass; messages are delivered, and commands are carried out."""
    while place.now < end:
        place.until(min(place.now + step, end), min(step, end - place.now))
        place.deliver()
        command = place.command()
        if command is not None and command.state == "queued":
            place.sent()
            place.report("confirmed")


def first_days(shop):
    """12 kWh in half an hour of Monday: 60.00 of energy, and 24 kW of demand for 480.00 at the close of Tuesday."""
    shop.now = shop.at(1, 9)
    shop.use(12_000)
    shop.go()
    on(shop, shop.at(2, 16))


def fresh(place):
    from urja.apps.billing.queries import fresh_balance

    return fresh_balance(place.houses[0].account_id, place.now)


def test_a_reserve_is_beside_the_balance_and_its_charge_counts_after_days_of_grace(shop):
    first_days(shop)
    found = fresh(shop)
    assert (found.balance_minor, found.reserve_minor) == (4_000, 48_000)
    (reserve,) = found.reserves
    assert (str(reserve.settles_on), reserve.lines) == ("2026-03-03", (("Demand charge", 48_000),))
    assert shop.where() == ("fine", "fine")
    on(shop, shop.at(3, 12))
    assert (fresh(shop).balance_minor, fresh(shop).reserves) == (-44_000, ())
    # The usual cost of a day is that of its use: 60.00 on Monday, nothing on Tuesday.
    assert fresh(shop).daily_cost_minor == 3_000
    assert shop.where() == ("grace", "at_close")
    on(shop, shop.at(4, 16))
    assert shop.commands() == []
    on(shop, shop.at(5, 12))
    assert shop.commands() == [("disconnect", "confirmed")]
    on(shop, shop.at(6, 9))
    assert law(shop)


def the_reserve_is_taken_off(patch):
    from urja.apps.supply.queries import facts

    real = facts.fresh_balances

    def wrong(agreements, now):
        return {
            key: replace(found, balance_minor=found.balance_minor - found.reserve_minor)
            for key, found in real(agreements, now).items()
        }

    patch.setattr(facts, "fresh_balances", wrong)


def it_counts_at_once(patch):
    from urja.core.policy import disconnection_bars

    patch.setattr(disconnection_bars, "uncounted_minor", lambda _facts: 0)


@pytest.mark.parametrize("break_it", [the_reserve_is_taken_off, it_counts_at_once])
def test_a_cut_for_the_reserve_breaks_the_law(shop, monkeypatch, break_it):
    break_it(monkeypatch)
    shop.pages_look = False
    first_days(shop)
    on(shop, shop.at(4, 9))
    assert shop.commands()[0] == ("disconnect", "confirmed")
    assert not law(shop)


def crossing(home):
    """8 kWh on Monday are free; 14 more on Tuesday take the subsidy of 40.00 back: 10.00 are lacking, or 30.00 left without."""
    home.now = home.at(1, 9)
    home.use(8_000)
    home.go()
    on(home, home.at(2, 9))
    home.use(0)
    home.now = home.at(2, 9, 30)
    home.use(14_000)
    home.go()


def four_days(database):
    """3 kWh a day under rules of reviews; Thursday ends a billing period and crosses the subsidy's bound. The laws that do not hold."""
    from urja.laws.verify import laws
    from urja.usecases.policies import load_policy

    load("both", DEMAND + SUBSIDY, first=6)
    place = Place(database, [adopt(credit_minor=90_000, tariff_code="both")])
    rules = "\n[reviews]\ntimes = 5\ndays = 3\nabove = 30\ndecide_within_days = 3\n"
    text = POLICY.format(version="2", emergency=0, most=20, stagger=20) + rules
    load_policy(text, recorded_at=START, actor="test")
    for day in (1, 2, 3, 4):
        place.now = place.at(day, 9)
        place.use(3_000)
        place.now = place.at(day + 1, 0)
        place.use(0)
        place.go(place.at(day + 1, 0, 10))
    posted = place.connection.execute(
        "SELECT line, -sum(amount_minor)::int FROM books_entry WHERE service_date = '2026-03-05' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert posted == [("demand", 12_000), ("energy", 1_500), ("subsidy", 4_500)]
    (opened,) = place.connection.execute("SELECT count(*) FROM billing_review").fetchone()
    found = laws(place.connection, zone=town.ZONE)
    place.connection.close()
    return opened, [law for law, holds in found.items() if not holds]


def test_what_settles_at_close_and_what_takes_a_subsidy_back_open_no_review(database):
    """An ordinary last day of a month, and the ordinary day of a cliff: neither is for an officer, and nothing is given back."""
    assert four_days(database) == (0, [])


def test_a_review_of_what_settles_at_close_breaks_the_law(database, monkeypatch):
    from collections import Counter

    from urja.pipeline import close

    def all_of_it(members, drafts):
        charged = Counter()
        for draft in drafts:
            charged[draft.agreement_id] -= draft.amount_minor
        return [(agreement, charged[agreement.id]) for agreement in members]

    monkeypatch.setattr(close, "_charged_on_the_day", all_of_it)
    assert four_days(database) == (1, ["reviews"])


def test_no_supply_is_cut_for_a_subsidy_that_is_taken_back_that_day(home):
    crossing(home)
    found = fresh(home)
    assert (found.balance_minor, found.clawed_back_minor) == (-1_000, 4_000)
    on(home, home.at(2, 16))
    assert home.where() == ("grace", "clawed_back")
    on(home, home.at(3, 16))
    assert (home.where(), home.commands()) == (("grace", "clawed_back"), [])
    on(home, home.at(4, 12))
    assert home.commands() == [("disconnect", "confirmed")]
    on(home, home.at(5, 9))
    assert law(home)


def test_a_cut_for_a_subsidy_on_its_day_breaks_the_law(home, monkeypatch):
    it_counts_at_once(monkeypatch)
    home.pages_look = False
    crossing(home)
    on(home, home.at(3, 9))
    assert home.commands() == [("disconnect", "confirmed")]
    assert not law(home)
