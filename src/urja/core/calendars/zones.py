"""The model of a calendar, and the zone of each interval: pure, over NumPy arrays, right over changes of summer time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from urja.core.calendar import ONE_DAY, utc_offsets_s

Integers = NDArray[np.int64]

MINUTES: Final = 1440
MOST_ZONES: Final = 8
"""Zones that a meter counts in registers of their own (IS 15959)."""
_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)


class UncoveredDayError(ValueError):
    """A local day before the first version of a calendar."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone of a tariff: the meter's register `number`, 1 to 8."""

    number: int
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class DayTable:
    """One kind of day: from which minute of the local day which zone is in force; the first begins at minute 0."""

    name: str
    switches: tuple[tuple[int, int], ...]
    """(minute from 0 to 1439, zone number), in order; neighbours have different zones."""

    def by_minute(self) -> NDArray[np.int8]:
        """Return the zone number of each of the 1,440 minutes."""
        starts, zones = np.array(self.switches, np.int64).T
        minutes: NDArray[np.int8] = np.repeat(zones, np.diff([*starts, MINUTES])).astype(np.int8)
        return minutes


@dataclass(frozen=True, slots=True)
class Season:
    """A part of every year, from `month`/`day` until the next season begins, with the kind of each weekday."""

    name: str
    month: int
    day: int
    week: tuple[str, ...]
    """Names of the day tables from Monday to Sunday."""
    holiday: str
    """Name of the day table of a holiday; empty where the calendar has no holidays."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A local day that does not follow its weekday."""

    day: date
    title: str


@dataclass(frozen=True, slots=True)
class ZoneEdge:
    """A change of zone inside an interval: the energy of that interval belongs to neither zone alone."""

    day_table: str
    minute: int
    interval_from: int
    """Minutes of the local day at which the interval begins and ends."""
    interval_to: int

    def __str__(self) -> str:
        return (
            f"day {self.day_table}: the zone changes at {clock_text(self.minute)}, inside the interval from "
            f"{clock_text(self.interval_from)} to {clock_text(self.interval_to)}"
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """One version of a calendar, in force from a local day until the next version of its code."""

    code: str
    version: str
    title: str
    valid_from: date
    modelled_on: str
    zones: tuple[Zone, ...]
    days: tuple[DayTable, ...]
    seasons: tuple[Season, ...]
    """In the order of the year."""
    holidays: tuple[Holiday, ...]
    """In the order of their days."""
    sha256: str = field(repr=False, default="")

    def day_table(self, name: str) -> DayTable:
        """Return the day table of a name; raises KeyError where the calendar has none."""
        for table in self.days:
            if table.name == name:
                return table
        raise KeyError(name)

    def season_of(self, day: date) -> Season:
        """Return the season of a local day: the last one that began in its year, or the last of the year before."""
        begun = [one for one in self.seasons if (one.month, one.day) <= (day.month, day.day)]
        return (begun or self.seasons)[-1]

    def table_of(self, day: date) -> DayTable:
        """Return the day table of a local day."""
        season = self.season_of(day)
        is_holiday = any(holiday.day == day for holiday in self.holidays)
        return self.day_table(season.holiday if is_holiday else season.week[day.weekday()])

    def conflict_with(self, other: "Calendar") -> str:
        """Return why this version cannot follow another of its code, as a sentence; empty where it can.

        A zone number that changes its meaning would add peak and off-peak energy of one period in one register.
        """
        known = {zone.number: zone.name for zone in other.zones}
        for zone in self.zones:
            if known.get(zone.number, zone.name) != zone.name:
                return f"zone {zone.number} is {zone.name!r} in it and {known[zone.number]!r} in version {other.version}"
        return ""


def clock_text(minute: int) -> str:
    """Return a minute of the day as a clock shows it, such as 07:30; the end of the day is 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


def zone_numbers(versions: Sequence[Calendar], start_at: Integers, zone: ZoneInfo) -> NDArray[np.int8]:
    """Return the zone number of each interval by its start (Unix seconds), in the local time of `zone`.

    `versions` are those of one code in the order in which they come into force; an interval belongs to the version that
    is in force on its local day. Raises UncoveredDayError for an interval before the first version.
    """
    local_s = start_at + utc_offsets_s(start_at, zone)
    days, place = np.unique(local_s // _DAY_S, return_inverse=True)
    tables = [_minutes_of(versions, _EPOCH + ONE_DAY * int(day)) for day in days]
    if not tables:
        return np.zeros(0, np.int8)
    found: NDArray[np.int8] = np.stack(tables)[place, local_s % _DAY_S // 60]
    return found


def in_force(versions: Sequence[Calendar], day: date) -> Calendar:
    """Return the version of a local day. Raises UncoveredDayError before the first."""
    begun = [version for version in versions if version.valid_from <= day]
    if not begun:
        code = versions[0].code if versions else "the calendar"
        raise UncoveredDayError(
            f"no version of calendar {code!r} is in force on {day}: load one (urja calendar load)"
        )
    return begun[-1]


def _minutes_of(versions: Sequence[Calendar], day: date) -> NDArray[np.int8]:
    return in_force(versions, day).table_of(day).by_minute()


def edges_inside_intervals(
    calendar: Calendar, length_s: int, *, clock_offset_s: int | None = None, zone: ZoneInfo | None = None
) -> Iterator[ZoneEdge]:
    """Yield each change of zone that falls inside an interval of `length_s` seconds.

    Intervals begin at the midnight of the meter's clock. With `clock_offset_s`, for a clock that stays on one offset all
    year, its intervals are compared with the local time of `zone` by every offset that the zone has in a year.
    """
    length = length_s // 60
    shifts = {0} if clock_offset_s is None or zone is None else _shifts_min(clock_offset_s, zone, calendar)
    for table in calendar.days:
        for minute, _ in table.switches[1:]:
            for shift in sorted({shift % length for shift in shifts}):
                if inside := (minute - shift) % length:
                    yield ZoneEdge(table.name, minute, minute - inside, minute - inside + length)
                    break
    inside = next((shift % length for shift in sorted(shifts) if shift % length), 0)
    if inside:
        # The change at midnight, from the last zone of one kind of day to the first of another.
        first = {table.switches[0][1] for table in calendar.days}
        for table in calendar.days:
            if {table.switches[-1][1]} != first:
                yield ZoneEdge(table.name, MINUTES, MINUTES - length + inside, MINUTES + inside)


def _shifts_min(clock_offset_s: int, zone: ZoneInfo, calendar: Calendar) -> set[int]:
    """Return by how many minutes local time is ahead of a meter's clock, over the year of a calendar's first day."""
    first = int(datetime(calendar.valid_from.year, 1, 1, tzinfo=UTC).timestamp())
    offsets = utc_offsets_s(np.arange(first, first + 366 * _DAY_S, _DAY_S, dtype=np.int64), zone)
    return {int(offset - clock_offset_s) // 60 for offset in np.unique(offsets)}
