"""Profiles (class 7): load, billing, event logs over buffers, and those of one row that is built when it is read."""

from collections.abc import Callable, Iterable
from typing import Any

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data
from urja.cosem.companion import BILLING_DATE, Column, DeviceType
from urja.cosem.obis import Obis
from urja.meter.buffers import ProfileBuffer
from urja.meter.data_objects import STATUS_FILTER, constant_object, data_object, stored_object
from urja.meter.engine import Engine, billing_profile, event_columns
from urja.meter.events import STATUS_WORD_BITS, Log
from urja.meter.load import DAY_S
from urja.meter.object_model import (
    ALL,
    READERS,
    Attribute,
    ByEntry,
    ByRange,
    CosemObject,
    MeterState,
    Reader,
    RefusedError,
    Selection,
)
from urja.meter.object_values import (
    capture_object,
    clock_data,
    column_data,
    live_row,
    moment_or_never,
    scaler_unit,
)

Rows = Callable[[Any, Selection], list[tuple[Data, ...]]]


def _profile(
    obis: str,
    columns: tuple[Column, ...],
    rows: Rows,
    *,
    period: Callable[[Any], int],
    in_use: Callable[[Any], int],
    capacity: Callable[[Any], int],
    capture_attribute: int | None = None,
) -> CosemObject:
    captured = axdr.array(*(capture_object(column, capture_attribute) for column in columns))
    sorted_by = axdr.structure(axdr.uint16(0), axdr.octets(bytes(6)), axdr.int8(0), axdr.uint16(0))

    def select(meter: Any, selection: Selection) -> Data:
        picked = _picked_columns(columns, selection)
        return axdr.array(
            *(axdr.structure(*(row[index] for index in picked)) for row in rows(meter, selection))
        )

    return CosemObject(
        7,
        1,
        Obis.parse(obis),
        {
            2: Attribute(lambda meter: select(meter, ALL), READERS, select=select),
            3: Attribute(lambda _meter: captured, READERS),
            4: Attribute(lambda meter: axdr.uint32(period(meter)), READERS),
            5: Attribute(lambda _meter: axdr.enum(1), READERS),  # unsorted: first in, first out
            6: Attribute(lambda _meter: sorted_by, READERS),
            7: Attribute(lambda meter: axdr.uint32(in_use(meter)), READERS),
            8: Attribute(lambda meter: axdr.uint32(capacity(meter)), READERS),
        },
    )


def _picked_columns(columns: tuple[Column, ...], selection: Selection) -> list[int]:
    """Return the positions of the selected columns; raises RefusedError where one is not captured."""
    if isinstance(selection, ByEntry):
        last = selection.last_column or len(columns)
        return list(range(max(selection.first_column, 1) - 1, min(last, len(columns))))
    if not selection.columns:
        return list(range(len(columns)))
    places = {(c.class_id, Obis.parse(c.obis), c.attribute): index for index, c in enumerate(columns)}
    try:
        return [places[column] for column in selection.columns]
    except KeyError:
        raise RefusedError(AccessResult.SCOPE_OF_ACCESS_VIOLATED) from None


def _buffered(
    obis: str,
    columns: tuple[Column, ...],
    buffer_of: Callable[[Engine], ProfileBuffer],
    period: Callable[[Any], int],
    *,
    is_log: bool = False,
) -> CosemObject:
    """Return a profile over a buffer of rows, whose first column is the clock or the billing date.

    Values that are not measured are null; an event log has all its columns.
    """

    def rows(meter: MeterState, selection: Selection) -> list[tuple[Data, ...]]:
        buffer = buffer_of(meter.engine)
        found = (
            buffer.by_range(selection.from_s, selection.to_s)
            if isinstance(selection, ByRange)
            else buffer.by_entry(selection.first, selection.last)
        )
        device_type = meter.identity.type
        measured = None if is_log else meter.engine.quantities()

        def cell(column: Column, value: int) -> Data:
            if measured is not None and column.obis not in measured:
                return axdr.null()
            is_moment = column.class_id == 4 and column.attribute == 5
            return moment_or_never(device_type, value) if is_moment else column_data(column, value)

        return [
            (clock_data(device_type, stamp_s, status), *map(cell, columns[1:], values))
            for stamp_s, status, *values in found.tolist()
        ]

    return _profile(
        obis,
        columns,
        rows,
        period=period,
        in_use=lambda meter: len(buffer_of(meter.engine)),
        capacity=lambda meter: buffer_of(meter.engine).capacity,
    )


