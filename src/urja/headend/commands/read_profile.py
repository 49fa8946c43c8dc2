"""Read a profile now; its records go the way of all readings, and the command returns how many there were."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from urja.base.untyped_values import JsonObject
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import readable_rows
from urja.stream.messages import Profile

Instant = Annotated[datetime, Meta(tz=True)]


MOST_SHOWN: Final = 50
"""A day of half-hours: the answer is stored with the meter's order history, which must stay small."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows whose stamps (the meter's) lie in [from_at, to_at]; the instantaneous profile has no stamps and is read
    whole.
    """

    profile: Profile
    from_at: Instant
    to_at: Instant
    shown: Annotated[int, Meta(ge=0, le=MOST_SHOWN)] = 0
    """How many of the newest rows of each buffer are returned in readable form."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Read and publish the rows. Raises SessionFailedError, and StreamError where the broker does not take the
    records.
    """
    window = (arguments.from_at, arguments.to_at)
    correlation = context.order.correlation
    pulled = await context.pulls.pull(context.session, context.meter, arguments.profile, window, correlation)
    await context.pulls.publish(pulled, context.meter, correlation)
    evidence: JsonObject = {"profile": arguments.profile, "rows": len(pulled.records)}
    if arguments.shown:
        device_type = context.meter.compiled.device_type
        evidence["shown"] = [readable_rows(buffer, device_type, arguments.shown) for buffer in pulled.buffers]
    return CommandOutcome(evidence=evidence)
