"""Limits on disconnections that the head ends enforce themselves, independent of who orders them.

There are two kinds. *Pace*: so many in a business minute and so many behind one transformer; an order above it is
deferred. *Ceilings*: so many in an hour and in a day, in all and in one area; an order above one is held until
approvers release it (docs/commands.md). The counts are stored sealed in the broker for all head ends of an
installation together, so that a restart begins neither a new minute nor a new day.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from urja.base.clock import Clock
from urja.base.passkey import NONCE_BYTES
from urja.base.restored import Restored
from urja.base.settings import HeadendSettings
from urja.headend.disconnection_counts import CountedDisconnection, DisconnectionCounts
from urja.headend.sealed_state import SealedState, UnsealedError
from urja.stream.errors import RevisionConflictError
from urja.stream.orders import Order

log = structlog.get_logger()

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
LEAST_LOAD_W: Final = 500
"""W. A load limit below this counts as a disconnection: the meter opens its switch as soon as anything draws power."""
_NAME: Final = "brake"
_LONGEST_AREA: Final = 64


def counts_as_disconnection(order: Order) -> bool:
    """Return whether the limits apply to an order. An order whose effect is not clear counts as a disconnection."""
    match order.kind:
        case "disconnect":
            return True
        case "set_load_limit":
            watts = order.arguments.get("watts")
            return not (isinstance(watts, int) and watts >= LEAST_LOAD_W)
        # Reconnections are not counted: no limit may delay one.
        case _:
            return False


@dataclass(frozen=True, slots=True)
class SupplyLocation:
    """Transformer and area of a supply, as far as the projection names them."""

    transformer: str | None = None
    area: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The disconnection is counted and may be carried out."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The pace is reached; there is room after `wait` (business time)."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A ceiling is reached."""

    ceiling: str
    """The ceiling, in words."""


Verdict = Allowed | Deferred | Held


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """One limit over a sliding window of `span`, counted in slices of `slice_s` seconds."""

    name: str
    span: timedelta
    slice_s: int
    total: int
    of_area: int


