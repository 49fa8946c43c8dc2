"""What meters have measured beside what bills them, by quantity: phases, demand and export of a billing period."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from urja.apps.readings.kinds import Series
from urja.quantities.catalogue import BY_ID

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class MeasuredSoFar:
    """What a meter has measured in a time, as it counts: no transformer ratio is applied."""

    newest: Mapping[str, int]
    """Values of the newest interval by quantity; what the meter did not send is missing."""
    ended_at: datetime
    """End (UTC) of that interval."""
    demand: int | None
    """The highest mean of an interval, in the unit beside; None without a reading."""
    demand_unit: str
    """VA where the meter's intervals have apparent energy, else W."""
    demand_at: datetime | None
    """End (UTC) of the interval with it."""
    billed: int
    """The sum of what bills its commodity: Wh of electricity, litres of gas."""
    export_wh: int | None
    """None where its intervals have no export."""


@dataclass(frozen=True, slots=True)
class NewestInterval:
    """The values of an interval by quantity; what the meter did not send is missing."""

    values: Mapping[str, int]
    ended_at: datetime


_NEWEST = """
SELECT i.start_at, i.length_s, c.quantities, i.values
FROM readings_interval i JOIN readings_channel_set c ON c.id = i.channel_set
WHERE i.service_point_id = %s AND i.series = %s AND i.start_at >= %s
ORDER BY i.start_at DESC, i.version DESC LIMIT 1
"""


def newest_interval(service_point_id: int, since: datetime) -> NewestInterval | None:
    """Return the newest interval of a service point that begins at `since` (UTC) or later; None without one."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [service_point_id, Series.COUNTED, since])
        row = cursor.fetchone()
    if row is None:
        return None
    start_at, length_s, quantities, values = row
    return NewestInterval(_named(quantities, values), start_at + timedelta(seconds=length_s))


def _named(quantities: Iterable[int], values: Iterable[int | None]) -> dict[str, int]:
    return {
        BY_ID[number].name: value
        for number, value in zip(quantities, values, strict=True)
        if value is not None
    }


_INTERVALS = """
SELECT DISTINCT ON (i.device_id, i.start_at) i.device_id, i.start_at, i.length_s, c.quantities, i.values
FROM readings_interval i JOIN readings_channel_set c ON c.id = i.channel_set
WHERE i.service_point_id = %s AND i.device_id = ANY(%s) AND i.series = %s AND i.start_at >= %s AND i.start_at < %s
ORDER BY i.device_id, i.start_at, i.version DESC
"""


def measured_so_far(
    service_point_id: int, device_ids: Iterable[int], since: datetime, until: datetime
) -> dict[int, MeasuredSoFar]:
    """Return by device what it measured in the intervals that begin in [since, until); devices without one are missing."""
    with connection.cursor() as cursor:
        cursor.execute(_INTERVALS, [service_point_id, list(device_ids), Series.COUNTED, since, until])
        rows = cursor.fetchall()
    by_device: dict[int, list[tuple[datetime, int, dict[str, int]]]] = {}
    for device_id, start_at, length_s, quantities, values in rows:
        end = start_at + timedelta(seconds=length_s)
        by_device.setdefault(device_id, []).append((end, length_s, _named(quantities, values)))
    return {device_id: _of_intervals(found) for device_id, found in by_device.items()}


def _of_intervals(found: list[tuple[datetime, int, dict[str, int]]]) -> MeasuredSoFar:
    ended_at, _length_s, newest = found[-1]
    energy, unit = (
        ("interval_import_vah", "VA")
        if any("interval_import_vah" in named for _, _, named in found)
        else ("interval_import_wh", "W")
    )
    # Of equal demands the first stands, as in a meter's own register of its maximum.
    demands = [
        (named[energy] * _HOUR_S // length_s, end) for end, length_s, named in found if energy in named
    ]
    demand, demand_at = max(demands, key=lambda one: one[0]) if demands else (None, None)
    billed = sum(next(iter(named.values())) for _, _, named in found)
    exports = [named["interval_export_wh"] for _, _, named in found if "interval_export_wh" in named]
    return MeasuredSoFar(newest, ended_at, demand, unit, demand_at, billed, sum(exports) if exports else None)
