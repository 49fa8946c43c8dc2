"""Intervals as they are stored, in the meter's own counts, with the edits of people and with what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection

from urja.apps.readings.kinds import Series


class StoredInterval(NamedTuple):
    """The newest version of an interval, in the meter's own counts: Wh or litres, without a transformer ratio."""

    length: timedelta
    value: int


def stored_interval(service_point_id: int, device_id: int, start_at: datetime) -> StoredInterval | None:
    """Return the interval of a device that begins at an instant (UTC) and counts, or None where none is stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_interval(secs => length_s), values[1] FROM readings_interval"
            " WHERE (service_point_id, device_id, series, start_at) = (%s, %s, %s, %s) ORDER BY version DESC LIMIT 1",
            [service_point_id, device_id, Series.COUNTED, start_at],
        )
        found = cursor.fetchone()
    return None if found is None else StoredInterval(*found)


@dataclass(frozen=True, slots=True)
class Edit:
    """The newest edit of an interval."""

    before: int | None
    """Value of the version before, in the meter's own counts."""
    reason: str
    actor: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """An interval of a meter at a service point: stored in its newest version, or missing."""

    serial: str
    start_at: datetime
    length: timedelta
    value: int | None
    """In the meter's own counts; None where it is missing."""
    status: int | None
    """A value of `readings.kinds.Status`; None where it is missing."""
    denied: bool
    """Whether it is missing and the meter has answered without it."""
    edit: Edit | None
    """Of the newest version, where that is an edit."""


_OF_A_TIME: Final = """
WITH newest AS (
    SELECT DISTINCT ON (device_id, start_at) device_id, start_at, length_s, values[1] AS value, status, version
    FROM readings_interval
    WHERE service_point_id = %(place)s AND series = %(series)s AND start_at >= %(begins)s AND start_at < %(ends)s
    ORDER BY device_id, start_at, version DESC
), missing AS (
    SELECT device_id, start_at, length_s, denied_at FROM readings_gap
    WHERE service_point_id = %(place)s AND closed_at IS NULL AND start_at >= %(begins)s AND start_at < %(ends)s
)
SELECT d.serial, n.start_at, make_interval(secs => n.length_s), n.value, n.status, false,
    (SELECT b.values[1] FROM readings_interval b
        WHERE (b.service_point_id, b.device_id, b.series, b.start_at, b.version)
            = (%(place)s, n.device_id, %(series)s, n.start_at, n.version - 1)),
    e.reason, e.actor, e.recorded_at
FROM newest n JOIN assets.device d ON d.id = n.device_id
LEFT JOIN readings_edit e ON (e.service_point_id, e.device_id, e.series, e.start_at, e.version)
    = (%(place)s, n.device_id, %(series)s, n.start_at, n.version)
UNION ALL
SELECT d.serial, m.start_at, make_interval(secs => m.length_s), NULL, NULL, m.denied_at IS NOT NULL, NULL, NULL, NULL, NULL
FROM missing m JOIN assets.device d ON d.id = m.device_id
ORDER BY 1, 2
"""


def rows_of_time(service_point_id: int, begins: datetime, ends: datetime) -> Sequence[IntervalRow]:
    """Return the intervals of all meters at a service point that begin in [begins, ends), by serial and time."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_A_TIME,
            {"place": service_point_id, "series": Series.COUNTED, "begins": begins, "ends": ends},
        )
        return [
            IntervalRow(
                serial,
                start_at,
                length,
                value,
                status,
                denied,
                None if reason is None else Edit(before, reason, actor, recorded_at),
            )
            for serial, start_at, length, value, status, denied, before, reason, actor, recorded_at in cursor
        ]
