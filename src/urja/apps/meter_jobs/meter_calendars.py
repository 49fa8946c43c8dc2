"""Calendars that commands read or set: recorded as what the meter holds, and compared with the tariff's.

A difference opens a work order, which ends by itself when the meter holds the tariff's calendar.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.commands.kinds import State
from urja.apps.commands.queries import CommandRow
from urja.apps.determinants import meter_calendars
from urja.apps.meter_jobs.models import Task
from urja.apps.meter_jobs.queries import CalendarAgreement, compare_calendar
from urja.apps.meter_jobs.steps import Moment, OneCommand, end, ending
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.base.sentences import Sentence, say
from urja.core.calendars import tables_of

READ: Final = "read_calendar"
SET: Final = "set_calendar"


_ENDED_BY: Final = {
    CalendarAgreement.AGREES: "the meter's calendar is the tariff's",
    CalendarAgreement.NO_ZONES: "the tariff has no time zones, so that no calendar is needed",
    CalendarAgreement.NOT_IN_FORCE: "no version of the tariff's calendar is in force, so that nothing can be compared",
}
"""Why an order to load a calendar ends, by what the comparison has found."""


@dataclass(frozen=True, slots=True)
class CalendarCommand(OneCommand):
    """A task whose command may read or set the meter's calendar: what it holds is recorded."""

    def follow_up(self, task: Task, moment: Moment) -> bool:
        command = task.command
        assert command is not None, "it was sent"
        state, detail = ending(command)
        if command.state == State.CONFIRMED and command.kind in (READ, SET):
            detail = _recorded(command, moment.now)
        end(task, state, detail, at=command.ended_at or moment.now, result=command.evidence)
        return True


def _recorded(command: CommandRow, now: datetime) -> Sentence | None:
    """Record what the meter holds; return from which day on it differs from the tariff's calendar, None where it does not."""
    ended_at = command.ended_at or now
    activates_at = command.evidence.get("activates_at")
    held_at = ended_at if activates_at is None else datetime.fromisoformat(activates_at)
    plain = (command.evidence if command.kind == READ else command.arguments)["tables"]
    with connection.cursor() as cursor:
        meter_calendars.record(
            cursor,
            command.device_id,
            held_at,
            command.evidence["name"],
            plain,
            was_set=command.kind == SET,
            command_id=command.id,
            now=now,
        )
    found = compare_calendar(command.service_point_id, tables_of(plain), held_at)
    if found.result is not CalendarAgreement.DIFFERS:
        work.withdraw_of_device(
            WorkOrderKind.CALENDAR_DIFFERS, command.device_id, now, _ENDED_BY[found.result]
        )
        return None
    assert found.first_day is not None, "they differ"
    work.open_order(
        WorkOrderKind.CALENDAR_DIFFERS,
        device_id=command.device_id,
        service_point_id=command.service_point_id,
        opened_at=now,
        asked={"calendar": found.code, "from_day": found.first_day.isoformat()},
    )
    return say(
        "the meter's calendar is not {calendar} of its tariff, from {day} on: load it with set_calendars",
        calendar=found.code,
        day=found.first_day,
    )