def one_row_profile(
    obis: str,
    columns: tuple[Column, ...],
    row: Callable[[Any], tuple[Data, ...]],
    *,
    attribute: int | None = None,
) -> CosemObject:
    """Return a profile of a single row that is built when it is read: nameplate, instantaneous values, scalers.

    That row is entry 1, and in any range: it has no stamp before it is read.
    """

    def rows(meter: Any, selection: Selection) -> list[tuple[Data, ...]]:
        return [] if isinstance(selection, ByEntry) and selection.first > 1 else [row(meter)]

    return _profile(
        obis,
        columns,
        rows,
        period=lambda _meter: 0,
        in_use=lambda _meter: 1,
        capacity=lambda _meter: 1,
        capture_attribute=attribute,
    )


def _scaler_profile(obis: str, columns: Iterable[Column]) -> CosemObject:
    scaled = tuple(
        column
        for column in columns
        if column.class_id in (3, 4) and column.attribute == 2 and column.obis != BILLING_DATE
    )
    row = tuple(scaler_unit(column) for column in scaled)
    return one_row_profile(obis, scaled, lambda _meter: row, attribute=3)


def profile_objects(device_type: DeviceType) -> list[CosemObject]:
    """Return the profiles of values with their scaler profiles, and the objects of their periods."""
    instantaneous, block, daily = (device_type.profiles[key] for key in ("instantaneous", "block", "daily"))
    found = billing_profile(device_type)
    billing = () if found is None else (found,)

    def period(meter: MeterState) -> int:
        return meter.engine.interval_s

    return [
        one_row_profile(
            instantaneous.obis, instantaneous.columns, lambda meter: live_row(meter, instantaneous.columns)
        ),
        _buffered(block.obis, block.columns, lambda engine: engine.blocks, period),
        _buffered(daily.obis, daily.columns, lambda engine: engine.daily, lambda _meter: DAY_S),
        *(
            _buffered(
                profile.obis,
                profile.columns,
                lambda engine: engine.billing,
                lambda _meter: 0,
            )
            for profile in billing
        ),
        *(
            _scaler_profile(profile.scaler_obis, profile.columns)
            for profile in (instantaneous, block, daily, *billing)
            if profile.scaler_obis
        ),
        data_object("1.0.0.8.0.255", lambda meter: axdr.uint16(device_type.demand_period_s or period(meter))),
        data_object("1.0.0.8.4.255", lambda meter: axdr.uint16(period(meter))),
        constant_object("1.0.0.8.5.255", axdr.uint32(DAY_S)),
    ]


def _log_of(log: Log) -> Callable[[Engine], ProfileBuffer]:
    return lambda engine: engine.logs[log]


def _last_code(log: Log) -> Reader:
    def read(meter: MeterState) -> Data:
        newest = meter.engine.logs[log].newest()
        return axdr.uint16(0 if newest is None else int(newest[2]))

    return read


def event_objects(device_type: DeviceType) -> list[CosemObject]:
    """Return the event logs, the last code of each, the status word and its filter."""
    captured = event_columns(device_type)
    objects = [_scaler_profile("1.0.94.91.7.255", captured)]
    for log in Log:
        code = captured[1]
        columns = (
            captured[0],
            Column(code.key, code.class_id, f"0.0.96.11.{int(log)}.255", code.attribute, code.tag),
            *captured[2:],
        )

        objects += [
            _buffered(f"0.0.99.98.{int(log)}.255", columns, _log_of(log), lambda _meter: 0, is_log=True),
            data_object(columns[1].obis, _last_code(log)),
        ]
    return [
        *objects,
        data_object("0.0.94.91.18.255", lambda meter: axdr.bits(meter.engine.status_bytes())),
        stored_object(str(STATUS_FILTER), axdr.bits(b"\xff" * (STATUS_WORD_BITS // 8))),
        data_object("0.0.96.7.0.255", lambda meter: axdr.uint32(meter.engine.power_failures)),
    ]
