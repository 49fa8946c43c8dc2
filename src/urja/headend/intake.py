"""The push path: frames from sockets are gathered, decoded together, published, and only then accepted.

    sockets ──▶ gathering ──▶ decode_pushes ──▶ records by kind and shard ──▶ broker ──▶ windows advance

A push is *accepted* when the broker has acknowledged the batch that holds its record; only then does its replay
window advance. A batch that the broker does not take is offered again under the same message id (the broker stores it
once) while reading from the sockets is paused: back-pressure instead of loss, with memory bounded by what was
gathered before. Only where there is no hope (the process stops, the broker refuses the subject) are its pushes rolled
back, to come again or to be pulled from the meter's profile.
"""

import asyncio
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final, Literal

import msgspec
import numpy as np
import structlog

from urja.base.clock import Clock
from urja.base.ids import new_correlation
from urja.base.ip_networks import NOWHERE
from urja.cosem.apdu import GeneralGloCiphered, decode_apdu
from urja.cosem.errors import DecodeError
from urja.cosem.layout import Ints
from urja.cosem.push_batch import PushBatch, Reason, decode_pushes
from urja.cosem.security import ENCRYPTED
from urja.cosem.wrapper import HEADER_LENGTH, Frame, decode_datagram
from urja.headend.metrics import Metrics
from urja.headend.push_records import EswUndo, Outgoing, PushRecords
from urja.headend.quarantine_queue import QuarantineQueue
from urja.headend.received_batch import CORRELATION_RANDOM_MASK, Origin, ReceivedBatch
from urja.headend.rejections import IGNORED, Rejections, title_of
from urja.headend.roster import PUSH_SAP, WINDOW_GROUPS, Meter, Roster
from urja.stream.broker import Broker
from urja.stream.errors import BrokerUnavailableError, StreamError, StreamFullError
from urja.stream.quarantine import Quarantined

log = structlog.get_logger()

SERVER_SAP: Final = 1

BATCH_FRAMES: Final = 8192
"""A batch is closed at this many frames ..."""
BATCH_WAIT_S: Final = 0.1
"""... or this many seconds after its first frame, whichever comes first."""
IN_FLIGHT_BYTES: Final = 16 << 20
"""Bytes of frames gathered or waiting for the broker above which reading from the sockets is paused ..."""
RESUME_BYTES: Final = 4 << 20
"""... until they have fallen to this."""
_RETRY_S: Final = (0.05, 1.0)

_SLOT_OF: Final = attrgetter("slot")

_PERHAPS_OTHER_KEYS: Final = frozenset(
    {Reason.WRONG_KEY, Reason.DUPLICATE, Reason.IN_FLIGHT, Reason.TOO_OLD, Reason.UNPROTECTED}
)
"""Rejection reasons of a push that may be under the meter's next keys: its counters have begun again there, and
without a tag only the decoded content shows it."""


class ReplayAnswer(msgspec.Struct, frozen=True):
    """The outcome of a replayed frame: `accepted`, `duplicate`, or `refused` with reason and detail."""

    outcome: Literal["accepted", "duplicate", "refused"]
    reason: str = ""
    detail: str = ""


class _Operator:
    """The origin of replayed frames: no connection, no meter."""

    slot = -1
    network = NOWHERE

    def describe(self) -> str:
        return "operator"

    def recognise(self, meter: Meter) -> None:
        """Do nothing: a replayed frame does not show where its meter is now."""


def _says_more(under_next: Reason, before: Reason) -> bool:
    """Return whether the rejection under a meter's next keys is the one to report, rather than the one under its
    present keys.
    """
    if before is Reason.WRONG_KEY:
        return under_next is not Reason.WRONG_KEY
    return under_next is Reason.UNDECODABLE or (before is Reason.TOO_OLD and under_next in IGNORED)


def _is_vouched_for(reason: Reason, apdu: bytes) -> bool:
    """Return whether a push that was rejected for its counter is taken when an operator replays it."""
    if reason is not Reason.DUPLICATE:
        return reason is Reason.TOO_OLD
    push = decode_apdu(apdu)
    return isinstance(push, GeneralGloCiphered) and push.control == ENCRYPTED


