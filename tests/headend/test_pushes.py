"""Pushes from sockets to the stream: accepted, ignored, quarantined; over TCP, UDP and IPv6."""

import asyncio
import contextlib
import datetime as dt
import socket
import struct
from itertools import pairwise
from typing import Self

import msgspec
import numpy as np
import pytest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import put_device
from tests.headend.pushing import KEK, NINE, PushMeter

from urja.base.ids import BUCKETS
from urja.cosem.companion import load_device_type
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED, wrap_key
from urja.headend.received_batch import ReceivedBatch
from urja.headend.wrapper_port import WrapperPortError
from urja.stream.records import EventState, RegisterKind, Source

HALF_HOUR = dt.timedelta(minutes=30)


class Line:
    """One meter's TCP connection."""

    def __init__(self, port: int, host: str = "127.0.0.1", source: str | None = None) -> None:
        self.port, self.host, self.source = port, host, source

    async def __aenter__(self) -> Self:
        local = (self.source, 0) if self.source else None
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, local_addr=local)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()


def accepted(headend) -> float:
    return value(headend, "pushes_accepted_total")


async def test_a_block_push_becomes_a_record(start_headend, pipeline, stored):
    meter = PushMeter(1, bucket=700)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block(NINE, import_wh=412))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    [record] = stored.records("block")
    assert record["device_id"] == meter.device_id
    assert record["start_at"] == (NINE - HALF_HOUR).timestamp()
    assert record["length_s"] == 1800
    assert (record["import_wh"], record["import_vah"], record["voltage_cv"], record["current_ca"]) == (
        412,
        417,
        23012,
        123,
    )
    assert record["source"] == Source.PUSH
    assert record["received_at"] == NINE.timestamp() * 1000
    assert record["correlation"] > 0


async def test_blocks_have_the_length_that_the_device_has_and_not_its_type(start_headend, pipeline, stored):
    """Two meters of one type in one batch: one with the type's 30 minutes, one set to 15."""
    half, quarter = PushMeter(10), PushMeter(11)
    await put_device(pipeline, half.entry())
    await put_device(pipeline, quarter.entry(interval_s=900))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(half.block(), quarter.block())
        await until(lambda: accepted(headend) == 2)
    await stored.take()
    found = {
        record["device_id"].item(): (record["start_at"].item(), record["length_s"].item())
        for record in stored.records("block")
    }
    end = int(NINE.timestamp())
    assert found == {half.device_id: (end - 1800, 1800), quarter.device_id: (end - 900, 900)}


@pytest.mark.parametrize("by", ["tcp", "udp"])
async def test_a_meter_pushes_to_the_sap_of_its_type(start_headend, pipeline, stored, by):
    meter = PushMeter(12, sap=load_device_type("urja-d1-aes").associations.push_sap)
    assert meter.sap != 64
    await put_device(pipeline, meter.entry(device_type="urja-d1-aes"))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        if by == "tcp":
            await line.send(meter.block(NINE), meter.block(NINE + HALF_HOUR))
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for frame in (meter.block(NINE), meter.block(NINE + HALF_HOUR)):
                    sender.sendto(frame, ("127.0.0.1", headend.wrapper_port.port))
        await until(lambda: accepted(headend) == 2)
    await stored.take()
    assert len(stored.records("block")) == 2


async def test_a_strangers_push_to_any_sap_waits_for_its_adoption(start_headend, pipeline):
    """Its type is not known yet, nor the SAP it has: it is quarantined under its system title, not as garbage."""
    meter = PushMeter(13, sap=102)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)


async def test_a_push_in_pieces_and_pushes_in_one_read(start_headend, pipeline, stored):
    meter = PushMeter(2)
    await adopt(pipeline, None, meter)
    stream = b"".join(meter.block(NINE + HALF_HOUR * n, import_wh=n) for n in range(7))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        for start, end in pairwise([0, 3, 9, 200, 333, 700, len(stream)]):
            await line.send(stream[start:end])
            await asyncio.sleep(0.01)
        await until(lambda: accepted(headend) == 7)
    await stored.take()
    assert sorted(stored.records("block")["import_wh"].tolist()) == list(range(7))


async def test_instantaneous_pushes_are_register_reads(start_headend, pipeline, stored):
    meter = PushMeter(3)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.instantaneous(NINE, import_wh=123_456))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    [record] = stored.records("register")
    assert (record["import_wh"], record["kind"]) == (123_456, RegisterKind.INSTANTANEOUS)
    assert record["read_at"] == NINE.timestamp()


