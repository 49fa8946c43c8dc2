"""Set the power above which the meter disconnects by itself (class 71, IS 15959: 0.0.17.0.0.255), and read it back."""

from fractions import Fraction
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError

_OBIS: Final = "0.0.17.0.0.255"
_MONITORED: Final = CosemAttribute.of(71, _OBIS, 2)
_NORMAL: Final = CosemAttribute.of(71, _OBIS, 4)
_WATT: Final = 27
"""The unit code of W (IEC 62056-6-2, table 4)."""
_BITS: Final = {
    Tag.UINT16: 16,
    Tag.UINT32: 32,
    Tag.INT16: 15,
    Tag.INT32: 31,
}


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """The limit in W."""

    watts: Annotated[int, Meta(ge=1, lt=1 << 32)]


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the limit in the scale of the monitored register and read it back. Raises SessionFailedError where the
    meter does not take it.
    """
    was, monitored = await context.session.get_each([_NORMAL, _MONITORED])
    if was is None or monitored is None:
        raise SessionFailedError(FailureKind.REFUSED, f"{_OBIS}: the meter has no load limit")
    value = _in_steps(arguments.watts, await _step_w(context, monitored), was.tag)
    await context.session.set(_NORMAL, Data(was.tag, value))
    await context.acknowledged()
    reads = await context.session.get(_NORMAL)
    if reads.value != value:
        raise SessionFailedError(
            FailureKind.DISOBEYED, f"{_OBIS} was written {value} and reads {reads.value}"
        )
    return CommandOutcome(evidence={"watts": arguments.watts})


async def _step_w(context: CommandContext, monitored: Data) -> Fraction:
    """The value of one step of the threshold in W: the scaler of the monitored register (its attribute 3)."""
    class_id, obis, _ = _parts(monitored, 3)
    try:
        register = CosemAttribute.of(class_id, obis, 3)
    except CosemError as error:
        raise SessionFailedError(
            FailureKind.PROTOCOL, f"the load limit monitors no valid register: {error}"
        ) from error
    scaler, unit = _parts(await context.session.get(register), 2)
    if unit != _WATT:
        raise SessionFailedError(
            FailureKind.OURS, f"the load limit monitors {register.obis} in unit {unit}, not in W"
        )
    return Fraction(10) ** int(scaler)


def _parts(data: Data, count: int) -> tuple[Any, ...]:
    if data.tag is not Tag.STRUCTURE or len(data.value) != count:
        raise SessionFailedError(FailureKind.PROTOCOL, f"{data.tag.name} instead of a structure of {count}")
    return tuple(part.value for part in data.value)


def _in_steps(watts: int, step_w: Fraction, tag: Tag) -> int:
    value = watts / step_w
    # No rounding: a limit that the register cannot hold exactly is refused rather than changed.
    if value.denominator != 1 or tag not in _BITS or value >= 1 << _BITS[tag]:
        raise SessionFailedError(
            FailureKind.OURS, f"{watts} W cannot be written as {tag.name} in steps of {step_w} W"
        )
    return int(value)
