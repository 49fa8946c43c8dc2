"""Meters behind one HDLC link: pulls and orders end to end, over a gateway and over a serial port."""

import asyncio
import datetime as dt
import os
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.headend.conftest import until
from tests.headend.ordering import Desk, House, put_device

from urja.base.meter_address import GatewayLink, HdlcLinkAddress, SerialLink, parse_meter_address
from urja.base.ports import free_port
from urja.base.serial_port import SerialPort
from urja.cosem.association import AssociationConfig, ClientAssociation
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind
from urja.cosem.obis import CosemAttribute
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection, timing_of
from urja.headend.round_trips import RoundTrips
from urja.headend.session import PUBLIC_SAP, Session
from urja.headend.shared_links import MOST_WAITING, SharedLinks
from urja.meter.hdlc_bus import BusProtocol, HdlcBus, PseudoTerminal
from urja.stream.messages import DeviceEntry, ReadOutcome, ReadRequest

DAY = dt.timedelta(days=1)
FIRST = 17


class Gateway(BusProtocol):
    """A serial gateway that takes one connection: the second is closed, as small ones do it."""

    refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._bus.connections:
            Gateway.refused += 1
            transport.abort()
            return
        super().connection_made(transport)


class Noisy(HdlcBus):
    """A bus on which each eighth frame is lost, with its answer."""

    passed = 0

    def receive(self, frame):
        self.passed += 1
        return b"" if self.passed % 8 == 0 else super().receive(frame)


class Counting(HdlcBus):
    """A bus that counts the frames on it."""

    frames = 0

    def receive(self, frame):
        self.frames += 1
        return super().receive(frame)


class Town:
    """Houses whose meters are behind one line, by physical address."""

    def __init__(self, clock, count: int = 3, bus_type: type[HdlcBus] = HdlcBus) -> None:
        self.clock = clock
        port = free_port()
        self.houses = [House(clock, number, port=port) for number in range(1, count + 1)]
        self.link = f"tcp://127.0.0.1:{port}"
        self.port = port
        self._bus_type = bus_type

    def entry(self, house: House) -> DeviceEntry:
        parted = "&" if "?" in self.link else "?"
        address = f"{self.link}{parted}address={FIRST + self.houses.index(house)}"
        return msgspec.structs.replace(house.entry(), address=address)

    def request(self, house: House, profile: str, request_id: int) -> ReadRequest:
        now = self.clock.now()
        return ReadRequest(
            request_id=request_id,
            device_id=house.device_id,
            system_title=house.identity.title,
            profile=profile,
            from_at=now - DAY,
            to_at=now,
            not_after_at=now + DAY,
            correlation=4711,
        )

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[HdlcBus]:
        """The meters on their line, behind a gateway's port."""
        loop = asyncio.get_running_loop()
        stations = {FIRST + place: house.station for place, house in enumerate(self.houses)}
        bus = self._bus_type(stations, loop.time)
        server = await loop.create_server(lambda: Gateway(bus), "127.0.0.1", self.port)
        try:
            yield bus
        finally:
            server.close()
            bus.close()
            await server.wait_closed()


def wait_less(monkeypatch, answer_s: float) -> None:
    """Give meters on lines so long for an answer, in three attempts: outside of tests they have ten seconds."""
    monkeypatch.setattr(
        "urja.headend.hdlc_channel.timing_of", lambda link, _answer_s: timing_of(link, answer_s)
    )


@pytest.fixture
def town(stepped_clock) -> Town:
    Gateway.refused = 0
    return Town(stepped_clock)


@pytest.fixture
def links() -> SharedLinks:
    return SharedLinks()


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


async def outcomes(pipeline, count: int) -> dict[int, ReadOutcome]:
    """By request."""
    consumer = await pipeline.consume("OUTCOMES")
    found: dict[int, ReadOutcome] = {}
    async with asyncio.timeout(60):
        while len(found) < count:
            for delivery in await consumer.fetch(20, 5):
                found[delivery.body.request_id] = delivery.body
                await delivery.ack()
    await consumer.close()
    return found


PROFILES = ("block", "daily", "instantaneous", "power-events")


