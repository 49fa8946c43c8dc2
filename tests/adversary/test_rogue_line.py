"""Who sits on a line of HDLC, or is its gateway, sees every frame and can answer for any meter: what that is worth."""

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.headend import conftest
from tests.headend.ordering import Desk, put_device
from tests.headend.test_hdlc_line import Town

from urja.base.meter_address import GatewayLink, HdlcLinkAddress
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind, Splitter
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection
from urja.meter.hdlc_bus import HdlcBus

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored

METER = 17
ANSWER_S = 1.0


@pytest.fixture
def town(stepped_clock) -> Town:
    return Town(stepped_clock, 2)


class Crossed(HdlcBus):
    """Each meter answers at its neighbour's address: wires mixed up, or on purpose."""

    def receive(self, frame: HdlcFrame) -> bytes:
        def cross(address: Address) -> Address:
            return (
                address if address.lower is None else Address(address.upper, 35 - address.lower, address.size)
            )

        crossed = HdlcFrame(
            cross(frame.destination), frame.source, frame.control, frame.information, frame.segmented
        )
        answers = Splitter().feed(super().receive(crossed))
        return b"".join(
            HdlcFrame(
                one.destination, cross(one.source), one.control, one.information, one.segmented
            ).encode()
            for one in answers
        )


async def test_a_neighbours_meter_is_neither_cut_nor_read_in_its_place(
    start_headend, pipeline, stored, stepped_clock
):
    town = Town(stepped_clock, 2, Crossed)
    first, second = town.houses
    for house in town.houses:
        await put_device(pipeline, town.entry(house))
    desk = Desk(pipeline)
    async with start_headend(), town.standing():
        cut = first.order("disconnect")
        await desk.send(cut)
        await pipeline.publish_request(town.request(second, "block", 1), second.entry().shard)
        [end] = await desk.end_of(cut, within_s=60)
    assert end.state == "failed"
    assert (first.switch.closed, second.switch.closed) == (True, True)
    await stored.take()
    assert len(stored.records("block")) == 0


@dataclass
class Rogue(asyncio.Protocol):
    """A gateway that answers as it likes."""

    babble: Callable[[bytes], bytes]
    again_s: float | None = None

    def connection_made(self, transport):
        self.transport = transport
        self.again()

    def data_received(self, data):
        self.transport.write(self.babble(data))

    def again(self):
        if self.again_s is not None and not self.transport.is_closing():
            self.transport.write(self.babble(b""))
            asyncio.get_running_loop().call_later(self.again_s, self.again)


@asynccontextmanager
async def line_to(rogue: Callable[[], Rogue]) -> AsyncIterator[HdlcChannel]:
    server = await asyncio.get_running_loop().create_server(rogue, "127.0.0.1", 0)
    link = GatewayLink("127.0.0.1", server.sockets[0].getsockname()[1])
    way = await LinkConnection.open(link)
    try:
        async with HdlcChannel(way, HdlcLinkAddress(link, METER, 2), 1, ANSWER_S) as line:
            yield line
    finally:
        way.close()
        server.close()
        await server.wait_closed()


def from_meter(kind: Kind, information: bytes = b"", **control: int) -> bytes:
    return HdlcFrame(Address(16), Address(1, METER, 2), Control(kind, **control), information).encode()


CHANCE = random.Random(7)
UA = from_meter(Kind.UNNUMBERED_ACKNOWLEDGE)
FLOODS = {
    "noise": lambda _: CHANCE.randbytes(60_000),
    "flags": lambda _: b"\x7e" * 60_000,
    "frames of others": lambda _: (
        HdlcFrame(Address(16), Address(1, 99, 2), Control(Kind.RECEIVE_READY)).encode() * 500
    ),
    "links without an answer": lambda _: UA * 500,
    "busy for ever": lambda _: (
        (UA + from_meter(Kind.RECEIVE_NOT_READY) + from_meter(Kind.RECEIVE_READY)) * 100
    ),
    "an APDU without an end": lambda _: (
        UA
        + b"".join(
            HdlcFrame(
                Address(16),
                Address(1, METER, 2),
                Control(Kind.INFORMATION, False, n & 7, 0),
                bytes(2000),
                segmented=True,
            ).encode()
            for n in range(8)
        )
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_gateway_that_babbles_ends_the_session_and_holds_no_memory(flood):
    """Whatever comes, without pause: the session ends with a reason, in time, and what is held is bounded."""
    loop = asyncio.get_running_loop()
    tracemalloc.start()
    try:
        async with line_to(lambda: Rogue(FLOODS[flood], again_s=0.005)) as line:
            line.send(16, b"request")
            began_s = loop.time()
            with pytest.raises(SessionFailedError) as failed:
                async with asyncio.timeout(60):
                    await line.receive(16)
            took_s = loop.time() - began_s
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failed.value.kind in (FailureKind.TIMEOUT, FailureKind.PROTOCOL)
    assert took_s < 10
    assert peak < 12_000_000
