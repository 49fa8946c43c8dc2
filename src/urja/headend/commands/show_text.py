"""Write a text to the meter's display (IS 15959: consumer message), and read it back."""

from typing import Annotated

from msgspec import Meta, Struct

from urja.cosem import axdr
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import write_all
from urja.headend.failures import FailureKind, SessionFailedError


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Printable ASCII, the characters of displays; an empty text clears the display."""

    text: Annotated[str, Meta(max_length=255, pattern=r"^[ -~]*$")]


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the text and read it back. Raises SessionFailedError (refused) where the type has no display for text or
    the text is too long, and where the meter does not take it.
    """
    device_type = context.meter.compiled.device_type
    display = device_type.display
    if display is None:
        raise SessionFailedError(FailureKind.REFUSED, f"meters of type {device_type.name} show no text")
    if len(arguments.text) > display.characters:
        raise SessionFailedError(
            FailureKind.REFUSED,
            f"the display shows {display.characters} characters, and the text has {len(arguments.text)}",
        )
    await write_all(context, {display.obis: axdr.octets(arguments.text.encode("ascii"))})
    return CommandOutcome(evidence={"text": arguments.text})
