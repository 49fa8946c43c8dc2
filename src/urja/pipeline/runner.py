"""The pipeline's process: each stage in a loop of its own, until the process is told to stop.

A stage that fails because something it needs is away (database, broker) is tried again with growing pauses; it
is logged, and `/readyz` says what is waited for. A programmer's mistake is not caught: it ends the process, and
the supervisor starts it anew.
"""

import asyncio
import itertools
import math
import signal
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from urja.apps.payments.queries import gateways
from urja.apps.supply import health
from urja.base.clock import Clock
from urja.base.http import StatusServer
from urja.base.secrets import PipelineSecrets
from urja.base.settings import Settings
from urja.pipeline import commission, decide, meter_jobs, post
from urja.pipeline.addresses import Addresses, Sender
from urja.pipeline.approve import Approve
from urja.pipeline.collect import Collect
from urja.pipeline.configure import Configure
from urja.pipeline.disk_room import DiskRoom
from urja.pipeline.dispatch import Dispatch
from urja.pipeline.display import Display
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingest, Ingester
from urja.pipeline.notify import Notify
from urja.pipeline.project import Project
from urja.pipeline.prove import Laws, Prove, Prover
from urja.pipeline.quarantine_fill import QuarantineFill
from urja.pipeline.reconcile import Reconcile
from urja.pipeline.register import Register
from urja.pipeline.release_cuts import ReleaseCuts
from urja.pipeline.seal import Seal, Sealer
from urja.pipeline.stage import Report, Session, Stage
from urja.stream import broker as stream
from urja.stream.errors import StreamError
from urja.stream.subjects import OUTCOMES, PROGRESS, READINGS, User

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.2
LAST_PAUSE_S: Final = 15.0
DECIDE_REST_S: Final = 0.1
"""Pause between two looks for credits: part of the way from a payment to light."""
COLLECT_REST_S: Final = 0.1
COMMANDS_REST_S: Final = 0.1
"""Somebody who has paid sits in the dark meanwhile."""
JOBS_REST_S: Final = 0.25
FORGET_EVERY_S: Final = 3600.0
REGISTER_REST_S: Final = 0.1
"""Somebody looks at a form meanwhile."""

_RUNS = Counter("urja_stage_runs", "Runs of a stage", ["stage", "result"])
_LAG = Gauge("urja_stage_lag", "What waits for a stage", ["stage"])


@dataclass(slots=True)
class Progress:
    """What is known of one stage, for people and for the supervisor."""

    name: str
    runs: int = 0
    failures_in_a_row: int = 0
    error: str = ""
    last_run_at: datetime | None = None
    lag: int | None = None
    done: int = 0
    detail: str = ""
    """What the last run had to say, such as why there is nothing that it could do."""
    ill: bool = False
    """Whether that has to be seen to by a person."""

    def succeeded(self, report: Report, now: datetime) -> None:
        self.runs += 1
        self.failures_in_a_row = 0
        self.error = ""
        self.last_run_at = now
        self.lag = report.lag if report.lag is not None else self.lag
        self.done += report.done
        self.detail = report.detail
        self.ill = report.ill

    def failed(self, error: Exception) -> None:
        self.failures_in_a_row += 1
        self.error = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


