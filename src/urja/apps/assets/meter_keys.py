"""New keys of meters, from the time a head end made them until the meter has proven them.

The keys are wrapped and the pipeline cannot open them. They are stored before they are sent, and never replaced by
others: the meter may have taken them although its answer was lost. Once it has proven them they become the device's
own (docs/keys.md).
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from django.db import transaction

from urja.apps.assets.models import Device, NewKeys
from urja.apps.assets.projection_versions import mark_due
from urja.stream import messages


def unproven_keys(device_ids: Iterable[int]) -> dict[int, messages.NextKeys]:
    """Return the new keys of these devices that are not proven yet, by device number."""
    return {
        row.device_id: messages.NextKeys(
            number=row.number,
            wrapped_guek=bytes(row.wrapped_guek),
            wrapped_gak=bytes(row.wrapped_gak),
            wrapped_hls_secret=None if row.wrapped_hls_secret is None else bytes(row.wrapped_hls_secret),
            seal=bytes(row.seal),
        )
        for row in NewKeys.objects.filter(device_id__in=list(device_ids))
    }


def count_unproven() -> int:
    """Return how many devices have new keys that are not proven yet."""
    return NewKeys.objects.count()


def store_new_keys(device_id: int, number: int, made: dict[str, object], at: datetime) -> None:
    """Store the new keys that a head end has made for a device; keys that it was given before stay.

    Wrapped keys have 24 bytes, the seal 32. `made` is what the head end reported; `number` is the command's and
    overrides the one reported. Raises msgspec.ValidationError where `made` is not a pair of keys.
    """
    pair = msgspec.convert(made | {"number": number}, messages.NextKeys)
    with transaction.atomic():
        # get_or_create, never an update: a repeated report must not replace keys that the meter may have
        # taken.
        _, fresh = NewKeys.objects.get_or_create(
            device_id=device_id,
            defaults={
                "number": number,
                "wrapped_guek": pair.wrapped_guek,
                "wrapped_gak": pair.wrapped_gak,
                "wrapped_hls_secret": pair.wrapped_hls_secret,
                "seal": pair.seal,
                "made_at": at,
            },
        )
        if fresh:
            mark_due([device_id])


def with_master_key(device_ids: Iterable[int]) -> set[int]:
    """Return those of the devices whose master key is known, so that their keys can be changed."""
    return set(
        Device.objects.filter(id__in=list(device_ids), wrapped_master__isnull=False).values_list(
            "id", flat=True
        )
    )


def unproven_keys_of(serial: str) -> tuple[bytes, messages.NextKeys] | None:
    """Return the system title (8 bytes) of a meter and its unproven keys; None where it has none."""
    device = Device.objects.filter(serial=serial).first()
    made = None if device is None else unproven_keys([device.id]).get(device.id)
    return None if device is None or made is None else (bytes(device.system_title), made)


def discard_new_keys(serial: str) -> None:
    """Discard new keys that no head end has made, so that they were never sent.

    Needs the owner's database role. Raises Device.DoesNotExist where no meter has this serial number.
    """
    with transaction.atomic():
        device = Device.objects.select_for_update().get(serial=serial)
        row = NewKeys.objects.filter(device=device)
        # The trigger `assets_new_keys_stay` lets a row go only when its keys are the device's own, so they are made that first.
        row.update(wrapped_guek=bytes(device.wrapped_guek), wrapped_gak=bytes(device.wrapped_gak))
        row.delete()
        mark_due([device.id])
