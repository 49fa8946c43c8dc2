"""A town, a head end and a pipeline in one process, on time that is stepped: days pass in seconds.

Everything is real but time: DLMS over sockets, JetStream, PostgreSQL, the stages as the runner runs them. Troubles
are drawn from a seed. At the end the world is let come to rest, and the books are held to what Urja did not write:
the meters' truth file, and a witness beside the head end that notes what it took responsibility for.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from prometheus_client import CollectorRegistry
from tests.conftest import PASSWORD, Database

from urja.base.clock import SteppedClock
from urja.base.ids import BUCKETS
from urja.base.ports import free_port
from urja.base.process_secrets import HeadendSecrets, PipelineSecrets
from urja.base.settings import HeadendSettings, MessagesSettings, PipelineSettings, Settings, UtilitySettings
from urja.cosem.security import wrap_key
from urja.headend import intake
from urja.headend.process import HeadEnd
from urja.laws.report import Findings, examine, unfinished
from urja.meter.faults import NO_FAULTS, FaultRates
from urja.meter.fleet import Fleet, FleetFile
from urja.meter.identity import Identity, seeded_identity
from urja.meter.station import Station
from urja.meter.surroundings import Transformer
from urja.meter.truth import read_truth
from urja.site.supervisor.broker_process import Server
from urja.stream.broker import Broker, connect
from urja.stream.codec import Records
from urja.stream.definitions import ensure_streams
from urja.stream.errors import BrokerUnavailableError
from urja.stream.records import Source
from urja.stream.signing import public_key
from urja.stream.subjects import Kind, User

ZONE = ZoneInfo("Asia/Kolkata")
KEK = bytes(range(16))
SIGNING_KEY = bytes(range(32))
INTERVAL = timedelta(minutes=30)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=ZONE)
MONTH_END = datetime(2026, 3, 30, 9, 0, tzinfo=ZONE)


@dataclass(frozen=True)
class Ground:
    """What a world stands on."""

    database: Database
    broker: Server
    broker_url: str
    folder: Path


ON_TIME = FaultRates(delay_s=0.0)


@dataclass(frozen=True)
class Trouble:
    """How hard life is. Rates are probabilities per meter and interval, or per interval where it is everybody's."""

    pushes: FaultRates = ON_TIME
    reboot: float = 0.0
    drop_link: float = 0.0
    power_cut: float = 0.0
    dark_intervals: int = 6
    """A power cut lasts up to so many intervals."""
    drift_ppm: tuple[int, ...] = (0,)
    """Each meter's clock drifts by one of these; it is set at noon and after an outage."""
    database_away: float = 0.0
    broker_away: float = 0.0
    head_end_restarts: float = 0.0
    away_intervals: int = 4
    """Database and broker stay away for up to so many intervals."""


CALM = Trouble()
BAD_LINES = Trouble(
    pushes=FaultRates(lose=0.08, duplicate=0.1, delay=0.15, delay_s=0.4, reorder=0.1),
    reboot=0.02,
    drop_link=0.05,
)


