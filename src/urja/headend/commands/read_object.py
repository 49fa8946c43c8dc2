"""Read one attribute of any object, whose class is found in companion data or in the meter's own object list."""

from typing import Annotated

from msgspec import Meta, Struct

from urja.cosem.companion import unit_symbol
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.readings import plain
from urja.headend import object_reading
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """A logical name such as 1.0.1.8.0.255, an attribute, and the class of an object that no list has; a profile's
    buffer is read by `read_profile`.
    """

    obis: str
    attribute: Annotated[int, Meta(ge=-128, le=127)] = 2
    class_id: Annotated[int, Meta(ge=0, le=65535)] | None = None


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Read the attribute and return it with its scaled value and unit. Raises SessionFailedError where the meter does
    not have it or refuses it.
    """
    device_type = context.meter.compiled.device_type
    try:
        obis = Obis.parse(arguments.obis)
    except CosemError as error:
        raise SessionFailedError(FailureKind.OURS, str(error)) from error
    class_id = arguments.class_id
    if class_id is None:
        class_id = await object_reading.find_class(context.session, obis, device_type)
    if (class_id, arguments.attribute) == (7, 2):
        raise SessionFailedError(FailureKind.OURS, "the buffer of a profile is read by read_profile")
    found = await object_reading.read(
        context.session, CosemAttribute(class_id, obis, arguments.attribute), device_type
    )
    assert isinstance(found, object_reading.SingleValue)
    scaled = found.quantity.scaled(found.value)
    unit = found.quantity.unit
    return CommandOutcome(
        evidence={
            "obis": str(obis),
            "class_id": class_id,
            "attribute": arguments.attribute,
            "name": found.quantity.name,
            "value": plain(found.value),
            "scaled": None if scaled is None else str(scaled),
            "unit": None if unit is None else unit_symbol(unit),
        }
    )
