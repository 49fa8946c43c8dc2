"""What a stranger on the network can do to the evidence that the head end sets aside: push out its own.

The stranger knows addresses, titles of meters (they are printed on them) and the protocol, and has no key.
"""

import asyncio

import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.stream.quarantine import PER_SOURCE, Quarantined

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

FLOOD = 8000
NONSENSE = b"\x0f\0\0\0\1\0\x02\x01\x11\x05"


async def in_quarantine(admin) -> list[Quarantined]:
    return [one.item async for one in admin.quarantined()]


def invented(count: int, first: int = 100_000) -> list[bytes]:
    """Frames of unknown meters; only their titles differ."""
    template = PushMeter(first).block()
    title = PushMeter(first).title
    return [template.replace(title, PushMeter(first + number).title) for number in range(count)]


async def test_invented_titles_push_out_only_their_own_network_s_strangers(start_headend, pipeline, admin):
    honest = PushMeter(1)
    broken_here, broken_there = PushMeter(2, wrong_key=True), PushMeter(3, wrong_key=True)
    odd = PushMeter(4)
    await adopt(pipeline, None, honest, broken_here, broken_there, odd)
    async with (
        start_headend() as headend,
        Line(headend.wrapper_port.port) as line,
        Line(headend.wrapper_port.port, source="127.0.9.1") as elsewhere,
        Line(headend.wrapper_port.port) as attacker,
    ):
        await line.send(honest.block(), broken_here.block(), odd.seal(NONSENSE))
        await elsewhere.send(broken_there.block(), PushMeter(99).block())
        await until(lambda: accepted(headend) == 1)
        await headend.quarantine.drain()

        flood = invented(FLOOD)
        for at in range(0, FLOOD, 400):
            await attacker.send(*flood[at : at + 400])
            await line.send(honest.block(NINE + HALF_HOUR * (1 + at // 400)))
        # Evidence that comes in the middle of it has its place too.
        await line.send(broken_here.block(NINE + HALF_HOUR), odd.seal(NONSENSE))
        await elsewhere.send(broken_there.block(NINE + HALF_HOUR), PushMeter(98).block())
        await until(lambda: accepted(headend) == 1 + FLOOD // 400)
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == FLOOD + 2)
        await headend.quarantine.drain()
        assert value(headend, "quarantine_overflow_total", standing="unknown") == FLOOD - PER_SOURCE
        assert value(headend, "quarantine_overflow_total", standing="claimed") == 0
        assert headend.waiting_for() == []

    items = await in_quarantine(admin)
    of_meters = [(one.standing, one.reason, one.title) for one in items if one.standing != "unknown"]
    assert sorted(of_meters) == sorted(
        [
            ("claimed", "wrong-key", broken_here.title.hex()),
            ("claimed", "wrong-key", broken_there.title.hex()),
            ("proven", "layout", odd.title.hex()),
        ]
        * 2
    )
    of_network = [one.title for one in items if one.source == "127.0.0.0/24" and one.standing == "unknown"]
    assert of_network == [PushMeter(100_000 + number).title.hex() for number in range(FLOOD)[-PER_SOURCE:]]
    others = [one.title for one in items if one.source == "127.0.9.0/24" and one.standing == "unknown"]
    assert others == [PushMeter(99).title.hex(), PushMeter(98).title.hex()]


async def test_a_known_title_in_a_stranger_s_frames_pushes_out_nothing_of_another_network_nor_of_the_meter(
    start_headend, pipeline, admin
):
    meter = PushMeter(5)
    await adopt(pipeline, None, meter)
    forged = PushMeter(5, wrong_key=True)
    async with (
        start_headend() as headend,
        Line(headend.wrapper_port.port, source="127.0.9.1") as own,
        Line(headend.wrapper_port.port) as attacker,
    ):
        meter.counter = 5000
        await own.send(meter.seal(NONSENSE), PushMeter(5, counter=9000, wrong_key=True).block())
        await headend.quarantine.drain()
        for _ in range(5):
            await attacker.send(*(forged.block() for _ in range(100)))
        await until(lambda: value(headend, "quarantined_total", reason="wrong-key") == 501)
        await headend.quarantine.drain()
        assert value(headend, "quarantine_overflow_total", standing="claimed") == 500 - PER_SOURCE
    items = await in_quarantine(admin)
    assert [one.reason for one in items if one.standing == "proven"] == ["layout"]
    assert [one.reason for one in items if one.source == "127.0.9.0/24" and one.standing == "claimed"] == [
        "wrong-key"
    ]


@pytest.mark.parametrize("known", [True, False])
async def test_one_network_s_frames_in_the_memory_s_queue_drop_none_of_others(
    start_headend, pipeline, admin, nats_server, known
):
    """While the broker is away nothing leaves the queue."""
    meter = PushMeter(6, wrong_key=True)
    if known:
        await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port, source="127.0.9.1") as elsewhere:
        nats_server.kill()
        await until(lambda: not headend.broker.connected)
        await elsewhere.send(meter.block())
        async with Line(headend.wrapper_port.port) as attacker:
            await attacker.send(*invented(2000))
            await until(lambda: value(headend, "quarantine_overflow_total", standing="unknown") >= 1800)
        await nats_server.start()
        await asyncio.wait_for(headend.quarantine.drain(), 60)
    await asyncio.wait_for(admin.wait_connected(), 60)
    titles = [one.title for one in await in_quarantine(admin)]
    assert meter.title.hex() in titles
    assert len(titles) == 1 + PER_SOURCE
