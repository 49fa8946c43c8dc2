"""When a cut may be carried out: the open hours of a day, and the days that have any.

Hours are local minutes since midnight, half-open. An opening is turned into instants so that no instant in it has
a protected time on the wall clock, also on the day of a change of summer time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo

from urja.core.calendar import ONE_DAY, local_day
from urja.core.policy.decision import Window
from urja.core.policy.reading import MINUTES_PER_DAY

type Span = tuple[int, int]
"""Local minutes since midnight, half-open."""


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """Such as the second Saturday of each month: `nth` 2, `weekday` 5."""

    nth: int
    weekday: int

    def __contains__(self, day: date) -> bool:
        return day.weekday() == self.weekday and (day.day - 1) // 7 + 1 == self.nth


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day of each year, or of one."""

    month: int
    day_of_month: int
    year: int | None
    name: str

    def __contains__(self, day: date) -> bool:
        return (day.month, day.day) == (self.month, self.day_of_month) and self.year in (None, day.year)


@dataclass(frozen=True, slots=True)
class Protected:
    """Hours and days in which nobody is cut."""

    hours: tuple[Span, ...]
    """Those that wrap midnight are in two pieces."""
    weekdays: frozenset[int]
    nth_weekdays: tuple[NthWeekday, ...]
    holidays: tuple[Holiday, ...]

    def day(self, day: date) -> bool:
        """Whether the whole local day is protected."""
        return (
            day.weekday() in self.weekdays
            or any(day in nth for nth in self.nth_weekdays)
            or any(day in holiday for holiday in self.holidays)
        )

    def holiday(self, day: date) -> str:
        """The name of the holiday that a day is; empty where it is none."""
        return next((holiday.name for holiday in self.holidays if day in holiday), "")

    def hour(self, minute: int) -> bool:
        return any(start <= minute < end for start, end in self.hours)


def unwrapped(start: int, end: int) -> tuple[Span, ...]:
    """18:00 to 08:00 as two spans of one day; a span that ends where it starts is the whole day."""
    if start < end:
        return ((start, end),)
    return tuple(span for span in ((start, MINUTES_PER_DAY), (0, end)) if span[0] < span[1])


def without(span: Span, taken: tuple[Span, ...]) -> tuple[Span, ...]:
    """What is left of a span."""
    left = [span]
    for start, end in taken:
        left = [
            piece
            for low, high in left
            for piece in ((low, min(high, start)), (max(low, end), high))
            if piece[0] < piece[1]
        ]
    return tuple(sorted(left))


@dataclass(frozen=True, slots=True)
class OpenHours:
    """The cut window of a document without its protected hours and days."""

    spans: tuple[Span, ...]
    protected: Protected

    def next_window(self, at: datetime, zone: ZoneInfo) -> Window:
        """The opening that holds `at`, or the next one. `parse_policy` has proved that there is one."""
        return next(window for window in self._windows(at, zone) if window.not_after > at)

    def _windows(self, at: datetime, zone: ZoneInfo) -> Iterator[Window]:
        first = local_day(at, zone) - ONE_DAY
        for n in count():
            day = first + timedelta(days=n)
            if self.protected.day(day):
                continue
            for start, end in self.spans:
                window = Window(_opens(day, start, zone), _closes(day, end, zone))
                if window.not_before < window.not_after:
                    yield window

    def longest_wait_minutes(self, first: date, days: int) -> tuple[int, date]:
        """The longest stretch on the wall clock without an opening, and the day it begins.

        Looks at so many days from `first`; a stretch that has no end there counts up to the last of them.
        """
        longest, began = 0, first
        closed_at, closed_on = 0, first
        for n in range(days):
            day = first + timedelta(days=n)
            for start, end in () if self.protected.day(day) else self.spans:
                wait = n * MINUTES_PER_DAY + start - closed_at
                if wait > longest:
                    longest, began = wait, closed_on
                closed_at, closed_on = n * MINUTES_PER_DAY + end, day
        wait = days * MINUTES_PER_DAY - closed_at
        return (wait, closed_on) if wait > longest else (longest, began)


def _wall(day: date, minute: int) -> datetime:
    """Local and without a zone yet; minute 1440 is the next midnight."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


@lru_cache(maxsize=1024)
def _opens(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The later reading of a wall time that a change of clocks makes ambiguous or skips."""
    return max(_readings(_wall(day, minute), zone))


@lru_cache(maxsize=1024)
def _closes(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The earlier reading."""
    return min(_readings(_wall(day, minute), zone))


def _readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return (
        wall.replace(tzinfo=zone, fold=0).astimezone(UTC),
        wall.replace(tzinfo=zone, fold=1).astimezone(UTC),
    )
