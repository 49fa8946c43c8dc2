"""The pipeline's stage `gaps`: lists missing readings, requests them from meters, and closes gaps that are filled or
explained.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from urja.apps.meter_types.kinds import SleepingTypes, no_sleeping_types
from urja.apps.readings import gaps, operations, staging, unconfirmed_intervals
from urja.apps.readings.gaps import ProfileRequest
from urja.base.ids import bucket_of, new_correlation, shard_of
from urja.pipeline.stage import InThread, Report, StageConnection, acknowledging
from urja.stream.consumer import Consumer
from urja.stream.errors import StreamError
from urja.stream.messages import ReadOutcome, ReadRequest

log = structlog.get_logger()

OUTSTANDING: Final = 500
"""Requests under way at any time; the head end carries them out, one meter at a time."""

_OUTCOMES_AT_ONCE: Final = 500
_CLOSED = Counter("urja_gaps_closed", "Gaps closed, by what", ["by"])
_ASKED = Counter("urja_gaps_requests", "Read requests published", ["profile"])
_FOUND = Counter("urja_gaps_found", "Intervals found missing")
_UNDER_WAY = Gauge("urja_gaps_published_last", "Read requests published by the last run")


class Requests(Protocol):
    """The destination of read requests: the broker."""

    async def publish_request(self, request: ReadRequest, shard: int) -> int:
        """Publish a request and return its sequence in the stream. Raises StreamError."""
        ...


class Gaps:
    """The stage `gaps`. `outcomes` may be None where no head end answers (a test of the database side)."""

    def __init__(
        self,
        session: StageConnection,
        requests: Requests,
        outcomes: Consumer[ReadOutcome] | None,
        zone: str,
        *,
        in_thread: InThread = asyncio.to_thread,
        outstanding: int = OUTSTANDING,
        sleeping: Callable[[datetime], SleepingTypes] = no_sleeping_types,
        billing_types: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`sleeping` returns the types whose module sleeps; meters of these are read while they are awake. `billing_types`
        returns those with a billing profile that is stored.
        """
        self._session = session
        self._requests = requests
        self._outcomes = outcomes
        self._zone = zone
        self._in_thread = in_thread
        self._outstanding = outstanding
        self._sleeping = sleeping
        self._billing_types = billing_types

    async def run_once(self, now: datetime) -> Report:
        """Record outcomes, list and close gaps, publish read requests. Raises StreamError where the broker does not
        take one.
        """
        noted = await self._settle(now)
        found, closed, asked = await self._in_thread(self._find_gaps, now)
        await self._publish(asked, now)
        if found or closed or asked:
            log.info("gaps", found=found, closed=closed, asked=len(asked))
        return Report(noted + found + closed + len(asked), detail=f"{found} found, {closed} closed")

    async def _settle(self, now: datetime) -> int:
        """Record outcomes. They are acknowledged after the commit; a repeated outcome changes nothing."""
        if self._outcomes is None:
            return 0
        async with acknowledging(await self._outcomes.fetch(_OUTCOMES_AT_ONCE, 0.05)) as outcomes:
            for outcome in outcomes:
                log.info(
                    "read outcome",
                    request=outcome.request_id,
                    ok=outcome.ok,
                    rows=outcome.rows,
                    error=outcome.error,
                    correlation=outcome.correlation,
                )
            return await self._in_thread(self._note, outcomes, now) if outcomes else 0

    def _note(self, outcomes: Sequence[ReadOutcome], now: datetime) -> int:
        connection = self._session.get()
        with connection.transaction(), connection.cursor() as cursor:
            return gaps.record_outcomes(cursor, outcomes, now)

    def _find_gaps(self, now: datetime) -> tuple[int, int, list[ProfileRequest]]:
        """List, close and explain gaps, and note the requests to be made, in one transaction."""
        connection, sleeping, billing_types = (
            self._session.get(),
            self._sleeping(now),
            self._billing_types(),
        )
        with connection.cursor() as cursor, connection.transaction():
            found = gaps.list_missing(cursor, now, self._zone, sleeping)
            filled = gaps.close_filled(cursor, now)
            unconfirmed_intervals.delete_before(cursor, now - gaps.DEPTH)
            # No energy flowed during an outage that the meter logged: these intervals are known to be zero.
            explained = gaps.explained_by_outages(cursor)
            if explained:
                staging.make_days_of(cursor, [start for _, _, start, _ in explained])
            zeros = operations.store_known_zeros(cursor, explained, now, self._zone)
            gaps.cover_midnights(cursor, now, self._zone)
            asked = gaps.take_requests(cursor, now, self._zone, self._outstanding, sleeping, billing_types)
        _FOUND.inc(found)
        _CLOSED.labels("data").inc(filled)
        _CLOSED.labels("outage").inc(zeros)
        return found, filled + zeros, asked

    async def _publish(self, asked: Sequence[ProfileRequest], now: datetime) -> None:
        for number, want in enumerate(asked):
            request = ReadRequest(
                request_id=want.request_id,
                device_id=want.device_id,
                system_title=want.system_title,
                profile=want.profile,
                from_at=want.from_at,
                to_at=want.to_at,
                not_after_at=want.not_after_at,
                correlation=new_correlation(int(now.timestamp() * 1000), secrets.randbits(21)),
            )
            try:
                await self._requests.publish_request(request, shard_of(bucket_of(want.service_point_id)))
            except StreamError:
                # They are noted as requested: withdraw them, so that they are requested again in a minute.
                unpublished = [other.request_id for other in asked[number:]]
                await self._in_thread(self._withdraw, unpublished, now + timedelta(minutes=1))
                raise
            _ASKED.labels(want.profile).inc()
            log.info(
                "read requested",
                request=want.request_id,
                device=want.device_id,
                profile=want.profile,
                correlation=request.correlation,
            )
        _UNDER_WAY.set(len(asked))

    def _withdraw(self, request_ids: list[int], until: datetime) -> None:
        connection = self._session.get()
        with connection.transaction(), connection.cursor() as cursor:
            gaps.withdraw(cursor, request_ids, until)
