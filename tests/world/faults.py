"""A town to which one fault after the other happens, drawn from a seed: kills, stops, full disks, messages.

One fault befalls each interval, in the middle of its work; its kind, its moment and whom it meets follow from the seed.
What is counted: how often each kind was injected, and after how many of them everything worked again.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import psycopg
from tests.conftest import PASSWORD
from tests.world.world import CALM, MONDAY, Ground, World, _town

from urja.headend import process
from urja.laws.report import Findings
from urja.meter.faults import FaultRates
from urja.stream import subjects
from urja.stream.broker import Broker, connect
from urja.stream.subjects import User

AWAY_INTERVALS: Final = 2
STOPPED_S: Final = (0.1, 0.4)
"""Real seconds for which a process is stopped."""
NONSENSE: Final = b'{"no": "message"}'
NO_ROOM_BYTES: Final = 64

FILL: Final = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON readings_interval EXECUTE FUNCTION no_room();
CREATE TRIGGER no_room BEFORE INSERT ON readings_register EXECUTE FUNCTION no_room();
CREATE TRIGGER no_room BEFORE INSERT ON books_entry EXECUTE FUNCTION no_room();
"""
"""PostgreSQL's own answer on a full disk, by its own error code; the disk of the tests is everybody's."""
EMPTY: Final = "DROP FUNCTION no_room() CASCADE"


