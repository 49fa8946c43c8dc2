"""Values of COSEM objects: times, columns and their present values, capture objects, scalers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, AccessSelection, EntryAccess, RangeAccess
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import BILLING_DATE, Column, DeviceType
from urja.cosem.time import CosemDateTime
from urja.meter.engine import shown_value
from urja.meter.object_model import ByEntry, ByRange, MeterState, RefusedError, Selection

NEVER: Final = axdr.octets(CosemDateTime(0xFFFF, 0xFF, 0xFF).to_bytes())
"""A date-time of an event that has not occurred: all fields not specified."""


def clock_data(device_type: DeviceType, shown_s: int, status: int) -> Data:
    """Return a shown instant as the meter writes it: twelve octets, local time, with the type's sign of deviation."""
    moment = CosemDateTime.from_utc(
        datetime.fromtimestamp(shown_s, UTC),
        deviation_min=device_type.default_deviation_min,
        sign=device_type.deviation_sign,
        status=status,
    )
    return axdr.octets(moment.to_bytes())


def moment_of(device_type: DeviceType, data: Data) -> datetime:
    """Return the UTC instant that a client wrote, as date-time or as twelve octets.

    Raises RefusedError for other data.
    """
    value = data.value
    if data.tag is Tag.OCTET_STRING and len(value) == 12:
        value = CosemDateTime.from_bytes(value)
    if not isinstance(value, CosemDateTime):
        raise RefusedError(AccessResult.TYPE_UNMATCHED)
    return value.to_utc(device_type.deviation_sign, device_type.default_deviation_min)


def selection_of(device_type: DeviceType, access: AccessSelection) -> Selection:
    """Return a client's selective access as rows (Unix seconds, or numbers from 1) and columns to select.

    Buffers are restricted by their clock only; raises RefusedError for any other restriction.
    """
    descriptor = access.interpret()
    if isinstance(descriptor, EntryAccess):
        return ByEntry(
            descriptor.from_entry, descriptor.to_entry, descriptor.from_column, descriptor.to_column
        )
    if not isinstance(descriptor, RangeAccess) or descriptor.restricting.attribute.class_id != 8:
        raise RefusedError(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return ByRange(
        int(moment_of(device_type, descriptor.from_value).timestamp()),
        int(moment_of(device_type, descriptor.to_value).timestamp()),
        tuple(
            (column.attribute.class_id, column.attribute.obis, column.attribute.attribute)
            for column in descriptor.columns
        ),
    )


def column_data(column: Column, value: int | None) -> Data:
    """Return a shown value in the column's wire type; null where this meter does not measure it."""
    if value is None:
        return axdr.null()
    tag = Tag(column.tag)
    return Data(tag, bool(value) if tag is Tag.BOOLEAN else value)


def moment_or_never(device_type: DeviceType, at_s: int) -> Data:
    """Return a shown instant as the meter writes it; NEVER for zero."""
    return clock_data(device_type, at_s, 0) if at_s else NEVER


def live_row(meter: MeterState, columns: Iterable[Column]) -> tuple[Data, ...]:
    """Return the present values of columns of the nameplate or the instantaneous profile."""
    named = _nameplate(meter)
    engine = meter.engine
    quantities = engine.quantities()
    device_type = meter.identity.type

    def live(column: Column) -> Data:
        if column.obis in named:
            return _text_data(column, named[column.obis])
        if column.class_id == 8:
            return clock_data(device_type, engine.shown_s, 0)
        if column.attribute == 5:
            return moment_or_never(device_type, engine.demand_at(column.obis))
        if column.obis == BILLING_DATE:
            return moment_or_never(device_type, engine.billed_at())
        value = quantities.get(column.obis)
        return column_data(column, None if value is None else shown_value(column, value))

    return tuple(live(column) for column in columns)


def live_column(meter: MeterState, column: Column) -> Data:
    """Return the present value of one column."""
    return live_row(meter, (column,))[0]


def _current_rating(device_type: DeviceType) -> str:
    if device_type.ct_ratio > 1:
        return "-/5A"
    return "5-30A" if device_type.phases == 1 else "10-60A"


def _nameplate(meter: MeterState) -> dict[str, str | int]:
    identity = meter.identity
    return {
        "0.0.96.1.0.255": identity.serial,
        "0.0.96.1.2.255": identity.device_id,
        "0.0.96.1.1.255": identity.type.manufacturer,
        "1.0.0.2.0.255": identity.type.firmware[0],
        "0.0.94.91.9.255": 1,
        "0.0.94.91.11.255": identity.type.category,
        "0.0.94.91.12.255": _current_rating(identity.type),
        "0.0.96.1.4.255": 2026,
        "1.0.0.4.2.255": identity.type.ct_ratio,
        "1.0.0.4.3.255": identity.type.pt_ratio,
    }


def _text_data(column: Column, value: str | int) -> Data:
    tag = Tag(column.tag)
    if tag is Tag.OCTET_STRING:
        return axdr.octets(str(value).encode("ascii"))
    if tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return Data(tag, str(value))
    return axdr.null() if isinstance(value, str) else Data(tag, value)


def capture_object(column: Column, attribute: int | None = None) -> Data:
    """Return a capture object definition: class, logical name, attribute, data index 0 (the whole attribute)."""
    return axdr.structure(
        axdr.uint16(column.class_id),
        axdr.octets(column.obis_bytes),
        axdr.int8(column.attribute if attribute is None else attribute),
        axdr.uint16(0),
    )


def scaler_unit(column: Column) -> Data:
    """Return attribute 3 of a register: scaler and unit."""
    return axdr.structure(axdr.int8(column.scaler), axdr.enum(column.unit))
