"""Read the nameplate profile: identity and ratings of a meter."""

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import shown


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the profile is one row."""


async def execute(work: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the nameplate and return it in readable form. Raises SessionFailedError where the meter refuses it."""
    buffer = await work.pulls.whole(work.session, work.meter, "nameplate")
    return CommandOutcome(evidence={"shown": [shown(buffer, work.meter.compiled.device_type, 1)]})
