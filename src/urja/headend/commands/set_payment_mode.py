"""Set whether the meter is prepaid or postpaid (IS 15959-2: 0.0.94.96.20.255), for its display and its reports."""

from typing import Literal

from msgspec import Struct

from urja.cosem import axdr
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import write_all


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """The payment mode."""

    mode: Literal["postpaid", "prepaid"]


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the mode and read it back. Raises SessionFailedError where the meter does not take it."""
    await write_all(context, {"0.0.94.96.20.255": axdr.uint8(int(arguments.mode == "prepaid"))})
    return CommandOutcome(evidence={"mode": arguments.mode})
