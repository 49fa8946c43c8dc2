"""Local days and billing periods. The time zone is always an argument; bounds are half-open and in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC; correct also where summer time begins or ends at midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the local day of an instant. An interval belongs to the day of its *start*."""
    return instant.astimezone(zone).date()


def utc_offsets_s(at: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Return a zone's offset from UTC at each instant: Unix seconds in, seconds out, positive east of Greenwich."""
    if len(at) == 0:
        return np.zeros(0, np.int64)
    first, last = (datetime.fromtimestamp(int(instant), UTC).year for instant in (at.min(), at.max()))
    changes = [change for year in range(first, last + 1) for change in _offsets_of_year(zone, year)]
    begins, offsets = np.array(changes, np.int64).T
    found: NDArray[np.int64] = offsets[np.searchsorted(begins, at, "right") - 1]
    return found


@lru_cache(maxsize=256)
def _offsets_of_year(zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """Return (Unix second from which, offset in seconds) of a UTC year, in order; the first begins with the year."""

    def offset(second: int) -> int:
        return round((datetime.fromtimestamp(second, zone).utcoffset() or timedelta()).total_seconds())

    begin, end = (int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) for number in (year, year + 1))
    found = [(begin, offset(begin))]
    # `zoneinfo` does not list its changes: they are found by the day, then by halving. No zone changes twice in a day.
    for day in range(begin, end, 86_400):
        low, high = day, day + 86_400
        if offset(high) == found[-1][1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
        found.append((high, offset(high)))
    return tuple(found)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Whole local days from `first` up to, and without, `end`."""

    first: date
    end: date

    @property
    def days(self) -> int:
        """The number of days; zero for an empty period."""
        return max((self.end - self.first).days, 0)

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(self.days))

    def intersection(self, other: "Period") -> "Period":
        """Return the days that are in both periods; an empty period where there are none."""
        first = max(self.first, other.first)
        return Period(first, max(first, min(self.end, other.end)))

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the first instant of the period and the first instant after it, in UTC."""
        return midnight(self.first, zone), midnight(self.end, zone)

    def split_at(self, days: list[date]) -> "list[Period]":
        """Split the period before each of the given days that lies inside it."""
        starts = [self.first, *sorted({day for day in days if self.first < day < self.end})]
        return [Period(first, end) for first, end in zip(starts, [*starts[1:], self.end], strict=True)]


def month_of(day: date) -> Period:
    """Return the calendar month of a day."""
    return billing_period(day, 1)


@lru_cache(maxsize=4096)
def billing_period(day: date, starts_on: int = 1) -> Period:
    """Return the billing period of a day, where periods begin on day `period_start_day` (1 to 28) of each month.

    Raises ValueError for another `period_start_day`: from 29 on, February would have none.
    """
    if not 1 <= starts_on <= 28:
        raise ValueError(f"a billing period begins on day 1 to 28 of a month, not {starts_on}")
    first = day.replace(day=starts_on)
    if first > day:
        first = (day.replace(day=1) - ONE_DAY).replace(day=starts_on)
    return Period(first, (first.replace(day=1) + timedelta(days=31)).replace(day=starts_on))


def split_by_month(period: Period) -> list[tuple[Period, int]]:
    """Split a period at the first of each month; return each part with the length of its month, in days."""
    parts = []
    while period.days:
        month = month_of(period.first)
        parts.append((period.intersection(month), month.days))
        period = Period(min(month.end, period.end), period.end)
    return parts


def month_fraction(period: Period) -> Fraction:
    """Return the length of a period in months: each day counts as one part of its own calendar month."""
    return sum((Fraction(part.days, length) for part, length in split_by_month(period)), Fraction(0))
