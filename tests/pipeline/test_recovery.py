"""After a restore the gateway is queried from the copy on, and no supply is disconnected before enough is known."""

from datetime import timedelta

import pytest
from tests.apps.payments.till import as_role, opened_till  # noqa: F401 - a fixture
from tests.apps.town import adopt
from tests.pipeline.test_collect import CREDITED, not_by_schedule
from tests.pipeline.test_decide import HOUR, MINUTE, Place, cut, used_up

from urja.base.restored import Restored


def restore(now, back=HOUR, id_="a"):
    """The data are found to be of an earlier time."""
    from urja.apps.supply import recoveries

    return recoveries.record([Restored(id=id_, since_at=now - back, at=now, why="a copy")])


def with_own_connection(function, *arguments):
    from django.db import connections

    try:
        return function(*arguments)
    finally:
        connections.close_all()


def unfinished():
    from urja.apps.supply import recoveries

    return recoveries.open_recovery()


def supply(house):
    """The orders to the load switch."""
    return [command for command in house.commands() if command[0] != "read_object"]


@pytest.fixture
def house(database):
    place = Place(database, [adopt(1, credit_minor=10_000, bucket=1)])
    yield place
    place.connection.close()


def test_a_payment_of_after_the_copy_is_found_and_credited_once(till):
    """Its webhook came before the copy was put back, and no other will."""
    order = till.order()
    till.shop.pay(order.provider_order_id)
    not_by_schedule()
    till.collect()
    assert till.entries() == []

    restore(till.shop.now)
    till.collect()
    assert till.entries() == CREDITED
    assert unfinished().gateway_asked
    restore(till.shop.now, id_="b")
    till.collect()
    assert till.entries() == CREDITED
    assert till.reasons() == []


def test_a_payment_of_an_order_that_is_not_in_the_copy_is_kept_for_a_clerk_with_its_receipt(till):
    from urja.apps.payments.models import Unmatched

    lost = till.shop.post("/v1/orders", amount=30_000, currency="INR", receipt="urja-77")
    till.shop.pay(lost["id"])
    restore(till.shop.now)
    till.collect()
    [kept] = Unmatched.objects.all()
    assert (kept.reason, kept.amount_minor, kept.detail["receipt"]) == ("unknown_order", 30_000, "urja-77")


def test_a_gateway_that_does_not_answer_is_asked_again(till, monkeypatch):
    from urja.apps.payments.errors import GatewayAwayError, GatewayRefusedError

    ask = till.gateway.client.payments_since
    for error in (GatewayAwayError("no answer"), GatewayRefusedError("no")):

        def away(_since, error=error):
            raise error

        monkeypatch.setattr(till.gateway.client, "payments_since", away)
        till.collector.no_query_before = None
        restore(till.shop.now)
        till.collect()
        assert not unfinished().gateway_asked
    monkeypatch.setattr(till.gateway.client, "payments_since", ask)
    till.shop.move(minutes=1)
    till.collector.no_query_before = None
    till.collect()
    assert unfinished().gateway_asked


def test_payments_are_ill_until_the_gateway_was_asked(till):
    from urja.apps.supply.health import assess, recovery_sentence

    till.collect()
    assert assess(till.shop.now)[0].payments
    restore(till.shop.now)
    assert not assess(till.shop.now)[0].payments
    assert "until the payment gateway has reported its payments since then, and 70% of" in recovery_sentence()
    till.collect()
    assert assess(till.shop.move(minutes=1))[0].payments


def test_no_supply_is_disconnected_before_collection_is_healthy_again(house):
    used_up(house)
    restore(house.now)
    for minute in range(1, 60, 6):
        # The data are young enough, and of before the restore.
        house.go(house.at(1, 10, minute))
    assert supply(house) == []
    assert house.where() == ("suspended", "collection_ill")
    house.until(house.at(1, 11, 20), step=4 * MINUTE)
    assert supply(house) == [("disconnect", "queued")]
    assert unfinished() is None


def test_the_status_says_that_disconnections_wait_and_for_what(house):
    from urja.pipeline.decide import Decide

    def detail():
        # A look over all accounts is the first thing that a stage does.
        return Decide(0.0).run_once(house.now).detail

    used_up(house)
    assert detail() == ""
    restore(house.now)
    assert detail() == (
        f"data restored from a backup of {house.now - HOUR:%Y-%m-%d %H:%M} UTC: disconnections are paused until 70% of the "
        f"meters have sent data from after {house.now:%Y-%m-%d %H:%M} UTC"
    )
    house.until(house.at(1, 11, 20), step=4 * MINUTE)
    assert unfinished() is None
    assert detail() == ""


