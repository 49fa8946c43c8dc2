"""Read one attribute of any object, whose class is found in companion data or in the meter's own object list.

With it the values of registers can be read that belong together, such as those of three phases.
"""

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
    buffer is read by `read_profile`. `registers` are the logical names of registers (class 3) to be read with it.
    """

    obis: str
    attribute: Annotated[int, Meta(ge=-128, le=127)] = 2
    class_id: Annotated[int, Meta(ge=0, le=65535)] | None = None
    registers: Annotated[tuple[str, ...], Meta(max_length=16)] = ()


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Read the attribute and return it with its scaled value and unit. Raises SessionFailedError where the meter does
    not have it or refuses it.
    """
    device_type = context.meter.compiled.device_type
    try:
        obis = Obis.parse(arguments.obis)
        registers = [CosemAttribute.of(3, name, 2) for name in arguments.registers]
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
    evidence = {
        "obis": str(obis),
        "class_id": class_id,
        "attribute": arguments.attribute,
        "name": found.quantity.name,
        **_shown(found),
    }
    if registers:
        read = await object_reading.read_registers(context.session, registers, device_type)
        evidence["registers"] = {
            str(one.quantity.attribute.obis): _shown(one) for one in read if one is not None
        }
    return CommandOutcome(evidence=evidence)


def _shown(read: object_reading.SingleValue) -> dict[str, object]:
    scaled, unit = read.quantity.scaled(read.value), read.quantity.unit
    return {
        "value": plain(read.value),
        "scaled": None if scaled is None else str(scaled),
        "unit": None if unit is None else unit_symbol(unit),
    }
