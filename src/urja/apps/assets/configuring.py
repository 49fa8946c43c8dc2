"""What a meter is told to be and what it says it is: a difference is a command, or somebody's way there.

Operations say what is wanted (`desire`); the pipeline's stage `configure` sends what is wanted and notes what the meter has
confirmed.
"""

from datetime import datetime

from django.db import connection, transaction

from urja.apps.assets.kinds import ConfigurationItem, DeviceRole
from urja.apps.assets.models import Configuration, DevicePeriod
from urja.base.ids import bucket_of, compose_id


def last_said(device_id: int, item: ConfigurationItem) -> str | None:
    """What a device was told last to be, or says that it is; none where neither is known."""
    row = Configuration.objects.filter(device_id=device_id, item=item).first()
    return None if row is None else row.desired or row.actual


def billing_device(service_point_id: int, at: datetime) -> int | None:
    """The device that is billed at a service point at an instant."""
    return (
        DevicePeriod.objects.filter(
            service_point_id=service_point_id, role=DeviceRole.BILLING, valid_from__lte=at
        )
        .exclude(valid_to__lte=at)
        .values_list("device_id", flat=True)
        .first()
    )


def desire(
    device_id: int, item: ConfigurationItem, value: str | None, *, at: datetime, actor: str
) -> str | None:
    """Let a device be told; what was wanted of it before. `None` is no wish."""
    made = {"desired": value, "desired_at": at, "recorded_at": at, "actor": actor}
    with transaction.atomic():
        row = Configuration.objects.select_for_update().filter(device_id=device_id, item=item).first()
        if row is None:
            Configuration.objects.create(id=_next_id(device_id), device_id=device_id, item=item, **made)
            return None
        before = row.desired
        if before != value:
            Configuration.objects.filter(id=row.id).update(**made)
        return before


def found(device_id: int, item: ConfigurationItem, value: str, *, at: datetime, actor: str) -> None:
    """Note what a device says it is."""
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
