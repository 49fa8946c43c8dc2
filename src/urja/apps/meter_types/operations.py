"""Loading of meter types."""

from datetime import datetime
from typing import Final

from django.db import transaction

from urja.apps.meter_types.errors import (
    MeterTypeConflictError,
    MeterTypeTooLargeError,
    ShippedNameError,
    UnlikeTypeError,
)
from urja.apps.meter_types.models import MeterTypeVersion
from urja.apps.meter_types.queries import built, in_force, text_of
from urja.cosem.companion import DeviceType, TypeFiles, build_device_type, device_types

MOST_TOGETHER: Final = 512 << 10
"""The most bytes that versions of one name in force together may have: half of the broker's largest message."""


def load_type(files: TypeFiles, *, loaded_at: datetime, actor: str) -> MeterTypeVersion:
    """Store files as a version of their type and return it; loading the same files again changes nothing.

    Raises CompanionError with every fault of the files, ShippedNameError, MeterTypeConflictError where the version is
    stored with other files, UnlikeTypeError where the versions of the name are another meter, and
    MeterTypeTooLargeError where the versions in force have more than 512 KiB (524,288 bytes) together and could not
    be sent in one message.
    """
    fresh = build_device_type(files)
    if fresh.name in device_types():
        raise ShippedNameError(fresh.name)
    for known in MeterTypeVersion.objects.filter(name=fresh.name).order_by("id")[:1]:
        if why := _unlike(fresh, built(known.sha256)):
            raise UnlikeTypeError(fresh.name, fresh.version, why)
    row = MeterTypeVersion(
        name=fresh.name,
        version=fresh.version,
        valid_from=fresh.valid_from,
        firmware=list(fresh.firmware),
        text=files.text,
        sha256=files.sha256,
        loaded_at=loaded_at,
        actor=actor,
    )
    with transaction.atomic():
        MeterTypeVersion.objects.bulk_create([row], ignore_conflicts=True)
        stored = MeterTypeVersion.objects.get(name=fresh.name, version=fresh.version)
        if stored.sha256 != files.sha256:
            raise MeterTypeConflictError(fresh.name, fresh.version)
        together = sum(len(text_of(sha256).encode()) for sha256 in in_force(fresh.valid_from)[fresh.name])
        if together > MOST_TOGETHER:
            raise MeterTypeTooLargeError(fresh.name, together, MOST_TOGETHER)
    return stored


def _unlike(fresh: DeviceType, known: DeviceType) -> str:
    """Return why two versions are not the same meter, or an empty text.

    Meters of a type are in stock and installed with these properties, which must stay true of them.
    """
    for name in (
        "manufacturer",
        "category",
        "commodity",
        "dials",
        "relay",
        "interval_s",
        "phases",
        "ct_ratio",
        "pt_ratio",
    ):
        before, now = getattr(known, name), getattr(fresh, name)
        if before != now:
            return f"its {name} is {now}, theirs is {before}"
    return ""
