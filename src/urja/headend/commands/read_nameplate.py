"""Read the nameplate profile: what a meter says of itself."""

from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import shown


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: it is one row."""


async def execute(work: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001
    """Raises SessionFailedError where the meter keeps it from us."""
    buffer = await work.pulls.whole(work.session, work.meter, "nameplate")
    return CommandOutcome(evidence={"shown": [shown(buffer, work.meter.compiled.device_type, 1)]})
