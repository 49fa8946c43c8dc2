"""Devices in stock and on walls, and what was written of them to the broker's key-value store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, OuterRef, Subquery

from urja.apps.assets.kinds import Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.stream.messages import DeviceEntry


def firmware_of_type(device_type: str) -> dict[str, int]:
    """How many meters of a type there are that were not scrapped, by their firmware (empty where nobody said)."""
    of_type = Device.objects.filter(device_type=device_type).exclude(stock=Stock.SCRAPPED)
    return dict(of_type.values_list("firmware").annotate(Count("id")))


def mark_projected(written: Sequence[tuple[DeviceEntry, bytes]]) -> None:
    """Note which version of each device is in the store, and its digest; a change made meanwhile stays due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_projection p SET projected_version = d.version, digest = d.digest"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS d(device_id, version, digest)"
            " WHERE p.device_id = d.device_id AND p.projected_version < d.version",
            [
                [entry.device_id for entry, _ in written],
                [entry.version for entry, _ in written],
                [digest for _, digest in written],
            ],
        )


@dataclass(frozen=True, slots=True)
class Projected:
    """What was last written to the store for one device."""

    device_id: int
    key: str
    digest: bytes
    """Of the signed entry as it was written."""
    is_due: bool
    """Whether it is to be written anew: then the store may hold the one or the other."""


def projected() -> list[Projected]:
    """What was written to the store, of each device: about 100 bytes each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, encode(d.system_title, 'hex'), p.digest, p.version > p.projected_version "
            "FROM registry_projection p JOIN registry_device d ON d.id = p.device_id"
        )
        return [Projected(device_id, key, bytes(digest), due) for device_id, key, digest, due in cursor]


def is_known(serial: str) -> bool:
    """Whether a meter has ever been taken up."""
    return Device.objects.filter(serial=serial).exists()


def stock_counts() -> dict[str, int]:
    """How many devices are in which state of their life."""
    counted = dict(Device.objects.values_list("stock").annotate(count=Count("id")).order_by())
    return {state.value: counted[state.value] for state in Stock if state.value in counted}


def stock(*, state: str | None = None, held_by: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Devices by serial number, each with where it is."""
    hangs = DevicePeriod.objects.filter(device=OuterRef("pk"), valid_to=None)
    found = Device.objects.order_by("serial").annotate(
        consumer_number=Subquery(hangs.values("service_point__consumer_number")[:1])
    )
    if state is not None:
        found = found.filter(stock=state)
    if held_by is not None:
        found = found.filter(held_by=held_by)
    return list(found.values("serial", "device_type", "stock", "held_by", "consumer_number")[:limit])
