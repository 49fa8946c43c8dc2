"""What is known of the power at meters: their newest messages, and those of the meters around them."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.registry.models import DeviceRole
from urja.core.power import AtMeter, Heard, at_meter, is_overdue, outage_since

_BEHIND: Final = """
SELECT f.transformer_id = own.transformer_id, h.heard_at, h.last_gasp
FROM registry_fed_by own
JOIN registry_fed_by f ON f.feeder = own.feeder
JOIN registry_device_period m ON m.service_point_id = f.service_point_id AND m.valid_to IS NULL
JOIN readings_heard h ON h.device_id = m.device_id
WHERE own.service_point_id = %s
"""


def outage_at(service_point_id: int) -> datetime | None:
    """Since when nothing behind a place's transformer, or else behind its feeder, has power; None where not known."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [service_point_id])
        behind = [(own, Heard(at, gasp)) for own, at, gasp in cursor.fetchall()]
    transformers = [heard for own, heard in behind if own]
    return outage_since(transformers) or outage_since([heard for _, heard in behind])


def power_at(service_point_id: int, heard: Heard | None, interval: timedelta, now: datetime) -> AtMeter:
    """What is known of the power at a place's meter; its neighbours are asked where it should have told more."""
    outage = outage_at(service_point_id) if heard and is_overdue(heard, interval, now) else None
    return at_meter(heard, interval, now, outage)


_BILLING_METER: Final = f"""
SELECT d.interval_s, h.heard_at, h.last_gasp FROM registry_device_period m JOIN registry_device d ON d.id = m.device_id
LEFT JOIN readings_heard h ON h.device_id = m.device_id
WHERE m.service_point_id = %s AND m.role = {DeviceRole.BILLING.value} AND m.valid_to IS NULL
"""  # noqa: S608 - a constant


def power_of_place(service_point_id: int, now: datetime) -> AtMeter | None:
    """The same of the meter that bills a place; None where none does."""
    with connection.cursor() as cursor:
        cursor.execute(_BILLING_METER, [service_point_id])
        row = cursor.fetchone()
    if row is None:
        return None
    interval_s, heard_at, last_gasp = row
    heard = Heard(heard_at, last_gasp) if heard_at else None
    return power_at(service_point_id, heard, timedelta(seconds=interval_s), now)
