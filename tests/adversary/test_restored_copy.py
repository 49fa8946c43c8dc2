"""An older copy of the broker's store is started again: it believes that counters are free which have been used since.

A nonce that is used twice under one key gives away what was said and lets a stranger who listens speak to the meter.
"""

import datetime as dt
import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.headend import conftest
from tests.headend.ordering import Desk, House, put_device
from tests.stream.servers import Server

from urja.base.ports import free_port
from urja.base.restored import Restored
from urja.cosem.association import ClientAssociation
from urja.cosem.association_base import Association
from urja.headend.invocation_counters import BLOCK, RESTORE_MARGIN
from urja.stream.releases import OpenRelease
from urja.stream.subjects import User

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

SWITCH_OUTPUT = {"obis": "0.0.96.3.10.255", "class_id": 70, "attribute": 2}


@pytest.fixture
def nonces(monkeypatch) -> Counter[tuple[bytes, bytes | None, int]]:
    """How often the head end protected something under each key, title and counter."""
    used: Counter[tuple[bytes, bytes | None, int]] = Counter()
    take = Association._take_counter

    def noted(association):
        counter = take(association)
        if isinstance(association, ClientAssociation):
            used[association.config.keys.guek, association.config.system_title, counter] += 1
        return counter

    monkeypatch.setattr(Association, "_take_counter", noted)
    return used


class Broker:
    """The broker's server, whose store can be copied and put back."""

    def __init__(self, server: Server, directory: Path) -> None:
        self._server = server
        self._store, self._copy = directory / "store", directory / "copy"

    async def copy(self) -> None:
        """Copy the store of the stopped server."""
        self._server.stop()
        shutil.copytree(self._store, self._copy)
        await self._server.start()

    async def put_back(self) -> None:
        """Start with the copy in place of the store."""
        self._server.stop()
        shutil.rmtree(self._store)
        self._copy.rename(self._store)
        await self._server.start()

    async def desk(self) -> Desk:
        return Desk(await self._server.connect(User.PIPELINE))


async def _switch(
    start_headend, house: House, desk: Desk, kinds: list[str], restored: Restored | None = None
) -> list[str]:
    """How a few orders end, each in an association of its own."""
    ends = []
    async with start_headend(restored, association_idle_s=0), house.listening():
        for kind in kinds:
            order = house.order(kind)
            await desk.send(order)
            ends += [end.state for end in await desk.end_of(order)]
    return ends


@pytest.fixture
async def copied(nonces, nats_server, admin, start_headend, stepped_clock, tmp_path) -> tuple[Broker, House]:
    """A house and its broker after some orders; the store was copied in the midst of them and put back at the end."""
    broker, house = Broker(nats_server, tmp_path), House(stepped_clock, port=free_port())
    desk = await broker.desk()
    await put_device(desk.broker, house.entry())
    await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()
    await broker.copy()

    desk, sequence = await broker.desk(), house.sequence
    await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()
    await broker.put_back()
    house.sequence = sequence
    return broker, house


async def test_no_nonce_is_used_twice_after_a_copy_is_started(copied, start_headend, nonces):
    """Nothing tells the head end that its store is an older one."""
    broker, house = copied
    before = nonces.total()
    desk = await broker.desk()
    ends = await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()
    assert ends == ["confirmed", "confirmed"]
    assert nonces.total() > before > 0
    assert set(nonces.values()) == {1}


async def test_no_counter_is_used_twice_where_the_restore_was_noticed(
    copied, start_headend, stepped_clock, nonces
):
    broker, house = copied
    desk, now = await broker.desk(), stepped_clock.now()
    used = max(counter for _, _, counter in nonces)
    restored = Restored(id="a", since_at=now - dt.timedelta(hours=1), at=now, why="a copy")
    for _ in range(2):
        # The second start rests on the same restore: it jumps no further.
        ends = await _switch(start_headend, house, desk, ["disconnect", "connect"], restored)
        assert ends == ["confirmed", "confirmed"]
    await desk.broker.close()
    counters = Counter(counter for _, _, counter in nonces)
    assert set(counters.values()) == {1}
    assert RESTORE_MARGIN + 3600 < max(counters) - used + BLOCK < RESTORE_MARGIN + 3600 + 4 * BLOCK


async def test_an_order_of_before_the_restore_is_not_carried_out(
    nats_server, admin, start_headend, stepped_clock, tmp_path
):
    """It is in the copied queue; since the copy a payment may have taken its ground away."""
    broker, house = Broker(nats_server, tmp_path), House(stepped_clock, port=free_port())
    desk = await broker.desk()
    await put_device(desk.broker, house.entry())
    waiting = house.order("disconnect")
    await desk.send(waiting)
    now = stepped_clock.advance(dt.timedelta(minutes=20))
    restored = Restored(id="a", since_at=now - dt.timedelta(minutes=20), at=now, why="a copy")
    connected = house.switch.closed
    async with start_headend(restored), house.listening():
        [end] = await desk.end_of(waiting)
    await desk.broker.close()
    assert (end.state, "put back from a copy" in end.detail) == ("superseded", True)
    assert connected
    assert house.switch.closed


async def test_a_release_of_before_the_restore_is_not_used_again(
    nats_server, admin, start_headend, stepped_clock
):
    now = stepped_clock.now()
    release = OpenRelease(
        id="r", areas=["north"], effective_at=now, until=now + dt.timedelta(days=1), cuts_left=5
    )
    async with start_headend() as headend:
        brake = headend.orders._limiter
        before = await brake.update(lambda state, _: msgspec.structs.replace(state, releases=[release]))
    restored = Restored(id="a", since_at=now, at=now, why="a copy")
    async with start_headend(restored) as headend:
        after = await headend.orders._limiter.refresh()
    assert before.releases
    assert after.releases == []
    assert after.nonce != before.nonce


async def test_a_switch_tells_how_it_stands(nats_server, admin, pipeline, start_headend, stepped_clock):
    """What the pipeline asks of each after a restore, of a meter that was cut since the copy."""
    house, desk = House(stepped_clock, port=free_port()), Desk(pipeline)
    await put_device(pipeline, house.entry())
    found = []
    async with start_headend(), house.listening():
        for kind in ("read_object", "disconnect", "read_object"):
            order = house.order(kind, arguments=SWITCH_OUTPUT if kind == "read_object" else {})
            await desk.send(order)
            [end] = await desk.end_of(order)
            found.append(end.evidence.get("value"))
    assert (found[0], found[2]) == (True, False)