async def test_alerts_are_events_from_what_changed(start_headend, pipeline, stored):
    meter = PushMeter(4)
    await adopt(pipeline, None, meter)
    later = [NINE + dt.timedelta(minutes=n) for n in range(4)]
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.alert(later[0], 85))
        await until(lambda: accepted(headend) == 1)
        await line.send(meter.alert(later[1], 86, 11))
        await until(lambda: accepted(headend) == 2)
        await line.send(meter.alert(later[1], 86, 11), meter.alert(later[2], 86))
        await until(lambda: accepted(headend) == 4)
    # The word is kept with the windows: a head end that restarts does not report it all again.
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.alert(later[3], 86, 83))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    found = {
        (record["code"].item(), record["state"].item(), record["occurred_at"].item())
        for record in stored.records("event")
    }
    at = [int(moment.timestamp()) for moment in later]
    assert found == {
        (101, EventState.OCCURRED, at[0]),
        (102, EventState.RESTORED, at[1]),
        (67, EventState.OCCURRED, at[1]),
        (68, EventState.RESTORED, at[2]),
        (251, EventState.INSTANT, at[3]),
    }
    assert len(stored.records("event")) == 5


async def test_of_two_alerts_with_one_stamp_the_second_word_counts_too(start_headend, pipeline, stored):
    """A meter that rises and falls within a second says both; what comes next is compared with the later word."""
    meter = PushMeter(4)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        for count, alert in enumerate(
            [(NINE, 85), (NINE, 86), (NINE + dt.timedelta(minutes=1), 85)],
            1,
        ):
            await line.send(meter.alert(*alert))
            await until(lambda count=count: accepted(headend) == count)
    await stored.take()
    at = int(NINE.timestamp())
    assert [
        (record["code"].item(), record["state"].item(), record["occurred_at"].item())
        for record in stored.records("event")
    ] == [
        (101, EventState.OCCURRED, at),
        (102, EventState.RESTORED, at),
        (101, EventState.OCCURRED, at + 60),
    ]


def test_correlations_of_a_batch_stay_within_their_bits():
    """The drawn part of 21 bits turns over; it does not run into the time above it."""
    base, entropy = 6 << 21, (1 << 21) - 1
    batch = ReceivedBatch([], [], 0, 0, NINE, 0.0, base, entropy)
    assert [batch.correlation(index) for index in (0, 1, 2)] == [base | entropy, base, base | 1]
    assert batch.correlations(np.array([0, 1, 2])).tolist() == [base | entropy, base, base | 1]


async def test_a_doubled_push_is_ignored_and_counted(start_headend, pipeline, stored):
    meter = PushMeter(5)
    await adopt(pipeline, None, meter)
    frame = meter.block()
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(frame, frame)
        await until(lambda: value(headend, "duplicates_total") == 1)
        await line.send(frame)
        await until(lambda: value(headend, "duplicates_total") == 2)
        assert accepted(headend) == 1
    await stored.take()
    assert len(stored.records("block")) == 1


async def test_after_a_restart_nothing_is_taken_twice(start_headend, pipeline, stored):
    meters = [PushMeter(number, bucket=number * 40) for number in range(1, 20)]
    await adopt(pipeline, None, *meters)
    frames = [meter.block(NINE + HALF_HOUR * n) for meter in meters for n in range(3)]
    for _ in range(2):
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(*frames)
            done = lambda: accepted(headend) + value(headend, "duplicates_total") == len(frames)  # noqa: E731
            await until(done)
    await stored.take()
    assert len(stored.records("block")) == len(frames)