def test_a_cut_of_before_the_restore_is_called_back(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    assert house.commands() == [("disconnect", "queued")]
    restore(house.now)
    house.go(house.now)
    assert supply(house) == [("disconnect", "superseded")]


def test_numbers_that_were_given_since_are_not_given_again(house):
    from django.db import connection

    from urja.apps.commands.operations import issue

    def number():
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('payments_number')")
            return cursor.fetchone()[0]

    def sequence():
        place = house.houses[0]
        command = issue(
            device_id=place.device_id,
            service_point_id=place.service_point_id,
            kind="read_nameplate",
            issued_at=house.now,
            issued_wall_ms=0,
            expires_at=house.now + HOUR,
            reason="test",
            correlation=1,
        )
        return command.sequence

    before = number(), sequence()
    assert restore(house.now) == 1
    after = number(), sequence()
    assert (after[0] - before[0], after[1] - before[1]) == (1_000_001, 10_001)
    # At the next start the same restore is known.
    assert restore(house.now) == 0
    assert (number(), sequence()) == (after[0] + 1, after[1] + 1)


def test_the_pipeline_cannot_undo_a_restore(house):
    """It may say what was learned; when the data were put back is the owner's word."""
    from django.db.utils import ProgrammingError

    from urja.apps.supply.models import Recovery

    restore(house.now)
    for change in ({"noticed_at": house.now - timedelta(days=9)}, {"since_at": house.now}):
        with as_role("urja_pipeline"), pytest.raises(ProgrammingError, match="permission denied"):
            Recovery.objects.update(**change)
    with as_role("urja_web"), pytest.raises(ProgrammingError, match="permission denied"):
        Recovery.objects.update(ended_at=house.now)


def switches():
    from urja.apps.commands.models import Command

    return Command.objects.filter(kind="read_object").order_by("id")


def told(place, value, house=0):
    """The meter says how its switch stands."""
    switches().filter(device_id=place.houses[house].device_id, state="queued").update(
        state="confirmed", ended_at=place.now, ended_wall_ms=0, evidence={"value": value}
    )


def inspections():
    return [order.asked["switch_found"] for order in inspected()]


def inspected():
    from urja.apps.work.models import WorkOrder

    return WorkOrder.objects.filter(kind="inspect").order_by("id")


def relays_read():
    from urja.apps.supply.models import Recovery

    return Recovery.objects.exclude(relays_read_at=None).count()


def test_a_switch_is_asked_once_and_one_that_differs_is_looked_at(database):
    """Of five meters one says that it is off; what is no answer is no difference."""
    said = (True, False, "no switch", 5, None)
    place = Place(database, [adopt(n, credit_minor=10_000, bucket=n) for n, _ in enumerate(said, 1)])
    restore(place.now)
    place.go()
    place.go(place.now + MINUTE)
    assert [asked.device_id for asked in switches()] == [house.device_id for house in place.houses]
    for asked in switches():
        assert asked.arguments == {"obis": "0.0.96.3.10.255", "class_id": 70, "attribute": 2}
    assert (inspections(), relays_read()) == ([], 0)
    for house, value in enumerate(said):
        told(place, value, house)
    for _ in range(2):
        place.go(place.now + MINUTE)
    assert (inspections(), relays_read()) == (["off"], 1)
    assert inspected().get().device_id == place.houses[1].device_id
    assert [place.command(house).kind for house in range(5)] == ["read_object"] * 5
    place.connection.close()


def test_a_switch_that_was_off_at_the_copy_and_is_on_is_looked_at(house):
    cut(house)
    restore(house.now)
    house.go(house.now + MINUTE)
    told(house, value=True)
    house.go(house.now + MINUTE)
    assert inspections() == ["on"]


def test_a_meter_that_is_not_reached_is_not_waited_for(house):
    restore(house.now)
    house.go()
    switches().update(state="expired", ended_at=house.now, ended_wall_ms=0)
    house.go(house.now + MINUTE)
    assert (inspections(), relays_read()) == ([], 1)
