"""The quantities in a decoded value, each with OBIS code, name, value, scaler and unit where they are known.

Meters write quantities in a handful of shapes, and announce none of them:

- a structure of [OBIS, value] or [OBIS, value, [scaler, unit]] (Nordic and Slovenian HAN);
- a flat run of OBIS, value and perhaps [scaler, unit] (Austria, Denmark, Switzerland);
- [attribute descriptor, value] (EG.D);
- a push whose OBIS code is known from companion data: the columns follow in a fixed order (IS 15959);
- a push that begins with the name of a list whose order is known (Kaifa);
- a push that begins with its own push object list, which names what follows (Cyprus, Energomera);
- rows of a profile, where the type of the meter is given.

Everything else has a value and no name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import (
    Column,
    DeviceType,
    PushLayout,
    device_types,
    load_device_type,
    name_object,
    named_list,
)
from urja.cosem.obis import CosemAttribute, Obis

_INTEGERS: Final = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64}
)
_NUMBERS: Final = _INTEGERS | {Tag.FLOAT32, Tag.FLOAT64}
_CURRENT_VALUE: Final = 255
_MEDIA: Final = frozenset({0, 1, 4, 5, 6, 7, 8, 9})
"""Value group A of the media that exist."""
_DEFINITION: Final = 4
"""Members of a capture object definition: class, logical name, attribute, data index."""
_PUSH_HEAD: Final = 3
"""Elements before the columns of an IS 15959 push: device id, push OBIS and clock."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One quantity; `path` leads from the body to its value, `covers` are all nodes that it explains.

    `scaler` is a power of ten, `unit` a Blue Book code; None where neither the message nor companion data
    give them.
    """

    path: tuple[int, ...]
    covers: tuple[tuple[int, ...], ...]
    obis: Obis
    name: str
    value: Data
    scaler: int | None = None
    unit: int | None = None

    @property
    def scaled(self) -> Decimal | None:
        """The exact value in its unit; None where it is not a number or its scaler is unknown."""
        if self.scaler is None or self.value.tag not in _NUMBERS:
            return None
        return Decimal(str(self.value.value)).scaleb(self.scaler)


def find_readings(body: Data, device_type: DeviceType | None = None) -> list[Reading]:
    """Return all quantities in a value, in its order.

    With the type of the meter that sent it, its pushes and the rows of its profiles are named and scaled by
    that type.
    """
    push = _known_push(body, device_type)
    if push is not None:
        return _companion_readings(body, (), _PUSH_HEAD, push[1].columns, push[0])
    if device_type is not None and (rows := _profile_rows(body, device_type)):
        return rows
    listed = _listed(body) or _named_list(body, device_type)
    if listed:
        return listed
    found: list[Reading] = []
    _search(body, (), found)
    return found


def as_obis(data: Data) -> Obis | None:
    """Return the OBIS code that an octet string of six looks like (a known medium in A, 255 in F), or None."""
    if data.tag is not Tag.OCTET_STRING or len(data.value) != 6:
        return None
    raw: bytes = data.value
    return Obis.from_bytes(raw) if raw[5] == _CURRENT_VALUE and raw[0] in _MEDIA else None


def as_scaler_unit(data: Data) -> tuple[int, int] | None:
    """Return (scaler, unit) of a structure of an integer and an enum, or None."""
    if data.tag is not Tag.STRUCTURE or len(data.value) != 2:
        return None
    scaler, unit = data.value
    if scaler.tag is not Tag.INT8 or unit.tag is not Tag.ENUM:
        return None
    return scaler.value, unit.value


def _known_push(body: Data, device_type: DeviceType | None) -> tuple[DeviceType, PushLayout] | None:
    if body.tag is not Tag.STRUCTURE or len(body.value) <= _PUSH_HEAD:
        return None
    obis = as_obis(body.value[1])
    own = None if device_type is None or obis is None else device_type.push_by_obis(str(obis))
    if own is not None and device_type is not None and _fits(body.value[_PUSH_HEAD:], own.columns):
        return device_type, own
    push = None if obis is None else _pushes().get(str(obis))
    return push if push is not None and _fits(body.value[_PUSH_HEAD:], push[1].columns) else None


def _fits(elements: Sequence[Data], columns: Sequence[Column]) -> bool:
    return len(elements) == len(columns) and all(
        element.tag in (column.tag, Tag.NULL) for element, column in zip(elements, columns, strict=True)
    )


def _profile_rows(body: Data, device_type: DeviceType) -> list[Reading]:
    """Return the quantities of rows that fit one profile of the type; none where no profile or several fit."""
    if body.tag is not Tag.ARRAY or not body.value:
        return []
    rows = body.value
    fitting = [
        profile.columns
        for profile in device_type.profiles.values()
        if all(row.tag is Tag.STRUCTURE and _fits(row.value, profile.columns) for row in rows)
    ]
    if len(fitting) != 1:
        return []
    return [
        reading
        for number, row in enumerate(rows)
        for reading in _companion_readings(row, (number,), 0, fitting[0], device_type)
    ]


@cache
def _pushes() -> dict[str, tuple[DeviceType, PushLayout]]:
    """Return each push of the shipped types by its OBIS code.

    A push that two types share is the same in both.
    """
    pushes: dict[str, tuple[DeviceType, PushLayout]] = {}
    for name in device_types():
        device_type = load_device_type(name)
        for push in device_type.pushes.values():
            pushes.setdefault(push.obis, (device_type, push))
    return pushes


def as_definition(data: Data) -> CosemAttribute | None:
    """Return the attribute that an element of a capture or push object list names, or None.

    Such an element is a structure of class, logical name, attribute and data index; in later versions of the
    class a restriction and its columns follow.
    """
    if data.tag is not Tag.STRUCTURE or len(data.value) < _DEFINITION:
        return None
    class_id, name, attribute, index = data.value[:_DEFINITION]
    tags = (class_id.tag, name.tag, attribute.tag, index.tag)
    if tags != (Tag.UINT16, Tag.OCTET_STRING, Tag.INT8, Tag.UINT16) or len(name.value) != 6:
        return None
    return CosemAttribute(class_id.value, Obis.from_bytes(name.value), attribute.value)


def _named_list(body: Data, device_type: DeviceType | None) -> list[Reading]:
    """Return the quantities of a push whose first element names a known list; none for any other value."""
    if body.tag is not Tag.STRUCTURE or not body.value or body.value[0].tag is not Tag.OCTET_STRING:
        return []
    own = None if device_type is None else device_type.lists
    quantities = named_list(body.value[0].value, len(body.value), own) or ()
    return [
        Reading(
            path=(position,),
            covers=((position,),),
            obis=quantity.obis,
            name=name_object(quantity.obis),
            value=body.value[position],
            scaler=None if quantity.unit is None else quantity.scaler,
            unit=quantity.unit,
        )
        for position, quantity in enumerate(quantities, 1)
    ]


def _listed(body: Data) -> list[Reading]:
    """Return the quantities of a push whose first element lists all its elements; none for any other value."""
    if body.tag is not Tag.STRUCTURE or len(body.value) < 2 or body.value[0].tag is not Tag.ARRAY:
        return []
    named = [as_definition(element) for element in body.value[0].value]
    if len(named) != len(body.value):
        return []
    return [
        Reading((position,), ((position,),), named_by.obis, name_object(named_by.obis), body.value[position])
        for position, named_by in enumerate(named)
        if position and named_by is not None
    ]


def _companion_readings(
    row: Data, path: tuple[int, ...], first: int, columns: Sequence[Column], device_type: DeviceType
) -> list[Reading]:
    """Return the elements of a structure from `first` on, each by its column; `path` leads to the structure."""
    return [
        _companion_reading((*path, position), element, column, device_type)
        for position, (element, column) in enumerate(zip(row.value[first:], columns, strict=True), first)
    ]


def _companion_reading(
    path: tuple[int, ...], element: Data, column: Column, device_type: DeviceType
) -> Reading:
    obis = Obis.parse(column.obis)
    name = name_object(obis, device_type.companion)
    number = element.tag in _NUMBERS
    return Reading(
        path=path,
        covers=(path,),
        obis=obis,
        name=name if column.attribute != 5 else f"{name}, time",
        value=element,
        scaler=column.scaler if number else None,
        unit=column.unit if number else None,
    )


def _search(data: Data, path: tuple[int, ...], found: list[Reading]) -> None:
    """Search depth first; what one reading explains is not searched again."""
    if data.tag is not Tag.STRUCTURE and data.tag is not Tag.ARRAY:
        return
    if as_definition(data) is not None:
        return  # it names an object, and has no value of it
    elements = data.value
    position = 0
    while position < len(elements):
        reading = _reading_at(elements, position, path)
        if reading is not None:
            found.append(reading)
            position += len(reading.covers)
            continue
        _search(elements[position], (*path, position), found)
        position += 1


def _reading_at(elements: tuple[Data, ...], position: int, path: tuple[int, ...]) -> Reading | None:
    obis = _name_at(elements[position])
    if obis is None or position + 1 >= len(elements):
        return None
    value = elements[position + 1]
    if _name_at(value) is not None:
        return None  # two names in a row: a list of codes, not a quantity
    after = elements[position + 2] if position + 2 < len(elements) else None
    scaler_unit = None if after is None else as_scaler_unit(after)
    length = 2 if scaler_unit is None else 3
    scaler, unit = scaler_unit or (None, None)
    return Reading(
        path=(*path, position + 1),
        covers=tuple((*path, position + step) for step in range(length)),
        obis=obis,
        name=name_object(obis),
        value=value,
        scaler=scaler,
        unit=unit,
    )


def _name_at(data: Data) -> Obis | None:
    if data.tag is Tag.DESCRIPTOR:
        obis: Obis = data.value.obis
        return obis
    return as_obis(data)


def plain(data: Data) -> object:
    """Return a value as JSON can carry it: lists, numbers and text.

    Octet strings become "h:" and hex digits, bit strings "b:" and their bits.
    """
    value = data.value
    if isinstance(value, bytes):
        return f"h:{value.hex()}"
    if data.tag is Tag.BIT_STRING:
        return f"b:{value}"
    if data.tag in (Tag.DATE_TIME, Tag.DATE, Tag.TIME):
        return f"h:{value.to_bytes().hex()}"
    if data.tag is Tag.COMPACT_ARRAY:
        return [plain(element) for element in value.elements]
    if data.tag is Tag.DESCRIPTOR:
        return {"class_id": value.class_id, "obis": str(value.obis), "attribute": value.attribute}
    if isinstance(value, tuple):
        return [plain(element) for element in value]
    return value
