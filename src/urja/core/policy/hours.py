"""When a disconnection may be carried out: the open hours of a day, and the days that have any.

Hours are local minutes since midnight, half-open. A window is converted to instants so that none of them has a
protected time on the wall clock, also on a day when summer time begins or ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo

from urja.core.calendar import ONE_DAY, local_day
from urja.core.policy.decision import Window
from urja.core.policy.table_reader import MINUTES_PER_DAY

type Span = tuple[int, int]
"""Local minutes since midnight, half-open."""


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """A weekday of each month, such as the second Saturday: `nth` 2, `weekday` 5 (Monday is 0)."""

    nth: int
    weekday: int

    def __contains__(self, day: date) -> bool:
        return day.weekday() == self.weekday and (day.day - 1) // 7 + 1 == self.nth


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day of each year, or of one year."""

    month: int
    day_of_month: int
    year: int | None
    name: str

    def __contains__(self, day: date) -> bool:
        return (day.month, day.day) == (self.month, self.day_of_month) and self.year in (None, day.year)


@dataclass(frozen=True, slots=True)
class ProtectedTimes:
    """Hours and days in which no supply is disconnected."""

    hours: tuple[Span, ...]
    """Hours across midnight are in two spans."""
    weekdays: frozenset[int]
    nth_weekdays: tuple[NthWeekday, ...]
    holidays: tuple[Holiday, ...]

    def day(self, day: date) -> bool:
        """Return whether the whole local day is protected."""
        return (
            day.weekday() in self.weekdays
            or any(day in nth for nth in self.nth_weekdays)
            or any(day in holiday for holiday in self.holidays)
        )

    def holiday(self, day: date) -> str:
        """Return the name of the holiday on a day; empty where it is none."""
        return next((holiday.name for holiday in self.holidays if day in holiday), "")

    def hour(self, minute: int) -> bool:
        return any(start <= minute < end for start, end in self.hours)


def split_at_midnight(start: int, end: int) -> tuple[Span, ...]:
    """Return a span across midnight, such as 18:00 to 08:00, as spans of one day; equal ends mean the whole day."""
    if start < end:
        return ((start, end),)
    return tuple(span for span in ((start, MINUTES_PER_DAY), (0, end)) if span[0] < span[1])


def subtract_spans(span: Span, taken: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the parts of a span, in minutes of the day, that lie outside other spans."""
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
    """The disconnection window of a document without its protected hours and days."""

    spans: tuple[Span, ...]
    protected: ProtectedTimes

    def next_window(self, at: datetime, zone: ZoneInfo) -> Window:
        """Return the window that contains `at`, or the next one, in UTC. `parse_policy` has proved that one exists."""
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
        """Return the longest time on the wall clock without a window, in minutes, and the day it begins.

        Only `days` days from `first` are examined; a wait that has not ended by then counts up to the last of them.
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
    """Return a local time without a zone; minute 1440 is the next midnight."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


@lru_cache(maxsize=1024)
def _opens(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the later instant of a wall time that summer time makes ambiguous or skips: no window opens too early."""
    return max(_readings(_wall(day, minute), zone))


@lru_cache(maxsize=1024)
def _closes(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the earlier instant: no window closes too late."""
    return min(_readings(_wall(day, minute), zone))


def _readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return (
        wall.replace(tzinfo=zone, fold=0).astimezone(UTC),
        wall.replace(tzinfo=zone, fold=1).astimezone(UTC),
    )
