"""Reading of profile generics (class 7): the captured objects are read from the meter, never assumed.

`ProfileShape` is a meter's own description of one of its profiles (capture objects, scalers); it is read once and
stored for each meter. Rows become a `Table` of Python integers in the meter's order, and records by companion column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import BILLING_DATE, Column, DeviceType
from urja.cosem.companion.stored_columns import (
    StoredColumns,
    billing_columns,
    quantity_of,
    stored_columns,
)
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute
from urja.cosem.time import CosemDateTime
from urja.cosem.xdlms.selection import CaptureObject, RangeAccess
from urja.headend import record_conversion
from urja.headend.failures import FailureKind, SessionFailedError, from_cosem
from urja.headend.record_conversion import EventFact, Mask, Measured
from urja.headend.session import Session
from urja.quantities.catalogue import Kind as QuantityKind
from urja.stream.codec import Records
from urja.stream.records import NULL, EventState, RegisterKind, block_dtype, register_dtype
from urja.stream.subjects import Kind

CLOCK: Final = CosemAttribute.of(8, "0.0.1.0.0.255", 2)
EVENT_LOGS: Final = {
    "power-events": ("0.0.99.98.2.255",),
    # Voltage, current, other, non-rollover: the meter's tamper counter counts the entries of all of them that it has.
    "tamper-events": ("0.0.99.98.0.255", "0.0.99.98.1.255", "0.0.99.98.4.255", "0.0.99.98.5.255"),
}
"""Event logs by the name under which they are requested (IS 15959-2)."""
_NUMBERS: Final = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64, Tag.ENUM}
)
_PROFILE: Final = 7
_STATUS_UNKNOWN: Final = 0xFF


@dataclass(frozen=True, slots=True)
class ProfileShape:
    """A profile's columns in the meter's order, with the power of ten and the unit of each where they are known."""

    obis: str
    columns: tuple[CaptureObject, ...]
    scalers: tuple[int | None, ...]
    units: tuple[int | None, ...]

    @property
    def clock_index(self) -> int | None:
        """The position of the clock's column; None where the profile captures no clock."""
        for index, column in enumerate(self.columns):
            if column.attribute.class_id == CLOCK.class_id:
                return index
        return None

    @property
    def end_index(self) -> int | None:
        """The position of the column with the end of a billing period; None where the profile captures none."""
        for index, column in enumerate(self.columns):
            if (str(column.attribute.obis), column.attribute.attribute) == (BILLING_DATE, 2):
                return index
        return self.clock_index


async def read_shape(session: Session, obis: str, scaler_obis: str | None) -> ProfileShape:
    """Read what the meter captures, and with which scalers. Raises SessionFailedError."""
    columns = await read_capture_objects(session, obis)
    registers = [
        column.attribute
        for column in columns
        if column.attribute.class_id in (3, 4) and column.attribute.attribute == 2
    ]
    units = await read_scaler_units(session, registers, [scaler_obis] if scaler_obis else [])
    found = [units.get(column.attribute, (None, None)) for column in columns]
    return ProfileShape(obis, columns, tuple(scaler for scaler, _ in found), tuple(unit for _, unit in found))


async def read_scaler_units(
    session: Session, registers: Sequence[CosemAttribute], scaler_profiles: Sequence[str]
) -> dict[CosemAttribute, tuple[int, int]]:
    """Read power of ten and unit code of registers' values, from the scaler profiles and, where those have none, the
    registers.

    Registers for which the meter gives none are left out. Raises SessionFailedError.
    """
    known: dict[CosemAttribute, tuple[int, int]] = {}
    for obis in scaler_profiles:
        if all(attribute in known for attribute in registers):
            break
        known |= await _scalers_of_profile(session, obis)
    missing = [attribute for attribute in registers if attribute not in known]
    units = await session.get_each(
        # scaler_unit is attribute 3 of registers (class 3) and extended registers (class 4) alike.
        [CosemAttribute(attribute.class_id, attribute.obis, 3) for attribute in missing]
    )
    found = zip(missing, map(_scaler_unit, units), strict=True)
    return known | {attribute: unit for attribute, unit in found if unit is not None}


