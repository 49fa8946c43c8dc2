"""Meters' entries in the broker's key-value store: what a head end must know of each device."""

from collections.abc import Mapping, Sequence
from functools import cache

from urja.apps.assets import meter_keys, queries as assets
from urja.apps.assets.queries import DeviceDescription
from urja.apps.commissioning.queries import reported_pushes
from urja.apps.network.queries import areas_of, transformers_of
from urja.base.ids import bucket_of
from urja.cosem.companion import device_types, load_device_type
from urja.cosem.push_object_list import PushObjectList, matches_type
from urja.stream.messages import DeviceEntry


def due_entries(limit: int) -> list[DeviceEntry]:
    """Return the entries that are due to be written, at most `limit`, with their data as of now."""
    return _entries(assets.due_entries(limit))


def sample_written_entry() -> tuple[DeviceEntry, bytes] | None:
    """Return one entry that is not due, as it would be written now, and the digest of what was written.

    For the comparison of the store with the registry; None where every entry is due.
    """
    found = assets.sample_written_entry()
    if found is None:
        return None
    described, digest = found
    [entry] = _entries([described])
    return entry, digest


def _of_service_point(values: Mapping[int, str], device: DeviceDescription) -> str | None:
    return None if device.service_point_id is None else values.get(device.service_point_id)


def _entries(devices: Sequence[DeviceDescription]) -> list[DeviceEntry]:
    ids = [device.device_id for device in devices]
    service_points = [device.service_point_id for device in devices if device.service_point_id is not None]
    transformers, areas = transformers_of(service_points), areas_of(service_points)
    reported, new_keys = reported_pushes(ids), meter_keys.unproven_keys(ids)
    return [
        DeviceEntry(
            version=device.version,
            device_id=device.device_id,
            bucket=bucket_of(device.service_point_id or device.device_id),
            system_title=device.system_title,
            serial=device.serial,
            device_type=device.device_type,
            firmware=device.firmware,
            interval_s=device.interval_s,
            pushes=_own(device.device_type, reported.get(device.device_id, ())),
            wrapped_guek=device.wrapped_guek,
            wrapped_gak=device.wrapped_gak,
            wrapped_hls_secret=device.wrapped_hls_secret,
            wrapped_master=device.wrapped_master,
            next_keys=new_keys.get(device.device_id),
            address=device.address,
            transformer=_of_service_point(transformers, device),
            area=_of_service_point(areas, device),
            active=device.service_point_id is not None,
        )
        for device in devices
    ]


@cache
def _own(device_type: str, reported: tuple[PushObjectList, ...]) -> tuple[PushObjectList, ...]:
    """Return the layouts that a meter reported, or nothing where a shipped type has the same.

    Then they need not be sent with each meter. For a loaded type they always are: its next version may differ.
    """
    if not reported or device_type not in device_types():
        return reported
    return () if matches_type(load_device_type(device_type), reported) else reported
