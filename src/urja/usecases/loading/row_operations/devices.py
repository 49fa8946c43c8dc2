"""Rows of devices: a meter and one installation of it, with its registers as they were read."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.assets.models import Device, DevicePeriod, Seal
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.meter_types.queries import known_types
from urja.core.rating import Commodity
from urja.usecases.kinds.registers import one_of
from urja.usecases.kinds.stock import Delivered
from urja.usecases.legacy_takeover import PutDevice, TakeOverMeter, devices_of
from urja.usecases.loading.staging import Load, Row
from urja.usecases.meter_installation import InstallMeter
from urja.usecases.service_points import service_points_of

_COLUMNS: Final = {
    "max_power_w": "max_power_w",
    "forward_only": "forward_only",
    "address": "address",
    "sim": "sim",
    "firmware": "firmware",
    "guek": "wrapped_guek",
    "gak": "wrapped_gak",
    "hls_secret": "wrapped_hls_secret",
    "master_key": "wrapped_master",
}
_STAY: Final = {
    "system_title": "system_title",
    "type": "device_type",
    "interval_s": "interval_s",
    "load_switch": "load_switch",
}
_NAMEPLATE: Final = ("manufacturer", "year", "rating", "category")
_NEEDED: Final = ("system_title", "type", "guek", "gak")


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    load.execution.find_ahead(devices_of, [row["serial"] for row in rows])
    load.execution.find_ahead(service_points_of, [row["consumer_number"] for row in rows])


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:
    device = execution.find(devices_of, row["serial"])
    _check(row, _commodity(row, device))
    period = None
    if device is not None:
        period = DevicePeriod.objects.filter(device=device, valid_from=row["installed_at"]).first()
        yield from _known(load, execution, row, device)
    if period is not None:
        _check_period(row, period)
        return
    install = _install(load, row)
    if device is None:
        delivered = _delivered(load, row)
        if delivered is None:
            return
        if row["stock"] == "installed" and (install is None or row["removed_at"] is not None):
            row.fault(
                "stock",
                "the meter is not installed",
                "leave it empty, or give where the meter is installed and since when",
            )
    elif install is None and not row["seals"]:
        return
    yield TakeOverMeter(
        serial=row["serial"],
        delivered=delivered if device is None else None,
        stock=row["stock"],
        held_by=row["held_by"] or "",
        install=install,
        removed_at=row["removed_at"],
        last_register=one_of(row["last_register_wh"], row["last_register_l"]),
        seals=_new_seals(row, device),
    )


def _commodity(row: Row, device: Device | None) -> str:
    """Return what a meter measures; electricity where its type is not known, which is a fault of its own."""
    if device is not None:
        return device.commodity
    known = known_types().get(row["type"] or "")
    return Commodity.ELECTRICITY if known is None else known.commodity


def _check(row: Row, commodity: str) -> None:
    unit, other = ("l", "wh") if commodity == Commodity.GAS else ("wh", "l")
    for name in ("register", "last_register"):
        if row[f"{name}_{other}"] is not None:
            row.fault(
                f"{name}_{other}",
                "it is a gas meter" if other == "wh" else "it is a meter of electricity",
                f"write its register as {name}_{unit}",
            )
            return
    for name in ("installed_at", f"register_{unit}"):
        if row["consumer_number"] and row[name] is None:
            row.fault(
                name,
                "the meter is installed, and it is empty",
                "give the day, and the register at that time",
            )
        if not row["consumer_number"] and row[name] is not None:
            row.fault(name, "the meter is not installed", "give where it is installed, or leave it empty")
    if row[f"last_register_{unit}"] is not None and row["removed_at"] is None:
        row.fault(f"last_register_{unit}", "the meter was not removed", "correct the day or the registers")


def _install(load: Load, row: Row) -> InstallMeter | None:
    if not row["consumer_number"] or row["installed_at"] is None or _register(row) is None:
        return None
    return InstallMeter(
        consumer_number=row["consumer_number"],
        serial=row["serial"],
        installed_at=row["installed_at"],
        register_wh=row["register_wh"],
        register_l=row["register_l"],
        **{name: load.value(row, name) for name in ("role", "ratio_primary", "ratio_secondary")},
    )


def _register(row: Row) -> int | None:
    """Return the register at the installation, in Wh or litres."""
    return one_of(row["register_wh"], row["register_l"])


def _delivered(load: Load, row: Row) -> Delivered | None:
    """Return a meter that is new here, with its keys; None with faults where something is missing."""
    for name in _NEEDED:
        if row[name] is None:
            row.fault(
                name,
                "the meter is new here, and it is empty",
                "a new meter comes with its system title, its type and its keys",
            )
    known = known_types().get(row["type"] or "")
    if row["type"] and known is None:
        row.fault(
            "type",
            "there is no such device type",
            f"write {' or '.join(known_types())}, or load the type: urja meter-type load",
        )
    _check_interval(row)
    if known is not None and known.associations.needs_secret and row["hls_secret"] is None:
        _secret_is_needed(row, row["type"])
    if known is not None and row["load_switch"] and not known.relay:
        row.fault("load_switch", f"meters of type {row['type']} have no relay", "write no, or leave it empty")
    if known is None or any(row[name] is None for name in _NEEDED):
        return None
    return Delivered(
        serial=row["serial"],
        system_title=row["system_title"],
        device_type=row["type"],
        interval_s=row["interval_s"] or known.interval_s,
        clock_offset_s=known.clock_offset_s,
        load_switch=known.relay if row["load_switch"] is None else row["load_switch"],
        nameplate={name: row[name] for name in _NAMEPLATE if row[name] is not None},
        **{column: load.value(row, name) for name, column in _COLUMNS.items()},
    )


def _secret_is_needed(row: Row, kind: str) -> None:
    row.fault(
        "hls_secret",
        f"it is empty, and meters of type {kind} need it for their association",
        "write the secret that its manufacturer has set",
    )


def _check_interval(row: Row) -> None:
    if row["interval_s"] not in (None, 900, 1800, 3600):
        row.fault(
            "interval_s", "an interval has 900, 1800 or 3600 seconds", "write one of them, or leave it empty"
        )


def _known(load: Load, execution: Execution, row: Row, device: Device) -> Iterator[UseCase]:
    """Yield the change of a known meter, and find what a file cannot change."""
    for name, column in _STAY.items():
        now = getattr(device, column)
        now = bytes(now) if name == "system_title" else now
        if row[name] is not None and row[name] != now:
            shown = now.hex() if isinstance(now, bytes) else now
            row.fault(
                name,
                f"the meter is known with {'system title ' if name == 'system_title' else ''}{shown}",
                "this cannot change: correct it",
            )
    if row["stock"] is not None and row["stock"] not in ("installed", device.stock):
        row.fault(
            "stock",
            f"the stock has it as {device.stock}",
            "stock is changed by urja stock, not by a file",
        )
    if row["stock"] == "installed" and device.stock != "installed" and not row["consumer_number"]:
        row.fault(
            "stock",
            "the meter is not installed",
            "leave it empty, or give where the meter is installed and since when",
        )
    new = {
        column: value
        for column, value in load.said(row, _COLUMNS).items()
        if value != _plain(getattr(device, column))
    }
    if row["held_by"] is not None and device.stock != "installed" and row["held_by"] != device.held_by:
        new["held_by"] = row["held_by"]
    nameplate = device.nameplate | {name: row[name] for name in _NAMEPLATE if row[name] is not None}
    if nameplate != device.nameplate:
        new["nameplate"] = nameplate
    if not new:
        return
    if device.operation_id == execution.id:
        for name in {**_COLUMNS, **dict.fromkeys(_NAMEPLATE, "nameplate"), "held_by": "held_by"}:
            column = _COLUMNS.get(name, "nameplate" if name in _NAMEPLATE else name)
            if column in new and row[name] is not None:
                row.fault(name, "another row has another value for the same meter", "make them the same")
    yield PutDevice(serial=device.serial, values=new)


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _new_seals(row: Row, device: Device | None) -> tuple[str, ...]:
    numbers = [one for one in re.split(r"\s*;\s*", row["seals"] or "") if one]
    if device is not None:
        known = Seal.objects.filter(device=device, number__in=numbers).values_list("number", flat=True)
        numbers = [one for one in numbers if one not in set(known)]
    return tuple(dict.fromkeys(numbers))


def _check_period(row: Row, period: DevicePeriod) -> None:
    """Find columns that would change an existing installation: charges depend on it."""
    if str(period.service_point) != row["consumer_number"]:
        row.fault(
            "consumer_number",
            f"the meter was or is installed at {period.service_point}",
            "two meters that were confused are corrected by the operation swap_meters",
        )
    role = DeviceRole(period.role).name.lower()
    for name, now in (
        ("ratio_primary", period.ratio_primary),
        ("ratio_secondary", period.ratio_secondary),
        ("role", role),
    ):
        if row[name] is not None and row[name] != now:
            row.fault(
                name,
                f"it is known with {now}",
                "a ratio is changed by the operation change_ratio; a role cannot change",
            )
    if row["removed_at"] is not None and row["removed_at"] != period.valid_to:
        said = (
            "the meter is still installed there"
            if period.valid_to is None
            else f"it was removed on {period.valid_to:%Y-%m-%d}"
        )
        row.fault(
            "removed_at",
            said,
            "a meter is removed by the operation remove_meter; otherwise correct the day",
        )
    for name, unit, at in (
        ("register_wh", "Wh", period.valid_from),
        ("register_l", "L", period.valid_from),
        ("last_register_wh", "Wh", period.valid_to),
        ("last_register_l", "L", period.valid_to),
    ):
        read = None if row[name] is None or at is None else _read_at(period, at)
        if read is not None and read != row[name]:
            row.fault(
                name,
                f"the register was read as {read} {unit}",
                "a read is corrected by correct_last_read or by undoing the installation, not by a file",
            )


def _read_at(period: DevicePeriod, at: datetime | None) -> int | None:
    """Return the register in Wh or litres as read at installation or removal, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT values[1] FROM readings.register WHERE service_point_id = %s AND device_id = %s AND read_at = %s "
            "AND kind = 5 ORDER BY version DESC LIMIT 1",
            [period.service_point_id, period.device_id, at],
        )
        found = cursor.fetchone()
        return None if found is None else int(found[0])
