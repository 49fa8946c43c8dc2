"""What a meter with true keys can do by sending other columns than its type says: authentic, and wrong.

Its firmware exchanges Wh and VAh. Nothing of that may become energy: the push is set aside with its bytes, and a
person is asked.
"""

import asyncio
import datetime as dt

import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.stream.records import OwnEvent, Source

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored


async def kept(admin, count: int = 1):
    """What is in quarantine, once it is so many."""
    async with asyncio.timeout(10):
        while len(items := [item async for _, item in admin.quarantined()]) < count:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.02)
    return items


EXCHANGED = {"import_wh": 80, "import_vah": 40, "voltage": 23012, "current": 123}
"""40 Wh and 80 VAh, in each other's place."""


@pytest.mark.parametrize("push", ["block", "instantaneous"])
async def test_wh_and_vah_exchanged_are_set_aside_and_a_person_is_asked(
    start_headend, pipeline, admin, stored, push
):
    meter, honest = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, meter, honest)
    frames = [meter.push(push, NINE + HALF_HOUR * n, EXCHANGED) for n in range(3)]
    async with start_headend() as headend, Line(headend.gate.port) as line:
        await line.send(frames[0], honest.block(), *frames[1:])
        aside = await kept(admin, 3)
        await until(lambda: accepted(headend) == 1)
        assert value(headend, "quarantined_total", reason="implausible") == 3
    assert {(item.reason, item.source) for item in aside} == {("implausible", meter.title.hex())}
    assert [item.frame for item in aside] == frames
    assert aside[0].detail == "import_vah (40) is below import_wh (80)"
    await stored.take()
    assert stored.records("block")["device_id"].tolist() == [honest.device_id]
    assert len(stored.records("register")) == 0
    # The person is asked once an hour, not once a push.
    [event] = stored.records("event")
    assert (event["device_id"], event["code"]) == (meter.device_id, OwnEvent.PUSH_IMPLAUSIBLE)
    assert event["occurred_at"] == NINE.timestamp()
    assert event["source"] == Source.PUSH


async def test_a_push_of_another_layout_asks_for_a_person(start_headend, pipeline, admin, stored):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    frame = meter.seal(b"\x0f\0\0\0\1\0\x02\x01\x11\x07")
    async with start_headend() as headend, Line(headend.gate.port) as line:
        await line.send(frame)
        [item] = await kept(admin)
        await until(lambda: value(headend, "records_total", kind="event") == 1)
    assert (item.reason, item.frame) == ("layout", frame)
    await stored.take()
    [event] = stored.records("event")
    assert (event["device_id"], event["code"]) == (meter.device_id, OwnEvent.PUSH_MISFIT)


@pytest.mark.parametrize(("vah", "taken"), [(41, True), (40, True), (39, True), (38, False), (0, False)])
async def test_truncation_is_no_implausibility(start_headend, pipeline, admin, vah, taken):
    """Registers are cut off to whole units, each by itself: one unit below is honest, two are not."""
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.gate.port) as line:
        await line.send(meter.push("block", NINE, {"import_wh": 40, "import_vah": vah}))
        if taken:
            await until(lambda: accepted(headend) == 1)
        else:
            [item] = await kept(admin)
            assert item.reason == "implausible"


async def test_what_was_set_aside_is_not_spent(start_headend, pipeline, admin):
    """The counter of a push that is set aside stays free: once its layout is known the same bytes are taken."""
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.gate.port) as line:
        await line.send(meter.push("block", NINE, EXCHANGED))
        [item] = await kept(admin)
        answer = await admin.replay(item)
        assert b'"implausible"' in answer
        await line.send(meter.block(NINE + dt.timedelta(hours=1)))
        await until(lambda: accepted(headend) == 1)
