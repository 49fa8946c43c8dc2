"""The tables of an activity calendar as plain values, and as a meter takes and gives them (IEC 62056-6-2, classes 20 and 11)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.obis import Obis
from urja.headend.failures import FailureKind, SessionFailedError

SCRIPTS: Final = Obis.parse("0.0.10.0.100.255")
"""The tariffication script table: its script N activates the registers of zone N (IS 15959-2)."""
_ANY_TIME: Final = b"\xff\xff\xff\xff\xff\x80\x00\xff"
"""Weekday, time and deviation of a season's start, not specified."""

Name = Annotated[str, Meta(min_length=1, max_length=8, pattern="^[ -~]+$")]
DayId = Annotated[int, Meta(ge=0, le=255)]


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A season, by the month and day of every year on which it begins."""

    name: Name
    month: Annotated[int, Meta(ge=1, le=12)]
    day: Annotated[int, Meta(ge=1, le=31)]
    week: Name


class Week(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A week: the day ids from Monday to Sunday."""

    name: Name
    days: Annotated[tuple[DayId, ...], Meta(min_length=7, max_length=7)]


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A zone, by the minute of the local day at which it begins."""

    minute: Annotated[int, Meta(ge=0, le=1439)]
    zone: Annotated[int, Meta(ge=1, le=8)]


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day table."""

    id: DayId
    actions: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=48)]


class SpecialDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day of one year that follows a day table of its own."""

    index: Annotated[int, Meta(ge=0, le=65535)]
    day: date
    day_id: DayId


class CalendarTables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All tables of a calendar."""

    seasons: Annotated[tuple[Season, ...], Meta(min_length=1, max_length=12)]
    weeks: Annotated[tuple[Week, ...], Meta(min_length=1, max_length=12)]
    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=48)]
    special_days: Annotated[tuple[SpecialDay, ...], Meta(max_length=200)] = ()

    def season_data(self) -> Data:
        """Return the season profile."""
        return axdr.array(
            *(
                axdr.structure(
                    axdr.octets(one.name.encode()),
                    axdr.octets(b"\xff\xff" + bytes((one.month, one.day)) + _ANY_TIME),
                    axdr.octets(one.week.encode()),
                )
                for one in self.seasons
            )
        )

    def week_data(self) -> Data:
        """Return the week profile table."""
        return axdr.array(
            *(
                axdr.structure(axdr.octets(one.name.encode()), *map(axdr.uint8, one.days))
                for one in self.weeks
            )
        )

    def day_data(self) -> Data:
        """Return the day profile table."""
        return axdr.array(
            *(
                axdr.structure(axdr.uint8(one.id), axdr.array(*map(_action_data, one.actions)))
                for one in self.days
            )
        )

    def special_day_data(self) -> Data:
        """Return the entries of the special days table."""
        return axdr.array(
            *(
                axdr.structure(
                    axdr.uint16(one.index),
                    axdr.octets(one.day.year.to_bytes(2) + bytes((one.day.month, one.day.day, 0xFF))),
                    axdr.uint8(one.day_id),
                )
                for one in self.special_days
            )
        )


def _action_data(action: Action) -> Data:
    start = bytes((action.minute // 60, action.minute % 60, 0, 0))
    return axdr.structure(axdr.octets(start), axdr.octets(bytes(SCRIPTS)), axdr.uint16(action.zone))


def read_tables(seasons: Data, weeks: Data, days: Data, special_days: Data) -> CalendarTables:
    """Return the tables that a meter gives. Raises SessionFailedError (protocol) for data of another form, and for
    actions that are no script of a zone or lie within a minute.
    """
    try:
        raw = {
            "seasons": [_season(*_values(entry, 3)) for entry in _array(seasons)],
            "weeks": [
                {"name": name.decode(), "days": ids}
                for name, *ids in (_values(one, 8) for one in _array(weeks))
            ],
            "days": [
                {"id": day_id, "actions": [_action(*_values(action, 3)) for action in actions]}
                for day_id, actions in (_values(one, 2) for one in _array(days))
            ],
            "special_days": [_special_day(*_values(one, 3)) for one in _array(special_days)],
        }
        return msgspec.convert(raw, CalendarTables)
    except (ValueError, TypeError, IndexError, AttributeError, msgspec.ValidationError) as error:
        raise SessionFailedError(FailureKind.PROTOCOL, f"an unreadable activity calendar: {error}") from error


def _array(data: Data) -> Sequence[Data]:
    if data.tag is not Tag.ARRAY:
        raise ValueError(f"a table is {data.tag.name}")
    entries: Sequence[Data] = data.value
    return entries


def _values(data: Data, count: int) -> list[Any]:
    if data.tag is not Tag.STRUCTURE or len(data.value) != count:
        raise ValueError(f"an entry is {data.tag.name}, not a structure of {count}")
    return [part.value for part in data.value]


def _season(name: bytes, start: bytes, week: bytes) -> dict[str, object]:
    return {"name": name.decode(), "month": start[2], "day": start[3], "week": week.decode()}


def _action(start: bytes, script: bytes, zone: int) -> dict[str, object]:
    if script != bytes(SCRIPTS) or start[2] not in (0, 0xFF):
        raise ValueError("an action is no whole minute, or no script of a zone")
    return {"minute": start[0] * 60 + start[1], "zone": zone}


def _special_day(index: int, day: bytes, day_id: int) -> dict[str, object]:
    return {"index": index, "day": date(int.from_bytes(day[:2]), day[2], day[3]), "day_id": day_id}
