"""The head ends' own bound on cuts, whoever orders them: so many a business minute, so many behind a transformer.

The last minute's cuts stand in the broker's key-value store, for all head ends of an installation together; a
restart does not begin a new minute.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from urja.base.clock import Clock
from urja.stream import Broker
from urja.stream.errors import RevisionConflict

WINDOW: Final = timedelta(minutes=1)
_KEY: Final = "cuts"


class _Cut(msgspec.Struct, frozen=True, array_like=True):
    at: datetime
    transformer: str | None


class Caps:
    """Says whether one more supply may be cut now."""

    def __init__(self, broker: Broker, clock: Clock, *, total: int, per_transformer: int) -> None:
        self._broker = broker
        self._clock = clock
        self._total = total
        self._per_transformer = per_transformer

    async def take(self, transformer: str | None) -> timedelta | None:
        """Count one cut, or the business time until there is room for it (None: counted). Raises StreamError.

        Where the transformer is not known, only the total bounds.
        """
        while True:
            now = self._clock.now()
            state, revision = await self._broker.get_orders(_KEY)
            cuts = [] if state is None else msgspec.json.decode(state, type=list[_Cut])
            recent = [cut for cut in cuts if cut.at > now - WINDOW]
            behind = [cut for cut in recent if transformer is not None and cut.transformer == transformer]
            free_at = max(_free_at(recent, self._total, now), _free_at(behind, self._per_transformer, now))
            if free_at > now:
                return free_at - now
            counted = [*recent, _Cut(now, transformer)]
            try:
                await self._broker.put_orders(_KEY, msgspec.json.encode(counted), revision)
            except RevisionConflict:
                continue
            return None


def _free_at(cuts: list[_Cut], cap: int, now: datetime) -> datetime:
    """When fewer than `cap` of these cuts (oldest first) lie within the window."""
    return cuts[-cap].at + WINDOW if len(cuts) >= cap else now
