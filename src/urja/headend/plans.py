"""Read requests from the pipeline: taken from the stream, carried out over sessions, answered by records.

A request is tried until it succeeds, fails for good or is of no use any more (`not_after_at`, business time).
What is worth another attempt goes back to the stream with a growing delay, so that a restart forgets nothing and
another head end may have the connection. Records are published before the outcome, the outcome before the
acknowledgement: whatever dies in between, the request comes again, and rows that come twice change nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from urja.base.clock import Clock
from urja.cosem.acse import Mechanism
from urja.headend.counters import ReservedCounters
from urja.headend.failures import FailureKind, SessionFailed
from urja.headend.gate import Gate, MeterConnection
from urja.headend.intake import RECORDS_PER_MESSAGE
from urja.headend.line import DialledConnection, Line, dial, parse_address
from urja.headend.metrics import Metrics
from urja.headend.placing import stamp
from urja.headend.profiles import (
    POWER_EVENTS,
    ProfileShape,
    block_records,
    event_records,
    read_rows,
    read_shape,
    register_records,
    stamp_rows,
)
from urja.headend.roster import Meter, Roster
from urja.headend.session import Client, Session, open_session
from urja.stream import Broker, Kind
from urja.stream.broker import Consumer, Delivery
from urja.stream.codec import Records
from urja.stream.errors import BrokerUnavailable, StreamError, StreamFull
from urja.stream.messages import ReadOutcome, ReadRequest
from urja.stream.records import RegisterKind, Source

log = structlog.get_logger()

SESSIONS_AT_ONCE: Final = 64
SESSION_S: Final = 90.0
"""Longest session, on the monotonic clock: below the consumer's wait for the acknowledgement (120 s)."""
_LONGEST_DELAY_S: Final = 60.0