@dataclass(slots=True)
class Loop:
    """Runs one stage again and again."""

    stage: Stage
    clock: Clock
    rest_s: float
    """Pause after a run that found nothing to do."""
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(self.stage.name)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set; a run that has begun is finished."""
        while not stopping.is_set():
            await self._pause(stopping, await self._once())

    async def _once(self) -> float:
        """One run; how many seconds to rest after it."""
        now = self.clock.now()
        try:
            report = await self.stage.run_once(now)
        except away_errors() as error:
            self.progress.failed(error)
            _RUNS.labels(self.stage.name, "failed").inc()
            pause = min(FIRST_PAUSE_S * 2 ** min(self.progress.failures_in_a_row - 1, 20), LAST_PAUSE_S)
            log.warning("stage failed", stage=self.stage.name, error=self.progress.error, again_in_s=pause)
            return pause
        self.progress.succeeded(report, now)
        _RUNS.labels(self.stage.name, "ok").inc()
        if report.lag is not None:
            _LAG.labels(self.stage.name).set(report.lag)
        return 0.0 if report.done else self.rest_s

    @staticmethod
    async def _pause(stopping: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await stopping.wait()
        except TimeoutError:
            return


def away_errors() -> tuple[type[Exception], ...]:
    """What a stage may fail with because of others: database or broker away, full, or restarting."""
    from django.db import InterfaceError, OperationalError

    return (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        OperationalError,
        InterfaceError,
        StreamError,
        OSError,
        TimeoutError,
    )


class DjangoThread:
    """One thread that holds Django's connection: what is synchronous runs there, out of the event loop's way."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="django")

    async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, function, arguments)

    @staticmethod
    def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        from django.db import close_old_connections

        # As at a request's beginning and end: a broken connection is replaced, not kept.
        close_old_connections()
        try:
            return function(*arguments)
        finally:
            close_old_connections()

    async def close(self) -> None:
        from django.db import connections

        await self(connections.close_all)
        self._pool.shutdown()


