"""Local civil days and billing periods. The zone is always an argument; bounds are half-open and in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC, also where a change of summer time falls on midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The local day that holds an instant. An interval belongs to the day of its *start*."""
    return instant.astimezone(zone).date()


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Whole local days from `first` up to, and without, `end`."""

    first: date
    end: date

    @property
    def days(self) -> int:
        """How many days it holds; zero when empty."""
        return max((self.end - self.first).days, 0)

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(self.days))

    def meet(self, other: "Period") -> "Period":
        """The days in both, perhaps none."""
        first = max(self.first, other.first)
        return Period(first, max(first, min(self.end, other.end)))

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first instant and the first one after it, in UTC."""
        return midnight(self.first, zone), midnight(self.end, zone)

    def cut(self, days: list[date]) -> "list[Period]":
        """The same days in pieces that begin at each of the given days inside."""
        starts = [self.first, *sorted({day for day in days if self.first < day < self.end})]
        return [Period(first, end) for first, end in zip(starts, [*starts[1:], self.end], strict=True)]


def month_of(day: date) -> Period:
    """The calendar month that holds a day."""
    return billing_period(day, 1)


def billing_period(day: date, starts_on: int = 1) -> Period:
    """The billing period that holds a day, where periods begin on day 1..28 of each month."""
    if not 1 <= starts_on <= 28:
        raise ValueError(f"a billing period begins on day 1 to 28 of a month, not {starts_on}")
    first = day.replace(day=starts_on)
    if first > day:
        first = (day.replace(day=1) - ONE_DAY).replace(day=starts_on)
    return Period(first, (first.replace(day=1) + timedelta(days=31)).replace(day=starts_on))


def month_parts(period: Period) -> list[tuple[Period, int]]:
    """The period cut at the first of each month; each part with the length of its month in days."""
    parts = []
    while period.days:
        month = month_of(period.first)
        parts.append((period.meet(month), month.days))
        period = Period(min(month.end, period.end), period.end)
    return parts


def month_fraction(period: Period) -> Fraction:
    """How many months a period is: each day counts as one part of its own month."""
    return sum((Fraction(part.days, length) for part, length in month_parts(period)), Fraction(0))
