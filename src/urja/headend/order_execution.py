"""Execution of signed orders: verified, queued by meter, carried out, confirmed, and answered once.

    broker ──▶ verify ──▶ ended before? ──▶ queue of the meter ──▶ session ──▶ command ──▶ history ──▶ progress ──▶ ack

The orders of a meter wait in a queue and are carried out by their sequence, those to the load switch first, as many
as there are in one session. No order is begun after its end, nor an older order to the load switch once a newer one
has come. An order that cannot be carried out now goes back to the broker with a delay that depends on the cause; the
queue remembers it and begins at once when the meter connects. The outcome of an order is stored first, then reported,
then acknowledged.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog

from urja.base.clock import Clock
from urja.base.restored import Restored
from urja.headend import commands, releases
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.disconnection_limits import (
    Allowed,
    Deferred,
    DisconnectionLimiter,
    Held,
    SupplyLocation,
    area_of,
    counts_as_disconnection,
)
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.meter_sessions import MeterSessions
from urja.headend.metrics import Metrics
from urja.headend.new_keys import KeyGenerator
from urja.headend.order_admission import OrderAdmission
from urja.headend.order_history import OrderHistories
from urja.headend.order_queues import MeterQueue, PendingOrder
from urja.headend.profile_pulls import ProfilePuller
from urja.headend.retries import RETRIES
from urja.headend.roster import Meter, Roster
from urja.headend.round_trips import RoundTrips
from urja.headend.session import Session
from urja.stream.broker import Broker
from urja.stream.consumer import Delivery, receive_endlessly
from urja.stream.definitions import ORDER_ACK_S
from urja.stream.errors import StreamError
from urja.stream.orders import HELD_BY_CEILING, Order, Progress, ProgressState, SignedOrder
from urja.stream.subjects import LEASE_S

log = structlog.get_logger()

SESSIONS_AT_ONCE: Final = 512
MAX_ACTIVE_ORDERS: Final = 2000
"""Orders taken from the broker and not given back; further ones stay in the broker."""
SESSION_S: Final = 90.0
"""Seconds of the longest session, on the monotonic clock: shorter than the lease that it is held under."""
assert SESSION_S < LEASE_S
MAX_ORDER_VALIDITY: Final = timedelta(days=31)
MAX_CLOCK_SKEW: Final = timedelta(hours=1)
"""How far after this clock's time an order may have been issued."""
MAX_HELD_PER_METER: Final = 8
HELD_REDELIVERY_S: Final = 300.0
"""Seconds for which the broker keeps a held disconnection before it delivers it again, to any head end that runs
then."""
ASLEEP_REDELIVERY_S: Final = 30.0
"""The same for the order of a sleeping meter near its wake-up, and for a reconnection, for which a person may wake the meter at any
time: half of the shortest time for which a module is awake (`AwakePlan.for_s`). The queue remembers the order; where
this head end has ended meanwhile, another one has it before the meter sleeps again.
"""
LONGEST_ASLEEP_REDELIVERY_S: Final = 1800.0
"""The same far from the wake-up: a thousand orders are not a burden, and a plan that is changed takes effect."""
_CHECK_S: Final = 0.25
"""Seconds between checks whether a meter that was not connected has connected."""
_OF_ONE_ORDER: Final = frozenset(
    {FailureKind.REFUSED, FailureKind.BUSY, FailureKind.DISOBEYED, FailureKind.OURS}
)
"""Failures after which the session can be used further: the next order is carried out in it."""


