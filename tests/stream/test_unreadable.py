"""JSON messages with changed bytes: each is refused in words, or holds only what can be stored."""

import asyncio
import datetime as dt
import math

import msgspec
import pytest
from hypothesis import given, strategies as st
from tests.stream.test_broker import blocks

from urja.stream import messages
from urja.stream.broker import Broker
from urja.stream.bucket_contents import BucketContents, digests_of_parts
from urja.stream.codec import decode_batch, encode_batch
from urja.stream.devices import SignedDevice
from urja.stream.errors import PoisonMessageError
from urja.stream.messages import DeviceEntry, ReadOutcome, ReadRequest
from urja.stream.meter_types import SignedType, TypeEntry
from urja.stream.orders import Order, Progress, SignedOrder
from urja.stream.releases import HeldDisconnections, ReleaseRequests
from urja.stream.subjects import Kind

NOON = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)
TITLE = bytes.fromhex("5552410000000001")

SOUND = [
    DeviceEntry(
        device_id=1,
        bucket=2,
        system_title=TITLE,
        serial="S1",
        device_type="urja-d1",
        wrapped_guek=bytes(24),
        wrapped_gak=bytes(24),
    ),
    SignedType(payload=b"{}", signature=bytes(64)),
    TypeEntry(name="t", versions=[{"type.toml": "x"}]),
    ReadRequest(
        request_id=1,
        device_id=1,
        system_title=TITLE,
        profile="block",
        from_at=NOON,
        to_at=NOON,
        not_after_at=NOON,
        correlation=1,
    ),
    ReadOutcome(request_id=1, device_id=1, ok=False, error="why"),
    SignedOrder(payload=b"{}", signature=bytes(64)),
    Order(
        command_id=1,
        device_id=1,
        system_title=TITLE,
        kind="connect",
        arguments={"a": [1, {"b": None}]},
        sequence=1,
        issued_at=NOON,
        expires_at=NOON,
        correlation=1,
    ),
    Progress(
        command_id=1,
        device_id=1,
        sequence=1,
        state="confirmed",
        at=NOON,
        wall_ms=1,
        evidence={"load": [1.5, {"deep": "x"}]},
    ),
    HeldDisconnections(
        headend="headend",
        at=NOON,
        nonce=b"n",
        cuts=1,
        areas={"section S": 1},
        kinds={"disconnect": 1},
        oldest_at=None,
        last_end_at=NOON,
        cuts_in_hour=0,
        cuts_per_hour=1,
        cuts_in_day=0,
        cuts_per_day=1,
        full_until=None,
        approvers=[],
        delay_s=0,
        releases=[],
        outcomes=[],
    ),
    ReleaseRequests(),
    SignedDevice(payload=b"{}", signature=bytes(64)),
    BucketContents(headend="headend", reading="r", sequence=1, entries=0, parts=digests_of_parts([])),
]
"""One of each kind that lies in the broker."""
KINDS = [type(message) for message in SOUND]

GARBAGE = {
    "empty": b"",
    "random": bytes(range(256)),
    "not UTF-8": b'{"serial": "\xff\xfe"}',
    "another type": b"[]",
    "a number": b"7",
    "nothing in it": b'{"x": 1}',
    "nested without end": b"[" * 50_000,
    "nested in it": b'{"evidence":' * 5_000,
    "huge": b"\0" * 200_000,
}


def storable(value) -> bool:
    """Whether a database can store it."""
    match value:
        case dict():
            return all(map(storable, [*value, *value.values()]))
        case list() | tuple():
            return all(map(storable, value))
        case msgspec.Struct():
            return all(storable(getattr(value, name)) for name in value.__struct_fields__)
        case str():
            return "\0" not in value
        case float():
            return math.isfinite(value)
        case int():
            return -(2**63) <= value < 2**63
        case dt.datetime():
            return value.tzinfo is not None and 1 < value.year < 9999
        case _:
            return True


def judged(payload: bytes, kind: type[msgspec.Struct]) -> bool:
    """Whether it is a message; one that is must be storable."""
    try:
        message = messages.decode(payload, kind)
    except PoisonMessageError as refused:
        said = str(refused)
    else:
        said = ""
    if said:
        assert said.startswith(f"not a {kind.__name__}: ")
        return False
    assert storable(message)
    return True


