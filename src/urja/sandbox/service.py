"""A service as a process: its web side, its readiness, its clockwork and its webhooks in one event loop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import uvicorn
from starlette.types import ASGIApp

from urja.base.clock import Clock
from urja.base.http import StatusServer
from urja.sandbox.arguments import ServiceArguments
from urja.sandbox.outbox import Outbox

_LOOK_AGAIN_S: Final = 0.5
"""The longest sleep of the clockwork: business time may be set or change its speed meanwhile."""
_SHORTEST_S: Final = 0.01
_GRACE_S: Final = 2
"""How long open requests may take to end when the service stops."""


class Service(Protocol):
    """What a process of the sandbox serves."""

    outbox: Outbox
    changed: asyncio.Event
    """Set when something new came due in business time."""

    @property
    def app(self) -> ASGIApp: ...

    @property
    def clock(self) -> Clock: ...

    def tick(self, now: datetime) -> int:
        """Do what came due in business time up to `now`; how much that was."""
        ...

    def next_due_at(self) -> datetime | None:
        """Business time of what comes due next."""
        ...

    def status(self) -> dict[str, Any]:
        """Figures for `urja status`."""
        ...

    def close(self) -> None:
        """Close the book."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    """Where a service that runs is reached."""

    url: str
    ready_port: int


async def serve(service: Service, given: ServiceArguments) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError for a taken port."""
    # Each webhook has a line of its own in the log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with running(service, given):
        await stopping.wait()


@contextlib.asynccontextmanager
async def running(
    service: Service, given: ServiceArguments, *, stepped: bool = False
) -> AsyncIterator[Running]:
    """The service with everything that belongs to it, for the length of the block; it closes its book at the end.

    A `stepped` one does nothing by itself: who runs it calls `service.tick` and `service.outbox.run_once`.
    """
    with contextlib.closing(service):
        async with (
            _listening(service.app, given.host, given.port) as url,
            StatusServer(list, service.status, port=given.ready_port) as status,
            asyncio.TaskGroup() as group,
        ):
            tasks: list[asyncio.Task[None]] = []
            if not stepped:
                tasks += [
                    group.create_task(_keep_time(service), name="clockwork"),
                    group.create_task(service.outbox.keep_sending(), name="webhooks"),
                ]
            try:
                yield Running(url, status.port)
            finally:
                for task in tasks:
                    task.cancel()


async def _keep_time(service: Service) -> None:
    while True:
        service.changed.clear()
        service.tick(service.clock.now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_until_next_s(service)):
                await service.changed.wait()


def _until_next_s(service: Service) -> float:
    due_at, speed = service.next_due_at(), service.clock.speed
    if due_at is None or speed <= 0:
        return _LOOK_AGAIN_S
    ahead_s = (due_at - service.clock.now()).total_seconds() / speed
    return min(max(ahead_s, _SHORTEST_S), _LOOK_AGAIN_S)


class _Server(uvicorn.Server):
    """uvicorn within an event loop of ours, which minds the signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """The application served on a socket; yields its address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        # The log is set up by urja.base.log; uvicorn's lines, access included, go through it.
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]), name="web")
    waiting = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        waiting.cancel()
        server.should_exit = True
        await serving