@dataclass
class Witness:
    """Stands beside the head end: what it called accepted, and what the broker acknowledged."""

    accepted: set[int] = field(default_factory=set)
    silent: set[int] = field(default_factory=set)
    """Accepted alerts that tell of nothing that is recorded."""
    acknowledged: list[tuple[Kind, Records]] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)
    """What each head end's own metrics said last."""
    _registries: list[CollectorRegistry] = field(default_factory=list)
    """Kept, so that no id comes twice."""

    def watch(self, headend: HeadEnd) -> None:
        publish, accept, place = headend.broker.publish_batch, headend.intake._accept, headend.intake._place
        placing = False

        async def publish_batch(kind, shard, records, correlation, message_id=None, **how):
            sequence = await publish(kind, shard, records, correlation, message_id, **how)
            self.acknowledged.append((kind, records.copy()))
            return sequence

        def noted_place(*arguments):
            nonlocal placing
            placing = True
            try:
                return place(*arguments)
            finally:
                placing = False

        def noted_accept(gathered, batch, pushes, slots):
            accept(gathered, batch, pushes, slots)
            correlations = {gathered.correlation(push) for push in pushes}
            self.accepted |= correlations
            if placing:
                self.silent |= correlations

        headend.broker.publish_batch = publish_batch
        headend.intake._accept = noted_accept
        headend.intake._place = noted_place

    def leave(self, headend: HeadEnd) -> None:
        """Keep what a head end's metrics say."""
        said = headend.registry.get_sample_value("urja_headend_pushes_accepted_total")
        self.counted[id(headend.registry)] = int(said or 0)
        self._registries.append(headend.registry)

    @property
    def count(self) -> int:
        """Pushes that all head ends together call accepted."""
        return sum(self.counted.values())

    def contradictions(self, connection: psycopg.Connection) -> Iterator[str]:
        """Accepted pushes that the broker never acknowledged, and acknowledged records that came to nothing."""
        acknowledged = {
            int(correlation)
            for _, records in self.acknowledged
            for correlation in records["correlation"][records["source"] == Source.PUSH]
        }
        for correlation in sorted(self.accepted - self.silent - acknowledged):
            yield f"push {correlation} was accepted before the broker had it"
        if self.count != len(self.accepted):
            yield f"the head end counts {self.count} accepted pushes, {len(self.accepted)} were"
        known = _known(connection)
        for kind, records in self.acknowledged:
            # What has no tag was never accepted.
            for record in records[records["source"] != Source.PUSH_UNAUTHENTICATED]:
                if not known & _names(kind, record):
                    yield f"{kind} of device {record['device_id']} was acknowledged and is nowhere: {record}"


def _names(kind: Kind, record: np.void) -> set[tuple[Any, ...]]:
    """How a record may be found in the books: stored with its value, or quarantined."""
    at = {Kind.BLOCK: "start_at", Kind.REGISTER: "read_at", Kind.EVENT: "occurred_at"}[kind]
    value = record["code"] if kind is Kind.EVENT else record["values"][0]
    device, instant = int(record["device_id"]), int(record[at])
    return {(kind.value, device, instant, int(value)), ("aside", kind.value, device, instant)}


def _known(connection: psycopg.Connection) -> set[tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT 'block', device_id, extract(epoch FROM start_at)::bigint, values[1] FROM readings_interval"
        " UNION ALL SELECT 'register', device_id, extract(epoch FROM read_at)::bigint, values[1] FROM readings_register"
        " UNION ALL SELECT 'event', device_id, extract(epoch FROM occurred_at)::bigint, code FROM readings_event"
    ).fetchall()
    aside = connection.execute(
        "SELECT 'aside', kind, device_id, extract(epoch FROM at)::bigint FROM readings_exception"
    ).fetchall()
    return {*rows, *aside}


@dataclass
class Hasty:
    """A consumer that waits for so long: what was under way has come, and real time is what a world has least of."""

    consumer: Any
    wait_s: float | None

    async def fetch(self, limit: int, wait_s: float) -> list[Any]:
        return await self.consumer.fetch(limit, wait_s if self.wait_s is None else self.wait_s)

    async def backlog(self) -> int:
        return await self.consumer.backlog()


