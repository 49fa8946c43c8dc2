"""What is known of the power at meters: their newest messages, and those of the meters around them."""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.core.power import LastMessage, PowerAtMeter, is_overdue, outage_since, power_at_meter

HEARD: Final = f"""
LEFT JOIN readings.heard h ON h.device_id = m.device_id
LEFT JOIN contracts.agreement ag ON ag.service_point_id = m.service_point_id AND m.role = {DeviceRole.BILLING.value}
    AND ag.valid_from <= %(now)s AND coalesce(ag.valid_to, 'infinity') > %(now)s
LEFT JOIN readings.accrual ac ON ac.agreement_id = ag.id AND ac.latest AND ac.latest_end_at > ag.valid_from
"""
"""Of a device period `m`: what its meter told of power, and how far its intervals have come in where somebody pays."""

LAST_GASP: Final = """
coalesce(h.last_gasp AND coalesce(ac.latest_end_at, '-infinity') <= h.heard_at + interval '10 minutes', false)
"""
"""Whether nothing came after its last gasp; a meter's clock may be ahead by ten minutes, and its stamps with it."""

HEARD_AT: Final = f"CASE WHEN {LAST_GASP} THEN h.heard_at ELSE greatest(h.heard_at, ac.latest_end_at) END"
"""When its newest message came in: an interval at its end, which no meter tells of before."""

_BEHIND: Final = f"""
SELECT f.transformer_id = own.transformer_id, {HEARD_AT} AS heard_at, {LAST_GASP}
FROM network.fed_by own
JOIN network.fed_by f ON f.feeder = own.feeder
JOIN assets.device_period m ON m.service_point_id = f.service_point_id AND m.valid_to IS NULL
{HEARD}
WHERE own.service_point_id = %(place)s AND coalesce(h.heard_at, ac.latest_end_at) IS NOT NULL
"""


def outage_at(service_point_id: int, now: datetime) -> datetime | None:
    """Since when nothing behind a place's transformer, or else behind its feeder, has power; None where not known."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"place": service_point_id, "now": now})
        behind = [(own, LastMessage(at, gasp)) for own, at, gasp in cursor.fetchall()]
    transformers = [heard for own, heard in behind if own]
    return outage_since(transformers) or outage_since([heard for _, heard in behind])


def power_at(
    service_point_id: int, heard: LastMessage | None, interval: timedelta, now: datetime
) -> PowerAtMeter:
    """What is known of the power at a place's meter; its neighbours are asked where it should have told more."""
    outage = outage_at(service_point_id, now) if heard and is_overdue(heard, interval, now) else None
    return power_at_meter(heard, interval, now, outage)


_BILLING_METER: Final = f"""
SELECT d.interval_s, {HEARD_AT}, {LAST_GASP} FROM assets.device_period m
JOIN assets.device d ON d.id = m.device_id
{HEARD}
WHERE m.service_point_id = %(place)s AND m.role = {DeviceRole.BILLING.value} AND m.valid_to IS NULL
"""


def billing_meter_power(service_point_id: int, now: datetime) -> PowerAtMeter | None:
    """The same of the meter that bills a place; None where none does."""
    with connection.cursor() as cursor:
        cursor.execute(_BILLING_METER, {"place": service_point_id, "now": now})
        row = cursor.fetchone()
    if row is None:
        return None
    interval_s, heard_at, last_gasp = row
    heard = LastMessage(heard_at, last_gasp) if heard_at else None
    return power_at(service_point_id, heard, timedelta(seconds=interval_s), now)
