"""Read the active activity calendar and the special days: by these the meter's zone registers count."""

import msgspec
from msgspec import Struct

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._calendar import read_active, require_zones


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: the calendar is read whole."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the calendar and return its tables. Raises SessionFailedError where the meter has none, or gives one that
    cannot be read.
    """
    require_zones(context)
    name, tables = await read_active(context)
    return CommandOutcome(evidence={"name": name, "tables": msgspec.to_builtins(tables)})
