"""The balance that a decision has kept: taken as long as nothing has moved that it rests on, and never longer."""

import random
from datetime import timedelta

import pytest
from tests.apps import street
from tests.apps.registry.test_terms import day
from tests.apps.registry.test_terms import load_tariff as load_plain
from tests.apps.street import adopt
from tests.pipeline.test_decide import HALF_HOUR, HOUR, MINUTE, Place, load_policy
from tests.pipeline.test_post import load as load_tariff


@pytest.fixture
def house(database):
    """One house with 100 rupees, and a first decision about it."""
    place = Place(database, [adopt(credit_minor=10_000)])
    place.use(400)
    place.go()
    assert place.what_is_kept_is_right() == 1
    yield place
    place.connection.close()


def estimate(place, wh):
    """The last stored half-hour once more, as an estimate."""
    from urja.apps.readings.kinds import Status

    start = place.uses[0] - HALF_HOUR
    rows = street.blocks(place.houses[0], (start, wh))
    rows["status"] = Status.ESTIMATED
    street.store_blocks(place.connection, rows, now=place.now)


def change_load(place, on):
    from urja.apps.registry.operations import ChangeLoad, perform

    change = ChangeLoad(consumer_number="URJ00000001", sanctioned_load_w=2000, effective_on=on)
    perform(change, recorded_at=place.now, actor="clerk")


def use(place):
    place.now += HALF_HOUR
    place.use(300)


def pay(place):
    place.pay(50)


def midnight(place):
    place.now = place.at(2, 0)


def another_tariff(place):
    load_tariff("2", "2026-03-01", "9.00")


def another_load(place):
    change_load(place, day(1))


def another_estimate(place):
    estimate(place, 777)


@pytest.mark.parametrize("change", [use, pay, midnight, another_tariff, another_load, another_estimate])
def test_what_moves_the_balance_or_may_do_so_ends_what_is_kept(house, change):
    change(house)
    assert house.what_is_kept_is_right() == 0


def test_the_next_decision_keeps_the_next_balance(house):
    use(house)
    house.go()
    assert house.what_is_kept_is_right() == 1


def test_a_page_takes_what_is_kept_without_rating(house, monkeypatch):
    from urja.apps.ledger import usage
    from urja.apps.ledger.glance import glances
    from urja.apps.supply import facts

    (glance,) = glances(house.houses[0].user_id, house.now)
    monkeypatch.delattr(usage, "rate")
    known = facts.of_agreement_asked(glance.agreement, house.now, glance.kept)()
    assert known.balance == glance.kept


def test_what_rests_on_energy_up_to_a_day_inside_the_period_is_not_kept(house):
    """A read that comes late may move energy from one side of a change of price to the other, and no total."""
    load_tariff("2", "2026-03-03", "9.00")
    house.now = house.at(4, 9)
    house.use(2000)
    house.go()
    assert house.what_is_kept_is_right() == 0


def outlook_of(place):
    (glance,) = place.glances()
    return glance.outlook


def ends_at(place, instant):
    """An outlook is told up to an instant, and from it on no more, though nothing but time passes."""
    place.now = instant - MINUTE
    assert outlook_of(place) is not None
    place.now = instant
    assert outlook_of(place) is None


def protected(place):
    street.protect(1, at=place.now)


def another_policy(place):
    load_policy(version="2", emergency=0)


def hand(place):
    """Somebody has turned the supply off at the meter, and the head end tells of it."""
    place.order("hold", "safety")
    place.go()
    place.sent()
    place.report("confirmed")


@pytest.mark.parametrize("change", [use, pay, protected, another_policy, hand, another_load, midnight])
def test_what_may_change_the_outlook_ends_the_one_that_is_kept(house, change):
    assert outlook_of(house) is not None
    change(house)
    assert outlook_of(house) is None


@pytest.mark.parametrize("change", [use, pay, protected, hand, another_load, midnight])
def test_a_page_is_drawn_anew_with_each_change(house, change):
    """Also with the second of a kind, while the first waits for its decision."""
    marks = [house.glances()[0].mark]
    for _ in range(2 if change is pay else 1):
        change(house)
        marks.append(house.glances()[0].mark)
    assert len(set(marks)) == len(marks)


def test_a_receipt_for_a_notice_ends_it_too(house):
    """Notices that a cut needs may be complete with it."""
    house.now += HALF_HOUR
    house.use(18_000)
    house.go()
    assert house.notices() == ["low-30"]
    assert outlook_of(house) is not None
    house.deliver()
    assert outlook_of(house) is None


