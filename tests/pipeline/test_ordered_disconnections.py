"""Disconnections ordered by operators: protected consumers and hours restrict them, and a dispute is no reason for
one."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import adopt, protect
from tests.pipeline.test_decide import HOUR, MINUTE, SECOND, Place
from tests.usecases.life import do
from tests.usecases.test_moving import refused

NUMBER = "URJ00000001"


@pytest.fixture
def house(database):
    """One house in credit: nothing but an order could switch it off."""
    place = Place(database, [adopt(credit_minor=10_000)])
    place.go()
    yield place
    place.connection.close()


def disconnect(house, reason, **more):
    from urja.usecases.operations import DisconnectTemporarily

    return DisconnectTemporarily(**({"consumer_number": NUMBER, "reason": reason, "note": "as told"} | more))


def holds(place, law):
    from urja.laws.switching import laws

    return laws(place.connection, place.now, town.ZONE)[law]


def page_says(house):
    """What the consumer's page says of the supply: as it is asked again, not as the stage stored it."""
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts
    from urja.web.shared.standing import standing

    return standing(facts.of_account(house.houses[0].account_id, house.now, queries.health())).text


def off(house):
    house.sent()
    house.report("confirmed")
    house.go(house.now + SECOND)


def test_a_dispute_is_no_reason(house):
    protect(1)
    house.now = house.at(7, 23, 1)
    refused(disconnect(house, "dispute"), "'dispute'", at=house.now)
    house.go()
    assert (house.holds(), house.commands()) == ([], [])


def test_the_database_keeps_no_dispute(house):
    from django.db import IntegrityError, transaction

    from urja.apps.supply.models import Hold, Order

    asked = {"service_point_id": house.houses[0].service_point_id}
    with pytest.raises(IntegrityError, match="supply_order_known_reason"), transaction.atomic():
        Order.objects.create(action="hold", hold="dispute", actor="web", requested_at=house.now, **asked)
    with pytest.raises(IntegrityError, match="supply_hold_known_reason"), transaction.atomic():
        Hold.objects.create(reason="dispute", placed_at=house.now, placed_by="web", **asked)


@pytest.mark.parametrize("reason", ["tamper", "overload", "vacant"])
def test_a_protected_home_is_refused(house, reason):
    protect(1)
    refused(disconnect(house, reason), "medical", at=house.now)


@pytest.mark.parametrize("reason", ["safety", "request"])
def test_danger_and_the_own_request_know_neither_hours_nor_protection(house, reason):
    protect(1)
    house.now = house.at(7, 23, 1)
    do(disconnect(house, reason), house.now)
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "queued")]
    assert holds(house, "cut_in_its_hours")
    assert holds(house, "cut_of_no_protected_consumer")


def test_what_is_ordered_at_night_waits_for_the_window_and_says_so(house):
    from urja.apps.supply import queries

    house.now = house.at(7, 23, 1)
    do(disconnect(house, "tamper"), house.now)
    house.go(house.now + SECOND)
    assert house.commands() == []
    assert house.where() == ("to_be_cut", "held_waits")
    standing = queries.standing(house.houses[0].account_id)
    assert "Monday 9 March, 10:00" in standing.sentence(house.now)
    assert "Monday 9 March, 10:00" in page_says(house)
    assert [cut.account_id for cut in queries.planned_cuts(house.at(8, 10).date())] == [standing.account_id]
    house.until(house.at(8, 9, 59), step=HOUR)
    assert house.commands() == []
    house.go(house.at(8, 10))
    assert house.commands() == [("disconnect", "queued")]
    assert "is being disconnected for this reason: tampering" in page_says(house)
    # A command that outlives the window could be carried out in protected hours.
    assert house.command().expires_at == house.at(8, 16)
    off(house)
    assert house.where() == ("cut", "held")
    assert all(holds(house, law) for law in ("cut_in_its_hours", "cut_has_a_ground"))


def test_a_hold_that_expired_in_its_window_is_given_again_in_the_next_one(house):
    house.order("hold", "tamper")
    house.go(house.at(1, 15, 30))
    assert house.commands() == [("disconnect", "queued")]
    house.sent()
    house.now = house.at(1, 16, 5)
    house.report("expired")
    house.go()
    assert house.where()[1] == "held_waits"
    house.until(house.at(2, 9, 59), step=HOUR)
    assert len(house.commands()) == 1
    house.go(house.at(2, 10))
    assert [kind for kind, _ in house.commands()].count("disconnect") == 2


