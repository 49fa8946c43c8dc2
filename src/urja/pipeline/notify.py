"""The pipeline's stage `notify`: hands notices to their channels and learns what has become of them.

Calls to all services run at once: the database is queried in the stage's own thread, and no transaction is open
during a call. A service that is not available is left alone for a while, by real time; a message that alone is not
taken is tried again later, by business time. A repeated report of a service changes nothing.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from urja.apps.notices import channels, delivery
from urja.apps.notices.config import ChannelConfig
from urja.apps.notices.port import MessageRefusedError, Messenger, ServiceUnavailableError
from urja.apps.supply.queries import is_disconnected
from urja.pipeline.stage import InThread, Report

log = structlog.get_logger()

AT_ONCE: Final = 50
"""Messages of a channel in one run, and receipts."""
CONCURRENT_CALLS: Final = 8
"""Calls to one service that run at once."""
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 60.0


@dataclass(slots=True)
class _Service:
    """A channel, and until when it is left alone because its service is not available."""

    channel: ChannelConfig
    messenger: Messenger
    failures_in_a_row: int = 0
    back_at_s: float = -math.inf


class Notify:
    """The stage `notify`. Notices without a configured channel end with that reason."""

    def __init__(
        self,
        in_thread: InThread,
        *,
        recharge_at: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = [_Service(channel, channels.messenger(channel)) for channel in channels.configured()]
        self._in_thread = in_thread
        self._recharge_at = recharge_at
        self._monotonic = monotonic

    async def run_once(self, now: datetime) -> Report:
        """Apply receipts, send requested notices, and query messages without a receipt, at the business instant
        `now` (UTC).
        """
        done = await self._in_thread(delivery.apply_receipts, now, AT_ONCE)
        done += await self._in_thread(
            delivery.compose_pending, now, self._recharge_at, is_disconnected, AT_ONCE
        )
        available = [service for service in self._services if self._monotonic() >= service.back_at_s]
        done += sum(await asyncio.gather(*(self._serve(service, now) for service in available)))
        waiting = await self._in_thread(delivery.count_waiting)
        return Report(done, lag=waiting)

    async def close(self) -> None:
        """Close the connections to the services."""
        for service in self._services:
            await service.messenger.close()

    async def _serve(self, service: _Service, now: datetime) -> int:
        return await self._send(service, now) + await self._ask(service, now)

    async def _send(self, service: _Service, now: datetime) -> int:
        ready, ended = await self._in_thread(
            delivery.outgoing, service.channel.name, now, is_disconnected, AT_ONCE
        )
        taken = partial(delivery.record_taken, reports=service.channel.reports)

        async def hand_over(message: delivery.Outgoing) -> bool:
            try:
                provider_id = await service.messenger.send(message)
            except MessageRefusedError as error:
                log.warning("message refused", notice=message.notice_id, error=str(error))
                await self._in_thread(delivery.record_refused, message.notice_id, str(error), now)
            except ServiceUnavailableError as error:
                await self._in_thread(delivery.record_missed, message.notice_id, str(error), now)
                return False
            else:
                await self._in_thread(taken, message.notice_id, provider_id, now)
            return True

        return ended + await self._all(service, hand_over, ready)

    async def _ask(self, service: _Service, now: datetime) -> int:
        unreported = await self._in_thread(delivery.awaited, service.channel.name, now, AT_ONCE)

        async def ask(message: delivery.Awaited) -> bool:
            try:
                answer = await service.messenger.ask(message.provider_id)
            except MessageRefusedError as error:
                # The service does not know the message any more; a receipt may still come.
                log.warning("message unknown to its service", notice=message.notice_id, error=str(error))
                await self._in_thread(delivery.postpone_query, message.notice_id, now)
            except ServiceUnavailableError:
                return False
            else:
                await self._in_thread(delivery.record_report, message.notice_id, answer, now)
            return True

        return await self._all(service, ask, unreported)

    async def _all[Item](
        self, service: _Service, call: Callable[[Item], Awaitable[bool]], items: Sequence[Item]
    ) -> int:
        """Make all calls, a few at once, and return how many succeeded. No more calls go to a service that is not
        available.
        """
        slots = asyncio.Semaphore(CONCURRENT_CALLS)
        results: list[bool] = []

        async def one(item: Item) -> None:
            async with slots:
                # After failures without any success no further call is made: the service is not available.
                if any(results) or all(results):
                    results.append(await call(item))

        # All calls end before a failure of the database is raised, so that the next run finds none under way.
        ended = await asyncio.gather(*map(one, items), return_exceptions=True)
        failures = [result for result in ended if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        if any(results):
            service.failures_in_a_row = 0
        elif results:
            self._back_off(service)
        return sum(results)

    def _back_off(self, service: _Service) -> None:
        pause_s = min(FIRST_PAUSE_S * 2 ** min(service.failures_in_a_row, 16), LAST_PAUSE_S)
        service.failures_in_a_row += 1
        service.back_at_s = self._monotonic() + pause_s
        log.warning("channel away", channel=service.channel.name, again_in_s=pause_s)
