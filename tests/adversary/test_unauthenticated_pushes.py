"""The network, where meters push without a tag: a thief who captures, changes and repeats what passes.

A thief who knows, or guesses, the content of a push has its key stream (counter mode), and can send any content under *its*
counter. What a push without a tag says must therefore move nothing: no window, no state, no money.
"""

import contextlib
import socket

from tests.headend import conftest, test_pushes
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import put_device
from tests.headend.pushing import NINE, TYPE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.cosem.push_object_list import PushObject, PushObjectList, head_of
from urja.cosem.security import ENCRYPTED
from urja.stream.records import Source

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored

ENTRY = {"device_type": "urja-d1-encrypted"}
CONTROL_AT = 8 + 2 + 8 + 1
"""Wrapper header, tag and title with their lengths, length of the content; the counter follows."""


def tagless(number: int, **more) -> PushMeter:
    return PushMeter(number, control=ENCRYPTED, **more)


def with_counter(frame: bytes, counter: int) -> bytes:
    assert frame[CONTROL_AT] == 0x20
    return frame[: CONTROL_AT + 1] + counter.to_bytes(4) + frame[CONTROL_AT + 5 :]


def seen(headend) -> float:
    return value(headend, "pushes_unauthenticated_total")


async def test_a_push_without_a_tag_is_told_as_such_and_one_with_a_tag_counts(
    start_headend, pipeline, stored
):
    meter = tagless(1)
    await put_device(pipeline, meter.entry(**ENTRY))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block(NINE, import_wh=412))
        await until(lambda: seen(headend) == 1)
        authentic = PushMeter(1, counter=meter.counter)
        await line.send(authentic.block(NINE, import_wh=411))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    assert [(row["import_wh"].item(), row["source"].item()) for row in stored.records("block")] == [
        (412, Source.PUSH_UNAUTHENTICATED),
        (411, Source.PUSH),
    ]


async def test_where_the_type_says_0x30_a_push_without_a_tag_is_refused(start_headend, pipeline, stored):
    meter = tagless(2)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: value(headend, "quarantined_total", reason="unprotected") == 1)
    await stored.take()
    assert not len(stored.records("block"))


async def test_an_unused_counter_locks_nothing_out(start_headend, pipeline, stored):
    """A captured push under the highest counter deciphers to noise: quarantined, no window moves, no person is asked."""
    meter = tagless(3)
    await put_device(pipeline, meter.entry(**ENTRY))
    captured = meter.block(NINE)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*(with_counter(captured, 0xFFFF_FFFF - n) for n in range(20)))
        await until(lambda: value(headend, "quarantined_total", reason="unprotected") == 20)
        await line.send(captured, meter.block(NINE + HALF_HOUR))
        await until(lambda: seen(headend) == 2)
        authentic = PushMeter(3, counter=meter.counter)
        await line.send(authentic.block(NINE + 2 * HALF_HOUR))
        await until(lambda: accepted(headend) == 1)
        assert headend.roster.meters[meter.title].window.highest == authentic.counter
    await stored.take()
    assert not len(stored.records("event")), "noise from a stranger asks no person to look at the meter"


async def test_a_forged_number_under_a_captured_counter_moves_no_window_of_the_authentic(
    start_headend, pipeline, stored
):
    """The thief knows the plaintext, keeps the push back and says more energy in its place."""
    honest, forged = tagless(4), tagless(4)
    await put_device(pipeline, honest.entry(**ENTRY))
    frame, other = honest.block(NINE, import_wh=100), forged.block(NINE, import_wh=9_000)
    pattern = bytes(a ^ b for a, b in zip(frame, other, strict=True))
    body = slice(CONTROL_AT + 5, None)
    assert any(pattern[body]), "the two differ"
    by_xor = frame[: body.start] + bytes(a ^ b for a, b in zip(frame[body], pattern[body], strict=True))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(by_xor)
        await until(lambda: seen(headend) == 1)
        await line.send(PushMeter(4).block(NINE, import_wh=100))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    told = {row["source"].item(): row["import_wh"].item() for row in stored.records("block")}
    assert told == {Source.PUSH_UNAUTHENTICATED: 9_000, Source.PUSH: 100}


