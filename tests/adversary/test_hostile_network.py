"""What a network that is in the attacker's hands can do between meters and head end: lose, and no more.

It duplicates, delays, reorders, drops, cuts off and flips bits of what passes, both ways, and plays back what it has heard.
It has no key of any meter. What arrives whole counts once; what an order has done is known, and is done once.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import Desk, House, put_device
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.base.ports import free_port
from urja.cosem.wrapper import Splitter
from urja.headend import retries
from urja.headend.apdu_channel import WrapperChannel
from urja.meter.engine import Engine

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored

DELAY_S = 0.02
ANSWER_S = 0.3


class Network:
    """A way to `port` that the attacker has. `evil` is the share of frames that it lays hands on."""

    def __init__(self, seed: int, port: int, evil: float) -> None:
        self.chance = random.Random(f"network {seed}")
        self.port = port
        self.evil = evil
        self.done: Counter[str] = Counter()
        self.arrived: set[bytes] = set()
        """Frames to `port` that were passed on whole."""
        self.heard: list[bytes] = []
        """Frames to `port`, in the order in which they came."""
        self.tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[int]:
        """The port at which the way begins."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, onward_writer, onward=True))
                ways.create_task(self._carry(onward_reader, writer, onward=False))
        finally:
            for end in (writer, onward_writer):
                end.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, onward: bool
    ) -> None:
        """One way, until one side closes it or the network cuts it off."""
        splitter, held = Splitter(), b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for frame in splitter.feed(data):
                    raw = frame.encode()
                    if onward:
                        self.heard.append(raw)
                    action = self._action()
                    self.done[action] += 1
                    if action == "delay":
                        await asyncio.sleep(self.chance.uniform(0, DELAY_S))
                    elif action == "reorder" and not held:
                        held = raw
                        continue
                    elif action == "drop":
                        continue
                    elif action == "cut off":
                        writer.write(raw[: self.chance.randrange(1, len(raw))])
                        writer.close()
                        return
                    elif action == "flip":
                        at = self.chance.randrange(8, len(raw))
                        writer.write(
                            raw[:at] + bytes([raw[at] ^ 1 << self.chance.randrange(8)]) + raw[at + 1 :]
                        )
                        continue
                    for passed in [raw] * (1 + (action == "duplicate")) + [held] * bool(held):
                        writer.write(passed)
                        if onward:
                            self.arrived.add(passed)
                    held = b""
        # The other side learns that this one is gone.
        writer.close()

    def _action(self) -> str:
        actions = ("duplicate", "delay", "reorder", "drop", "cut off", "flip")
        return self.chance.choice(actions) if self.chance.random() < self.evil else "pass"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_pushes_that_which_arrives_whole_counts_once(start_headend, pipeline, stored, seed):
    meters = [PushMeter(number, bucket=number) for number in range(1, 11)]
    await adopt(pipeline, None, *meters)
    sent: dict[bytes, tuple[int, int, int]] = {}
    async with start_headend() as headend:
        network = Network(seed, headend.wrapper_port.port, 0.4)
        async with network.open() as port:
            for round_ in range(12):
                for meter in meters:
                    end_at, energy_wh = NINE + HALF_HOUR * round_, 100 * meter.number + round_
                    frame = meter.block(end_at, import_wh=energy_wh)
                    sent[frame] = (meter.device_id, int((end_at - HALF_HOUR).timestamp()), energy_wh)
                frames = list(sent)[-len(meters) :]
                async with Line(port) as line:
                    with contextlib.suppress(ConnectionError):
                        await line.send(*frames)
                        await asyncio.sleep(3 * DELAY_S)
            await until(lambda: accepted(headend) == len(network.arrived))
        assert min(network.done[action] for action in ("duplicate", "reorder", "drop", "cut off", "flip")) > 0
        # What it has heard it plays back, in another order, on a way of its own.
        before = accepted(headend)
        replayed = sorted(network.arrived)
        network.chance.shuffle(replayed)
        duplicates = value(headend, "duplicates_total")
        async with Line(headend.wrapper_port.port) as line:
            await line.send(*replayed)
            await until(lambda: value(headend, "duplicates_total") == duplicates + len(replayed))
        assert accepted(headend) == before
        assert headend.waiting_for() == []
        assert value(headend, "faults_total") == 0
    await stored.take()
    found = stored.records("block")
    rows = sorted(
        zip(*(found[name].tolist() for name in ("device_id", "start_at", "import_wh")), strict=True)
    )
    assert rows == sorted(sent[frame] for frame in network.arrived)


@pytest.fixture
def operated(monkeypatch) -> list[int]:
    """Each order that reaches the load switch."""
    orders: list[int] = []
    operate = Engine.operate_switch

    def noted(engine, order):
        orders.append(int(order))
        return operate(engine, order)

    monkeypatch.setattr(Engine, "operate_switch", noted)
    return orders


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_order_that_is_confirmed_is_done_and_none_is_done_again_by_playing_it_back(
    start_headend, pipeline, stepped_clock, monkeypatch, operated, seed
):
    for kind, retry in retries.RETRIES.items():
        monkeypatch.setitem(retries.RETRIES, kind, retries.Retry(0.02, 0.1, retry.limit))
    monkeypatch.setattr(WrapperChannel.__init__, "__defaults__", (ANSWER_S,))
    house, desk = House(stepped_clock, port=free_port()), Desk(pipeline)
    meter_port = int(house.identity.listen.rpartition(":")[2])
    network = Network(seed, meter_port, 0.25)
    async with network.open() as port, house.listening():
        await put_device(pipeline, msgspec.structs.replace(house.entry(), address=f"127.0.0.1:{port}"))
        async with start_headend() as headend:
            states = set()
            for number in range(8):
                kind = "connect" if number % 2 else "disconnect"
                order = house.order(kind)
                await desk.send(order)
                [end] = await desk.end_of(order, within_s=60)
                states.add(end.state)
                if end.state == "confirmed":
                    assert house.switch.closed is (kind == "connect")
            assert "confirmed" in states <= {"confirmed", "failed"}
            network.evil = 0.0
            order = house.order("connect")
            await desk.send(order)
            [end] = await desk.end_of(order)
            assert end.state == "confirmed"
            assert house.switch.closed
            assert value(headend, "faults_total") == 0
    assert network.done.total() > network.done["pass"]
    # All that was ever sent to the meter, again: no cut among it is carried out.
    before = len(operated)
    async with house.listening():
        for frames in (network.heard, network.heard[::-1]):
            reader, writer = await asyncio.open_connection("127.0.0.1", meter_port)
            for frame in frames:
                writer.write(frame)
            writer.write_eof()
            async with asyncio.timeout(60):
                while await reader.read(65536):
                    pass
            writer.close()
    assert len(operated) == before
    assert house.switch.closed
