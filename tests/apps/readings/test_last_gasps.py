"""The newest message of a meter and whether it was a last gasp, whatever the order of batches."""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt
from tests.pipeline.test_ingest import block_batch, event_batch

from urja.apps.readings import last_gasps
from urja.core.power import NoPower, NotCommunicating, Powered
from urja.stream.records import Source

MINUTE = timedelta(minutes=1)
FAILED, BACK, COVER = 101, 102, 251


@pytest.fixture
def connection(database):
    with database.connect("urja_pipeline") as connection:
        yield connection


def alert(device_id, at, *codes, source=Source.PUSH):
    """One message."""
    records = event_batch(*((device_id, at, code) for code in codes)).records
    records["received_at"], records["source"] = town.seconds(at) * 1000, source
    return records


def block(device_id, start):
    records = block_batch((device_id, start, 100)).records
    records["received_at"] = town.seconds(start + HALF_HOUR) * 1000
    return records


def note(connection, *messages):
    none = block_batch().records, event_batch().records
    with connection.transaction(), connection.cursor() as cursor:
        blocks = [rows for rows in messages if "start_at" in rows.dtype.names]
        events = [rows for rows in messages if "code" in rows.dtype.names]
        last_gasps.record_batch(cursor, blocks or [none[0]], np.concatenate(events or [none[1]]))


def told(connection):
    return connection.execute("SELECT heard_at, last_gasp FROM readings_heard").fetchone()


def test_nothing_is_noted_of_nothing_and_of_blocks_alone(connection):
    """That blocks come in, the accruals know: a row for each would halve the speed of ingest."""
    note(connection)
    note(connection, block(adopt().device_id, START))
    assert told(connection) is None


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        (lambda d: [block(d, START), alert(d, START + 40 * MINUTE, FAILED)], (40, True)),
        (
            lambda d: [alert(d, START + 40 * MINUTE, FAILED), alert(d, START + 50 * MINUTE, BACK)],
            (50, False),
        ),
        (lambda d: [alert(d, START + 40 * MINUTE, FAILED, COVER)], (40, True)),
        (lambda d: [alert(d, START + 40 * MINUTE, FAILED, BACK)], (40, False)),
        (lambda d: [alert(d, START + 40 * MINUTE, FAILED), block(d, START + HALF_HOUR)], (60, False)),
        # Read from the log: a reader finds the meter powered.
        (lambda d: [alert(d, START + 40 * MINUTE, FAILED, source=Source.PULL)], (40, False)),
    ],
)
def test_the_last_word_of_the_newest_message_counts(connection, messages, last):
    home = adopt()
    found = messages(home.device_id)
    minutes, gasp = last
    for order in itertools.permutations(found):
        connection.execute("UPDATE readings_heard SET heard_at = 'epoch', last_gasp = false")
        note(connection, *order)
        assert told(connection) == (START + minutes * MINUTE, gasp), "in one batch"
        connection.execute("UPDATE readings_heard SET heard_at = 'epoch', last_gasp = false")
        for message in order:
            note(connection, message)
        if "start_at" not in order[0].dtype.names:
            assert told(connection) == (START + minutes * MINUTE, gasp), "in batches of their own"


def test_what_came_in_before_a_last_gasp_that_is_told_late(connection):
    """Another batch, with the blocks after it, was quicker: their end says that there is power again."""
    from urja.apps.readings.queries.power import billing_meter_power

    home = adopt()
    town.store_blocks(connection, town.blocks(home, (START, 100), (START + HALF_HOUR, 100)))
    note(connection, alert(home.device_id, START + 40 * MINUTE, FAILED))
    now = START + 61 * MINUTE
    assert billing_meter_power(home.service_point_id, now) == Powered(START + 60 * MINUTE)
    note(connection, alert(home.device_id, START + 61 * MINUTE, FAILED))
    assert billing_meter_power(home.service_point_id, now) == NoPower(START + 61 * MINUTE, "meter")


def test_an_order_that_was_carried_out_is_heard_too(connection, database):
    home = adopt()
    note(connection, alert(home.device_id, START + 40 * MINUTE, FAILED))
    last_gasps.record_answers([(home.device_id, START + 39 * MINUTE)])
    assert told(connection) == (START + 40 * MINUTE, True)
    last_gasps.record_answers([(home.device_id, START + 41 * MINUTE)])
    assert told(connection) == (START + 41 * MINUTE, False)


def test_whose_last_gasp_was_lost_has_it_from_the_neighbours(connection):
    from urja.apps.readings.queries.power import billing_meter_power
    from urja.usecases.operations import add_transformer

    for code, feeder in (("T1", "North"), ("T2", "North"), ("T3", "South")):
        add_transformer(code, feeder=feeder, recorded_at=START, actor="test")
    on = ("T1", "T1", "T1", "T2", "T3")
    homes = [adopt(number, transformer=code) for number, code in enumerate(on, 1)]
    for home in homes:
        town.store_blocks(connection, town.blocks(home, (START, 100)))
    out, now = START + 40 * MINUTE, START + 80 * MINUTE

    def power(number):
        return billing_meter_power(homes[number - 1].service_point_id, now)

    note(connection, alert(homes[0].device_id, out, FAILED))
    assert power(3) == Powered(START + 30 * MINUTE), "one alone may be a house's own failure"
    note(connection, alert(homes[1].device_id, out + MINUTE, FAILED))
    assert power(1) == NoPower(out, "meter")
    assert power(3) == NoPower(out, "neighbours")
    assert power(4) == NoPower(out, "neighbours"), "nothing was heard on the whole feeder"
    assert power(5) == Powered(START + 30 * MINUTE), "of another feeder"
    town.store_blocks(connection, town.blocks(homes[3], (START + HALF_HOUR, 100)))
    assert power(4) == Powered(START + 60 * MINUTE)
    assert power(3) == NoPower(out, "neighbours"), "by its transformer"
    assert isinstance(billing_meter_power(homes[4].service_point_id, START + 151 * MINUTE), NotCommunicating)