async def ask(pipeline, town: Town, *profiles: str) -> dict[int, ReadOutcome]:
    """Each profile of each meter, all asked for at once."""
    requests = [
        town.request(house, profile, 100 * house.number + place)
        for house in town.houses
        for place, profile in enumerate(profiles)
    ]
    for request, house in zip(requests, (house for house in town.houses for _ in profiles), strict=True):
        await pipeline.publish_request(request, house.entry().shard)
    return await outcomes(pipeline, len(requests))


async def test_profiles_of_all_meters_of_a_line_are_pulled(start_headend, pipeline, stored, town):
    for house in town.houses:
        await put_device(pipeline, town.entry(house))
    async with start_headend(), town.standing():
        found = await ask(pipeline, town, *PROFILES)
    assert {outcome.error for outcome in found.values()} == {None}
    assert [found[100 * n].rows for n in (1, 2, 3)] == [48, 48, 48]
    await stored.take()
    blocks = stored.records("block")
    assert set(blocks["device_id"].tolist()) == {house.device_id for house in town.houses}
    # The gateway has room for one connection: no second session ever tried.
    assert Gateway.refused == 0


async def test_orders_are_carried_out_and_read_back_behind_a_line(start_headend, pipeline, town, desk):
    for house in town.houses:
        await put_device(pipeline, town.entry(house))
    first, second, _ = town.houses
    second.meter.drift_clock(town.clock.now(), 50_000)
    town.clock.advance(dt.timedelta(hours=1))
    async with start_headend(), town.standing():
        cut = first.order("disconnect")
        clock = second.order("set_clock")
        await desk.send(cut)
        await desk.send(clock)
        ends = await desk.end_of(cut, clock)
        assert [end.state for end in ends] == ["confirmed", "confirmed"], [end.detail for end in ends]
        assert ends[0].evidence["output"] is False
        assert ends[1].evidence["was_off_s"] == 180
        assert not first.switch.closed
        assert second.switch.closed
        back = first.order("connect")
        await desk.send(back)
        [end] = await desk.end_of(back)
        assert end.state in {"confirmed", "connected_load_unproven"}
        assert first.switch.closed
    assert [house.switch.closed for house in town.houses] == [True] * 3


async def test_a_noisy_line_costs_time_and_no_octet(
    start_headend, pipeline, stored, stepped_clock, monkeypatch
):
    wait_less(monkeypatch, 2.0)
    town = Town(stepped_clock, 1, Noisy)
    [house] = town.houses
    await put_device(pipeline, town.entry(house))
    async with start_headend(), town.standing() as bus:
        found = await ask(pipeline, town, "block")
    assert found[100].rows == 48
    assert bus.passed >= 16
    await stored.take()
    assert len(stored.records("block")) == 48


async def test_a_dead_meter_holds_the_line_for_its_time_out_and_no_longer(
    start_headend, pipeline, town, monkeypatch
):
    wait_less(monkeypatch, 4.0)
    dead, *alive = town.houses
    for house in town.houses:
        await put_device(pipeline, town.entry(house))
    dead.station.cut_power()
    loop = asyncio.get_running_loop()
    async with start_headend(), town.standing():
        await pipeline.publish_request(town.request(dead, "instantaneous", 1), dead.entry().shard)
        await asyncio.sleep(0.5)
        began_s = loop.time()
        for number, house in enumerate(alive, start=2):
            await pipeline.publish_request(town.request(house, "instantaneous", number), house.entry().shard)
        found = await outcomes(pipeline, 2)
        took_s = loop.time() - began_s
    assert {number: outcome.ok for number, outcome in found.items()} == {2: True, 3: True}
    # Three attempts of 1.2 s for the dead one; the others need a fraction of a second.
    assert 2.5 < took_s < 9


async def test_a_serial_port_is_a_line_as_well(start_headend, pipeline, stored, town, desk):
    loop = asyncio.get_running_loop()
    stations = {FIRST + place: house.station for place, house in enumerate(town.houses)}
    with PseudoTerminal(HdlcBus(stations, loop.time)) as device:
        town.link = f"serial:{device}?baud=115200"
        for house in town.houses:
            await put_device(pipeline, town.entry(house))
        async with start_headend():
            found = await ask(pipeline, town, "block")
            assert [outcome.rows for outcome in found.values()] == [48, 48, 48]
            cut = town.houses[2].order("disconnect")
            await desk.send(cut)
            [end] = await desk.end_of(cut)
            assert (end.state, town.houses[2].switch.closed) == ("confirmed", False)


