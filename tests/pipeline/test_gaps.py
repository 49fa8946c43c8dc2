"""Missing readings are listed, requested with patience, and closed by data or by proof of an outage."""

import asyncio
from datetime import timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, blocks, registers
from tests.pipeline.test_channel_sets import batch
from tests.pipeline.test_ingest import event_batch, register_batch

from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.quantities.channel_sets import channel_set
from urja.stream.errors import StreamFullError
from urja.stream.messages import ReadOutcome
from urja.stream.records import RegisterKind
from urja.stream.subjects import Kind


class Asked:
    """Stands where the broker does: keeps requests, or refuses them."""

    def __init__(self):
        self.requests = []
        self.full = False

    async def publish_request(self, request, shard):
        if self.full:
            raise StreamFullError("full")
        self.requests.append(request)
        return len(self.requests)

    def take(self):
        taken, self.requests = self.requests, []
        return taken


class Town:
    def __init__(self, database, session, home):
        self.database, self.session, self.home = database, session, home
        self.asked = Asked()
        self.stage = Gaps(session, self.asked, None, ZONE)

    def store(self, *numbers):
        with self.database.connect("urja_pipeline") as connection:
            town_rows.store_blocks(
                connection, blocks(self.home, *((START + n * HALF_HOUR, 10) for n in numbers))
            )

    def open_gaps(self):
        with self.database.connect() as connection:
            return [
                (start - START) // HALF_HOUR
                for (start,) in connection.execute(
                    "SELECT start_at FROM readings_gap WHERE closed_at IS NULL ORDER BY start_at"
                )
            ]

    def answer(self, request, now, *, ok=True, error=None):
        self.stage._note(
            [ReadOutcome(request_id=request.request_id, device_id=request.device_id, ok=ok, error=error)], now
        )


@pytest.fixture
def town(database):
    home = adopt()
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield Town(database, session, home)
    session.close()


def at(halves):
    return START + halves * HALF_HOUR


async def test_intervals_that_did_not_come_are_listed_and_asked_for_in_one_range(town):
    town.store(0, 1, 3, 6)
    now = at(8)
    await town.stage.run_once(now)
    # The eighth ended just now and may still be on its way.
    assert town.open_gaps() == [2, 4, 5]
    (request,) = town.asked.take()
    # By the meter's end stamps, both ends included.
    assert (request.profile, request.from_at, request.to_at) == ("block", at(3), at(6))
    assert request.not_after_at > now
    await town.stage.run_once(now + timedelta(minutes=1))
    assert town.asked.take() == []


async def test_a_gap_closes_when_its_data_come(town):
    town.store(0, 2)
    await town.stage.run_once(at(4))
    assert town.open_gaps() == [1]
    town.store(1, 3, 4)
    await town.stage.run_once(at(6))
    assert town.open_gaps() == []


async def test_intervals_of_an_unknown_channel_set_come_once_the_type_is_loaded(town):
    """They are exceptions first; the gap stays open, and the meter is asked for it once more each day."""
    of_types, another = set(), channel_set("one-more", ("interval_import_wh", "interval_q1_varh"))
    ingester = Ingester(town.session, ZONE, lambda _cursor: of_types)
    answered = [batch(Kind.BLOCK, another, town.home.device_id, at(1), (7, None))]
    town.store(0, 2)
    await town.stage.run_once(at(4))
    (request,) = town.asked.take()
    assert ingester.apply(answered, at(4)).refused == 1
    town.answer(request, at(4))
    await town.stage.run_once(at(5))
    assert 1 in town.open_gaps()
    of_types.add(another)
    town.asked.take()
    await town.stage.run_once(at(4) + timedelta(hours=25))
    (again,) = [request for request in town.asked.take() if request.profile == "block"]
    assert again.from_at <= at(2) <= again.to_at
    assert ingester.apply(answered, at(60)).stored.inserted == 1
    await town.stage.run_once(at(60))
    assert 1 not in town.open_gaps()


def test_a_meter_put_in_during_an_interval_owes_the_next(database, town):
    late = adopt(2, valid_from=START + timedelta(minutes=7))
    town.store(0, 1)
    asyncio.run(town.stage.run_once(at(2) + timedelta(minutes=16)))
    with database.connect() as connection:
        assert connection.execute(
            "SELECT start_at FROM readings_gap WHERE device_id = %s", [late.device_id]
        ).fetchall() == [(at(1),)]


