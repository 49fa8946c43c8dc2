"""Calendars that meters held, as they were read back or set: by them a meter's zone registers count."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from urja.apps.readings import changes
from urja.base.sql_cursor import Cursor
from urja.base.untyped_values import JsonObject
from urja.core.calendar import Period
from urja.core.calendars import ActivityTables, Calendar, first_difference, tables_of


@dataclass(frozen=True, slots=True)
class HeldCalendar:
    """The calendar of a meter at an instant (UTC)."""

    held_at: datetime
    was_set: bool
    """Whether it was set then; otherwise it was read, and says what the meter had before too."""
    name: str
    tables: ActivityTables


def record(
    cursor: Cursor,
    device_id: int,
    held_at: datetime,
    name: str,
    plain: JsonObject,
    *,
    was_set: bool,
    command_id: int,
    now: datetime,
) -> None:
    """Store that a meter held a calendar at an instant; repeating it changes nothing.

    Raises CalendarTablesError for values that are no tables.
    """
    tables_of(plain)
    cursor.execute(
        "INSERT INTO determinants_meter_calendar (device_id, held_at, was_set, recorded_at, command_id, name, tables)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT DO NOTHING",
        [device_id, held_at, was_set, now, command_id, name, json.dumps(plain)],
    )
    if cursor.rowcount:
        # Also for periods that are over: what is read after one says what the meter had at its end.
        cursor.execute(
            "SELECT service_point_id, valid_from FROM assets.device_period WHERE device_id = %s", [device_id]
        )
        changes.note(cursor, cursor.fetchall())


def held(cursor: Cursor, device_ids: Iterable[int]) -> dict[int, list[HeldCalendar]]:
    """Return the calendars that meters held, by device in the order of time; a meter without any is left out.

    Of two for one instant the last one recorded counts. What is set replaces what was set before and was not yet active.
    """
    cursor.execute(
        "SELECT device_id, held_at, was_set, name, tables::text FROM determinants_meter_calendar c"
        " WHERE device_id = ANY (%s) AND NOT EXISTS (SELECT FROM determinants_meter_calendar n"
        " WHERE n.device_id = c.device_id AND (n.recorded_at, n.command_id) > (c.recorded_at, c.command_id)"
        " AND (n.held_at = c.held_at OR n.was_set AND c.was_set AND c.held_at > n.recorded_at))"
        " ORDER BY device_id, held_at",
        [sorted(set(device_ids))],
    )
    found: dict[int, list[HeldCalendar]] = {}
    for device_id, held_at, was_set, name, plain in cursor.fetchall():
        found.setdefault(device_id, []).append(
            HeldCalendar(held_at, was_set, name, tables_of(json.loads(plain)))
        )
    return found


def agreed_throughout(
    of_meter: Sequence[HeldCalendar],
    versions: Sequence[Calendar],
    period: Period,
    bounds: tuple[datetime, datetime],
) -> bool:
    """Return whether a meter's calendar was the tariff's on every day of a period with these bounds (UTC).

    It was read or set before the period and agreed; so did each one since, up to the first that was read after the period:
    that one says what the meter had at its end. `of_meter` is in the order of time. Raises UncoveredDayError.
    """
    begins, ends = bounds
    before = [one for one in of_meter if one.held_at <= begins]
    inside = [one for one in of_meter if begins < one.held_at < ends]
    after = [one for one in of_meter if one.held_at >= ends][:1]
    said = [*before[-1:], *inside, *(one for one in after if not one.was_set)]
    return bool(before) and all(first_difference(versions, one.tables, period) is None for one in said)
