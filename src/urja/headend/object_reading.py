"""Reading of any object of any meter: its class, the attribute, and the scaler and unit that belong to it.

For operators at a terminal; the pipeline's read requests are carried out by `read_execution`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from urja.cosem.apdu import Conformance
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType, name_object
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.time import CosemDateTime
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.profiles import clock_range, read_capture_objects, rows_of
from urja.headend.session import Session

_REGISTER: Final = 3
_PROFILE: Final = 7
_CLOCK: Final = CosemAttribute.of(8, "0.0.1.0.0.255", 2)
_OBJECT_LIST: Final = CosemAttribute.of(15, "0.0.40.0.0.255", 2)
_SCALER_ATTRIBUTE: Final = {3: 3, 4: 3, 5: 4}
"""The attribute with the scaler_unit, by class: register, extended register, demand register."""
_SCALED: Final = {(3, 2), (4, 2), (5, 2), (5, 3)}
_NUMBERS: Final = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64}
)


_TRIES: Final = 2
"""A reading takes less than a minute: one end of a minute is passed once."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One attribute with its name, and scaler and unit code where the meter gives them."""

    attribute: CosemAttribute
    name: str
    scaler: int | None = None
    unit: int | None = None

    def scaled(self, value: Data) -> Decimal | None:
        """The exact number in its unit; None where the value is no number or the scaler is not known."""
        if self.scaler is None or value.tag not in _NUMBERS:
            return None
        return Decimal(value.value).scaleb(self.scaler)


@dataclass(frozen=True, slots=True)
class SingleValue:
    """The value of an attribute that is not a profile's buffer."""

    quantity: Quantity
    value: Data


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a profile's buffer."""

    profile: Quantity
    columns: tuple[Quantity, ...]
    rows: list[Sequence[Data]]


async def find_class(session: Session, obis: Obis, device_type: DeviceType) -> int:
    """The class of an object: from companion data, otherwise from the meter's own object list.

    Raises SessionFailedError (refused) where neither has the object.
    """
    text = str(obis)
    profiles = {
        text for profile in device_type.profiles.values() for text in (profile.obis, profile.scaler_obis)
    }
    if text in profiles:
        return _PROFILE
    if any(register.obis == text for register in device_type.registers):
        return _REGISTER
    known = device_type.companion.objects.get(text)
    if known is not None:
        return known.class_id
    listed = await session.get(_OBJECT_LIST)
    for element in listed.value if listed.tag is Tag.ARRAY else ():
        if element.tag is Tag.STRUCTURE and len(element.value) >= 3 and element.value[2].value == bytes(obis):
            return int(element.value[0].value)
    raise SessionFailedError(
        FailureKind.REFUSED, f"the meter has no object {obis} for this client; give --class if it is hidden"
    )


async def read(
    session: Session,
    attribute: CosemAttribute,
    device_type: DeviceType,
    window: tuple[datetime, datetime] | None = None,
) -> SingleValue | Table:
    """Read an attribute; a profile's buffer becomes a table, restricted to `window` (UTC, both ends included) where
    one is given.

    Raises SessionFailedError where the meter refuses, and (ours) for a window with anything but a buffer.
    """
    if (attribute.class_id, attribute.attribute) == (_PROFILE, 2):
        return await _read_table(session, attribute, device_type, window)
    if window is not None:
        raise SessionFailedError(FailureKind.OURS, "a range of time is for the buffer of a profile (class 7)")
    found, _ = await read_value(session, attribute, device_type)
    return found


async def read_value(
    session: Session, attribute: CosemAttribute, device_type: DeviceType, *, with_clock: bool = False
) -> tuple[SingleValue, Data | None]:
    """Read an attribute that is no profile's buffer; with `with_clock` also the meter's clock as it was then, to the minute.

    The clock is None where it is not wanted, or the meter does not give it, or it has shown different minutes before and after
    the value twice. Raises SessionFailedError where the meter refuses.
    """
    scaler = _scaler_of(attribute)
    wanted = [attribute, *scaler, *([_CLOCK] if with_clock else [])]
    one_by_one = with_clock and not session.association.conformance & Conformance.MULTIPLE_REFERENCES
    for _ in range(_TRIES):
        (before,) = await session.get_each([_CLOCK]) if one_by_one else (None,)
        value, *more = await session.get_each(wanted) if len(wanted) > 1 else [None]
        clock = more[-1] if with_clock else None
        # Intervals end with a minute: a value and a clock from both sides of such an end do not belong together.
        if before is None or clock is None or _minute(before) == _minute(clock):
            break
        # A faulty clock may never agree.
        clock = None
    if value is None:
        # Read alone, it is refused with a reason.
        value, clock = await session.get(attribute), None
    return SingleValue(_quantity(attribute, more[0] if scaler else None, device_type), value), clock


def _minute(clock: Data) -> object:
    """Return date, hour and minute of a clock's value (IEC 62056-6-2, 4.1.6.1: octets 0 to 6 of date-time)."""
    value = clock.value.to_bytes() if isinstance(clock.value, CosemDateTime) else clock.value
    # A clock without a time shows null.
    return value[:7] if isinstance(value, bytes) else value


async def read_registers(
    session: Session, attributes: Sequence[CosemAttribute], device_type: DeviceType
) -> list[SingleValue | None]:
    """Read registers together; None for one that the meter refuses."""
    values = await session.get_each([*attributes])
    quantities = await _quantities(session, attributes, device_type)
    return [
        None if value is None else SingleValue(quantity, value)
        for quantity, value in zip(quantities, values, strict=True)
    ]


def _scaler_of(attribute: CosemAttribute) -> list[CosemAttribute]:
    """The attribute that holds the scaler and unit of an attribute, in a list; empty where it has none."""
    if (attribute.class_id, attribute.attribute) not in _SCALED:
        return []
    return [CosemAttribute(attribute.class_id, attribute.obis, _SCALER_ATTRIBUTE[attribute.class_id])]


async def _read_table(
    session: Session,
    attribute: CosemAttribute,
    device_type: DeviceType,
    window: tuple[datetime, datetime] | None,
) -> Table:
    captured = await read_capture_objects(session, str(attribute.obis))
    columns = await _quantities(session, [column.attribute for column in captured], device_type)
    access = None if window is None else clock_range(device_type, *window)
    rows = rows_of(await session.get(attribute, access))
    for row in rows:
        if len(row) != len(columns):
            raise SessionFailedError(
                FailureKind.PROTOCOL, f"a row has {len(row)} values for {len(columns)} columns"
            )
    name = name_object(attribute.obis, device_type.companion)
    return Table(Quantity(attribute, name), tuple(columns), rows)


async def _quantities(
    session: Session, attributes: Sequence[CosemAttribute], device_type: DeviceType
) -> list[Quantity]:
    scalers = {item: scaler for item in attributes for scaler in _scaler_of(item)}
    units = dict(zip(scalers, await session.get_each([*scalers.values()]), strict=True))
    return [_quantity(item, units.get(item), device_type) for item in attributes]


def _quantity(attribute: CosemAttribute, unit: Data | None, device_type: DeviceType) -> Quantity:
    name = name_object(attribute.obis, device_type.companion)
    if (attribute.class_id, attribute.attribute) == (4, 5):
        name = f"{name}, time"
    if unit is None or unit.tag is not Tag.STRUCTURE or len(unit.value) != 2:
        return Quantity(attribute, name)
    return Quantity(attribute, name, int(unit.value[0].value), int(unit.value[1].value))
