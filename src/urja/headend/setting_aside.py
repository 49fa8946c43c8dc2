"""Frames that could not be taken go to the broker's quarantine, by a queue of bounded size.

A flood of garbage must not slow the pushes of honest meters: what does not fit the queue, and what the broker
refuses because its source has had its share, is counted and dropped.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Final

import structlog

from urja.headend.metrics import Metrics
from urja.stream import Broker
from urja.stream.errors import BrokerRefused, BrokerUnavailable
from urja.stream.quarantine import Quarantined

log = structlog.get_logger()

_QUEUE_FRAMES: Final = 2000
_QUEUE_BYTES: Final = 4 << 20
_REMEMBERED: Final = 10_000
_FULL_FOR_S: Final = 60.0
"""How long a source that had its share is refused without asking the broker again."""


class SettingAside:
    """The quarantine's near end. `put` never waits; `run` carries to the broker."""

    def __init__(self, broker: Broker, metrics: Metrics) -> None:
        self._broker = broker
        self._metrics = metrics
        self._queue: asyncio.Queue[Quarantined] = asyncio.Queue(_QUEUE_FRAMES)
        self._bytes = 0
        self._full_until: OrderedDict[str, float] = OrderedDict()

    def put(self, item: Quarantined) -> None:
        """Set a frame aside, or count it where there is no room."""
        self._metrics.quarantined.labels(item.reason).inc()
        full_until = self._full_until.get(item.source)
        if full_until is not None and full_until > time.monotonic():
            self._metrics.quarantine_overflow.inc()
            return
        if self._queue.full() or self._bytes + len(item.frame) > _QUEUE_BYTES:
            self._metrics.quarantine_overflow.inc()
            return
        self._bytes += len(item.frame)
        self._queue.put_nowait(item)

    async def run(self) -> None:
        """Carry frames to the broker, for ever; while it is away they wait in the queue."""
        while True:
            item = await self._queue.get()
            try:
                await self._carry(item)
            finally:
                self._bytes -= len(item.frame)
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until everything queued has been carried."""
        await self._queue.join()

    async def _carry(self, item: Quarantined) -> None:
        while True:
            try:
                kept = await self._broker.quarantine(item)
                break
            except BrokerUnavailable:
                await self._broker.wait_connected()
                await asyncio.sleep(0.1)
            except BrokerRefused as error:
                log.error("the broker refuses a frame for quarantine", source=item.source, why=str(error))  # noqa: TRY400
                kept = False
                break
        if kept:
            log.info(
                "set aside",
                correlation=item.correlation,
                reason=item.reason,
                source=item.source,
                peer=item.peer,
            )
        else:
            self._metrics.quarantine_overflow.inc()
            self._remember_full(item.source)

    def _remember_full(self, source: str) -> None:
        self._full_until[source] = time.monotonic() + _FULL_FOR_S
        self._full_until.move_to_end(source)
        if len(self._full_until) > _REMEMBERED:
            self._full_until.popitem(last=False)