class Plans:
    """Carries out read requests."""

    def __init__(
        self,
        broker: Broker,
        roster: Roster,
        gate: Gate,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._roster = roster
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._counters = ReservedCounters(broker)
        self._locks: dict[bytes, asyncio.Lock] = {}
        self._shapes: dict[tuple[bytes, str], ProfileShape] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(SESSIONS_AT_ONCE)

    async def run(self) -> None:
        """Take requests, for ever."""
        while True:
            try:
                consumer = await self._broker.consume("REQUESTS")
                try:
                    await self._take(consumer)
                finally:
                    await consumer.close()
            except (BrokerUnavailable, StreamFull) as error:
                log.warning("requests cannot be taken", why=str(error))
                await asyncio.sleep(0.5)
                await self._broker.wait_connected()

    async def stop(self) -> None:
        """Give up what is under way; its requests come again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, consumer: Consumer[ReadRequest]) -> None:
        while True:
            # No more is taken than can be begun at once: what waits here would run into its acknowledgement's end.
            await self._room.acquire()
            self._room.release()
            free = SESSIONS_AT_ONCE - len(self._tasks)
            for delivery in await consumer.fetch(max(1, free), wait_s=5.0):
                await self._room.acquire()
                task = asyncio.get_running_loop().create_task(self._carry_out(delivery))
                self._tasks.add(task)
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Not acknowledged: the broker gives the request out again.
            log.error("a read request failed", exc_info=error)

    # -- one request ----------------------------------------------------------------------------------------

    async def _carry_out(self, delivery: Delivery[ReadRequest]) -> None:
        request = delivery.body
        if self._clock.now() > request.not_after_at:
            await self._settle(delivery, ok=False, error="expired before the meter could be read")
            return
        try:
            async with asyncio.timeout(SESSION_S):
                rows = await self._read(request)
        except TimeoutError:
            await self._again(delivery, SessionFailed(FailureKind.TIMEOUT, f"no end within {SESSION_S:g} s"))
        except SessionFailed as failure:
            if failure.transient:
                await self._again(delivery, failure)
            else:
                await self._settle(delivery, ok=False, error=str(failure))
        except StreamError as error:
            log.warning("read not published", correlation=request.correlation, why=str(error))
            await self._again(delivery, SessionFailed(FailureKind.CUT, "the broker is away"))
        else:
            await self._settle(delivery, ok=True, rows=rows)

    async def _settle(
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
        await self._broker.publish_outcome(outcome, delivery.shard)
        await delivery.ack()
        self._metrics.reads.labels(request.profile, "ok" if ok else "failed").inc()
        log.info(
            "read request settled",
            correlation=request.correlation,
            profile=request.profile,
            ok=ok,
            error=error,
            rows=rows,
        )

    async def _again(self, delivery: Delivery[ReadRequest], failure: SessionFailed) -> None:
        delay_s = min(2.0 ** min(delivery.attempt, 10), _LONGEST_DELAY_S)
        self._metrics.reads.labels(delivery.body.profile, "again").inc()
        log.info(
            "read request again", correlation=delivery.body.correlation, why=str(failure), delay_s=delay_s
        )
        await delivery.nak(delay_s)

    async def _read(self, request: ReadRequest) -> int:
        meter = self._roster.meters.get(request.system_title)
        if meter is None:
            raise SessionFailed(FailureKind.UNREACHABLE, "the meter is not in the projection (yet)")
        lock = self._locks.setdefault(request.system_title, asyncio.Lock())
        async with lock, self._line(meter) as line:
            client = client_of(meter)
            name = f"{request.system_title.hex()}-{meter.key_id.hex()}"
            async with open_session(line, client, self._counters, name, request.system_title) as session:
                kind, records = await self._records(session, meter, request)
        records["device_id"] = meter.entry.device_id
        stamp(records, Source.PULL, request.correlation, int(self._clock.now().timestamp() * 1000))
        await self._publish(kind, meter, records, request)
        return len(records)

    async def _records(self, session: Session, meter: Meter, request: ReadRequest) -> tuple[Kind, Records]:
        device_type = meter.compiled.device_type
        window = (request.from_at, request.to_at)
        if request.profile == "power-events":
            shape = await self._shape(session, meter, POWER_EVENTS, None)
            rows = await read_rows(session, device_type, shape, window)
            stamped = stamp_rows(rows, _clock_index(shape), device_type, None)
            return Kind.EVENT, event_records(stamped, shape, device_type, meter.entry.device_id)
        profile = device_type.profiles[request.profile]
        shape = await self._shape(session, meter, profile.obis, profile.scaler_obis)
        live = request.profile == "instantaneous"
        rows = await read_rows(session, device_type, shape, None if live else window)
        period_s = device_type.interval_s if request.profile == "block" else 86_400
        stamped = stamp_rows(rows, _clock_index(shape), device_type, period_s)
        if stamped.unplaced:
            log.warning("rows without a moment", correlation=request.correlation, rows=stamped.unplaced)
        if request.profile == "block":
            return Kind.BLOCK, block_records(stamped, shape, device_type)
        kind = RegisterKind.INSTANTANEOUS if live else RegisterKind.DAILY
        return Kind.REGISTER, register_records(stamped, shape, device_type, request.profile, kind)

    async def _shape(
        self, session: Session, meter: Meter, obis: str, scaler_obis: str | None
    ) -> ProfileShape:
        """What the meter captures: read once, and again after a key change (a new meter, or a new set-up)."""
        key = (meter.entry.system_title + meter.key_id, obis)
        if key not in self._shapes:
            self._shapes[key] = await read_shape(session, obis, scaler_obis)
        return self._shapes[key]

    async def _publish(self, kind: Kind, meter: Meter, records: Records, request: ReadRequest) -> None:
        for start in range(0, len(records), RECORDS_PER_MESSAGE):
            part = records[start : start + RECORDS_PER_MESSAGE]
            await self._broker.publish_batch(kind, meter.entry.shard, part, request.correlation)
            self._metrics.records.labels(kind.value).inc(len(part))

    # -- lines ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _line(self, meter: Meter) -> AsyncIterator[Line]:
        """The meter's own connection, or one dialled to its address; raises SessionFailed (unreachable)."""
        server_sap = meter.compiled.device_type.associations.server_sap
        carrier = await self._carrier(meter)
        try:
            with Line(carrier, server_sap) as line:
                yield line
        except SessionFailed as failure:
            # Out of step or silent: the next session begins with a fresh connection.
            if failure.kind in (FailureKind.TIMEOUT, FailureKind.PROTOCOL, FailureKind.WRONG_KEY):
                carrier.close()
            raise
        finally:
            if isinstance(carrier, DialledConnection):
                carrier.close()

    async def _carrier(self, meter: Meter) -> MeterConnection | DialledConnection:
        dialled_in = self._gate.by_slot.get(meter.slot)
        if dialled_in is not None and dialled_in.transport is not None and dialled_in.on_answer is None:
            return dialled_in
        address = meter.entry.address
        if address is None:
            raise SessionFailed(FailureKind.UNREACHABLE, "the meter has not dialled in")
        try:
            host, port = parse_address(address)
        except ValueError as error:
            raise SessionFailed(FailureKind.OURS, str(error)) from error
        return await dial(host, port, self._gate.pushes_of(address))


def client_of(meter: Meter) -> Client:
    """The head end's own client: the utility association of the meter's type."""
    saps = meter.compiled.device_type.associations
    return Client(
        sap=saps.utility_sap,
        mechanism=Mechanism(saps.hls_mechanism),
        keys=meter.keys,
        server_sap=saps.server_sap,
        public_sap=saps.public_sap,
    )


def _clock_index(shape: ProfileShape) -> int:
    index = shape.clock_index
    if index is None:
        raise SessionFailed(FailureKind.PROTOCOL, f"the profile {shape.obis} captures no clock")
    return index
