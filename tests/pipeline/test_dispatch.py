"""From a command's row to a meter's switch and back: real database, broker, head end and meters."""

import asyncio
import contextlib
from datetime import timedelta

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.apps.town import adopt
from tests.headend.ordering import SIGNING_KEY, House
from tests.headend.pushing import KEK

from urja.base.ports import free_port
from urja.base.process_secrets import HeadendSecrets
from urja.base.settings import HeadendSettings, Settings
from urja.cosem.security import wrap_key
from urja.headend.process import HeadEnd
from urja.meter.inputs import Operate
from urja.meter.relay import Order as Press
from urja.meter.surroundings import RelayOptions
from urja.stream.broker import connect
from urja.stream.definitions import ensure_streams
from urja.stream.errors import BrokerUnavailableError
from urja.stream.signing import public_key
from urja.stream.subjects import User

HOUR = timedelta(hours=1)


class Town:
    """Adopted houses, the stages `project` and `dispatch`, and a head end that can be started again."""

    def __init__(self, database, nats_server, clock, broker):
        from urja.pipeline.django_thread import DjangoThread

        self.database, self.nats, self.clock, self.broker = database, nats_server, clock, broker
        self.in_thread = DjangoThread()
        self.houses = {}

    async def raise_house(self, number=1, **options):
        from urja.pipeline.project import Project
        from urja.usecases import operations as registry

        house = House(self.clock, number, **({"port": free_port()} | options))
        entry = house.entry()

        def adopted():
            if house.transformer is not None:
                registry.add_transformer(
                    house.transformer, feeder="F1", recorded_at=self.clock.now(), actor="test"
                )
            return adopt(
                number,
                bucket=300,
                register_wh=5_000,
                system_title=house.identity.title,
                serial=entry.serial,
                device_type=entry.device_type,
                interval_s=house.identity.type.interval_s,
                wrapped_guek=wrap_key(KEK, house.identity.keys.guek),
                wrapped_gak=wrap_key(KEK, house.identity.keys.gak),
                address=entry.address,
                transformer=house.transformer,
            )

        house.adopted = await self.in_thread(adopted)
        await Project(
            self.broker, "Asia/Kolkata", signing_key=SIGNING_KEY, in_thread=self.in_thread
        ).run_once(self.clock.now())
        return house

    async def stage(self, sink=None):
        from urja.pipeline.dispatch import Dispatch

        progress = await self.broker.consume("PROGRESS")
        return Dispatch(
            sink or self.broker,
            progress,
            self.clock,
            signing_key=SIGNING_KEY,
            in_thread=self.in_thread,
        )

    async def issue(self, house, kind, **changes):
        from urja.apps.commands import operations

        fields = {
            "device_id": house.adopted.device_id,
            "service_point_id": house.adopted.service_point_id,
            "kind": kind,
            "issued_at": self.clock.now(),
            "issued_wall_ms": 1,
            "expires_at": self.clock.now() + HOUR,
            "reason": "test",
            "correlation": 4711,
        }
        return await self.in_thread(lambda: operations.issue(**(fields | changes)))

    async def state(self, command):
        await self.in_thread(lambda: command.refresh_from_db())  # noqa: PLW0108 - a frame of the test
        return command.state

    async def until(self, stage, command, state):
        """Run the stage until a command is there."""
        async with asyncio.timeout(60):
            while await self.state(command) != state:
                assert not command.finished, (command.state, command.detail)
                await stage.run_once(self.clock.now())

    @contextlib.asynccontextmanager
    async def headend(self, *, approvers_file="", **changes):
        secrets = HeadendSecrets(
            broker_url=self.nats.url,
            broker_user="headend",
            broker_password=self.nats.password,
            kek=KEK,
            orders_key=public_key(SIGNING_KEY),
            approvers_file=approvers_file,
        )
        listen = HeadendSettings(hosts=("127.0.0.1",), port=0)
        settings = Settings(headend=msgspec.structs.replace(listen, **changes))
        async with HeadEnd.running(settings, secrets, self.clock, CollectorRegistry()) as running:
            yield running


@pytest.fixture
async def town(database, nats_server, stepped_clock):
    from django.db import connections

    connections["default"].settings_dict |= {"USER": "urja_owner"}
    admin = await connect(nats_server.url, User.ADMIN, nats_server.password, "test")
    await ensure_streams(admin)
    await admin.close()
    broker = await connect(nats_server.url, User.PIPELINE, nats_server.password, "test")
    town = Town(database, nats_server, stepped_clock, broker)
    yield town
    await broker.close()
    await town.in_thread.close()


async def test_from_a_row_to_the_switch_and_back(town):
    house = await town.raise_house(transformer="T1")
    stage = await town.stage()
    async with town.headend() as headend, house.listening():
        cut = await town.issue(house, "disconnect")
        await town.until(stage, cut, "confirmed")
        assert not house.switch.closed
        back = await town.issue(house, "connect")
        await town.until(stage, back, "confirmed")
        [known] = headend.roster.meters.values()
    assert house.switch.closed
    assert known.entry.transformer == "T1"
    assert cut.evidence["control_state"] == "disconnected"
    assert back.evidence["control_state"] == "connected"
    wall = [back.issued_wall_ms, back.sent_wall_ms, back.acknowledged_wall_ms, back.ended_wall_ms]
    assert wall == sorted(wall)
    assert bytes(cut.signature) != bytes(back.signature)


async def test_a_credit_before_the_cut_has_left(town):
    """Decided, then paid: the cut is never sent."""
    from urja.apps.commands import operations

    house = await town.raise_house()
    stage = await town.stage()
    cut = await town.issue(house, "disconnect")
    ended = await town.in_thread(
        lambda: operations.supersede(house.adopted.device_id, at=town.clock.now(), wall_ms=2, reason="paid")
    )
    async with town.headend(), house.listening():
        read = await town.issue(house, "read_object", arguments={"obis": "0.0.96.1.0.255"})
        await town.until(stage, read, "confirmed")
    assert not ended.on_its_way
    assert await town.state(cut) == "superseded"
    assert house.switch.closed


