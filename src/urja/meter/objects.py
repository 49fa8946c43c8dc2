"""The COSEM objects of a meter (IS 15959-2), from its type: columns, types and scalers come from its companion data."""

from datetime import UTC, datetime
from functools import cache

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import MANUAL_MODES, Column, DeviceType
from urja.cosem.obis import Obis
from urja.meter.association_objects import association_object, security_objects
from urja.meter.data_objects import data_object
from urja.meter.device_types import find_device_type
from urja.meter.display_objects import prepayment_objects, text_object
from urja.meter.engine import billing_profile
from urja.meter.inputs import SetControlMode, SetLoadLimit
from urja.meter.object_model import (
    ALL_ROLES,
    CURRENT_ASSOCIATION,
    READERS,
    UTILITY,
    Attribute,
    CosemObject,
    MeterState,
    Method,
    ObjectCatalogue,
    Reader,
    RefusedError,
    Role,
)
from urja.meter.object_values import (
    NEVER,
    capture_object,
    clock_data,
    column_data,
    live_column,
    live_row,
    moment_of,
    scaler_unit,
)
from urja.meter.profile_objects import event_objects, one_row_profile, profile_objects
from urja.meter.relay import CONTROL_MODES, Order
from urja.meter.tariff_objects import tariff_objects


def _clock(device_type: DeviceType) -> CosemObject:
    deviation = device_type.default_deviation_min

    def shift(meter: MeterState, seconds: Data | None) -> None:
        if seconds is None or seconds.tag is not Tag.INT16 or not -900 <= seconds.value <= 900:
            raise RefusedError(
                AccessResult.TYPE_UNMATCHED
            )  # shift_time takes -900..900 s (IEC 62056-6-2, 4.5.1)
        meter.set_clock(datetime.fromtimestamp(meter.engine.shown_s + seconds.value, UTC))

    return CosemObject(
        8,
        0,
        Obis.parse("0.0.1.0.0.255"),
        {
            2: Attribute(
                lambda meter: clock_data(device_type, meter.engine.shown_s, 0),
                ALL_ROLES,
                lambda meter, data: meter.set_clock(moment_of(device_type, data)),
                UTILITY,
            ),
            3: Attribute(lambda _meter: axdr.int16(deviation), ALL_ROLES),
            4: Attribute(lambda _meter: axdr.uint8(0), ALL_ROLES),
            5: Attribute(lambda _meter: NEVER, ALL_ROLES),
            6: Attribute(lambda _meter: NEVER, ALL_ROLES),
            7: Attribute(lambda _meter: axdr.int8(0), ALL_ROLES),
            8: Attribute(lambda _meter: axdr.boolean(value=False), ALL_ROLES),
            9: Attribute(lambda _meter: axdr.enum(1), ALL_ROLES),  # internal crystal
        },
        {6: Method(shift)},
    )


def _register(column: Column) -> CosemObject:
    """Return the register (class 3, or 4 with its capture time) behind a column."""
    attributes = {
        2: Attribute(lambda meter: live_column(meter, column)),
        3: Attribute(lambda _meter: scaler_unit(column)),
    }
    if column.class_id == 4:
        at = Column(column.key, 4, column.obis, 5, int(Tag.OCTET_STRING))
        attributes[4] = Attribute(lambda _meter: axdr.null())
        attributes[5] = Attribute(lambda meter: live_column(meter, at))
    return CosemObject(column.class_id, 0, Obis.parse(column.obis), attributes)


def _load_switch(device_type: DeviceType) -> CosemObject:
    # No order from afar may let gas flow, so the mode of a valve cannot become one in which it would.
    modes = CONTROL_MODES if device_type.gas is None else MANUAL_MODES

    def set_mode(meter: MeterState, data: Data) -> None:
        if data.tag is not Tag.ENUM or data.value not in modes:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.apply_input(SetControlMode(data.value))

    return CosemObject(
        70,
        0,
        Obis.parse("0.0.96.3.10.255"),
        {
            2: Attribute(lambda meter: axdr.boolean(meter.engine.switch.closed)),
            3: Attribute(lambda meter: axdr.enum(meter.engine.switch.state)),
            4: Attribute(lambda meter: axdr.enum(meter.engine.switch.mode), READERS, set_mode, UTILITY),
        },
        {
            1: Method(lambda meter, _parameter: meter.operate(Order.REMOTE_DISCONNECT)),
            2: Method(lambda meter, _parameter: meter.operate(Order.REMOTE_RECONNECT)),
        },
    )


