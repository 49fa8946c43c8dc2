"""Read requests carried out in sessions with the simulated meter, over real sockets."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
from tests.headend.conftest import until, value
from tests.headend.ordering import put_device
from tests.headend.pushing import KEK

from urja.base.clock import SteppedClock
from urja.base.ids import compose_id
from urja.base.ports import free_port
from urja.cosem.apdu import AccessResult
from urja.cosem.obis import Obis
from urja.cosem.security import wrap_key
from urja.headend.invocation_counters import BLOCK as COUNTER_BLOCK
from urja.meter.faults import FaultPlan
from urja.meter.identity import Identity, seeded_identity
from urja.meter.inputs import MoveTamper
from urja.meter.meter import Meter
from urja.meter.object_model import ByRange, ObjectCatalogue, RefusedError
from urja.meter.station import Station
from urja.stream.messages import DeviceEntry, ReadOutcome, ReadRequest
from urja.stream.records import EventState, RegisterKind, Source

DAY = dt.timedelta(days=1)
BUCKET = 300
DEVICE_ID = compose_id(BUCKET, 1)


class World:
    """One meter with three days of history, known to the registry under one device id."""

    def __init__(
        self, clock: SteppedClock, device_type: str, port: int, interval_s: int | None = None
    ) -> None:
        listens = f"127.0.0.1:{port}" if device_type.endswith("listen") else None
        self.clock = clock
        told = seeded_identity("00000001", device_type, 3, start_wh=5000, listen=listens)
        self.identity: Identity = msgspec.structs.replace(told, interval_s=interval_s)
        self.meter = Meter(self.identity, clock.now() - 3 * DAY)
        self.meter.run_without_pushing(clock.now())
        self.station = Station(
            self.meter,
            now=clock.now,
            entropy=lambda size: bytes(range(size)),
            plan=FaultPlan(self.identity.serial),
        )

    def entry(self, **changes: object) -> DeviceEntry:
        fields = {
            "device_id": DEVICE_ID,
            "bucket": BUCKET,
            "system_title": self.identity.title,
            "serial": self.identity.serial,
            "device_type": self.identity.device_type,
            "interval_s": self.identity.interval_s,
            "wrapped_guek": wrap_key(KEK, self.identity.keys.guek),
            "wrapped_gak": wrap_key(KEK, self.identity.keys.gak),
            "wrapped_hls_secret": self.secret,
            "address": self.identity.listen,
        }
        return DeviceEntry(**(fields | changes))

    @property
    def secret(self) -> bytes | None:
        known = self.identity.hls_secret
        return wrap_key(KEK, bytes.fromhex(known)) if known else None

    @asynccontextmanager
    async def dialled_in(self, port: int) -> AsyncIterator[None]:
        dialling = asyncio.ensure_future(self.station.dial("127.0.0.1", port))
        try:
            yield
        finally:
            dialling.cancel()
            self.station.drop_link()

    def request(self, profile: str, request_id: int = 1, **changes: object) -> ReadRequest:
        now = self.clock.now()
        fields = {
            "request_id": request_id,
            "device_id": DEVICE_ID,
            "system_title": self.identity.title,
            "profile": profile,
            "from_at": now - DAY,
            "to_at": now,
            "not_after_at": now + DAY,
            "correlation": 4711,
        }
        return ReadRequest(**(fields | changes))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        host, port = self.identity.listen.split(":")
        server = await self.station.listen(host, int(port))
        try:
            yield
        finally:
            server.close()
            self.station.drop_link()
            await server.wait_closed()


class Lacking:
    """A meter's objects, all but one; of another log only the whole can be read, or entries."""

    def __init__(self, catalogue: ObjectCatalogue, obis: str, whole: str) -> None:
        self._catalogue = catalogue
        self._obis, self._whole = Obis.parse(obis), Obis.parse(whole)

    def read(self, meter, role, target, selection=None):
        if target[1] == self._obis:
            raise RefusedError(AccessResult.OBJECT_UNDEFINED)
        if target[1] == self._whole and isinstance(selection, ByRange):
            raise RefusedError(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return self._catalogue.read(meter, role, target, selection)


@pytest.fixture
def world(stepped_clock: SteppedClock) -> World:
    return World(stepped_clock, "urja-d1-listen", free_port())


@pytest.fixture
def outcomes(pipeline) -> Callable[[], AsyncIterator[ReadOutcome]]:
    async def take(count: int = 1) -> list[ReadOutcome]:
        consumer = await pipeline.consume("OUTCOMES")
        found: list[ReadOutcome] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                for delivery in await consumer.fetch(10, 5):
                    found.append(delivery.body)
                    await delivery.ack()
        await consumer.close()
        return found

    return take


async def test_blocks_are_pulled_by_range(start_headend, pipeline, stored, outcomes, world):
    await put_device(pipeline, world.entry())
    async with start_headend(), world.listening():
        await pipeline.publish_request(world.request("block"), world.entry().shard)
        [outcome] = await outcomes()
    now = world.clock.now()
    assert outcome == ReadOutcome(
        request_id=1, device_id=DEVICE_ID, ok=True, rows=outcome.rows, correlation=4711
    )
    await stored.take()
    records = stored.records("block")
    # Both ends of the range are included: stamps of 09:00 yesterday to 09:00 today.
    assert outcome.rows == len(records) == 49
    assert records["start_at"].min() == (now - DAY - dt.timedelta(minutes=30)).timestamp()
    assert records["start_at"].max() == (now - dt.timedelta(minutes=30)).timestamp()
    assert set(records["source"].tolist()) == {Source.PULL}
    assert set(records["correlation"].tolist()) == {4711}
    assert set(records["device_id"].tolist()) == {DEVICE_ID}
    assert records["voltage_cv"].min() > 20000
    assert records["import_wh"].sum() > 0


async def test_pulled_blocks_have_the_length_that_the_device_has(
    start_headend, pipeline, stored, outcomes, stepped_clock
):
    """A meter set to 15 minutes, of a type that says 30."""
    world = World(stepped_clock, "urja-d1-listen", free_port(), interval_s=900)
    await put_device(pipeline, world.entry())
    async with start_headend(), world.listening():
        await pipeline.publish_request(world.request("block"), world.entry().shard)
        await outcomes()
    await stored.take()
    records = stored.records("block")
    assert len(records) == 97
    assert set(records["length_s"].tolist()) == {900}
    starts = np.sort(records["start_at"])
    assert set(np.diff(starts).tolist()) == {900}
    assert starts[-1] == (world.clock.now() - dt.timedelta(minutes=15)).timestamp()


async def test_daily_registers_close_their_days(start_headend, pipeline, stored, outcomes, world):
    await put_device(pipeline, world.entry())
    async with start_headend(), world.listening():
        await pipeline.publish_request(
            world.request("daily", from_at=world.clock.now() - 3 * DAY), world.entry().shard
        )
        [outcome] = await outcomes()
    assert outcome.ok
    await stored.take()
    records = stored.records("register")
    assert len(records) == 3
    assert set(records["kind"].tolist()) == {RegisterKind.DAILY}
    # Local midnight is 18:30 UTC of the day before.
    assert {at % 86_400 for at in records["read_at"].tolist()} == {18 * 3600 + 1800}
    assert records["import_wh"].tolist() == sorted(records["import_wh"].tolist())


async def test_the_register_now(start_headend, pipeline, stored, outcomes, world):
    await put_device(pipeline, world.entry())
    async with start_headend(), world.listening():
        await pipeline.publish_request(world.request("instantaneous"), world.entry().shard)
        [outcome] = await outcomes()
    assert (outcome.ok, outcome.rows) == (True, 1)
    await stored.take()
    [record] = stored.records("register")
    assert (record["kind"], record["source"]) == (RegisterKind.INSTANTANEOUS, Source.PULL)
    assert record["read_at"] == world.clock.now().timestamp()
    assert record["import_wh"] >= 5000


async def test_an_outage_is_read_from_the_event_log(start_headend, pipeline, stored, outcomes, world):
    await put_device(pipeline, world.entry())
    failed_at = world.clock.now()
    world.station.cut_power()
    restored_at = world.clock.advance(dt.timedelta(hours=2))
    world.station.restore_power()
    async with start_headend(), world.listening():
        await pipeline.publish_request(world.request("power-events"), world.entry().shard)
        [outcome] = await outcomes()
    assert outcome.ok, outcome.error
    await stored.take()
    found = [
        (record["code"].item(), record["state"].item(), record["occurred_at"].item())
        for record in stored.records("event")
    ]
    assert found == [
        (101, EventState.OCCURRED, failed_at.timestamp()),
        (102, EventState.RESTORED, restored_at.timestamp()),
    ]


async def test_tampers_are_read_from_the_logs_that_the_meter_has(
    start_headend, pipeline, stored, outcomes, world
):
    await put_device(pipeline, world.entry())
    world.station.apply_input(MoveTamper("magnet", True))
    world.station.apply_input(MoveTamper("magnet", False))
    opened_at = world.clock.advance(2 * DAY)
    world.station.apply_input(MoveTamper("cover", True))
    held_at = world.clock.advance(dt.timedelta(minutes=7))
    world.station.apply_input(MoveTamper("magnet", True))
    asked = world.request("tamper-events", to_at=held_at + dt.timedelta(minutes=10))
    world.meter.catalogue = Lacking(world.meter.catalogue, "0.0.99.98.1.255", "0.0.99.98.4.255")
    async with start_headend(), world.listening():
        await pipeline.publish_request(asked, world.entry().shard)
        [outcome] = await outcomes()
    assert (outcome.ok, outcome.rows) == (True, 2), outcome.error
    await stored.take()
    found = sorted(
        (record["code"].item(), record["occurred_at"].item()) for record in stored.records("event")
    )
    # Under the same stamps as the alerts that told of them: stored once, whichever comes first.
    assert found == [(201, held_at.timestamp()), (251, opened_at.timestamp())]


async def test_a_dialled_in_connection_carries_sessions_too(
    start_headend, pipeline, stored, outcomes, stepped_clock
):
    world = World(stepped_clock, "urja-d1", 0)
    await put_device(pipeline, world.entry())
    async with start_headend() as headend:
        dialling = asyncio.ensure_future(world.station.dial("127.0.0.1", headend.wrapper_port.port))
        await until(lambda: world.station.linked)
        stepped_clock.advance(dt.timedelta(minutes=30))
        world.station.catch_up()
        await until(lambda: headend.wrapper_port.by_slot != {})
        await pipeline.publish_request(world.request("block"), world.entry().shard)
        [outcome] = await outcomes()
        assert outcome.ok, outcome.error
        # Pushes go on over the same connection.
        before = value(headend, "pushes_accepted_total")
        stepped_clock.advance(dt.timedelta(minutes=30))
        world.station.catch_up()
        await until(lambda: value(headend, "pushes_accepted_total") > before)
        dialling.cancel()
    await stored.take()
    pulled = [row for row in stored.records("block") if row["source"] == Source.PULL]
    assert len(pulled) == 49
    pushed = {row["start_at"].item(): row for row in stored.records("block") if row["source"] == Source.PUSH}
    [same] = [row for row in pulled if row["start_at"].item() in pushed]
    for field in ("import_wh", "import_vah", "voltage_cv", "current_ca", "health", "clock_status"):
        assert same[field] == pushed[same["start_at"].item()][field]


async def test_one_session_at_a_time_and_counters_that_never_repeat(
    start_headend, pipeline, outcomes, world, stored
):
    await put_device(pipeline, world.entry())
    for _ in range(2):
        async with start_headend() as headend, world.listening():
            for number in range(4):
                request = world.request("instantaneous", number + 10 * headend.wrapper_port.port)
                await pipeline.publish_request(request, world.entry().shard)
            assert all(outcome.ok for outcome in await outcomes(4))
            name = next(iter(headend.sessions.counters._left))
    # The second head end began with a block of its own.
    assert (await headend_counter(pipeline, world, name)) >= COUNTER_BLOCK


async def headend_counter(pipeline, world: World, name: str) -> int:
    from urja.meter.object_model import Role

    assert name.startswith(world.identity.system_title)
    return world.meter.received_counters[Role.UTILITY]


class TestMechanism2:
    """A meter that opens its association by an HLS secret of its own."""

    @pytest.fixture
    def secretive(self, stepped_clock: SteppedClock) -> World:
        world = World(stepped_clock, "urja-d1-aes", 0)
        assert world.identity.hls_secret
        return world

    async def ask(self, start_headend, pipeline, outcomes, world, stepped_clock, **changes) -> ReadOutcome:
        await put_device(pipeline, world.entry(**changes))
        async with start_headend() as headend, world.dialled_in(headend.wrapper_port.port):
            await until(lambda: world.station.linked)
            stepped_clock.advance(dt.timedelta(minutes=30))
            world.station.catch_up()
            await until(lambda: value(headend, "pushes_accepted_total") >= 1)
            await pipeline.publish_request(world.request("block"), world.entry().shard)
            [outcome] = await outcomes()
        return outcome

    async def test_it_is_read_by_its_secret(
        self, start_headend, pipeline, stored, outcomes, secretive, stepped_clock
    ):
        outcome = await self.ask(start_headend, pipeline, outcomes, secretive, stepped_clock)
        assert outcome.ok, outcome.error
        assert outcome.rows == 49

    async def test_another_secret_is_a_wrong_key(
        self, start_headend, pipeline, outcomes, secretive, stepped_clock
    ):
        other = wrap_key(KEK, b"another secret..")
        outcome = await self.ask(
            start_headend, pipeline, outcomes, secretive, stepped_clock, wrapped_hls_secret=other
        )
        assert not outcome.ok
        assert outcome.error.startswith("wrong key")

    async def test_without_its_secret_the_answer_says_what_is_missing(
        self, start_headend, pipeline, outcomes, secretive, stepped_clock
    ):
        outcome = await self.ask(
            start_headend, pipeline, outcomes, secretive, stepped_clock, wrapped_hls_secret=None
        )
        assert not outcome.ok
        assert outcome.error == (
            "a urja-d1-aes opens its association by an HLS secret (mechanism 2), and none is stored for this meter: load it "
            "with a file of devices"
        )


class TestTrouble:
    async def test_a_wrong_key_is_final(self, start_headend, pipeline, outcomes, world):
        await put_device(pipeline, world.entry(wrapped_guek=wrap_key(KEK, bytes(16))))
        async with start_headend(), world.listening():
            await pipeline.publish_request(world.request("block"), world.entry().shard)
            [outcome] = await outcomes()
        assert not outcome.ok
        assert outcome.error is not None
        assert outcome.error.startswith(("wrong key", "refused"))

    async def test_an_expired_request_is_settled_unread(self, start_headend, pipeline, outcomes, world):
        await put_device(pipeline, world.entry())
        past = world.clock.now() - DAY
        async with start_headend():
            await pipeline.publish_request(world.request("block", not_after_at=past), world.entry().shard)
            [outcome] = await outcomes()
        assert (outcome.ok, outcome.error) == (False, "expired before the meter could be read")

    async def test_a_meter_that_comes_later_is_read_later(self, start_headend, pipeline, outcomes, world):
        await put_device(pipeline, world.entry())
        async with start_headend() as headend:
            await pipeline.publish_request(world.request("block"), world.entry().shard)
            await until(lambda: value(headend, "reads_total", profile="block", result="again") == 1)
            async with world.listening():
                [outcome] = await outcomes()
        assert outcome.ok

    async def test_a_request_survives_the_head_end(self, start_headend, pipeline, outcomes, world):
        await put_device(pipeline, world.entry())
        await pipeline.publish_request(world.request("block"), world.entry().shard)
        async with start_headend() as headend:
            await until(lambda: value(headend, "reads_total", profile="block", result="again") == 1)
        async with start_headend(), world.listening():
            [outcome] = await outcomes()
        assert outcome.ok

    async def test_a_listener_that_closes_its_connection_is_tried_again(
        self, start_headend, pipeline, outcomes, world
    ):
        await put_device(pipeline, world.entry())
        port = int(world.identity.listen.split(":")[1])

        def close_at_once(_reader, writer):
            writer.close()

        async with start_headend() as headend:
            rude = await asyncio.start_server(close_at_once, "127.0.0.1", port)
            await pipeline.publish_request(world.request("block"), world.entry().shard)
            await until(lambda: value(headend, "reads_total", profile="block", result="again") == 1)
            rude.close()
            await rude.wait_closed()
            async with world.listening():
                [outcome] = await outcomes()
        assert outcome.ok
