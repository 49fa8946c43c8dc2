"""Set whether the meter counts exported energy separately (IS 15959-2: 0.0.94.96.19.255)."""

from typing import Literal

from msgspec import Struct

from urja.cosem import axdr
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import write_all


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Forward only, or import and export."""

    mode: Literal["forward", "net"]


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the mode and read it back. Raises SessionFailedError where the meter does not take it."""
    await write_all(context, {"0.0.94.96.19.255": axdr.uint8(int(arguments.mode == "net"))})
    return CommandOutcome(evidence={"mode": arguments.mode})
