"""The queue of frames for the broker's quarantine, bounded in size.

A flood of garbage must neither slow the pushes of other meters nor displace evidence of others: frames wait for the
broker by source, each source displaces only its own oldest, and evidence about known meters goes first. Frames that
are displaced, here or in the broker, or find no room, are counted.
"""

import asyncio
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

import structlog

from urja.headend.metrics import Metrics
from urja.stream.broker import Broker
from urja.stream.errors import BrokerRefusedError, BrokerUnavailableError
from urja.stream.quarantine import PER_SOURCE, Quarantined

log = structlog.get_logger()

_QUEUE_BYTES: Final = 4 << 20
_SHARES: Final = 10_000
"""Number of sources whose use of the quarantine is remembered."""
_SHARE_FOR_S: Final = 60.0
"""Seconds after which the broker is queried again: an operator may have purged or replayed frames."""
_PACE_S: Final = 0.01
"""Seconds of rest after a frame that displaced another."""
_FULL_FOR_S: Final = 60.0
"""Seconds for which a source without room is refused without querying the broker again."""


class _SubjectQueues:
    """Waiting frames by the subject that they go to; the subjects take turns, the oldest frame of each first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Quarantined]] = OrderedDict()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, item: Quarantined) -> int:
        """Add a frame and return how many were dropped for it: its source's oldest, or itself where that makes no
        room.
        """
        own = self._waiting.setdefault(item.subject, deque())
        own.append(item)
        self._bytes += len(item.frame)
        dropped = 0
        while own and (len(own) > PER_SOURCE or self._bytes > _QUEUE_BYTES):
            self._bytes -= len(own.popleft().frame)
            dropped += 1
        if not own:
            del self._waiting[item.subject]
        return dropped

    def take(self) -> Quarantined:
        """Remove and return the next frame."""
        subject, own = self._waiting.popitem(last=False)
        item = own.popleft()
        self._bytes -= len(item.frame)
        if own:
            self._waiting[subject] = own
        return item


@dataclass(slots=True)
class _Share:
    """The number of frames in quarantine under one subject, as far as known."""

    stored: int
    known_until_s: float
    full_until_s: float = 0.0


class QuarantineQueue:
    """The queue to the quarantine. `put` never waits; `run` carries frames to the broker."""

    def __init__(self, broker: Broker, metrics: Metrics) -> None:
        self._broker = broker
        self._metrics = metrics
        self._of_known, self._of_unknown = _SubjectQueues(), _SubjectQueues()
        self._not_empty = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    def put(self, item: Quarantined) -> None:
        """Queue a frame for quarantine; where there is no room, count the frame that is dropped for it."""
        self._metrics.quarantined.labels(item.reason).inc()
        share = self._shares.get(item.subject)
        if share is not None and share.full_until_s > time.monotonic():
            self._overflows(item)
            return
        # Two queues: frames with invented titles must not displace evidence about known meters.
        queues = self._of_unknown if item.standing == "unknown" else self._of_known
        self._overflows(item, queues.put(item))
        if queues:
            self._idle.clear()
            self._not_empty.set()

    def _overflows(self, item: Quarantined, count: int = 1) -> None:
        self._metrics.quarantine_overflow.labels(item.standing).inc(count)

    async def run(self) -> None:
        """Carry frames to the broker for as long as the process runs; while it is not available they wait here."""
        while True:
            await self._not_empty.wait()
            if not (queues := self._of_known or self._of_unknown):
                self._not_empty.clear()
                self._idle.set()
                continue
            if await self._carry(queues.take()) and not self._of_known:
                # Its source has its newest frames stored; a flood from it must not keep the broker's disk busy.
                await asyncio.sleep(_PACE_S)

    async def drain(self) -> None:
        """Wait until every queued frame has been carried."""
        await self._idle.wait()

    async def _carry(self, item: Quarantined) -> bool:
        """Store a frame; return whether it displaced another one."""
        while True:
            try:
                share = await self._share(item)
                stored = await self._broker.quarantine(item)
                break
            except BrokerUnavailableError:
                await self._broker.wait_connected()
                await asyncio.sleep(0.1)
            except BrokerRefusedError as error:
                log.error("the broker refuses a frame for quarantine", source=item.source, why=str(error))  # noqa: TRY400 - an expected cause
                self._overflows(item)
                return False
        if not stored:
            share.full_until_s = time.monotonic() + _FULL_FOR_S
            self._overflows(item)
            return False
        if share.stored >= PER_SOURCE:
            self._overflows(item)
            return True
        share.stored += 1
        log.info(
            "quarantined",
            correlation=item.correlation,
            reason=item.reason,
            standing=item.standing,
            source=item.source,
            title=item.title,
            peer=item.peer,
        )
        return False

    async def _share(self, item: Quarantined) -> _Share:
        now_s = time.monotonic()
        share = self._shares.get(item.subject)
        if share is None or share.known_until_s < now_s:
            stored = await self._broker.quarantined_of(item)
            share = self._shares[item.subject] = _Share(stored, now_s + _SHARE_FOR_S)
            self._shares.move_to_end(item.subject)
            if len(self._shares) > _SHARES:
                self._shares.popitem(last=False)
        return share
