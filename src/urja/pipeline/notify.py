"""The pipeline's stage `notify`: hands notices to the message service, and learns what has become of them.

It waits for nobody but the service: the database is asked in a thread of the stage's own, and no transaction is
open while a call is under way. A service that is away is left alone for a while, by the wall's clock; a message
that alone is not taken is tried again later, by business time. What the service says twice changes nothing twice.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from urja.apps.notices import delivery
from urja.apps.notices.providers import MessageRefused, Messenger, ServiceAway
from urja.apps.notices.providers.sandbox.client import Client
from urja.base.settings import MessagesSettings
from urja.pipeline.stage import Report

log = structlog.get_logger()

AT_ONCE: Final = 50
"""Messages in one run, and receipts."""
BESIDE: Final = 8
"""Calls to the service beside each other."""
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 60.0

type InThread = Callable[..., Awaitable[Any]]


def messenger_of(settings: MessagesSettings, key_secret: str) -> Messenger | None:
    """The service that is set up; none where none is."""
    if settings.provider == "none":
        return None
    return Client(settings.base_url, settings.key_id, key_secret)


class Notify:
    """The stage. Without a messenger notices end as such that no service was there for."""

    name = "notify"

    def __init__(
        self,
        messenger: Messenger | None,
        in_thread: InThread,
        *,
        recharge_at: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._messenger = messenger
        self._in_thread = in_thread
        self._recharge_at = recharge_at
        self._monotonic = monotonic
        self._away = 0
        self._back_at_s = -math.inf

    async def run_once(self, now: datetime) -> Report:
        """Apply receipts, send what is requested, ask after what is silent, at the business instant `now`."""
        done: int = await self._in_thread(delivery.apply_receipts, now, AT_ONCE)
        if self._messenger is None:
            done += await self._in_thread(delivery.without_service, now, self._recharge_at, AT_ONCE)
        elif self._monotonic() >= self._back_at_s:
            done += await self._send(self._messenger, now)
            done += await self._ask(self._messenger, now)
        waiting = await self._in_thread(delivery.waiting)
        return Report(done, lag=waiting)

    async def close(self) -> None:
        """Let go of the service."""
        if self._messenger is not None:
            await self._messenger.close()

    async def _send(self, messenger: Messenger, now: datetime) -> int:
        ready, ended = await self._in_thread(delivery.outgoing, now, self._recharge_at, AT_ONCE)

        async def hand_over(message: delivery.Outgoing) -> bool:
            try:
                provider_id = await messenger.send(message.to, message.text, message.ref)
            except MessageRefused as error:
                log.warning("message refused", notice=message.notice_id, error=str(error))
                await self._in_thread(delivery.refused, message.notice_id, str(error), now)
            except ServiceAway as error:
                await self._in_thread(delivery.missed, message.notice_id, str(error), now)
                return False
            else:
                await self._in_thread(delivery.taken, message.notice_id, provider_id, now)
            return True

        return ended + await self._all(hand_over, ready)

    async def _ask(self, messenger: Messenger, now: datetime) -> int:
        silent = await self._in_thread(delivery.awaited, now, AT_ONCE)

        async def ask(message: delivery.Awaited) -> bool:
            try:
                answer = await messenger.ask(message.provider_id)
            except MessageRefused as error:
                # It does not know the message any more; a receipt may still come.
                log.warning("message unknown to its service", notice=message.notice_id, error=str(error))
                await self._in_thread(delivery.ask_later, message.notice_id, now)
            except ServiceAway:
                return False
            else:
                await self._in_thread(delivery.told, message.notice_id, answer, now)
            return True

        return await self._all(ask, silent)

    async def _all[Item](self, call: Callable[[Item], Awaitable[bool]], items: Sequence[Item]) -> int:
        """Make all calls, a few beside each other; how many came through. The service rests if none did."""
        gate = asyncio.Semaphore(BESIDE)

        async def one(item: Item) -> bool:
            async with gate:
                return await call(item)

        # All of them end before a failure of the database is raised: the next run finds nothing half under way.
        results = await asyncio.gather(*map(one, items), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        succeeded = results.count(True)
        if succeeded:
            self._away = 0
        elif items:
            self._rest()
        return succeeded

    def _rest(self) -> None:
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self._away, 16), LAST_PAUSE_S)
        self._away += 1
        self._back_at_s = self._monotonic() + pause_s
        log.warning("message service away", again_in_s=pause_s)