async def read_capture_objects(session: Session, obis: str) -> tuple[CaptureObject, ...]:
    """Read the capture objects of a profile (attribute 3). Raises SessionFailedError."""
    data = await session.get(CosemAttribute.of(_PROFILE, obis, 3))
    if data.tag is not Tag.ARRAY:
        raise SessionFailedError(FailureKind.PROTOCOL, f"capture_objects of {obis} are {data.tag.name}")
    try:
        return tuple(CaptureObject.from_data(element) for element in data.value)
    except CosemError as error:
        raise from_cosem(error) from error


async def _scalers_of_profile(session: Session, scaler_obis: str) -> dict[CosemAttribute, tuple[int, int]]:
    """Scalers and units in a scaler profile (IS 15959-2: one row, attribute 3 of each register); empty where the
    meter has none.
    """
    try:
        objects = await read_capture_objects(session, scaler_obis)
        rows = rows_of(await session.get(CosemAttribute.of(_PROFILE, scaler_obis, 2)))
    except SessionFailedError as failure:
        if failure.kind is FailureKind.REFUSED:
            return {}
        raise
    if len(rows) != 1 or len(rows[0]) != len(objects):
        return {}
    return {
        CosemAttribute(column.attribute.class_id, column.attribute.obis, 2): unit
        for column, unit in zip(objects, map(_scaler_unit, rows[0]), strict=True)
        if unit is not None
    }


def _scaler_unit(data: Data | None) -> tuple[int, int] | None:
    """Power of ten and unit code in a scaler_unit structure; None where the data is none."""
    if data is None or data.tag is not Tag.STRUCTURE or len(data.value) != 2:
        return None
    scaler, unit = data.value
    return (int(scaler.value), int(unit.value)) if scaler.tag is Tag.INT8 and unit.tag in _NUMBERS else None


def rows_of(buffer: Data) -> list[Sequence[Data]]:
    """The rows of a profile's buffer: an array of structures, or a compact array of them. Raises SessionFailedError
    (protocol).
    """
    rows: Sequence[Data]
    if buffer.tag is Tag.COMPACT_ARRAY:
        rows = buffer.value.elements
    elif buffer.tag is Tag.ARRAY:
        rows = buffer.value
    else:
        raise SessionFailedError(FailureKind.PROTOCOL, f"a profile's buffer is {buffer.tag.name}")
    for row in rows:
        if row.tag is not Tag.STRUCTURE:
            raise SessionFailedError(FailureKind.PROTOCOL, f"a profile's row is {row.tag.name}")
    return [row.value for row in rows]


def clock_range(device_type: DeviceType, from_at: datetime, to_at: datetime) -> RangeAccess:
    """Selective access to rows stamped in [from_at, to_at] (UTC), as the meter's clock shows these instants in its
    local time.
    """
    return RangeAccess(
        CaptureObject(CLOCK), _clock_data(device_type, from_at), _clock_data(device_type, to_at)
    )


def _clock_data(device_type: DeviceType, at: datetime) -> Data:
    moment = CosemDateTime.from_utc(
        at, deviation_min=device_type.default_deviation_min, sign=device_type.deviation_sign
    )
    return axdr.octets(moment.to_bytes())


async def read_rows(
    session: Session,
    device_type: DeviceType,
    shape: ProfileShape,
    window: tuple[datetime, datetime] | None,
) -> list[Sequence[Data]]:
    """Read the rows of a profile, those in `window` (UTC) where one is given and the profile has a clock. Raises
    SessionFailedError.
    """
    access = None
    if window is not None and shape.clock_index is not None:
        access = clock_range(device_type, *window)
    rows = rows_of(await session.get(CosemAttribute.of(_PROFILE, shape.obis, 2), access))
    for row in rows:
        if len(row) != len(shape.columns):
            raise SessionFailedError(
                FailureKind.PROTOCOL,
                f"a row of {shape.obis} has {len(row)} columns, not {len(shape.columns)}",
            )
    return rows


