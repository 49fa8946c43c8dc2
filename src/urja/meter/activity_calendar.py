"""The activity calendar of a meter (class 20) and its special days (class 11): which tariff zone is in force when.

Tables come and go as A-XDR data, as clients write and read them. A passive calendar is checked as a whole when it is
activated or given its activation time, since its tables are written one by one (IEC 62056-6-2, 4.5.5).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.obis import Obis
from urja.meter.inputs import SpecialDayAction
from urja.meter.load import DAY_S

SCRIPT_TABLE: Final = Obis.parse("0.0.10.0.100.255")
"""The tariffication script table, whose script 1 to 8 activates the registers of a zone."""
NAME, SEASONS, WEEKS, DAYS = 2, 3, 4, 5
"""Attributes of the active calendar; those of the passive one are 4 above."""
PASSIVE: Final = 4
_ANY: Final = 0xFF
_ANY_YEAR: Final = 0xFFFF
_LONGEST_NAME: Final = 16
_MOST_ENTRIES: Final = 48
"""Entries of a table; IS 15959-2 asks for fewer of each."""


class CalendarError(ValueError):
    """A calendar that a meter cannot follow; the text says why."""


@dataclass(frozen=True, slots=True)
class Season:
    """A season begins at a date; wildcards are 0xFFFF in the year and 0xFF else."""

    start: tuple[int, int, int]
    week: bytes


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date with its day: year, month, day, weekday (1 is Monday), each with wildcards."""

    fields: tuple[int, int, int, int]
    day_id: int

    def matches(self, day: date) -> bool:
        """Return whether a local day is meant."""
        own = (day.year, day.month, day.day, day.isoweekday())
        return all(one in (_ANY, _ANY_YEAR, exact) for one, exact in zip(self.fields, own, strict=True))


def _fields(data: Data, tags: Sequence[Tag]) -> list[Any]:
    if data.tag is not Tag.STRUCTURE or [part.tag for part in data.value] != list(tags):
        raise CalendarError(f"an entry must be a structure of {', '.join(tag.name for tag in tags)}")
    return [part.value for part in data.value]


def _entries(data: Data) -> Sequence[Data]:
    if data.tag is not Tag.ARRAY or len(data.value) > _MOST_ENTRIES:
        raise CalendarError(f"a table must be an array of at most {_MOST_ENTRIES} entries")
    entries: Sequence[Data] = data.value
    return entries


def _named(name: bytes) -> bytes:
    if len(name) > _LONGEST_NAME:
        raise CalendarError(f"a name has {len(name)} bytes: it may have {_LONGEST_NAME}")
    return name


def _read_seasons(data: Data) -> tuple[Season, ...]:
    found = []
    for entry in _entries(data):
        name, start, week = _fields(entry, (Tag.OCTET_STRING,) * 3)
        _named(name)
        if len(start) != 12:
            raise CalendarError("the start of a season must be a date-time of 12 bytes")
        when = (int.from_bytes(start[:2]), start[2], start[3])
        if not 1 <= when[1] <= 12 or not 1 <= when[2] <= 31:
            raise CalendarError("the start of a season must give its month and its day")
        found.append(Season(when, _named(week)))
    return tuple(sorted(found, key=lambda season: season.start[1:]))


def _read_weeks(data: Data) -> dict[bytes, tuple[int, ...]]:
    found = {}
    for entry in _entries(data):
        name, *days = _fields(entry, (Tag.OCTET_STRING, *(Tag.UINT8,) * 7))
        found[_named(name)] = tuple(days)
    return found


