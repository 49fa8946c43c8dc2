"""Set the day of the month at whose midnight the meter closes its billing period, and read it back.

Single action schedule (class 22, IS 15959: 0.0.15.0.0.255): attribute 4 holds a time and a date with wildcards.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from urja.cosem import axdr
from urja.cosem.obis import CosemAttribute
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError

_EXECUTION_TIME: Final = CosemAttribute.of(22, "0.0.15.0.0.255", 4)
_MIDNIGHT: Final = bytes(4)


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """The day of each month."""

    day: Annotated[int, Meta(ge=1, le=28)]


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the day and read it back. Raises SessionFailedError (refused, busy, not obeyed) where the meter does not
    take it.
    """
    # IEC 62056-6-2, date: year, month, day of the month, day of the week; FF is any.
    date = bytes([0xFF, 0xFF, 0xFF, arguments.day, 0xFF])
    wanted = axdr.array(axdr.structure(axdr.octets(_MIDNIGHT), axdr.octets(date)))
    await context.session.set(_EXECUTION_TIME, wanted)
    await context.acknowledged()
    reads = await context.session.get(_EXECUTION_TIME)
    if reads != wanted:
        raise SessionFailedError(
            FailureKind.DISOBEYED, f"{_EXECUTION_TIME.obis} was written day {arguments.day} and reads {reads}"
        )
    return CommandOutcome(evidence={"day": arguments.day})
