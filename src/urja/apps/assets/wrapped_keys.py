"""Wrapped keys of devices as stored, for the rotation of the key-encryption key."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import Model

from urja.apps.assets.models import Device, NewKeys

type Columns = dict[str, bytes]
"""Wrapped keys by column name."""


@dataclass(frozen=True, slots=True)
class WrappedKeys:
    """The wrapped keys of a device, and the new ones that it has not proven yet."""

    device_id: int
    own: Columns
    new: Columns


def lock_next(after: int, limit: int) -> list[WrappedKeys]:
    """Return the keys of the devices with the next greater numbers than `after`, locked until the transaction ends."""
    devices = list(Device.objects.select_for_update().filter(id__gt=after).order_by("id")[:limit])
    held = NewKeys.objects.select_for_update().filter(device_id__in=[device.id for device in devices])
    waiting = {row.device_id: row for row in held}
    return [
        WrappedKeys(device.id, _wrapped(device), _wrapped(waiting[device.id]) if device.id in waiting else {})
        for device in devices
    ]


def _wrapped(row: Model) -> Columns:
    values = {column: getattr(row, column) for column in _columns(type(row))}
    return {column: bytes(value) for column, value in values.items() if value is not None}


def _columns(model: type[Model]) -> list[str]:
    """Return the names of a model's columns that hold wrapped keys."""
    return [field.name for field in model._meta.concrete_fields if field.name.startswith("wrapped_")]  # noqa: SLF001 - documented by Django


def lock_all() -> Iterator[bytes]:
    """Yield every wrapped key (24 bytes), with all writers of keys locked out until the transaction ends."""
    with connection.cursor() as cursor:
        # This mode conflicts with every writer and lets readers pass: after the last check no key may be
        # added that is still wrapped with the old key.
        cursor.execute("LOCK TABLE assets_device, assets_new_keys IN SHARE ROW EXCLUSIVE MODE")
    for model in (Device, NewKeys):
        for row in model.objects.values_list(*_columns(model)).iterator():
            yield from (bytes(value) for value in row if value is not None)
