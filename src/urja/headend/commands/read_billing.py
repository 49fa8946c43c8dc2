"""Read the billing profile: registers and maximum demands of the billing periods that a meter has closed."""

from typing import Final

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import shown

MOST_SHOWN: Final = 13
"""Twelve closed periods, and the open one where a meter gives it too (IS 15959)."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: a meter stores few periods, and they are read whole."""


async def execute(work: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the periods and return them in readable form. Raises SessionFailedError where the meter has no such
    profile or refuses it.
    """
    buffer = await work.pulls.whole(work.session, work.meter, "billing")
    return CommandOutcome(evidence={"shown": [shown(buffer, work.meter.compiled.device_type, MOST_SHOWN)]})
