"""Close the billing period of a meter by order, and read the row that it closes: its maximum demands count again from zero.

Script 1 of the table 0.0.10.0.1.255 (IS 15959-2, class 9). A repeated order changes nothing: a period that was closed
since the order was issued is the one that it asked for.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from urja.cosem import axdr
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.time import CosemDateTime
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import instant
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.readable_rows import readable_rows

_RESET: Final = CosemMethod.of(9, "0.0.10.0.1.255", 1)
_SCRIPT: Final = axdr.uint16(1)
_CLOSED_AT: Final = CosemAttribute.of(3, "0.0.0.1.2.255", 2)
_CLOCK: Final = CosemAttribute.of(8, "0.0.1.0.0.255", 2)


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: all demands of the meter are reset."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Reset the demand and return the closed period's row. Raises SessionFailedError (not obeyed) where the meter closes
    no period.
    """
    device_type = context.meter.compiled.device_type
    before = await _closed_at(context)
    # The meter stamps by its own clock, which may be off.
    off = instant(device_type, await context.session.get(_CLOCK)) - context.clock.now()
    done = before is not None and before - off >= context.order.issued_at
    if not done:
        await context.session.action(_RESET, _SCRIPT)
    await context.acknowledged()
    closed_at = await _closed_at(context)
    if closed_at is None or (not done and closed_at == before):
        raise SessionFailedError(
            FailureKind.DISOBEYED, f"the last period was closed at {closed_at}, as before"
        )
    buffer = await context.pulls.whole(context.session, context.meter, "billing")
    return CommandOutcome(
        evidence={"closed_at": closed_at.isoformat(), "shown": [readable_rows(buffer, device_type, 1)]}
    )


async def _closed_at(context: CommandContext) -> datetime | None:
    """Return when the last period was closed, by the meter's clock; None where none was."""
    data = await context.session.get(_CLOSED_AT)
    if isinstance(data.value, bytes) and len(data.value) == 12:
        try:
            if CosemDateTime.from_bytes(data.value).year == 0xFFFF:
                return None
        except CosemError:
            return None
    return instant(context.meter.compiled.device_type, data)
