"""The form in which a meter holds a calendar: season, week and day tables of the activity calendar (IEC 62056-6-2, class
20) and its special-days table (class 11), both ways, without any encoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from urja.base.untyped_values import JsonObject
from urja.core.calendar import Period
from urja.core.calendars.zones import Calendar, in_force

type DayAction = tuple[int, int]
"""Minute of the local day, and the zone number that is the selector of the tariffication script (0.0.10.0.100.255)."""


class CalendarTablesError(ValueError):
    """Values that are no tables of an activity calendar; the text says why."""


@dataclass(frozen=True, slots=True)
class SeasonEntry:
    """`season_profile`: a season's name, the month and day of every year on which it begins, its week's name."""

    name: str
    month: int
    day: int
    week: str


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """An entry of the special-days table: a day of one year with the day table that it follows."""

    index: int
    day: date
    day_id: int


@dataclass(frozen=True, slots=True)
class ActivityTables:
    """Tables of one calendar, as they are written to a meter or as they were read back."""

    seasons: tuple[SeasonEntry, ...]
    weeks: tuple[tuple[str, tuple[int, ...]], ...]
    """`week_profile_table`: a week's name, and the day ids from Monday to Sunday."""
    days: tuple[tuple[int, tuple[DayAction, ...]], ...]
    """`day_profile_table`: a day id with its actions, in the order of the day."""
    special_days: tuple[SpecialDay, ...]

    def switches(self, day: date) -> tuple[DayAction, ...] | None:
        """Return the changes of zone of a local day, or None where the tables do not cover it.

        Actions that do not change the zone are left out, so that tables of other makers compare by their meaning.
        """
        special = next((one.day_id for one in self.special_days if one.day == day), None)
        day_id = self._day_id(day) if special is None else special
        actions = dict(self.days).get(day_id) if day_id is not None else None
        if not actions or actions[0][0] != 0:
            return None
        return tuple(action for n, action in enumerate(actions) if n == 0 or action[1] != actions[n - 1][1])

    def _day_id(self, day: date) -> int | None:
        seasons = sorted(self.seasons, key=lambda one: (one.month, one.day))
        begun = [one for one in seasons if (one.month, one.day) <= (day.month, day.day)]
        if not seasons:
            return None
        week = dict(self.weeks).get((begun or seasons)[-1].week)
        return None if week is None else week[day.weekday()]


def activity_tables(calendar: Calendar, holidays: Period) -> ActivityTables:
    """Return the tables that a meter is to hold, with the holidays that fall in a period as special days.

    Ids count from 1; names are of at most 8 characters, as meters have room for: the season's and week's number.
    """
    ids = {table.name: n for n, table in enumerate(calendar.days, 1)}
    special = [holiday.day for holiday in calendar.holidays if holiday.day in holidays]
    return ActivityTables(
        tuple(
            SeasonEntry(f"S{n}", season.month, season.day, f"W{n}")
            for n, season in enumerate(calendar.seasons, 1)
        ),
        tuple(
            (f"W{n}", tuple(ids[name] for name in season.week))
            for n, season in enumerate(calendar.seasons, 1)
        ),
        tuple((ids[table.name], table.switches) for table in calendar.days),
        tuple(SpecialDay(n, day, ids[calendar.season_of(day).holiday]) for n, day in enumerate(special, 1)),
    )


class _Season(msgspec.Struct):
    name: str
    month: int
    day: int
    week: str


class _Week(msgspec.Struct):
    name: str
    days: tuple[int, ...]


class _Action(msgspec.Struct):
    minute: int
    zone: int


class _Day(msgspec.Struct):
    id: int
    actions: tuple[_Action, ...]


class _SpecialDay(msgspec.Struct):
    index: int
    day: date
    day_id: int


class _Tables(msgspec.Struct):
    seasons: tuple[_Season, ...]
    weeks: tuple[_Week, ...]
    days: tuple[_Day, ...]
    special_days: tuple[_SpecialDay, ...] = ()


def plain_tables(tables: ActivityTables) -> JsonObject:
    """Return tables as plain values, as commands have them (`urja.headend.calendar_tables`)."""
    return {
        "seasons": [
            {"name": one.name, "month": one.month, "day": one.day, "week": one.week} for one in tables.seasons
        ],
        "weeks": [{"name": name, "days": list(days)} for name, days in tables.weeks],
        "days": [
            {"id": day_id, "actions": [{"minute": minute, "zone": number} for minute, number in actions]}
            for day_id, actions in tables.days
        ],
        "special_days": [
            {"index": one.index, "day": one.day.isoformat(), "day_id": one.day_id}
            for one in tables.special_days
        ],
    }


def tables_of(plain: object) -> ActivityTables:
    """Return the tables that plain values are. Raises CalendarTablesError for values of another form."""
    try:
        read = msgspec.convert(plain, _Tables)
    except msgspec.ValidationError as error:
        raise CalendarTablesError(f"no tables of an activity calendar: {error}") from error
    return ActivityTables(
        tuple(SeasonEntry(one.name, one.month, one.day, one.week) for one in read.seasons),
        tuple((one.name, one.days) for one in read.weeks),
        tuple((one.id, tuple((action.minute, action.zone) for action in one.actions)) for one in read.days),
        tuple(SpecialDay(one.index, one.day, one.day_id) for one in read.special_days),
    )


def first_difference(versions: Sequence[Calendar], read_back: ActivityTables, period: Period) -> date | None:
    """Return the first local day of a period on which a meter's tables and a calendar differ; None where they agree.

    `versions` are those of one code; a day has the version that is in force on it. Zone registers of a meter are billed
    only where there is no difference: they have counted by the meter's own tables. Raises UncoveredDayError for a day
    before the first version.
    """
    return next(
        (day for day in period if read_back.switches(day) != in_force(versions, day).table_of(day).switches),
        None,
    )
