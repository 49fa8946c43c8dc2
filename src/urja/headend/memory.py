"""What head ends remember of a meter's orders, in the broker's key-value store: which have ended, and how.

It is written before the pipeline is told and before the order is acknowledged. So whatever dies in between, an order
that comes again is answered and not carried out again, and a copy of an old one that somebody kept is recognised.
"""

import msgspec

from urja.stream import Broker, messages
from urja.stream.errors import RevisionConflict
from urja.stream.orders import Progress

REMEMBERED = 32
"""Ends that are kept of a meter; an order older than all of them is too old to be carried out."""


class Remembered(msgspec.Struct):
    """One meter's orders."""

    supply: int = 0
    """The newest order to the load switch that was begun or made void: an older one is not begun any more."""
    floor: int = 0
    """Up to here, what is not in `ended` is forgotten."""
    ended: dict[int, Progress] = {}

    def with_end(self, progress: Progress) -> "Remembered":
        """The same, and how one more order has ended."""
        ended = {**self.ended, progress.sequence: progress}
        forgotten = sorted(ended)[:-REMEMBERED]
        for sequence in forgotten:
            del ended[sequence]
        return Remembered(self.supply, max([self.floor, *forgotten]), ended)

    def with_supply(self, sequence: int) -> "Remembered":
        """The same, with an order to the load switch that is about to be begun."""
        return Remembered(max(self.supply, sequence), self.floor, self.ended)


class Memories:
    """Read once a meter, then kept in step: another head end's writing is noticed by the revision."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._known: dict[str, tuple[Remembered, int]] = {}

    async def of(self, key: str) -> Remembered:
        """What is remembered of a meter; raises StreamError, PoisonMessage where it cannot be read."""
        if key not in self._known:
            state, revision = await self._broker.get_orders(key)
            memory = Remembered() if state is None else messages.decode(state, Remembered)
            self._known[key] = (memory, revision)
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

    async def _write(self, key: str, memory: Remembered) -> bool:
        """Whether it was written; where not, what another head end wrote is read anew."""
        _, revision = self._known.pop(key)
        try:
            revision = await self._broker.put_orders(key, msgspec.json.encode(memory), revision)
        except RevisionConflict:
            return False
        self._known[key] = (memory, revision)
        return True
