"""Whether meters have power: by their own newest messages, and by those of the meters around them."""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.meter_types import queries as meter_types
from urja.core.power import ALWAYS_AWAKE, LastMessage, PowerAtMeter, is_overdue, outage_since, power_at_meter

HEARD: Final = f"""
LEFT JOIN readings.heard h ON h.device_id = m.device_id
LEFT JOIN contracts.agreement ag ON ag.service_point_id = m.service_point_id AND m.role = {DeviceRole.BILLING.value}
    AND ag.valid_from <= %(now)s AND coalesce(ag.valid_to, 'infinity') > %(now)s
LEFT JOIN readings.accrual ac ON ac.agreement_id = ag.id AND ac.latest AND ac.latest_end_at > ag.valid_from
"""
"""Joins for a device period `m`: its last gasp or event, and how far its intervals came in where it has an agreement.
"""

LAST_GASP: Final = """
coalesce(h.last_gasp AND coalesce(ac.latest_end_at, '-infinity') <= h.heard_at + interval '10 minutes', false)
"""
"""Condition that nothing came after its last gasp. A meter's clock, and so an interval's end, may be 10 minutes ahead.
"""

HEARD_AT: Final = f"CASE WHEN {LAST_GASP} THEN h.heard_at ELSE greatest(h.heard_at, ac.latest_end_at) END"
"""Instant of its newest message. For an interval its end, because no meter sends it earlier."""

_BEHIND: Final = f"""
SELECT f.transformer_id = own.transformer_id, {HEARD_AT} AS heard_at, {LAST_GASP}
FROM network.fed_by own
JOIN network.fed_by f ON f.feeder = own.feeder
JOIN assets.device_period m ON m.service_point_id = f.service_point_id AND m.valid_to IS NULL
{HEARD}
WHERE own.service_point_id = %(place)s AND coalesce(h.heard_at, ac.latest_end_at) IS NOT NULL
"""


def outage_at(service_point_id: int, now: datetime) -> datetime | None:
    """Return since when (UTC) no meter behind a service point's transformer, or else behind its feeder, has power.

    None where there is no outage or not enough evidence (`urja.core.power.outage_since`).
    """
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"place": service_point_id, "now": now})
        behind = [(own, LastMessage(at, gasp)) for own, at, gasp in cursor.fetchall()]
    transformers = [heard for own, heard in behind if own]
    return outage_since(transformers) or outage_since([heard for _, heard in behind])


def power_at(
    service_point_id: int,
    heard: LastMessage | None,
    interval: timedelta,
    now: datetime,
    asleep: timedelta = ALWAYS_AWAKE,
) -> PowerAtMeter:
    """Return what is known of the power at a service point's meter; neighbours count where its own data are overdue.

    `asleep` is the longest sleep by its type's plan.
    """
    # Neighbours are read only where the meter itself is overdue: the query goes over a whole feeder.
    outage = outage_at(service_point_id, now) if heard and is_overdue(heard, interval, now, asleep) else None
    return power_at_meter(heard, interval, now, outage, asleep)


_BILLING_METER: Final = f"""
SELECT d.interval_s, {HEARD_AT}, {LAST_GASP}, d.device_type FROM assets.device_period m
JOIN assets.device d ON d.id = m.device_id
{HEARD}
WHERE m.service_point_id = %(place)s AND m.role = {DeviceRole.BILLING.value} AND m.valid_to IS NULL
"""


def billing_meter_power(service_point_id: int, now: datetime) -> PowerAtMeter | None:
    """Return the same for the billing meter of a service point; None where none is installed."""
    with connection.cursor() as cursor:
        cursor.execute(_BILLING_METER, {"place": service_point_id, "now": now})
        row = cursor.fetchone()
    if row is None:
        return None
    interval_s, heard_at, last_gasp, device_type = row
    heard = LastMessage(heard_at, last_gasp) if heard_at else None
    return power_at(
        service_point_id, heard, timedelta(seconds=interval_s), now, meter_types.longest_asleep(device_type)
    )
