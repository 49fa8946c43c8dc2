"""Read the billing profile: registers and maximum demands of the billing periods that a meter has closed."""

from typing import Final

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import readable_rows

MOST_SHOWN: Final = 13
"""Twelve closed periods, and the open one where a meter gives it too (IS 15959)."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: a meter stores few periods, and they are read whole."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the periods and return them in readable form. Raises SessionFailedError where the meter has no such
    profile or refuses it.
    """
    buffer = await context.pulls.whole(context.session, context.meter, "billing")
    return CommandOutcome(
        evidence={"shown": [readable_rows(buffer, context.meter.compiled.device_type, MOST_SHOWN)]}
    )
