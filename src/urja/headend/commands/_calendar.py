"""The activity calendar (class 20) and the special days (class 11) of a meter in a session."""

from typing import Final

from urja.cosem.obis import CosemAttribute
from urja.headend.calendar_tables import CalendarTables, read_tables
from urja.headend.command_context import CommandContext
from urja.headend.failures import FailureKind, SessionFailedError

CALENDAR: Final = "0.0.13.0.0.255"
SPECIAL_DAYS: Final = CosemAttribute.of(11, "0.0.11.0.0.255", 2)
ACTIVE, PASSIVE = (2, 3, 4, 5), (6, 7, 8, 9)
"""Attributes of the two calendars: name, seasons, weeks, days."""


def attributes(numbers: tuple[int, ...]) -> list[CosemAttribute]:
    """Return the attributes of the calendar by their numbers."""
    return [CosemAttribute.of(20, CALENDAR, number) for number in numbers]


def require_zones(context: CommandContext) -> None:
    """Raise SessionFailedError (ours) for a type that counts no tariff zones."""
    if not context.meter.compiled.device_type.zones:
        raise SessionFailedError(
            FailureKind.OURS,
            f"a {context.meter.entry.device_type} counts no tariff zones: it has no calendar",
        )


async def read_active(context: CommandContext) -> tuple[str, CalendarTables]:
    """Read the name and the tables of the active calendar, and the special days.

    Raises SessionFailedError (protocol) where the meter gives no calendar that can be read.
    """
    name, *tables = [await context.session.get(one) for one in [*attributes(ACTIVE), SPECIAL_DAYS]]
    shown = name.value.decode(errors="replace") if isinstance(name.value, bytes) else ""
    return shown, read_tables(*tables)
