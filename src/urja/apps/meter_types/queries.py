"""The reading side of the meter types: those that are shipped and those that were loaded, by their names."""

from datetime import date
from functools import lru_cache
from typing import Any

import structlog
from django.db import connection

from urja.apps.meter_types.errors import UnknownMeterTypeError
from urja.apps.meter_types.models import MeterTypeVersion
from urja.cosem.companion import (
    CompanionError,
    DeviceType,
    TypeFiles,
    build_device_type,
    device_types,
    load_device_type,
)
from urja.stream.records import unlisted_bit

log = structlog.get_logger()


@lru_cache(maxsize=256)
def built(sha256: str) -> DeviceType:
    """A stored version; it is never changed, so it is fetched and built once a process."""
    return build_device_type(TypeFiles.from_text(text_of(sha256)))


def text_of(sha256: str) -> str:
    """The files of a stored version as one text."""
    text: str = MeterTypeVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0]
    return text


def files_of(sha256: str) -> dict[str, str]:
    """The texts of a stored version's files by their names."""
    return dict(TypeFiles.from_text(text_of(sha256)).files)


def in_force(day: date) -> dict[str, tuple[str, ...]]:
    """The hashes of the versions that are in force on a local day, by name, the newest first.

    A version is in force until a later one, or one loaded later with the same date, is for all of its firmware.
    """
    found: dict[str, tuple[str, ...]] = {}
    covered: dict[str, set[str]] = {}
    versions = MeterTypeVersion.objects.filter(valid_from__lte=day).order_by("name", "-valid_from", "-id")
    for name, sha256, firmware in versions.values_list("name", "sha256", "firmware"):
        newer = covered.setdefault(name, set())
        if name not in found or not newer.issuperset(firmware):
            found[name] = (*found.get(name, ()), sha256)
            newer.update(firmware)
    return found


def firmware_named(name: str) -> set[str]:
    """The firmware that any version of a type is for."""
    named = MeterTypeVersion.objects.filter(name=name).values_list("firmware", flat=True)
    return {one for firmware in named for one in firmware}


def versions() -> list[dict[str, Any]]:
    """Every loaded version, without its files."""
    found = MeterTypeVersion.objects.order_by("name", "valid_from", "id")
    return list(found.values("name", "version", "valid_from", "firmware", "sha256", "loaded_at", "actor"))


def known_types() -> dict[str, DeviceType]:
    """Each type by its name, shipped or loaded; of a loaded one the newest version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (name) name, sha256 FROM meter_types_version"
            " ORDER BY name, valid_from DESC, id DESC"
        )
        loaded = cursor.fetchall()
    known = {name: load_device_type(name) for name in device_types()}
    for name, sha256 in loaded:
        try:
            known[name] = built(sha256)
        except CompanionError as error:
            # Loaded by an earlier release that let it through: its meters alone are stopped, at the head end too.
            log.error("a loaded meter type cannot be used", type=name, why=str(error))  # noqa: TRY400
    return dict(sorted(known.items()))


def known_type(name: str, firmware: str = "") -> DeviceType:
    """The type of a name, of a loaded one the newest version for the firmware, else the newest.

    Raises UnknownMeterTypeError naming those that there are.
    """
    known = known_types()
    if name not in known:
        raise UnknownMeterTypeError(
            f"there is no meter type {name!r}; there are {', '.join(known)} (urja meter-type load)"
        )
    versions = MeterTypeVersion.objects.filter(name=name, firmware__contains=[firmware])
    own = versions.order_by("-valid_from", "-id").values_list("sha256", flat=True).first()
    return known[name] if own is None else built(own)


def bit_of(code: int) -> int | None:
    """The bit of the status word that an event stands for whose bit its type does not list; None for other events."""
    return None if code > unlisted_bit(0) else unlisted_bit(0) - code


def event_names(name: str) -> dict[int, str]:
    """What the events of a loaded type are called, by the code that is stored; none for a shipped or unknown type."""
    if name in device_types():
        return {}
    known = known_types().get(name)
    if known is None:
        return {}
    standard = load_device_type(device_types()[0]).companion.events
    return {
        code: event.name
        for code, event in known.companion.events.items()
        if code not in known.meant and standard.get(code) != event
    }


def is_loaded(sha256: str) -> bool:
    """Whether the files of this hash are a stored version."""
    return MeterTypeVersion.objects.filter(sha256=sha256).exists()
