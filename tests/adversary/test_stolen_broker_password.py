"""A thief with the pipeline's password at the broker, and none of its keys, tries for readings, money and supply.

The server publishes its answers to any subject that a client names as the reply: no right bounds that. So what a user
may have answered must never be bytes of its own choice.
"""

import asyncio
from dataclasses import dataclass
from itertools import product

import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import SIGNING_KEY, Desk, House, put_device
from tests.headend.pushing import KEK, NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted
from tests.stream.test_broker import blocks

from urja.base.ports import free_port
from urja.cosem.push_object_list import PushObject, PushObjectList
from urja.cosem.security import KekStore
from urja.headend.compiled_types import KnownTypes
from urja.headend.new_keys import KeyGenerator
from urja.headend.roster import WINDOW_GROUPS, Roster
from urja.headend.sealed_state import Seal
from urja.stream import messages
from urja.stream.codec import encode_batch
from urja.stream.devices import SignedDevice
from urja.stream.orders import Progress
from urja.stream.subjects import Kind

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored

ANSWERED = (
    "urja.quarantine.message.poison",
    "$JS.API.STREAM.INFO.QUARANTINE",
    "$JS.API.STREAM.INFO.QUARANTINE_UNKNOWN",
    "$JS.API.STREAM.INFO.QUARANTINE_CLAIMED",
    "$JS.API.STREAM.INFO.QUARANTINE_PROVEN",
    "$KV.devices.00",
    "$KV.releases.asked",
    "$KV.types.00",
    "$JS.API.STREAM.INFO.KV_devices",
    "$JS.API.STREAM.INFO.KV_held",
    "$JS.API.STREAM.INFO.KV_contents",
    "$JS.API.DIRECT.GET.KV_contents.$KV.contents.headend",
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


async def have_all_answered(thief, target: str) -> None:
    """Let the server answer everything that it answers, to one subject."""
    for subject in ANSWERED:
        await have_answered(thief, subject, target)
    await asyncio.sleep(0.3)


async def test_no_readings_are_forged(thief, admin):
    await have_all_answered(thief, "urja.readings.block.3")
    consumer = await admin.consume("READINGS")
    # What arrives is no batch and goes to quarantine.
    assert await consumer.fetch(20, 0.5) == []
    await consumer.close()


async def test_no_progress_of_a_command_is_forged(thief, admin):
    said = Progress(command_id=1, device_id=1, sequence=1, state="confirmed", at=NINE, wall_ms=1)
    await have_answered(thief, "$KV.devices.00", "_INBOX_pipeline.x", None, messages.encode(said))
    await asyncio.sleep(0.3)
    await have_all_answered(thief, "urja.progress.4")
    consumer = await admin.consume("PROGRESS")
    assert await consumer.fetch(20, 0.5) == []
    await consumer.close()


async def test_a_send_counter_that_is_overwritten_stops_no_reconnection(thief, start_headend, stepped_clock):
    house = House(stepped_clock, port=free_port())
    await put_device(thief, house.entry())
    desk = Desk(thief)
    for _ in range(2):
        async with start_headend(), house.listening():
            order = house.order("connect")
            await desk.send(order)
            [end] = await desk.end_of(order)
            assert end.state == "confirmed"
        await have_all_answered(thief, f"$KV.counters.{counter_of(house)}")


async def overwrite_windows(thief) -> None:
    for group in range(WINDOW_GROUPS):
        for subject in ANSWERED:
            await have_answered(thief, subject, f"$KV.windows.{group}")
    await asyncio.sleep(0.3)


@dataclass
class HousePushes(PushMeter):
    """The pushes of a house whose meter can be dialled too."""

    house: House | None = None

    @property
    def title(self) -> bytes:
        return self.house.identity.title

    @property
    def keys(self):
        return self.house.identity.keys


async def test_windows_that_are_overwritten_make_no_push_fresh_until_a_session_has_proven_the_counter(
    thief, start_headend, stepped_clock, admin
):
    """Else everything that a thief has recorded could be sent again. It stays so over restarts."""
    house = House(stepped_clock, port=free_port())
    await put_device(thief, house.entry())
    pushes = HousePushes(1, house=house)
    old = pushes.instantaneous()
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(old)
        await until(lambda: accepted(headend) == 1)
    await overwrite_windows(thief)
    for _ in range(2):
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await line.send(old)
            await until(lambda: value(headend, "quarantined_total", reason="unusable-meter") == 1)
            assert headend.status()["without_window"] == 1
            assert headend.waiting_for() == []
    kept = [one.item.detail async for one in admin.quarantined() if one.item.reason == "unusable-meter"]
    assert all("its replay window could not be read" in detail for detail in kept)

    async with start_headend() as headend, house.listening(), Line(headend.wrapper_port.port) as line:
        desk, order = Desk(thief), house.order("connect")
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert headend.status()["without_window"] == 0
        await line.send(old)
        await until(lambda: value(headend, "duplicates_total") == 1)
        pushes.counter = house.meter.transmit.upcoming + 10
        await line.send(pushes.instantaneous(NINE + HALF_HOUR))
        await until(lambda: accepted(headend) == 1)


async def test_an_operator_s_replay_ends_the_wait_of_a_meter_that_only_pushes(thief, start_headend, admin):
    meter = PushMeter(1)
    await adopt(thief, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
    await overwrite_windows(thief)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        old = meter.block(NINE + HALF_HOUR)
        vouched = meter.block(NINE + 2 * HALF_HOUR)
        await line.send(vouched)
        await until(lambda: value(headend, "quarantined_total", reason="unusable-meter") == 1)
        await headend.quarantine.drain()
        [item] = [one.item async for one in admin.quarantined() if one.item.reason == "unusable-meter"]
        assert b'"accepted"' in await admin.replay(item)
        await line.send(old, vouched, meter.block(NINE + 3 * HALF_HOUR))
        await until(lambda: value(headend, "duplicates_total") == 2)
        await until(lambda: accepted(headend) == 2)


@dataclass
class Impostor(PushMeter):
    """Pushes in the name of one meter under the keys of another."""

    keys_of: PushMeter | None = None

    @property
    def keys(self):
        return self.keys_of.keys


KNOWN = PushMeter(2)
"""The thief has this meter's keys."""
FIRST = 11
"""Number of the first meter that is attacked."""
OTHER_LAYOUT = (PushObjectList("block", tuple(PushObject(3, f"1.0.{n}.8.0.255", 2) for n in (9, 1))),)
FORGERIES = {
    "another's keys": {
        "wrapped_guek": KNOWN.entry().wrapped_guek,
        "wrapped_gak": KNOWN.entry().wrapped_gak,
    },
    "another layout": {"pushes": OTHER_LAYOUT},
    "another address": {"address": "127.0.0.1:4059"},
}


def own_key(entry) -> SignedDevice:
    return SignedDevice.of(entry, bytes(reversed(SIGNING_KEY)))


def changed_after(entry) -> SignedDevice:
    true = SignedDevice.of(PushMeter(1).entry(), SIGNING_KEY)
    return SignedDevice(payload=messages.encode(entry), signature=true.signature)


async def test_no_meter_is_given_another_s_keys_layout_or_address(pipeline, start_headend, admin, stored):
    """The thief has one meter's keys too, and sees all entries; it has not the signing key."""
    cases = list(product(FORGERIES.values(), (None, own_key, changed_after)))
    meters = [PushMeter(number) for number in range(FIRST, FIRST + len(cases))]
    await adopt(pipeline, None, KNOWN, *meters)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        before = {meter.title: headend.roster.meters[meter.title].entry for meter in meters}
        for meter, (changes, signed) in zip(meters, cases, strict=True):
            entry = meter.entry(**changes)
            await overwrite(pipeline, meter, entry if signed is None else signed(entry))
        await refused(headend, *meters)
        assert {title: headend.roster.meters[title].entry for title in before} == before
        for meter in meters:
            false = Impostor(meter.number, keys_of=KNOWN).block(import_wh=9_000)
            await line.send(false, meter.block(import_wh=250))
        await until(lambda: accepted(headend) == len(meters))
        await until(lambda: value(headend, "quarantined_total", reason="wrong-key") == len(meters))
        # What the pipeline writes is taken, and nothing is left to say.
        await adopt(pipeline, None, *meters)
        await until(lambda: headend.attention() == [])
    await stored.take()
    blocks = stored.records("block")
    assert sorted(blocks["device_id"].tolist()) == [meter.device_id for meter in meters]
    assert blocks["import_wh"].tolist() == [250] * len(meters)


async def test_a_signed_entry_under_the_key_of_another_meter_is_refused(pipeline, start_headend):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter, KNOWN)
    async with start_headend() as headend:
        await overwrite(pipeline, meter, SignedDevice.of(KNOWN.entry(), SIGNING_KEY))
        await refused(headend, meter)
        assert headend.roster.meters[meter.title].entry.serial == meter.entry().serial


async def test_an_older_entry_of_the_meter_itself_is_refused_also_after_its_removal(pipeline, start_headend):
    """Such as one with keys that were replaced since."""
    meter = PushMeter(1)
    old = SignedDevice.of(meter.entry(version=6, address="127.0.0.1:1"), SIGNING_KEY)
    await put_device(pipeline, meter.entry(version=7))
    async with start_headend() as headend:
        await overwrite(pipeline, meter, old)
        await refused(headend, meter)
        assert headend.roster.meters[meter.title].entry.address is None
        await pipeline.delete_device(meter.title.hex())
        await until(lambda: not headend.roster.meters)
        await overwrite(pipeline, meter, old)
        await refused(headend, meter)
        assert not headend.roster.meters
        await put_device(pipeline, meter.entry(version=8))
        await until(lambda: meter.title in headend.roster.meters)


async def test_a_meter_that_is_known_by_a_forged_entry_alone_is_not_taken(pipeline, start_headend, admin):
    """As at the start of a head end: the device is unknown until the pipeline has written its entry again."""
    meter = PushMeter(1)
    await overwrite(pipeline, meter, own_key(meter.entry()))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await refused(headend, meter)
        assert not headend.roster.meters
        await line.send(meter.block())
        await until(lambda: value(headend, "quarantined_total", reason="unusable-meter") == 1)
        await adopt(pipeline, headend, meter)
        assert headend.attention() == []


async def overwrite(thief, meter, entry) -> None:
    await thief._publish(f"$KV.devices.{meter.title.hex()}", messages.encode(entry))


async def refused(headend, *meters) -> None:
    """Once an entry of each meter was refused, which is counted and said."""
    titles = {meter.title.hex() for meter in meters}
    await until(lambda: titles <= headend.roster.unreadable.keys())
    [said] = headend.attention()
    assert said.startswith(f"{len(meters)} entries of the registry's projection are refused")
    assert titles <= set(headend.status()["unreadable"])
    await until(lambda: value(headend, "unreadable_entries") == len(meters))


def counter_of(house) -> str:
    """The name under which the head end keeps its counter towards a meter."""
    roster = Roster(KekStore(KEK), KeyGenerator(KekStore(KEK), Seal(KEK)), KnownTypes(b""))
    roster.apply(house.entry().key, house.entry())
    meter = roster.meters[house.identity.title]
    return f"{house.identity.title.hex()}-{meter.key_id.hex()}"
