"""The broker as the processes use it: what it stores, what it refuses, what survives a restart."""

import asyncio
import datetime as dt

import msgspec
import numpy as np
import pytest
from tests.headend.ordering import SIGNING_KEY, put_device
from tests.stream.servers import SIZES

from urja.stream import subjects as names
from urja.stream.broker import Broker, connect
from urja.stream.bucket_contents import BucketContents, digest_of, digests_of_parts
from urja.stream.definitions import ensure_streams
from urja.stream.devices import SignedDevice
from urja.stream.errors import (
    BrokerRefusedError,
    BrokerUnavailableError,
    NotPermittedError,
    RevisionConflictError,
    StreamFullError,
)
from urja.stream.messages import DeviceEntry, ReadOutcome, ReadRequest, encode
from urja.stream.quarantine import PER_SOURCE, Quarantined, Standing
from urja.stream.records import BLOCK, EVENT
from urja.stream.signing import public_key
from urja.stream.subjects import Kind, User

TITLE = bytes.fromhex("5552410000000001")
NOON = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)


def blocks(count: int) -> np.ndarray:
    records = np.zeros(count, BLOCK)
    records["device_id"] = np.arange(count)
    return records


def entry(number: int = 1, **changes: object) -> DeviceEntry:
    fields = {
        "device_id": number,
        "bucket": 70,
        "system_title": TITLE[:-1] + bytes([number]),
        "serial": f"S{number}",
        "device_type": "urja-d1",
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
    }
    return DeviceEntry(**(fields | changes))


def request(request_id: int = 7) -> ReadRequest:
    return ReadRequest(
        request_id=request_id,
        device_id=1,
        system_title=TITLE,
        profile="block",
        from_at=NOON,
        to_at=NOON,
        not_after_at=NOON,
        correlation=5,
    )


async def test_a_batch_arrives_as_it_was_published(headend: Broker, pipeline: Broker):
    sequence = await headend.publish_batch(Kind.BLOCK, 3, blocks(5), 99)
    consumer = await pipeline.consume("READINGS")
    [delivery] = await consumer.fetch()
    assert (delivery.sequence, delivery.shard, delivery.attempt) == (sequence, 3, 1)
    assert (delivery.body.kind, delivery.body.correlation) == (Kind.BLOCK, 99)
    assert np.array_equal(delivery.body.records, blocks(5))
    assert await consumer.backlog() == 1
    await delivery.ack()
    assert await consumer.fetch(wait_s=0.1) == []
    assert await consumer.backlog() == 0


async def test_an_unacknowledged_batch_comes_again_with_its_sequence(headend: Broker, pipeline: Broker):
    await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1)
    consumer = await pipeline.consume("READINGS")
    [first] = await consumer.fetch()
    await first.nak()
    [second] = await consumer.fetch()
    assert (second.sequence, second.attempt) == (first.sequence, 2)


async def test_the_same_message_id_is_stored_once(headend: Broker):
    first = await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1, message_id="batch-1")
    assert await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1, message_id="batch-1") == first


async def test_poison_goes_to_quarantine_and_off_the_queue(admin: Broker, headend: Broker, pipeline: Broker):
    await admin.jetstream.publish("urja.readings.block.0", b"not a batch")
    await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1)
    consumer = await pipeline.consume("READINGS")
    [delivery] = await consumer.fetch()
    assert len(delivery.body.records) == 1
    [item] = [kept.item async for kept in admin.quarantined()]
    assert item.source == "poison"
    assert item.frame == b"not a batch"
    assert item.reason == "poison"


async def test_poison_stays_on_the_queue_while_quarantine_is_full(
    admin: Broker, headend: Broker, pipeline: Broker, monkeypatch
):
    monkeypatch.setattr("urja.stream.consumer.POISON_AGAIN_S", 0.2)
    for number in range(PER_SOURCE):
        assert await headend.quarantine(kept(number, standing="message", source="poison"))
    await admin.jetstream.publish("urja.readings.block.0", b"not a batch")
    await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1)
    consumer = await pipeline.consume("READINGS")
    [delivery] = await consumer.fetch()
    await delivery.ack()
    [first, *_] = [one async for one in admin.quarantined()]
    assert await admin.drop_quarantined([first]) == 1
    for _ in range(100):
        assert await consumer.fetch(wait_s=0.1) == []
        if await consumer.backlog() == 0:
            break
    frames = [one.item.frame async for one in admin.quarantined()]
    assert (len(frames), frames[-1]) == (PER_SOURCE, b"not a batch")


