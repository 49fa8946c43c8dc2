"""Objects of tariff zones and billing: billing date, scripts, activity calendar, special days."""

import copy
from collections.abc import Callable
from typing import Any, Final

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType
from urja.cosem.errors import CosemError
from urja.cosem.obis import Obis
from urja.meter.activity_calendar import (
    DAYS,
    NAME,
    PASSIVE,
    SCRIPT_TABLE,
    SEASONS,
    WEEKS,
    CalendarError,
    CalendarState,
    special_day_data,
)
from urja.meter.data_objects import data_object
from urja.meter.inputs import (
    ChangeSpecialDays,
    ResetDemand,
    ScheduleCalendar,
    SetBillingDay,
    SpecialDayAction,
    WriteCalendar,
)
from urja.meter.object_model import (
    READERS,
    UTILITY,
    Attribute,
    CosemObject,
    MeterState,
    Method,
    RefusedError,
    Writer,
)
from urja.meter.object_values import NEVER, clock_data, moment_of

_RESET_TABLE: Final = Obis.parse("0.0.10.0.1.255")
_SCRIPT: Final = axdr.structure(axdr.octets(bytes(_RESET_TABLE)), axdr.uint16(1))
"""The script that runs on a billing day: it resets the maximum demand."""


def tariff_objects(device_type: DeviceType) -> list[CosemObject]:
    """Return the billing date, and of a type with tariff zones its calendar, special days and scripts."""
    if not device_type.zones:
        return [_billing_schedule()]
    return [
        _billing_schedule(),
        _script_table(_RESET_TABLE, (1,), _reset),
        _script_table(SCRIPT_TABLE, tuple(range(1, device_type.zones + 1)), None),
        _activity_calendar(device_type),
        _special_days(),
        # The name of the zone in force, as its script is numbered.
        data_object("0.0.96.14.0.255", lambda meter: axdr.octets(bytes([meter.engine.active_zone]))),
    ]


def _billing_schedule() -> CosemObject:
    """Return the single action schedule (class 22): a midnight each month, on day 1 to 28, which every month has."""

    def execution_time(meter: MeterState) -> Data:
        date = bytes([0xFF, 0xFF, 0xFF, meter.engine.billing_day, 0xFF])
        return axdr.array(axdr.structure(axdr.octets(bytes(4)), axdr.octets(date)))

    def write(meter: MeterState, data: Data) -> None:
        try:
            ((time, date),) = ([part.value for part in entry.value] for entry in data.value)
            year_month, day, weekday = date[:3], date[3], date[4]
        except (TypeError, ValueError, AttributeError, IndexError):
            raise RefusedError(AccessResult.TYPE_UNMATCHED) from None
        if time != bytes(4) or year_month != b"\xff\xff\xff" or weekday != 0xFF or not 1 <= day <= 28:
            raise RefusedError(AccessResult.OTHER_REASON)
        meter.apply_input(SetBillingDay(day))

    return CosemObject(
        22,
        0,
        Obis.parse("0.0.15.0.0.255"),
        {
            2: Attribute(lambda _meter: _SCRIPT),
            3: Attribute(lambda _meter: axdr.enum(1)),  # one time, the date with wildcards
            4: Attribute(execution_time, READERS, write, UTILITY),
        },
    )


def _script_table(
    obis: Obis, scripts: tuple[int, ...], execute: Callable[[MeterState], None] | None
) -> CosemObject:
    """Return a script table (class 9): each script is known by its number, and lists no actions."""
    table = axdr.array(*(axdr.structure(axdr.uint16(script), axdr.array()) for script in scripts))

    def run(meter: MeterState, script: Data | None) -> None:
        if script is None or script.tag is not Tag.UINT16:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        if script.value not in scripts or execute is None:
            raise RefusedError(AccessResult.OTHER_REASON)
        execute(meter)

    methods = {} if execute is None else {1: Method(run)}
    return CosemObject(9, 0, obis, {2: Attribute(lambda _meter: table)}, methods)


def _reset(meter: MeterState) -> None:
    meter.apply_input(ResetDemand())


def _calendar(meter: MeterState) -> CalendarState:
    calendar = meter.engine.calendar
    assert calendar is not None, "only types with zones have these objects"
    return calendar


def _try(meter: MeterState, change: Callable[[CalendarState], None]) -> None:
    """Make a change on a copy of the calendar, so that what is refused is in no journal. Raises RefusedError."""
    try:
        change(copy.copy(_calendar(meter)))
    except CalendarError:
        raise RefusedError(AccessResult.OTHER_REASON) from None


def _activity_calendar(device_type: DeviceType) -> CosemObject:
    """Return the activity calendar (class 20): the active tables, and the passive ones that the utility writes."""

    def table(attribute: int) -> Callable[[Any], Data]:
        return lambda meter: _calendar(meter).active[attribute]

    def passive(attribute: int) -> Callable[[Any], Data]:
        return lambda meter: _calendar(meter).passive[attribute]

    def write(attribute: int) -> Writer:
        def writer(meter: MeterState, data: Data) -> None:
            _try(meter, lambda calendar: calendar.write(attribute, data))
            meter.apply_input(WriteCalendar(attribute + PASSIVE, axdr.encode(data).hex()))

        return writer

    def activation(meter: MeterState) -> Data:
        at_s = _calendar(meter).activates_at_s
        return NEVER if at_s is None else clock_data(device_type, at_s, 0)

    def schedule(meter: MeterState, data: Data) -> None:
        if data == NEVER:
            meter.apply_input(ScheduleCalendar(None))
            return
        try:
            at_s = int(moment_of(device_type, data).timestamp())
        except CosemError:
            raise RefusedError(AccessResult.TYPE_UNMATCHED) from None
        _try(meter, CalendarState.check_passive)
        meter.apply_input(ScheduleCalendar(at_s))

    def activate(meter: MeterState, _parameter: Data | None) -> None:
        _try(meter, CalendarState.check_passive)
        meter.apply_input(ScheduleCalendar(meter.engine.shown_s))

    tables = (NAME, SEASONS, WEEKS, DAYS)
    return CosemObject(
        20,
        0,
        Obis.parse("0.0.13.0.0.255"),
        {
            **{number: Attribute(table(number)) for number in tables},
            **{
                number + PASSIVE: Attribute(passive(number), READERS, write(number), UTILITY)
                for number in tables
            },
            10: Attribute(activation, READERS, schedule, UTILITY),
        },
        {1: Method(activate)},
    )


def _special_days() -> CosemObject:
    """Return the special days table (class 11), which the utility writes whole or by entries."""

    def read(meter: MeterState) -> Data:
        return axdr.array(*(special_day_data(index, day) for index, day in _calendar(meter).special))

    def change(action: SpecialDayAction) -> Callable[[MeterState, Data | None], None]:
        def changer(meter: MeterState, data: Data | None) -> None:
            if data is None or (action == "delete" and data.tag is not Tag.UINT16):
                raise RefusedError(AccessResult.TYPE_UNMATCHED)
            _try(meter, lambda calendar: calendar.change_special_days(action, data))
            meter.apply_input(ChangeSpecialDays(action, axdr.encode(data).hex()))

        return changer

    return CosemObject(
        11,
        0,
        Obis.parse("0.0.11.0.0.255"),
        {2: Attribute(read, READERS, change("write"), UTILITY)},
        {1: Method(change("insert")), 2: Method(change("delete"))},
    )