async def test_two_head_ends_take_turns_at_one_line(start_headend, pipeline, town):
    """The gateway takes one connection, so the second head end has to know that the line is in use."""
    for house in town.houses:
        await put_device(pipeline, town.entry(house))
    async with start_headend(name="one"), start_headend(name="two"), town.standing():
        found = await ask(pipeline, town, "block", "instantaneous")
    assert all(outcome.ok for outcome in found.values())


# --- the queue --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def line_in_use(links: SharedLinks, town: Town) -> AsyncIterator[HdlcChannel]:
    meter = parse_meter_address(f"{town.link}?address=17")
    async with links.turn(meter, urgent=False) as link, link.channel(meter, 1) as line:
        yield line


async def test_turns_come_in_order_and_switching_goes_first(links, town):
    turns = []

    async def session(name: str, *, urgent: bool) -> None:
        async with links.turn(parse_meter_address(f"{town.link}?address=17"), urgent=urgent):
            turns.append(name)

    async with town.standing():
        async with line_in_use(links, town):
            tasks = []
            for name in ("read 1", "read 2", "order 1", "read 3", "order 2"):
                tasks.append(asyncio.create_task(session(name, urgent=name.startswith("order"))))
                await asyncio.sleep(0)
            assert links.status() == {town.link: 5}
            given_up = asyncio.create_task(session("given up", urgent=True))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
    assert turns == ["order 1", "order 2", "read 1", "read 2", "read 3"]
    assert links.status() == {}


