"""What a stranger on the network, and the thief of a broker user's password, can do to the head end.

They hold no key of any meter. The stranger opens connections; the thief writes into the registry's projection.
"""

import asyncio
import socket

from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.headend import meter_identification, process
from urja.stream import subjects

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored


def idle_socket(port: int, source: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    line.setblocking(False)
    return line


def is_open(line: socket.socket) -> bool:
    try:
        return line.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def test_connections_that_send_nothing_do_not_displace_meters(start_headend, pipeline):
    """Far more than there is room for: a known meter stays, and so does one of another network that has sent nothing yet."""
    known, waiting = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, known, waiting)
    async with start_headend(connections=40, unknown_share_percent=50) as headend:
        port = headend.wrapper_port.port
        async with Line(port) as line:
            await line.send(known.block())
            await until(lambda: accepted(headend) == 1)
            honest = idle_socket(port, "127.0.9.1")
            await until(lambda: headend.wrapper_port.open_connections == 2)
            flood = []
            for _ in range(200):
                flood.append(idle_socket(port, "127.0.0.1"))
                await asyncio.sleep(0)
            await until(lambda: value(headend, "refused_connections_total") >= 160)
            assert headend.wrapper_port.open_connections <= 40
            assert is_open(honest)
            honest.setblocking(True)
            honest.sendall(waiting.block())
            await line.send(known.block(NINE + HALF_HOUR))
            await until(lambda: accepted(headend) == 3)
            assert headend.waiting_for() == []
            for one in [*flood, honest]:
                one.close()


async def test_one_meter_s_keys_hold_one_connection(start_headend, pipeline):
    """A client with the keys of one meter is known once: its earlier connections are strangers' again."""
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend(connections=5) as headend:
        lines = []
        for number in range(8):
            line = idle_socket(headend.wrapper_port.port, "127.0.0.1")
            line.setblocking(True)
            line.sendall(meter.block(NINE + HALF_HOUR * number))
            line.setblocking(False)
            lines.append(line)
            await until(lambda number=number: accepted(headend) == number + 1)
        assert len(headend.wrapper_port.by_slot) == 1
        assert is_open(lines[-1])
        assert not is_open(lines[0])
        for line in lines:
            line.close()


async def test_an_exception_in_a_permanent_task_stops_that_task_alone_and_it_resumes(
    start_headend, pipeline, monkeypatch
):
    monkeypatch.setattr(process, "_SWEEP_S", 0.05)
    monkeypatch.setattr(process, "_SOUND_S", 0.5)
    monkeypatch.setattr(process, "_FIRST_PAUSE_S", 0.2)
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        sound = headend.wrapper_port.sweep
        monkeypatch.setattr(headend.wrapper_port, "sweep", lambda: 1 / 0)
        await until(lambda: value(headend, "resumed_total", task="sweep") >= 2)
        assert any("sweep" in reason for reason in headend.waiting_for())
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
        monkeypatch.setattr(headend.wrapper_port, "sweep", sound)
        await until(lambda: headend.waiting_for() == [])


async def test_an_exception_over_what_one_connection_brings_ends_that_one_alone(
    start_headend, pipeline, monkeypatch
):
    meter, other = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, meter, other)
    async with (
        start_headend() as headend,
        Line(headend.wrapper_port.port) as bad,
        Line(headend.wrapper_port.port) as good,
    ):
        port = headend.wrapper_port.port
        with monkeypatch.context() as broken:
            broken.setattr(headend.wrapper_port, "garbage", lambda *_: 1 / 0)
            await bad.send(b"\xff" * 40)
            assert await bad.reader.read(1) == b""
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"\xff" * 40, ("127.0.0.1", port))
            await until(lambda: value(headend, "faults_total") == 2)
        await good.send(meter.block())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(other.block(), ("127.0.0.1", port))
        await until(lambda: accepted(headend) == 2)


async def test_an_exception_while_one_connection_is_asked_ends_that_one_alone(
    start_headend, pipeline, monkeypatch
):
    asked = 0

    async def once_broken(connection):
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ZeroDivisionError
        return "URJ00000001"

    monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (0.0, 0.1))
    monkeypatch.setattr(meter_identification, "_read_serial", once_broken)
    async with start_headend() as headend:
        first, second = (
            idle_socket(headend.wrapper_port.port, "127.0.0.1"),
            idle_socket(headend.wrapper_port.port, "127.0.0.1"),
        )
        await until(lambda: headend.sessions.identifier.claims == 1)
        assert value(headend, "faults_total") == 1
        assert sum(map(is_open, (first, second))) == 1
        assert headend.waiting_for() == []
        first.close()
        second.close()


UNREADABLE = (b"{}", b"", b"\xff\xfe", b"[]", b'{"bucket": 99999}')


async def test_an_entry_that_cannot_be_read_stops_no_meter_that_is_known_and_keeps_its_window(
    start_headend, pipeline, stored
):
    """The pipeline's broker password writes anything into the projection; replayed pushes stay replayed."""
    other, *meters = [PushMeter(number) for number in range(1, len(UNREADABLE) + 2)]
    await adopt(pipeline, None, other, *meters)
    frames = [meter.block() for meter in meters]
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: accepted(headend) == len(meters))
        for meter, entry in zip(meters, UNREADABLE, strict=True):
            for key in (meter.title.hex(), f"x{meter.number}", f"0{meter.number}"):
                await pipeline._publish(f"$KV.{subjects.DEVICES}.{key}", entry)
        await until(lambda: len(headend.roster.unreadable) == 3 * len(meters))
        [said] = headend.attention()
        assert said.startswith(f"{3 * len(meters)} entries of the registry's projection are refused")
        await line.send(*(meter.block(NINE + HALF_HOUR) for meter in meters), other.block())
        await until(lambda: accepted(headend) == 2 * len(meters) + 1)
        assert headend.waiting_for() == []
    # A head end that restarts on such a projection works without the meters, and persists their windows.
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        assert len(headend.roster.unreadable) == 3 * len(meters)
        assert all("is refused" in headend.roster.unusable[meter.title] for meter in meters)
        await line.send(other.block(NINE + HALF_HOUR))
        await until(lambda: accepted(headend) == 1)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await adopt(pipeline, headend, *meters)
        await line.send(*frames)
        await until(lambda: value(headend, "duplicates_total") == len(meters))
        assert accepted(headend) == 0


async def test_keys_that_are_removed_are_not_unreadable_any_more(start_headend, pipeline):
    """Also after a restart, where the bucket tells of each key that it was removed."""
    async with start_headend() as headend:
        for key in ("x", "00"):
            await pipeline._publish(f"$KV.{subjects.DEVICES}.{key}", b"{}")
        await until(lambda: len(headend.roster.unreadable) == 2)
        for key in ("x", "00"):
            await pipeline.delete_device(key)
        await until(lambda: not headend.roster.unreadable)
    async with start_headend() as headend:
        assert headend.attention() == []
