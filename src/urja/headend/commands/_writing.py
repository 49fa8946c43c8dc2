"""Writing of class 1 objects with reading back, and the values that are written."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute
from urja.cosem.time import CosemDateTime
from urja.headend.command_context import CommandContext
from urja.headend.failures import FailureKind, SessionFailedError


def moment(device_type: DeviceType, at: datetime) -> Data:
    """An instant as a meter writes it: twelve octets, local time, with the sign of the deviation that the type uses."""
    return axdr.octets(
        CosemDateTime.from_utc(
            at, deviation_min=device_type.default_deviation_min, sign=device_type.deviation_sign
        ).to_bytes()
    )


def instant(device_type: DeviceType, data: Data) -> datetime:
    """The instant (UTC) in a meter's clock value. Raises SessionFailedError (protocol) for anything else."""
    try:
        value = CosemDateTime.from_bytes(data.value) if data.tag is Tag.OCTET_STRING else data.value
        if not isinstance(value, CosemDateTime):
            raise SessionFailedError(FailureKind.PROTOCOL, f"a clock that is {data.tag.name}")
        return value.to_utc(device_type.deviation_sign, device_type.default_deviation_min)
    except CosemError as error:
        raise SessionFailedError(FailureKind.PROTOCOL, f"an unreadable clock: {error}") from error


def instant_or_none(device_type: DeviceType, data: Data) -> datetime | None:
    """The instant (UTC) in a meter's clock value; None where the clock has lost its time, and shows none."""
    try:
        return instant(device_type, data)
    except SessionFailedError:
        return None


def is_right(shown_at: datetime, asked_at: datetime, answered_at: datetime, tolerance: timedelta) -> bool:
    """Return whether a meter's clock shows a time at which it can have been read, within the tolerance."""
    return asked_at - tolerance <= shown_at <= answered_at + tolerance


def amount(minor: int) -> Data:
    """Money in the currency's minor unit (double-long, IS 15959-2). Raises SessionFailedError (ours) outside 32 bits."""
    if not -(2**31) <= minor < 2**31:
        raise SessionFailedError(FailureKind.OURS, f"{minor} does not fit the meter's display")
    return axdr.int32(minor)


async def write_all(context: CommandContext, values: Mapping[str, Data]) -> None:
    """Write objects in order and read them back, in two exchanges where the meter supports lists.

    Raises SessionFailedError (not obeyed) where an object reads back another value.
    """
    wanted = {CosemAttribute.of(1, obis, 2): value for obis, value in values.items()}
    await context.session.set_each(wanted)
    await context.acknowledged()
    reads = await context.session.get_each([*wanted])
    for (attribute, value), found in zip(wanted.items(), reads, strict=True):
        if found is None or found.value != value.value:
            shown = "nothing" if found is None else found.value
            raise SessionFailedError(FailureKind.DISOBEYED, f"{attribute.obis} was written and reads {shown}")