class DisconnectionLimiter:
    """Counts disconnections and decides whether one more may be carried out now."""

    def __init__(
        self,
        state: SealedState,
        clock: Clock,
        settings: HeadendSettings,
        lost: Callable[[], Awaitable[None]],
        restored: Restored | None = None,
    ) -> None:
        """`lost` is called when the stored counts cannot be read, before new ones are begun."""
        self._state = state
        self._lost = lost
        self._restored = "" if restored is None else restored.id
        self._clock = clock
        self._per_minute = settings.cuts_per_minute
        self._per_transformer = settings.cuts_per_transformer_per_minute
        # Absolute numbers, not shares of the fleet: the number of meters comes from the projection, which a thief of
        # the pipeline's broker password can write (ADR 17). Slices of 5 minutes and of an hour keep the stored value
        # small.
        self._hour = _Ceiling(
            "hour", timedelta(hours=1), 300, settings.cuts_per_hour, settings.cuts_per_area_per_hour
        )
        self._day = _Ceiling("day", DAY, 3600, settings.cuts_per_day, settings.cuts_per_area_per_day)
        # Calls of this process take turns, so that only a write of another head end is a conflict that reads again.
        self._turn = asyncio.Lock()
        self._known: tuple[DisconnectionCounts, int] | None = None

    async def take(self, location: SupplyLocation) -> Verdict:
        """Count one disconnection, or return why it may not be carried out now. Raises StreamError.

        Where the transformer or the area is not known, only the totals apply.
        """
        area = area_of(location)
        async with self._turn:
            while True:
                state, revision, now = await self._now()
                release = None
                if ceiling := self._reached(state, area):
                    # A released disconnection does not count against the ceilings, which stay in force for all others.
                    release = state.release_for(area, now)
                    if release is None:
                        return Held(ceiling)
                if (free_at := self._free_at(state, location.transformer, now)) > now:
                    return Deferred(free_at - now)
                state = msgspec.structs.replace(
                    state, minute=[*state.minute, CountedDisconnection(now, location.transformer)]
                )
                counted = self._counted(state, area, now) if release is None else state.with_one_of(release)
                if await self._write(counted, revision):
                    return Allowed()

    async def refresh(self) -> DisconnectionCounts:
        """Read the counts from the store and return them, with a nonce for the next release. Raises StreamError."""
        self._known = None
        return await self.update(lambda state, _: state)

    async def update(
        self, change: Callable[[DisconnectionCounts, datetime], DisconnectionCounts]
    ) -> DisconnectionCounts:
        """Apply a change to the stored counts, again where another head end wrote meanwhile. Raises StreamError."""
        async with self._turn:
            while True:
                known, revision, now = await self._now()
                state = change(known, now)
                if not state.nonce:
                    state = msgspec.structs.replace(state, nonce=secrets.token_bytes(NONCE_BYTES))
                if state is known or await self._write(state, revision):
                    return state

    def is_released(self, location: SupplyLocation, held_at: datetime) -> bool:
        """Return whether a release that is in force now was given for the area after the disconnection was held."""
        if self._known is None or not self._known[0].releases:
            return False
        now, area = self._clock.now(), area_of(location)
        return any(
            held_at < release.effective_at <= now < release.until and area in release.areas
            for release in self._known[0].releases
        )

    async def _now(self) -> tuple[DisconnectionCounts, int, datetime]:
        if self._known is None:
            self._known = await self._read()
        known, revision = self._known
        now = self._clock.now()
        return self._as_of(known, now), revision, now

    def _as_of(self, state: DisconnectionCounts, now: datetime) -> DisconnectionCounts:
        """The counts without those that are outside their windows at `now`."""
        return msgspec.structs.replace(
            state,
            minute=[cut for cut in state.minute if cut.at > now - MINUTE],
            hour=state.hour.since(now - self._hour.span, self._hour.slice_s),
            day=state.day.since(now - self._day.span, self._day.slice_s),
            full_until=state.full_until if state.full_until and state.full_until > now else None,
            releases=[release for release in state.releases if release.until > now],
        )

    def _reached(self, state: DisconnectionCounts, area: str) -> str:
        """The ceiling that one more disconnection would exceed, in words; empty where there is none."""
        if state.full_until is not None:
            return f"the count of cuts was lost, so that none passes before {state.full_until.isoformat()}"
        for window, ceiling in ((state.hour, self._hour), (state.day, self._day)):
            if window.total() >= ceiling.total:
                return f"{ceiling.total} cuts in a business {ceiling.name}"
            if area and window.within(area) >= ceiling.of_area:
                return f"{ceiling.of_area} cuts in a business {ceiling.name} in {area}"
        return ""

    def _free_at(self, state: DisconnectionCounts, transformer: str | None, now: datetime) -> datetime:
        behind = [cut for cut in state.minute if transformer is not None and cut.transformer == transformer]
        return max(
            _free_at(state.minute, self._per_minute, now), _free_at(behind, self._per_transformer, now)
        )

    def _counted(self, state: DisconnectionCounts, area: str, now: datetime) -> DisconnectionCounts:
        return msgspec.structs.replace(
            state,
            hour=state.hour.with_one(area, now, self._hour.slice_s),
            day=state.day.with_one(area, now, self._day.slice_s),
        )

    async def _read(self) -> tuple[DisconnectionCounts, int]:
        while True:
            revision = 0
            try:
                value, revision = await self._state.get(_NAME)
                if value is None:
                    return DisconnectionCounts(), revision
                return self._of_today(msgspec.msgpack.decode(value, type=DisconnectionCounts)), revision
            except (UnsealedError, msgspec.MsgspecError) as error:
                # The old counts are lost. A count that begins at zero would be a way to lift the ceilings: overwriting
                # the stored value would be enough. Therefore the ceilings count as reached for a day.
                log.error("counts of disconnections overwritten: all are held for a day", why=str(error))  # noqa: TRY400 - an expected cause
                await self._lost()
                revision = error.revision if isinstance(error, UnsealedError) else revision
                if await self._write(DisconnectionCounts(full_until=self._clock.now() + DAY), revision):
                    assert self._known is not None
                    return self._known

    def _of_today(self, state: DisconnectionCounts) -> DisconnectionCounts:
        """The counts without what a restored store brings back: releases that may have been used since the copy was
        made.
        """
        if state.restored == self._restored or not self._restored:
            return state
        return msgspec.structs.replace(state, nonce=b"", releases=[], restored=self._restored)

    async def _write(self, state: DisconnectionCounts, revision: int) -> bool:
        """Return whether the counts were written. Where another head end wrote first, its disconnections count too."""
        self._known = None
        try:
            self._known = state, await self._state.put(_NAME, msgspec.msgpack.encode(state), revision)
        except RevisionConflictError:
            return False
        return True


def area_of(location: SupplyLocation) -> str:
    """The name under which an area is counted, cut to a bounded length; empty where the area is not known."""
    # The writer of the projection chooses the names: without a bound one entry could fill the stored value.
    return (location.area or "")[:_LONGEST_AREA]


def _free_at(cuts: list[CountedDisconnection], cap: int, now: datetime) -> datetime:
    """The instant at which fewer than `cap` of these disconnections (oldest first) lie within the last minute."""
    return cuts[-cap].at + MINUTE if len(cuts) >= cap else now
