"""Give the meter an activity calendar: written to its passive tables, read back, and activated at an instant or at once.

The special days have no passive table (class 11). They are written last: until then the days of the calendar before
apply, and after it none of them names a day table that the calendar does not have.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from urja.cosem import axdr
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.headend.calendar_tables import CalendarTables, Name
from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.commands._calendar import (
    CALENDAR,
    PASSIVE,
    SPECIAL_DAYS,
    attributes,
    read_active,
    require_zones,
)
from urja.headend.commands._writing import instant, moment
from urja.headend.failures import FailureKind, SessionFailedError

_ACTIVATION: Final = CosemAttribute.of(20, CALENDAR, 10)
_ACTIVATE: Final = CosemMethod.of(20, CALENDAR, 1)


class Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    """The calendar, and the instant (UTC) from which it is in force; without one it is at once."""

    name: Name
    tables: CalendarTables
    activate_at: datetime | None = None


async def execute(context: CommandContext, arguments: Arguments) -> CommandOutcome:
    """Write the calendar and read it back. Raises SessionFailedError (not obeyed) where the meter gives another one
    afterwards, and (ours) where its type counts no zones.
    """
    require_zones(context)
    tables, session = arguments.tables, context.session
    wanted = [
        axdr.octets(arguments.name.encode()),
        tables.season_data(),
        tables.week_data(),
        tables.day_data(),
    ]
    passive = attributes(PASSIVE)
    for attribute, data in zip(passive, wanted, strict=True):
        await session.set(attribute, data)
    await context.acknowledged()
    for attribute, data in zip(passive, wanted, strict=True):
        if await session.get(attribute) != data:
            raise SessionFailedError(
                FailureKind.DISOBEYED,
                f"table {attribute.attribute} of {CALENDAR} was written and reads another value",
            )
    at = arguments.activate_at
    if at is None or at <= context.clock.now():
        await session.action(_ACTIVATE, axdr.int8(0))
        await session.set(SPECIAL_DAYS, tables.special_day_data())
        name, active = await read_active(context)
        if (name, active) != (arguments.name, tables):
            raise SessionFailedError(
                FailureKind.DISOBEYED, f"the active calendar is {name!r}, with other tables"
            )
        return CommandOutcome(evidence={"name": name, "active": True})
    device_type = context.meter.compiled.device_type
    await session.set(_ACTIVATION, moment(device_type, at))
    shown_at = instant(device_type, await session.get(_ACTIVATION))
    if shown_at != at.replace(microsecond=0):
        raise SessionFailedError(
            FailureKind.DISOBEYED, f"it is to become active at {at}, and reads {shown_at}"
        )
    await session.set(SPECIAL_DAYS, tables.special_day_data())
    return CommandOutcome(
        evidence={"name": arguments.name, "active": False, "activates_at": shown_at.isoformat()}
    )
