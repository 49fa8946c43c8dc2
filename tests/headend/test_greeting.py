"""Identification of connections before their first push: queried once, after a moment, few at a time, never before a
push."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import Desk, House, put_device
from tests.headend.pushing import PushMeter

from urja.base.ports import free_port
from urja.headend import meter_identification
from urja.headend.process import HeadEnd
from urja.stream.messages import ReadRequest

HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (0.0, 0.1))


def told(headend: HeadEnd) -> float:
    return value(headend, "greetings_total", result="told")


class Unanswering:
    """Connections that take what they are sent and say nothing."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.reading: set[asyncio.Task[None]] = set()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                self.asked.append(data)

    @contextlib.asynccontextmanager
    async def connected(self, port: int, count: int) -> AsyncIterator[None]:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.reading.add(asyncio.ensure_future(self._read(reader)))
            self.writers.append(writer)
        try:
            yield
        finally:
            for writer in self.writers:
                writer.close()
            await asyncio.gather(*self.reading)


async def test_after_a_restart_a_meter_that_sends_nothing_is_identified_without_an_order(
    start_headend, pipeline, stepped_clock
):
    house, port = House(stepped_clock), free_port()
    await put_device(pipeline, house.entry())
    async with start_headend(port=port) as headend, house.dialled_in(port):
        await until(lambda: told(headend) == 1)
        meter = headend.roster.meters[house.identity.title]
        assert headend.sessions.is_here(meter)
        # A claim is no proof: no push and no session has shown yet who is there.
        assert (headend.status()["claimed"], headend.status()["known"]) == (1, 0)
    async with start_headend(port=port) as headend, house.dialled_in(port):
        await until(lambda: told(headend) == 1)
        meter = headend.roster.meters[house.identity.title]
        assert headend.sessions.is_here(meter)


async def test_a_read_request_goes_at_once_and_proves_the_claim(start_headend, pipeline, stepped_clock):
    house = House(stepped_clock)
    await put_device(pipeline, house.entry())
    now = stepped_clock.now()
    request = ReadRequest(
        request_id=1,
        device_id=house.device_id,
        system_title=house.identity.title,
        profile="block",
        from_at=now - HOUR,
        to_at=now,
        not_after_at=now + HOUR,
        correlation=4711,
    )
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        await until(lambda: told(headend) == 1)
        await pipeline.publish_request(request, house.entry().shard)
        await until(lambda: value(headend, "reads_total", profile="block", result="ok") == 1)
        assert value(headend, "reads_total", profile="block", result="again") == 0
        assert (headend.status()["claimed"], headend.status()["known"]) == (0, 1)


async def test_an_order_goes_without_a_failed_attempt(start_headend, pipeline, stepped_clock):
    house, desk = House(stepped_clock), Desk(pipeline)
    await put_device(pipeline, house.entry())
    order = house.order("disconnect")
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        await until(lambda: told(headend) == 1)
        await desk.send(order)
        [end] = await desk.end_of(order)
    assert (end.state, end.attempts) == ("confirmed", 1)
    assert not house.switch.closed


async def test_a_meter_that_is_adopted_after_it_has_told_its_number(start_headend, pipeline, stepped_clock):
    house, desk = House(stepped_clock), Desk(pipeline)
    order = house.order("disconnect")
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        await until(lambda: told(headend) == 1)
        await put_device(pipeline, house.entry())
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert told(headend) == 1


async def test_who_has_pushed_is_not_asked(start_headend, pipeline, monkeypatch):
    monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (600.0, 600.0))
    meter, unanswering = PushMeter(1), Unanswering()
    async with start_headend() as headend, unanswering.connected(headend.wrapper_port.port, 1):
        await adopt(pipeline, headend, meter)
        unanswering.writers[0].write(meter.block())
        await until(lambda: headend.wrapper_port.by_slot != {})
        assert len(headend.sessions.identifier._due) == 1
        assert headend.sessions.identifier._take(10, float("inf")) == []
    assert unanswering.asked == []


async def test_few_at_once_and_each_once(start_headend, monkeypatch):
    monkeypatch.setattr(meter_identification, "_AT_ONCE", 3)
    unanswering = Unanswering()
    async with start_headend() as headend, unanswering.connected(headend.wrapper_port.port, 8):
        greeter = headend.sessions.identifier
        await until(lambda: len(unanswering.asked) == 3)
        # As many looks again as it would take to ask all.
        await asyncio.sleep(4 * meter_identification._CYCLE_S)
        assert (len(unanswering.asked), len(greeter._queries)) == (3, 3)
        # A closed connection makes room for the next.
        for connection in [
            known for known in headend.wrapper_port._connections if known.on_answer is not None
        ]:
            connection.close()
        await until(lambda: len(unanswering.asked) == 6)
        assert value(headend, "greetings_total", result="cut") == 3


async def test_so_many_are_begun_in_a_round_while_no_order_waits(start_headend, monkeypatch):
    monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (0.0, 0.0))
    monkeypatch.setattr(meter_identification, "_MOST_EACH_CYCLE", 2)
    unanswering = Unanswering()
    async with start_headend() as headend, unanswering.connected(headend.wrapper_port.port, 5):
        greeter = headend.sessions.identifier
        sizes: list[int] = []
        taking = greeter._take
        monkeypatch.setattr(greeter, "_take", lambda *by: sizes.append(len(got := taking(*by))) or got)
        await until(lambda: len(unanswering.asked) == 5)
        assert max(sizes) <= 2


async def test_a_meter_without_an_answer_is_asked_again_only_while_an_order_waits(
    start_headend, pipeline, stepped_clock, monkeypatch
):
    monkeypatch.setattr(meter_identification, "_ANSWER_S", 0.2)
    monkeypatch.setattr(meter_identification, "_ASK_AGAIN_S", 0.3)
    house, desk, unanswering = House(stepped_clock), Desk(pipeline), Unanswering()
    await put_device(pipeline, house.entry())
    async with start_headend() as headend, unanswering.connected(headend.wrapper_port.port, 1):
        await until(lambda: value(headend, "greetings_total", result="timeout") == 1)
        await asyncio.sleep(3 * meter_identification._CYCLE_S)
        assert len(unanswering.asked) == 1
        await desk.send(house.order("disconnect"))
        await until(lambda: value(headend, "greetings_total", result="timeout") >= 2)
        assert len(unanswering.asked) >= 2


async def test_no_meter_is_asked_while_the_sockets_are_not_read(start_headend):
    unanswering = Unanswering()
    async with start_headend() as headend:
        headend.wrapper_port.hold(True)
        async with unanswering.connected(headend.wrapper_port.port, 1):
            await until(lambda: len(headend.sessions.identifier._due) == 1)
            await asyncio.sleep(3 * meter_identification._CYCLE_S)
            assert unanswering.asked == []
            headend.wrapper_port.hold(False)
            await until(lambda: len(unanswering.asked) == 1)


async def test_what_has_gone_is_forgotten(start_headend, pipeline, stepped_clock, monkeypatch):
    monkeypatch.setattr(meter_identification, "_FORGET_S", 0.0)
    house = House(stepped_clock)
    await put_device(pipeline, house.entry())
    async with start_headend() as headend:
        async with house.dialled_in(headend.wrapper_port.port):
            await until(lambda: headend.sessions.identifier.claims == 1)
        await until(lambda: headend.sessions.identifier.claims == 0)