class OrderExecutor:
    """Carries out the pipeline's orders."""

    def __init__(
        self,
        broker: Broker,
        roster: Roster,
        sessions: MeterSessions,
        pulls: ProfilePuller,
        histories: OrderHistories,
        limiter: DisconnectionLimiter,
        key_maker: KeyGenerator,
        *,
        key: bytes,
        clock: Clock,
        metrics: Metrics,
        restored: Restored | None = None,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._restored = restored
        self._broker = broker
        self._roster = roster
        self._sessions = sessions
        self._pulls = pulls
        self._histories = histories
        self._limiter = limiter
        self._key_maker = key_maker
        self._admission = OrderAdmission(broker, histories, key=key, clock=clock, metrics=metrics)
        self._has_key = bool(key)
        self._clock = clock
        self._metrics = metrics
        self._wall_s = wall_s
        self._queues: dict[bytes, MeterQueue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(SESSIONS_AT_ONCE)
        self._freed = asyncio.Event()
        self._stopping = False
        self._random = random.Random()  # noqa: S311 - jitter is not a secret

    # -- taking ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take and carry out orders for as long as the process runs."""
        if not self._has_key:
            log.warning("no key to verify orders with: none will be carried out")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_acknowledgements())
            group.create_task(self._check_meters())
            group.create_task(
                receive_endlessly(
                    self._broker, lambda: self._broker.consume("COMMANDS"), self._free, self._receive
                )
            )

    async def _free(self) -> int:
        """Wait until further orders may be taken; return how many at most."""
        while (free := MAX_ACTIVE_ORDERS - self._in_hand()) <= 0:
            self._freed.clear()
            await self._freed.wait()
        return min(free, 200)

    def _in_hand(self) -> int:
        return sum(
            pending.delivery is not None
            for queue in self._queues.values()
            for pending in queue.pending.values()
        )

    async def stop(self) -> None:
        """Cancel running sessions and give all orders back to the broker, because another head end may reach the
        meters.
        """
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for queue in self._queues.values():
            for pending in queue.pending.values():
                if pending.delivery is not None:
                    await _unless_away(pending.delivery.nak())

    async def _renew_acknowledgements(self) -> None:
        """Renew the broker's acknowledgement wait for all orders in work."""
        while True:
            await asyncio.sleep(ORDER_ACK_S / 3)
            for queue in list(self._queues.values()):
                for pending in list(queue.pending.values()):
                    if pending.delivery is not None:
                        await _unless_away(pending.delivery.in_progress())

    async def _check_meters(self) -> None:
        """Begin at once with a meter that has connected, and end expired orders in time."""
        while True:
            await asyncio.sleep(_CHECK_S)
            now = self._clock.now()
            for queue in list(self._queues.values()):
                if not queue.running and self._is_due(queue, now):
                    self._start(queue)

    def _is_due(self, queue: MeterQueue, now: datetime) -> bool:
        if queue.ends_by(now) or (queue.absent and self._is_here(queue)):
            return True
        return any(self._is_released(queue, pending) for pending in queue.pending.values())

    @property
    def cuts_held(self) -> int:
        """The number of disconnections that a ceiling holds here."""
        return len(self._held_disconnections())

    def held_summary(self) -> releases.HeldSummary:
        """A summary of the disconnections that a ceiling holds here."""
        pending = self._held_disconnections()
        return releases.HeldSummary(
            cuts=len(pending),
            areas=dict(
                Counter(area_of(self._location(queue)) for queue, _ in pending).most_common(
                    releases.MAX_REPORTED_AREAS
                )
            ),
            kinds=dict(Counter(waiting.order.kind for _, waiting in pending)),
            oldest_at=min((waiting.held_at for _, waiting in pending if waiting.held_at), default=None),
            last_end_at=max((waiting.order.expires_at for _, waiting in pending), default=None),
        )

    def _held_disconnections(self) -> list[tuple[MeterQueue, PendingOrder]]:
        return [
            (queue, waiting)
            for queue in self._queues.values()
            for waiting in queue.pending.values()
            if waiting.held_at is not None
        ]

    def _is_released(self, queue: MeterQueue, pending: PendingOrder) -> bool:
        return pending.held_at is not None and self._limiter.is_released(
            self._location(queue), pending.held_at
        )

    def _is_here(self, queue: MeterQueue) -> bool:
        meter = self._roster.meters.get(queue.title)
        return meter is not None and self._sessions.is_here(meter)

    # -- receiving --------------------------------------------------------------------------------------------

    async def _receive(self, delivery: Delivery[SignedOrder]) -> None:
        if self._stopping:
            await delivery.nak()
            return
        order = await self._admission.admitted(delivery)
        if order is not None:
            self._enqueue(delivery, order)

    def _enqueue(self, delivery: Delivery[SignedOrder], order: Order) -> None:
        queue = self._queues.setdefault(order.system_title, MeterQueue(order.system_title))
        known = queue.pending.get(order.sequence)
        if known is not None:
            known.delivery, known.not_before_s = delivery, 0.0
        else:
            queue.pending[order.sequence] = PendingOrder(
                order, delivery.shard, delivery, delivery.attempt - 1
            )
        self._start(queue)

    # -- a lane ---------------------------------------------------------------------------------------------

    def _start(self, queue: MeterQueue) -> None:
        if queue.running:
            return
        queue.running = True
        task = asyncio.get_running_loop().create_task(self._work_queue(queue))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the orders of a meter failed", exc_info=error)

    async def _work_queue(self, queue: MeterQueue) -> None:
        try:
            async with self._room:
                failure = await self._attempt(queue)
                if failure is not None:
                    await self._delay_all(queue, failure)
        except StreamError as error:
            # Orders in work are not acknowledged, so the broker delivers them again.
            log.warning("orders are left for redelivery", why=str(error))
            queue.pending.clear()
        except Exception:
            queue.pending.clear()
            raise
        finally:
            queue.running = False
            self._freed.set()
            if not queue.pending:
                self._queues.pop(queue.title, None)
            elif not self._stopping and any(
                pending.delivery is not None for pending in queue.pending.values()
            ):
                # An order arrived while the session was closing.
                self._start(queue)

    async def _attempt(self, queue: MeterQueue) -> SessionFailedError | None:
        """Carry out the queued orders in one session; return the failure that ended the session, or None."""
        queue.absent = False
        queue.round_trips_of_session, queue.attributed = RoundTrips(), 0
        self._sessions.wait_for(queue.title, waiting=False)
        first: PendingOrder | None = None
        try:
            async with asyncio.timeout(SESSION_S):
                first = await self._next(queue)
                if first is None:
                    return None
                meter = self._meter(first.order)
                urgent = first.order.moves_supply
                async with self._sessions.session(
                    meter, queue.round_trips_of_session, urgent=urgent, keep=True
                ) as session:
                    current: PendingOrder | None = first
                    while current is not None:
                        await self._execute(queue, current, meter, session)
                        current = await self._next(queue)
        except TimeoutError:
            return SessionFailedError(FailureKind.TIMEOUT, f"no end within {SESSION_S:g} s")
        except SessionFailedError as failure:
            if first is not None:
                # Where no order was begun, these are the round trips of the association that failed.
                queue.attribute(first)
            return failure
        return None

    def _meter(self, order: Order) -> Meter:
        meter = self._roster.meters.get(order.system_title)
        if meter is None:
            raise SessionFailedError(
                FailureKind.UNREACHABLE, "the meter is not (yet) in the registry's projection"
            )
        return meter

    async def _next(self, queue: MeterQueue) -> PendingOrder | None:
        """The next order that may be begun now; expired and superseded ones end here."""
        now_s = asyncio.get_running_loop().time()
        for pending in queue.in_order():
            if pending.not_before_s > now_s or await self._is_void(queue, pending):
                continue
            if pending.held_at is not None and pending.delivery is None:
                continue
            if await self._may_begin(queue, pending):
                return pending
        return None

    async def _is_void(self, queue: MeterQueue, pending: PendingOrder) -> bool:
        """End an order that may not be begun any more; return whether it has ended."""
        history = await self._histories.of(queue.title.hex())
        order, now = pending.order, self._clock.now()
        if now >= order.expires_at:
            outcome = CommandOutcome("expired", pending.reported or "it came too late")
        elif self._restored is not None and order.issued_at < self._restored.at:
            # It may have been carried out since the copy, or its reason may be gone: a payment that is not known yet.
            outcome = CommandOutcome("superseded", "the data were put back from a copy after it was given")
        elif history.has_lost(order):
            outcome = CommandOutcome("superseded", "what head ends remembered of it cannot be read")
        # Bounds what a stolen signing key can prepare for later (docs/commands.md).
        elif (
            order.issued_at > now + MAX_CLOCK_SKEW or order.expires_at - order.issued_at > MAX_ORDER_VALIDITY
        ):
            outcome = CommandOutcome("failed", "refused: its times are not those of an order")
        elif (
            meter := self._roster.meters.get(order.system_title)
        ) and meter.entry.device_id != order.device_id:
            outcome = CommandOutcome("failed", "refused: the meter has another device id by now")
        elif order.moves_supply and order.sequence < max(queue.newest_supply, history.supply):
            outcome = CommandOutcome("superseded", "a newer order to the load switch is here")
        elif self._is_released(queue, pending):
            outcome = CommandOutcome("superseded", "released: it is to be decided again")
        else:
            return False
        await self._end(queue, pending, outcome)
        return True

    async def _may_begin(self, queue: MeterQueue, pending: PendingOrder) -> bool:
        """Return whether the disconnection limits let an order through; one that they do not is given back to the
        broker.
        """
        if pending.counted or not counts_as_disconnection(pending.order):
            return True
        history = await self._histories.of(queue.title.hex())
        # It stays held although there is room by now, also after a restart: approvers release it, and `decide` orders
        # it again.
        if (held_at := history.held.get(pending.order.sequence)) is not None:
            await self._hold(pending, held_at)
            return False
        match verdict := await self._limiter.take(self._location(queue)):
            case Allowed():
                pending.counted = True
                return True
            case Deferred():
                speed = self._clock.speed
                delay_s = verdict.wait.total_seconds() / speed if speed > 0 else 1.0
                await self._delay(
                    pending, "the cap on cuts in a minute is reached", delay_s + self._random.random()
                )
                self._metrics.cuts_held_back.inc()
                return False
            case Held() if len(history.held) >= MAX_HELD_PER_METER:
                # A meter's history is one value in the broker: without a bound, a flood of orders would make it too large to
                # be written, and no order to the meter, not even a reconnection, could be carried out any more.
                await self._end(
                    queue,
                    pending,
                    CommandOutcome("failed", f"{HELD_BY_CEILING}, and {MAX_HELD_PER_METER} before it"),
                )
                return False
            case Held():
                now = self._clock.now()
                await self._histories.hold(queue.title.hex(), pending.order.sequence, now)
                # Stored in the history before it is reported, so that a restart does not forget it (ADR 17).
                log.warning("cut held", correlation=pending.order.correlation, ceiling=verdict.ceiling)
                await self._hold(pending, now, verdict.ceiling)
                return False
            case _:
                assert_never(verdict)

    def _location(self, queue: MeterQueue) -> SupplyLocation:
        meter = self._roster.meters.get(queue.title)
        return (
            SupplyLocation() if meter is None else SupplyLocation(meter.entry.transformer, meter.entry.area)
        )

    async def _hold(self, pending: PendingOrder, at: datetime, ceiling: str = "") -> None:
        """Keep a disconnection that is above a ceiling until it expires or a newer order supersedes it."""
        if pending.held_at is None:
            pending.held_at = at
            pending.reported = f"{HELD_BY_CEILING}: {ceiling}" if ceiling else HELD_BY_CEILING
            await self._report(pending, "trying", pending.reported)
        await self._give_back(pending, self._until_end(pending, HELD_REDELIVERY_S))

    # -- one order ------------------------------------------------------------------------------------------

    async def _execute(
        self, queue: MeterQueue, pending: PendingOrder, meter: Meter, session: Session
    ) -> None:
        """Carry out one order in the session and report how it ended."""
        order = pending.order
        # That the order is begun is stored before the meter is told: no head end begins an older order to the switch
        # after it.
        if order.moves_supply and not await self._histories.begin(queue.title.hex(), order):
            # Another head end has begun a newer one in the meantime, or the order history was lost.
            await self._end(
                queue, pending, CommandOutcome("superseded", "a newer order to the load switch was begun")
            )
            return
        pending.attempts += 1

        async def acknowledged() -> None:
            await self._report(pending, "acknowledged")

        context = CommandContext(
            session, meter, order, self._clock, self._pulls, self._key_maker, acknowledged
        )
        try:
            try:
                outcome = await commands.execute(context)
            finally:
                queue.attribute(pending)
        except SessionFailedError as failure:
            if failure.kind not in _OF_ONE_ORDER:
                raise
            await self._failed(queue, pending, failure)
            return
        await self._end(queue, pending, outcome)

    async def _delay_all(self, queue: MeterQueue, failure: SessionFailedError) -> None:
        """Handle a session that was lost or not opened: it is a failure of every waiting order."""
        queue.absent = failure.kind is FailureKind.UNREACHABLE
        awake_at = self._awake_at(queue) if queue.absent else None
        if queue.absent and awake_at is None:
            # A sleeping meter is not among the unknown connections: it pushes when it wakes.
            self._sessions.wait_for(queue.title, waiting=True)
        for pending in queue.in_order():
            if pending.held_at is None and (pending.delivery is not None or failure.kind not in RETRIES):
                if awake_at is not None:
                    await self._wait_for_wake_up(pending, awake_at)
                else:
                    await self._failed(queue, pending, failure)
                if queue.absent:
                    # If the meter connects before the delay is over, its orders are begun at once.
                    pending.not_before_s = 0.0

    def _awake_at(self, queue: MeterQueue) -> datetime | None:
        """Return when a meter that sleeps by its plan can be reached; None where it should be reachable now."""
        meter, now = self._roster.meters.get(queue.title), self._clock.now()
        awake_at = None if meter is None else meter.compiled.device_type.awake_at(now)
        return None if awake_at == now else awake_at

    async def _wait_for_wake_up(self, pending: PendingOrder, awake_at: datetime) -> None:
        """Keep the order of a sleeping meter until it wakes, by its plan or earlier; that is no failed attempt."""
        speed = self._clock.speed
        until_s = (awake_at - self._clock.now()).total_seconds() / speed if speed > 0 else ASLEEP_REDELIVERY_S
        delay_s = asleep_redelivery_s(until_s, for_person=pending.order.kind == "connect")
        why = f"asleep: by its plan the meter is next awake at {awake_at.isoformat(timespec='minutes')}"
        await self._delay(pending, why, delay_s, again_at=awake_at)

    async def _failed(self, queue: MeterQueue, pending: PendingOrder, failure: SessionFailedError) -> None:
        """Schedule another attempt, or end the order as failed."""
        times = pending.failures[failure.kind] = pending.failures.get(failure.kind, 0) + 1
        retry = RETRIES.get(failure.kind)
        pause_s = retry.pause_s(times, self._random) if retry else None
        if pause_s is None:
            await self._end(queue, pending, CommandOutcome("failed", str(failure)))
        else:
            await self._delay(pending, str(failure), pause_s)

    async def _delay(
        self, pending: PendingOrder, why: str, delay_s: float, again_at: datetime | None = None
    ) -> None:
        """Give an order back for `delay_s` seconds, but not beyond its end, so that its expiry is reported in time.

        `again_at` is when the next attempt is expected, where that is not the end of the delay.
        """
        speed, delay_s = self._clock.speed, self._until_end(pending, delay_s)
        attempts = max(pending.attempts, pending.delivery.attempt if pending.delivery else 0)
        log.info("order again", correlation=pending.order.correlation, why=why, delay_s=round(delay_s, 2))
        # Report a cause once, then at attempts 1, 2, 4, 8 ...: a meter that is away for days must not flood the
        # stream.
        if why != pending.reported or attempts & (attempts - 1) == 0:
            again_at = again_at or self._clock.now() + timedelta(seconds=delay_s * speed)
            await self._report(pending, "trying", why, again_at=again_at)
            pending.reported = why
        pending.not_before_s = asyncio.get_running_loop().time() + delay_s
        await self._give_back(pending, delay_s)
        self._metrics.commands.labels(pending.order.kind, "again").inc()

    def _until_end(self, pending: PendingOrder, delay_s: float) -> float:
        """`delay_s`, limited to the order's end (seconds of real time)."""
        speed = self._clock.speed
        if speed <= 0:
            return delay_s
        left_s = (pending.order.expires_at - self._clock.now()).total_seconds() / speed
        return min(delay_s, max(left_s, 0.0) + 0.05)

    async def _give_back(self, pending: PendingOrder, delay_s: float) -> None:
        if pending.delivery is not None:
            await pending.delivery.nak(delay_s)
            pending.delivery = None
            self._freed.set()

    async def _end(self, queue: MeterQueue, pending: PendingOrder, outcome: CommandOutcome) -> None:
        """Store the outcome, report it, acknowledge the order. The order of these steps matters: whatever dies in
        between, the outcome is reported again and the order not carried out twice.
        """
        evidence = dict(outcome.evidence)
        if pending.round_trips:
            evidence["round_trips"] = pending.round_trips
            self._metrics.command_round_trips.labels(pending.order.kind).observe(pending.round_trips)
        progress = self._progress(pending, outcome.state, outcome.detail, evidence=evidence)
        stored = await self._histories.end(queue.title.hex(), progress)
        await self._broker.publish_progress(stored, pending.shard)
        del queue.pending[pending.order.sequence]
        if pending.delivery is not None:
            await pending.delivery.ack()
        self._metrics.commands.labels(pending.order.kind, stored.state).inc()
        log.info(
            "order ended",
            correlation=pending.order.correlation,
            kind=pending.order.kind,
            state=stored.state,
            detail=stored.detail,
            attempts=stored.attempts,
        )

    async def _report(
        self, pending: PendingOrder, state: ProgressState, detail: str = "", again_at: datetime | None = None
    ) -> None:
        await self._broker.publish_progress(self._progress(pending, state, detail, again_at), pending.shard)

    def _progress(
        self,
        pending: PendingOrder,
        state: ProgressState,
        detail: str = "",
        again_at: datetime | None = None,
        evidence: dict[str, object] | None = None,
    ) -> Progress:
        return Progress(
            command_id=pending.order.command_id,
            device_id=pending.order.device_id,
            sequence=pending.order.sequence,
            state=state,
            at=self._clock.now(),
            wall_ms=int(self._wall_s() * 1000),
            detail=detail,
            attempts=max(pending.attempts, pending.delivery.attempt if pending.delivery else 0),
            again_at=again_at,
            evidence=evidence or {},
            correlation=pending.order.correlation,
        )


async def _unless_away(call: Awaitable[None]) -> None:
    """Await a message to the broker; ignore its failure, because the broker delivers the order again."""
    try:
        await call
    except StreamError:
        return


def asleep_redelivery_s(until_s: float, *, for_person: bool) -> float:
    """Return for how long the broker keeps the order of a meter that is awake by its plan in `until_s` seconds.

    It is delivered before that, to any head end that runs then; `for_person` is whether a person may wake the meter for it.
    """
    longest_s = ASLEEP_REDELIVERY_S if for_person else LONGEST_ASLEEP_REDELIVERY_S
    return max(min(until_s, ASLEEP_REDELIVERY_S), min(until_s - ASLEEP_REDELIVERY_S, longest_s))