async def test_a_full_stream_refuses_and_loses_nothing(headend: Broker, pipeline: Broker):
    stored = 0
    try:
        while stored < 100:
            await headend.publish_batch(Kind.BLOCK, 0, blocks(8000), stored)
            stored += 1
    except StreamFullError:
        pass
    assert 0 < stored < 100
    consumer = await pipeline.consume("READINGS")
    taken = await consumer.fetch(stored)
    assert [delivery.body.correlation for delivery in taken] == list(range(stored))
    for delivery in taken:
        await delivery.ack()
    for _ in range(100):
        try:
            await headend.publish_batch(Kind.BLOCK, 0, blocks(8000), 1)
            break
        except StreamFullError:
            await asyncio.sleep(0.02)
    else:
        pytest.fail("the stream did not take new batches after it was drained")


async def test_shards_can_be_divided_among_ingest_processes(admin: Broker, headend: Broker, pipeline: Broker):
    await ensure_streams(admin, SIZES, splits=[range(4), range(4, 16)])
    await headend.publish_batch(Kind.BLOCK, 3, blocks(1), 1)
    await headend.publish_batch(Kind.EVENT, 4, np.zeros(1, EVENT), 2)
    lower = await pipeline.consume("READINGS", names.ingest_durable(range(4)))
    upper = await pipeline.consume("READINGS", names.ingest_durable(range(4, 16)))
    assert [delivery.shard for delivery in await lower.fetch()] == [3]
    assert [delivery.shard for delivery in await upper.fetch()] == [4]
    with pytest.raises(BrokerRefusedError):
        await pipeline.consume("READINGS")


async def test_requests_and_outcomes_travel_both_ways(headend: Broker, pipeline: Broker):
    await pipeline.publish_request(request(), 2)
    await pipeline.publish_request(request(), 2)
    requests = await headend.consume("REQUESTS")
    [delivery] = await requests.fetch()
    assert delivery.body == request()
    outcome = ReadOutcome(request_id=7, device_id=1, ok=True, rows=48)
    await headend.publish_outcome(outcome, delivery.shard)
    await delivery.ack()
    outcomes = await pipeline.consume("OUTCOMES")
    assert [delivery.body for delivery in await outcomes.fetch()] == [outcome]


class TestRights:
    async def test_head_end_cannot_ask_for_reads(self, headend: Broker):
        with pytest.raises(NotPermittedError):
            await headend.publish_request(request(), 0)

    async def test_head_end_cannot_write_the_projection(self, headend: Broker):
        with pytest.raises(NotPermittedError):
            await put_device(headend, entry())

    async def test_pipeline_cannot_publish_readings(self, pipeline: Broker):
        with pytest.raises(NotPermittedError):
            await pipeline.publish_batch(Kind.BLOCK, 0, blocks(1), 1)

    async def test_pipeline_cannot_move_windows_or_counters(self, pipeline: Broker):
        with pytest.raises(NotPermittedError):
            await pipeline.put(names.WINDOWS, "0", b"")
        with pytest.raises(NotPermittedError):
            await pipeline.put(names.COUNTERS, TITLE.hex(), b"1", 0)

    @pytest.mark.parametrize("user", [User.HEADEND, User.PIPELINE])
    async def test_only_the_admin_makes_streams_and_reads_quarantine(self, nats_server, admin, user):
        broker = await nats_server.connect(user)
        with pytest.raises(NotPermittedError):
            await broker._request("$JS.API.STREAM.DELETE.READINGS", b"", None)
        with pytest.raises(NotPermittedError):
            await broker._request("$JS.API.STREAM.MSG.GET.QUARANTINE_UNKNOWN", b"{}", None)
        await broker.close()

    async def test_a_wrong_password_is_refused(self, nats_server):
        with pytest.raises(NotPermittedError, match="refuses user admin"):
            await connect(nats_server.url, User.ADMIN, "wrong", "intruder")


async def test_a_broker_that_is_not_there_is_named():
    with pytest.raises(BrokerUnavailableError, match="no broker at"):
        await connect("nats://127.0.0.1:1", User.ADMIN, "secret", "early", within_s=0.1)


def verified(change):
    return change.signed.verified_for(change.key, public_key(SIGNING_KEY))


async def test_the_projection_is_given_whole_and_then_followed(headend: Broker, pipeline: Broker):
    await put_device(pipeline, entry(1))
    await put_device(pipeline, entry(2))
    await put_device(pipeline, entry(2, serial="changed"))
    feed = headend.follow_devices()
    known: dict[str, DeviceEntry] = {}
    while (changes := await anext(feed)) is not None:
        known |= {change.key: verified(change) for change in changes}
    assert known == {entry(1).key: entry(1), entry(2).key: entry(2, serial="changed")}
    await pipeline.delete_device(entry(1).key)
    [change] = await anext(feed)
    assert (change.key, change.signed) == (entry(1).key, None)
    assert await pipeline.device_keys() == sorted([entry(1).key, entry(2).key])


