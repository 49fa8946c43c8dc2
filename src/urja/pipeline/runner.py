"""The pipeline's processes: each stage in a loop of its own, until the process is stopped. A stage that found nothing to do
rests, and one that people wait for is woken (`wake_ups`).

A stage that fails because a service it needs is not available (database, broker) is tried again with growing pauses;
the failure is logged, and `/readyz` says what is waited for. So is a stage that cannot read a row: it is logged as an
error, and the other stages go on. A programming error is not caught: it ends the process, and the supervisor restarts
it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Final

import django.db
import psycopg
import structlog
from prometheus_client import Counter, Gauge

from urja.base.clock import Clock
from urja.base.http import serving_status
from urja.base.process_secrets import PipelineSecrets
from urja.base.settings import PipelineSettings
from urja.pipeline.django_thread import DjangoThread
from urja.pipeline.stage import Report, Stage
from urja.pipeline.stages import PipelineContext, build_stages, closing_stage
from urja.pipeline.wake_ups import WakeUps, follow_notifications
from urja.stream import broker as stream
from urja.stream.errors import StreamError
from urja.stream.subjects import User

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.2
LAST_PAUSE_S: Final = 15.0
SHORTEST_REST_S: Final = 0.1
"""A stage rests at least this long after it found nothing to do, however often it is woken."""

UNAVAILABLE_ERRORS: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    django.db.OperationalError,
    django.db.InterfaceError,
    StreamError,
    OSError,
    TimeoutError,
)
"""Failures of a stage that others cause: database or broker not available, full, or restarting."""

UNREADABLE_ERRORS: Final = (psycopg.DataError, django.db.DataError)
"""Failures of a stage that one row causes, such as a date that Python does not have. Ending the process would stop every
stage until the row is corrected.
"""

_RUNS = Counter("urja_stage_runs", "Runs of a stage", ["stage", "result"])
_LAG = Gauge("urja_stage_lag", "What waits for a stage", ["stage"])


@dataclass(slots=True)
class StageProgress:
    """The state of one stage, for operators and for the supervisor."""

    name: str
    runs: int = 0
    failures_in_a_row: int = 0
    error: str = ""
    last_run_at: datetime | None = None
    lag: int | None = None
    done: int = 0
    detail: str = ""
    """The last run's message, such as why it could do nothing, and what is held back."""
    ill: bool = False
    """Whether that needs an operator."""
    held: frozenset[str] = frozenset()
    """Why accounts are held back."""

    def succeeded(self, report: Report, now: datetime) -> None:
        """Note a run that ended at business time `now` (UTC) without a failure."""
        self.runs += 1
        self.failures_in_a_row = 0
        self.error = ""
        self.last_run_at = now
        self.lag = report.lag if report.lag is not None else self.lag
        self.done += report.done
        if report.held is not None:
            self._hold(report.held)
        self.detail = "; ".join(filter(None, (report.detail, self._held_sentence())))
        self.ill = report.ill

    def failed(self, error: Exception) -> None:
        """Note a failed run by the type and the first line of its error."""
        self.failures_in_a_row += 1
        self.error = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"

    def described(self) -> dict[str, object]:
        """The state for `/status`."""
        return {
            "runs": self.runs,
            "done": self.done,
            "lag": self.lag,
            "error": self.error or None,
            "detail": self.detail or None,
            "ill": self.ill or None,
            "last_run_at": self.last_run_at,
        }

    def _hold(self, problems: Collection[str]) -> None:
        for problem in sorted(set(problems) - self.held):
            log.error("account held back", stage=self.name, problem=problem)
        self.held = frozenset(problems)

    def _held_sentence(self) -> str:
        more = f" (and {len(self.held) - 1} more; the log has each)" if len(self.held) > 1 else ""
        return min(self.held) + more if self.held else ""


