"""Write balance and last recharge to the meter's display (IS 15959-2, prepayment objects).

They have no effect on the switch. Balance and its time are written last, so that a reader of the new balance also
finds the recharge that made it.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from urja.cosem.axdr import Data
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._writing import amount, moment, write_all

Instant = Annotated[datetime, Meta(tz=True)]


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts in the currency's minor unit. A field of the recharge that is None leaves the meter's value unchanged."""

    balance_minor: int
    balance_at: Instant
    recharge_minor: int | None = None
    recharge_at: Instant | None = None
    recharge_total_minor: int | None = None


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the values and read them back. Raises SessionFailedError where the meter does not take them."""
    device_type = context.meter.compiled.device_type
    values: dict[str, Data] = {}
    if arguments.recharge_minor is not None:
        values["0.0.94.96.21.255"] = amount(arguments.recharge_minor)
    if arguments.recharge_at is not None:
        values["0.0.94.96.22.255"] = moment(device_type, arguments.recharge_at)
    if arguments.recharge_total_minor is not None:
        values["0.0.94.96.23.255"] = amount(arguments.recharge_total_minor)
    values["0.0.94.96.24.255"] = amount(arguments.balance_minor)
    values["0.0.94.96.25.255"] = moment(device_type, arguments.balance_at)
    await write_all(context, values)
    return CommandOutcome(evidence={"balance_minor": arguments.balance_minor})