# --- rows to records ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamped:
    """Rows with their stamps: seconds since the Unix epoch and clock status. Rows without a stamp are left out and
    counted.
    """

    rows: list[Sequence[Data]]
    at_s: list[int]
    status: list[int]
    unplaced: int

    def within(self, window: tuple[datetime, datetime]) -> "Stamped":
        """The rows stamped in a window (UTC), for a meter that takes no range and returns all its rows."""
        first_s, last_s = (at.timestamp() for at in window)
        kept = [index for index, at_s in enumerate(self.at_s) if first_s <= at_s <= last_s]
        return Stamped(
            [self.rows[index] for index in kept],
            [self.at_s[index] for index in kept],
            [self.status[index] for index in kept],
            self.unplaced,
        )


def stamp_rows(
    rows: Sequence[Sequence[Data]], index: int, device_type: DeviceType, period_s: int | None
) -> Stamped:
    """Read the clock column as seconds since the Unix epoch; null-data there means "`period_s` seconds after the row
    before" (IEC 62056-6-2, class 7).
    """
    stamped = Stamped([], [], [], 0)
    unplaced = 0
    before: int | None = None
    for row in rows:
        at_s, status = _moment(row[index], device_type)
        if at_s is None and row[index].tag is Tag.NULL and before is not None and period_s is not None:
            at_s = before + period_s
        if at_s is None:
            unplaced += 1
            continue
        before = at_s
        stamped.rows.append(row)
        stamped.at_s.append(at_s)
        stamped.status.append(status)
    return Stamped(stamped.rows, stamped.at_s, stamped.status, unplaced)


def _moment(data: Data, device_type: DeviceType) -> tuple[int | None, int]:
    value: Any = data.value
    try:
        if data.tag is Tag.OCTET_STRING and len(value) == 12:
            value = CosemDateTime.from_bytes(value)
        if not isinstance(value, CosemDateTime):
            return None, _STATUS_UNKNOWN
        at = value.to_utc(device_type.deviation_sign, device_type.default_deviation_min)
    except CosemError:
        return None, _STATUS_UNKNOWN
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()), value.status


def _filled(
    records: Records,
    stamped: Stamped,
    shape: ProfileShape,
    stored: StoredColumns,
    device_type: DeviceType,
) -> Measured:
    """Set the values from the columns known from companion data, wherever the meter has put them.

    The meter's own scaler is used; companion data fills in only where the meter gives none. Null-data is a missing
    value: a meter may mean "as before" by it, but that must not make energy out of nothing. The instant of a maximum is
    in Unix seconds, and missing where there was no demand yet.
    """
    by_attribute = {(column.obis, column.attribute): (place, column) for place, column in stored.places}
    records["values"] = NULL
    for index, captured in enumerate(shape.columns):
        known = by_attribute.get((str(captured.attribute.obis), captured.attribute.attribute))
        if known is None:
            continue
        place, column = known
        cells = [row[index] for row in stamped.rows]
        if stored.channels.quantities[place].kind is QuantityKind.TIME:
            instants = [_moment(cell, device_type)[0] for cell in cells]
            records["values"][:, place] = [NULL if at is None else at for at in instants]
            continue
        valid = np.array([_fits(cell) for cell in cells], np.bool_)
        values = np.array([int(cell.value) if _fits(cell) else 0 for cell in cells], np.int64)
        scaler = shape.scalers[index]
        records["values"][:, place] = record_conversion.rescale(
            values, valid, column.scaler if scaler is None else scaler, stored.exponent(place)
        )
    return Measured(records, stored.channels)