class FaultyWorld(World):
    """Use it as `async with FaultyWorld.with_faults(...) as town`; then `live_through`, `come_to_rest`, `examine`."""

    def __init__(self, ground: Ground, seed: int, faults: int) -> None:
        super().__init__(ground, seed, CALM, _town(3, 1, 0, 0, seed), MONDAY)
        self.fate = random.Random(f"faults {seed}")
        self.deck = self._deck(faults)
        self.injected: Counter[str] = Counter()
        self.survived: Counter[str] = Counter()
        self._unproven: Counter[str] = Counter()
        """Injected, and not everything has worked again since."""
        self._strike: Callable[[], Awaitable[None]] | None = None
        self._undo: list[Callable[[], Awaitable[None]]] = []
        """What ends the faults of this interval, once its stages have run in them."""
        self._under_way: list[asyncio.Future[None]] = []
        self._admin: Broker

    @property
    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "head end killed": self._headend_killed,
            "broker killed": self._broker_killed,
            "database killed": self._database_killed,
            "broker stopped": self._broker_stopped,
            "database stopped": self._database_stopped,
            "database away": self._database_gone,
            "database's disk full": self._database_full,
            "broker's disk full": self._broker_full,
            "pushes lost": self._pushes_lost,
            "acknowledgements lost": self._acknowledgements_lost,
            "message doubled": self._message_doubled,
            "message poisoned": self._message_poisoned,
        }

    def _deck(self, faults: int) -> list[str]:
        """Each kind as often as every other, to within one, in the seed's order."""
        dealt: list[str] = []
        while len(dealt) < faults:
            kinds = list(self.kinds)
            self.fate.shuffle(kinds)
            dealt += kinds
        return dealt[:faults]

    @classmethod
    @contextlib.asynccontextmanager
    async def with_faults(cls, ground: Ground, *, seed: int, faults: int):
        """Adopted meters on their walls, connected, with so many faults to come."""
        world = cls(ground, seed, faults)
        # What a killed database has committed has to be in its log: the tests' cluster waits for no disk else.
        await world._administrate("ALTER DATABASE {name} SET synchronous_commit = on")
        async with world.standing():
            world._admin = await connect(ground.broker_url, User.ADMIN, PASSWORD, "faults")
            try:
                yield world
            finally:
                await world._admin.close()

    async def live_through(self) -> None:
        """All the faults, one an interval, and as many intervals as the last ones take."""
        while self.deck or self._database_back or self._broker_back:
            await self._interval(1)

    # -- when ---------------------------------------------------------------------------------------------

    async def _things_of_everybody(self) -> None:
        await super()._things_of_everybody()
        away = self._database_back or self._broker_back
        if self.deck and not away:
            kind = self.deck.pop(0)
            self.happened.append(f"{self.clock.now()} {kind}")
            self._unproven[kind] += 1
            self.injected[kind] += 1
            await self.kinds[kind]()

    async def _quiet(self, at_most_s: float = 0.3) -> None:
        """Pushes have just left: now it strikes."""
        if self._strike is not None:
            strike, self._strike = self._strike, None
            await asyncio.sleep(self.fate.uniform(0.0, 0.02))
            await strike()
        await super()._quiet(at_most_s)

    async def run_stages(self) -> None:
        await super().run_stages()
        for undo in self._undo:
            await undo()
        if self._undo:
            self._undo.clear()
            await self._until(lambda: not self.headend.intake.held)
            await super().run_stages()
        if self._under_way:
            await asyncio.gather(*self._under_way)
            self._under_way.clear()
        self._look_whether_all_works()

    async def broker_back(self) -> None:
        """Back with those who use it: what strikes next strikes at a broker that is at work."""
        await super().broker_back()
        for broker in (self._admin, self.consumers["READINGS"].consumer._broker, self.headend.broker):
            await asyncio.wait_for(broker.wait_connected(), 60)

    def _look_whether_all_works(self) -> None:
        failing = [name for name, loop in self.loops.items() if loop.progress.failures_in_a_row]
        if not (failing or self._database_back or self._broker_back or self.headend.waiting_for()):
            self.survived += self._unproven
            self._unproven.clear()

    def _soon(self, act: Callable[[], None]) -> None:
        """Meanwhile, in a thread: the event loop and the stages go on."""

        async def later() -> None:
            await asyncio.sleep(self.fate.uniform(0.0, 0.05))
            await asyncio.to_thread(act)

        self._under_way.append(asyncio.ensure_future(later()))

    # -- kills and stops ----------------------------------------------------------------------------------

    async def _headend_killed(self) -> None:
        async def kill() -> None:
            await self._kill_headend()
            await self._start_headend()

        self._strike = kill

    async def _kill_headend(self) -> None:
        """Nothing is finished, given back or kept: what was in its hands is gone."""

        async def gone(*_: object) -> None:
            taken = [*self.headend.intake._tasks, *self.headend.reads._tasks, *self.headend.orders._tasks]
            for task in taken:
                task.cancel()
            await asyncio.gather(*taken, return_exceptions=True)

        for part in (self.headend.intake, self.headend.reads, self.headend.orders):
            part.stop = gone
        with mock.patch.object(process, "store_windows", gone):
            await self._stop_headend()

    async def _broker_killed(self) -> None:
        async def kill() -> None:
            await self.broker_away()
            self._broker_back = self._step + self.fate.randint(1, AWAY_INTERVALS)

        self._strike = kill

    async def _broker_stopped(self) -> None:
        async def stop() -> None:
            self._soon(lambda: self._stop_for_a_while([self.ground.broker.pid]))

        self._strike = stop

    def _stop_for_a_while(self, pids: Iterable[int | None]) -> None:
        stopped = [pid for pid in pids if pid is not None]
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(self.fate.uniform(*STOPPED_S))
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _database_stopped(self) -> None:
        async def stop() -> None:
            self._soon(lambda: self._stop_for_a_while(self._backends()))

        self._strike = stop

    def _backends(self) -> list[int]:
        """Processes of the database that serve this world."""
        with psycopg.connect(self.ground.database.cluster.conninfo(), autocommit=True) as admin:
            rows = admin.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s", [self.ground.database.name]
            ).fetchall()
        return [pid for (pid,) in rows]

    async def _database_killed(self) -> None:
        """One of its processes dies; PostgreSQL then ends all of them and replays its log."""

        def kill() -> None:
            for pid in self._backends()[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        async def strike() -> None:
            self._soon(kill)

        self._strike = strike
        self._undo.append(self._database_answers)

    async def _database_answers(self) -> None:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(psycopg.OperationalError):
                    await asyncio.to_thread(self._backends)
                    return
                await asyncio.sleep(0.05)

    async def _database_gone(self) -> None:
        await self.database_away()
        self._database_back = self._step + self.fate.randint(1, AWAY_INTERVALS)

    # -- full disks ---------------------------------------------------------------------------------------

    async def _database_full(self) -> None:
        await asyncio.to_thread(self._as_owner, FILL)

        async def undo() -> None:
            await asyncio.to_thread(self._as_owner, EMPTY)

        self._undo.append(undo)

    def _as_owner(self, statements: str) -> None:
        with self.ground.database.connect() as owner:
            owner.execute(statements)

    async def _broker_full(self) -> None:
        """The stream of readings takes no more: what the server says where its disk is full has the same consequence."""
        config = (await self._admin.jetstream.stream_info(subjects.READINGS)).config
        room, config.max_bytes = config.max_bytes, NO_ROOM_BYTES
        await self._admin.jetstream.update_stream(config)

        async def undo() -> None:
            config.max_bytes = room
            await self._admin.jetstream.update_stream(config)

        self._undo.append(undo)

    # -- messages -----------------------------------------------------------------------------------------

    async def _pushes_lost(self) -> None:
        for station in self.stations:
            station.plan.rates = FaultRates(lose=1.0)

        async def undo() -> None:
            for station in self.stations:
                station.plan.rates = self.trouble.pushes

        self._undo.append(undo)

    async def _acknowledgements_lost(self) -> None:
        """The books have it and the broker does not know: it gives everything out again."""
        hasty = self.consumers["READINGS"]
        consumer = hasty.consumer

        async def deaf_fetch(*arguments: Any, **more: Any) -> list[Any]:
            deliveries = await consumer.fetch(*arguments, **more)
            for delivery in deliveries:
                delivery._message._ackd = True
                delivery._message.ack = _nothing
            return deliveries

        hasty.consumer = SimpleNamespace(fetch=deaf_fetch, backlog=consumer.backlog, _broker=consumer._broker)

        async def undo() -> None:
            hasty.consumer = consumer

        self._undo.append(undo)

    async def _message_doubled(self) -> None:
        """The broker has each batch twice, as if its answer to the first had been lost."""
        broker, publish = self.headend.broker, self.headend.broker.publish_batch

        async def publish_twice(kind, shard, records, correlation, message_id=None, **how):
            await publish(kind, shard, records, correlation, message_id, **how)
            return await publish(kind, shard, records, correlation, None, **how)

        broker.publish_batch = publish_twice

        async def undo() -> None:
            broker.publish_batch = publish

        self._undo.append(undo)

    async def _message_poisoned(self) -> None:
        """On every stream that is read here, and in the projection."""
        for subject in (
            "urja.readings.block.3",
            "urja.outcomes.2",
            "urja.requests.1",
            f"$KV.{subjects.DEVICES}.{self.fate.randbytes(8).hex()}",
        ):
            await self._admin.jetstream.publish(subject, NONSENSE)

    # -- the table ----------------------------------------------------------------------------------------

    def table(self, findings: Findings) -> dict[str, Any]:
        """What was injected and survived by kind, lost and doubled, and each law."""
        self._look_whether_all_works()
        return {
            "seed": self.seed,
            "injected": dict(sorted(self.injected.items())),
            "survived": dict(sorted(self.survived.items())),
            "injected_total": self.injected.total(),
            "survived_total": self.survived.total(),
            "lost": findings.figures["intervals_missing"] + _contradictions(findings, LOST),
            "doubled": _contradictions(findings, DOUBLED),
            "laws": findings.laws,
        }


LOST: Final = ("accepted_is_stored", "drawn_is_stored_or_missing")
DOUBLED: Final = ("stored_once", "stored_is_rated")


def _contradictions(findings: Findings, laws: Iterable[str]) -> int:
    return sum(words.startswith(tuple(f"{law}:" for law in laws)) for words in findings.faults)


async def _nothing(*_: object) -> None:
    """An acknowledgement on its way to nowhere."""
