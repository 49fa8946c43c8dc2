"""An agreement without a billing meter continues or ends: its days close for good, and one work order is opened."""

from datetime import date, timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, remove
from tests.pipeline.test_leaving import NOON, debits, place, post  # noqa: F401 - a fixture
from tests.usecases.life import DAY, HOUR, do

MONDAY = date(2026, 3, 2)


def closed():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT closed_through, provisional FROM billing_close")
        return cursor.fetchall()[0]


def leave(at):
    from urja.usecases.operations import MoveOut

    return do(MoveOut(consumer_number="URJ00000001", at=at), at + HOUR)


def orders():
    from urja.apps.work.models import WorkOrder

    return [
        f"{order.kind} {order.state} since {order.asked['unmetered_since'][:16]}"
        for order in WorkOrder.objects.order_by("opened_at")
    ]


def test_days_without_a_meter_close_for_good_after_the_cutoff(place):  # noqa: F811
    place.meter.blocks(START, *[100] * 24)
    remove(1, NOON, register_wh=12_400)
    post(START + DAY + 2 * HOUR)
    assert closed() == (MONDAY, False)
    post(START + 2 * DAY + 2 * HOUR)
    assert closed() == (MONDAY + DAY, False)


@pytest.mark.parametrize("days", [2, 35], ids=["the-same-month", "a-month-later"])
def test_an_agreement_that_ends_without_a_meter_is_settled(place, days):  # noqa: F811
    place.meter.blocks(START, *[100] * 24)
    remove(1, NOON, register_wh=12_400)
    left_at = START + days * DAY + 12 * HOUR
    for day in range(1, days + 1):
        post(START + day * DAY + 2 * HOUR)
    leave(left_at)
    post(left_at + HOUR / 2)
    assert place.final().settled_at is None
    post(left_at + 2 * HOUR)
    assert place.final().settled_at == left_at + 2 * HOUR
    assert [kind for kind, _, _ in debits()] == ["refund"]
    post(left_at + 3 * HOUR)
    assert place.balance() == 0


def test_the_order_stays_for_the_read_of_a_meter_that_was_removed_unread(place):  # noqa: F811
    """Then what it has counted last is not known, and money does not go before it is."""
    from django.db import connection, transaction

    from urja.apps.readings.operations import recompute_since, record_installation

    place.meter.blocks(START, *[100] * 24)
    gone_at = NOON + HOUR
    remove(1, gone_at)
    left_at = START + 2 * DAY + 12 * HOUR
    leave(left_at)
    post(left_at + 5 * HOUR)
    assert place.final().settled_at is None
    with transaction.atomic(), connection.cursor() as cursor:
        record_installation(
            cursor,
            service_point_id=place.first.service_point_id,
            device_id=place.first.device_id,
            read_at=gone_at,
            register=12_600,
            recorded_at=left_at,
        )
        recompute_since(cursor, {place.first.service_point_id: gone_at}, left_at, town.ZONE)
    post(left_at + 6 * HOUR)
    assert place.final().settled_at == left_at + 6 * HOUR


def test_one_work_order_is_opened_for_a_service_point_without_a_meter(place):  # noqa: F811
    from urja.apps.work.models import WorkOrder
    from urja.usecases.operations import CloseWorkOrder

    remove(1, NOON, register_wh=10_000)
    told = f"since {NOON.isoformat()[:16]}"
    assert orders() == []
    for day in (1, 2, 3):
        post(START + day * DAY + 2 * HOUR)
        assert orders() == [f"inspect open {told}"]
    there = CloseWorkOrder(
        work_order_id=WorkOrder.objects.get().id, closed_at=START + 4 * DAY, note="the house is shut"
    )
    do(there, START + 4 * DAY)
    post(START + 5 * DAY)
    assert orders() == [f"inspect done {told}"]


def test_the_order_is_withdrawn_when_a_meter_is_installed_again(place):  # noqa: F811
    remove(1, NOON, register_wh=10_000)
    post(START + DAY + 2 * HOUR)
    town.install(1, START + DAY + 3 * HOUR, place=1, register_wh=10_000)
    post(START + 2 * DAY + 2 * HOUR)
    assert orders() == [f"inspect withdrawn since {NOON.isoformat()[:16]}"]


def test_no_work_order_is_opened_where_no_agreement_is_in_force(place):  # noqa: F811
    place.leave(register_wh=12_400)
    remove(1, NOON + HOUR, register_wh=12_400)
    post(START + DAY + 2 * HOUR)
    assert orders() == []


def test_a_place_that_everybody_takes_for_metered_waits_for_ever(place, monkeypatch):  # noqa: F811
    """What the rule is for: without it the account is never settled."""
    from urja.pipeline import charge_differences

    place.meter.blocks(START, *[100] * 24)
    remove(1, NOON, register_wh=12_400)
    monkeypatch.setattr(charge_differences, "_unmetered", lambda *_: set())
    left_at = START + 2 * DAY + 12 * HOUR
    leave(left_at)
    for hours in (2, 30, 60):
        post(left_at + timedelta(hours=hours))
    assert place.final().settled_at is None
