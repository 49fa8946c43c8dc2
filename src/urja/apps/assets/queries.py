"""Devices in stock and installed, and the state of their entries in the broker's key-value store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, F, OuterRef, Subquery

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device, DevicePeriod, Projection
from urja.stream.messages import DeviceEntry

type DevicePeriodRow = DevicePeriod
"""A row of `assets_device_period`, for annotations outside this app."""


def type_of(device_id: int) -> tuple[str, str]:
    """Return the name of a device's type, and its firmware ("" where it is not known)."""
    name, firmware = Device.objects.values_list("device_type", "firmware").get(id=device_id)
    return name, firmware


def firmware_of_type(device_type: str) -> dict[str, int]:
    """Return the number of meters of a type that are not scrapped, by firmware (empty where it is unknown)."""
    of_type = Device.objects.filter(device_type=device_type).exclude(stock=Stock.SCRAPPED)
    return dict(of_type.values_list("firmware").annotate(Count("id")))


def mark_projected(written: Sequence[tuple[DeviceEntry, bytes]]) -> None:
    """Record the version and the digest (16 bytes) of entries that were written to the store."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE assets_projection p SET projected_version = d.version, digest = d.digest"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS d(device_id, version, digest)"
            # A device that was changed meanwhile has a greater `version` by now and stays due.
            " WHERE p.device_id = d.device_id AND p.projected_version < d.version",
            [
                [entry.device_id for entry, _ in written],
                [entry.version for entry, _ in written],
                [digest for _, digest in written],
            ],
        )


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """What was last written to the store for one device."""

    device_id: int
    key: str
    """The entry's key: the system title in hex."""
    digest: bytes
    """Digest of the signed entry as it was written."""
    is_due: bool
    """Whether a newer version is to be written: then the store may hold either of the two."""


def written_entries() -> list[WrittenEntry]:
    """Return what was written to the store for each device: about 100 bytes of memory each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, encode(d.system_title, 'hex'), p.digest, p.version > p.projected_version "
            "FROM assets_projection p JOIN assets_device d ON d.id = p.device_id"
        )
        return [WrittenEntry(device_id, key, bytes(digest), due) for device_id, key, digest, due in cursor]


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """A device as its head end must know it, and where it is installed."""

    version: int
    """Version of its entry in the store."""
    device_id: int
    service_point_id: int | None
    """Where it is installed; None while it is not."""
    system_title: bytes
    serial: str
    device_type: str
    firmware: str
    interval_s: int
    """Length of its load profile's intervals, in seconds."""
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None
    wrapped_master: bytes | None
    address: str | None


def due_entries(limit: int) -> list[DeviceDescription]:
    """Return the devices whose entry is due to be written, at most `limit`, with their data as of now."""
    due = Projection.objects.filter(version__gt=F("projected_version")).order_by("device_id")
    return _described(dict(due.values_list("device_id", "version")[:limit]))


def count_due_entries() -> int:
    """Return how many devices have an entry that is due to be written."""
    return Projection.objects.filter(version__gt=F("projected_version")).count()


def sample_written_entry() -> tuple[DeviceDescription, bytes] | None:
    """Return one device whose entry is not due, with the digest of what was written; None where all are due.

    For the comparison of the store with the registry.
    """
    row = Projection.objects.filter(version=F("projected_version")).order_by("device_id").first()
    if row is None:
        return None
    [described] = _described({row.device_id: row.version})
    return described, bytes(row.digest)


def _described(versions: dict[int, int]) -> list[DeviceDescription]:
    installed = dict(
        DevicePeriod.objects.filter(device_id__in=versions, valid_to=None).values_list(
            "device_id", "service_point_id"
        )
    )
    return [
        DeviceDescription(
            version=versions[device.id],
            device_id=device.id,
            service_point_id=installed.get(device.id),
            system_title=bytes(device.system_title),
            serial=device.serial,
            device_type=device.device_type,
            firmware=device.firmware,
            interval_s=device.interval_s,
            wrapped_guek=bytes(device.wrapped_guek),
            wrapped_gak=bytes(device.wrapped_gak),
            wrapped_hls_secret=_bytes(device.wrapped_hls_secret),
            wrapped_master=_bytes(device.wrapped_master),
            address=device.address,
        )
        for device in Device.objects.filter(id__in=versions).order_by("id")
    ]