async def test_the_projection_is_read_as_it_lies_there(
    admin: Broker, headend: Broker, pipeline: Broker, monkeypatch
):
    """Also a change that no follower receives: a key that is purged."""
    assert await headend.read_devices() == (0, {})
    for number in range(1, 5):
        await put_device(pipeline, entry(number))
    await put_device(pipeline, entry(2, serial="changed"))
    await pipeline.delete_device(entry(3).key)
    await admin.jetstream.purge_stream("KV_devices", subject=f"$KV.devices.{entry(4).key}")
    left = [entry(1), entry(2, serial="changed")]
    assert await headend.read_devices() == (
        6,
        {one.key: digest_of(encode(SignedDevice.of(one, SIGNING_KEY))) for one in left},
    )
    assert await pipeline.devices_sequence() == 6


async def test_what_a_head_end_has_found_reaches_the_pipeline(headend: Broker, pipeline: Broker):
    found = BucketContents(
        headend="one", reading="r", sequence=7, entries=1, parts=digests_of_parts([("ab", b"x")])
    )
    await headend.report_contents(found)
    assert await pipeline.reported_contents() == [found]
    with pytest.raises(NotPermittedError):
        await pipeline.report_contents(found)


async def test_an_empty_projection_says_so(headend: Broker):
    assert await anext(headend.follow_devices()) is None


async def test_following_survives_a_killed_broker(nats_server, headend: Broker, pipeline: Broker):
    await put_device(pipeline, entry(1))
    feed = headend.follow_devices()
    assert await anext(feed) is not None
    assert await anext(feed) is None
    waiting = asyncio.ensure_future(anext(feed))
    nats_server.kill()
    await nats_server.start()
    await pipeline.wait_connected()
    while True:
        try:
            await put_device(pipeline, entry(3))
            break
        except BrokerUnavailableError:
            await asyncio.sleep(0.05)
    [change] = await asyncio.wait_for(waiting, 60)
    assert verified(change) == entry(3)


async def test_a_killed_broker_fails_what_waits_and_keeps_what_it_acknowledged(
    nats_server, headend: Broker, pipeline: Broker
):
    for number in range(20):
        await headend.publish_batch(Kind.BLOCK, 0, blocks(100), number)
    nats_server.kill()
    with pytest.raises(BrokerUnavailableError):
        await headend.publish_batch(Kind.BLOCK, 0, blocks(100), 20)
    await nats_server.start()
    await asyncio.wait_for(pipeline.wait_connected(), 60)
    consumer = await pipeline.consume("READINGS")
    taken = await consumer.fetch(100, wait_s=5)
    assert [delivery.body.correlation for delivery in taken] == list(range(20))


async def test_a_counter_moves_only_from_the_revision_that_was_read(headend: Broker):
    assert await headend.get(names.COUNTERS, "ab") == (None, 0)
    revision = await headend.put(names.COUNTERS, "ab", b"1000", 0)
    assert await headend.get(names.COUNTERS, "ab") == (b"1000", revision)
    with pytest.raises(RevisionConflictError):
        await headend.put(names.COUNTERS, "ab", b"2000", 0)
    await headend.put(names.COUNTERS, "ab", b"2000", revision)


async def test_windows_are_kept(headend: Broker):
    assert await headend.get(names.WINDOWS, "5") == (None, 0)
    revision = await headend.put(names.WINDOWS, "5", b"state")
    assert await headend.get(names.WINDOWS, "5") == (b"state", revision)


def kept(
    number: int,
    source: str = "10.0.0.0/24",
    standing: Standing = "unknown",
    title: str = "",
    size: int = 1,
    correlation: int = 0,
) -> Quarantined:
    return Quarantined(
        standing=standing,
        source=source,
        title=title,
        reason="unknown-meter",
        detail="no\nsuch meter",
        peer="tcp 10.0.0.7:51234",
        received_at_ms=1_790_000_000_123,
        frame=number.to_bytes(2) + bytes(size),
        correlation=correlation,
    )


def number_of(item: Quarantined) -> int:
    return int.from_bytes(item.frame[:2])


async def in_quarantine(admin: Broker) -> list[Quarantined]:
    return [one.item async for one in admin.quarantined()]


async def test_quarantine_is_bounded_per_source_and_the_oldest_of_the_source_goes(
    admin: Broker, headend: Broker
):
    other = kept(7, source="10.0.1.0/24", correlation=12)
    for _ in range(2):
        # Offered again, as after an answer that was lost: it is kept once.
        assert await headend.quarantine(other)
    assert await headend.quarantined_of(other) == 1
    for number in range(PER_SOURCE + 5):
        assert await headend.quarantine(kept(number))
    assert await headend.quarantined_of(kept(0)) == PER_SOURCE
    items = await in_quarantine(admin)
    assert [number_of(item) for item in items if item.source == "10.0.0.0/24"] == [*range(5, PER_SOURCE + 5)]
    [first, *_] = items
    assert (first.standing, first.source, number_of(first)) == ("unknown", other.source, 7)
    assert (first.detail, first.peer, first.correlation) == ("no such meter", "tcp 10.0.0.7:51234", 12)


