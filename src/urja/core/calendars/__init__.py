"""Calendars of time of day: dated documents that put each minute of each local day into one zone.

`document` parses and checks them, `zones` is their model and gives zone numbers for arrays of intervals, `activity` is
the form in which a meter holds one (IEC 62056-6-2: season, week, day and special-day tables).
"""

from urja.core.calendars.activity import (
    ActivityTables,
    CalendarTablesError,
    activity_tables,
    first_difference,
    plain_tables,
    tables_of,
)
from urja.core.calendars.document import CalendarError, parse_calendar
from urja.core.calendars.zones import (
    Calendar,
    DayTable,
    Holiday,
    Season,
    UncoveredDayError,
    Zone,
    ZoneEdge,
    edges_inside_intervals,
    zone_numbers,
)

__all__ = [
    "ActivityTables",
    "Calendar",
    "CalendarError",
    "CalendarTablesError",
    "DayTable",
    "Holiday",
    "Season",
    "UncoveredDayError",
    "Zone",
    "ZoneEdge",
    "activity_tables",
    "edges_inside_intervals",
    "first_difference",
    "parse_calendar",
    "plain_tables",
    "tables_of",
    "zone_numbers",
]
