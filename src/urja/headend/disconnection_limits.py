"""The head ends' own bounds on cuts, whoever orders them.

Two kinds. A *pace*: so many in a business minute, so many behind one transformer; what is above waits its turn.
*Ceilings*: so many in an hour and a day, and so many in one area; what is above is held until people release it
(docs/commands.md). The counts stand in the broker's store, sealed, for all head ends of an installation together; a
restart does not begin a new minute or a new day.
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
"""A load limit below this is counted as a cut: the meter switches off by itself as soon as something runs."""
_NAME: Final = "brake"
_LONGEST_AREA: Final = 64


def counts_as_disconnection(order: Order) -> bool:
    """Whether an order is one that the bounds are for. What cannot be judged counts as one."""
    match order.kind:
        case "disconnect":
            return True
        case "set_load_limit":
            watts = order.arguments.get("watts")
            return not (isinstance(watts, int) and watts >= LEAST_LOAD_W)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class SupplyLocation:
    """Where a supply is, as far as the projection says."""

    transformer: str | None = None
    area: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The cut is counted and may be carried out."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The pace is reached; there is room after so much business time."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A ceiling is reached."""

    ceiling: str
    """Which, in words."""


Verdict = Allowed | Deferred | Held


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """One bound over a window. `slice_s` is how finely the window is kept."""

    name: str
    span: timedelta
    slice_s: int
    total: int
    of_area: int


class DisconnectionLimiter:
    """Says whether one more supply may be cut now, and counts those that may."""

    def __init__(
        self,
        state: SealedState,
        clock: Clock,
        settings: HeadendSettings,
        lost: Callable[[], Awaitable[None]],
        restored: Restored | None = None,
    ) -> None:
        """`lost` is told that the count cannot be read, before it begins anew."""
        self._state = state
        self._lost = lost
        self._restored = "" if restored is None else restored.id
        self._clock = clock
        self._per_minute = settings.cuts_per_minute
        self._per_transformer = settings.cuts_per_transformer_per_minute
        self._hour = _Ceiling(
            "hour", timedelta(hours=1), 300, settings.cuts_per_hour, settings.cuts_per_area_per_hour
        )
        self._day = _Ceiling("day", DAY, 3600, settings.cuts_per_day, settings.cuts_per_area_per_day)
        # Those of this process take turns; only another head end makes one of them read anew.
        self._turn = asyncio.Lock()
        self._known: tuple[DisconnectionCounts, int] | None = None

    async def take(self, place: SupplyLocation) -> Verdict:
        """Count one cut, or say why it may not be carried out now. Raises StreamError.

        Where a transformer or an area is not known, only the totals bind.
        """
        area = area_of(place)
        async with self._turn:
            while True:
                state, revision, now = await self._now()
                release = None
                if ceiling := self._reached(state, area):
                    # A released cut does not count against the ceilings: they stay for everything else.
                    release = state.release_for(area, now)
                    if release is None:
                        return Held(ceiling)
                if (free_at := self._free_at(state, place.transformer, now)) > now:
                    return Deferred(free_at - now)
                state = msgspec.structs.replace(
                    state, minute=[*state.minute, CountedDisconnection(now, place.transformer)]
                )
                counted = self._counted(state, area, now) if release is None else state.with_one_of(release)
                if await self._write(counted, revision):
                    return Allowed()

    async def refresh(self) -> DisconnectionCounts:
        """The state as it is in the store by now, with a question to sign. Raises StreamError."""
        self._known = None
        return await self.update(lambda state, _: state)

    async def update(
        self, change: Callable[[DisconnectionCounts, datetime], DisconnectionCounts]
    ) -> DisconnectionCounts:
        """Change the state, also where another head end changes it meanwhile. Raises StreamError."""
        async with self._turn:
            while True:
                known, revision, now = await self._now()
                state = change(known, now)
                if not state.nonce:
                    state = msgspec.structs.replace(state, nonce=secrets.token_bytes(NONCE_BYTES))
                if state is known or await self._write(state, revision):
                    return state

    def is_released(self, place: SupplyLocation, held_at: datetime) -> bool:
        """Whether a release that counts by now came after a cut was held, for its area."""
        if self._known is None or not self._known[0].releases:
            return False
        now, area = self._clock.now(), area_of(place)
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
        """The state without what has left its windows."""
        return msgspec.structs.replace(
            state,
            minute=[cut for cut in state.minute if cut.at > now - MINUTE],
            hour=state.hour.since(now - self._hour.span, self._hour.slice_s),
            day=state.day.since(now - self._day.span, self._day.slice_s),
            full_until=state.full_until if state.full_until and state.full_until > now else None,
            releases=[release for release in state.releases if release.until > now],
        )

    def _reached(self, state: DisconnectionCounts, area: str) -> str:
        """The ceiling that one more cut would exceed; empty where none would be."""
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
                # What was counted is not known any more: a count that begins at zero would be a way to lift the ceilings.
                log.error("the count of cuts was overwritten: cuts are held for a day", why=str(error))  # noqa: TRY400
                await self._lost()
                revision = error.revision if isinstance(error, UnsealedError) else revision
                if await self._write(DisconnectionCounts(full_until=self._clock.now() + DAY), revision):
                    assert self._known is not None
                    return self._known

    def _of_today(self, state: DisconnectionCounts) -> DisconnectionCounts:
        """The state without what a store that was put back brings again: releases that may have been used since."""
        if state.restored == self._restored or not self._restored:
            return state
        return msgspec.structs.replace(state, nonce=b"", releases=[], restored=self._restored)

    async def _write(self, state: DisconnectionCounts, revision: int) -> bool:
        """Whether it was written; where another head end was faster, its cuts count too."""
        self._known = None
        try:
            self._known = state, await self._state.put(_NAME, msgspec.msgpack.encode(state), revision)
        except RevisionConflictError:
            return False
        return True


def area_of(place: SupplyLocation) -> str:
    """The area as it is counted; empty where it is not known. Whoever writes the projection chooses its length."""
    return (place.area or "")[:_LONGEST_AREA]


def _free_at(cuts: list[CountedDisconnection], cap: int, now: datetime) -> datetime:
    """When fewer than `cap` of these cuts (oldest first) lie within the last minute."""
    return cuts[-cap].at + MINUTE if len(cuts) >= cap else now
