"""What a head end must know of a device: the entries of the key-value store that are due."""

from dataclasses import dataclass
from functools import cache

from django.db.models import F

from urja.apps.assets import meter_keys
from urja.apps.assets.models import Device, DevicePeriod, Projection
from urja.apps.commissioning.queries import told_pushes
from urja.apps.network.queries import areas_of, transformers_of
from urja.base.ids import bucket_of
from urja.cosem.companion import device_types, load_device_type
from urja.cosem.pushlist import PushList, as_typed
from urja.stream.messages import DeviceEntry, NextKeys


def due_projections(limit: int) -> list[DeviceEntry]:
    """The entries of devices whose key-value entry is behind, as they are now."""
    due = Projection.objects.filter(version__gt=F("projected_version")).order_by("device_id")
    return _entries(dict(due.values_list("device_id", "version")[:limit]))


def example_projected() -> tuple[DeviceEntry, bytes] | None:
    """An entry that is not due, as it would be written now, and the digest of what was written; None without one."""
    row = Projection.objects.filter(version=F("projected_version")).order_by("device_id").first()
    if row is None:
        return None
    [entry] = _entries({row.device_id: row.version})
    return entry, bytes(row.digest)


def _entries(versions: dict[int, int]) -> list[DeviceEntry]:
    mounted = dict(
        DevicePeriod.objects.filter(device_id__in=versions, valid_to=None).values_list(
            "device_id", "service_point_id"
        )
    )
    transformers, areas = transformers_of(mounted.values()), areas_of(mounted.values())
    places = {
        device_id: _Place(place, transformers.get(place), areas.get(place))
        for device_id, place in mounted.items()
    }
    told, new_keys = told_pushes(versions), meter_keys.waiting(versions)
    return [
        _entry(
            device,
            versions[device.id],
            places.get(device.id),
            told.get(device.id, ()),
            new_keys.get(device.id),
        )
        for device in Device.objects.filter(id__in=versions).order_by("id")
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device is mounted."""

    service_point_id: int
    transformer: str | None
    area: str | None


def _entry(
    device: Device, version: int, place: _Place | None, told: tuple[PushList, ...], new_keys: NextKeys | None
) -> DeviceEntry:
    return DeviceEntry(
        version=version,
        device_id=device.id,
        bucket=bucket_of(device.id if place is None else place.service_point_id),
        system_title=bytes(device.system_title),
        serial=device.serial,
        device_type=device.device_type,
        firmware=device.firmware,
        interval_s=device.interval_s,
        pushes=_own(device.device_type, told),
        wrapped_guek=bytes(device.wrapped_guek),
        wrapped_gak=bytes(device.wrapped_gak),
        wrapped_hls_secret=None if device.wrapped_hls_secret is None else bytes(device.wrapped_hls_secret),
        wrapped_master=None if device.wrapped_master is None else bytes(device.wrapped_master),
        next_keys=new_keys,
        address=device.address,
        transformer=None if place is None else place.transformer,
        area=None if place is None else place.area,
        active=place is not None,
    )


@cache
def _own(device_type: str, told: tuple[PushList, ...]) -> tuple[PushList, ...]:
    """What a meter has told of its pushes, unless its type says the same: then it need not travel with each meter.

    Of a loaded type it travels always: the next version may say something else.
    """
    if not told or device_type not in device_types():
        return told
    return () if as_typed(load_device_type(device_type), told) else told