async def test_copies_from_elsewhere_take_no_meters_line_and_fill_no_stream(start_headend, pipeline, stored):
    meter = tagless(5)
    await put_device(pipeline, meter.entry(**ENTRY))
    captured = meter.block()
    async with (
        start_headend() as headend,
        Line(headend.wrapper_port.port) as own,
        Line(headend.wrapper_port.port) as thief,
    ):
        await own.send(PushMeter(5, counter=meter.counter).instantaneous())
        await until(lambda: accepted(headend) == 1)
        slot = headend.roster.meters[meter.title].slot
        line = headend.wrapper_port.by_slot[slot]
        await thief.send(*([captured] * 50))
        await until(lambda: seen(headend) == 1 and value(headend, "duplicates_total") == 49)
        assert headend.wrapper_port.by_slot[slot] is line
    await stored.take()
    assert len(stored.records("block")) == 1


async def test_an_alert_without_a_tag_leaves_the_word_that_authentic_ones_are_compared_with(
    start_headend, pipeline, stored
):
    meter = tagless(6)
    await put_device(pipeline, meter.entry(**ENTRY))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.alert(NINE, 81, 83))
        await until(lambda: seen(headend) == 1)
        assert headend.roster.meters[meter.title].esw == 0
        await line.send(PushMeter(6).alert(NINE + HALF_HOUR, 81))
        await until(lambda: accepted(headend) == 1)
    await stored.take()
    told = [(row["code"].item(), row["source"].item()) for row in stored.records("event")]
    assert sorted(told) == [
        (201, Source.PUSH),
        (201, Source.PUSH_UNAUTHENTICATED),
        (251, Source.PUSH_UNAUTHENTICATED),
    ]


async def test_by_datagram_too(start_headend, pipeline):
    meter = tagless(7)
    await put_device(pipeline, meter.entry(**ENTRY))
    async with start_headend() as headend:
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.sendto(meter.block(), ("127.0.0.1", headend.wrapper_port.port))
        await until(lambda: seen(headend) == 1)


def exchanged(push):
    """The objects of a push with Wh and VAh in each other's place."""
    other = {"import_wh": "import_vah", "import_vah": "import_wh"}
    columns = {column.key: column for column in push.columns}
    for column in (*head_of(push), *(columns[other.get(key, key)] for key in columns)):
        yield PushObject(column.class_id, column.obis, column.attribute)


async def test_a_quarantined_push_is_replayed_once_its_layout_is_known_and_copies_of_it_are_not(
    start_headend, pipeline, admin, stored
):
    """It ended as a duplicate until the head end was started again: the window had moved when it was quarantined."""
    meter = tagless(9)
    told = tuple(PushObjectList(key, tuple(exchanged(push))) for key, push in TYPE.pushes.items())
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        headend.roster.lose(0)
        await put_device(pipeline, meter.entry(**ENTRY))
        await until(lambda: meter.title in headend.roster.meters)
        await line.send(meter.push("block", NINE, {"import_wh": 80, "import_vah": 40}))
        [item] = await test_pushes.TestQuarantined().kept(admin)
        assert (item.reason, item.standing) == ("implausible", "claimed")
        assert b'"implausible"' in await admin.replay(item)
        await line.send(item.frame)
        await until(lambda: value(headend, "duplicates_total") == 1)
        await put_device(pipeline, meter.entry(**ENTRY, pushes=told))
        await until(lambda: headend.roster.meters[meter.title].entry.pushes == told)
        assert b'"accepted"' in await admin.replay(item)
        assert headend.roster.meters[meter.title].window_is_lost, "a push without a tag proves no counter"
        await line.send(item.frame)
        await until(lambda: value(headend, "duplicates_total") == 2)
    await stored.take()
    [row] = stored.records("block")
    assert (row["import_wh"], row["import_vah"], row["source"]) == (40, 80, Source.PUSH_UNAUTHENTICATED)


async def test_a_replay_by_an_operator_makes_no_proof_of_it(start_headend, pipeline, admin, stored):
    meter = tagless(8)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block(NINE, import_wh=7))
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)
        [item] = await test_pushes.TestQuarantined().kept(admin)
        await put_device(pipeline, meter.entry(**ENTRY))
        await until(lambda: meter.title in headend.roster.meters)
        assert b'"accepted"' in await admin.replay(item)
        assert accepted(headend) == 0
    await stored.take()
    [row] = stored.records("block")
    assert (row["import_wh"], row["source"]) == (7, Source.PUSH_UNAUTHENTICATED)
