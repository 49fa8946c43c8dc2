"""What bytes of the network's own making can do to head end and meter: end the connection that brought them.

Frames are recorded from honest exchanges and changed, over real sockets: some anyhow, some under a header that fits
again, some sealed again under the right keys, as a meter or client that is broken or taken over would send them. Between
them honest pushes and reads go on. A few thousand here; a million with `-m slow`.
"""

import asyncio
import contextlib
import ctypes
import gc
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.cosem.test_fuzz import CAPTURED, PLAIN, Mutator
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line
from tests.meter.test_hdlc_bus import SERIAL, Caller, station
from tests.meter.wire import CLIENT_TITLE, SAPS, FakeWire, client_for

from urja.cosem import axdr, hdlc
from urja.cosem.association import Associated, ClientAssociation, GetResult, NeedsSend
from urja.cosem.hdlc import Address, Control, HdlcFrame, Kind
from urja.cosem.obis import CosemMethod
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, seal
from urja.cosem.wrapper import Frame, Splitter
from urja.cosem.xdlms.selection import EntryAccess
from urja.meter.hdlc_bus import BusProtocol, HdlcBus
from urja.meter.object_model import Role
from urja.meter.station import Station

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

log = structlog.get_logger()

ON_ONE_CONNECTION = 20
HONEST_EACH = 25
"""Connections between two honest pushes or reads."""
GROWTH_BYTES = 48 << 20
"""What the process may grow by once a tenth of the frames has been sent."""
IN_USE_GROWTH_BYTES = 4 << 20
"""What may be allocated more by then: nearly nothing. The rest of the growth is freed memory that the C library keeps."""


@pytest.fixture
async def raised() -> list[object]:
    """What connections have raised: the event loop is told, and closes them."""
    met: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: met.append(context))
    return met


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc: what is allocated and not freed, and more."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    )


_LIBC = ctypes.CDLL("libc.so.6")
_LIBC.mallinfo2.restype = _Mallinfo


def in_use_bytes() -> int:
    """What the C library has given and not got back; Python keeps small objects in arenas of its own."""
    gc.collect()
    info = _LIBC.mallinfo2()
    return int(info.uordblks + info.hblkhd)


