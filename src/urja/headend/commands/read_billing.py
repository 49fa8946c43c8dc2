"""Read the billing profile: registers and maximum demands of the billing periods that a meter has closed."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from msgspec import Struct

from urja.cosem.companion.stored_columns import billing_columns
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.readable_rows import readable_rows

MOST_SHOWN: Final = 13
"""Twelve closed periods, and the open one where a meter gives it too (IS 15959)."""
_REACH: Final = timedelta(days=400)
_OPEN: Final = timedelta(minutes=10)
"""A row stamped so near to the present may be the open period: it is shown, and stored when it is read again."""


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: a meter stores few periods, and they are read whole."""


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:  # noqa: ARG001 - every command takes them
    """Read the periods, publish those that are closed, and return all in readable form.

    Raises SessionFailedError where the meter has no such profile or refuses it, and StreamError where the broker does not
    take the records.
    """
    device_type, correlation = context.meter.compiled.device_type, context.order.correlation
    if billing_columns(device_type) is None:
        buffer = await context.pulls.whole(context.session, context.meter, "billing")
        return CommandOutcome(evidence={"shown": [readable_rows(buffer, device_type, MOST_SHOWN)]})
    now = context.clock.now()
    pulled = await context.pulls.pull(
        context.session, context.meter, "billing", (now - _REACH, now + _OPEN), correlation
    )
    closed = pulled.records["read_at"] <= (now - _OPEN).timestamp()
    rows = await context.pulls.publish(
        replace(pulled, records=pulled.records[closed]), context.meter, correlation
    )
    shown = [readable_rows(buffer, device_type, MOST_SHOWN) for buffer in pulled.buffers]
    return CommandOutcome(evidence={"rows": rows, "shown": shown})