async def test_sessions_beyond_a_few_are_sent_away_and_switching_is_not(links, town):
    meter = parse_meter_address(f"{town.link}?address=17")

    async def session(*, urgent: bool) -> None:
        async with links.turn(meter, urgent=urgent):
            pass

    async with town.standing():
        async with line_in_use(links, town):
            waiting = [asyncio.create_task(session(urgent=False)) for _ in range(MOST_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(SessionFailedError) as refused:
                await session(urgent=False)
            waiting.append(asyncio.create_task(session(urgent=True)))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
    assert refused.value.kind is FailureKind.BUSY


async def test_a_meter_without_an_answer_is_asked_once_until_it_is_back(links, stepped_clock, monkeypatch):
    town = Town(stepped_clock, 1, Counting)
    meter = parse_meter_address(f"{town.link}?address={FIRST}")
    station = town.houses[0].station

    async def open_one() -> None:
        async with links.turn(meter, urgent=False) as link, link.channel(meter, 1) as line:
            public = Session(line, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips())
            await public.open()

    async def asked_in_vain() -> int:
        """How often the meter was asked for a link."""
        before = bus.frames
        with monkeypatch.context() as patch:
            wait_less(patch, 0.3)
            with pytest.raises(SessionFailedError, match="timeout: no answer to a request for a link"):
                await open_one()
        return bus.frames - before

    async with town.standing() as bus:
        station.cut_power()
        assert await asked_in_vain() == 3
        assert await asked_in_vain() == 1
        station.restore_power()
        await open_one()
        station.cut_power()
        assert await asked_in_vain() == 3


async def test_bytes_that_are_no_frame_are_named_where_no_answer_came(links, monkeypatch):
    """A gateway that changes what passes: its meters answer, and no frame is whole."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while frame := await reader.read(512):
            writer.write(frame[:-2] + bytes([frame[-2] ^ 1]) + frame[-1:])
        writer.close()

    wait_less(monkeypatch, 0.3)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    meter = parse_meter_address(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}?address={FIRST}")
    async with server:
        for _ in range(2):
            with pytest.raises(SessionFailedError, match="no answer to a request") as failed:
                async with links.turn(meter, urgent=False) as link, link.channel(meter, 1) as line:
                    await Session(
                        line, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips()
                    ).open()
            assert "bytes came that are no frame: the frame check sequence is wrong" in str(failed.value)


async def test_the_rest_of_a_cut_frame_is_not_taken_from_the_next_answer():
    own, meter = Address(PUBLIC_SAP), Address(1, FIRST, 2)
    long = HdlcFrame(own, meter, Control(Kind.INFORMATION), bytes(500)).encode()
    short = HdlcFrame(own, meter, Control(Kind.RECEIVE_READY))
    answers = [long[:100], short.encode()]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers and await reader.read(512):
            writer.write(answers.pop(0))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        line = await LinkConnection.open(GatewayLink("127.0.0.1", server.sockets[0].getsockname()[1]))
        line.write(b"first")
        assert await line.frames(None) == []
        line.write(b"again")
        assert await line.frames(None) == [short]
        assert "100 bytes came that are no frame: the frame announces" in line.noise_since(0)
        line.close()


async def test_who_waits_too_long_is_told_that_the_line_is_busy(links, town, monkeypatch):
    monkeypatch.setattr("urja.headend.shared_links.WAIT_S", 0.05)
    async with town.standing(), line_in_use(links, town):
        with pytest.raises(SessionFailedError, match="other meters held") as busy:
            async with line_in_use(links, town):
                pass
    assert busy.value.kind is FailureKind.BUSY
    assert links.status() == {}


async def test_a_gateway_with_room_for_one_is_left_and_called_again(links, town):
    async with town.standing() as bus:
        for _ in range(3):
            async with line_in_use(links, town) as line:
                public = Session(line, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips())
                await public.open()
        await until(lambda: not bus.connections)
    assert Gateway.refused == 0


# --- the way to a line ------------------------------------------------------------------------------------------


async def test_a_gateway_that_is_not_there_is_unreachable(town):
    with pytest.raises(SessionFailedError) as failed:
        await LinkConnection.open(parse_meter_address(f"{town.link}?address=17").link)
    assert failed.value.kind is FailureKind.UNREACHABLE


async def test_a_serial_port_in_use_by_another_program_is_unreachable(town):
    with PseudoTerminal(HdlcBus({}, lambda: 0.0)) as device:
        held = await LinkConnection.open(SerialLink(device))
        with pytest.raises(SessionFailedError, match="in use by another program"):
            await LinkConnection.open(SerialLink(device))
        held.close()
        again = await LinkConnection.open(SerialLink(device))
        again.close()


async def test_meters_at_one_end_of_a_cable_and_the_head_end_at_the_other(town):
    """Two serial ports and a cable between them: each side has a port of its own."""
    loop = asyncio.get_running_loop()
    ends = [os.openpty(), os.openpty()]
    for (ours, theirs), (other, _) in (ends, reversed(ends)):
        tty.setraw(theirs)
        loop.add_reader(ours, lambda ours=ours, other=other: os.write(other, os.read(ours, 4096)))
    near, far = (SerialLink(os.ttyname(theirs)) for _, theirs in ends)
    bus = HdlcBus({FIRST: town.houses[0].station}, loop.time)
    SerialPort(far, BusProtocol(bus))
    way = await LinkConnection.open(near)
    async with HdlcChannel(way, HdlcLinkAddress(near, FIRST, 2), 1) as line:
        public = Session(line, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips())
        await public.open()
        told = await public.get(CosemAttribute.of(1, "0.0.96.1.0.255", 2))
    assert told.value == town.houses[0].identity.serial.encode()
    way.close()
    bus.close()
    await asyncio.sleep(0)
    for ours, theirs in ends:
        loop.remove_reader(ours)
        os.close(ours)
        os.close(theirs)


async def test_a_device_file_that_is_no_serial_port_is_left_alone(tmp_path):
    victim = tmp_path / "ttyS0"
    victim.write_bytes(b"precious")
    with pytest.raises(SessionFailedError, match="no serial port"):
        await LinkConnection.open(SerialLink(str(victim)))
    assert victim.read_bytes() == b"precious"
    with pytest.raises(SessionFailedError) as gone:
        await LinkConnection.open(SerialLink(os.devnull + "x"))
    assert gone.value.kind is FailureKind.UNREACHABLE