class TestQuarantined:
    async def kept(self, admin, count: int = 1):
        async with asyncio.timeout(60):
            while True:
                items = [one.item async for one in admin.quarantined()]
                if len(items) >= count:
                    return items
                await asyncio.sleep(0.02)

    async def test_an_unknown_meter(self, start_headend, admin):
        meter = PushMeter(6)
        frame = meter.block()
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(frame)
            [item] = await self.kept(admin)
            assert value(headend, "quarantined_total", reason="unknown-meter") == 1
        assert (item.reason, item.standing, item.source) == ("unknown-meter", "unknown", "127.0.0.0/24")
        assert (item.title, item.frame) == (meter.title.hex(), frame)
        assert item.peer.startswith("tcp 127.0.0.1:")
        assert item.correlation > 0

    async def test_a_wrong_key(self, start_headend, pipeline, admin):
        meter = PushMeter(7, wrong_key=True)
        await adopt(pipeline, None, meter)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            [item] = await self.kept(admin)
            assert accepted(headend) == 0
        assert (item.reason, item.standing, item.title) == ("wrong-key", "claimed", meter.title.hex())

    async def test_a_counter_that_is_too_old(self, start_headend, pipeline, admin):
        meter = PushMeter(8)
        await adopt(pipeline, None, meter)
        old = meter.block()
        meter.counter = 1000
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            await until(lambda: accepted(headend) == 1)
            await line.send(old)
            [item] = await self.kept(admin)
        assert item.reason == "replay"
        assert "too old" in item.detail

    async def test_an_inactive_meter(self, start_headend, pipeline, admin):
        meter = PushMeter(9)
        await put_device(pipeline, meter.entry(active=False))
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            [item] = await self.kept(admin)
        assert (item.reason, item.detail) == ("unusable-meter", "inactive")

    async def test_keys_that_another_key_wrapped(self, start_headend, pipeline, admin):
        meter = PushMeter(10)
        await put_device(pipeline, meter.entry(wrapped_guek=bytes(24)))
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            [item] = await self.kept(admin)
        assert item.reason == "unusable-meter"
        assert "key-encryption key" in item.detail

    async def test_authentic_nonsense_may_come_again(self, start_headend, pipeline, admin):
        meter = PushMeter(11)
        await adopt(pipeline, None, meter)
        frame = meter.seal(b"\x0f\0\0\0\1\0\x02\x01\x11\x05")
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(frame)
            [item] = await self.kept(admin)
            assert item.reason == "layout"
            await line.send(frame)
            assert len(await self.kept(admin, 2)) == 2

    @pytest.mark.parametrize(
        ("control", "device_type", "standing"),
        [(AUTHENTICATED_ENCRYPTED, "urja-d1", "proven"), (ENCRYPTED, "urja-d1-encrypted", "claimed")],
        ids=["with a tag", "without a tag"],
    )
    async def test_a_clock_that_names_no_moment(
        self, start_headend, pipeline, admin, monkeypatch, control, device_type, standing
    ):
        meter = PushMeter(12, control=control)
        await put_device(pipeline, meter.entry(device_type=device_type))
        monkeypatch.setattr("tests.headend.pushing.meter_clock", lambda at: b"\xff" * 12)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            [item] = await self.kept(admin)
        assert (item.reason, item.standing) == ("layout", standing)
        assert item.detail == "the clock has no valid time"

    @pytest.mark.parametrize(
        "data", [b"GET / HTTP/1.1\r\n\r\n", b"\0\1\0\1\0\x40\xff\xff" + bytes(50), b"\0\1\0\1\0\x30\0\1\0"]
    )
    async def test_garbage_is_kept_and_closes_the_connection(self, start_headend, admin, data):
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(data)
            [item] = await self.kept(admin)
            assert (item.reason, item.frame[:9]) == ("garbage", data[:9])
            assert (item.standing, item.source, item.title) == ("unknown", "127.0.0.0/24", "")

    async def test_a_flood_from_one_source_is_bounded_and_spares_others(self, start_headend, admin, pipeline):
        stranger, honest = PushMeter(13), PushMeter(14)
        await adopt(pipeline, None, honest)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(*(stranger.block() for _ in range(300)), honest.block())
            await until(lambda: accepted(headend) == 1)
            await until(lambda: value(headend, "quarantine_overflow_total", standing="unknown") == 200)
            await headend.quarantine.drain()
        assert len([item async for item in admin.quarantined()]) == 100

    async def test_garbage_over_a_known_meter_s_connection_is_evidence_of_that_meter(
        self, start_headend, admin, pipeline
    ):
        meter = PushMeter(15)
        await adopt(pipeline, None, meter)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(meter.block())
            await until(lambda: accepted(headend) == 1)
            await line.send(b"GET / HTTP/1.1\r\n\r\n")
            [item] = await self.kept(admin)
        assert (item.reason, item.standing, item.title) == ("garbage", "claimed", meter.title.hex())

    async def test_the_network_of_a_connection_that_is_reset_at_once_is_known(
        self, start_headend, admin, pipeline
    ):
        """Else all such frames would have one source; and an address that can no longer be asked failed the batch."""
        honest = PushMeter(16)
        await adopt(pipeline, None, honest)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            stranger = socket.create_connection(
                ("127.0.0.1", headend.wrapper_port.port), source_address=("127.0.9.1", 0)
            )
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stranger.sendall(PushMeter(17).block())
            await line.send(honest.block())
            stranger.close()
            [item] = await self.kept(admin)
            await until(lambda: accepted(headend) == 1)
        assert item.source == "127.0.9.0/24"


