"""Supplies that are disconnected by their balance, and from when: bills, conversions, protected consumers,
categories."""

from datetime import timedelta

import pytest
from tests.apps.town import adopt, protect
from tests.pipeline.test_decide import START, Place, cut, used_up
from tests.usecases.test_terms import day


@pytest.fixture
def house(database):
    """One house with 100 rupees, used up by Monday 09:00 in most stories."""
    place = Place(database, [adopt(credit_minor=10_000)])
    yield place
    place.connection.close()


def do(house, operation):
    from urja.usecases.operations import perform

    perform(operation, recorded_at=house.now, actor="clerk")


def to_postpaid(n):
    from urja.usecases.operations import ConvertToPostpaid

    return ConvertToPostpaid(consumer_number="URJ00000001", effective_on=day(n))


def to_prepaid(n, **more):
    from urja.usecases.operations import ConvertToPrepaid

    return ConvertToPrepaid(consumer_number="URJ00000001", effective_on=day(n), **more)


def charged(house):
    (found,) = house.connection.execute(
        "SELECT count(*) FROM books_entry WHERE origin = 'engine' AND line = 'energy'"
    ).fetchone()
    return found


def test_who_pays_by_a_bill_is_neither_warned_nor_cut_and_goes_on_being_charged(house):
    do(house, to_postpaid(1))
    used_up(house)
    house.until(house.at(2, 17), timedelta(hours=1))
    assert house.where() == ("fine", "postpaid")
    assert house.notices() == []
    assert house.commands() == []
    assert charged(house) == 1
    assert house.standing().balance_minor < 0


def test_a_supply_that_is_cut_comes_back_when_it_is_paid_for_by_bills(house):
    cut(house)
    do(house, to_postpaid(1))
    house.go()
    assert [kind for kind, _ in house.commands()] == ["disconnect", "connect"]
    assert house.holds() == []


def test_cutting_who_pays_by_a_bill_breaks_the_law(house, monkeypatch):
    """The stage takes everybody for prepaid."""
    from tests.apps import town

    from urja.apps.contracts.kinds import PaymentMode
    from urja.apps.supply.queries import facts
    from urja.laws.switching import laws

    do(house, to_postpaid(1))
    monkeypatch.setattr(facts, "PaymentMode", type("Mistaken", (), {"PREPAID": PaymentMode.POSTPAID}))
    cut(house)
    assert laws(house.connection, house.now, town.ZONE)["cut_of_no_protected_consumer"] is False


def test_terms_that_begin_at_midnight_are_seen_at_midnight(house):
    cut(house)
    do(house, to_postpaid(2))
    house.until(house.at(2, 0) - timedelta(minutes=1), timedelta(hours=5))
    assert house.holds() == ["credit"]
    house.go(house.at(2, 0))
    assert house.holds() == []


def test_an_operators_hold_holds_who_pays_by_bills_too(house):
    do(house, to_postpaid(1))
    house.order("hold", "safety")
    house.go()
    house.sent()
    house.report("confirmed")
    house.go()
    assert house.where() == ("cut", "held")
    house.order("release", "safety")
    house.go()
    assert [kind for kind, _ in house.commands()] == ["disconnect", "connect"]


def test_grace_after_a_conversion(database):
    """The policy of these stories gives none; one that gives three days counts them from the conversion."""
    from tests.pipeline.test_decide import POLICY

    from urja.usecases.policies import load_policy

    place = Place(database, [adopt(credit_minor=10_000)])
    text = POLICY.format(version="2", emergency=50, most=20, stagger=20)
    load_policy(
        text.replace("[credit]", "[credit]\ngrace_days_after_conversion = 3"), recorded_at=START, actor="test"
    )
    do(place, to_postpaid(1))
    place.go()
    do(place, to_prepaid(1))
    used_up(place)
    place.until(place.at(2, 12), timedelta(hours=1))
    assert place.where() == ("grace", "conversion")
    place.connection.close()


def test_what_is_owed_by_bills_stands_beside_the_balance(house):
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts
    from urja.usecases.operations import Bill

    do(house, to_postpaid(1))
    house.go()
    bill = Bill(bill="B-1", due_on=day(-30), principal_minor=4_000, surcharge_minor=500)
    do(house, to_prepaid(1, bills=(bill,), billed_here=False))
    house.now = house.at(2, 9)
    house.go()
    known = facts.of_account(house.houses[0].account_id, house.now, queries.health())
    assert (known.facts.arrears_minor, known.facts.converted_at) == (4_500, house.at(1, 0))
    assert known.facts.balance_minor > 0


def test_a_protection_holds_from_its_instant_to_its_end(house):
    protect(1, house.at(1, 0), until=house.at(2, 12))
    used_up(house)
    house.until(house.at(2, 11, 45))
    assert (house.where(), house.commands()) == (("protected", "medical"), [])
    house.until(house.at(2, 12))
    assert house.commands() == [("disconnect", "queued")]


def test_a_category_is_governed_by_its_own_policy(house):
    from tests.pipeline.test_decide import POLICY

    from urja.usecases.operations import ChangeCategory
    from urja.usecases.policies import assign_policy, load_policy

    gentle = POLICY.format(version="1", emergency=5000, most=20, stagger=20).replace('"story"', '"gentle"')
    load_policy(gentle, recorded_at=START, actor="test")
    assign_policy("poor", "gentle", recorded_at=START, actor="test")
    do(
        house,
        ChangeCategory(
            consumer_number="URJ00000001", effective_on=day(1), tariff_code="demo", category="poor"
        ),
    )
    used_up(house)
    assert house.where() == ("emergency", "emergency_amount")
