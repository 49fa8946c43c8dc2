"""Lines that many meters are behind: one session at a time on each, in the order in which they asked.

Orders to a load switch go first: a payment waits for them. A dead meter costs the others its time-out and no more, as
it asks again at the end of the queue, and then with one attempt instead of three. What comes beyond a few that wait is
sent away at once, so that one slow line does not hold the head end's places for reads of all others.
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
"""For one's turn: with a session after it, below what a read or an order may take in all."""
MOST_WAITING: Final = 8
REOPEN_S: Final = 0.2
"""Until a way that was closed is opened again: a gateway with room for one needs a moment to see it gone."""


class _Queue:
    """Turns on one line: who asks first, and before them what is urgent."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self.is_held = False

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return sum(not turn.done() for turn in (*self._urgent, *self._others))

    async def take(self, *, urgent: bool) -> None:
        """Wait for a turn; raises SessionFailedError (busy)."""
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
            # It came in the moment of giving up: it is the next one's.
            self.pass_on()

    def pass_on(self) -> None:
        """The turn is over: the next one's, or nobody's."""
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self.is_held = False


class SharedLink:
    """One line, and the way to it while it is in use."""

    def __init__(self, name: str) -> None:
        self.queue = _Queue(name)
        self._connection: LinkConnection | None = None
        self._closed_at_s = float("-inf")
        self._silent: set[HdlcLinkAddress] = set()
        """Meters that took no link when they were asked last."""

    @asynccontextmanager
    async def line(self, meter: HdlcLinkAddress, server_sap: int) -> AsyncIterator[HdlcChannel]:
        """The line to one meter, for whose turn it is; raises SessionFailedError (unreachable, and what the line does)."""
        spoilt = True
        try:
            connection = await self._open(meter)
            async with HdlcChannel(connection, meter, server_sap, was_silent=meter in self._silent) as line:
                try:
                    yield line
                finally:
                    self._note(meter, is_silent=line.is_silent)
            spoilt = False
        except SessionFailedError as failure:
            # Silence is the meter's, not the line's; frames that come late are told apart by their addresses.
            spoilt = failure.kind in (FailureKind.CUT, FailureKind.UNREACHABLE)
            raise
        finally:
            # A gateway has few connections, and other tools want one.
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
            self._silent.add(meter)
        else:
            self._silent.discard(meter)


class SharedLinks:
    """The lines of one head end."""

    def __init__(self) -> None:
        self._links: dict[str, SharedLink] = {}

    def status(self) -> dict[str, int]:
        """The lines in use, and how many sessions wait for each."""
        return {name: link.queue.waiting for name, link in self._links.items() if link.queue.is_held}

    @asynccontextmanager
    async def turn(self, meter: HdlcLinkAddress, *, urgent: bool) -> AsyncIterator[SharedLink]:
        """The line that a meter is behind, for one session; raises SessionFailedError (busy)."""
        name = meter.link.name
        link = self._links.setdefault(name, SharedLink(name))
        await link.queue.take(urgent=urgent)
        try:
            yield link
        finally:
            link.queue.pass_on()
