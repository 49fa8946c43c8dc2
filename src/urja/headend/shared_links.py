"""Lines that many meters are behind: one session at a time on each, in the order in which they asked.

Orders go before reads: a payment is waiting for them. A meter that is dead costs the others its time-out and no more,
as it asks again at the end of the queue; reads beyond a few that wait are sent away at once, so that one slow line does
not hold the head end's places for reads of all others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from urja.base.meter_address import BehindLink
from urja.headend.failures import FailureKind, SessionFailed
from urja.headend.hdlc_line import HdlcLine, LinkConnection

WAIT_S: Final = 45.0
"""For one's turn: with a session after it, below what a read or an order may take in all."""
MOST_READS_WAITING: Final = 8


class _Queue:
    """Turns on one line: whoever asks first, orders before reads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._orders: deque[asyncio.Future[None]] = deque()
        self._reads: deque[asyncio.Future[None]] = deque()
        self.is_held = False

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return sum(not turn.done() for turn in (*self._orders, *self._reads))

    async def take(self, *, urgent: bool) -> None:
        """Wait for a turn; raises SessionFailed (busy)."""
        if not self.is_held:
            self.is_held = True
            return
        queue = self._orders if urgent else self._reads
        if not urgent and len(queue) >= MOST_READS_WAITING:
            raise SessionFailed(FailureKind.BUSY, f"{len(queue)} reads wait for {self._name}")
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(WAIT_S):
                await turn
        except TimeoutError:
            self._give_up(queue, turn)
            message = f"other meters held {self._name} for {WAIT_S:g} s"
            raise SessionFailed(FailureKind.BUSY, message) from None
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
        for queue in (self._orders, self._reads):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self.is_held = False


class _SharedLink:
    """One line, the way to it while it is in use, and the queue for it."""

    def __init__(self, name: str) -> None:
        self.queue = _Queue(name)
        self._connection: LinkConnection | None = None

    async def connection(self, meter: BehindLink) -> LinkConnection:
        """The way to the line, opened where it is not; raises SessionFailed (unreachable)."""
        if self._connection is None or self._connection.lost:
            self._connection = await LinkConnection.open(meter.link)
        return self._connection

    def leave(self, *, spoilt: bool) -> None:
        """End a turn. The way is closed when no session waits: a gateway has few, and other tools want one."""
        if self._connection is not None and (spoilt or not self.queue.waiting):
            self._connection.close()
            self._connection = None
        self.queue.pass_on()


class SharedLinks:
    """The lines of one head end."""

    def __init__(self) -> None:
        self._links: dict[str, _SharedLink] = {}

    def status(self) -> dict[str, int]:
        """The lines in use, and how many sessions wait for each."""
        return {name: link.queue.waiting for name, link in self._links.items()}

    @asynccontextmanager
    async def line(self, meter: BehindLink, server_sap: int, *, urgent: bool) -> AsyncIterator[HdlcLine]:
        """The line to a meter for one session; raises SessionFailed (busy, unreachable, and what the line does)."""
        name = meter.link.name
        link = self._links.setdefault(name, _SharedLink(name))
        await link.queue.take(urgent=urgent)
        spoilt = True
        try:
            connection = await link.connection(meter)
            async with HdlcLine(connection, meter, server_sap) as line:
                yield line
            spoilt = False
        except SessionFailed as failure:
            # Silence is the meter's, not the line's; frames that come late are told apart by their addresses.
            spoilt = failure.kind in (FailureKind.CUT, FailureKind.UNREACHABLE)
            raise
        finally:
            link.leave(spoilt=spoilt)
            if not link.queue.is_held:
                self._links.pop(name, None)
