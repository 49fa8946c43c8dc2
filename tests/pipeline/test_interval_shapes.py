"""Intervals of 15, 30 and 60 minutes over days of 23 and 25 hours, by clocks that follow summer time and clocks that do
not: what is stored, what is missing and which midnights are due.
"""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.apps.town import adopt, seconds
from tests.pipeline.test_gaps import Asked
from tests.pipeline.test_ingest import block_batch, register_batch

from urja.core.calendar import utc_offsets_s
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection

ONTARIO, LORD_HOWE = "America/Toronto", "Australia/Lord_Howe"
HOUR = timedelta(hours=1)
LATER = timedelta(days=20)


@pytest.fixture
def session(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield session
    session.close()


def local(zone, *when):
    return datetime(*when, tzinfo=ZoneInfo(zone))


def day_of(begins, ends, length_s):
    """Every interval from one instant to another, by elapsed time."""
    count = (seconds(ends) - seconds(begins)) // length_s
    return [seconds(begins) + n * length_s for n in range(count)]


def block_rows(device, starts, length_s):
    batch = block_batch(*((device, datetime.fromtimestamp(at, ZoneInfo("UTC")), 10) for at in starts))
    batch.records["length_s"] = length_s
    return batch


def missing(connection):
    """Starts of the listed intervals by device."""
    found = {}
    for device, at in connection.execute("SELECT device_id, start_at FROM readings_gap ORDER BY 1, 2"):
        found.setdefault(device, []).append(seconds(at))
    return found


def test_offsets_are_those_of_each_instant():
    spring, autumn = local(ONTARIO, 2026, 3, 8, 3), local(ONTARIO, 2026, 11, 1, 1, 0).replace(fold=1)
    at = np.array([seconds(spring) - 1, seconds(spring), seconds(autumn) - 1, seconds(autumn)], np.int64)
    assert (utc_offsets_s(at, ZoneInfo(ONTARIO)) // 3600).tolist() == [-5, -4, -4, -5]
    years = np.array([seconds(local("UTC", year, 7, 1)) for year in (2015, 2026)], np.int64)
    assert utc_offsets_s(years, ZoneInfo("Asia/Kathmandu")).tolist() == [20_700, 20_700]
    assert len(utc_offsets_s(years[:0], ZoneInfo(ONTARIO))) == 0


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 8, 23), (11, 1, 25)])
def test_ontario_over_both_changes(database, session, month, day, hours):
    """Meters by 15, 30 and 60 minutes, with summer time and without, judged weeks later by another offset."""
    begins, ends = local(ONTARIO, 2026, month, day), local(ONTARIO, 2026, month, day + 1)
    batches, lost, requests = [], {}, {}
    meters = [(length_s, fixed_s) for length_s in (900, 1800, 3600) for fixed_s in (None, -18_000)]
    for number, (length_s, fixed_s) in enumerate(meters, 1):
        home = adopt(number, valid_from=begins, interval_s=length_s, clock_offset_s=fixed_s)
        starts = day_of(begins, ends, length_s)
        assert len(starts) == hours * 3600 // length_s
        lost[home.device_id] = starts[1::5]
        requests[home.device_id] = starts[1] + length_s
        sent = [at for at in starts if at not in starts[1::5]]
        batches.append(block_rows(home.device_id, [*sent, starts[-1] + 300], length_s))
    outcome = Ingester(session, ONTARIO).apply(batches, begins + LATER)
    rows = sum(len(batch.records) for batch in batches)
    assert (outcome.stored.inserted, outcome.refused) == (rows - len(meters), len(meters))
    asked = Asked()
    # An interval is due a quarter of an hour after its end.
    asyncio.run(Gaps(session, asked, None, ONTARIO).run_once(ends + timedelta(minutes=15)))
    with database.connect() as connection:
        assert missing(connection) == lost
    assert {
        one.device_id: seconds(one.from_at) for one in asked.requests if one.profile == "block"
    } == requests


def test_a_zone_that_moves_by_half_an_hour(database, session):
    """Lord Howe Island, meters by the hour: the grid moves with local time, and last summer's is not today's."""
    before, after = local(LORD_HOWE, 2026, 4, 4), local(LORD_HOWE, 2026, 4, 6)
    home = adopt(valid_from=before, interval_s=3600)
    # Clocks go from 02:00 back to 01:30 on 5 April: the local hours on either side of it.
    good = [*day_of(before, local(LORD_HOWE, 2026, 4, 5, 1), 3600)]
    good += [seconds(local(LORD_HOWE, 2026, 4, 5, 1))]
    good += day_of(local(LORD_HOWE, 2026, 4, 5, 2), after, 3600)
    wrong = [seconds(local(LORD_HOWE, 2026, 4, 5, 12)) + 1800]
    outcome = Ingester(session, LORD_HOWE).apply(
        [block_rows(home.device_id, [*good[:5], *good[6:], *wrong], 3600)], after + LATER
    )
    assert (outcome.stored.inserted, outcome.refused) == (len(good) - 1, 1)
    asyncio.run(Gaps(session, Asked(), None, LORD_HOWE).run_once(after + timedelta(minutes=15)))
    with database.connect() as connection:
        assert missing(connection) == {home.device_id: [good[5]]}


def test_midnights_of_a_meter_on_standard_time(database, session):
    """In July it freezes its registers at one in the morning: asked for then, and not an hour before."""
    begins = local(ONTARIO, 2026, 7, 1, 1)
    homes = [
        adopt(1, valid_from=begins, interval_s=3600, clock_offset_s=-18_000),
        adopt(2, valid_from=begins, interval_s=3600),
    ]
    asked = Asked()
    stage = Gaps(session, asked, None, ONTARIO)
    midnight = local(ONTARIO, 2026, 7, 2)

    def daily():
        return [(one.device_id, one.to_at) for one in asked.take() if one.profile == "daily"]

    asyncio.run(stage.run_once(midnight + timedelta(minutes=11)))
    assert daily() == [(homes[1].device_id, midnight)]
    asyncio.run(stage.run_once(midnight + HOUR + timedelta(minutes=11)))
    assert daily() == [(homes[0].device_id, midnight + HOUR)]
    Ingester(session, ONTARIO).apply(
        [register_batch((homes[0].device_id, midnight + HOUR, 10_100))], midnight + 2 * HOUR
    )
    asyncio.run(stage.run_once(midnight + 2 * HOUR))
    with database.connect() as connection:
        assert connection.execute(
            "SELECT c.daily_to_at FROM readings_coverage c JOIN assets_device_period p ON p.id = c.device_period_id"
            " WHERE p.device_id = %s",
            [homes[0].device_id],
        ).fetchone() == (midnight + HOUR,)


def test_the_offset_comes_from_the_type():
    import msgspec

    from urja.cosem.companion import load_device_type

    reference = load_device_type("urja-d1")
    assert reference.clock_offset_s is None
    assert msgspec.structs.replace(reference, standard_time=True).clock_offset_s == 19_800
