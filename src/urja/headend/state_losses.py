"""What head ends have lost of their shared state in the broker: an alarm until a person has seen it.

A send counter, a meter's memory of orders and the count of cuts begin anew safely as soon as they are needed, and are
sealed again by that: nothing would show any more that something other than a head end had written there. The list is
sealed like them and outlives the process.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec
import structlog

from urja.base.clock import Clock
from urja.headend.sealed_state import SealedState, UnsealedError
from urja.stream.errors import PoisonMessageError, RevisionConflictError, StreamError

log = structlog.get_logger()

StateKind = Literal["counters", "orders", "brake", "losses"]

READ_EVERY_S: Final = 2.0
_KEY: Final = "losses"
_NAMED: Final = 100
"""Meters named of each kind; of more it is only said that there are."""
_SENTENCES: Final[Mapping[StateKind, str]] = {
    "counters": "the send counters of {meters} could not be read and went on far above the meter's own",
    "orders": "what is remembered of the orders of {meters} could not be read: orders of before are not carried out",
    "brake": "the count of cuts could not be read: the ceilings count as reached for a day",
    "losses": "the list of losses itself could not be read: what else was lost is not known",
}


class StateLoss(msgspec.Struct, frozen=True):
    """Losses of one kind."""

    since: datetime
    names: list[str] = []
    """Meters by system title."""
    more: bool = False

    def with_name(self, name: str) -> "StateLoss":
        """The same, with one more meter."""
        if not name or name in self.names:
            return self
        if len(self.names) >= _NAMED:
            return msgspec.structs.replace(self, more=True)
        return msgspec.structs.replace(self, names=[*self.names, name])

    def sentence(self, what: StateKind) -> str:
        """What was lost, in words."""
        count = (
            f"{'more than ' if self.more else ''}{len(self.names)} meter{'' if len(self.names) == 1 else 's'}"
        )
        since = self.since.isoformat(sep=" ", timespec="minutes")
        return f"{_SENTENCES[what].format(meters=count)} (since {since}; see urja headend losses)"


_Found = dict[StateKind, StateLoss]


class StateLosses:
    """The list as it is in the broker's store, kept in step with what other head ends and a person write."""

    def __init__(self, state: SealedState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self.found: _Found = {}

    async def note(self, what: StateKind, name: str = "") -> None:
        """Add a loss. Raises StreamError: what was lost must not begin anew before it is noted."""
        while True:
            found, revision = await self._read()
            loss = found.get(what, StateLoss(self._clock.now())).with_name(name)
            if found.get(what) == loss or await self._write({**found, what: loss}, revision):
                return

    async def look(self) -> None:
        """Read the list. Raises StreamError."""
        await self._read()

    async def run(self) -> None:
        """Keep in step, for ever."""
        while True:
            try:
                await self.look()
            except StreamError as error:
                log.warning("the list of losses is not read", why=str(error))
            await asyncio.sleep(READ_EVERY_S)

    async def clear(self) -> _Found:
        """Begin an empty list; what was in it. Raises StreamError."""
        while True:
            found, revision = await self._read()
            if not found or await self._write({}, revision):
                return found

    def sentences(self) -> list[str]:
        """For a person."""
        return [loss.sentence(what) for what, loss in self.found.items()]

    async def _read(self) -> tuple[_Found, int]:
        """The list; one that no head end has written is a loss more, of which what is known here stays."""
        while True:
            revision = 0
            try:
                value, revision = await self._state.get(_KEY)
                self.found = {} if value is None else msgspec.json.decode(value, type=_Found)
            except (PoisonMessageError, msgspec.MsgspecError) as error:
                log.error("the list of losses cannot be read", why=str(error))  # noqa: TRY400
                revision = error.revision if isinstance(error, UnsealedError) else revision
                loss = self.found.get("losses", StateLoss(self._clock.now()))
                if not await self._write({**self.found, "losses": loss}, revision):
                    continue
            else:
                return self.found, revision

    async def _write(self, found: _Found, revision: int) -> bool:
        """Whether it was written; where not, another was faster."""
        try:
            await self._state.put(_KEY, msgspec.json.encode(found), revision)
        except RevisionConflictError:
            return False
        self.found = found
        return True
