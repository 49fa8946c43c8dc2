"""Links with many meters behind them: one session at a time on each, in the order of the requests.

Orders to a load switch go first, because a payment waits for them. A meter that does not answer costs the others its
time-out and no more: it returns to the end of the queue, and then gets one attempt instead of three. Requests beyond
a few waiting ones are refused at once, so that one slow link does not take up the head end's sessions for all others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from urja.base.meter_address import HdlcLinkAddress
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection

WAIT_S: Final = 45.0
"""Seconds to wait for a turn: with a session after it, less than a read or an order may take in all."""
MOST_WAITING: Final = 8
"""Sessions that may wait for one link, besides those to load switches: a slow link must not hold all places for reads."""
REOPEN_S: Final = 0.2
"""Seconds until a connection that was closed is opened again: a gateway with room for one needs a moment to notice
that it is gone."""


class _Queue:
    """Turns on one link: in the order of requests, urgent ones first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self.is_held = False

    @property
    def waiting(self) -> int:
        """The number of sessions that wait for their turn."""
        return sum(not turn.done() for turn in (*self._urgent, *self._others))

    async def take(self, *, urgent: bool) -> None:
        """Wait for a turn. Raises SessionFailedError (busy) where too many wait already or the turn does not come in
        time.
        """
        if not self.is_held:
            self.is_held = True
            return
        queue = self._urgent if urgent else self._others
        if not urgent and len(queue) >= MOST_WAITING:
            raise SessionFailedError(FailureKind.BUSY, f"{len(queue)} sessions wait for {self._name}")
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(WAIT_S):
                await turn
        except TimeoutError:
            self._give_up(queue, turn)
            message = f"other meters held {self._name} for {WAIT_S:g} s"
            raise SessionFailedError(FailureKind.BUSY, message) from None
        except asyncio.CancelledError:
            self._give_up(queue, turn)
            raise

    def _give_up(self, queue: deque[asyncio.Future[None]], turn: asyncio.Future[None]) -> None:
        if turn in queue:
            queue.remove(turn)
        elif turn.done() and not turn.cancelled():
            # The turn came at the moment of giving up: pass it on, or the link would stay held for ever.
            self.pass_on()

    def pass_on(self) -> None:
        """End a turn: the next session gets it, or the link is free."""
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self.is_held = False


class SharedLink:
    """One link, and the connection to it while it is in use."""

    def __init__(self, name: str) -> None:
        self.queue = _Queue(name)
        self._connection: LinkConnection | None = None
        self._closed_at_s = float("-inf")
        self._unresponsive: set[HdlcLinkAddress] = set()
        """Meters that did not answer the last request to set up a data link."""

    @asynccontextmanager
    async def channel(self, meter: HdlcLinkAddress, server_sap: int) -> AsyncIterator[HdlcChannel]:
        """The channel to one meter, whose turn it is. Raises SessionFailedError (unreachable, and the channel's
        failures).
        """
        spoilt = True
        try:
            connection = await self._open(meter)
            async with HdlcChannel(
                connection, meter, server_sap, was_silent=meter in self._unresponsive
            ) as channel:
                try:
                    yield channel
                finally:
                    self._note(meter, is_silent=channel.is_silent)
            spoilt = False
        except SessionFailedError as failure:
            # No answer is the meter's failure, not the link's; late frames are told apart by their addresses.
            spoilt = failure.kind in (FailureKind.CUT, FailureKind.UNREACHABLE)
            raise
        finally:
            # A gateway has few connections, and other programs need one: none is held while no session waits.
            if self._connection is not None and (spoilt or not self.queue.waiting):
                self._connection.close()
                self._connection = None
                self._closed_at_s = asyncio.get_running_loop().time()

    async def _open(self, meter: HdlcLinkAddress) -> LinkConnection:
        if self._connection is None or self._connection.lost:
            now_s = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self._closed_at_s + REOPEN_S - now_s))
            self._connection = await LinkConnection.open(meter.link)
        return self._connection

    def _note(self, meter: HdlcLinkAddress, *, is_silent: bool) -> None:
        if is_silent:
            self._unresponsive.add(meter)
        else:
            self._unresponsive.discard(meter)


class SharedLinks:
    """The links of one head end."""

    def __init__(self) -> None:
        self._links: dict[str, SharedLink] = {}

    def status(self) -> dict[str, int]:
        """The links in use by name, and how many sessions wait for each."""
        return {name: link.queue.waiting for name, link in self._links.items() if link.queue.is_held}

    @asynccontextmanager
    async def turn(self, meter: HdlcLinkAddress, *, urgent: bool) -> AsyncIterator[SharedLink]:
        """The link that a meter is behind, for one session. Raises SessionFailedError (busy)."""
        name = meter.link.name
        link = self._links.setdefault(name, SharedLink(name))
        await link.queue.take(urgent=urgent)
        try:
            yield link
        finally:
            link.queue.pass_on()