async def test_a_meter_adopted_while_running_is_taken(start_headend, pipeline, stored):
    meter = PushMeter(15)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await adopt(pipeline, headend, meter)
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
        await pipeline.delete_device(meter.title.hex())
        await until(lambda: meter.title not in headend.roster.meters)
        await line.send(meter.block())
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)


async def test_a_key_change_starts_a_new_window(start_headend, pipeline):
    meter = PushMeter(16)
    await adopt(pipeline, None, meter)
    meter.counter = 5000
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
        successor = PushMeter(17)
        old = headend.roster.meters[meter.title].key_id
        await put_device(pipeline, meter.entry(wrapped_guek=wrap_key(KEK, successor.keys.guek)))
        await until(lambda: headend.roster.meters[meter.title].key_id != old)
        assert headend.roster.meters[meter.title].window.highest == -1


async def test_replay_after_adoption(start_headend, pipeline, admin, stored):
    meter = PushMeter(18)
    early = meter.block(NINE)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(early)
        [item] = await TestQuarantined().kept(admin)
        await adopt(pipeline, headend, meter)
        meter.counter = 5000
        await line.send(meter.block(NINE + HALF_HOUR))
        await until(lambda: accepted(headend) == 1)
        # By now its counter is far outside the window: the operator vouches for it.
        assert b'"accepted"' in await admin.replay(item)
        assert b'"refused"' in await admin.replay(msgspec.structs.replace(item, frame=PushMeter(99).block()))
    await stored.take()
    records = stored.records("block")
    assert sorted(records["start_at"].tolist()) == [
        int((NINE - HALF_HOUR).timestamp()),
        int(NINE.timestamp()),
    ]
    assert item.correlation in records["correlation"].tolist()


async def test_datagrams(start_headend, pipeline, stored):
    meter = PushMeter(20)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.connect(("127.0.0.1", headend.wrapper_port.port))
            for n in range(5):
                line.send(meter.block(NINE + HALF_HOUR * n))
            line.send(b"nonsense over udp")
        await until(lambda: accepted(headend) == 5)
        await until(lambda: value(headend, "quarantined_total", reason="garbage") == 1)
        assert value(headend, "pushes_received_total", transport="udp") == 5


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_ipv6_and_ipv4_on_one_port(start_headend, pipeline, kind):
    meter = PushMeter(21)
    await adopt(pipeline, None, meter)
    async with start_headend(hosts=("127.0.0.1", "::1")) as headend:
        for family, host in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
            with socket.socket(family, kind) as line:
                line.connect((host, headend.wrapper_port.port))
                line.send(meter.block())
                await until(lambda: accepted(headend) == meter.counter)


async def test_a_taken_port_is_named(start_headend):
    async with start_headend() as headend:
        with pytest.raises(WrapperPortError, match=r"port .* another program listens there"):
            async with start_headend(port=headend.wrapper_port.port):
                pass


async def test_where_known_meters_fill_the_room_another_connection_is_closed(start_headend, pipeline):
    first, second = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, first, second)
    async with (
        start_headend(connections=2) as headend,
        Line(headend.wrapper_port.port) as one,
        Line(headend.wrapper_port.port) as two,
    ):
        await one.send(first.block())
        await two.send(second.block())
        await until(lambda: accepted(headend) == 2)
        async with Line(headend.wrapper_port.port) as third:
            assert await third.reader.read(1) == b""
        assert value(headend, "refused_connections_total") == 1


async def test_two_thousand_connections(start_headend, pipeline, stored):
    meters = [PushMeter(number, bucket=number % BUCKETS) for number in range(1, 2001)]
    await adopt(pipeline, None, *meters)
    async with start_headend() as headend:
        lines = []
        for _ in meters:
            line = socket.create_connection(("127.0.0.1", headend.wrapper_port.port))
            lines.append(line)
            if len(lines) % 200 == 0:
                await until(lambda: headend.wrapper_port.open_connections == len(lines))
        for _ in range(2):
            for line, meter in zip(lines, meters, strict=True):
                line.send(meter.block(NINE + HALF_HOUR * meter.counter))
        await until(lambda: accepted(headend) == 4000)
        assert len(headend.wrapper_port.by_slot) == 2000
        for line in lines:
            line.close()
        await until(lambda: headend.wrapper_port.open_connections == 0)
        assert headend.wrapper_port.by_slot == {}
    await stored.take()
    assert len(set(stored.records("block")["correlation"].tolist())) == 4000