@dataclass(slots=True)
class StageLoop:
    """Runs one stage repeatedly."""

    stage: Stage
    clock: Clock
    wake_ups: WakeUps = field(default_factory=WakeUps)
    progress: StageProgress = field(init=False)
    _woken: asyncio.Event = field(init=False)

    def __post_init__(self) -> None:
        self.progress = StageProgress(self.stage.name)
        self._woken = self.wake_ups.join()

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set; a run that has begun is finished."""
        while not stopping.is_set():
            # Before the run: what is recorded while it looks is found by the next one.
            self._woken.clear()
            rest_s = await self.once()
            if not self.stage.woken or self.progress.failures_in_a_row:
                await _pause(stopping, rest_s)
                continue
            shortest_s = min(rest_s, SHORTEST_REST_S)
            await _pause(stopping, shortest_s)
            await _pause(self._woken, rest_s - shortest_s)

    async def once(self) -> float:
        """Run once; return how many seconds to rest after it."""
        now = self.clock.now()
        try:
            report = await self.stage.run_once(now)
        # Only failures of other services and of rows: a programming error must end the process and be seen.
        except (*UNAVAILABLE_ERRORS, *UNREADABLE_ERRORS) as error:
            self.progress.failed(error)
            _RUNS.labels(self.stage.name, "failed").inc()
            pause: float = min(
                FIRST_PAUSE_S * 2 ** min(self.progress.failures_in_a_row - 1, 20), LAST_PAUSE_S
            )
            told = {"stage": self.stage.name, "error": self.progress.error, "again_in_s": pause}
            if isinstance(error, UNREADABLE_ERRORS):
                log.exception("a stage cannot read a row", **told)
            else:
                log.warning("stage failed", **told)
            return pause
        self.progress.succeeded(report, now)
        _RUNS.labels(self.stage.name, "ok").inc()
        if report.lag is not None:
            _LAG.labels(self.stage.name).set(report.lag)
        if report.done:
            self.wake_ups.wake()
            return 0.0
        return self.stage.pause_s()


async def run_pipeline(given: PipelineContext) -> None:
    """Run all stages until SIGTERM or SIGINT. The caller sets Django up for the pipeline's role."""

    async def stages(thread: Threads, stack: AsyncExitStack, stopping: asyncio.Event) -> list[Stage]:
        broker = await _connected(given.secrets, stopping)
        if broker is None:
            return []
        stack.push_async_callback(broker.close)
        return await build_stages(given, broker, thread, stack)

    follow = partial(follow_notifications, given.secrets.database)
    await _run(stages, given.clock, given.settings.pipeline.status_port, follow)


async def run_closing(settings: PipelineSettings, clock: Clock, status_port: int) -> None:
    """Close days until SIGTERM or SIGINT, beside the pipeline's process: each process takes the buckets that no other one
    has locked.
    """

    async def stages(thread: Threads, _stack: AsyncExitStack, _stopping: asyncio.Event) -> list[Stage]:
        return [closing_stage(settings, thread)]

    await _run(stages, clock, status_port, _follow_nothing)


async def _follow_nothing(_wake: Callable[[], None]) -> None:
    """What wakes stages for which no one waits."""


type Threads = Callable[[str], DjangoThread]
"""Returns the thread of a name."""


async def _run(
    stages: Callable[[Threads, AsyncExitStack, asyncio.Event], Awaitable[list[Stage]]],
    clock: Clock,
    status_port: int,
    follow: Callable[[Callable[[], None]], Coroutine[object, object, None]],
) -> None:
    """Run stages until SIGTERM or SIGINT; none where the process is stopped before they can be built.

    `follow` calls the function it is given when there may be work from outside the process.
    """
    stopping, wake_ups = asyncio.Event(), WakeUps()

    def stop() -> None:
        stopping.set()
        wake_ups.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    loops: list[StageLoop] = []

    def waiting_for() -> list[str]:
        if not loops:
            return ["broker"]
        failing = [f"{loop.stage.name}: {loop.progress.error}" for loop in loops if loop.progress.error]
        fresh = [f"{loop.stage.name}: first run" for loop in loops if not loop.progress.runs]
        return failing or fresh

    def status() -> dict[str, object]:
        return {"stages": {loop.stage.name: loop.progress.described() for loop in loops}}

    async with AsyncExitStack() as stack:

        @cache
        def thread(name: str) -> DjangoThread:
            begun = DjangoThread(name)
            stack.push_async_callback(begun.close)
            return begun

        await stack.enter_async_context(serving_status(waiting_for, status, port=status_port))
        loops += [StageLoop(stage, clock, wake_ups) for stage in await stages(thread, stack, stopping)]
        if not loops:
            return
        log.info("pipeline runs", stages=[loop.stage.name for loop in loops])
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(wake_ups.wake), name="notifications")
            await asyncio.wait(
                [group.create_task(loop.run(stopping), name=loop.stage.name) for loop in loops]
            )
            following.cancel()
    log.info("pipeline stopped")


async def _connected(secrets: PipelineSecrets, stopping: asyncio.Event) -> stream.Broker | None:
    """The broker, as soon as it answers; None if the process is stopped before."""
    while not stopping.is_set():
        try:
            return await stream.connect(
                secrets.broker_url, User.PIPELINE, secrets.broker_password, "pipeline"
            )
        except (StreamError, OSError) as error:
            log.warning("no broker yet", error=str(error))
            await _pause(stopping, 1.0)
    return None


async def _pause(until: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return
