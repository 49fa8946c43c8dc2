"""A thief with the pipeline's password at the broker, and none of its keys, tries for readings, money and supply.

The server publishes its answers to any subject that a client names as the reply: no right bounds that. So what a user
may have answered must never be bytes of its own choice.
"""

import asyncio

import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import Desk, House
from tests.headend.pushing import KEK, NINE, PushMeter, free_port
from tests.stream.test_broker import blocks

from urja.cosem.security import KekStore
from urja.headend.roster import Roster
from urja.stream import Kind, messages
from urja.stream.codec import encode_batch
from urja.stream.orders import Progress

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

ANSWERED = (
    "urja.quarantine.poison",
    "$KV.devices.00",
    "$KV.releases.asked",
    "$JS.API.STREAM.INFO.KV_devices",
    "$JS.API.STREAM.INFO.KV_held",
    "$JS.API.STREAM.INFO.READINGS",
    "$JS.API.CONSUMER.INFO.READINGS.ingest",
    "$JS.API.DIRECT.GET.KV_devices.$KV.devices.00",
    "$JS.API.DIRECT.GET.KV_held.$KV.held.headend",
)
"""Everything that the server answers to the pipeline's user, and what it does not."""


async def have_answered(broker, subject: str, target: str, headers=None, payload=b"") -> None:
    """Publish, and let the server answer to another subject."""
    await broker._client.publish(subject, payload, reply=target, headers=headers)
    await broker._client.flush()


@pytest.fixture
async def thief(pipeline):
    """Has written bytes of its own choice wherever it may: a batch of readings, and a command's progress."""
    headers, payload = encode_batch(Kind.BLOCK, blocks(3), 7)
    await have_answered(pipeline, "$KV.devices.00", "_INBOX_pipeline.x", headers, payload)
    return pipeline


@pytest.mark.parametrize("subject", ANSWERED)
async def test_no_readings_are_forged(thief, admin, subject):
    await have_answered(thief, subject, "urja.readings.block.3")
    await asyncio.sleep(0.2)
    consumer = await admin.consume("READINGS")
    # What arrives is no batch and goes to quarantine.
    assert await consumer.fetch(10, 0.3) == []
    await consumer.close()


@pytest.mark.parametrize("subject", ANSWERED)
async def test_no_progress_of_a_command_is_forged(thief, admin, subject):
    said = Progress(command_id=1, device_id=1, sequence=1, state="confirmed", at=NINE, wall_ms=1)
    await have_answered(thief, "$KV.devices.00", "_INBOX_pipeline.x", None, messages.encode(said))
    await asyncio.sleep(0.2)
    await have_answered(thief, subject, "urja.progress.4")
    await asyncio.sleep(0.2)
    consumer = await admin.consume("PROGRESS")
    assert await consumer.fetch(10, 0.3) == []
    await consumer.close()


@pytest.mark.parametrize("subject", ANSWERED)
async def test_a_send_counter_that_is_overwritten_stops_no_reconnection(
    thief, start_headend, stepped_clock, subject
):
    house = House(stepped_clock, port=free_port())
    await thief.put_device(house.entry())
    desk = Desk(thief)
    async with start_headend(), house.listening():
        first = house.order("connect")
        await desk.send(first)
        await desk.end_of(first)
    await have_answered(thief, subject, f"$KV.counters.{counter_of(house)}")
    await asyncio.sleep(0.2)
    async with start_headend(), house.listening():
        again = house.order("connect")
        await desk.send(again)
        [end] = await desk.end_of(again)
    assert end.state == "confirmed"


@pytest.mark.parametrize("subject", ANSWERED)
async def test_windows_that_are_overwritten_shut_no_meter_out(thief, start_headend, subject):
    meter = PushMeter(1)
    async with start_headend() as headend:
        await adopt(thief, headend, meter)
    for group in range(64):
        await have_answered(thief, subject, f"$KV.windows.{group}")
    await asyncio.sleep(0.2)
    async with start_headend() as headend:
        await until(lambda: meter.title in headend.roster.meters)
        assert value(headend, "quarantined_total", reason="replay") == 0


def counter_of(house) -> str:
    """The name under which the head end keeps its counter towards a meter."""
    roster = Roster(KekStore(KEK))
    roster.apply(house.entry().key, house.entry())
    meter = roster.meters[house.identity.title]
    return f"{house.identity.title.hex()}-{meter.key_id.hex()}"