def implausible_rows(measured: Measured, shape: ProfileShape, known: Sequence[Column], kind: Kind) -> Mask:
    """Mask of records whose apparent energy is below the active one by more than one unit of the coarser scaler."""
    units = {
        quantity.name: column.scaler if scaler is None else scaler
        for captured, scaler in zip(shape.columns, shape.scalers, strict=True)
        for column in known
        if (column.obis, column.attribute) == (str(captured.attribute.obis), captured.attribute.attribute)
        and (quantity := quantity_of(column, of_intervals=kind is Kind.BLOCK)) is not None
    }
    records, channels = measured
    wrong = np.zeros(len(records), np.bool_)
    for active, apparent in record_conversion.energy_pairs(channels):
        wh, vah = records["values"][:, active], records["values"][:, apparent]
        names = channels.names[active], channels.names[apparent]
        unit = 10 ** max(0, *(units.get(name, 0) for name in names))
        wrong |= (wh != NULL) & (vah != NULL) & (wh - vah > unit)
    return wrong


def _fits(cell: Data) -> bool:
    return cell.tag in _NUMBERS and -(2**63) < cell.value < 2**63


def block_records(
    stamped: Stamped, shape: ProfileShape, device_type: DeviceType, interval_s: int
) -> Measured:
    """Records of block-load rows, in the units of the channel set; the stamp of the end becomes that of the start."""
    stored = stored_columns(device_type.profiles["block"].columns, of_intervals=True)
    records = np.zeros(len(stamped.rows), block_dtype(len(stored.channels)))
    # IS 15959: the stamp of a block is its end.
    records["start_at"] = np.array(stamped.at_s, np.int64) - interval_s
    records["length_s"] = interval_s
    records["clock_status"] = stamped.status
    return _filled(records, stamped, shape, stored, device_type)


def register_records(
    stamped: Stamped, shape: ProfileShape, device_type: DeviceType, profile: str, kind: RegisterKind
) -> Measured:
    """Records of daily or instantaneous rows, in the units of the channel set."""
    stored = stored_columns(device_type.profiles[profile].columns, of_intervals=False)
    return _reads(stamped, shape, device_type, stored, kind)


def billing_records(stamped: Stamped, shape: ProfileShape, device_type: DeviceType) -> Measured:
    """Records of billing rows, in the units of the channel set: registers by zone, maxima and their instants at the end of
    each period that the meter has closed.
    """
    stored = billing_columns(device_type)
    assert stored is not None, "asked of types whose billing profile is stored"
    return _reads(stamped, shape, device_type, stored, RegisterKind.BILLING)


def _reads(
    stamped: Stamped, shape: ProfileShape, device_type: DeviceType, stored: StoredColumns, kind: RegisterKind
) -> Measured:
    records = np.zeros(len(stamped.rows), register_dtype(len(stored.channels)))
    records["read_at"] = stamped.at_s
    records["kind"] = kind
    records["clock_status"] = stamped.status
    return _filled(records, stamped, shape, stored, device_type)


_STATES: Final = {
    "occurred": EventState.OCCURRED,
    "restored": EventState.RESTORED,
    "instant": EventState.INSTANT,
}


def event_records(stamped: Stamped, shape: ProfileShape, device_type: DeviceType, device_id: int) -> Records:
    """EVENT records of an event log: the column 0.0.96.11.x holds the code (IS 15959-2). Raises SessionFailedError
    (protocol) where there is none.
    """
    index = next(
        (
            index
            for index, column in enumerate(shape.columns)
            if bytes(column.attribute.obis)[:4] == bytes((0, 0, 96, 11))
        ),
        None,
    )
    if index is None:
        raise SessionFailedError(FailureKind.PROTOCOL, f"the log {shape.obis} captures no event code")
    facts = []
    for row, at_s, status in zip(stamped.rows, stamped.at_s, stamped.status, strict=True):
        if not _fits(row[index]):
            continue
        code = int(row[index].value)
        known = device_type.companion.events.get(code)
        state = EventState.INSTANT if known is None else _STATES[known.state]
        meant = device_type.meant.get(code, code)
        facts.append((device_id, at_s, EventFact(meant, state), status))
    return record_conversion.events(facts)