def test_time_alone_ends_an_outlook_where_a_decision_waits_for_it(house):
    street.protect(1, at=house.at(1, 15))
    house.go()
    ends_at(house, house.at(1, 15))


def test_nothing_is_kept_of_an_account_whose_change_cannot_be_decided(house):
    """Its new terms name a tariff that nobody has loaded: what was kept is of the old ones."""
    from urja.apps.registry.models import AgreementTerms
    from urja.pipeline import decide

    with street.by_hand():
        AgreementTerms.objects.update(tariff_code="gone")
    (glance,) = house.glances()
    assert glance.kept is None
    report = decide.run_once(house.now, house.wall_ms)
    assert report.held
    (glance,) = house.glances()
    assert (glance.kept, glance.outlook) == (None, None)


def test_what_was_foreseen_and_has_not_come_is_not_told(house):
    """Without readings the balance stays, and the hour at which it would have run out passes."""
    from urja.apps.supply.models import State

    kept = outlook_of(house)
    (figures,) = State.objects.values_list("figures", flat=True)
    outlook = {**kept.to_json(), "ends_at": house.at(1, 12).isoformat()}
    State.objects.update(figures={**figures, "outlook": outlook})
    ends_at(house, house.at(1, 12))


def test_the_end_of_an_agreement_ends_its_outlook(house):
    from urja.apps.registry.models import Agreement, AgreementTerms

    with street.by_hand():
        for model in (Agreement, AgreementTerms):
            model.objects.update(valid_to=house.at(1, 12))
    house.go()
    ends_at(house, house.at(1, 12))


def test_no_outlook_is_kept_where_more_is_to_be_told(house):
    house.now += HALF_HOUR
    house.use(60_000)
    house.go()
    assert house.where() == ("warned", "unannounced")
    assert outlook_of(house) is None


def test_a_page_says_what_it_would_say_of_the_facts(house, monkeypatch):
    """By the outlook alone, without asking for them."""
    from urja.apps.supply import facts
    from urja.web.portal import pages
    from urja.web.shared import standing

    (card,) = pages.accounts_of(house.houses[0].user_id, house.now)
    said = standing.standing(standing.known_of(card, house.now)).text
    assert "No disconnection for credit before Monday 30 March, 10:00" in said
    monkeypatch.delattr(facts, "of_agreement_asked")
    assert pages.home_asked(card, house.now)().standing == said


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_things_happen(house, seed):
    chance = random.Random(seed)
    taken = 0
    for _ in range(25):
        what = chance.choice([use, use, use, pay, another_estimate, None, None])
        if what is not None:
            what(house)
        else:
            house.now += chance.choice([HALF_HOUR, HOUR, timedelta(hours=11)])
            house.use(chance.randrange(3000))
        taken += house.what_is_kept_is_right()
        if chance.random() < 0.6:
            house.go()
            taken += house.what_is_kept_is_right()
    assert taken


@pytest.mark.parametrize(("own", "kept"), [(1, 1), (15, 0)])
def test_by_an_agreements_own_calendar(database, own, kept):
    """What is kept is of calendar months, whatever day the tariff says: by another day it is reckoned each time."""
    from urja.apps.registry.models import Agreement

    load_plain("mid", starts_on=15)
    place = Place(database, [adopt(credit_minor=10_000, tariff_code="mid", billing_day=own)])
    place.use(400)
    place.go()
    assert place.what_is_kept_is_right() == kept
    place.now = place.at(16, 9)
    place.use(5000)
    place.go()
    assert place.what_is_kept_is_right() == kept
    # Nobody changes the day of an agreement; what was kept would be of another calendar.
    with street.by_hand():
        Agreement.objects.update(billing_day=7)
    assert place.what_is_kept_is_right() == 0
    place.connection.close()


def test_a_credit_that_waits_is_looked_at_before_the_balance_is_reckoned_anew(house):
    """Facts of who has one rest on the balance after it, though one is kept."""
    from urja.apps.ledger.glance import glances
    from urja.apps.supply import facts

    house.pay(50)
    house.go(only_changed=True)
    (glance,) = glances(house.houses[0].user_id, house.now)
    house.pay(70)
    known = facts.of_agreement_asked(glance.agreement, house.now, glance.kept)()
    assert [credit.amount_minor for credit in known.unposted] == [7000]
    assert known.balance.credits_minor == 7000