def test_safety_taken_back_at_night_leaves_what_waits(house):
    """The lineman is done before the meter heard of it; the tamper alone may not switch off at night."""
    house.order("hold", "tamper")
    house.order("hold", "safety")
    house.go(house.at(1, 22))
    assert house.commands() == [("disconnect", "queued")]
    house.order("release", "safety")
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "superseded")]
    assert house.where()[1] == "held_waits"


def test_who_is_protected_afterwards_is_held_back_and_shown(house):
    house.order("hold", "tamper")
    house.go(house.at(1, 22))
    protect(1, at=house.now)
    house.until(house.at(2, 11), step=HOUR)
    assert house.commands() == []
    assert house.where() == ("protected", "held_back")
    assert house.holds() == ["tamper"]


def test_who_is_protected_while_off_has_light_again(house):
    house.order("hold", "tamper")
    house.go(house.at(1, 11))
    off(house)
    protect(1, at=house.now)
    house.go(house.now + MINUTE)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    off(house)
    assert house.where() == ("protected", "held_back")
    assert all(holds(house, law) for law in ("holds_are_kept", "cut_of_no_protected_consumer"))


def test_an_empty_flat_waits_for_the_window(house):
    from urja.apps.supply import queries
    from urja.pipeline import decide, post
    from urja.usecases.operations import MoveOut

    house.now = house.at(1, 22)
    house.use(0)
    do(MoveOut(consumer_number=NUMBER, at=house.now, register_wh=10_000), house.now)
    post.run_once(house.now, HOUR)
    decide.decide_due(house.now, house.wall_ms)
    assert (house.holds(), house.commands()) == (["vacant"], [])
    place_id = house.houses[0].service_point_id
    assert queries.vacancy(place_id, house.now) == queries.Vacancy(("vacant",), house.at(2, 10))
    house.now = house.at(2, 10)
    decide.decide_due(house.now, house.wall_ms)
    assert house.commands() == [("disconnect", "queued")]
    assert house.command().expires_at == house.at(2, 16)
    assert queries.vacancy(place_id, house.at(2, 22)).waits_until is None
    assert holds(house, "cut_in_its_hours")


def test_a_connection_that_has_ended_waits_for_nothing(house):
    from urja.pipeline import decide
    from urja.usecases.operations import DisconnectPermanently

    protect(1)
    house.now = house.at(1, 22)
    house.use(0)
    do(DisconnectPermanently(consumer_number=NUMBER, at=house.now, register_wh=10_000), house.now)
    decide.decide_due(house.now, house.wall_ms)
    assert (house.holds(), house.commands()) == (["ended"], [("disconnect", "queued")])
    assert all(
        holds(house, law) for law in ("cut_in_its_hours", "cut_of_no_protected_consumer", "cut_has_a_ground")
    )


def test_the_work_order_to_a_switch_waits_too(database):
    from urja.apps.work.models import WorkOrder

    place = Place(database, [adopt(credit_minor=10_000, load_switch=False)])
    place.go()
    place.order("hold", "tamper")
    place.go(place.at(1, 22))
    assert not WorkOrder.objects.exists()
    place.go(place.at(2, 10))
    assert [order.kind for order in WorkOrder.objects.all()] == ["switch_off_by_hand"]
    protect(1, at=place.now)
    place.go(place.now + MINUTE)
    assert [order.state for order in WorkOrder.objects.all()] == ["withdrawn"]
    place.connection.close()


def every_hold_is_free(patch):
    """The table says that nothing binds any reason."""
    from urja.core.policy import holds

    free = {reason: holds.HoldRule(bound=False, by_hand=rule.by_hand) for reason, rule in holds.HOLDS.items()}
    patch.setattr(holds, "HOLDS", free)


@pytest.mark.parametrize(
    ("reason", "protection", "law"),
    [("tamper", False, "cut_in_its_hours"), ("overload", True, "cut_of_no_protected_consumer")],
)
def test_an_order_that_nothing_binds_breaks_the_law(house, monkeypatch, reason, protection, law):
    every_hold_is_free(monkeypatch)
    if protection:
        protect(1)
    house.order("hold", reason)
    house.go(house.at(1, 11) if protection else house.at(1, 22))
    assert house.commands() == [("disconnect", "queued")]
    assert not holds(house, law)


def test_a_disconnection_for_a_hold_that_is_not_there_breaks_the_law(house):
    from urja.apps.supply.models import Hold

    house.order("hold", "tamper")
    house.go(house.at(1, 11))
    assert holds(house, "cut_has_a_ground")
    Hold.objects.update(released_at=house.now - timedelta(minutes=1))
    assert not holds(house, "cut_has_a_ground")
