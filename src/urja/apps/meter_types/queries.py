"""Queries on meter types, shipped and loaded."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import structlog
from django.db import connection

from urja.apps.meter_types.errors import UnknownMeterTypeError
from urja.apps.meter_types.kinds import SleepingTypes
from urja.apps.meter_types.models import MeterTypeVersion
from urja.base.untyped_values import JsonObject
from urja.cosem.companion import (
    CompanionError,
    DeviceType,
    TypeFiles,
    build_device_type,
    device_types,
    load_device_type,
)
from urja.cosem.companion.stored_columns import billing_columns
from urja.stream.records import unlisted_bit

log = structlog.get_logger()


@lru_cache(maxsize=256)
def built(sha256: str) -> DeviceType:
    """Return the type of a stored version; versions never change, so each is read and built once a process.

    Raises CompanionError where an earlier release stored files that this one does not accept.
    """
    return build_device_type(TypeFiles.from_text(text_of(sha256)))


def text_of(sha256: str) -> str:
    """Return the files of a stored version as one JSON text."""
    text: str = MeterTypeVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0]
    return text


def files_of(sha256: str) -> dict[str, str]:
    """Return the texts of a stored version's files, by file name."""
    return dict(TypeFiles.from_text(text_of(sha256)).files)


def in_force(day: date) -> dict[str, tuple[str, ...]]:
    """Return the hashes of the versions in force on a local day, by name, the newest first.

    A version is in force until later ones, or ones loaded later with the same date, are for all of its firmware.
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
    """Return the firmware versions that any version of a type is for."""
    named = MeterTypeVersion.objects.filter(name=name).values_list("firmware", flat=True)
    return {one for firmware in named for one in firmware}


_VERSION: Final = ("name", "version", "valid_from", "firmware", "sha256", "loaded_at", "actor")


def versions() -> list[JsonObject]:
    """Return every loaded version without its files, as dictionaries."""
    found = MeterTypeVersion.objects.order_by("name", "valid_from", "id")
    return [dict(row) for row in found.values(*_VERSION)]


def known_types() -> dict[str, DeviceType]:
    """Return each type by its name, shipped or loaded; of a loaded type its newest version."""
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
            # Loaded by an earlier release with weaker checks. Only its meters stop, here as at the head end; raising would
            # stop all of them.
            log.error("a loaded meter type cannot be used", type=name, why=str(error))  # noqa: TRY400 - the sentence says it all
    return dict(sorted(known.items()))


def type_names() -> list[str]:
    """Return the names of all types, shipped or loaded, also of those that cannot be used."""
    return sorted({*device_types(), *MeterTypeVersion.objects.values_list("name", flat=True)})


def known_type(name: str, firmware: str = "") -> DeviceType:
    """Return the type with a name: of a loaded one the newest version for the firmware, else the newest.

    Raises UnknownMeterTypeError, which lists the known names.
    """
    if name in device_types():
        # No loaded type may have the name of a shipped one.
        return load_device_type(name)
    known = known_types()
    if name not in known:
        raise UnknownMeterTypeError(
            f"there is no meter type {name!r}; known are {', '.join(known)} (urja meter-type load stores another)"
        )
    versions = MeterTypeVersion.objects.filter(name=name, firmware__contains=[firmware])
    own = versions.order_by("-valid_from", "-id").values_list("sha256", flat=True).first()
    return known[name] if own is None else built(own)


def sleeping_types(now: datetime) -> SleepingTypes:
    """Return the types whose module sleeps but for its wake-ups, as of an instant (UTC)."""
    found = [
        (name, last_at, known.awake.longest_asleep_s, known.awake_at(now) != now)
        for name, known in known_types().items()
        if known.awake is not None and (last_at := known.last_awake_at(now)) is not None
    ]
    return SleepingTypes(
        tuple(name for name, _, _, _ in found),
        tuple(last_at for _, last_at, _, _ in found),
        tuple(longest_s for _, _, longest_s, _ in found),
        tuple(name for name, _, _, is_asleep in found if is_asleep),
    )


def commodity_of(name: str) -> str:
    """Return what meters of a type measure; of an unknown type electricity."""
    known = load_device_type(name) if name in device_types() else known_types().get(name)
    return "electricity" if known is None else known.commodity


def billing_types() -> tuple[str, ...]:
    """Return the names of the types with a billing profile that is stored as readings."""
    return tuple(name for name, known in known_types().items() if billing_columns(known) is not None)


def own_ratio(name: str) -> int:
    """Return what registers of a type are already multiplied by for the transformers before it; 1 for an unknown type."""
    known = load_device_type(name) if name in device_types() else known_types().get(name)
    return 1 if known is None else known.ct_ratio * known.pt_ratio


def longest_asleep(name: str) -> timedelta:
    """Return the longest time between two planned wake-ups of a type's module; zero where it never sleeps."""
    known = load_device_type(name) if name in device_types() else known_types().get(name)
    return timedelta(seconds=known.awake.longest_asleep_s if known and known.awake else 0)


def bit_of(code: int) -> int | None:
    """Return the bit of the event status word that a code stands for; None for other codes.

    Such codes are stored for bits for which the type lists no event (`urja.stream.records.unlisted_bit`).
    """
    return None if code > unlisted_bit(0) else unlisted_bit(0) - code


def event_names(name: str) -> dict[int, str]:
    """Return the names of a loaded type's own events, by stored code; empty for a shipped or unknown type."""
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
    """Return whether files with this hash are a stored version."""
    return MeterTypeVersion.objects.filter(sha256=sha256).exists()
