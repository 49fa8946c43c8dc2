"""What head ends remember of a meter's orders, in the broker's key-value store: which have ended, and how.

It is written before the pipeline is told and before the order is acknowledged. So whatever dies in between, an order
that comes again is answered and not carried out again, and a copy of an old one that somebody kept is recognised.

A memory that cannot be read begins anew at that moment: no order of before is carried out, for it may have been already.
The meter does not wait for a person, who would stand between a payment and its reconnection; a person is told (`losses`).
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
"""Ends that are kept of a meter; an order older than all of them is too old to be carried out."""


class OrderHistory(msgspec.Struct):
    """One meter's orders."""

    supply: int = 0
    """The newest order to the load switch that was begun or made void: an older one is not begun any more."""
    floor: int = 0
    """Up to here, what is not in `ended` is forgotten."""
    ended: dict[int, Progress] = {}
    held: dict[int, datetime] = {}
    """Cuts that a ceiling holds, and since when: they are not carried out, also where there is room by now."""
    not_before: datetime | None = None
    """What was issued until then is not carried out: the memory of it was lost."""

    def has_lost(self, order: Order) -> bool:
        """Whether an order is of a time of which nothing is remembered."""
        return self.not_before is not None and order.issued_at <= self.not_before

    def with_end(self, progress: Progress) -> "OrderHistory":
        """The same, and how one more order has ended."""
        ended = {**self.ended, progress.sequence: progress}
        forgotten = sorted(ended)[:-MAX_ENDED_ORDERS]
        for sequence in forgotten:
            del ended[sequence]
        held = {sequence: at for sequence, at in self.held.items() if sequence != progress.sequence}
        floor = max([self.floor, *forgotten])
        return msgspec.structs.replace(self, floor=floor, ended=ended, held=held)

    def with_supply(self, sequence: int) -> "OrderHistory":
        """The same, with an order to the load switch that is about to be begun."""
        return msgspec.structs.replace(self, supply=max(self.supply, sequence))

    def with_held(self, sequence: int, at: datetime) -> "OrderHistory":
        """The same, with a cut that a ceiling holds."""
        return msgspec.structs.replace(self, held={**self.held, sequence: at})


class OrderHistories:
    """Read once a meter, then kept in step: another head end's writing is noticed by the revision."""

    def __init__(self, state: SealedState, clock: Clock, lost: Callable[[str], Awaitable[None]]) -> None:
        """`lost` is told of a meter whose memory cannot be read, before it begins anew."""
        self._state = state
        self._clock = clock
        self._lost = lost
        self._known: dict[str, tuple[OrderHistory, int]] = {}

    async def of(self, key: str) -> OrderHistory:
        """What is remembered of a meter; raises StreamError."""
        while key not in self._known:
            revision = 0
            try:
                value, revision = await self._state.get(key)
                memory = OrderHistory() if value is None else messages.decode(value, OrderHistory)
            except PoisonMessageError as error:
                log.error("the memory of a meter's orders cannot be read", system_title=key, why=str(error))  # noqa: TRY400
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
        """Note that an order to the load switch is begun; False where a newer one was. Raises StreamError."""
        while True:
            memory = await self.of(key)
            if memory.has_lost(order):
                return False
            if memory.supply >= order.sequence:
                return memory.supply == order.sequence
            if await self._write(key, memory.with_supply(order.sequence)):
                return True

    async def end(self, key: str, progress: Progress) -> Progress:
        """Note how an order ended. Where it had ended already, that end stands and is returned."""
        while True:
            memory = await self.of(key)
            if progress.sequence in memory.ended:
                return memory.ended[progress.sequence]
            if await self._write(key, memory.with_end(progress)):
                return progress

    async def hold(self, key: str, sequence: int, at: datetime) -> None:
        """Note that a ceiling holds a cut. Raises StreamError."""
        while not await self._write(key, (await self.of(key)).with_held(sequence, at)):
            continue

    async def _write(self, key: str, memory: OrderHistory) -> bool:
        """Whether it was written; where not, what another head end wrote is read anew."""
        _, revision = self._known.pop(key)
        try:
            revision = await self._state.put(key, messages.encode(memory), revision)
        except RevisionConflictError:
            return False
        self._known[key] = (memory, revision)
        return True
