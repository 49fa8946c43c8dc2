"""What head ends remember of a meter's orders, in the broker's key-value store: which have ended, and how.

It is written before the pipeline is told and before the order is acknowledged. So whatever dies in between, an order
that comes again is answered and not carried out again, and a copy of an old one that somebody kept is recognised.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from urja.base.clock import Clock
from urja.headend.sealed_state import SealedState, UnsealedError
from urja.stream import messages
from urja.stream.errors import RevisionConflict
from urja.stream.orders import Progress

log = structlog.get_logger()

REMEMBERED: Final = 32
"""Ends that are kept of a meter; an order older than all of them is too old to be carried out."""
UNDER_WAY: Final = timedelta(minutes=10)
"""Where a memory was lost, an order that was issued so short a time before is taken for one that is on its way."""


class Remembered(msgspec.Struct):
    """One meter's orders."""

    supply: int = 0
    """The newest order to the load switch that was begun or made void: an older one is not begun any more."""
    floor: int = 0
    """Up to here, what is not in `ended` is forgotten."""
    ended: dict[int, Progress] = {}
    held: dict[int, datetime] = {}
    """Cuts that a ceiling holds, and since when: they are not carried out, also where there is room by now."""
    not_before: datetime | None = None
    """What was issued before is not carried out: the memory of it was lost."""

    def with_end(self, progress: Progress) -> "Remembered":
        """The same, and how one more order has ended."""
        ended = {**self.ended, progress.sequence: progress}
        forgotten = sorted(ended)[:-REMEMBERED]
        for sequence in forgotten:
            del ended[sequence]
        held = {sequence: at for sequence, at in self.held.items() if sequence != progress.sequence}
        floor = max([self.floor, *forgotten])
        return msgspec.structs.replace(self, floor=floor, ended=ended, held=held)

    def with_supply(self, sequence: int) -> "Remembered":
        """The same, with an order to the load switch that is about to be begun."""
        return msgspec.structs.replace(self, supply=max(self.supply, sequence))

    def with_held(self, sequence: int, at: datetime) -> "Remembered":
        """The same, with a cut that a ceiling holds."""
        return msgspec.structs.replace(self, held={**self.held, sequence: at})


class Memories:
    """Read once a meter, then kept in step: another head end's writing is noticed by the revision."""

    def __init__(self, state: SealedState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, tuple[Remembered, int]] = {}

    async def of(self, key: str) -> Remembered:
        """What is remembered of a meter; raises StreamError.

        One that no head end has written begins anew, and nothing older is carried out: it may have been already.
        """
        while key not in self._known:
            try:
                value, revision = await self._state.get(key)
            except UnsealedError as error:
                log.error("the memory of a meter's orders was overwritten", system_title=key, why=str(error))  # noqa: TRY400
                self._known[key] = (Remembered(), error.revision)
                await self._write(key, Remembered(not_before=self._clock.now() - UNDER_WAY))
            else:
                self._known[key] = (
                    Remembered() if value is None else messages.decode(value, Remembered),
                    revision,
                )
        return self._known[key][0]

    async def begin(self, key: str, sequence: int) -> bool:
        """Note that an order to the load switch is begun; False where a newer one was. Raises StreamError."""
        while True:
            memory = await self.of(key)
            if memory.supply >= sequence:
                return memory.supply == sequence
            if await self._write(key, memory.with_supply(sequence)):
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

    async def _write(self, key: str, memory: Remembered) -> bool:
        """Whether it was written; where not, what another head end wrote is read anew."""
        _, revision = self._known.pop(key)
        try:
            revision = await self._state.put(key, messages.encode(memory), revision)
        except RevisionConflict:
            return False
        self._known[key] = (memory, revision)
        return True
