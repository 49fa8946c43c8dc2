"""An older copy of the broker's store is started again: it believes that counters are free which have been used since.

A nonce that is used twice under one key gives away what was said and lets a stranger who listens speak to the meter.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from tests.headend import conftest
from tests.headend.ordering import Desk, House
from tests.headend.pushing import free_port
from tests.stream.servers import Server

from urja.cosem.association import ClientAssociation
from urja.cosem.association_base import Association
from urja.stream import User

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend


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


async def _switch(start_headend, house: House, desk: Desk, kinds: list[str]) -> list[str]:
    """How a few orders end, each in an association of its own."""
    ends = []
    async with start_headend(association_idle_s=0), house.listening():
        for kind in kinds:
            order = house.order(kind)
            await desk.send(order)
            ends += [end.state for end in await desk.end_of(order)]
    return ends


async def test_no_nonce_is_used_twice_after_a_copy_is_started(
    nats_server, admin, start_headend, stepped_clock, tmp_path, nonces
):
    broker, house = Broker(nats_server, tmp_path), House(stepped_clock, port=free_port())
    desk = await broker.desk()
    await desk.broker.put_device(house.entry())
    await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()

    await broker.copy()
    desk, sequence = await broker.desk(), house.sequence
    await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()

    await broker.put_back()
    desk, house.sequence = await broker.desk(), sequence
    ends = await _switch(start_headend, house, desk, ["disconnect", "connect"])
    await desk.broker.close()

    assert ends == ["confirmed", "confirmed"]
    assert set(nonces.values()) == {1}
