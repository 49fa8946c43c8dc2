"""A meter without a load switch: a person at the site switches instead of an order of `decide`."""

import pytest
from tests.apps.town import adopt
from tests.pipeline.test_decide import HOUR, MINUTE, Place, used_up


@pytest.fixture
def big_house(database):
    """One house behind current transformers, with 100 rupees."""
    place = Place(database, [adopt(credit_minor=10_000, load_switch=False)])
    yield place
    place.connection.close()


def work_orders(place):
    from urja.apps.work.models import WorkOrder

    return [
        (order.kind, "open" if order.closed_at is None else "done" if order.done else "withdrawn")
        for order in WorkOrder.objects.order_by("opened_at", "id")
    ]


def a_fitter_goes(place):
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work import operations

    (order,) = everywhere(9)
    assert operations.close(order.id, place.now)
    place.go(place.now + MINUTE)


def test_a_person_is_sent_once_and_called_back_by_a_payment(big_house):
    used_up(big_house)
    report = big_house.go(big_house.at(1, 10, 1))
    assert report.counts["work_orders"] == 1
    assert (work_orders(big_house), big_house.holds()) == ([("switch_off_by_hand", "open")], ["credit"])
    # No visit that day: the work order stays, through the night and into the next window.
    big_house.until(big_house.at(2, 11), HOUR)
    assert work_orders(big_house) == [("switch_off_by_hand", "open")]
    big_house.pay(500)
    big_house.go(big_house.now + MINUTE)
    assert (work_orders(big_house), big_house.holds()) == ([("switch_off_by_hand", "withdrawn")], [])
    big_house.go(big_house.now + MINUTE)
    assert big_house.where() == ("fine", "fine")
    assert big_house.commands() == []


def test_who_was_switched_off_by_hand_is_switched_on_by_hand(big_house):
    used_up(big_house)
    big_house.go(big_house.at(1, 10, 1))
    a_fitter_goes(big_house)
    assert big_house.where() == ("cut", "cut")
    big_house.pay(500)
    big_house.go(big_house.now + MINUTE)
    assert work_orders(big_house) == [("switch_off_by_hand", "done"), ("switch_on_by_hand", "open")]
    a_fitter_goes(big_house)
    assert work_orders(big_house)[-1] == ("switch_on_by_hand", "done")
    assert (big_house.where(), big_house.holds(), big_house.commands()) == (("fine", "fine"), [], [])


def test_a_manual_hold_is_a_work_order_too_and_ends_with_it(big_house):
    big_house.go()
    big_house.order("hold", "safety")
    big_house.go(big_house.at(1, 22))
    assert work_orders(big_house) == [("switch_off_by_hand", "open")]
    big_house.order("release", "safety")
    big_house.go(big_house.now + MINUTE)
    assert work_orders(big_house) == [("switch_off_by_hand", "withdrawn")]
    assert big_house.commands() == []


def test_a_person_is_called_back_while_a_service_is_ill_and_sent_again(big_house, monkeypatch):
    """As a command would be, at once: no supply is disconnected while payments, messages or collection fail.

    The work order once stayed open until its window had ended, and was withdrawn then.
    """
    from urja.apps.supply import health
    from urja.apps.work.models import WorkOrder

    well = {"collection": True, "payments": True, "messaging": True, "figures": {}}
    sent, withdrawn = ("switch_off_by_hand", "open"), ("switch_off_by_hand", "withdrawn")
    used_up(big_house)
    big_house.go(big_house.at(1, 10, 1))
    for n, service in enumerate(("collection", "payments", "messaging")):
        assert work_orders(big_house) == [withdrawn] * n + [sent]
        monkeypatch.setattr(health, "_judge", lambda *_, ill=service: {**well, ill: False})
        big_house.go(big_house.at(1, 10 + n, 20))
        assert (work_orders(big_house), big_house.holds()) == ([withdrawn] * (n + 1), [])
        assert WorkOrder.objects.latest("id").result == {"withdrawn": f"health.{service}"}
        monkeypatch.setattr(health, "_judge", lambda *_: well)
        big_house.until(big_house.at(1, 11 + n))
    assert work_orders(big_house) == [withdrawn] * 3 + [sent]


def test_a_payment_does_not_switch_on_what_is_held(big_house):
    used_up(big_house)
    big_house.go(big_house.at(1, 10, 1))
    a_fitter_goes(big_house)
    big_house.order("hold", "tamper")
    big_house.pay(500)
    big_house.go(big_house.now + MINUTE)
    assert (work_orders(big_house), big_house.holds()) == ([("switch_off_by_hand", "done")], ["tamper"])
    big_house.order("release", "tamper")
    big_house.go(big_house.now + MINUTE)
    assert work_orders(big_house)[-1] == ("switch_on_by_hand", "open")


def test_no_law_asks_for_a_cut_that_no_meter_can_do(big_house):
    from urja.laws import switching as supply_laws

    used_up(big_house)
    big_house.until(big_house.at(2, 17), HOUR)
    with big_house.database.connect() as connection:
        found = supply_laws.examine(connection, big_house.now, "Asia/Kolkata", MINUTE)
    assert [finding.law for finding in found if not finding.holds] == []