class HeldBack:
    """The accounts that a stage holds back: in a sentence for `urja status`, and in the log when one is new."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._known: frozenset[str] = frozenset()
        self.sentence = ""

    def now(self, problems: Collection[str]) -> str:
        """The sentence, as it stands with these."""
        for problem in sorted(set(problems) - self._known):
            log.error("account held back", stage=self._stage, problem=problem)
        self._known = frozenset(problems)
        more = f" (and {len(self._known) - 1} more; the log has each)" if len(self._known) > 1 else ""
        self.sentence = min(self._known) + more if self._known else ""
        return self.sentence


class Post:
    """The stage `post` as the runner sees it."""

    name = "post"

    def __init__(self, in_thread: DjangoThread, cutoff: timedelta) -> None:
        self._in_thread = in_thread
        self._cutoff = cutoff
        self._held = HeldBack(self.name)

    async def run_once(self, now: datetime) -> Report:
        report = await self._in_thread(post.run_once, now, self._cutoff)
        return Report(report.entries, detail=self._held.now(report.closed.problems))


class Decide:
    """The stage `decide` as the runner sees it: credits are posted and followed by what they bring about at once.

    Each run looks at what somebody waits for. The look over all accounts comes every `all_every_s`, and where that
    is short for their number, takes at most a fifth of the time.
    """

    name = "decide"

    def __init__(self, in_thread: DjangoThread, all_every_s: float) -> None:
        self._in_thread = in_thread
        self._all_every_s = all_every_s
        self._next_all_s = -math.inf
        self._held = HeldBack(self.name)
        self._restored = ""

    async def run_once(self, now: datetime) -> Report:
        credits_posted = await self._in_thread(post.post_credits, now)
        began_s = time.monotonic()
        look_at_all = began_s >= self._next_all_s
        report = await self._in_thread(partial(decide.run_once, now, only_changed=not look_at_all))
        if look_at_all:
            self._restored = await self._in_thread(health.recovering)
        if look_at_all and not report.full:
            ended_s = time.monotonic()
            self._next_all_s = ended_s + max(self._all_every_s, 4 * (ended_s - began_s))
        # Only a look over all accounts meets each that is held back.
        held = self._held.now(report.held) if look_at_all else self._held.sentence
        told = report.idle or "; ".join(filter(None, (self._restored, held)))
        return Report(credits_posted + report.accounts, detail=told)


class Displays:
    """The stage `display` as the runner sees it."""

    name = "display"

    def __init__(self, in_thread: DjangoThread, zone: str) -> None:
        self._in_thread = in_thread
        self._display = Display(ZoneInfo(zone))

    async def run_once(self, now: datetime) -> Report:
        return Report(await self._in_thread(self._display.run_once, now, decide.wall_now_ms()))


class Commissions:
    """The stage `commission` as the runner sees it."""

    name = "commission"

    def __init__(self, in_thread: DjangoThread) -> None:
        self._in_thread = in_thread

    async def run_once(self, now: datetime) -> Report:
        return Report(await self._in_thread(commission.run_once, now, decide.wall_now_ms()))


class MeterJobs:
    """The stage `meter_jobs` as the runner sees it."""

    name = "meter_jobs"

    def __init__(self, in_thread: DjangoThread, kept: timedelta) -> None:
        self._in_thread = in_thread
        self._kept = kept
        self._forget_at_s = -math.inf

    async def run_once(self, now: datetime) -> Report:
        moved = await self._in_thread(meter_jobs.run_once, now, decide.wall_now_ms())
        if not moved and time.monotonic() >= self._forget_at_s:
            moved = await self._in_thread(meter_jobs.forget, now, self._kept)
            if not moved:
                self._forget_at_s = time.monotonic() + FORGET_EVERY_S
        return Report(moved)


class Configurations:
    """The stage `configure` as the runner sees it."""

    name = "configure"

    def __init__(self, in_thread: DjangoThread) -> None:
        self._in_thread = in_thread
        self._configure = Configure()

    async def run_once(self, now: datetime) -> Report:
        return Report(await self._in_thread(self._configure.run_once, now, decide.wall_now_ms()))


async def run_pipeline(
    settings: Settings,
    secrets: PipelineSecrets,
    clock: Clock,
    *,
    heads: Path,
    laws: Laws,
    places: Sequence[Path],
) -> None:
    """Run all stages until SIGTERM or SIGINT. Django is set up for the pipeline's role by the caller.

    `heads` is the directory that takes the signed heads, `laws` asks the laws of the books, `places` are the
    directories whose file systems are watched.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    loops: list[Loop] = []
    waiting = ["broker"]

    def waiting_for() -> list[str]:
        failing = [f"{loop.stage.name}: {loop.progress.error}" for loop in loops if loop.progress.error]
        fresh = [f"{loop.stage.name}: first run" for loop in loops if not loop.progress.runs]
        return waiting + failing + [text for text in fresh if not failing]

    def status() -> dict[str, Any]:
        return {"stages": {loop.stage.name: _describe(loop.progress) for loop in loops}}

    async with StatusServer(waiting_for, status, port=settings.pipeline.status_port):
        connection = await _connect(secrets, stopping)
        if connection is None:
            return
        # Neither a payment nor a command must wait for a day's close: each has a thread and a connection of its own.
        in_thread, deciding, commanding = DjangoThread(), DjangoThread(), DjangoThread()
        # Nor may anything wait for a gateway, nor one gateway for another.
        gateway_threads = {name: (DjangoThread(), DjangoThread()) for name in gateways.names()}
        # Nor for a message service that takes its time.
        noticing = DjangoThread()
        # Who has pressed a button waits for nothing but what it does.
        registering = DjangoThread()
        # Nor for the meters of thousands.
        jobbing = DjangoThread()
        # Nor for a mail relay.
        approving, mailing = DjangoThread(), DjangoThread()
        # What goes over a day's rows takes its time.
        sealing, proving = DjangoThread(), DjangoThread()
        notify = Notify(noticing, recharge_at=settings.messages.recharge_at)
        sessions = [Session(secrets.database), Session(secrets.database)]
        try:
            loops += await _stages(settings, connection, sessions, in_thread, clock, secrets.signing_key)
            loops.append(Loop(Decide(deciding, settings.pipeline.interval_s), clock, DECIDE_REST_S))
            for name, (collecting, reconciling) in gateway_threads.items():
                loops.append(Loop(Collect(collecting, name, clock.speed), clock, COLLECT_REST_S))
                loops.append(_reconcile(settings, reconciling, name, clock))
            loops.append(await _dispatch(connection, commanding, secrets.signing_key, clock))
            loops.append(Loop(ReleaseCuts(connection, commanding), clock, settings.pipeline.interval_s))
            loops.append(Loop(notify, clock, settings.pipeline.interval_s))
            zone, rest_s = ZoneInfo(settings.utility.timezone), settings.pipeline.interval_s
            loops.append(Loop(Seal(sealing, Sealer(zone, secrets.roots_key, heads)), clock, rest_s))
            loops.append(Loop(Prove(proving, Prover(zone, laws)), clock, rest_s))
            loops.append(Loop(Register(registering), clock, REGISTER_REST_S))
            loops.append(Loop(Approve(approving), clock, REGISTER_REST_S))
            loops.append(Loop(Commissions(registering), clock, COMMANDS_REST_S))
            loops.append(
                Loop(
                    MeterJobs(jobbing, timedelta(days=settings.pipeline.meter_jobs_kept_days)),
                    clock,
                    JOBS_REST_S,
                )
            )
            loops.append(Loop(DiskRoom(places, settings.disk, in_thread), clock, rest_s))
            sender = Sender(settings.utility.name, settings.web.public_origin)
            loops.append(Loop(Addresses(mailing, sender), clock, settings.pipeline.interval_s))
            waiting.clear()
            log.info("pipeline runs", stages=[loop.stage.name for loop in loops])
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop.run(stopping), name=loop.stage.name)
        finally:
            await connection.close()
            await in_thread.close()
            await deciding.close()
            await commanding.close()
            await notify.close()
            await noticing.close()
            await registering.close()
            await jobbing.close()
            await approving.close()
            await mailing.close()
            for thread in itertools.chain.from_iterable(gateway_threads.values()):
                await thread.close()
            await sealing.close()
            await proving.close()
            for session in sessions:
                session.close()
    log.info("pipeline stopped")


