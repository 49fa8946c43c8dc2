"""A service as a process: its HTTP side, its readiness, its actions in business time and its webhooks in one event
loop.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from starlette.types import ASGIApp

from urja.base.clock import Clock
from urja.base.http import listening, serving_status
from urja.sandbox.arguments import ServiceArguments
from urja.sandbox.outbox import Outbox

_LOOK_AGAIN_S: Final = 0.5
"""The longest sleep, in real seconds: business time may be set or change its speed meanwhile."""
_SHORTEST_S: Final = 0.01


class Service(Protocol):
    """What a process of the sandbox serves."""

    outbox: Outbox
    changed: asyncio.Event
    """Set when a new action is due in business time."""

    @property
    def app(self) -> ASGIApp: ...

    @property
    def clock(self) -> Clock: ...

    def tick(self, now: datetime) -> int:
        """Carry out actions that are due in business time up to `now`; return how many."""
        ...

    def next_due_at(self) -> datetime | None:
        """Return business time of the next action, or None."""
        ...

    def status(self) -> dict[str, object]:
        """Return figures for `urja status`."""
        ...

    def close(self) -> None:
        """Close the book."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    """Addresses of a running service."""

    url: str
    ready_port: int


async def serve(service: Service, given: ServiceArguments) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError for a taken port."""
    # Each webhook has its own line in the log already.
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
    """Run a service with all its parts for the length of the block; its book is closed at the end.

    A `stepped` one does nothing by itself: the caller calls `service.tick` and `service.outbox.run_once`.
    """
    with contextlib.closing(service):
        async with (
            listening(service.app, given.host, given.port) as port,
            serving_status(list, service.status, port=given.ready_port) as ready_port,
            asyncio.TaskGroup() as group,
        ):
            tasks: list[asyncio.Task[None]] = []
            if not stepped:
                tasks += [
                    group.create_task(_keep_time(service), name="clockwork"),
                    group.create_task(service.outbox.keep_sending(), name="webhooks"),
                ]
            try:
                host = f"[{given.host}]" if ":" in given.host else given.host
                yield Running(f"http://{host}:{port}", ready_port)
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