class World:
    """Use it as `async with World.raised(...) as world`; then `live`, `come_to_rest`, `examine`."""

    waits_s: ClassVar[dict[str, float]] = {"READINGS": 0.02}
    """How long stages wait for messages of a stream."""

    def __init__(
        self, ground: Ground, seed: int, trouble: Trouble, meters: Sequence[Identity], start: datetime
    ) -> None:
        # Only now: models can be imported once Django is set up.
        from urja.pipeline.django_thread import DjangoThread

        self.ground = ground
        self.trouble = trouble
        self.meters = meters
        self.transformers: Sequence[Transformer] = ()
        self.clock = SteppedClock(start)
        self.chance = random.Random(f"world {seed}")
        self.seed = seed
        self.witness = Witness()
        self.horizon = start
        self.fleet: Fleet
        self.headend: HeadEnd
        self.loops: dict[str, Any] = {}
        """The stages by name, each in the runner's own loop."""
        self.consumers: dict[str, Hasty] = {}
        """What the stages take from the broker, by stream."""
        self.in_thread = DjangoThread()
        self.happened: list[str] = []
        self.settled = False
        self.awaited: tuple[str, ...] = ()
        """What the last look before it came to rest, or gave up, was still waiting for."""
        self._headend_stack = contextlib.AsyncExitStack()
        self._headend_port = free_port()
        self._dark: dict[str, int] = {}
        self._database_back = self._broker_back = 0
        self._step = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def raised(
        cls,
        ground: Ground,
        *,
        seed: int = 1,
        trouble: Trouble = CALM,
        dialling: int = 2,
        listening: int = 1,
        behind_line: int = 0,
        tagless: int = 0,
        start: datetime = MONDAY,
    ) -> "AsyncIterator[World]":
        """Adopted meters on their walls, connected, nothing lived yet."""
        world = cls(ground, seed, trouble, _town(dialling, listening, behind_line, tagless, seed), start)
        async with world.standing():
            yield world

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """The world with all that runs in it, for the length of the block."""
        async with contextlib.AsyncExitStack() as stack:
            # Real time is what a stepped world has least of; the batch's own wait is tested elsewhere.
            stack.enter_context(mock.patch.object(intake, "BATCH_WAIT_S", 0.005))
            stack.push_async_callback(self.in_thread.close)
            await self.in_thread(_keep_the_connection)
            await self._move_in()
            await self._start_pipeline(stack)
            await self._start_headend()
            stack.push_async_callback(self._stop_headend)
            await self._start_fleet(stack)
            try:
                yield
            except Exception as error:
                # Whatever stopped it: a seed that fails once in many times must say what it lived through.
                error.add_note(f"{self.clock.now()}, seed {self.seed}:\n" + "\n".join(self.happened))
                raise

    # -- raising --------------------------------------------------------------------------------------------

    async def _move_in(self) -> None:
        await self.in_thread(_adopt, self.meters, self.seed, self.clock.now())

    async def _start_pipeline(self, stack: contextlib.AsyncExitStack) -> None:
        # Only now: models can be imported once Django is set up.
        from urja.pipeline import decide
        from urja.pipeline.runner import StageLoop
        from urja.pipeline.stages import PipelineContext, build_stages

        admin = await connect(self.ground.broker_url, User.ADMIN, PASSWORD, "world")
        add = admin.jetstream.add_consumer

        async def add_impatient(stream, *, ack_wait, **more):
            # What dies with its work unfinished gets it again after this; in production after half a minute.
            await add(stream, ack_wait=min(ack_wait, 3.0), **more)

        admin.jetstream.add_consumer = add_impatient
        await ensure_streams(admin)
        await admin.close()
        broker: Broker = await connect(self.ground.broker_url, User.PIPELINE, PASSWORD, "pipeline")
        stack.push_async_callback(broker.close)
        consume = broker.consume

        async def consume_hastily(stream):
            self.consumers[stream] = Hasty(await consume(stream), self.waits_s.get(stream))
            return self.consumers[stream]

        broker.consume = consume_hastily
        # The runner rests between looks over everybody, by the wall's clock; here there is none to rest by.
        stack.enter_context(mock.patch.object(decide, "REST", 0))
        settings = Settings(
            utility=UtilitySettings(timezone=str(ZONE)),
            pipeline=PipelineSettings(interval_s=0.0),
            messages=MessagesSettings(recharge_at="world.example"),
        )
        secrets = PipelineSecrets(
            broker_url=self.ground.broker_url,
            broker_user="pipeline",
            broker_password=PASSWORD,
            database=self.ground.database.conninfo("urja_pipeline"),
            signing_key=SIGNING_KEY,
            roots_key=bytes(32),
        )
        given = PipelineContext(
            settings, secrets, self.clock, self.ground.folder / "heads", lambda _proven: {}, (), Path()
        )
        # All in one thread: a step is over when it is over.
        built = await build_stages(given, broker, lambda _name: self.in_thread, stack)
        self.loops = {stage.name: StageLoop(stage, self.clock) for stage in built}
        await self.run("project")

    async def _start_headend(self) -> None:
        self.headend = await self._headend_stack.enter_async_context(
            HeadEnd.running(
                Settings(headend=HeadendSettings(hosts=("127.0.0.1",), port=self._headend_port)),
                HeadendSecrets(
                    broker_url=self.ground.broker_url,
                    broker_user="headend",
                    broker_password=PASSWORD,
                    kek=KEK,
                    orders_key=public_key(SIGNING_KEY),
                ),
                self.clock,
                CollectorRegistry(),
            )
        )
        self.witness.watch(self.headend)

    async def _stop_headend(self) -> None:
        await self._headend_stack.aclose()
        self.witness.leave(self.headend)

    async def _start_fleet(self, stack: contextlib.AsyncExitStack) -> None:
        self.fleet = Fleet(
            FleetFile(
                head_end_host="127.0.0.1",
                head_end_port=self._headend_port,
                installed_at=self.clock.now(),
                meters=list(self.meters),
                transformers=list(self.transformers),
                seed=self.seed,
            ),
            self.ground.folder,
            self.clock,
        )
        stopping = asyncio.Event()
        running = asyncio.create_task(self.fleet.run(stopping))

        async def stop() -> None:
            stopping.set()
            await running

        stack.push_async_callback(stop)
        await self.fleet.started.wait()
        for station in self.stations:
            station.plan.rates = self.trouble.pushes
            station.meter.drift_clock(self.clock.now(), self.chance.choice(self.trouble.drift_ppm))
        await self._until(
            lambda: all(s.linked for s in self.stations if s.is_installed and s.meter.identity.listen is None)
        )

    @property
    def stations(self) -> list[Station]:
        return list(self.fleet.stations.values())

    # -- living ---------------------------------------------------------------------------------------------

    async def live(self, days: float, *, stride: int = 1) -> None:
        """Let business time pass, `stride` intervals at a time, with the troubles of this world."""
        end = self.clock.now() + timedelta(days=days)
        while self.clock.now() < end:
            await self._interval(stride)

    async def _interval(self, stride: int) -> None:
        """From one boundary to the next: what happens meanwhile, the boundary's pushes, one run of the stages."""
        self._step += 1
        await self._things_of_everybody()
        boundary = self._boundary() + (stride - 1) * INTERVAL
        for instant, act in sorted(self._happenings(boundary), key=lambda item: item[0]):
            self.clock.set(max(instant, self.clock.now()))
            act()
        # A few seconds later: what a push needs to arrive.
        self.clock.set(boundary + timedelta(seconds=5))
        self._touch()
        await self._quiet()
        await self.run_stages()

    def _boundary(self) -> datetime:
        now_s = int(self.clock.now().timestamp())
        step = int(INTERVAL.total_seconds())
        return datetime.fromtimestamp(now_s + step - now_s % step, UTC)

    def _touch(self) -> None:
        for station in self.stations:
            station.catch_up()
        self.fleet.flush()

    async def run_stages(self) -> None:
        for name in ("ingest", "gaps", "post", "project"):
            await self.run(name)

    async def run(self, name: str) -> None:
        """One run of a stage as the runner makes it: what is away is waited for, a fault of ours is raised."""
        await self.loops[name].once()

    # -- trouble --------------------------------------------------------------------------------------------

    def _happenings(self, boundary: datetime) -> Iterator[tuple[datetime, Callable[[], None]]]:
        """What befalls meters before the boundary, each at an instant of its own."""
        trouble = self.trouble
        for station in self.stations:
            serial = station.meter.identity.serial
            if serial in self._dark:
                if self._step >= self._dark[serial]:
                    del self._dark[serial]
                    yield (
                        self._instant(boundary),
                        self._told("power back", station, lambda s=station: self._power_back(s)),
                    )
                continue
            if self._happens(trouble.power_cut):
                self._dark[serial] = self._step + self.chance.randint(1, trouble.dark_intervals)
                yield self._instant(boundary), self._told("power cut", station, station.cut_power)
            elif self._happens(trouble.reboot):
                yield self._instant(boundary), self._told("reboot", station, station.reboot)
            elif self._happens(trouble.drop_link):
                yield self._instant(boundary), self._told("link dropped", station, station.drop_link)
            elif station.meter.engine.clock.drift_ppm and boundary.astimezone(ZONE).hour == 12:
                yield (
                    self._instant(boundary),
                    self._told("clock set", station, lambda s=station: self._set_clock(s)),
                )

    def _happens(self, rate: float) -> bool:
        # Always drawn, so that one rate does not shift the fates of another trouble.
        return self.chance.random() < rate

    def _instant(self, boundary: datetime) -> datetime:
        return boundary - timedelta(seconds=self.chance.randrange(1, 1800))

    def _told(self, what: str, station: Station, act: Callable[[], None]) -> Callable[[], None]:
        def happen() -> None:
            self.happened.append(f"{self.clock.now()} {station.meter.identity.serial} {what}")
            station.catch_up()
            act()

        return happen

    def _power_back(self, station: Station) -> None:
        station.restore_power()
        if station.meter.engine.clock.drift_ppm:
            self._set_clock(station)

    def _set_clock(self, station: Station) -> None:
        station.meter.set_clock(self.clock.now())
        station.catch_up()

    async def _things_of_everybody(self) -> None:
        """Database and broker go and come back, the head end is restarted."""
        trouble = self.trouble
        if self._database_back and self._step >= self._database_back:
            await self.database_back()
        elif self._happens(trouble.database_away) and not self._database_back:
            await self.database_away()
            self._database_back = self._step + self.chance.randint(1, trouble.away_intervals)
        if self._broker_back and self._step >= self._broker_back:
            await self.broker_back()
        elif self._happens(trouble.broker_away) and not self._broker_back:
            await self.broker_away()
            self._broker_back = self._step + self.chance.randint(1, trouble.away_intervals)
        if self._happens(trouble.head_end_restarts) and not self._broker_back:
            self.happened.append(f"{self.clock.now()} head end restarts")
            await self._stop_headend()
            await self._start_headend()

    async def database_away(self) -> None:
        """No process gets in, and connected ones are closed."""
        self.happened.append(f"{self.clock.now()} database away")
        await self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS false", throw_out=True)

    async def database_back(self) -> None:
        self.happened.append(f"{self.clock.now()} database back")
        self._database_back = 0
        await self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def _administrate(self, statement: str, *, throw_out: bool = False) -> None:
        def act() -> None:
            with psycopg.connect(self.ground.database.cluster.conninfo(), autocommit=True) as admin:
                admin.execute(statement.format(name=self.ground.database.name))
                if throw_out:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                        [self.ground.database.name],
                    )

        await asyncio.to_thread(act)

    async def broker_away(self) -> None:
        """Killed: what it has acknowledged is on its disk."""
        self.happened.append(f"{self.clock.now()} broker away")
        await asyncio.to_thread(self.ground.broker.kill)

    async def broker_back(self) -> None:
        self.happened.append(f"{self.clock.now()} broker back")
        self._broker_back = 0
        await asyncio.to_thread(self.ground.broker.start)

    # -- coming to rest -------------------------------------------------------------------------------------

    async def come_to_rest(self, within: timedelta = timedelta(hours=40)) -> None:
        """No more trouble: everybody is back, two clean intervals pass, then meters stand and all is collected."""
        late_s, self.trouble = self.trouble.pushes.delay_s, CALM
        if self._database_back:
            await self.database_back()
        if self._broker_back:
            await self.broker_back()
        await self.headend.broker.wait_connected()
        for station in self.stations:
            station.plan.rates = NO_FAULTS
            station.restore_power()
            station.meter.drift_clock(self.clock.now(), 0)
            self._set_clock(station)
            station.release_held()
        self._dark.clear()
        await self._interval(2)
        # Delays are of the transport, in real time: what is still under way comes now.
        await asyncio.sleep(late_s)
        await self._interval(1)
        self.horizon = self._boundary() - INTERVAL
        await self.fleet.close_at(self.clock.now())
        await self._drain(within)

    async def _drain(self, within: timedelta) -> None:
        loop = asyncio.get_running_loop()
        end, give_up = self.clock.now() + within, loop.time() + 60
        while self.clock.now() < end and loop.time() < give_up:
            await self._quiet(1.0)
            await self.run_stages()
            done = await self._done()
            if not await self._at_rest():
                # Given out and not acknowledged by one that died: that comes again in real time.
                await asyncio.sleep(0.02)
            elif done:
                self.settled = True
                return
            else:
                self.clock.advance(timedelta(minutes=10))

    async def _at_rest(self) -> bool:
        """Whether the broker has nothing more to give out; one that is away says nothing."""
        try:
            return await self.consumers["READINGS"].backlog() == 0
        except BrokerUnavailableError:
            # Its supervisor may start a stuck one again at any moment, and each process connects again in its own time.
            return False

    async def _done(self) -> bool:
        self.awaited = await self._awaited()
        return not self.awaited

    async def _awaited(self) -> tuple[str, ...]:
        """What the world still waits for, in words."""
        if not self._resting:
            return ("the head end has something in its hands",)

        def look() -> tuple[str, ...]:
            with self.ground.database.connect() as connection:
                return unfinished(connection, self.horizon, ZONE)

        return await asyncio.to_thread(look)

    @property
    def _resting(self) -> bool:
        """Whether the head end has nothing in its hands."""
        taken = self.headend.intake
        return not taken.armed and not taken._tasks and not self.headend.reads._tasks

    async def _quiet(self, at_most_s: float = 0.3) -> None:
        """Let what is on the sockets arrive and be dealt with; what takes longer is left on its way."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                calm = 0
                while calm < 2:
                    await asyncio.sleep(0.003)
                    calm = calm + 1 if self._resting else 0

    @staticmethod
    async def _until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - conditions over counters have no event
                await asyncio.sleep(0.005)

    # -- the laws -------------------------------------------------------------------------------------------

    async def examine(self) -> Findings:
        """Every law of the books, and that what was accepted is stored."""
        self.fleet.flush()
        records = read_truth(self.ground.folder / "truth.jsonl")
        self.witness.leave(self.headend)

        def look() -> tuple[Findings, list[str]]:
            with self.ground.database.connect() as connection:
                findings = examine(connection, records, self.horizon, self.clock.now(), ZONE)
                return findings, list(self.witness.contradictions(connection))

        findings, lost = await self.in_thread(look)
        return Findings(
            figures=findings.figures,
            laws={**findings.laws, "accepted_is_stored": not lost},
            faults=(*findings.faults, *(f"accepted_is_stored: {words}" for words in lost)),
        )


def _town(dialling: int, listening: int, behind_line: int, tagless: int, seed: int) -> list[Identity]:
    """Meters of both types, some of them behind one line of HDLC; serials, keys and loads follow from the seed.

    The first `tagless` of those that dial push without a tag.
    """
    chance = random.Random(f"street {seed}")
    meters = []
    line = f"tcp://127.0.0.1:{free_port()}"
    for number in range(dialling + listening + behind_line):
        listens = number >= dialling
        on_line = number >= dialling + listening
        place = f"{line}?address={100 + number}" if on_line else f"127.0.0.1:{free_port()}"
        meters.append(
            seeded_identity(
                f"{seed:03d}{number + 1:05d}",
                "urja-d1-listen" if listens else "urja-d1-encrypted" if number < tagless else "urja-d1",
                seed * 1000 + number,
                start_wh=chance.randrange(200_000, 9_000_000),
                listen=place if listens else None,
            )
        )
    return meters


def _keep_the_connection() -> None:
    """As the pipeline does: a new one for each run of a stage would know nothing of the tables, and took a third of the time."""
    from django.db import connection

    connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": 60}


def _adopt(meters: Sequence[Identity], seed: int, now: datetime) -> None:
    """Each meter on the wall of a household with some credit. Needs Django set up."""
    from tests.apps import town

    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.operations import Adoption, adopt_meter

    load_tariff(bundled_tariffs()["demo-domestic.toml"], now)
    chance = random.Random(f"households {seed}")
    for meter in meters:
        adoption = Adoption(
            serial=meter.serial,
            system_title=meter.title,
            device_type=meter.device_type,
            interval_s=meter.type.interval_s,
            max_power_w=15_000,
            wrapped_guek=wrap_key(KEK, meter.keys.guek),
            wrapped_gak=wrap_key(KEK, meter.keys.gak),
            register_wh=meter.start_wh,
            valid_from=now,
            tariff_code="demo-domestic",
            sanctioned_load_w=chance.choice((1000, 2000, 5000)),
            person_name=f"House {meter.serial}",
            email=f"{meter.serial}@street.example",
            credit_minor=chance.randrange(30_000, 160_000),
            address=meter.listen,
            bucket=chance.randrange(BUCKETS),
        )
        adopted = adopt_meter(adoption, recorded_at=now, actor="world")
        town.passed(adopted.device_id, now)
