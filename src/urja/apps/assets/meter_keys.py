"""Keys that meters are being given: kept from when a head end made them until the meter has proven them.

Nothing here can open them. They are written before they may be sent, and none is put in the place of another: the meter
may have taken them unheard. When it has proven them they become the device's own.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from urja.apps.assets.models import Device, NewKeys
from urja.apps.assets.projecting import project_anew
from urja.stream import messages


def waiting(device_ids: Iterable[int]) -> dict[int, messages.NextKeys]:
    """The new keys that devices are yet to prove."""
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


def count_waiting() -> int:
    """How many devices are yet to prove new keys."""
    return NewKeys.objects.count()


def keep(device_id: int, number: int, made: dict[str, Any], at: datetime) -> None:
    """Keep what a head end says it has made for a device; raises msgspec.ValidationError for what is no pair of keys.

    Those that the device has been given before stay. `number` is the command's, whatever was said.
    """
    pair = msgspec.convert(made | {"number": number}, messages.NextKeys)
    with transaction.atomic():
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
            project_anew([device_id])


def have_master_key(device_ids: Iterable[int]) -> set[int]:
    """Those of the devices whose keys can be changed."""
    return set(
        Device.objects.filter(id__in=list(device_ids), wrapped_master__isnull=False).values_list(
            "id", flat=True
        )
    )


def waiting_of(serial: str) -> tuple[bytes, messages.NextKeys] | None:
    """The system title of a meter and the new keys that it is yet to prove; none where it is given none."""
    device = Device.objects.filter(serial=serial).first()
    made = None if device is None else waiting([device.id]).get(device.id)
    return None if device is None or made is None else (bytes(device.system_title), made)


def forget(serial: str) -> None:
    """Take keys away that no head end has made: they were never sent. Only the owner of the tables can."""
    with transaction.atomic():
        device = Device.objects.select_for_update().get(serial=serial)
        row = NewKeys.objects.filter(device=device)
        # The trigger keeps what is not the device's own.
        row.update(wrapped_guek=bytes(device.wrapped_guek), wrapped_gak=bytes(device.wrapped_gak))
        row.delete()
        project_anew([device.id])
