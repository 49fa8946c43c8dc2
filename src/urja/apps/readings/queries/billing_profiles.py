"""Stored billing profiles: what a meter had counted when it ended a billing period of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from urja.core.conservation import zone_residuals_of_row
from urja.quantities.channel_sets import channel_set_of_ids
from urja.stream.records import RegisterKind


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """The registers and maximum demands of a meter at the end of its billing period, as it counts: without any ratio."""

    device_id: int
    ended_at: datetime
    by_date: bool
    """Whether it ended at a local midnight, as by its billing day; otherwise by an order or a button."""
    values: Mapping[str, int]
    """By quantity, in its unit; the instant of a maximum in Unix seconds. What the meter did not send is missing."""
    residuals: Mapping[str, int]
    """By total with zones: what it is above their sum. Truncation makes up to one step of each zone."""


_PROFILES: Final = """
SELECT DISTINCT ON (r.read_at, r.device_id) r.device_id, r.read_at, c.quantities, r.values
FROM readings_register r JOIN readings_channel_set c ON c.id = r.channel_set
WHERE r.service_point_id = %s AND r.device_id = ANY(%s) AND r.kind = %s AND r.read_at >= %s AND r.read_at <= %s
ORDER BY r.read_at DESC, r.device_id, r.version DESC LIMIT %s
"""


def billing_profiles(
    service_point_id: int,
    device_ids: Iterable[int],
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    most: int = 13,
) -> list[BillingProfile]:
    """Return the newest profiles of meters at a service point that ended in [since, until], UTC, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PROFILES, [service_point_id, list(device_ids), RegisterKind.BILLING, since, until, most]
        )
        rows = cursor.fetchall()
    return [
        BillingProfile(
            device_id,
            read_at,
            read_at.astimezone(zone).time() == time(),
            {name: value for name, value in zip(channels.names, values, strict=True) if value is not None},
            zone_residuals_of_row(channels, values),
        )
        for device_id, read_at, channels, values in (
            (device_id, read_at, channel_set_of_ids("billing", quantities), values)
            for device_id, read_at, quantities, values in rows
        )
    ]
