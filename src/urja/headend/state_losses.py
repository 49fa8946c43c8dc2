"""Losses of the state that head ends share in the broker: an alarm until an operator has confirmed it.

Send counters, a meter's order history and the counts of disconnections begin again safely as soon as they are needed,
and are then sealed again: without this list nothing would show any more that something other than a head end had
written there. The list is sealed as they are and outlives the process.
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
"""Meters named for each kind; beyond this only the fact that there are more is noted."""
_SENTENCES: Final[Mapping[StateKind, str]] = {
    "counters": "the send counters of {meters} could not be read and continue far above the meter's own",
    "orders": "the order history of {meters} could not be read: earlier orders are not carried out",
    "brake": "the count of cuts could not be read: the ceilings count as reached for a day",
    "losses": "the list of losses itself could not be read: other losses are not known",
}


class StateLoss(msgspec.Struct, frozen=True):
    """The losses of one kind."""

    since: datetime
    names: list[str] = []
    """System titles of the meters, in hex."""
    more: bool = False

    def with_name(self, name: str) -> "StateLoss":
        """The same with one more meter."""
        if not name or name in self.names:
            return self
        if len(self.names) >= _NAMED:
            return msgspec.structs.replace(self, more=True)
        return msgspec.structs.replace(self, names=[*self.names, name])

    def sentence(self, what: StateKind) -> str:
        """What was lost, as a sentence for an operator."""
        count = (
            f"{'more than ' if self.more else ''}{len(self.names)} meter{'' if len(self.names) == 1 else 's'}"
        )
        since = self.since.isoformat(sep=" ", timespec="minutes")
        return f"{_SENTENCES[what].format(meters=count)} (since {since}; see urja headend losses)"


_Found = dict[StateKind, StateLoss]


class StateLosses:
    """The list of losses in the broker's store, kept up to date with what other head ends and operators write."""

    def __init__(self, state: SealedState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self.found: _Found = {}

    async def note(self, what: StateKind, name: str = "") -> None:
        """Add a loss. Raises StreamError: lost state must not begin again before the loss is noted."""
        while True:
            found, revision = await self._read()
            loss = found.get(what, StateLoss(self._clock.now())).with_name(name)
            if found.get(what) == loss or await self._write({**found, what: loss}, revision):
                return

    async def refresh(self) -> None:
        """Read the list from the store. Raises StreamError."""
        await self._read()

    async def run(self) -> None:
        """Read the list about every two seconds for as long as the process runs."""
        while True:
            try:
                await self.refresh()
            except StreamError as error:
                log.warning("the list of losses was not read", why=str(error))
            await asyncio.sleep(READ_EVERY_S)

    async def clear(self) -> _Found:
        """Empty the list and return its former content. Raises StreamError."""
        while True:
            found, revision = await self._read()
            if not found or await self._write({}, revision):
                return found

    def sentences(self) -> list[str]:
        """The losses as sentences for an operator."""
        return [loss.sentence(what) for what, loss in self.found.items()]

    async def _read(self) -> tuple[_Found, int]:
        """The list and its revision. A list that no head end has written counts as one more loss; known losses are
        kept.
        """
        while True:
            revision = 0
            try:
                value, revision = await self._state.get(_KEY)
                self.found = {} if value is None else msgspec.json.decode(value, type=_Found)
            except (PoisonMessageError, msgspec.MsgspecError) as error:
                log.error("the list of losses cannot be read", why=str(error))  # noqa: TRY400 - an expected cause
                revision = error.revision if isinstance(error, UnsealedError) else revision
                loss = self.found.get("losses", StateLoss(self._clock.now()))
                if not await self._write({**self.found, "losses": loss}, revision):
                    continue
            else:
                return self.found, revision

    async def _write(self, found: _Found, revision: int) -> bool:
        """Return whether the list was written; False where another head end wrote first."""
        try:
            await self._state.put(_KEY, msgspec.json.encode(found), revision)
        except RevisionConflictError:
            return False
        self.found = found
        return True
