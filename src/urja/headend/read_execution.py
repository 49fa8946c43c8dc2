"""Execution of read requests: taken from the stream, carried out in sessions, answered by records.

A request is tried until it succeeds, fails for good, or has expired (`not_after_at`, business time). After a failure
that is worth another attempt it goes back to the stream with a growing delay, so that a restart forgets nothing and
another head end may have the connection. Records are published before the outcome, and the outcome before the
acknowledgement: wherever the process dies in between, the request comes again, and rows that come twice change
nothing.
"""

import asyncio
from typing import Final

import structlog

from urja.base.clock import Clock
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.meter_sessions import MeterSessions
from urja.headend.metrics import Metrics
from urja.headend.profile_pulls import ProfilePuller
from urja.headend.roster import Roster
from urja.stream.broker import Broker
from urja.stream.consumer import Delivery, receive_endlessly
from urja.stream.errors import StreamError
from urja.stream.messages import ReadOutcome, ReadRequest

log = structlog.get_logger()

SESSIONS_AT_ONCE: Final = 64
SESSION_S: Final = 90.0
"""Seconds of the longest session, on the monotonic clock: below the consumer's wait for the acknowledgement (120 s)."""
_LONGEST_DELAY_S: Final = 60.0


class ReadExecutor:
    """Carries out read requests."""

    def __init__(
        self,
        broker: Broker,
        roster: Roster,
        sessions: MeterSessions,
        pulls: ProfilePuller,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._roster = roster
        self._sessions = sessions
        self._pulls = pulls
        self._clock = clock
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(SESSIONS_AT_ONCE)

    async def run(self) -> None:
        """Take and carry out requests for as long as the process runs."""
        await receive_endlessly(
            self._broker, lambda: self._broker.consume("REQUESTS"), self._free, self._begin
        )

    async def stop(self) -> None:
        """Cancel running sessions; the broker delivers their requests again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _free(self) -> int:
        # No more is taken than can be begun at once: a request waiting here would exceed its acknowledgement wait.
        async with self._room:
            return SESSIONS_AT_ONCE - len(self._tasks)

    async def _begin(self, delivery: Delivery[ReadRequest]) -> None:
        await self._room.acquire()
        task = asyncio.get_running_loop().create_task(self._carry_out(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Not acknowledged: the broker delivers the request again.
            log.error("a read request failed", exc_info=error)

    # -- one request ----------------------------------------------------------------------------------------

    async def _carry_out(self, delivery: Delivery[ReadRequest]) -> None:
        try:
            await self._settle(delivery)
        except StreamError as error:
            # Neither answered nor acknowledged: the broker delivers the request again.
            log.warning(
                "a read request is left for redelivery", correlation=delivery.body.correlation, why=str(error)
            )

    async def _settle(self, delivery: Delivery[ReadRequest]) -> None:
        """Read, then answer or postpone. Raises StreamError."""
        request = delivery.body
        if self._clock.now() > request.not_after_at:
            await self._end(delivery, ok=False, error="expired before the meter could be read")
            return
        try:
            async with asyncio.timeout(SESSION_S):
                rows = await self._read(request)
        except TimeoutError:
            await self._delay(
                delivery, SessionFailedError(FailureKind.TIMEOUT, f"no end within {SESSION_S:g} s")
            )
        except SessionFailedError as failure:
            if failure.transient:
                await self._delay(delivery, failure)
            else:
                await self._end(delivery, ok=False, error=str(failure))
        except StreamError as error:
            log.warning("read not published", correlation=request.correlation, why=str(error))
            await self._delay(delivery, SessionFailedError(FailureKind.CUT, "the broker is not available"))
        else:
            await self._end(delivery, ok=True, rows=rows)

    async def _end(
        self, delivery: Delivery[ReadRequest], *, ok: bool, error: str | None = None, rows: int = 0
    ) -> None:
        request = delivery.body
        outcome = ReadOutcome(
            request_id=request.request_id,
            device_id=request.device_id,
            ok=ok,
            error=error,
            rows=rows,
            correlation=request.correlation,
        )
        # Published before the acknowledgement: if the process dies in between, the request comes again, and the
        # second outcome changes nothing.
        await self._broker.publish_outcome(outcome, delivery.shard)
        await delivery.ack()
        self._metrics.reads.labels(request.profile, "ok" if ok else "failed").inc()
        log.info(
            "read request ended",
            correlation=request.correlation,
            profile=request.profile,
            ok=ok,
            error=error,
            rows=rows,
        )

    async def _delay(self, delivery: Delivery[ReadRequest], failure: SessionFailedError) -> None:
        delay_s = min(2.0 ** min(delivery.attempt, 10), _LONGEST_DELAY_S)
        self._metrics.reads.labels(delivery.body.profile, "again").inc()
        log.info(
            "read request delayed", correlation=delivery.body.correlation, why=str(failure), delay_s=delay_s
        )
        await delivery.nak(delay_s)

    async def _read(self, request: ReadRequest) -> int:
        meter = self._roster.meters.get(request.system_title)
        if meter is None:
            raise SessionFailedError(
                FailureKind.UNREACHABLE, "the meter is not (yet) in the registry's projection"
            )
        window = (request.from_at, request.to_at)
        async with self._sessions.session(meter) as session:
            pulled = await self._pulls.pull(session, meter, request.profile, window, request.correlation)
        return await self._pulls.publish(pulled, meter, request.correlation)
