"""The push object lists of a meter: what it reports that it pushes (Blue Book 4.4.8, class 40).

Read when a meter is commissioned, stored, and used to compile the layouts of its pushes
(`urja.cosem.layout`).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from urja.cosem.axdr import Tag
from urja.cosem.companion import Column, DeviceType, PushLayout, unit_symbol
from urja.cosem.errors import LocalError
from urja.cosem.obis import Obis
from urja.quantities.catalogue import BILLED_REGISTERS

PROFILE_BUFFER: Final = (7, 2)
"""Class and attribute of a profile's buffer."""
OWN_NAME: Final = (40, 1)
"""Class and attribute of a push setup's own name."""
INSTANT_SIZE: Final = 12
"""Bytes of a date-time."""


class PushObject(msgspec.Struct, frozen=True, array_like=True):
    """One attribute in the order sent.

    `scaler` and `unit` (Blue Book code) as the meter reports them, or None.
    """

    class_id: int
    obis: str
    attribute: int
    scaler: int | None = None
    unit: int | None = None
    data_index: int = 0
    captured: tuple["PushObject", ...] = ()
    """The columns of a profile's buffer."""


class PushObjectList(msgspec.Struct, frozen=True):
    """The push object list of one push; `key` names the push in the meter's type."""

    key: str
    objects: tuple[PushObject, ...]


def head_of(push: PushLayout) -> tuple[Column, ...]:
    """Return the columns before the payload by the type alone: device id, push OBIS, clock (IS 15959-2)."""
    return (
        Column("device_id", 1, "0.0.42.0.0.255", 2, Tag.OCTET_STRING),
        Column("push_obis", 40, push.obis, 1, Tag.OCTET_STRING, length=6),
        Column("clock", 8, "0.0.1.0.0.255", 2, Tag.OCTET_STRING, length=INSTANT_SIZE),
    )


def columns_of(
    device_type: DeviceType, push: PushLayout, reported: PushObjectList
) -> tuple[tuple[Column, ...], tuple[tuple[int, int], ...]]:
    """Return the columns of a push as the meter reports them, and which runs of them are the row of a buffer.

    Raises LocalError, in words for the person who commissions the meter, where the push could not be decoded
    so.
    """
    known = _known(device_type, push)
    columns: list[Column] = []
    buffers: list[tuple[int, int]] = []
    for each in reported.objects:
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
        # The row's own clock is the time of its values; the other one is when the push was sent.
        at = next(at for at, key in enumerate(keys) if key == "clock" and not _inside(at, buffers))
        columns[at] = msgspec.structs.replace(columns[at], key="sent_at")
    # Without it nothing of a block or instantaneous push is stored.
    stored = "esw" if push.key == "alert" else BILLED_REGISTERS[device_type.commodity]
    for needed in ("push_obis", "clock", stored):
        if needed not in keys:
            raise LocalError(f"the push {push.key} ({push.obis}) does not send its {needed}")
    return tuple(columns), tuple(buffers)


def _inside(at: int, buffers: Iterable[tuple[int, int]]) -> bool:
    return any(first <= at < end for first, end in buffers)


def _known(device_type: DeviceType, push: PushLayout) -> Mapping[tuple[str, int], Column]:
    """Return every column whose wire type companion data give, by OBIS code and attribute.

    Only this push's own columns have a key with a meaning: a cumulative register in a block push must not
    become the energy of an interval, though its type is known.
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


def _column(sent: PushObject, known: Mapping[tuple[str, int], Column], push: PushLayout) -> Column:
    if (sent.class_id, sent.attribute) == OWN_NAME and sent.obis != push.obis:
        raise LocalError(f"the push {push.key} ({push.obis}) sends the name of another one, {sent.obis}")
    column = known.get((str(Obis.parse(sent.obis)), sent.attribute))
    if column is None:
        raise LocalError(
            f"the push {push.key} sends {sent.obis} attribute {sent.attribute}: no wire type is known for it"
        )
    if sent.data_index:
        raise LocalError(f"the push {push.key} sends a part of {sent.obis}: only whole attributes are known")
    if sent.unit is not None and sent.unit != column.unit:
        raise LocalError(
            f"the push {push.key} sends {sent.obis} in {unit_symbol(sent.unit)}, not in {unit_symbol(column.unit)}"
        )
    return column if sent.scaler is None else msgspec.structs.replace(column, scaler=sent.scaler)


def matches_type(device_type: DeviceType, reported: Iterable[PushObjectList]) -> bool:
    """Whether the reported push object lists are exactly what the type says.

    Raises LocalError as `columns_of`.
    """
    return all(
        _shape(columns_of(device_type, device_type.pushes[each.key], each))
        == _shape(((*head_of(device_type.pushes[each.key]), *device_type.pushes[each.key].columns), ()))
        for each in reported
    )


def _shape(
    found: tuple[tuple[Column, ...], tuple[tuple[int, int], ...]],
) -> tuple[list[tuple[object, ...]], tuple[tuple[int, int], ...]]:
    """Return what decides how the bytes are decoded: the object of the device id does not."""
    columns, buffers = found
    return [(each.key, each.tag, each.length, each.scaler) for each in columns], buffers