def _bytes(value: memoryview | bytes | None) -> bytes | None:
    return None if value is None else bytes(value)


def service_points_of(serials: Iterable[str]) -> list[int]:
    """Return the service points where meters with these serial numbers are installed."""
    installed = DevicePeriod.objects.filter(device__serial__in=list(serials), valid_to=None)
    return list(installed.values_list("service_point_id", flat=True))


@dataclass(frozen=True, slots=True)
class Uncommissioned:
    """An installed billing meter that has not passed its commissioning: its pushes are not billed."""

    device_period_id: int
    device_id: int
    serial: str


def uncommissioned() -> list[Uncommissioned]:
    """Return the installed billing meters that have not passed their commissioning, the oldest installation first."""
    found = DevicePeriod.objects.filter(role=DeviceRole.BILLING, valid_to=None, commissioned_at=None)
    rows = found.order_by("valid_from", "id").values_list("id", "device_id", "device__serial")
    return [Uncommissioned(*row) for row in rows]


def is_installed(device_id: int, service_point_id: int) -> bool:
    """Return whether a device is installed at a service point now."""
    return DevicePeriod.objects.filter(
        device_id=device_id, service_point_id=service_point_id, valid_to=None
    ).exists()


def open_period(device_period_id: int) -> DevicePeriod | None:
    """Return an installation that has not ended; None where it has ended or was undone."""
    return DevicePeriod.objects.filter(id=device_period_id, valid_to=None).first()


def is_in_service(serial: str) -> bool:
    """Return whether a meter is installed and in service."""
    installed = DevicePeriod.objects.filter(device__serial=serial, valid_to=None)
    return installed.exclude(commissioned_at=None, taken_over_at=None).exists()


def is_known(serial: str) -> bool:
    """Return whether any device has this serial number."""
    return Device.objects.filter(serial=serial).exists()


def stock_counts() -> dict[str, int]:
    """Return the number of devices in each stock state, without states that no device is in."""
    counted = dict(Device.objects.values_list("stock").annotate(count=Count("id")).order_by())
    return {state.value: counted[state.value] for state in Stock if state.value in counted}


def stock(
    *, state: str | None = None, held_by: str | None = None, limit: int = 100
) -> list[dict[str, object]]:
    """Return devices by serial number, each with its holder or the consumer number where it is installed.

    One dictionary each: `serial`, `device_type`, `stock`, `held_by`, `consumer_number`. `state` and `held_by` narrow
    it.
    """
    open_periods = DevicePeriod.objects.filter(device=OuterRef("pk"), valid_to=None)
    found = Device.objects.order_by("serial").annotate(
        consumer_number=Subquery(open_periods.values("service_point__consumer_number")[:1])
    )
    if state is not None:
        found = found.filter(stock=state)
    if held_by is not None:
        found = found.filter(held_by=held_by)
    shown = found.values("serial", "device_type", "stock", "held_by", "consumer_number")
    return [dict(row) for row in shown[:limit]]


@dataclass(frozen=True, slots=True)
class MeterClocks:
    """How many billing meters of a commodity are installed with one length of interval and one kind of clock."""

    interval_s: int
    clock_offset_s: int | None
    """Offset of their clocks from UTC all year, in seconds; None where they follow local time."""
    meters: int


def installed_clocks(commodity: str) -> list[MeterClocks]:
    """Return the lengths of interval and the clocks of the billing meters that are installed now."""
    rows = (
        DevicePeriod.objects.filter(
            role=DeviceRole.BILLING, valid_to=None, service_point__commodity=commodity
        )
        .values_list("device__interval_s", "device__clock_offset_s")
        .annotate(meters=Count("id"))
        .order_by("device__interval_s", "device__clock_offset_s")
    )
    return [MeterClocks(*row) for row in rows]