async def test_failures_are_repeated_with_growing_pauses(town):
    town.store(0, 2)
    now = at(4)
    pauses = []
    for _ in range(4):
        await town.stage.run_once(now)
        (request,) = town.asked.take()
        town.answer(request, now, ok=False, error="no connection")
        failed = now
        while not town.asked.requests:
            now += timedelta(minutes=5)
            await town.stage.run_once(now)
        pauses.append((now - failed) // timedelta(minutes=5))
        (request,) = town.asked.take()
        town.answer(request, now, ok=False, error="no connection")
        with town.database.connect() as connection:
            connection.execute("UPDATE readings_pull SET next_at = %s", [now])
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]


async def test_a_request_without_an_answer_is_sent_again_after_its_time(town):
    town.store(0, 2)
    await town.stage.run_once(at(4))
    (first,) = town.asked.take()
    await town.stage.run_once(first.not_after_at)
    (second,) = town.asked.take()
    assert second.request_id != first.request_id
    # The late answer to the first no longer counts.
    town.answer(first, first.not_after_at)
    with town.database.connect() as connection:
        assert connection.execute("SELECT request_id, attempts FROM readings_pull").fetchall() == [
            (second.request_id, 1)
        ]


async def test_a_full_stream_leaves_the_request_to_be_asked_again(town):
    town.store(0, 2)
    town.asked.full = True
    with pytest.raises(StreamFullError):
        await town.stage.run_once(at(4))
    town.asked.full = False
    await town.stage.run_once(at(4) + timedelta(minutes=2))
    assert len(town.asked.take()) == 1


def test_no_more_requests_under_way_than_allowed(database, town):
    for number in range(2, 8):
        adopt(number)
    stage = Gaps(town.session, town.asked, None, ZONE, outstanding=4)
    asyncio.run(stage.run_once(at(4)))
    assert len(town.asked.take()) == 4
    asyncio.run(stage.run_once(at(4) + timedelta(minutes=1)))
    assert town.asked.take() == []


async def test_each_midnight_the_daily_profile_is_asked_for_once(town):
    town.store(*range(50))
    midnight = at(48)
    await town.stage.run_once(midnight + timedelta(minutes=5))
    assert town.asked.take() == []
    now = midnight + timedelta(minutes=11)
    await town.stage.run_once(now)
    (request,) = town.asked.take()
    assert request.profile == "daily"
    assert request.from_at <= midnight == request.to_at
    assert request.from_at > START
    with town.database.connect("urja_pipeline") as connection:
        town_rows.store_registers(connection, registers(town.home, (midnight, 10_600)))
    town.answer(request, now)
    await town.stage.run_once(now + timedelta(minutes=1))
    assert town.asked.take() == []


async def test_a_meter_whose_clock_is_slow_is_asked_again_for_its_midnight(town):
    """It answers that it has no such row, because by its own clock it is not midnight yet."""
    town.store(*range(60))
    midnight = at(48)
    now = midnight + timedelta(minutes=11)
    await town.stage.run_once(now)
    (request,) = town.asked.take()
    town.answer(request, now)
    await town.stage.run_once(now + timedelta(minutes=10))
    assert town.asked.take() == []
    await town.stage.run_once(now + timedelta(minutes=30))
    (again,) = town.asked.take()
    assert again.from_at <= midnight == again.to_at
    # Without power at midnight, it may never have one: some hours later that is believed.
    late = midnight + timedelta(hours=2, minutes=1)
    town.answer(again, late)
    await town.stage.run_once(late + timedelta(hours=1))
    assert [request.profile for request in town.asked.take() if request.profile == "daily"] == []


async def test_midnights_that_were_missed_are_asked_for_together(town):
    town.store(*range(4 * 48))
    with town.database.connect("urja_pipeline") as connection:
        town_rows.store_registers(connection, registers(town.home, (at(48), 10_500)))
    await town.stage.run_once(at(4 * 48) + timedelta(minutes=11))
    (request,) = town.asked.take()
    assert at(48) < request.from_at <= at(96)
    assert request.to_at == at(4 * 48)