async def _connect(secrets: PipelineSecrets, stopping: asyncio.Event) -> stream.Broker | None:
    """The broker, as soon as it answers; none if the process is told to stop before."""
    while not stopping.is_set():
        try:
            return await stream.connect(
                secrets.broker_url, User.PIPELINE, secrets.broker_password, "pipeline"
            )
        except (StreamError, OSError) as error:
            log.warning("no broker yet", error=str(error))
            await Loop._pause(stopping, 1.0)  # noqa: SLF001 - the same wait, in the same module
    return None


async def _stages(
    settings: Settings,
    connection: stream.Broker,
    sessions: list[Session],
    in_thread: DjangoThread,
    clock: Clock,
    signing_key: bytes,
) -> list[Loop]:
    zone, rest_s = settings.utility.timezone, settings.pipeline.interval_s
    cutoff = timedelta(seconds=settings.pipeline.close_cutoff_s)
    readings = await connection.consume(READINGS)
    outcomes = await connection.consume(OUTCOMES)
    stages: list[tuple[Stage, float]] = [
        # Waiting for messages is its rest.
        (Ingest(readings, Ingester(sessions[0], zone), clock), 0.0),
        (Gaps(sessions[1], connection, outcomes, zone), max(rest_s, _look_every_s(clock.speed))),
        (Project(connection, zone, signing_key=signing_key, in_thread=in_thread), rest_s),
        (QuarantineFill(connection, in_thread), rest_s),
        (Post(in_thread, cutoff), rest_s),
        (Displays(in_thread, zone), rest_s),
        (Configurations(in_thread), rest_s),
    ]
    return [Loop(stage, clock, pause) for stage, pause in stages]


def _reconcile(settings: Settings, in_thread: DjangoThread, gateway: str, clock: Clock) -> Loop:
    stage = Reconcile(in_thread, gateway, settings.utility.timezone, clock.speed)
    return Loop(stage, clock, settings.pipeline.interval_s)


async def _dispatch(
    connection: stream.Broker, in_thread: DjangoThread, signing_key: bytes, clock: Clock
) -> Loop:
    progress = await connection.consume(PROGRESS)
    stage = Dispatch(connection, progress, clock, signing_key=signing_key, in_thread=in_thread)
    return Loop(stage, clock, COMMANDS_REST_S)


def _look_every_s(speed: float) -> float:
    """Gaps are looked for each business minute, at least every half a minute: a look goes over every meter."""
    return min(30.0, 60.0 / speed) if speed > 0 else 0.0


def _describe(progress: Progress) -> dict[str, Any]:
    return {
        "runs": progress.runs,
        "done": progress.done,
        "lag": progress.lag,
        "error": progress.error or None,
        "detail": progress.detail or None,
        "ill": progress.ill or None,
        "last_run_at": progress.last_run_at,
    }
