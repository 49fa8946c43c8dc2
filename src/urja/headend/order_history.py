"""The order history of each meter in the broker's key-value store: which orders have ended, and how.

It is written before the pipeline is notified and before the order is acknowledged. So wherever the process dies in
between, an order that comes again is answered and not carried out again, and a stored copy of an old order is
recognised.

A history that cannot be read begins again at that moment, and no earlier order is carried out, because it may have
been already. The meter does not wait for an operator, who would stand between a payment and its reconnection; the
loss is reported (`state_losses`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec
import structlog

from urja.base.clock import Clock
from urja.headend.sealed_state import SealedState, UnsealedError
from urja.stream import messages
from urja.stream.errors import PoisonMessageError, RevisionConflictError
from urja.stream.orders import Order, Progress

log = structlog.get_logger()

MAX_ENDED_ORDERS: Final = 32
"""Ended orders stored for each meter; an order older than all of them is too old to be carried out."""


class OrderHistory(msgspec.Struct):
    """The orders of one meter."""

    supply: int = 0
    """Sequence of the newest order to the load switch that was begun or superseded: an older one is not begun any
    more."""
    floor: int = 0
    """Orders up to this sequence that are not in `ended` are forgotten."""
    ended: dict[int, Progress] = {}
    held: dict[int, datetime] = {}
    """Disconnections that a ceiling holds, and since when: they are not carried out, even where there is room by now.
    """
    not_before: datetime | None = None
    """Orders issued until then are not carried out, because their history was lost."""

    def has_lost(self, order: Order) -> bool:
        """Return whether an order is from a time of which the history was lost."""
        return self.not_before is not None and order.issued_at <= self.not_before

    def with_end(self, progress: Progress) -> "OrderHistory":
        """The history with the outcome of one more order."""
        ended = {**self.ended, progress.sequence: progress}
        forgotten = sorted(ended)[:-MAX_ENDED_ORDERS]
        for sequence in forgotten:
            del ended[sequence]
        held = {sequence: at for sequence, at in self.held.items() if sequence != progress.sequence}
        floor = max([self.floor, *forgotten])
        return msgspec.structs.replace(self, floor=floor, ended=ended, held=held)

    def with_supply(self, sequence: int) -> "OrderHistory":
        """The history with an order to the load switch that is about to be begun."""
        return msgspec.structs.replace(self, supply=max(self.supply, sequence))

    def with_held(self, sequence: int, at: datetime) -> "OrderHistory":
        """The history with a disconnection that a ceiling holds since `at` (business time, UTC)."""
        return msgspec.structs.replace(self, held={**self.held, sequence: at})


class OrderHistories:
    """The histories of all meters: each is read once and then kept up to date; writes of another head end are noticed
    by the revision.
    """

    def __init__(self, state: SealedState, clock: Clock, lost: Callable[[str], Awaitable[None]]) -> None:
        """`lost` is called with the system title of a meter whose history cannot be read, before it begins again."""
        self._state = state
        self._clock = clock
        self._lost = lost
        self._known: dict[str, tuple[OrderHistory, int]] = {}

    async def of(self, key: str) -> OrderHistory:
        """The history of a meter. Raises StreamError."""
        while key not in self._known:
            revision = 0
            try:
                value, revision = await self._state.get(key)
                memory = OrderHistory() if value is None else messages.decode(value, OrderHistory)
            except PoisonMessageError as error:
                log.error("the order history of a meter cannot be read", system_title=key, why=str(error))  # noqa: TRY400 - an expected cause
                await self._lost(key)
                self._known[key] = (
                    OrderHistory(),
                    error.revision if isinstance(error, UnsealedError) else revision,
                )
                await self._write(key, OrderHistory(not_before=self._clock.now()))
            else:
                self._known[key] = memory, revision
        return self._known[key][0]

    async def begin(self, key: str, order: Order) -> bool:
        """Note that an order to the load switch is begun; return False where a newer one was. Raises StreamError."""
        while True:
            memory = await self.of(key)
            if memory.has_lost(order):
                return False
            if memory.supply >= order.sequence:
                return memory.supply == order.sequence
            if await self._write(key, memory.with_supply(order.sequence)):
                return True

    async def end(self, key: str, progress: Progress) -> Progress:
        """Store how an order ended and return that outcome; where one is stored already, it stands and is returned.
        Raises StreamError.
        """
        while True:
            memory = await self.of(key)
            if progress.sequence in memory.ended:
                return memory.ended[progress.sequence]
            if await self._write(key, memory.with_end(progress)):
                return progress

    async def hold(self, key: str, sequence: int, at: datetime) -> None:
        """Note that a ceiling holds a disconnection since `at` (business time, UTC). Raises StreamError."""
        while not await self._write(key, (await self.of(key)).with_held(sequence, at)):
            continue

    async def _write(self, key: str, memory: OrderHistory) -> bool:
        """Return whether the history was written; where not, the write of another head end is read next."""
        # Forgotten while the write is under way: if it raises, the stored value is not known, and the next call reads
        # it.
        _, revision = self._known.pop(key)
        try:
            revision = await self._state.put(key, messages.encode(memory), revision)
        except RevisionConflictError:
            return False
        self._known[key] = (memory, revision)
        return True