def _read_days(data: Data, zones: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return the schedules by day id: second of the day and zone, in order of time."""
    found = {}
    for entry in _entries(data):
        day_id, actions = _fields(entry, (Tag.UINT8, Tag.ARRAY))
        schedule = []
        for action in actions:
            start, script, selector = _fields(action, (Tag.OCTET_STRING, Tag.OCTET_STRING, Tag.UINT16))
            if len(start) != 4 or start[0] > 23 or start[1] > 59 or start[2] > 59:
                raise CalendarError("a zone must begin at an hour, a minute and a second")
            if script != bytes(SCRIPT_TABLE) or not 1 <= selector <= zones:
                raise CalendarError(f"a zone must be a script 1 to {zones} of {SCRIPT_TABLE}")
            schedule.append((start[0] * 3600 + start[1] * 60 + start[2], selector))
        found[day_id] = tuple(sorted(schedule))
    return found


@dataclass(frozen=True, slots=True)
class ActivityCalendar:
    """Seasons by their start, weeks by name, days by id."""

    seasons: tuple[Season, ...]
    weeks: dict[bytes, tuple[int, ...]]
    days: dict[int, tuple[tuple[int, int], ...]]

    @classmethod
    def read(cls, tables: dict[int, Data], zones: int) -> "ActivityCalendar":
        """Return the calendar of its tables, by attribute (2 to 5).

        Raises CalendarError where a table is none, or names a week or a day that does not exist.
        """
        found = cls(
            _read_seasons(tables[SEASONS]), _read_weeks(tables[WEEKS]), _read_days(tables[DAYS], zones)
        )
        if not found.seasons:
            raise CalendarError("a calendar needs a season")
        for season in found.seasons:
            if season.week not in found.weeks:
                raise CalendarError(
                    f"a season names week {season.week!r}, which the week table does not have"
                )
        for name, days in found.weeks.items():
            for day_id in days:
                if not found.days.get(day_id):
                    raise CalendarError(f"week {name!r} names day {day_id}, which has no schedule")
        return found

    def schedule(self, day: date, special: Iterable[SpecialDay]) -> tuple[tuple[int, int], ...]:
        """Return the zones of a local day by the second at which they begin: a special day's, else the week's."""
        for one in special:
            if one.matches(day) and self.days.get(one.day_id):
                return self.days[one.day_id]
        begun = [season for season in self.seasons if season.start[1:] <= (day.month, day.day)]
        # Before the year's first season the last one of the year before goes on.
        season = begun[-1] if begun else self.seasons[-1]
        return self.days[self.weeks[season.week][day.weekday()]]

    def zone_at(self, local_s: int, special: Sequence[SpecialDay]) -> int:
        """Return the zone in force at an instant (seconds of local time since 1970)."""
        day, second = _local_day(local_s)
        for start_s, zone in reversed(self.schedule(day, special)):
            if start_s <= second:
                return zone
        # Until its first entry of a day, the last one of the day before is in force.
        return self.schedule(day - timedelta(days=1), special)[-1][1]

    def next_change(self, local_s: int, special: Sequence[SpecialDay]) -> int:
        """Return the first instant after `local_s` at which a zone may begin (seconds of local time)."""
        day, second = _local_day(local_s)
        midnight_s = local_s - second
        later = [start_s for start_s, _ in self.schedule(day, special) if start_s > second]
        return midnight_s + (later[0] if later else DAY_S)


def _local_day(local_s: int) -> tuple[date, int]:
    return datetime.fromtimestamp(local_s, UTC).date(), local_s % DAY_S


def _single_zone() -> dict[int, Data]:
    """Return the tables of a new meter: zone 1 at all hours."""
    action = axdr.structure(axdr.octets(bytes(4)), axdr.octets(bytes(SCRIPT_TABLE)), axdr.uint16(1))
    start = b"\xff\xff\x01\x01\xff\xff\xff\xff\xff\x80\x00\xff"
    return {
        NAME: axdr.octets(b""),
        SEASONS: axdr.array(axdr.structure(axdr.octets(b"1"), axdr.octets(start), axdr.octets(b"1"))),
        WEEKS: axdr.array(axdr.structure(axdr.octets(b"1"), *(axdr.uint8(1),) * 7)),
        DAYS: axdr.array(axdr.structure(axdr.uint8(1), axdr.array(action))),
    }


@dataclass(slots=True)
class CalendarState:
    """The active and the passive calendar of a meter with `zones` tariff zones, and its special days.

    `activates_at_s` is the UTC instant, by the meter's clock, at which the passive one becomes active; None where it
    has none.
    """

    zones: int
    active: dict[int, Data] = field(default_factory=_single_zone)
    passive: dict[int, Data] = field(default_factory=_single_zone)
    special: tuple[tuple[int, SpecialDay], ...] = ()
    """By their index, in its order."""
    activates_at_s: int | None = None
    _calendar: ActivityCalendar = field(init=False)

    def __post_init__(self) -> None:
        self._calendar = ActivityCalendar.read(self.active, self.zones)

    @property
    def special_days(self) -> tuple[SpecialDay, ...]:
        """The special days in the order of their index."""
        return tuple(day for _, day in self.special)

    def write(self, attribute: int, data: Data) -> None:
        """Store a table of the passive calendar (attributes 2 to 5 of it); raises CalendarError for another form."""
        if attribute == NAME:
            if data.tag is not Tag.OCTET_STRING:
                raise CalendarError("the name of a calendar must be an octet-string")
            _named(data.value)
        elif attribute == SEASONS:
            _read_seasons(data)
        elif attribute == WEEKS:
            _read_weeks(data)
        else:
            _read_days(data, self.zones)
        self.passive = self.passive | {attribute: data}

    def check_passive(self) -> None:
        """Raise CalendarError where the passive calendar cannot become active."""
        ActivityCalendar.read(self.passive, self.zones)

    def activate(self) -> None:
        """Make the passive calendar active; raises CalendarError where it cannot be followed."""
        self._calendar = ActivityCalendar.read(self.passive, self.zones)
        self.active = dict(self.passive)
        self.activates_at_s = None

    def change_special_days(self, action: SpecialDayAction, data: Data) -> None:
        """Write the table of special days, or insert (method 1) or delete (method 2) an entry by its index.

        Raises CalendarError for data of another form.
        """
        if action == "delete":
            self.special = tuple(entry for entry in self.special if entry[0] != data.value)
            return
        fresh = dict(map(read_special_day, _entries(data) if action == "write" else (data,)))
        kept = {} if action == "write" else dict(self.special)
        self.special = tuple(sorted((kept | fresh).items(), key=lambda entry: entry[0]))

    def zone_at(self, local_s: int) -> int:
        """Return the tariff zone in force at an instant of the meter's local time."""
        return self._calendar.zone_at(local_s, self.special_days)

    def next_change(self, local_s: int) -> int:
        """Return the first instant after `local_s` at which a zone may begin, in seconds of local time."""
        return self._calendar.next_change(local_s, self.special_days)


def read_special_day(data: Data) -> tuple[int, SpecialDay]:
    """Return index and special day of an entry; raises CalendarError."""
    index, when, day_id = _fields(data, (Tag.UINT16, Tag.OCTET_STRING, Tag.UINT8))
    if len(when) != 5:
        raise CalendarError("a special day must be a date of 5 bytes")
    return index, SpecialDay((int.from_bytes(when[:2]), when[2], when[3], when[4]), day_id)


def special_day_data(index: int, day: SpecialDay) -> Data:
    """Return the entry of a special day, as the table shows it."""
    year, month, day_of_month, weekday = day.fields
    when = year.to_bytes(2) + bytes((month, day_of_month, weekday))
    return axdr.structure(axdr.uint16(index), axdr.octets(when), axdr.uint8(day.day_id))
