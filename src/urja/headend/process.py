"""The head-end process: put together, started, stopped in order."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import REGISTRY, CollectorRegistry

from urja.base.clock import Clock
from urja.base.http import StatusServer
from urja.base.secrets import HeadendSecrets
from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.headend.brake import Brake
from urja.headend.gate import Gate
from urja.headend.intake import Intake
from urja.headend.keeping import keep_for_ever, keep_windows, restore_windows
from urja.headend.memory import Memories
from urja.headend.metrics import Metrics
from urja.headend.orders import Orders
from urja.headend.plans import Plans
from urja.headend.pulls import Pulls
from urja.headend.reach import Reach
from urja.headend.releases import Releases
from urja.headend.roster import Roster
from urja.headend.sealed_state import SealedState
from urja.headend.setting_aside import SettingAside
from urja.stream import Broker, User, connect
from urja.stream.quarantine import Quarantined

log = structlog.get_logger()

_SWEEP_S: Final = 10.0


class HeadEnd:
    """A running head end. Use it as a context: `async with HeadEnd.running(...) as headend`."""

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
        self.roster = Roster(KekStore(secrets.kek))
        self.aside = SettingAside(broker, self.metrics)
        self.gate = Gate(self.metrics, max_connections=settings.headend.connections)
        self.intake = Intake(
            broker,
            self.roster,
            self.aside,
            clock,
            self.metrics,
            hold=self.gate.hold,
            trace=settings.log.level == "debug",
        )
        self.reach = Reach(broker, self.gate, self.metrics, settings.headend.name)
        self.pulls = Pulls(broker, clock, self.metrics)
        self.plans = Plans(broker, self.roster, self.reach, self.pulls, clock=clock, metrics=self.metrics)
        state = SealedState(broker, secrets.kek)
        brake = Brake(state, clock, settings.headend)
        self.orders = Orders(
            broker,
            self.roster,
            self.reach,
            self.pulls,
            Memories(state, clock),
            brake,
            key=secrets.orders_key,
            clock=clock,
            metrics=self.metrics,
        )
        self.releases = Releases(
            broker,
            brake,
            self.orders.what_is_held,
            Path(secrets.approvers_file) if secrets.approvers_file else None,
            settings=settings.headend,
            clock=clock,
            metrics=self.metrics,
        )
        self.synced = asyncio.Event()
        """Set once the registry's projection is known whole."""
        self.failed = asyncio.Event()
        """Set when one of the tasks ended, which none does in health: the process is to end and start anew."""
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        settings: Settings,
        secrets: HeadendSecrets,
        clock: Clock,
        registry: CollectorRegistry = REGISTRY,
    ) -> "AsyncIterator[HeadEnd]":
        """Connect, restore, learn the meters, then open the port. On leaving: publish, persist, close."""
        broker = await connect(secrets.broker_url, User.HEADEND, secrets.broker_password, "headend")
        headend = cls(settings, broker, secrets, clock, registry)
        try:
            await headend._start()
            yield headend
        finally:
            await headend._stop()

    async def _start(self) -> None:
        await restore_windows(self.broker, self.roster)
        self._keep(self._follow_meters(), "follow meters")
        self._keep(self.aside.run(), "set aside")
        self._keep(keep_for_ever(self.broker, self.roster, self.intake), "keep windows")
        self._keep(self._sweep(), "sweep")
        # A port that opens before the meters are known would send honest pushes to quarantine.
        await self._until_synced()
        await self.broker.serve_replays(self._replay)
        listen = self.settings.headend
        await self.gate.listen(self.intake, listen.hosts, listen.port, udp=listen.udp)
        self._keep(self.plans.run(), "take requests")
        self._keep(self.orders.run(), "take orders")
        self._keep(self.releases.run(), "look for releases")
        self._keep(self.reach.greeter.run(), "ask strangers")
        log.info("listening", hosts=listen.hosts, port=self.gate.port, meters=len(self.roster.meters))

    async def _until_synced(self) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self.synced, self.failed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self.synced.is_set():
            raise RuntimeError("the meters cannot be learned; the log says why")

    async def _stop(self) -> None:
        await self.orders.stop()
        await self.plans.stop()
        await self.gate.close()
        await self.intake.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await keep_windows(self.broker, self.roster, self.intake)
        await self.broker.close()

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("a task of the head end ended", task=task.get_name(), exc_info=task.exception())
            self.failed.set()

    async def _follow_meters(self) -> None:
        async for changes in self.broker.follow_devices():
            if changes is None:
                self.synced.set()
                continue
            for change in changes:
                self.roster.apply(change.key, change.entry)
            self.metrics.meters.set(len(self.roster.meters))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.gate.sweep()

    async def _replay(self, item: Quarantined) -> bytes:
        return msgspec.json.encode(await self.intake.replay(item))

    def waiting_for(self) -> list[str]:
        """What keeps the head end from its work, in words."""
        waiting = []
        if not self.broker.connected:
            waiting.append("the broker")
        if not self.synced.is_set():
            waiting.append("the registry's projection of meters")
        if self.gate.port == 0:
            waiting.append("the wrapper port")
        return waiting

    def status(self) -> dict[str, Any]:
        """For `urja status`."""
        return {
            "port": self.gate.port,
            "meters": len(self.roster.meters),
            "connections": self.gate.open_connections,
            "known": len(self.gate.by_slot),
            "claimed": self.reach.greeter.claims,
            "held_back": self.intake.held,
            "cuts_held": self.orders.cuts_held,
            "approvers": len({approver.person for approver in self.releases.approvers}),
        }


async def run_headend(settings: Settings, secrets: HeadendSecrets, clock: Clock) -> None:
    """The process: run until SIGTERM or SIGINT. Raises BrokerUnavailable, NotPermitted, GateError."""
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
    async with HeadEnd.running(settings, secrets, clock) as headend:
        status = StatusServer(headend.waiting_for, headend.status, port=settings.headend.status_port)
        async with status:
            await headend.failed.wait()
            raise RuntimeError("a task of the head end ended; the log says which and why")
