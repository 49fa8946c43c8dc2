"""Read one attribute of any object, whose class is found in companion data or in the meter's own object list.

With it the values of registers can be read that belong together, such as those of three phases.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from urja.cosem.companion import unit_symbol
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.readings import plain
from urja.headend import object_reading
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import instant_or_none, is_right
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """A logical name such as 1.0.1.8.0.255, an attribute, and the class of an object that no list has; a profile's
    buffer is read by `read_profile`. `registers` are the logical names of registers (class 3) to be read with it.

    With `clock_tolerance_s` the meter's clock is read with it too: `read_at` is the instant that it shows, where it is
    right within so many seconds.
    """

    obis: str
    attribute: Annotated[int, Meta(ge=-128, le=127)] = 2
    class_id: Annotated[int, Meta(ge=0, le=65535)] | None = None
    registers: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    clock_tolerance_s: Annotated[int, Meta(ge=1, le=3600)] | None = None


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
    wanted = CosemAttribute(class_id, obis, arguments.attribute)
    asked_at = context.clock.now()
    found, shown = await object_reading.read_value(
        context.session, wanted, device_type, with_clock=arguments.clock_tolerance_s is not None
    )
    answered_at = context.clock.now()
    evidence = {
        "obis": str(obis),
        "class_id": class_id,
        "attribute": arguments.attribute,
        "name": found.quantity.name,
        **_shown(found),
    }
    if arguments.clock_tolerance_s is not None:
        # By the meter's clock, as its intervals are: an answer that comes after the end of an interval may be of before.
        shown_at = None if shown is None else instant_or_none(device_type, shown)
        tolerance = timedelta(seconds=arguments.clock_tolerance_s)
        if shown_at is None or not is_right(shown_at, asked_at, answered_at, tolerance):
            shown_at = answered_at
        evidence["read_at"] = shown_at.isoformat()
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
