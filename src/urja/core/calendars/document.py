"""Parser of calendar documents: TOML, dated and versioned, one file for each version.

All faults of a document are reported at once, each with its place and a sentence that says what to correct.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Final

from urja.core.calendars.zones import (
    MINUTES,
    MOST_ZONES,
    Calendar,
    DayTable,
    Holiday,
    Season,
    Zone,
    clock_text,
)
from urja.core.table_reader import DocumentError, Fault, TableReader, tables_of

FORMAT: Final = 1
"""The document format that this module reads."""
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOST_DAYS: Final = 64
_MOST_SEASONS: Final = 12
_MOST_HOLIDAYS: Final = 1000
"""Bounds of what a document may cost; a meter's tables hold less."""
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_MONTH_DAY: Final = re.compile(r"(\d\d)-(\d\d)")


class CalendarError(DocumentError):
    """A text that is not a valid calendar."""


def parse_calendar(text: str) -> Calendar:
    """Parse a calendar document. Raises CalendarError with every fault found.

    Each minute of each kind of day is in exactly one zone, each day of the year in one season, and every name that is
    used is defined.
    """
    faults: list[Fault] = []
    table = tables_of(text, CalendarError, "docs/calendars.md", parse_float=float)
    reader = TableReader(table, "", faults)
    reader.check_format(FORMAT)
    zones = _zones(reader)
    days = _days(reader, zones)
    holidays = tuple(_holidays(reader))
    calendar = Calendar(
        code=reader.identifier("code"),
        version=reader.identifier("version"),
        title=reader.text("title"),
        valid_from=_day(reader, "valid_from") or date.min,
        modelled_on=reader.text("modelled_on", ""),
        zones=zones,
        days=days,
        seasons=_seasons(reader, {str(given.get("name")) for given in _given(table, "day")}, bool(holidays)),
        holidays=holidays,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    reader.finish()
    if faults:
        raise CalendarError(faults)
    return calendar


def _given(table: dict[str, object], key: str) -> list[dict[str, object]]:
    value = table.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _day(reader: TableReader, key: str) -> date | None:
    value = reader.take(key)
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    reader.fault(f"must be a day such as 2026-04-01, not {value!r}", key)
    return None


def _bounded(reader: TableReader, key: str, each: str, most: int) -> list[TableReader]:
    readers = reader.tables(key, each)
    if len(readers) > most:
        reader.fault(f"a calendar has at most {most}, not {len(readers)}", key)
    return readers[:most]


def _zones(reader: TableReader) -> tuple[Zone, ...]:
    zones: list[Zone] = []
    for item in _bounded(reader, "zone", "zone", MOST_ZONES):
        number, name = item.take("number"), item.identifier("name")
        title = item.text("title", name)
        item.finish()
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_ZONES:
            item.fault(f"must be a register of the meter, 1 to {MOST_ZONES}, not {number!r}", "number")
            continue
        if number in {zone.number for zone in zones}:
            item.fault(f"{number} is another zone's already", "number")
        if name in {zone.name for zone in zones}:
            item.fault(f"{name!r} is another zone's already", "name")
        zones.append(Zone(number, name, title))
    return tuple(zones)


def _days(reader: TableReader, zones: Sequence[Zone]) -> tuple[DayTable, ...]:
    numbers = {zone.name: zone.number for zone in zones}
    tables: list[DayTable] = []
    for item in _bounded(reader, "day", "kind of day", _MOST_DAYS):
        name = item.identifier("name")
        item.where = f"day {name}" if name else item.where
        if name in {table.name for table in tables}:
            item.fault(f"{name!r} is defined twice", "name")
        spans = list(_spans(item, numbers))
        item.finish()
        if all(span is not None for span in spans):
            tables.append(DayTable(name, _switches(item, [span for span in spans if span is not None])))
    return tuple(tables)


type _Span = tuple[int, int, str, int]
"""First minute, minute after the last, name and number of the zone."""


def _spans(reader: TableReader, numbers: dict[str, int]) -> Iterator[_Span | None]:
    for item in reader.tables("zones", "span of hours"):
        begins, ends, zone = _minute(item, "from"), _minute(item, "to"), item.text("zone")
        item.finish()
        if zone and zone not in numbers:
            item.fault(
                f"names the zone {zone!r}, which is not defined; there are {', '.join(numbers)}", "zone"
            )
        if begins is None or ends is None or zone not in numbers:
            yield None
        elif ends <= begins:
            item.fault(
                f"ends at {clock_text(ends)}, not after its beginning at {clock_text(begins)}: write what is after "
                "midnight as a span of its own, from 00:00",
                "to",
            )
            yield None
        else:
            yield begins, ends, zone, numbers[zone]


def _minute(reader: TableReader, key: str) -> int | None:
    value = reader.take(key)
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else MINUTES + 1
    if minute <= MINUTES:
        return minute
    if value is not None:
        reader.fault(f"must be a time of the day such as 07:30, at most 24:00, not {value!r}", key)
    return None


def _switches(reader: TableReader, spans: list[_Span]) -> tuple[tuple[int, int], ...]:
    """Return a day's changes of zone; report every time that is in no zone, and every one that is in two."""
    reached, before = 0, ""
    switches: list[tuple[int, int]] = []
    for begins, ends, zone, number in [*sorted(spans), (MINUTES, MINUTES, "", 0)]:
        if begins > reached:
            reader.fault(f"{clock_text(reached)} to {clock_text(begins)} is in no zone", "zones")
        elif begins < reached:
            shared = f"{clock_text(begins)} to {clock_text(min(reached, ends))}"
            reader.fault(f"{shared} is in two zones, {before} and {zone}", "zones")
        if number and (not switches or switches[-1][1] != number):
            switches.append((begins, number))
        if ends > reached:
            reached, before = ends, zone
    return tuple(switches)


def _seasons(reader: TableReader, days: set[str], holidays: bool) -> tuple[Season, ...]:
    readers = _bounded(reader, "season", "season", _MOST_SEASONS)
    seasons: list[Season] = []
    for item in readers:
        name = item.identifier("name")
        item.where = f"season {name}" if name else item.where
        month, first = _month_day(item, alone=len(readers) == 1)
        week = tuple(_kind_of(item, weekday, days) for weekday in WEEKDAYS)
        item.asked |= {*WEEKDAYS, "weekdays", "weekend"}
        holiday = _known(item, "holiday", item.text("holiday", ""), days)
        if holidays and not holiday:
            item.fault(
                "is missing: the calendar has holidays, and each season says which kind of day they are",
                "holiday",
            )
        item.finish()
        if name in {one.name for one in seasons}:
            item.fault(f"{name!r} is defined twice", "name")
        if (month, first) in {(one.month, one.day) for one in seasons}:
            item.fault(f"begins on {month:02}-{first:02}, as another season does", "from")
        seasons.append(Season(name, month, first, week, holiday))
    return tuple(sorted(seasons, key=lambda one: (one.month, one.day)))


def _month_day(reader: TableReader, *, alone: bool) -> tuple[int, int]:
    """Return the month and day on which a season begins every year."""
    value = reader.take("from", "01-01") if alone else reader.take("from")
    found = _MONTH_DAY.fullmatch(value) if isinstance(value, str) else None
    if found:
        with suppress(ValueError):
            # A year without a 29 February: a season must begin in every year.
            day = date(2025, int(found[1]), int(found[2]))
            return day.month, day.day
    if value is not None:
        reader.fault(f'must be a day of every year such as "11-01" (month-day), not {value!r}', "from")
    return 1, 1


def _kind_of(reader: TableReader, weekday: str, days: set[str]) -> str:
    group = "weekend" if weekday in ("saturday", "sunday") else "weekdays"
    name = reader.text(weekday, "") or reader.text(group, "")
    if not name:
        reader.fault(f"has no kind of day: give {weekday} or {group}", weekday)
    return _known(reader, weekday if weekday in reader else group, name, days)


def _known(reader: TableReader, key: str, name: str, days: set[str]) -> str:
    if name and name not in days:
        reader.fault(
            f"names the day {name!r}, which is not defined; there are {', '.join(sorted(days))}", key
        )
    return name


def _holidays(reader: TableReader) -> Iterator[Holiday]:
    seen: set[date] = set()
    items = reader.tables("holiday")
    if len(items) > _MOST_HOLIDAYS:
        reader.fault(f"a calendar has at most {_MOST_HOLIDAYS}, not {len(items)}", "holiday")
    found = []
    for item in items[:_MOST_HOLIDAYS]:
        day, title = _day(item, "day"), item.text("title", "")
        item.finish()
        if day is None:
            continue
        if day in seen:
            item.fault(f"{day} is in the list already", "day")
        seen.add(day)
        found.append(Holiday(day, title))
    yield from sorted(found, key=lambda one: one.day)