def _limiter(column: Column) -> CosemObject:
    def set_limit(meter: MeterState, data: Data) -> None:
        if data.tag is not Tag(column.tag):
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.apply_input(SetLoadLimit(data.value))

    def limit(meter: MeterState) -> Data:
        return column_data(column, meter.engine.load_limit_w)

    watched = axdr.structure(axdr.uint16(3), axdr.octets(bytes(Obis.parse("1.0.1.7.0.255"))), axdr.int8(2))
    return CosemObject(
        71,
        0,
        Obis.parse(column.obis),
        {
            2: Attribute(lambda _meter: watched),
            3: Attribute(limit),
            4: Attribute(limit, READERS, set_limit, UTILITY),
        },
    )


def _push_setup(device_type: DeviceType, key: str) -> CosemObject:
    """Return a push setup (class 40): the objects a push carries, in the order of its structure."""
    push = device_type.pushes[key]
    header = (
        Column("device_id", 1, "0.0.96.1.2.255", 2, int(Tag.OCTET_STRING)),
        Column("push", 40, push.obis, 1, int(Tag.OCTET_STRING)),
        Column("clock", 8, "0.0.1.0.0.255", 2, int(Tag.OCTET_STRING)),
    )
    carried = axdr.array(*(capture_object(column) for column in (*header, *push.columns)))
    # TCP, no fixed destination (the link decides), A-XDR encoded data-notification.
    destination = axdr.structure(axdr.enum(0), axdr.octets(b""), axdr.enum(0))
    return CosemObject(
        40,
        0,
        Obis.parse(push.obis),
        {
            2: Attribute(lambda _meter: carried),
            3: Attribute(lambda _meter: destination),
            4: Attribute(lambda _meter: axdr.array()),
            5: Attribute(lambda _meter: axdr.uint16(0)),
            6: Attribute(lambda _meter: axdr.uint8(0)),  # unconfirmed: the head end pulls what is lost
            7: Attribute(lambda _meter: axdr.uint16(0)),
        },
    )


def _sap_assignment(device_type: DeviceType) -> CosemObject:
    sap = device_type.associations.server_sap
    return CosemObject(
        17,
        0,
        Obis.parse("0.0.41.0.0.255"),
        {
            2: Attribute(
                lambda meter: axdr.array(
                    axdr.structure(axdr.uint16(sap), axdr.octets(meter.identity.device_id.encode()))
                ),
                ALL_ROLES,
            )
        },
    )


def _identification(device_type: DeviceType) -> list[CosemObject]:
    named_for_all = {"0.0.96.1.0.255", "0.0.96.1.1.255", "0.0.96.1.2.255"}
    nameplate = device_type.profiles["nameplate"]
    objects = [
        data_object(
            column.obis,
            _live(column),
            ALL_ROLES if column.obis in named_for_all else READERS,
        )
        for column in nameplate.columns
    ]
    return [
        *objects,
        one_row_profile(nameplate.obis, nameplate.columns, lambda meter: live_row(meter, nameplate.columns)),
        data_object(
            "0.0.42.0.0.255", lambda meter: axdr.octets(meter.identity.device_id.encode()), ALL_ROLES
        ),
        _sap_assignment(device_type),
    ]


def _measured(device_type: DeviceType) -> list[CosemObject]:
    """Return every register and counter that a profile captures or the type lists, each as an object of its own."""
    found: dict[str, CosemObject] = {}
    shapes = [device_type.profiles[key] for key in ("instantaneous", "block", "daily")]
    if (billing := billing_profile(device_type)) is not None:
        shapes.append(billing)
    for shape in shapes:
        for column in shape.columns:
            if column.obis in found or column.attribute == 5:
                continue
            if column.class_id in (3, 4):
                found[column.obis] = _register(column)
            elif column.class_id == 1:
                found[column.obis] = data_object(column.obis, _live(column))
            elif column.class_id == 71:
                found[column.obis] = _limiter(column)
    return [*found.values(), *map(_register, device_type.registers)]


def _live(column: Column) -> Reader:
    return lambda meter: live_column(meter, column)


@cache
def catalogue(device_type_place: str) -> ObjectCatalogue:
    """Return the objects of a device type, by its name or folder; built once and shared by all its meters."""
    device_type = find_device_type(device_type_place)
    objects: list[CosemObject] = []

    def seen_by(role: Role) -> list[CosemObject]:
        return [current[role], *objects]

    named = {
        role: association_object(f"0.0.40.0.{int(role)}.255", role, device_type, seen_by) for role in Role
    }
    current = {
        role: association_object(str(CURRENT_ASSOCIATION), role, device_type, seen_by) for role in Role
    }
    objects += [
        *named.values(),
        *_identification(device_type),
        _clock(device_type),
        *security_objects(),
        *_measured(device_type),
        *profile_objects(device_type),
        *event_objects(device_type),
        *(_push_setup(device_type, key) for key in device_type.pushes),
        *([_load_switch(device_type)] if device_type.relay else []),
        *tariff_objects(device_type),
        *prepayment_objects(),
        *([text_object(device_type.display)] if device_type.display else []),
    ]
    return ObjectCatalogue(objects, current)