class Memory:
    """Bytes that are resident and in use after the first tenth of the rounds, and at the end."""

    def __init__(self, rounds: int) -> None:
        self._from = max(1, rounds // 10)
        self.before = self.in_use_before = 0

    def look(self, round_: int) -> None:
        if round_ % self._from == 0:
            now, in_use = resident_bytes(), in_use_bytes()
            log.info("memory", round=round_, resident_bytes=now, in_use_bytes=in_use)
            if round_ == self._from:
                self.before, self.in_use_before = now, in_use

    def assert_bounded(self) -> None:
        """The figures are in the log: `-rP` shows them."""
        after, in_use = resident_bytes(), in_use_bytes()
        log.info("memory", resident_bytes_before=self.before, resident_bytes_after=after, in_use_bytes=in_use)
        assert after - self.before < GROWTH_BYTES, (self.before, after)
        assert in_use - self.in_use_before < IN_USE_GROWTH_BYTES, (self.in_use_before, in_use)


async def send_and_close(port: int, data: bytes) -> None:
    """All of it on one connection, until the other side has read it, or has closed it."""
    with contextlib.suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(60):
                while await reader.read(65536):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


# -- the head end ------------------------------------------------------------------------------------------------


class BrokenMeters:
    """Pushes that are wrong in every way, from a network without keys and from a meter that has its own."""

    def __init__(self, seed: int, captured: list[bytes]) -> None:
        self.mutate = Mutator(seed)
        self.chance = self.mutate.random
        self.known = PushMeter(2)
        self.captured = [*captured, PushMeter(3).alert(NINE, 81)]

    def connection(self) -> list[bytes]:
        """Frames for one connection; only the last may be one that ends it."""
        return [*(self.framed() for _ in range(ON_ONE_CONNECTION - 1)), self.raw()]

    def framed(self) -> bytes:
        if self.chance.random() < 0.5:
            return self.known.seal(self.mutate(self.chance.choice(PLAIN), 6))
        frame = self.chance.choice(self.captured)
        return Frame(1, 64, self.mutate(frame[8:])).encode()

    def raw(self) -> bytes:
        return self.mutate(self.chance.choice([*self.captured, *CAPTURED]))


async def take_of(pipeline, device_id: int) -> dict[int, int]:
    """Take what the stream holds: how often each start of one device's intervals is in it."""
    found: dict[int, int] = {}
    consumer = await pipeline.consume("READINGS")
    while deliveries := await consumer.fetch(200, 0.2):
        for delivery in deliveries:
            if delivery.body.kind == "block":
                records = delivery.body.records
                for start_at in records["start_at"][records["device_id"] == device_id].tolist():
                    found[start_at] = found.get(start_at, 0) + 1
            await delivery.ack()
    await consumer.close()
    return found


async def mutated_pushes(start_headend, pipeline, cases: int, seed: int) -> None:
    honest = PushMeter(1)
    overheard = [honest.block(NINE), honest.instantaneous(NINE)]
    broken = BrokenMeters(seed, overheard)
    await adopt(pipeline, None, honest, broken.known)
    rounds, pushed, stored = cases // ON_ONE_CONNECTION, 1, {}
    memory = Memory(rounds)
    async with start_headend() as headend, Line(headend.wrapper_port.port, source="127.0.9.1") as line:
        port = headend.wrapper_port.port
        await line.send(*overheard)
        await until(lambda: headend.roster.meters[honest.title].window.highest == honest.counter)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for round_ in range(rounds):
                frames = broken.connection()
                if round_ % 4 == 3:
                    for frame in frames:
                        datagrams.sendto(frame[:60_000], ("127.0.0.1", port))
                    await asyncio.sleep(0)
                else:
                    await send_and_close(port, b"".join(frames))
                if round_ % HONEST_EACH == 0:
                    await line.send(honest.block(NINE + pushed * HALF_HOUR))
                    pushed += 1
                    known = headend.roster.meters[honest.title]
                    await until(lambda known=known: known.window.highest == honest.counter)
                    for start_at, times in (await take_of(pipeline, honest.device_id)).items():
                        stored[start_at] = stored.get(start_at, 0) + times
                memory.look(round_)
            await headend.quarantine.drain()
        memory.assert_bounded()
        assert headend.waiting_for() == []
        assert value(headend, "faults_total") == 0
        resumed = [
            sample
            for metric in headend.registry.collect()
            for sample in metric.samples
            if sample.name == "urja_headend_resumed_total" and sample.value
        ]
        assert resumed == []
        assert value(headend, "quarantined_total", reason="wrong-key") > 0
        assert value(headend, "quarantined_total", reason="layout") > 0
    expected = [int((NINE + (number - 1) * HALF_HOUR).timestamp()) for number in range(pushed)]
    for start_at, times in (await take_of(pipeline, honest.device_id)).items():
        stored[start_at] = stored.get(start_at, 0) + times
    assert stored == dict.fromkeys(expected, 1)


async def test_mutated_pushes_stop_no_honest_one(start_headend, pipeline):
    await mutated_pushes(start_headend, pipeline, 2000, 1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_half_a_million_mutated_pushes(start_headend, pipeline, seed):
    await mutated_pushes(start_headend, pipeline, 50_000, seed)


# -- the meter ---------------------------------------------------------------------------------------------------


def recorded_requests(role: Role) -> list[bytes]:
    """APDUs of an honest client before ciphering: what a meter is asked, read, written and told."""
    one = station("00000001")
    meter = one.meter
    recorded: list[bytes] = []
    client = ClientAssociation(client_for(meter, Role.PUBLIC).config)
    wire = FakeWire(meter, Role.PUBLIC, client)
    run = wire.run

    def noted(request: bytes):
        recorded.append(request)
        return run(request)

    wire.run = noted
    wire.associate()
    wire.get(8, "0.0.1.0.0.255", 2)
    wire.get(15, "0.0.40.0.0.255", 2)
    wire.get(7, "1.0.99.1.0.255", 2, EntryAccess(1, 5))
    wire.get_list((1, "0.0.96.1.0.255", 2), (3, "1.0.1.8.0.255", 2))
    wire.run(client.set(SERIAL, axdr.octets(b"other")))
    wire.run(client.action(CosemMethod.of(70, "0.0.96.3.10.255", 1), axdr.int8(0)))
    wire.release()
    if role is Role.UTILITY:
        recorded.append(client_for(meter, Role.UTILITY).associate())
    return recorded


REQUESTS = recorded_requests(Role.UTILITY)
CIPHERED_TAG = {0xC0: 0xC8, 0xC1: 0xC9, 0xC3: 0xCB}
"""Of a service's request, the tag under a global key."""


class BrokenClients:
    """Requests that are wrong in every way, without keys and under them."""

    def __init__(self, seed: int, meter) -> None:
        self.mutate = Mutator(seed)
        self.chance = self.mutate.random
        self.meter = meter

    def apdus(self) -> Iterator[tuple[int, bytes]]:
        """SAP and APDU: an association that stands, then whatever."""
        public = client_for(self.meter, Role.PUBLIC)
        yield SAPS[Role.PUBLIC], public.associate()
        reader = client_for(self.meter, Role.READER)
        yield SAPS[Role.READER], reader.associate()
        counter = max(self.meter.received_counters.get(Role.READER, 0), 0) + 2
        for number in range(ON_ONE_CONNECTION):
            changed = self.mutate(self.chance.choice(REQUESTS))
            if changed and changed[0] in CIPHERED_TAG and self.chance.random() < 0.5:
                yield SAPS[Role.READER], self._sealed(changed, counter + number)
            else:
                yield self.chance.choice(list(SAPS.values())), changed

    def _sealed(self, apdu: bytes, counter: int) -> bytes:
        keys = self.meter.identity.keys
        sealed = seal(keys, CLIENT_TITLE, counter, AUTHENTICATED_ENCRYPTED, apdu)
        content = bytes([AUTHENTICATED_ENCRYPTED.to_byte()]) + counter.to_bytes(4) + sealed
        return bytes([CIPHERED_TAG[apdu[0]]]) + axdr.encode_length(len(content)) + content


async def serial_read(port: int, role: Role, meter) -> bytes:
    """The meter's serial number, by an honest client over TCP and the wrapper."""
    client, splitter = client_for(meter, role), Splitter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waiting, serial = [client.associate()], None
    try:
        async with asyncio.timeout(60):
            while serial is None:
                for apdu in waiting:
                    writer.write(Frame(SAPS[role], 1, apdu).encode())
                waiting = []
                for answer in splitter.feed(await reader.read(65536)):
                    for event in client.receive(answer.apdu):
                        match event:
                            case NeedsSend():
                                waiting.append(event.apdu)
                            case Associated():
                                waiting.append(client.get(SERIAL))
                            case GetResult():
                                serial = event.result.value
    finally:
        writer.close()
    return serial


async def mutated_requests(cases: int, seed: int, raised: list[object]) -> None:
    one: Station = station("00000001")
    broken = BrokenClients(seed, one.meter)
    rounds = cases // ON_ONE_CONNECTION
    memory = Memory(rounds)
    server = await one.listen("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for round_ in range(rounds):
            data = b"".join(Frame(sap, 1, apdu).encode() for sap, apdu in broken.apdus())
            # The last bytes are wrong as a stream too.
            await send_and_close(port, data + broken.mutate(Frame(16, 1, REQUESTS[0]).encode()))
            if round_ % HONEST_EACH == 0:
                role = broken.chance.choice(list(Role))
                assert await serial_read(port, role, one.meter) == b"00000001"
            memory.look(round_)
        memory.assert_bounded()
        one.drop_link()
    # Counters of sealed requests have moved: they came behind the cipher.
    assert one.meter.received_counters[Role.READER] > rounds
    assert raised == []


async def test_mutated_requests_stop_no_honest_client(raised):
    await mutated_requests(2000, 2, raised)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(200, 206))
async def test_three_hundred_thousand_mutated_requests(raised, seed):
    await mutated_requests(50_000, seed, raised)


# -- meters behind a line of HDLC ----------------------------------------------------------------------------------


class BrokenLine:
    """Frames of a client on the line: changed anyhow, or with a check sequence that fits again."""

    def __init__(self, seed: int) -> None:
        self.mutate = Mutator(seed)
        self.chance = self.mutate.random
        self.recorded = self._record()

    @staticmethod
    def _record() -> list[HdlcFrame]:
        stations = {17: station("00000001"), 18: station("00000002")}
        recorded: list[HdlcFrame] = []

        class Noting(HdlcBus):
            def receive(self, frame):
                recorded.append(frame)
                return super().receive(frame)

        bus = Noting(stations, lambda: 0.0)
        for role in Role:
            caller = Caller(bus, stations[17].meter, 17, role).open()
            caller.get(SERIAL)
            caller.close_at_once()
        return recorded

    def connection(self) -> bytes:
        snrm = HdlcFrame(
            Address(1, 17, 2), Address(SAPS[Role.PUBLIC]), Control(Kind.SET_NORMAL_RESPONSE_MODE)
        )
        return snrm.encode() + b"".join(self.frame() for _ in range(ON_ONE_CONNECTION))

    def frame(self) -> bytes:
        frame = self.chance.choice(self.recorded)
        if self.chance.random() < 0.4:
            return self.mutate(frame.encode())
        numbered = frame.control.kind is Kind.INFORMATION
        control = Control(frame.control.kind, frame.control.poll_final, *self._numbers(numbered))
        information = self.mutate(frame.information or bytes(3))[:120] if frame.information else b""
        return HdlcFrame(frame.destination, frame.source, control, information).encode()

    def _numbers(self, numbered: bool) -> tuple[int, int]:
        return (self.chance.randrange(8), self.chance.randrange(8)) if numbered else (0, 0)


async def mutated_line(cases: int, seed: int, raised: list[object]) -> None:
    stations = {17: station("00000001"), 18: station("00000002")}
    broken = BrokenLine(seed)
    loop = asyncio.get_running_loop()
    bus = HdlcBus(stations, loop.time)
    server = await loop.create_server(lambda: BusProtocol(bus), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rounds = cases // ON_ONE_CONNECTION
    memory = Memory(rounds)
    async with server:
        for round_ in range(rounds):
            await send_and_close(port, broken.connection())
            if round_ % HONEST_EACH == 0:
                for physical, one in stations.items():
                    told = await asyncio.to_thread(serial_read_on_line, port, physical, one.meter)
                    assert told == one.meter.identity.serial.encode()
            memory.look(round_)
        memory.assert_bounded()
        bus.close()
    assert raised == []


class SocketBus:
    """The bus as a client on the network has it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def receive(self, frame: HdlcFrame) -> bytes:
        self._line.sendall(frame.encode())
        answer = b""
        while frame.control.poll_final and not any(
            answered.control.poll_final for answered in hdlc.Splitter().feed(answer)
        ):
            answer += self._line.recv(65536)
        return answer


def serial_read_on_line(port: int, physical: int, meter) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        return Caller(SocketBus(line), meter, physical).open().get(SERIAL).value


async def test_mutated_frames_on_a_line_stop_no_honest_client(raised):
    await mutated_line(2000, 3, raised)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(300, 304))
async def test_two_hundred_thousand_mutated_frames_on_a_line(raised, seed):
    await mutated_line(50_000, seed, raised)
