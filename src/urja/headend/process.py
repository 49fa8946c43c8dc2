"""The head-end process: assembled, started, stopped in order."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
from prometheus_client import REGISTRY, CollectorRegistry

from urja.base.clock import Clock
from urja.base.http import serving_status
from urja.base.process_secrets import HeadendSecrets
from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.headend import projection_contents
from urja.headend.compiled_types import KnownTypes
from urja.headend.disconnection_limits import DisconnectionLimiter
from urja.headend.intake import Intake
from urja.headend.meter_sessions import MeterSessions
from urja.headend.metrics import Metrics
from urja.headend.new_keys import KeyGenerator
from urja.headend.order_execution import OrderExecutor
from urja.headend.order_history import OrderHistories
from urja.headend.profile_pulls import ProfilePuller
from urja.headend.quarantine_queue import QuarantineQueue
from urja.headend.read_execution import ReadExecutor
from urja.headend.releases import ReleaseProcessor
from urja.headend.reloading_key_store import ReloadingKeyStore
from urja.headend.replay_window_store import restore_windows, store_windows, store_windows_periodically
from urja.headend.roster import Roster
from urja.headend.sealed_state import Seal, SealedState
from urja.headend.state_losses import StateLosses
from urja.headend.wrapper_port import WrapperPort
from urja.stream.broker import Broker, connect
from urja.stream.quarantine import Quarantined
from urja.stream.subjects import User

log = structlog.get_logger()

_SWEEP_S: Final = 10.0
_SOUND_S: Final = 10.0
"""Seconds after its last exception at which a task counts as sound again."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