async def test_a_credit_while_the_cut_is_on_its_way(town):
    """Sent to a meter out of reach, then paid: the newer connect is carried out, the cut never."""
    house = await town.raise_house()
    stage = await town.stage()
    async with town.headend() as headend:
        cut = await town.issue(house, "disconnect")
        await stage.run_once(town.clock.now())
        async with asyncio.timeout(60):
            while not await _waits(headend):  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.02)
        back = await town.issue(house, "connect")
        assert await town.state(cut) == "superseded"
        async with house.listening():
            await town.until(stage, back, "confirmed")
    assert house.switch.closed
    assert await town.state(cut) == "superseded"
    # Nothing ever opened it.
    assert house.station.counts.connections >= 1
    assert house.meter.engine.switch.state == 1


async def _waits(headend):
    found = headend.registry.get_sample_value(
        "urja_headend_commands_total", {"kind": "disconnect", "result": "again"}
    )
    return bool(found)


async def test_unreachable_and_told_so_until_it_expires(town):
    house = await town.raise_house()
    stage = await town.stage()
    async with town.headend():
        cut = await town.issue(house, "disconnect")
        async with asyncio.timeout(60):
            while not cut.last_error:
                await stage.run_once(town.clock.now())
                await town.state(cut)
        assert cut.state == "sent"
        assert cut.last_error.startswith("unreachable")
        assert cut.again_at is not None
        town.clock.advance(HOUR)
        await town.until(stage, cut, "expired")
        async with house.listening():
            read = await town.issue(house, "read_object", arguments={"obis": "0.0.96.1.0.255"})
            await town.until(stage, read, "confirmed")
    assert cut.detail.startswith("unreachable")
    assert house.switch.closed


async def test_with_no_head_end_a_sent_command_expires_after_a_while(town):
    house = await town.raise_house()
    stage = await town.stage()
    cut = await town.issue(house, "disconnect")
    await town.until(stage, cut, "sent")
    town.clock.advance(HOUR + timedelta(minutes=1))
    await stage.run_once(town.clock.now())
    # It may have been begun before its end; that would still be told.
    assert await town.state(cut) == "sent"
    town.clock.advance(timedelta(minutes=1))
    await town.until(stage, cut, "expired")


async def test_a_broker_away_leaves_commands_to_go_out_later(town):
    house = await town.raise_house()

    class Sink:
        away = True
        published = 0

        async def publish_order(self, order, signed, shard):
            if self.away:
                raise BrokerUnavailableError("away")
            self.published += 1
            return await town.broker.publish_order(order, signed, shard)

    sink = Sink()
    stage = await town.stage(sink)
    cut = await town.issue(house, "disconnect")
    with pytest.raises(BrokerUnavailableError):
        await stage.run_once(town.clock.now())
    assert (await town.state(cut), cut.published) == ("sent", False)
    sink.away = False
    async with town.headend(), house.listening():
        await town.until(stage, cut, "confirmed")
    assert sink.published == 1


async def test_a_switch_that_waits_for_a_hand(town):
    from urja.apps.commands import queries

    house = await town.raise_house(relay=RelayOptions(mode=3))
    stage = await town.stage()
    async with town.headend(), house.listening():
        cut = await town.issue(house, "disconnect")
        await town.until(stage, cut, "confirmed")
        back = await town.issue(house, "connect")
        await town.until(stage, back, "waiting_for_person")
    assert await town.in_thread(queries.waiting_for_person) == [back]


async def test_many_houses_each_end_once(town):
    houses = [await town.raise_house(number + 1) for number in range(6)]
    stage = await town.stage()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(town.headend())
        for house in houses:
            await stack.enter_async_context(house.listening())
        cuts = [await town.issue(house, "disconnect") for house in houses]
        shown = [
            await town.issue(
                house,
                "write_balance",
                arguments={"balance_minor": 100, "balance_at": town.clock.now().isoformat()},
            )
            for house in houses
        ]
        for command in cuts + shown:
            await town.until(stage, command, "confirmed")
    assert not any(house.switch.closed for house in houses)


async def test_a_valve_from_asleep_to_opened_by_a_person(town):
    """The command waits with its wake-up; a connect makes the valve ready, and the button opens it after the leak test."""
    house = await town.raise_house(port=None, device_type="urja-g1")
    stage = await town.stage()

    def step(by):
        town.clock.advance(by)
        house.station.catch_up()

    async with town.headend() as headend, house.dialling(headend.wrapper_port.port):
        cut = await town.issue(house, "disconnect", expires_at=town.clock.now() + 6 * HOUR)
        # At 09:00; the meter is awake at 12:00.
        assert cut.awake_at == town.clock.now() + 3 * HOUR
        async with asyncio.timeout(60):
            while not cut.last_error:
                await stage.run_once(town.clock.now())
                await town.state(cut)
        assert cut.last_error.startswith("asleep")
        assert cut.again_at == cut.awake_at
        step(3 * HOUR)
        await town.until(stage, cut, "confirmed")
        assert not house.switch.closed
        step(HOUR)
        back = await town.issue(house, "connect")
        await stage.run_once(town.clock.now())
        house.station.apply_input(Operate(Press.MANUAL_RECONNECT))
        await town.until(stage, back, "waiting_for_person")
        house.station.apply_input(Operate(Press.MANUAL_RECONNECT))
        assert not house.switch.closed
        step(timedelta(minutes=1))
    assert house.switch.closed