@pytest.mark.parametrize(
    "item",
    [
        kept(1, source="2001:db8::/48"),
        kept(2, standing="claimed", title="5552494a00000001"),
        kept(3, standing="proven", title="5552494a00000001"),
        kept(4, standing="message", source="orders"),
    ],
)
async def test_an_item_comes_back_as_it_went(admin: Broker, headend: Broker, item: Quarantined):
    assert await headend.quarantine(item)
    [back] = await in_quarantine(admin)
    assert msgspec.structs.replace(back, detail=item.detail) == item


async def test_one_standing_takes_no_room_of_another_and_no_network_of_another(
    admin: Broker, headend: Broker
):
    """A botnet fills the stream of strangers.

    It pushes out its own frames only, and no evidence of meters is refused.
    """
    title = "5552494a00000001"
    first = kept(1, source="192.0.2.0/24")
    assert await headend.quarantine(first)
    number = 0
    while await headend.quarantine(kept(2, source=f"10.0.{number}.0/24", size=30_000)):
        number += 1
        assert number < 256
    assert not await headend.quarantine(kept(3, source="198.51.100.0/24", size=30_000))
    # A source that has had its share goes on replacing its own.
    assert await headend.quarantine(kept(4, standing="claimed", title=title))
    assert await headend.quarantine(kept(5, standing="proven", title=title))
    assert first in [msgspec.structs.replace(one, detail=first.detail) for one in await in_quarantine(admin)]
    [strangers] = [fill for fill in await headend.quarantine_fills() if fill.standing == "unknown"]
    assert strangers.nearly_full
    assert (strangers.frames, strangers.sources, strangers.full) == (number + 1, number + 1, ())


async def test_a_source_that_has_had_its_share_goes_on_where_the_stream_is_full(
    admin: Broker, headend: Broker
):
    for number in range(PER_SOURCE):
        assert await headend.quarantine(kept(number, size=1000))
    number = 0
    while await headend.quarantine(kept(2, source=f"10.1.{number}.0/24", size=30_000)):
        number += 1
    assert await headend.quarantine(kept(1000, size=100))
    [strangers] = [fill for fill in await headend.quarantine_fills() if fill.standing == "unknown"]
    assert strangers.full == ("10.0.0.0/24",)


async def test_frames_of_before_there_were_standings_can_be_read_and_dropped(admin: Broker):
    await admin.jetstream.delete_stream("QUARANTINE")
    await admin.jetstream.add_stream(
        name="QUARANTINE",
        subjects=["urja.quarantine.*"],
        discard="new",
        max_msgs_per_subject=PER_SOURCE,
        discard_new_per_subject=True,
        max_bytes=1 << 20,
        duplicate_window=120.0,
    )
    await admin.jetstream.publish(
        "urja.quarantine.5552494a00000001", b"old", headers={"Urja-Reason": "replay"}
    )
    await ensure_streams(admin, SIZES)
    [old] = [one async for one in admin.quarantined()]
    assert (old.item.reason, old.item.frame, old.item.source) == ("replay", b"old", "5552494a00000001")
    assert await admin.drop_quarantined([old]) == 1
    assert await admin.drop_quarantined([old]) == 0


async def test_a_replay_is_answered_by_the_head_end(admin: Broker, headend: Broker):
    async def answer(item: Quarantined) -> bytes:
        return item.frame + item.reason.encode()

    await headend.serve_replays(answer)
    assert await admin.replay(kept(65)) == b"\0A\0unknown-meter"


async def test_making_the_streams_again_changes_nothing(admin: Broker, headend: Broker, pipeline: Broker):
    await headend.publish_batch(Kind.BLOCK, 0, blocks(1), 1)
    await ensure_streams(admin, SIZES)
    consumer = await pipeline.consume("READINGS")
    assert len(await consumer.fetch()) == 1


async def test_a_pull_while_the_broker_is_away_fails_at_once(nats_server, pipeline: Broker):
    consumer = await pipeline.consume("READINGS")
    nats_server.kill()
    with pytest.raises(BrokerUnavailableError):
        await consumer.fetch(wait_s=20.0)
    async with asyncio.timeout(1.0):
        with pytest.raises(BrokerUnavailableError):
            await consumer.fetch(wait_s=20.0)


async def test_leases_go_on_behind_a_killed_broker(nats_server, headend: Broker):
    revision = await headend.take_lease("ab", "one")
    nats_server.kill()
    await nats_server.start()
    await asyncio.wait_for(headend.wait_connected(), 60)
    assert await headend.take_lease("ab", "two") is None
    await headend.free_lease("ab", revision)
    assert await headend.take_lease("ab", "two")
