"""What a meter itself says that it pushes: the object lists of its push setups (class 40, IEC 62056-6-2, 4.4.8).

Read when a meter is commissioned, kept, and given to whoever compiles a layout (`urja.cosem.layout`).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from urja.cosem.axdr import Tag
from urja.cosem.companion import Column, DeviceType, PushLayout, unit_symbol
from urja.cosem.errors import LocalError
from urja.cosem.obis import Obis

PROFILE_BUFFER: Final = (7, 2)
OWN_NAME: Final = (40, 1)
INSTANT_SIZE: Final = 12

_NEEDED: Final = {"block": "import_wh", "instantaneous": "import_wh", "alert": "esw"}
"""By push, the column without which it would say nothing that is stored."""


class PushObject(msgspec.Struct, frozen=True, array_like=True):
    """One attribute in the order sent; `scaler` and `unit` (a Blue Book code) as the meter says, None where it does not."""

    class_id: int
    obis: str
    attribute: int
    scaler: int | None = None
    unit: int | None = None
    data_index: int = 0
    captured: tuple["PushObject", ...] = ()
    """Of a profile's buffer: its columns."""


class PushObjectList(msgspec.Struct, frozen=True):
    """The object list of one push; `key` names the push in the meter's type."""

    key: str
    objects: tuple[PushObject, ...]


def head_of(push: PushLayout) -> tuple[Column, ...]:
    """What stands before the payload where the type alone says so: device id, push OBIS, clock (IS 15959-2)."""
    return (
        Column("device_id", 1, "0.0.42.0.0.255", 2, Tag.OCTET_STRING),
        Column("push_obis", 40, push.obis, 1, Tag.OCTET_STRING, length=6),
        Column("clock", 8, "0.0.1.0.0.255", 2, Tag.OCTET_STRING, length=INSTANT_SIZE),
    )


def columns_of(
    device_type: DeviceType, push: PushLayout, told: PushObjectList
) -> tuple[tuple[Column, ...], tuple[tuple[int, int], ...]]:
    """The columns of a push as the meter tells of them, and which runs of them are the row of a profile's buffer.

    Raises LocalError, in words for the person who commissions the meter, where the push could not be decoded by it.
    """
    known = _known(device_type, push)
    columns: list[Column] = []
    buffers: list[tuple[int, int]] = []
    for each in told.objects:
        first = len(columns)
        if (each.class_id, each.attribute) == PROFILE_BUFFER:
            if not each.captured:
                raise LocalError(f"the push {push.key} sends the profile {each.obis}, which captures nothing")
            columns += [_column(one, known, push) for one in each.captured]
            buffers.append((first, len(columns)))
        else:
            columns.append(_column(each, known, push))
    keys = [column.key for column in columns]
    if keys.count("clock") > 1 and buffers:
        # The row's own clock is the time of what it holds; the other one tells when the push left.
        at = next(at for at, key in enumerate(keys) if key == "clock" and not _inside(at, buffers))
        columns[at] = msgspec.structs.replace(columns[at], key="sent_at")
    for needed in ("push_obis", "clock", _NEEDED[push.key]):
        if needed not in keys:
            raise LocalError(f"the push {push.key} ({push.obis}) does not send its {needed}")
    return tuple(columns), tuple(buffers)


def _inside(at: int, buffers: Iterable[tuple[int, int]]) -> bool:
    return any(first <= at < end for first, end in buffers)


def _known(device_type: DeviceType, push: PushLayout) -> Mapping[tuple[str, int], Column]:
    """Every column that companion data has a wire type for; a name that means something has this push's alone.

    A cumulative register in a block push must not become the energy of an interval, though its type is known.
    """
    foreign = [column for profile in device_type.profiles.values() for column in profile.columns]
    foreign += [column for other in device_type.pushes.values() for column in other.columns]
    named = [*push.columns, *head_of(push)]
    # Meters give the logical device name under its own object or under that of the device identifier.
    named.append(msgspec.structs.replace(named[-3], obis="0.0.96.1.2.255"))
    return {
        (column.obis, column.attribute): msgspec.structs.replace(
            column, key=f"{column.obis} {column.attribute}"
        )
        for column in foreign
    } | {(column.obis, column.attribute): column for column in named}


def _column(told: PushObject, known: Mapping[tuple[str, int], Column], push: PushLayout) -> Column:
    if (told.class_id, told.attribute) == OWN_NAME and told.obis != push.obis:
        raise LocalError(f"the push {push.key} ({push.obis}) sends the name of another one, {told.obis}")
    column = known.get((str(Obis.parse(told.obis)), told.attribute))
    if column is None:
        raise LocalError(
            f"the push {push.key} sends {told.obis} attribute {told.attribute}: no wire type is known for it"
        )
    if told.data_index:
        raise LocalError(f"the push {push.key} sends a part of {told.obis}: only whole attributes are known")
    if told.unit is not None and told.unit != column.unit:
        raise LocalError(
            f"the push {push.key} sends {told.obis} in {unit_symbol(told.unit)}, not in {unit_symbol(column.unit)}"
        )
    return column if told.scaler is None else msgspec.structs.replace(column, scaler=told.scaler)


def matches_type(device_type: DeviceType, told: Iterable[PushObjectList]) -> bool:
    """Whether a meter has told of its pushes just what its type says. Raises LocalError as `columns_of`."""
    return all(
        _shape(columns_of(device_type, device_type.pushes[each.key], each))
        == _shape(((*head_of(device_type.pushes[each.key]), *device_type.pushes[each.key].columns), ()))
        for each in told
    )


def _shape(
    found: tuple[tuple[Column, ...], tuple[tuple[int, int], ...]],
) -> tuple[list[tuple[object, ...]], tuple[tuple[int, int], ...]]:
    """What the bytes are decoded by: not under which object the device id stands."""
    columns, buffers = found
    return [(each.key, each.tag, each.length, each.scaler) for each in columns], buffers
