"""The stream is full, or the broker not available or killed: no accepted push is lost or stored twice."""

import asyncio
import datetime as dt
import socket

import pytest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import put_device
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import Line, accepted
from tests.headend.test_sessions import World
from tests.logs import logged

from urja.base.ports import free_port
from urja.cosem.replay_window import Verdict
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED
from urja.headend import intake
from urja.stream.errors import StreamError

MINUTE = dt.timedelta(minutes=1)


async def test_accepted_means_acknowledged(start_headend, pipeline, nats_server, stored, monkeypatch):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        nats_server.kill()
        await until(lambda: not headend.broker.connected)
        await line.send(meter.block())
        await until(lambda: value(headend, "publish_retries_total", cause="away") > 0)
        known = headend.roster.meters[meter.title]
        window = known.window
        assert (accepted(headend), window.highest, window.check(1)) == (0, -1, Verdict.IN_FLIGHT)
        assert headend.intake.held
        await nats_server.start()
        await until(lambda: accepted(headend) == 1)
        assert (known.window.highest, known.window.check(1)) == (1, Verdict.DUPLICATE)
        await until(lambda: not headend.intake.held)
    # The pipeline's own connection may come back later than the head end's.
    await pipeline.wait_connected()
    await stored.take(2)
    assert len(stored.records("block")) == 1


async def test_the_broker_killed_while_publishing(start_headend, pipeline, nats_server, stored):
    meters = [PushMeter(number, bucket=number * 30) for number in range(1, 31)]
    await adopt(pipeline, None, *meters)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        sent = 0
        for round_ in range(60):
            await line.send(*(meter.block(NINE + MINUTE * round_) for meter in meters))
            sent += len(meters)
            if round_ in (15, 40):
                nats_server.kill()
                await nats_server.start()
            await asyncio.sleep(0.01)
        await until(lambda: accepted(headend) == sent, 40)
    await pipeline.wait_connected()
    await stored.take(2)
    records = stored.records("block")
    assert len(records) == sent
    rows = set(zip(records["device_id"].tolist(), records["start_at"].tolist(), strict=True))
    assert len(rows) == sent


async def test_stopping_without_a_broker_rolls_back(
    start_headend, pipeline, nats_server, stored, monkeypatch
):
    meter = PushMeter(2)
    await adopt(pipeline, None, meter)
    frame = meter.block()
    monkeypatch.setattr(intake.Intake.stop, "__defaults__", (0.2,))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        nats_server.kill()
        await until(lambda: not headend.broker.connected)
        await line.send(frame)
        await until(lambda: headend.intake.held)
    window = headend.roster.meters[meter.title].window
    assert (window.highest, window.check(1)) == (-1, Verdict.FRESH)
    assert value(headend, "pushes_rolled_back_total") == 1
    await nats_server.start()
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(frame)
        await until(lambda: accepted(headend) == 1)


async def test_a_full_stream_holds_the_meters_back(start_headend, pipeline, stored):
    meters = [PushMeter(number, bucket=number) for number in range(1, 201)]
    await adopt(pipeline, None, *meters)
    async with start_headend() as headend:
        with socket.create_connection(("127.0.0.1", headend.wrapper_port.port)) as line:
            line.setblocking(False)
            sent = 0
            pending = b""
            async with asyncio.timeout(60):
                while not (headend.intake.held and value(headend, "publish_retries_total", cause="full")):
                    if not pending:
                        pending = b"".join(meter.block(NINE + MINUTE * sent) for meter in meters)
                        sent += len(meters)
                    try:
                        pending = pending[line.send(pending) :]
                    except BlockingIOError:
                        await asyncio.sleep(0.005)
                    await asyncio.sleep(0)
            # UDP cannot be held back: what comes is counted.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                datagrams.sendto(PushMeter(500).block(), ("127.0.0.1", headend.wrapper_port.port))
            await until(lambda: value(headend, "udp_dropped_total", by="us") == 1)
            held_at = accepted(headend)
            received = value(headend, "pushes_received_total", transport="tcp")
            assert received - held_at <= intake.IN_FLIGHT_BYTES / 100
            # The pipeline takes the queued messages; the rest follows by itself.
            drained = asyncio.ensure_future(stored.take(3))
            while pending:
                try:
                    pending = pending[line.send(pending) :]
                except BlockingIOError:
                    await asyncio.sleep(0.005)
            await until(lambda: accepted(headend) == sent, 60)
            assert not headend.intake.held
            await drained
            await stored.take()
    assert len(set(stored.records("block")["correlation"].tolist())) == sent


async def test_a_subject_that_is_refused_rolls_back(start_headend, pipeline, monkeypatch):
    meter = PushMeter(3)
    await adopt(pipeline, None, meter)

    async def refuse(*_: object, **__: object) -> int:
        raise StreamError("no")

    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        monkeypatch.setattr(headend.broker, "publish_batch", refuse)
        frame = meter.block()
        await line.send(frame)
        await until(lambda: value(headend, "pushes_rolled_back_total") == 1)
        monkeypatch.undo()
        await line.send(frame)
        await until(lambda: accepted(headend) == 1)


@pytest.mark.parametrize(
    ("control", "device_type", "counted"),
    [
        (AUTHENTICATED_ENCRYPTED, "urja-d1", "pushes_accepted_total"),
        (ENCRYPTED, "urja-d1-encrypted", "pushes_unauthenticated_total"),
    ],
    ids=["with a tag", "without a tag"],
)
async def test_a_replayed_push_that_the_broker_refuses_is_not_accepted(
    start_headend, pipeline, admin, monkeypatch, control, device_type, counted
):
    meter = PushMeter(4, control=control)

    async def refuse(*_: object, **__: object) -> int:
        raise StreamError("no")

    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)
        await headend.quarantine.drain()
        [item] = [one.item async for one in admin.quarantined()]
        await put_device(pipeline, meter.entry(device_type=device_type))
        await until(lambda: meter.title in headend.roster.meters)
        monkeypatch.setattr(headend.broker, "publish_batch", refuse)
        assert b'"not-stored"' in await admin.replay(item)
        assert value(headend, counted) == 0
        monkeypatch.undo()
        assert b'"accepted"' in await admin.replay(item)
        assert value(headend, counted) == 1


async def test_a_read_whose_end_the_broker_does_not_hear_of_comes_again_and_is_no_fault_of_ours(
    start_headend, pipeline, nats_server, admin, stepped_clock
):
    port = free_port()
    house = World(stepped_clock, "urja-d1-listen", port)
    await put_device(pipeline, house.entry())

    def close_and_kill(_reader, writer):
        """The meter closes its connection at the moment at which the broker dies."""
        nats_server.kill()
        writer.close()

    with logged() as logs:
        async with start_headend() as headend, await asyncio.start_server(close_and_kill, "127.0.0.1", port):
            await pipeline.publish_request(house.request("block"), house.entry().shard)
            await until(lambda: value(headend, "reads_total", profile="block", result="again") == 1)
            await until(lambda: not headend.reads._tasks)
    said = {line["event"] for line in logs if line["log_level"] in {"warning", "error"}}
    assert "a read request is left for redelivery" in said
    assert "a read request failed" not in said
    await nats_server.start()
    await admin.wait_connected()
    assert (await admin.jetstream.consumer_info("REQUESTS", "sessions")).num_ack_pending == 1