@pytest.mark.parametrize("message", SOUND, ids=lambda message: type(message).__name__)
def test_what_is_sound_is_read(message):
    assert messages.decode(messages.encode(message), type(message)) == message


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_garbage_is_refused_in_words(kind, garbage):
    # Fields that are not known are passed over, and a list of releases needs none.
    empty = kind is ReleaseRequests and garbage in ("nothing in it", "not UTF-8", "nested in it")
    assert judged(GARBAGE[garbage], kind) <= empty


@given(data=st.data())
@pytest.mark.parametrize("message", SOUND, ids=lambda message: type(message).__name__)
def test_a_sound_message_that_was_damaged_is_refused_or_storable(message, data):
    payload = bytearray(messages.encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                payload[at] = data.draw(st.integers(0, 255))
            case "cut":
                del payload[at : at + data.draw(st.integers(1, 20))]
            case _:
                payload[at:at] = data.draw(st.sampled_from(ODD))
        if not payload:
            break
    judged(bytes(payload), type(message))


ODD = [
    b"9" * 40,
    b"1e400",
    b"-1",
    b'"\\u0000"',
    b"null",
    b"{}",
    b'"0001-01-01T00:00:00Z"',
    b'"2026-04-01T12:00:00"',
    b'"9999-12-31T23:59:59-12:00"',
    b"[[[[",
]


@given(data=st.data())
@pytest.mark.parametrize("message", SOUND, ids=lambda message: type(message).__name__)
def test_a_field_of_another_value_is_refused_or_storable(message, data):
    fields = msgspec.json.decode(messages.encode(message))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(ANY)
    judged(msgspec.json.encode(fields), type(message))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70).filter(lambda number: -(2**63) <= number < 2**64)
    | st.floats()
    | st.text()
    | st.datetimes().map(dt.datetime.isoformat)
    | st.datetimes(timezones=st.just(dt.UTC)).map(dt.datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_what_a_meter_says_with_a_nul_in_it_is_told_with_its_symbol():
    """The meter's own text must not stop the pipeline that stores it."""
    said = Progress(
        command_id=1,
        device_id=1,
        sequence=1,
        state="failed",
        at=NOON,
        wall_ms=1,
        detail="refused: \0\0",
        evidence={"object": "a\0b"},
    )
    heard = messages.decode(messages.encode(said), Progress)
    assert (heard.detail, heard.evidence) == ("refused: \u2400\u2400", {"object": "a\u2400b"})


@given(headers=st.dictionaries(st.sampled_from(sorted(encode_batch(Kind.BLOCK, blocks(1), 1)[0])), st.text()))
def test_headers_of_a_batch_that_lie_are_refused_in_words(headers):
    good, payload = encode_batch(Kind.BLOCK, blocks(1), 1)
    try:
        decode_batch(good | headers, payload)
    except PoisonMessageError:
        return


QUEUES = {
    "READINGS": "urja.readings.block.3",
    "REQUESTS": "urja.requests.3",
    "OUTCOMES": "urja.outcomes.3",
    "COMMANDS": "urja.commands.3",
    "PROGRESS": "urja.progress.3",
}


@pytest.mark.parametrize("stream", QUEUES)
async def test_garbage_in_a_queue_is_quarantined_and_what_follows_is_read(admin: Broker, stream):
    sound = {
        "READINGS": lambda: admin.publish_batch(Kind.BLOCK, 3, blocks(1), 1),
        "REQUESTS": lambda: admin.publish_request(SOUND[3], 3),
        "OUTCOMES": lambda: admin.publish_outcome(SOUND[4], 3),
        "COMMANDS": lambda: admin.publish_order(SOUND[6], SOUND[5], 3),
        "PROGRESS": lambda: admin.publish_progress(SOUND[7], 3),
    }
    for payload in GARBAGE.values():
        await admin.jetstream.publish(QUEUES[stream], payload)
    await sound[stream]()
    consumer = await admin.consume(stream)
    taken = []
    async with asyncio.timeout(60):
        while not taken:
            taken = await consumer.fetch(20, 0.5)
    assert len(taken) == 1
    await taken[0].ack()
    async with asyncio.timeout(60):
        while await consumer.backlog():
            assert await consumer.fetch(20, 0.1) == []
    kept = [one.item async for one in admin.quarantined()]
    assert [item.frame for item in kept] == list(GARBAGE.values())
    assert {(item.standing, item.reason) for item in kept} == {("message", "poison")}
    assert all(QUEUES[stream] in item.detail for item in kept)
