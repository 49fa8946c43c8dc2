"""Read the nameplate profile: identity and ratings of a meter."""

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import readable_rows


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the profile is one row."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the nameplate and return it in readable form. Raises SessionFailedError where the meter refuses it."""
    buffer = await context.pulls.whole(context.session, context.meter, "nameplate")
    return CommandOutcome(evidence={"shown": [readable_rows(buffer, context.meter.compiled.device_type, 1)]})
