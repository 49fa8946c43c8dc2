"""What is flagged, since when and until when, for small histories of readings, events and work orders."""

from datetime import timedelta

import numpy as np
import pytest
from tests.apps import town
from tests.apps.readings.test_overview import HOUR, feeder, metered_grid, store  # noqa: F401 - a fixture
from tests.apps.town import HALF_HOUR, START
from tests.conftest import begun_with

from urja.apps.readings import staging
from urja.stream.records import EVENT, EventState, OwnEvent, Source

DAY = timedelta(days=1)


database, grid = begun_with(metered_grid)


@pytest.fixture
def house(grid):
    houses, _post = grid
    return houses[0]


def told(database, house, code, at, received_at=None, source=Source.PUSH):
    """An event comes in from the meter, or is read from its log."""
    rows = np.zeros(1, EVENT)
    rows["device_id"], rows["code"], rows["state"] = house.device_id, code, EventState.INSTANT
    rows["occurred_at"] = town.seconds(at)
    rows["received_at"] = town.seconds(received_at or at) * 1000
    rows["source"] = source
    with database.connect("urja_pipeline") as connection, connection.cursor() as cursor:
        staging.store_events(cursor, np.array([house.service_point_id]), rows)


def flags(now):
    from urja.apps.supply.queries.flags import flagged

    return [(flag.kind.value, flag.subject, flag.since_at) for flag in flagged(now)]


def look(now):
    from urja.apps.supply import tamper_orders

    return tamper_orders.open_work_orders(now)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (251, "cover_opened"),
        (201, "magnet"),
        (203, "neutral_disturbed"),
        (3, "phase_missing"),
        (55, "current_reversed"),
    ],
)
def test_a_tamper_is_flagged_until_a_visit(database, house, code, kind):
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work import operations

    told(database, house, code, START + HOUR)
    assert (look(START + 2 * HOUR), look(START + 2 * HOUR)) == (1, 0)
    assert flags(START + 3 * HOUR) == [(kind, "URJ00000001", START + HOUR)]
    [order] = everywhere(9)
    assert operations.close(order.id, START + 4 * HOUR)
    assert look(START + 5 * HOUR) == 0
    assert flags(START + 5 * HOUR) == []
    told(database, house, code, START + 6 * HOUR)
    assert look(START + 6 * HOUR) == 1
    assert flags(START + 6 * HOUR) == [(kind, "URJ00000001", START + 6 * HOUR)]


def test_two_lost_phases_of_a_meter_are_one_flag_since_the_first(database, house):
    told(database, house, 5, START + 2 * HOUR)
    told(database, house, 1, START + HOUR)
    assert (look(START + 3 * HOUR), look(START + 3 * HOUR)) == (1, 0)
    assert flags(START + 3 * HOUR) == [("phase_missing", "URJ00000001", START + HOUR)]


def test_pushes_that_cannot_be_accepted_open_one_work_order(database, house):
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work import operations

    told(database, house, OwnEvent.PUSH_MISFIT, START + HOUR)
    told(database, house, OwnEvent.PUSH_IMPLAUSIBLE, START + HOUR)
    look(START + 2 * HOUR)
    [order] = everywhere(9)
    assert (order.kind, order.serial) == ("check_pushes", "URJ00000001")
    assert operations.close(order.id, START + 4 * HOUR)
    assert look(START + 5 * HOUR) == 0
    told(database, house, OwnEvent.PUSH_MISFIT, START + 6 * HOUR)
    assert look(START + 6 * HOUR) == 1


def test_the_end_of_a_magnet_or_a_moved_switch_is_no_flag(database, house):
    for code in (202, 204, 301, 101):
        told(database, house, code, START + HOUR)
    assert look(START + 2 * HOUR) == 0