class Intake:
    """Gathers frames and publishes their records. `hold` is called with True to pause reading, False to resume."""

    def __init__(
        self,
        broker: Broker,
        roster: Roster,
        quarantine: QuarantineQueue,
        clock: Clock,
        metrics: Metrics,
        *,
        hold: Callable[[bool], None],
        trace: bool = False,
    ) -> None:
        self._broker = broker
        self._roster = roster
        self.rejections = Rejections(roster, quarantine, clock, metrics)
        self._records = PushRecords(roster, self.rejections)
        self._clock = clock
        self._metrics = metrics
        self._hold = hold
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self.frames: list[bytes] = []
        """Wrapper frames of the batch being gathered; `origins` holds the sender of each."""
        self.origins: list[Origin] = []
        self.notice_at = 1
        """The number of frames at which `notice` is called: 1 before a batch begins, the batch size after."""
        self._datagrams = 0
        self._began_at = clock.now()
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._refused: set[object] = set()
        self._message_prefix = f"{os.getpid()}-{random.getrandbits(64):x}"
        self._message_number = 0
        # Random, so that two processes in one millisecond give different correlation ids; no secret depends on it.
        self._next_offset = random.getrandbits(21)
        self._stopping = asyncio.Event()
        self.held = False
        self.dirty_groups = np.zeros(WINDOW_GROUPS, np.bool_)
        """Window groups in which a push was accepted since they were last stored."""

    @property
    def armed(self) -> bool:
        """Whether a batch is being gathered."""
        return self._timer is not None

    # -- gathering ----------------------------------------------------------------------------------------

    def add(self, frame: bytes, origin: Origin) -> None:
        """Take one push: the bytes of a whole wrapper frame from `SERVER_SAP` to `PUSH_SAP`, whatever SAPs it was
        sent with.

        `MeterConnection.data_received` repeats these lines for the TCP path, because a function call per push was
        measurable there.
        """
        self.frames.append(frame)
        self.origins.append(origin)
        if len(self.frames) >= self.notice_at:
            self.notice()

    def add_datagram(self, frame: bytes, origin: Origin) -> None:
        """Take one push that came by UDP."""
        self._datagrams += 1
        self.add(frame, origin)

    def notice(self) -> None:
        """Start the timer of a new batch, or close a full one."""
        if self._timer is None:
            self._arm()
        else:
            self.close_batch()

    def _arm(self) -> None:
        self.notice_at = BATCH_FRAMES
        self._began_at = self._clock.now()
        self._began_s = self._loop.time()
        self._timer = self._loop.call_later(BATCH_WAIT_S, self.close_batch)

    def close_batch(self) -> None:
        """Close the batch that is being gathered and start to process it."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self.notice_at = 1
        frames, self.frames = self.frames, []
        origins, self.origins = self.origins, []
        datagrams, self._datagrams = self._datagrams, 0
        base = new_correlation(int(self._began_at.timestamp() * 1000), 0)
        received = ReceivedBatch(
            frames,
            origins,
            sum(map(len, frames)),
            datagrams,
            self._began_at,
            self._began_s,
            base,
            self._next_offset,
        )
        # A running offset keeps ids apart where many pushes share a millisecond; its random start, where processes do.
        self._next_offset += len(frames)
        self._waiting_bytes += received.size
        self._count_received(received)
        task = self._loop.create_task(self._carry(received))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        self._reconsider()

    def _count_received(self, received: ReceivedBatch) -> None:
        self._metrics.received.labels("tcp").inc(len(received.frames) - received.datagrams)
        self._metrics.received.labels("udp").inc(received.datagrams)
        if not self._trace:
            return
        for index, (frame, origin) in enumerate(zip(received.frames, received.origins, strict=True)):
            log.debug(
                "push at socket",
                correlation=received.correlation(index),
                peer=origin.describe(),
                size=len(frame) - HEADER_LENGTH,
            )

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of ours: `_carry` has rolled its pushes back, and the process continues with the others.
            log.error("a batch failed", exc_info=error)

    def _reconsider(self) -> None:
        """Pause or resume reading from the sockets, by the bytes in flight and whether the broker takes batches."""
        waiting = self._waiting_bytes
        limit = RESUME_BYTES if self.held else IN_FLIGHT_BYTES
        held = bool(self._refused) or waiting > limit
        if held != self.held:
            self.held = held
            self._metrics.held_back.set(held)
            log.warning(
                "reading from sockets paused" if held else "reading from sockets resumed",
                waiting_bytes=waiting,
            )
            self._hold(held)

    async def stop(self, within_s: float = 5.0) -> None:
        """Publish the gathered frames; those that the broker does not take within `within_s` seconds are rolled back."""
        self.close_batch()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # -- one batch ----------------------------------------------------------------------------------------

    async def _carry(self, received: ReceivedBatch) -> None:
        try:
            batch = decode_pushes(received.frames, self._roster.pushes, skip=HEADER_LENGTH)
            later = self._under_next_keys(received, batch)
            try:
                await self._publish(received, batch)
                if later is not None:
                    await self._publish(*later)
            finally:
                # Normally nothing is in flight here. After a fault of ours, pushes still in flight may come again.
                batch.rollback()
                if later is not None:
                    later[1].rollback()
        finally:
            self._waiting_bytes -= received.size
            self._reconsider()

    def _under_next_keys(
        self, received: ReceivedBatch, batch: PushBatch
    ) -> tuple[ReceivedBatch, PushBatch] | None:
        """The pushes of meters that already use the keys they are being given, removed from the first batch; None
        without any.
        """
        waiting = self._roster.next_pushes
        if not len(waiting):
            return None
        again = {
            item.index: item
            for item in batch.rejected
            if item.reason in _PERHAPS_OTHER_KEYS and title_of(received.frames[item.index]) in waiting
        }
        if not again:
            return None
        places = list(again)
        part = received.subset(places)
        later = decode_pushes(part.frames, waiting, skip=HEADER_LENGTH)
        stays = {
            places[item.index]
            for item in later.rejected
            if not _says_more(item.reason, again[places[item.index]].reason)
        }
        later.rejected = [item for item in later.rejected if places[item.index] not in stays]
        batch.rejected = [item for item in batch.rejected if item.index not in again or item.index in stays]
        for slot in {int(slot) for group in later.groups for slot in group.refs}:
            if (pair := self._roster.by_slot[slot].next) is not None:
                pair.expected = True
        return part, later

    async def _publish(self, received: ReceivedBatch, batch: PushBatch) -> None:
        self.rejections.judge(received, batch.rejected)
        undo: dict[int, EswUndo] = {}
        outgoing = self._place(received, batch, undo)
        self._recognise(received, batch)
        outgoing += self._records.unauthenticated(received, batch)
        if received.misfits:
            outgoing += self._records.inspection_requests(received)
        if outgoing:
            await asyncio.gather(*(self._store(received, batch, message, undo) for message in outgoing))
        self._metrics.unauthenticated.inc(received.unauthenticated)
        if batch.groups:
            self._metrics.acknowledged_s.observe(self._loop.time() - received.began_s)
            log.info(
                "batch accepted",
                correlation=received.correlation(0),
                pushes=sum(len(group.index) for group in batch.groups),
                rejected=len(batch.rejected),
                messages=len(outgoing),
            )

    def _place(self, received: ReceivedBatch, batch: PushBatch, undo: dict[int, EswUndo]) -> list[Outgoing]:
        outgoing, unchanged = self._records.place(received, batch, undo)
        if unchanged:
            # An alert that changed nothing we record has nothing to store, so it is accepted without the broker.
            pushes, slots = np.array(unchanged, np.int64).T
            self._accept(received, batch, pushes, slots)
        return outgoing

    # -- storing ------------------------------------------------------------------------------------------

    async def _store(
        self, received: ReceivedBatch, batch: PushBatch, message: Outgoing, undo: dict[int, EswUndo]
    ) -> None:
        if await self._offer(message, int(message.records["correlation"][0])):
            if len(message.pushes):
                self._accept(received, batch, message.pushes, message.slots)
            received.unauthenticated += message.reported
            self._metrics.records.labels(message.kind.value).inc(len(message.records))
            if self._trace:
                for push in message.pushes.tolist():
                    log.debug("push accepted", correlation=received.correlation(push), kind=message.kind)
            return
        # Backwards, so that after several alerts of one meter the state before the first one remains.
        for push in reversed(message.pushes.tolist()):
            if push in undo:
                before = undo[push]
                before.meter.esw, before.meter.esw_at = before.esw, before.esw_at
        batch.rollback(message.pushes)
        self._metrics.rolled_back.inc(len(message.pushes))

    def _accept(self, received: ReceivedBatch, batch: PushBatch, pushes: Ints, slots: Ints) -> None:
        batch.commit(pushes)
        received.accepted += len(pushes)
        self.dirty_groups[self._roster.groups[slots]] = True
        self._metrics.accepted.inc(len(pushes))

    async def _offer(self, message: Outgoing, correlation: int) -> bool:
        """Offer a message until the broker has stored it; return False where there is no hope."""
        self._message_number += 1
        # One id for all attempts: the broker stores a message once for an id, so an attempt whose acknowledgement was
        # lost can be repeated. The prefix is this process's own.
        message_id = f"{self._message_prefix}-{self._message_number}"
        delay_s, longest_s = _RETRY_S
        try:
            while True:
                try:
                    await self._broker.publish_batch(
                        message.kind,
                        message.shard,
                        message.records,
                        correlation,
                        message_id,
                        channels=message.channels,
                    )
                    break
                except (StreamFullError, BrokerUnavailableError) as error:
                    cause = "full" if isinstance(error, StreamFullError) else "away"
                    self._metrics.publish_retries.labels(cause).inc()
                    self._refused.add(message_id)
                    self._reconsider()
                    if not await self._pause(delay_s):
                        log.warning("batch rolled back: the process stops", correlation=correlation)
                        return False
                    delay_s = min(delay_s * 2, longest_s)
                except StreamError as error:
                    log.error("batch rolled back", correlation=correlation, why=str(error))  # noqa: TRY400 - an expected cause
                    return False
        finally:
            if message_id in self._refused:
                self._refused.discard(message_id)
                self._reconsider()
        return True

    async def _pause(self, delay_s: float) -> bool:
        """Wait before the next attempt; return False once the process stops."""
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return True
        return False

    # -- replay -------------------------------------------------------------------------------------------

    async def replay(self, item: Quarantined) -> ReplayAnswer:
        """Take a frame from quarantine as if it had just come, under its old correlation id. Raises StreamError.

        A frame that the replay window calls too old is taken all the same: it is authentic, an operator vouches that
        it was quarantined and not accepted, and the ingest is the last judge of duplicates. So is one without a tag
        whose window calls it a duplicate: that window moved when it was quarantined, so that copies stay out.
        """
        try:
            frame = decode_datagram(item.frame)
        except DecodeError as error:
            return ReplayAnswer("refused", "garbage", str(error))
        received = ReceivedBatch(
            [Frame(SERVER_SAP, PUSH_SAP, frame.apdu).encode()],
            [_Operator()],
            HEADER_LENGTH + len(frame.apdu),
            0,
            datetime.fromtimestamp(item.received_at_ms / 1000, UTC),
            self._loop.time(),
            item.correlation & ~CORRELATION_RANDOM_MASK,
            item.correlation & CORRELATION_RANDOM_MASK,
            replayed=True,
        )
        batch = decode_pushes(received.frames, self._roster.pushes, skip=HEADER_LENGTH)
        if (later := self._under_next_keys(received, batch)) is not None and not later[1].rejected:
            received, batch = later
        if batch.rejected and _is_vouched_for(batch.rejected[0].reason, frame.apdu):
            alone = self._roster.without_window(frame.apdu[2:10])
            batch = decode_pushes(received.frames, alone, skip=HEADER_LENGTH)
        try:
            await self._publish(received, batch)
        finally:
            batch.rollback()
        if received.accepted:
            self._vouched(frame.apdu)
        if received.accepted or received.unauthenticated:
            return ReplayAnswer("accepted")
        if received.duplicates:
            return ReplayAnswer("duplicate", detail="it was accepted before")
        reason, detail = received.fault or ("not-stored", "the broker did not take the record; try again")
        return ReplayAnswer("refused", reason, detail)

    def _vouched(self, apdu: bytes) -> None:
        """Begin a lost replay window at a frame that an operator declares not to be an old one."""
        push, meter = decode_apdu(apdu), self._roster.meters.get(apdu[2:10])
        if meter is not None and isinstance(push, GeneralGloCiphered):
            meter.proves(meter.key_id, push.counter)

    def _recognise(self, received: ReceivedBatch, batch: PushBatch) -> None:
        """Tell each origin whose push was authentic which meter it is, so that sessions go there."""
        origins, by_slot = received.origins, self._roster.by_slot
        known = np.fromiter(map(_SLOT_OF, origins), np.int64, len(origins))
        for group in batch.groups:
            for row in np.flatnonzero(known[group.index] != group.refs).tolist():
                origins[group.index[row]].recognise(by_slot[group.refs[row]])
