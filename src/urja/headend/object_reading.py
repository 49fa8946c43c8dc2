"""Reading of any object of any meter: its class, the attribute, and the scaler and unit that belong to it.

For operators at a terminal; the pipeline's read requests are carried out by `read_execution`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType, name_object
from urja.cosem.obis import CosemAttribute, Obis
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.profiles import clock_range, read_capture_objects, rows_of
from urja.headend.session import Session

_REGISTER: Final = 3
_PROFILE: Final = 7
_OBJECT_LIST: Final = CosemAttribute.of(15, "0.0.40.0.0.255", 2)
_SCALER_ATTRIBUTE: Final = {3: 3, 4: 3, 5: 4}
"""The attribute with the scaler_unit, by class: register, extended register, demand register."""
_SCALED: Final = {(3, 2), (4, 2), (5, 2), (5, 3)}
_NUMBERS: Final = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64}
)


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
    wanted = [attribute, *_scaler_of(attribute)]
    value, *unit = await session.get_each(wanted) if len(wanted) > 1 else [None]
    if value is None:
        # Read alone, it is refused with a reason.
        value = await session.get(attribute)
    return SingleValue(_quantity(attribute, unit[0] if unit else None, device_type), value)


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