class HeadEnd:
    """A running head end. Use it as a context manager: `async with HeadEnd.running(...) as headend`."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        secrets: HeadendSecrets,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self.settings = settings
        self.broker = broker
        self.registry = registry
        self.metrics = Metrics(registry)
        seal = Seal(secrets.seal_key or secrets.kek)
        self._seal = seal
        keys = ReloadingKeyStore(KekStore(secrets.kek), Path(secrets.kek_file) if secrets.kek_file else None)
        key_maker = KeyGenerator(keys, seal)
        self.types = KnownTypes(secrets.orders_key)
        self.roster = Roster(keys, key_maker, self.types, secrets.orders_key)
        self.quarantine = QuarantineQueue(broker, self.metrics)
        self.wrapper_port = WrapperPort(self.metrics, settings.headend, self.roster.push_saps)
        self.intake = Intake(
            broker,
            self.roster,
            self.quarantine,
            clock,
            self.metrics,
            hold=self.wrapper_port.hold,
            trace=settings.log.level == "debug",
        )
        state = SealedState(broker, seal)
        self.losses = StateLosses(state, clock)
        self.sessions = MeterSessions(
            broker, self.wrapper_port, self.metrics, settings.headend, seal, self.losses, secrets.restored
        )
        self.pulls = ProfilePuller(broker, self.quarantine, clock, self.metrics)
        self.reads = ReadExecutor(
            broker, self.roster, self.sessions, self.pulls, clock=clock, metrics=self.metrics
        )
        brake = DisconnectionLimiter(
            state, clock, settings.headend, partial(self.losses.note, "brake"), secrets.restored
        )
        self.orders = OrderExecutor(
            broker,
            self.roster,
            self.sessions,
            self.pulls,
            OrderHistories(state, clock, partial(self.losses.note, "orders")),
            brake,
            key_maker,
            key=secrets.orders_key,
            clock=clock,
            metrics=self.metrics,
            restored=secrets.restored,
        )
        self.releases = ReleaseProcessor(
            broker,
            brake,
            self.orders.held_summary,
            Path(secrets.approvers_file) if secrets.approvers_file else None,
            settings=settings.headend,
            clock=clock,
            metrics=self.metrics,
        )
        self.synced = asyncio.Event()
        """Set once the registry's projection has been read whole."""
        self.types_known = asyncio.Event()
        """Set once all loaded meter types are known; meters are read after them."""
        self.down: set[str] = set()
        """Names of tasks that met an exception and do not run soundly again yet."""
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def connected(
        cls,
        settings: Settings,
        secrets: HeadendSecrets,
        clock: Clock,
        registry: CollectorRegistry = REGISTRY,
    ) -> "HeadEnd":
        """A head end that is connected to its broker and does nothing yet. Raises BrokerUnavailableError,
        NotPermittedError.
        """
        broker = await connect(secrets.broker_url, User.HEADEND, secrets.broker_password, "headend")
        return cls(settings, broker, secrets, clock, registry)

    @contextlib.asynccontextmanager
    async def started(self) -> "AsyncIterator[HeadEnd]":
        """Restore state, read the meters, then open the port. On leaving: publish, store, close."""
        try:
            await self._start()
            yield self
        finally:
            await self._stop()

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        settings: Settings,
        secrets: HeadendSecrets,
        clock: Clock,
        registry: CollectorRegistry = REGISTRY,
    ) -> "AsyncIterator[HeadEnd]":
        """A head end that is connected and started. Raises as `connected`, and WrapperPortError."""
        async with (await cls.connected(settings, secrets, clock, registry)).started() as headend:
            yield headend

    async def _start(self) -> None:
        # Before the meters are read: a meter that is added without its stored window would accept old pushes as
        # fresh.
        await restore_windows(self.broker, self.roster, self._seal)
        await self.losses.refresh()
        self._start_task(self._follow_types, "follow types")
        self._start_task(self._follow_meters, "follow meters")
        self._start_task(self.quarantine.run, "quarantine")
        self._start_task(
            lambda: store_windows_periodically(self.broker, self.roster, self.intake, self._seal),
            "store windows",
        )
        self._start_task(self._sweep, "sweep")
        self._start_task(self.losses.run, "read losses")
        # A port that opens before the meters are known would quarantine authentic pushes.
        await self.synced.wait()
        await self.broker.serve_replays(self._replay)
        listen = self.settings.headend
        await self.wrapper_port.listen(self.intake, listen.hosts, listen.port, udp=listen.udp)
        self._start_task(self.reads.run, "take requests")
        self._start_task(self.orders.run, "take orders")
        self._start_task(self.releases.run, "process releases")
        name = self.settings.headend.name
        self._start_task(
            lambda: projection_contents.report_contents_periodically(self.broker, name),
            "report the projection",
        )
        self._start_task(self.sessions.identifier.run, "identify connections")
        log.info("listening", hosts=listen.hosts, port=self.wrapper_port.port, meters=len(self.roster.meters))

    async def _stop(self) -> None:
        # Orders and reads first, because they use the port. The intake after the port, because it publishes the
        # frames that were still received; windows last, because accepting these advances them.
        await self.orders.stop()
        await self.reads.stop()
        await self.sessions.close()
        await self.wrapper_port.close()
        await self.intake.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await store_windows(self.broker, self.roster, self.intake, self._seal)
        await self.broker.close()

    def _start_task(self, run: Callable[[], Coroutine[object, object, None]], name: str) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._run_restarting(run, name), name=name))

    async def _run_restarting(self, run: Callable[[], Coroutine[object, object, None]], name: str) -> None:
        """Run a task that should run as long as the process. After an exception it resumes, each time after a longer
        pause.

        Until it has run soundly for a while the head end is not ready. The other tasks and all connections continue.
        """
        loop = asyncio.get_running_loop()
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = loop.time()
            sound = loop.call_later(_SOUND_S, self.down.discard, name)
            try:
                await run()
                log.error("a task that never ends has ended", task=name)
            except Exception:
                log.exception("a task met an exception and resumes", task=name, pause_s=pause_s)
            finally:
                sound.cancel()
            self.metrics.resumed.labels(name).inc()
            self.down.add(name)
            if loop.time() - began_s > _SOUND_S:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _follow_types(self) -> None:
        async for changes in self.broker.follow_types():
            if changes is None:
                self.types_known.set()
                continue
            for change in changes:
                self.roster.apply_type(change)
            self._count_meters()

    def _count_meters(self) -> None:
        self.metrics.meters.set(len(self.roster.meters))
        self.metrics.unreadable.set(len(self.roster.unreadable) + len(self.types.unreadable))

    async def _follow_meters(self) -> None:
        await self.types_known.wait()
        async for changes in self.broker.follow_devices():
            if changes is None:
                # Lost windows are stored as lost: a restart must not make them fresh.
                self.intake.dirty_groups[list(self.roster.lost_groups)] = True
                self.synced.set()
                continue
            for change in changes:
                self.roster.apply_change(change)
            self._count_meters()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.wrapper_port.sweep()
            self.metrics.without_window.set(self.roster.without_windows)

    async def _replay(self, item: Quarantined) -> bytes:
        return msgspec.json.encode(await self.intake.replay(item))

    def waiting_for(self) -> list[str]:
        """What the head end still waits for before it is ready, in words."""
        waiting = []
        if not self.broker.connected:
            waiting.append("the broker")
        if not self.types_known.is_set():
            waiting.append("the loaded meter types")
        if not self.synced.is_set():
            waiting.append("the registry's projection of meters")
        if self.wrapper_port.port == 0:
            waiting.append("the wrapper port")
        waiting += [f"the task {name!r}, which met an exception" for name in sorted(self.down)]
        return waiting

    def attention(self) -> list[str]:
        """What needs an operator, in sentences: stored state of the head end that cannot be read."""
        counted = [
            (
                len(self.roster.unreadable),
                "entries of the registry's projection are refused: not signed by the pipeline, older, or unreadable",
            ),
            (
                len(self.types.unreadable),
                "meter types are refused: not signed by the pipeline, older, or not usable",
            ),
            (self.roster.without_windows, "meters have lost their replay windows: their pushes are refused"),
        ]
        said = [f"{count} {what}" for count, what in counted if count] + self.losses.sentences()
        return said + ([self.releases.trouble] if self.releases.trouble else [])

    def status(self) -> dict[str, object]:
        """The head end's status for `urja status`, as JSON-ready values."""
        return {
            "attention": self.attention(),
            "port": self.wrapper_port.port,
            "meters": len(self.roster.meters),
            "connections": self.wrapper_port.open_connections,
            "room": self.wrapper_port.room,
            "known": len(self.wrapper_port.by_slot),
            "unreadable_types": dict(itertools.islice(self.types.unreadable.items(), 10)),
            "without_window": self.roster.without_windows,
            "losses": msgspec.to_builtins(self.losses.found),
            "unreadable": dict(itertools.islice(self.roster.unreadable.items(), 10)),
            "claimed": self.sessions.identifier.claims,
            "lines": self.sessions.links.status(),
            "held_back": self.intake.held,
            "cuts_held": self.orders.cuts_held,
            "approvers": len({approver.person for approver in self.releases.approvers}),
        }


async def run_headend(settings: Settings, secrets: HeadendSecrets, clock: Clock) -> None:
    """Run the head end until SIGTERM or SIGINT. Raises BrokerUnavailableError, NotPermittedError, WrapperPortError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.ensure_future(_serve(settings, secrets, clock))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        log.info("stopping")
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: Settings, secrets: HeadendSecrets, clock: Clock) -> None:
    headend = await HeadEnd.connected(settings, secrets, clock)
    # The status first, so that a head end that cannot read its meters says so.
    status = serving_status(headend.waiting_for, headend.status, port=settings.headend.status_port)
    async with status, headend.started():
        await asyncio.Event().wait()