def events(town, *pairs):
    batch = event_batch(*((town.home.device_id, when, code) for when, code in pairs))
    Ingester(town.session, ZONE).apply([batch], at(20))


async def test_an_outage_proven_by_the_meters_own_events_is_known_zero(town):
    town.store(0, 1, 6, 7)
    events(town, (at(2) - timedelta(minutes=5), 101), (at(5) + timedelta(minutes=5), 102))
    now = at(8) + timedelta(minutes=16)
    await town.stage.run_once(now)
    assert town.open_gaps() == [2, 3, 4, 5]
    (request,) = town.asked.take()
    town.answer(request, now)
    await town.stage.run_once(now + timedelta(minutes=1))
    # The fifth is only partly within the outage: it is no known zero.
    assert town.open_gaps() == [5]
    with town.database.connect() as connection:
        assert (
            connection.execute(
                "SELECT values[1], status, source FROM readings_interval WHERE source = 5"
            ).fetchall()
            == [(0, 2, 5)] * 3
        )
        assert connection.execute("SELECT watermark_at, billed_value FROM readings_accrual").fetchall() == [
            (at(5), 20)
        ]
    assert [request.profile for request in town.asked.take()] == ["power-events"]


def counts(town, tampers, at_half):
    batch = register_batch(
        (town.home.device_id, at(at_half), 10_000 + at_half), kind=RegisterKind.INSTANTANEOUS
    )
    batch.records["values"][:, 4] = tampers
    Ingester(town.session, ZONE).apply([batch], at(at_half))


async def test_a_meter_that_has_counted_a_tamper_is_asked_for_its_logs_until_they_are_read(town):
    town.store(0, 1)
    counts(town, 0, 1)
    await town.stage.run_once(at(1))
    assert town.asked.take() == [], "nothing has been counted"
    counts(town, 1, 2)
    await town.stage.run_once(at(2))
    (request,) = town.asked.take()
    # Its clock may be ahead; what was before its installation here belongs to no consumer.
    assert (request.profile, request.from_at) == ("tamper-events", START)
    assert request.to_at > at(2)
    # Another one while the first is under way is asked for again.
    counts(town, 2, 3)
    town.answer(request, at(3))
    await town.stage.run_once(at(3))
    (again,) = [request for request in town.asked.take() if request.profile == "tamper-events"]
    town.answer(again, at(3))
    counts(town, 2, 4)
    await town.stage.run_once(at(4))
    assert [request for request in town.asked.take() if request.profile == "tamper-events"] == []
    # Days later only what is new is read, and a day of what was.
    for number, day in ((3, 3), (4, 5)):
        counts(town, number, day * 48)
        await town.stage.run_once(at(day * 48))
        (late,) = [request for request in town.asked.take() if request.profile == "tamper-events"]
        town.answer(late, at(day * 48))
    assert late.from_at == at(2 * 48)


async def test_a_log_that_could_not_be_read_is_asked_for_later(town):
    town.store(0, 1)
    counts(town, 1, 2)
    await town.stage.run_once(at(2))
    (request,) = town.asked.take()
    town.answer(request, at(2), ok=False, error="no connection")
    await town.stage.run_once(at(2) + timedelta(minutes=6))
    assert [request.profile for request in town.asked.take()] == ["tamper-events"]


async def test_two_failures_without_a_return_between_prove_nothing(town):
    town.store(0, 1, 6, 7)
    events(town, (at(2), 101), (at(5), 101), (at(6), 102))
    now = at(8) + timedelta(minutes=16)
    await town.stage.run_once(now)
    (request,) = town.asked.take()
    town.answer(request, now)
    await town.stage.run_once(now + timedelta(minutes=1))
    assert town.open_gaps() == [2, 3, 4]


async def test_data_that_come_after_all_replace_a_known_zero(town):
    await test_an_outage_proven_by_the_meters_own_events_is_known_zero(town)
    town.store(3)
    with town.database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM readings_exception").fetchone() == (0,)
        assert connection.execute("SELECT billed_value FROM readings_accrual").fetchone() == (30,)


async def test_a_second_run_at_the_same_time_does_nothing(town):
    town.store(0, 2)
    await town.stage.run_once(at(4))
    town.asked.take()
    assert (await town.stage.run_once(at(4))).done == 0
