"""An empty flat is disconnected: held off while it has no agreement, and reconnected for the consumer who moves in."""

from datetime import timedelta

import pytest
from tests.apps.town import adopt
from tests.pipeline.test_decide import MINUTE, Place
from tests.usecases.life import HOUR, do


def flat(database, **more):
    place = Place(database, [adopt(credit_minor=10_000, **more)])
    # In the window: what vacancy holds off waits for one.
    place.go(place.at(1, 11))
    return place


@pytest.fixture
def place(database):
    place = flat(database)
    yield place
    place.connection.close()


def go(place, later=MINUTE):
    """As a run of the stage; whose account has ended, no page shows a decision."""
    from urja.pipeline import decide, post

    place.now += later
    post.run_once(place.now, HOUR)
    return decide.decide_due(place.now, place.wall_ms)


def leave(place, register_wh=10_000):
    from urja.usecases.operations import MoveOut

    operation = MoveOut(consumer_number="URJ00000001", at=place.now, register_wh=register_wh)
    return do(operation, place.now)


def arrive(place):
    from urja.usecases.operations import MoveIn

    operation = MoveIn(
        consumer_number="URJ00000001",
        at=place.now,
        register_wh=10_000,
        name="Bela",
        email="b@example.org",
        tariff_code="demo",
        sanctioned_load_w=5000,
        credit_minor=5_000,
    )
    return do(operation, place.now).outcome["account_id"]


def test_moving_out_disconnects_and_moving_in_reconnects(place):
    from urja.apps.supply.models import State, Switching

    leave(place)
    report = go(place)
    assert report.counts["cuts"] == 1
    assert place.holds() == ["vacant"]
    assert [kind for kind, *_ in place.commands()] == ["disconnect"]
    switching = Switching.objects.get()
    assert (switching.cause, switching.account_id) == ("hold", place.houses[0].account_id)
    place.sent()
    place.report("confirmed")
    # Once is enough, and no former consumer is written to.
    assert go(place).counts["cuts"] == 0
    account_id = arrive(place)
    go(place)
    go(place)
    assert place.holds() == []
    assert [kind for kind, *_ in place.commands()] == ["disconnect", "connect"]
    assert State.objects.get(account_id=account_id).standing == "fine"


def test_a_cut_that_came_to_nothing_is_given_again(place):
    leave(place)
    go(place)
    place.sent()
    place.report("failed")
    assert go(place).counts["cuts"] == 0
    assert go(place, timedelta(minutes=11)).counts["cuts"] == 1


def test_who_moves_in_before_the_cut_was_carried_out_keeps_the_light(place):
    leave(place)
    go(place)
    place.sent()
    arrive(place)
    go(place)
    go(place)
    assert [kind for kind, *_ in place.commands()] == ["disconnect", "connect"]


def test_without_a_relay_one_work_order_is_opened(database):
    from urja.apps.work.models import WorkOrder

    place = flat(database, load_switch=False)
    leave(place)
    go(place)
    go(place)
    order = WorkOrder.objects.get()
    assert (order.kind, order.state) == ("switch_off_by_hand", "open")
    place.connection.close()


def test_a_flat_that_is_not_held_stays_as_it_is(place):
    from urja.usecases.operations import MoveOut

    do(
        MoveOut(consumer_number="URJ00000001", at=place.now, register_wh=10_000, hold_vacant=False),
        place.now,
    )
    go(place)
    assert place.commands() == []


def test_the_laws_hold(place):
    from urja.laws import switching as supply_laws

    leave(place)
    go(place)
    place.sent()
    place.report("confirmed")
    arrive(place)
    go(place)
    go(place)
    with place.database.connect() as connection:
        found = supply_laws.examine(connection, place.now, "Asia/Kolkata", MINUTE)
    assert [finding.law for finding in found if not finding.holds] == []
