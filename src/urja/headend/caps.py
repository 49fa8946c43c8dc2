"""The head ends' own bound on cuts, whoever orders them: so many a business minute, so many behind a transformer.

The last minute's cuts stand in the broker's key-value store, for all head ends of an installation together; a
restart does not begin a new minute.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from urja.base.clock import Clock
from urja.stream import Broker, messages
from urja.stream.errors import RevisionConflict

WINDOW: Final = timedelta(minutes=1)
_KEY: Final = "cuts"


class _Cut(msgspec.Struct, frozen=True, array_like=True):
    at: datetime
    transformer: str | None


class _Cuts(msgspec.Struct, frozen=True):
    """The last minute's, oldest first."""

    cuts: list[_Cut] = []


class Caps:
    """Says whether one more supply may be cut now."""

    def __init__(self, broker: Broker, clock: Clock, *, total: int, per_transformer: int) -> None:
        self._broker = broker
        self._clock = clock
        self._total = total
        self._per_transformer = per_transformer
        # Those of this process take turns; only another head end makes one of them read anew.
        self._turn = asyncio.Lock()
        self._known: tuple[list[_Cut], int] | None = None

    async def take(self, transformer: str | None) -> timedelta | None:
        """Count one cut, or the business time until there is room for it (None: counted). Raises StreamError.

        Where the transformer is not known, only the total bounds.
        """
        async with self._turn:
            while True:
                now = self._clock.now()
                cuts, revision = self._known or await self._read()
                recent = [cut for cut in cuts if cut.at > now - WINDOW]
                behind = [cut for cut in recent if transformer is not None and cut.transformer == transformer]
                free_at = max(
                    _free_at(recent, self._total, now), _free_at(behind, self._per_transformer, now)
                )
                if free_at > now:
                    return free_at - now
                if await self._write([*recent, _Cut(now, transformer)], revision):
                    return None

    async def _read(self) -> tuple[list[_Cut], int]:
        state, revision = await self._broker.get_orders(_KEY)
        return [] if state is None else messages.decode(state, _Cuts).cuts, revision

    async def _write(self, cuts: list[_Cut], revision: int) -> bool:
        """Whether it was written; where another head end was faster, its cuts count too."""
        self._known = None
        try:
            self._known = cuts, await self._broker.put_orders(_KEY, messages.encode(_Cuts(cuts)), revision)
        except RevisionConflict:
            return False
        return True


def _free_at(cuts: list[_Cut], cap: int, now: datetime) -> datetime:
    """When fewer than `cap` of these cuts (oldest first) lie within the window."""
    return cuts[-cap].at + WINDOW if len(cuts) >= cap else now
