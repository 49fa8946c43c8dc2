"""The head ends' own bounds on cuts, whoever orders them.

Two kinds. A *pace*: so many in a business minute, so many behind one transformer; what is above waits its turn.
*Ceilings*: so many in an hour and a day, and so many in one area; what is above is held until people release it
(docs/commands.md). The counts stand in the broker's store, sealed, for all head ends of an installation together; a
restart does not begin a new minute or a new day.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from urja.base.clock import Clock
from urja.base.settings import HeadendSettings
from urja.headend.sealed_state import SealedState, UnsealedError
from urja.stream import messages
from urja.stream.errors import RevisionConflict
from urja.stream.orders import Order

log = structlog.get_logger()

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
LEAST_LOAD_W: Final = 500
"""A load limit below this is counted as a cut: the meter switches off by itself as soon as something runs."""
_NAME: Final = "brake"
_LONGEST_AREA: Final = 64


def takes_supply(order: Order) -> bool:
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
class Place:
    """Where a supply is, as far as the projection says."""

    transformer: str | None = None
    area: str | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """The cut is counted and may be carried out."""


@dataclass(frozen=True, slots=True)
class Later:
    """The pace is reached; there is room after so much business time."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Held:
    """A ceiling is reached."""

    ceiling: str
    """Which, in words."""


Verdict = Passed | Later | Held


class _Cut(msgspec.Struct, frozen=True, array_like=True):
    at: datetime
    transformer: str | None


class _Window(msgspec.Struct, frozen=True):
    """Cuts by area in slices of time: the size depends on the number of areas, not of cuts.

    A slice counts until its end is outside the window, so that a window is never shorter than it is called.
    """

    slices: dict[int, dict[str, int]] = {}

    def since(self, at: datetime, slice_s: int) -> "_Window":
        first = int(at.timestamp()) // slice_s
        return _Window({start: counts for start, counts in self.slices.items() if start >= first})

    def with_one(self, area: str, at: datetime, slice_s: int) -> "_Window":
        number = int(at.timestamp()) // slice_s
        counts = self.slices.get(number, {})
        return _Window({**self.slices, number: {**counts, area: counts.get(area, 0) + 1}})

    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.slices.values())

    def within(self, area: str) -> int:
        return sum(counts.get(area, 0) for counts in self.slices.values())


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What the head ends of an installation know of their cuts."""

    minute: list[_Cut] = []
    """The last minute's, oldest first."""
    hour: _Window = _Window()
    day: _Window = _Window()
    full_until: datetime | None = None
    """Until then the ceilings count as reached: what had been counted was lost."""


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """One bound over a window. `slice_s` is how finely the window is kept."""

    name: str
    span: timedelta
    slice_s: int
    total: int
    of_area: int


class Brake:
    """Says whether one more supply may be cut now, and counts those that may."""

    def __init__(self, state: SealedState, clock: Clock, settings: HeadendSettings) -> None:
        self._state = state
        self._clock = clock
        self._per_minute = settings.cuts_per_minute
        self._per_transformer = settings.cuts_per_transformer_per_minute
        self._hour = _Ceiling(
            "hour", timedelta(hours=1), 300, settings.cuts_per_hour, settings.cuts_per_area_per_hour
        )
        self._day = _Ceiling("day", DAY, 3600, settings.cuts_per_day, settings.cuts_per_area_per_day)
        # Those of this process take turns; only another head end makes one of them read anew.
        self._turn = asyncio.Lock()
        self._known: tuple[_State, int] | None = None

    async def take(self, place: Place) -> Verdict:
        """Count one cut, or say why it may not be carried out now. Raises StreamError.

        Where a transformer or an area is not known, only the totals bind.
        """
        async with self._turn:
            while True:
                now = self._clock.now()
                known, revision = self._known or await self._read()
                state = self._as_of(known, now)
                area = (place.area or "")[:_LONGEST_AREA]
                if ceiling := self._reached(state, area):
                    return Held(ceiling)
                if (free_at := self._free_at(state, place.transformer, now)) > now:
                    return Later(free_at - now)
                if await self._write(self._counted(state, place.transformer, area, now), revision):
                    return Passed()

    def _as_of(self, state: _State, now: datetime) -> _State:
        """The state without what has left its windows."""
        return msgspec.structs.replace(
            state,
            minute=[cut for cut in state.minute if cut.at > now - MINUTE],
            hour=state.hour.since(now - self._hour.span, self._hour.slice_s),
            day=state.day.since(now - self._day.span, self._day.slice_s),
            full_until=state.full_until if state.full_until and state.full_until > now else None,
        )

    def _reached(self, state: _State, area: str) -> str:
        """The ceiling that one more cut would exceed; empty where none would be."""
        if state.full_until is not None:
            return f"the count of cuts was lost, so that none passes before {state.full_until.isoformat()}"
        for window, ceiling in ((state.hour, self._hour), (state.day, self._day)):
            if window.total() >= ceiling.total:
                return f"{ceiling.total} cuts in a business {ceiling.name}"
            if area and window.within(area) >= ceiling.of_area:
                return f"{ceiling.of_area} cuts in a business {ceiling.name} in {area}"
        return ""

    def _free_at(self, state: _State, transformer: str | None, now: datetime) -> datetime:
        behind = [cut for cut in state.minute if transformer is not None and cut.transformer == transformer]
        return max(
            _free_at(state.minute, self._per_minute, now), _free_at(behind, self._per_transformer, now)
        )

    def _counted(self, state: _State, transformer: str | None, area: str, now: datetime) -> _State:
        return msgspec.structs.replace(
            state,
            minute=[*state.minute, _Cut(now, transformer)],
            hour=state.hour.with_one(area, now, self._hour.slice_s),
            day=state.day.with_one(area, now, self._day.slice_s),
        )

    async def _read(self) -> tuple[_State, int]:
        while True:
            try:
                value, revision = await self._state.get(_NAME)
            except UnsealedError as error:
                # What was counted is not known any more: a count that begins at zero would be a way to lift the ceilings.
                log.error("the count of cuts was overwritten: cuts are held for a day", why=str(error))  # noqa: TRY400
                if await self._write(_State(full_until=self._clock.now() + DAY), error.revision):
                    assert self._known is not None
                    return self._known
            else:
                return _State() if value is None else messages.decode(value, _State), revision

    async def _write(self, state: _State, revision: int) -> bool:
        """Whether it was written; where another head end was faster, its cuts count too."""
        self._known = None
        try:
            self._known = state, await self._state.put(_NAME, messages.encode(state), revision)
        except RevisionConflict:
            return False
        return True


def _free_at(cuts: list[_Cut], cap: int, now: datetime) -> datetime:
    """When fewer than `cap` of these cuts (oldest first) lie within the last minute."""
    return cuts[-cap].at + MINUTE if len(cuts) >= cap else now
