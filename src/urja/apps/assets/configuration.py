"""Desired and actual configuration of meters.

Operations set what is wanted (`set_desired`). The pipeline's stage `configure` sends commands for it and records what
the meter has confirmed; a difference that no command can remove becomes a work order.
"""

from datetime import datetime

from django.db import connection, transaction

from urja.apps.assets.kinds import ConfigurationItem, DeviceRole
from urja.apps.assets.models import Configuration, DevicePeriod
from urja.base.ids import bucket_of, compose_id


def known_value(device_id: int, item: ConfigurationItem) -> str | None:
    """Return the value that a meter was last asked to have, else the reported one; None where neither is known."""
    row = Configuration.objects.filter(device_id=device_id, item=item).first()
    return None if row is None else row.desired or row.actual


def billing_device(service_point_id: int, at: datetime) -> int | None:
    """Return the number of the billing meter installed at a service point at an instant (UTC), or None."""
    return (
        DevicePeriod.objects.filter(
            service_point_id=service_point_id, role=DeviceRole.BILLING, valid_from__lte=at
        )
        .exclude(valid_to__lte=at)
        .values_list("device_id", flat=True)
        .first()
    )


def set_desired(
    device_id: int, item: ConfigurationItem, value: str | None, *, at: datetime, actor: str
) -> str | None:
    """Set the value that a meter is to have for an item, and return the one that was wanted before.

    Values are texts: W for the load limit, the day of the month for the billing day. None withdraws the wish: the
    meter stays as it is.
    """
    made = {"desired": value, "desired_at": at, "recorded_at": at, "actor": actor}
    with transaction.atomic():
        # Locked, so that the value returned is the one that this call replaces: undoing an operation sets it
        # again.
        row = Configuration.objects.select_for_update().filter(device_id=device_id, item=item).first()
        if row is None:
            Configuration.objects.create(id=_next_id(device_id), device_id=device_id, item=item, **made)
            return None
        before = row.desired
        if before != value:
            Configuration.objects.filter(id=row.id).update(**made)
        return before


def record_actual(device_id: int, item: ConfigurationItem, value: str, *, at: datetime, actor: str) -> None:
    """Record the value that a meter has reported for an item.

    Values are texts: W for the load limit, the day of the month for the billing day.
    """
    updated = Configuration.objects.filter(device_id=device_id, item=item).update(actual=value, actual_at=at)
    if not updated:
        Configuration.objects.create(
            id=_next_id(device_id),
            device_id=device_id,
            item=item,
            actual=value,
            actual_at=at,
            recorded_at=at,
            actor=actor,
        )


def _next_id(device_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('journal_number')")
        return compose_id(bucket_of(device_id), int(cursor.fetchone()[0]))