def test_a_tamper_that_is_reported_after_the_visit_needs_another_work_order(database, house):
    """The meter's alert waited for its link: who was there had not been told of it."""
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work import operations

    told(database, house, 251, START + HOUR)
    look(START + HOUR)
    [order] = everywhere(9)
    operations.close(order.id, START + 4 * HOUR)
    told(database, house, 251, START + 3 * HOUR, received_at=START + 6 * HOUR)
    assert look(START + 6 * HOUR) == 1


def test_a_tamper_whose_alert_was_lost_is_flagged_from_the_meters_log(database, house):
    told(database, house, 201, START + HOUR, received_at=START + 3 * HOUR, source=Source.PULL)
    assert look(START + 3 * HOUR) == 1
    assert flags(START + 3 * HOUR) == [("magnet", "URJ00000001", START + HOUR)]


@pytest.mark.parametrize(("breaths", "work_orders"), [((3,), 0), ((2, 3), 1)])
def test_a_tamper_without_power_that_the_first_push_reported_is_the_same_one_in_the_log(
    database, house, breaths, work_orders
):
    """Unless power was back between the two: then the breath told of another one."""
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work import operations

    for hours in breaths:
        told(database, house, 102, START + hours * HOUR)
    told(database, house, 251, START + 3 * HOUR)
    assert look(START + 3 * HOUR) == 1
    [order] = everywhere(9)
    operations.close(order.id, START + 4 * HOUR)
    told(database, house, 251, START + HOUR, received_at=START + 5 * HOUR, source=Source.PULL)
    assert look(START + 5 * HOUR) == work_orders


def test_a_transformer_that_loses_beyond_both_limits_twice_in_a_row_is_flagged(database, grid):
    (first, second, third), post = grid
    store(database, first, 100, 100, 100, 100, 100)
    store(database, second, 50, 50, 50, 50, 50)
    store(database, third, 50, 50, 50, 50, 50)
    # Much in watts once, then a share alone (iron), then both, twice.
    store(database, post, 700, 160, 250, 600, 650)
    began = START + 3 * HALF_HOUR
    until = START + 5 * HALF_HOUR
    assert flags(until) == [("loss", "T1", began)]
    assert flags(until - HALF_HOUR) == []
    assert flags(began + DAY) == [("loss", "T1", began)], "a day long"
    assert ("loss", "T1", began) not in flags(began + DAY + HALF_HOUR)


def test_a_feeder_that_loses_before_its_transformers_is_flagged(database, grid, feeder):  # noqa: F811
    """What is lost behind the transformer's own meter is the transformer's loss alone."""
    (first, second, third), post = grid
    head, factory = feeder
    store(database, first, 100, 100, 100, 100, 100, 100)
    store(database, second, 50, 50, 50, 50, 50, 50)
    store(database, third, 100, 100, 100, 100, 100, 100)
    store(database, post, 900, 160, 160, 160, 160, 160)
    store(database, factory, None, 100, 100, 100, 100, 100)
    # Once much, then a share alone, then both, twice.
    store(database, head, 2_000, 1_000, 440, 370, 900, 1_000)
    until = START + 6 * HALF_HOUR
    assert flags(until) == [("feeder_loss", "North", START + 4 * HALF_HOUR)]
    assert flags(until - HALF_HOUR) == []


def test_a_meter_of_which_nothing_came_for_a_day_is_flagged_with_the_end_of_what_came(database, grid):
    (first, second, third), post = grid
    heard = START + 2 * HALF_HOUR
    for place in (first, second, post):
        store(database, place, 100, 100)
    serials = ["URJ00000001", "URJ00000002", "URJ00000901"]
    assert flags(START + DAY - HALF_HOUR) == []
    assert flags(START + DAY) == [("not_communicating", "URJ00000003", START)], (
        "never heard of since it was installed"
    )
    assert flags(heard + DAY) == [("not_communicating", "URJ00000003", START)] + [
        ("not_communicating", serial, heard) for serial in serials
    ]
    store(database, third, *[100] * 48)
    assert "URJ00000003" not in [subject for _, subject, _ in flags(heard + DAY)]
