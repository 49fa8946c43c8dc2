"""Read the meter's own description of its pushes: object lists, captured columns, scalers and units."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute
from urja.cosem.push_object_list import PROFILE_BUFFER, PushObject, PushObjectList
from urja.cosem.xdlms.selection import CaptureObject
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError, from_cosem
from urja.headend.profiles import read_capture_objects, read_scaler_units
from urja.headend.session import Session

_PUSH_SETUP = 40


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: every push of the meter's type is read."""


async def execute(context: CommandContext, _arguments: Arguments) -> CommandOutcome:
    """Read and return the push lists. Raises SessionFailedError where the meter does not give them."""
    session, device_type = context.session, context.meter.compiled.device_type
    lists = [
        PushObjectList(
            key,
            tuple([await _with_columns(session, each) for each in await _object_list(session, push.obis)]),
        )
        for key, push in device_type.pushes.items()
    ]
    profiles = [profile.scaler_obis for profile in device_type.profiles.values() if profile.scaler_obis]
    wanted = list(dict.fromkeys(attribute for told in lists for attribute in _registers(told.objects)))
    units = await read_scaler_units(session, wanted, profiles)
    told = [PushObjectList(one.key, _scaled(one.objects, units)) for one in lists]
    return CommandOutcome(evidence={"pushes": msgspec.to_builtins(told)})


async def _object_list(session: Session, obis: str) -> list[PushObject]:
    """Attribute 2 of a push setup; additions of later versions of the class to an entry restrict it and are left out."""
    data = await session.get(CosemAttribute.of(_PUSH_SETUP, obis, 2))
    if data.tag is not Tag.ARRAY:
        raise SessionFailedError(FailureKind.PROTOCOL, f"the push object list of {obis} is {data.tag.name}")
    try:
        return [_pushed(CaptureObject.from_data(_four(entry))) for entry in data.value]
    except CosemError as error:
        raise from_cosem(error) from error


def _four(entry: Data) -> Data:
    return axdr.structure(*entry.value[:4]) if entry.tag is Tag.STRUCTURE else entry


def _pushed(entry: CaptureObject) -> PushObject:
    attribute = entry.attribute
    return PushObject(
        attribute.class_id, str(attribute.obis), attribute.attribute, data_index=entry.data_index
    )


async def _with_columns(session: Session, each: PushObject) -> PushObject:
    if (each.class_id, each.attribute) != PROFILE_BUFFER:
        return each
    captured = await read_capture_objects(session, each.obis)
    return msgspec.structs.replace(each, captured=tuple(map(_pushed, captured)))


def _registers(objects: Sequence[PushObject]) -> Iterator[CosemAttribute]:
    """The attributes with a scaler and a unit: values of registers and extended registers."""
    for each in objects:
        if each.class_id in (3, 4) and each.attribute == 2:
            yield CosemAttribute.of(each.class_id, each.obis, 2)
        yield from _registers(each.captured)


def _scaled(
    objects: Sequence[PushObject], units: Mapping[CosemAttribute, tuple[int, int]]
) -> tuple[PushObject, ...]:
    return tuple(
        msgspec.structs.replace(each, scaler=scaler, unit=unit, captured=_scaled(each.captured, units))
        for each in objects
        for scaler, unit in [
            units.get(CosemAttribute.of(each.class_id, each.obis, each.attribute), (None, None))
        ]
    )
