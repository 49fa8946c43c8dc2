"""What a broker that is in the attacker's hands can do with messages that it cannot forge: delay, and no more.

It has heard everything, gives everything out again in another order, and forgets what it has acknowledged. Orders are
signed; readings are not, and who writes them of its own is bounded in `test_stolen_broker_password.py`.
"""

import asyncio
import contextlib
import random

import pytest
from tests.conftest import PASSWORD
from tests.pipeline import test_dispatch
from tests.world import conftest as world_conftest
from tests.world.world import CALM, MONDAY, World, _town

from urja.meter.engine import Engine
from urja.stream import subjects
from urja.stream.broker import connect
from urja.stream.subjects import User

town, ground, world_tmp = test_dispatch.town, world_conftest.ground, world_conftest.world_tmp

LOSES_NOTHING = "accepted_is_stored"
"""The one law that rests on the broker's word."""


class Heard:
    """All messages of some subjects, and the same once more."""

    def __init__(self, broker, seed: int) -> None:
        self._broker = broker
        self._chance = random.Random(f"broker {seed}")
        self.messages: list[tuple[str, bytes, dict[str, str]]] = []

    async def listen(self, *wanted: str) -> None:
        for subject in wanted:
            await self._broker._client.subscribe(subject, cb=self._note)
        await self._broker._client.flush()

    async def _note(self, message) -> None:
        if not message.subject.startswith("$"):
            headers = {key: said for key, said in (message.headers or {}).items() if key != "Nats-Msg-Id"}
            self.messages.append((message.subject, message.data, headers))

    async def give_again(self) -> int:
        """How many it gives out: everything twice, in no order."""
        again = [*self.messages, *self.messages]
        self._chance.shuffle(again)
        for subject, data, headers in again:
            await self._broker.jetstream.publish(subject, data, headers=headers)
        return len(again)


@contextlib.asynccontextmanager
async def attacker_at(url: str, password: str):
    broker = await connect(url, User.ADMIN, password, "attacker")
    try:
        yield broker
    finally:
        await broker.close()


async def none_waits(broker, stream: str, durable: str) -> None:
    async with asyncio.timeout(60):
        while True:
            info = await broker.jetstream.consumer_info(stream, durable)
            if not (info.num_pending or info.num_ack_pending):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", [1, 2])
async def test_orders_and_what_is_said_of_them_change_nothing_when_they_come_again(
    town, nats_server, monkeypatch, seed
):
    operated = []
    operate = Engine.operate_switch

    def noted(engine, order):
        operated.append(order)
        return operate(engine, order)

    monkeypatch.setattr(Engine, "operate_switch", noted)
    house = await town.raise_house()
    stage = await town.stage()
    async with (
        attacker_at(nats_server.url, nats_server.password) as attacker,
        town.headend() as headend,
        house.listening(),
    ):
        heard = Heard(attacker, seed)
        await heard.listen("urja.commands.*", "urja.progress.*")
        commands = []
        for kind in ("disconnect", "connect", "disconnect", "connect"):
            commands.append(await town.issue(house, kind))
            await town.until(stage, commands[-1], "confirmed")
        before = [_as_it_stands(command) for command in commands]
        done = len(operated)
        assert len(heard.messages) >= 2 * len(commands)
        await heard.give_again()
        await none_waits(attacker, subjects.COMMANDS, subjects.CARRY)
        async with asyncio.timeout(60):
            while (await stage.run_once(town.clock.now())).done:
                pass
        await none_waits(attacker, subjects.PROGRESS, subjects.NOTE)
        assert headend.waiting_for() == []
    for command in commands:
        await town.in_thread(command.refresh_from_db)
    assert [_as_it_stands(command) for command in commands] == before
    assert len(operated) == done
    assert house.switch.closed


def _as_it_stands(command) -> tuple[object, ...]:
    return (command.state, command.evidence, command.ended_at, command.detail, command.sequence)


class HostileBroker(World):
    """A town whose broker gives readings out again, or forgets them."""

    forgets = repeats = False
    forgotten = repeated = 0

    async def run_stages(self) -> None:
        if self.forgets and self._step % 3 == 0:
            info = await self.attacker.jetstream.stream_info(subjects.READINGS)
            self.forgotten += info.state.messages
            await self.attacker.jetstream.purge_stream(subjects.READINGS)
        if self.repeats and self._step % 12 == 0:
            self.repeated += await self.heard.give_again()
        await super().run_stages()


@pytest.mark.parametrize("fault", ["forgets", "repeats"])
async def test_a_broker_that_forgets_or_repeats_readings_makes_no_energy_and_no_money(ground, fault):
    world = HostileBroker(ground, 5, CALM, _town(2, 1, 0, 0, 5), MONDAY)
    setattr(world, fault, True)
    async with world.standing(), attacker_at(ground.broker_url, PASSWORD) as world.attacker:
        world.heard = Heard(world.attacker, 5)
        await world.heard.listen("urja.readings.*.*")
        await world.live(1)
        world.forgets = world.repeats = False
        await world.come_to_rest()
        findings = await world.examine()
    assert world.settled, world.awaited
    broken = [law for law, holds in findings.laws.items() if not holds]
    assert broken in ([], [LOSES_NOTHING] if fault == "forgets" else []), findings.faults
    assert world.forgotten + world.repeated > 0
    assert findings.figures["intervals_missing"] == 0
    assert findings.figures["energy_drawn_wh"] == findings.figures["energy_rated_wh"] > 0
