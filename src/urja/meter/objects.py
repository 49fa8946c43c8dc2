"""The COSEM objects of a D1 meter (IS 15959-2).

Columns, types and scalers come from the device type's companion data; only behaviour is written here.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, AccessSelection, Conformance, EntryAccess, RangeAccess
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import BILLING_DATE, Column, DeviceType, TextDisplay
from urja.cosem.obis import Obis
from urja.cosem.time import CosemDateTime
from urja.meter.buffers import ProfileBuffer
from urja.meter.device_types import find_device_type
from urja.meter.engine import EVENT_COLUMNS, Engine, billing_profile, shown_value
from urja.meter.events import STATUS_WORD_BITS, EventCode, Log
from urja.meter.inputs import SetBillingDay, SetControlMode, SetLoadLimit
from urja.meter.load import DAY_S
from urja.meter.object_model import (
    ALL,
    ALL_ROLES,
    CURRENT_ASSOCIATION,
    NO_ROLE,
    READERS,
    UTILITY,
    Attribute,
    ByEntry,
    ByRange,
    CosemObject,
    MeterState,
    Method,
    ObjectCatalogue,
    Reader,
    RefusedError,
    Role,
    Selection,
    Writer,
)
from urja.meter.relay import Order

# --- times ------------------------------------------------------------------------------------------------


NEVER: Final = axdr.octets(CosemDateTime(0xFFFF, 0xFF, 0xFF).to_bytes())
"""A date-time of an event that has not occurred: all fields not specified."""


def clock_data(device_type: DeviceType, shown_s: int, status: int) -> Data:
    """Return a shown instant as the meter writes it: twelve octets, local time, with the type's sign of deviation."""
    moment = CosemDateTime.from_utc(
        datetime.fromtimestamp(shown_s, UTC),
        deviation_min=device_type.default_deviation_min,
        sign=device_type.deviation_sign,
        status=status,
    )
    return axdr.octets(moment.to_bytes())


def moment_of(device_type: DeviceType, data: Data) -> datetime:
    """Return the UTC instant that a client wrote, as date-time or as twelve octets.

    Raises RefusedError for other data.
    """
    value = data.value
    if data.tag is Tag.OCTET_STRING and len(value) == 12:
        value = CosemDateTime.from_bytes(value)
    if not isinstance(value, CosemDateTime):
        raise RefusedError(AccessResult.TYPE_UNMATCHED)
    return value.to_utc(device_type.deviation_sign, device_type.default_deviation_min)


def selection_of(device_type: DeviceType, access: AccessSelection) -> Selection:
    """Return a client's selective access as rows (Unix seconds, or numbers from 1) and columns to select.

    Buffers are restricted by their clock only; raises RefusedError for any other restriction.
    """
    descriptor = access.interpret()
    if isinstance(descriptor, EntryAccess):
        return ByEntry(
            descriptor.from_entry, descriptor.to_entry, descriptor.from_column, descriptor.to_column
        )
    if not isinstance(descriptor, RangeAccess) or descriptor.restricting.attribute.class_id != 8:
        raise RefusedError(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return ByRange(
        int(moment_of(device_type, descriptor.from_value).timestamp()),
        int(moment_of(device_type, descriptor.to_value).timestamp()),
        tuple(
            (column.attribute.class_id, column.attribute.obis, column.attribute.attribute)
            for column in descriptor.columns
        ),
    )


# --- columns ----------------------------------------------------------------------------------------------


def column_data(column: Column, value: int | None) -> Data:
    """Return a shown value in the column's wire type; null where this meter does not measure it."""
    if value is None:
        return axdr.null()
    tag = Tag(column.tag)
    return Data(tag, bool(value) if tag is Tag.BOOLEAN else value)


def _moment_or_never(device_type: DeviceType, at_s: int, status: int = 0) -> Data:
    return clock_data(device_type, at_s, status) if at_s else NEVER


def live_row(meter: MeterState, columns: Iterable[Column]) -> tuple[Data, ...]:
    """Return the present values of columns of the nameplate or the instantaneous profile."""
    named = _nameplate(meter)
    engine = meter.engine
    quantities = engine.quantities()
    device_type = meter.identity.type

    def live(column: Column) -> Data:
        if column.obis in named:
            return _text_data(column, named[column.obis])
        if column.class_id == 8:
            return clock_data(device_type, engine.shown_s, 0)
        if column.attribute == 5:
            return _moment_or_never(device_type, engine.demand_at(column.obis))
        if column.obis == BILLING_DATE:
            return _moment_or_never(device_type, engine.billed_at())
        value = quantities.get(column.obis)
        return column_data(column, None if value is None else shown_value(column, value))

    return tuple(live(column) for column in columns)


def live_column(meter: MeterState, column: Column) -> Data:
    """Return the present value of one column."""
    return live_row(meter, (column,))[0]


def _nameplate(meter: MeterState) -> dict[str, str | int]:
    identity = meter.identity
    return {
        "0.0.96.1.0.255": identity.serial,
        "0.0.96.1.2.255": identity.device_id,
        "0.0.96.1.1.255": identity.type.manufacturer,
        "1.0.0.2.0.255": identity.type.firmware[0],
        "0.0.94.91.9.255": 1,
        "0.0.94.91.11.255": identity.type.category,
        "0.0.94.91.12.255": "5-30A",
        "0.0.96.1.4.255": 2026,
    }


def _text_data(column: Column, value: str | int) -> Data:
    tag = Tag(column.tag)
    if tag is Tag.OCTET_STRING:
        return axdr.octets(str(value).encode("ascii"))
    if tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return Data(tag, str(value))
    return axdr.null() if isinstance(value, str) else Data(tag, value)


def capture_object(column: Column, attribute: int | None = None) -> Data:
    """Return a capture object definition: class, logical name, attribute, data index 0 (the whole attribute)."""
    return axdr.structure(
        axdr.uint16(column.class_id),
        axdr.octets(column.obis_bytes),
        axdr.int8(column.attribute if attribute is None else attribute),
        axdr.uint16(0),
    )


def scaler_unit(column: Column) -> Data:
    """Return attribute 3 of a register: scaler and unit."""
    return axdr.structure(axdr.int8(column.scaler), axdr.enum(column.unit))


# --- profiles (class 7) -----------------------------------------------------------------------------------

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
    readers: frozenset[Role] = READERS,
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
            2: Attribute(lambda meter: select(meter, ALL), readers, select=select),
            3: Attribute(lambda _meter: captured, readers),
            4: Attribute(lambda meter: axdr.uint32(period(meter)), readers),
            5: Attribute(lambda _meter: axdr.enum(1), readers),  # unsorted: first in, first out
            6: Attribute(lambda _meter: sorted_by, readers),
            7: Attribute(lambda meter: axdr.uint32(in_use(meter)), readers),
            8: Attribute(lambda meter: axdr.uint32(capacity(meter)), readers),
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
            return _moment_or_never(device_type, value) if is_moment else column_data(column, value)

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


def _one_row(
    obis: str,
    columns: tuple[Column, ...],
    row: Callable[[Any], tuple[Data, ...]],
    *,
    attribute: int | None = None,
    readers: frozenset[Role] = READERS,
) -> CosemObject:
    """Return a profile of a single row that is built when it is read: nameplate, instantaneous values, scalers."""
    return _profile(
        obis,
        columns,
        lambda meter, _selection: [row(meter)],
        period=lambda _meter: 0,
        in_use=lambda _meter: 1,
        capacity=lambda _meter: 1,
        capture_attribute=attribute,
        readers=readers,
    )


def _scaler_profile(obis: str, columns: Iterable[Column]) -> CosemObject:
    scaled = tuple(
        column
        for column in columns
        if column.class_id in (3, 4) and column.attribute == 2 and column.obis != BILLING_DATE
    )
    row = tuple(scaler_unit(column) for column in scaled)
    return _one_row(obis, scaled, lambda _meter: row, attribute=3)


STATUS_FILTER: Final = Obis.parse("0.0.94.91.26.255")
"""Event status word filter: the bits whose change is pushed as an alert."""


# --- single objects ---------------------------------------------------------------------------------------


def _data(
    obis: str, read: Reader, readers: frozenset[Role] = READERS, write: Writer | None = None
) -> CosemObject:
    writers = UTILITY if write else NO_ROLE
    return CosemObject(1, 0, Obis.parse(obis), {2: Attribute(read, readers, write, writers)})


def _size(data: Data) -> int:
    """Return the bits or bytes of a string, which a written value must not change; zero for a number."""
    return len(data.value) if data.tag in (Tag.BIT_STRING, Tag.OCTET_STRING) else 0


def _stored(obis: str, initial: Data) -> CosemObject:
    """Return a data object that the utility writes and the meter only stores (display, filter)."""
    name = Obis.parse(obis)

    def write(meter: MeterState, data: Data) -> None:
        fits = data.tag is initial.tag and _size(data) == _size(initial)
        if not fits:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.store(name, data)

    return _data(obis, lambda meter: meter.settings.get(name, initial), write=write)


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


def _load_switch() -> CosemObject:
    def set_mode(meter: MeterState, data: Data) -> None:
        if data.tag is not Tag.ENUM or not 0 <= data.value <= 6:
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


_SCRIPT: Final = axdr.structure(axdr.octets(bytes(Obis.parse("0.0.10.0.1.255"))), axdr.uint16(1))
"""The script that runs on a billing day: it resets the maximum demand."""


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


def _transfer_keys(meter: MeterState, data: Data | None) -> None:
    """Method 2 of the security setup, global_key_transfer: an array of (key id, wrapped key)."""
    items = data.value if data is not None and data.tag is Tag.ARRAY else ()
    wrapped: dict[int, bytes] = {}
    for item in items:
        pair: Sequence[Data] = item.value if item.tag is Tag.STRUCTURE else ()
        if [part.tag for part in pair] != [Tag.ENUM, Tag.OCTET_STRING] or pair[0].value in wrapped:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        wrapped[pair[0].value] = pair[1].value
    if not wrapped:
        raise RefusedError(AccessResult.TYPE_UNMATCHED)
    meter.transfer_keys(wrapped)


def _security_setup(role_e: int, role: Role | None) -> CosemObject:
    return CosemObject(
        64,
        0,
        Obis.parse(f"0.0.43.0.{role_e}.255"),
        {
            2: Attribute(lambda _meter: axdr.enum(3), ALL_ROLES),  # authenticated and encrypted
            3: Attribute(lambda _meter: axdr.enum(0), ALL_ROLES),  # suite 0
            4: Attribute(
                lambda meter: axdr.octets(meter.security_client_title(role) if role else bytes(8)), ALL_ROLES
            ),
            5: Attribute(lambda meter: axdr.octets(meter.identity.title), ALL_ROLES),
        },
        # The meter has one pair of global keys, shown by all its setups; only the utility's setup can change it.
        {2: Method(_transfer_keys)} if role is Role.UTILITY else {},
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


# --- associations (class 15) ------------------------------------------------------------------------------

_CONTEXT: Final = {Role.PUBLIC: 1, Role.READER: 3, Role.UTILITY: 3}  # LN without, with ciphering
_READING: Final = (
    Conformance.GET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.BLOCK_TRANSFER_GET
    | Conformance.MULTIPLE_REFERENCES
)
CONFORMANCE: Final = {
    Role.PUBLIC: Conformance.GET | Conformance.BLOCK_TRANSFER_GET,
    Role.READER: _READING | Conformance.GENERAL_PROTECTION,
    Role.UTILITY: _READING
    | Conformance.GENERAL_PROTECTION
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.BLOCK_TRANSFER_SET
    | Conformance.BLOCK_TRANSFER_ACTION,
}
"""The most that each association offers in the negotiation."""


def _oid(*last: int) -> bytes:
    """Return 2.16.756.5.8.x.y: the country and organisation arcs of the DLMS User Association."""
    return bytes((0x60, 0x85, 0x74, 0x05, 0x08, *last))


def _change_secret(meter: MeterState, data: Data | None) -> None:
    """Method 2, change_HLS_secret: the new secret, protected by the ciphering of the association."""
    if data is None or data.tag is not Tag.OCTET_STRING:
        raise RefusedError(AccessResult.TYPE_UNMATCHED)
    meter.change_secret(data.value)


def _association(
    obis: str, role: Role, device_type: DeviceType, objects: Callable[[Role], Iterable[CosemObject]]
) -> CosemObject:
    saps = device_type.associations
    client_sap = {
        Role.PUBLIC: saps.public_sap,
        Role.READER: saps.reader_sap,
        Role.UTILITY: saps.utility_sap,
    }[role]
    mechanism = {Role.PUBLIC: 0, Role.READER: 1, Role.UTILITY: saps.hls_mechanism}[role]
    allowed = frozenset({role})

    def partners(_meter: Any) -> Data:
        return axdr.structure(axdr.int8(client_sap), axdr.uint16(saps.server_sap))

    def object_list(_meter: Any) -> Data:
        return axdr.array(
            *(_list_element(entry, role) for entry in objects(role) if role in entry.visible_to())
        )

    context_info = axdr.structure(
        axdr.bits(CONFORMANCE[role].to_bytes(3)),
        axdr.uint16(1024),
        axdr.uint16(1024),
        axdr.uint8(6),
        axdr.int8(0),
        axdr.octets(b""),
    )
    setup = axdr.octets(
        bytes(Obis.parse(f"0.0.43.0.{int(role)}.255")) if role is not Role.PUBLIC else bytes(6)
    )
    return CosemObject(
        15,
        1,
        Obis.parse(obis),
        {
            2: Attribute(object_list, allowed),
            3: Attribute(partners, allowed),
            4: Attribute(lambda _meter: axdr.octets(_oid(1, _CONTEXT[role])), allowed),
            5: Attribute(lambda _meter: context_info, allowed),
            6: Attribute(lambda _meter: axdr.octets(_oid(2, mechanism)), allowed),
            8: Attribute(
                lambda _meter: axdr.enum(2), allowed
            ),  # 2, associated: only an associated client can read it
            9: Attribute(lambda _meter: setup, allowed),
        },
        {2: Method(_change_secret)} if role is Role.UTILITY and saps.needs_secret else {},
    )


def _list_element(entry: CosemObject, role: Role) -> Data:
    attributes = [(1, entry.attribute(1)), *entry.attributes.items()]
    return axdr.structure(
        axdr.uint16(entry.class_id),
        axdr.uint8(entry.version),
        axdr.octets(bytes(entry.obis)),
        axdr.structure(
            axdr.array(
                *(_attribute_rights(number, attribute, role) for number, attribute in attributes if attribute)
            ),
            axdr.array(
                *(
                    axdr.structure(axdr.int8(number), axdr.enum(int(role in method.callers)))
                    for number, method in entry.methods.items()
                )
            ),
        ),
    )


def _attribute_rights(number: int, attribute: Attribute, role: Role) -> Data:
    mode = (role in attribute.readers) + 2 * (role in attribute.writers)
    selectors = axdr.array(axdr.int8(1), axdr.int8(2)) if attribute.select else axdr.null()
    return axdr.structure(axdr.int8(number), axdr.enum(mode), selectors)


# --- all of them ------------------------------------------------------------------------------------------


def _plain(obis: str, data: Data, readers: frozenset[Role] = READERS) -> CosemObject:
    return _data(obis, lambda _meter: data, readers)


def _identification(device_type: DeviceType) -> list[CosemObject]:
    named_for_all = {"0.0.96.1.0.255", "0.0.96.1.1.255", "0.0.96.1.2.255"}
    nameplate = device_type.profiles["nameplate"]
    objects = [
        _data(
            column.obis,
            _live(column),
            ALL_ROLES if column.obis in named_for_all else READERS,
        )
        for column in nameplate.columns
    ]
    return [
        *objects,
        _one_row(nameplate.obis, nameplate.columns, lambda meter: live_row(meter, nameplate.columns)),
        _data("0.0.42.0.0.255", lambda meter: axdr.octets(meter.identity.device_id.encode()), ALL_ROLES),
        _sap_assignment(device_type),
    ]


def _measured(device_type: DeviceType) -> list[CosemObject]:
    """Return every register and counter that a profile captures, each as an object of its own."""
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
                found[column.obis] = _data(column.obis, _live(column))
            elif column.class_id == 71:
                found[column.obis] = _limiter(column)
    return list(found.values())


def _profiles(device_type: DeviceType) -> list[CosemObject]:
    instantaneous, block, daily = (device_type.profiles[key] for key in ("instantaneous", "block", "daily"))
    found = billing_profile(device_type)
    billing = () if found is None else (found,)

    def period(meter: MeterState) -> int:
        return meter.engine.interval_s

    return [
        _one_row(
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
        _data("1.0.0.8.0.255", lambda meter: axdr.uint16(period(meter))),
        _data("1.0.0.8.4.255", lambda meter: axdr.uint16(period(meter))),
        _plain("1.0.0.8.5.255", axdr.uint32(DAY_S)),
    ]


def _log_of(log: Log) -> Callable[[Engine], ProfileBuffer]:
    return lambda engine: engine.logs[log]


def _last_code(log: Log) -> Reader:
    def read(meter: MeterState) -> Data:
        newest = meter.engine.logs[log].newest()
        return axdr.uint16(0 if newest is None else int(newest[2]))

    return read


def _live(column: Column) -> Reader:
    return lambda meter: live_column(meter, column)


def _event_objects() -> list[CosemObject]:
    objects = [_scaler_profile("1.0.94.91.7.255", EVENT_COLUMNS)]
    for log in Log:
        code = EVENT_COLUMNS[1]
        columns = (
            EVENT_COLUMNS[0],
            Column(code.key, code.class_id, f"0.0.96.11.{int(log)}.255", code.attribute, code.tag),
            *EVENT_COLUMNS[2:],
        )

        objects += [
            _buffered(f"0.0.99.98.{int(log)}.255", columns, _log_of(log), lambda _meter: 0, is_log=True),
            _data(columns[1].obis, _last_code(log)),
        ]
    return [
        *objects,
        _data("0.0.94.91.18.255", lambda meter: axdr.bits(meter.engine.status_word.to_bytes())),
        _stored(str(STATUS_FILTER), axdr.bits(b"\xff" * (STATUS_WORD_BITS // 8))),
        _data("0.0.96.7.0.255", lambda meter: axdr.uint32(meter.engine.power_failures)),
    ]


def _counter(group_e: int) -> Reader:
    return lambda meter: axdr.uint32(meter.invocation_counter(group_e))


def _security() -> list[CosemObject]:
    roles = {2: Role.READER, 3: Role.UTILITY, 4: None, 5: None}
    setups = [_security_setup(group_e, role) for group_e, role in roles.items()]
    counters = [
        _data(
            f"0.0.43.1.{group_e}.255",
            _counter(group_e),
            ALL_ROLES,
        )
        for group_e in roles
    ]
    return [*setups, *counters]


METERING_MODE: Final = "0.0.94.96.19.255"
PAYMENT_MODE: Final = "0.0.94.96.20.255"
RECHARGE_AMOUNT: Final = "0.0.94.96.21.255"
RECHARGE_TIME: Final = "0.0.94.96.22.255"
RECHARGE_TOTAL: Final = "0.0.94.96.23.255"
BALANCE_AMOUNT: Final = "0.0.94.96.24.255"
BALANCE_TIME: Final = "0.0.94.96.25.255"

SETTING_EVENTS: Final = {
    (PAYMENT_MODE, 0): EventCode.POSTPAID,
    (PAYMENT_MODE, 1): EventCode.PREPAID,
    (METERING_MODE, 0): EventCode.FORWARD_ONLY,
    (METERING_MODE, 1): EventCode.IMPORT_EXPORT,
    (str(STATUS_FILTER), None): EventCode.STATUS_FILTER_SET,
}
"""The event logged when a setting gets a new value; None where it does not depend on the value."""

# Values before the first write. Amounts are in minor units of the currency.
DISPLAY_OBJECTS: Final = {
    METERING_MODE: axdr.uint8(0),
    PAYMENT_MODE: axdr.uint8(1),
    RECHARGE_AMOUNT: axdr.int32(0),
    RECHARGE_TIME: NEVER,
    RECHARGE_TOTAL: axdr.int32(0),
    BALANCE_AMOUNT: axdr.int32(0),
    BALANCE_TIME: NEVER,
}


def _display() -> list[CosemObject]:
    """Return the prepayment objects (IS 15959-2): the utility writes them for the display; they control nothing."""
    return [_stored(obis, initial) for obis, initial in DISPLAY_OBJECTS.items()]


def _text(display: TextDisplay) -> CosemObject:
    """Return the object of the utility's display text: printable ASCII, at most as long as the display."""
    name = Obis.parse(display.obis)

    def write(meter: MeterState, data: Data) -> None:
        fits = data.tag is Tag.OCTET_STRING and len(data.value) <= display.characters
        if not fits or not all(0x20 <= byte < 0x7F for byte in data.value):
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.store(name, data)

    return _data(display.obis, lambda meter: meter.settings.get(name, axdr.octets(b"")), write=write)


@cache
def catalogue(device_type_place: str) -> ObjectCatalogue:
    """Return the objects of a device type, by its name or folder; built once and shared by all its meters."""
    device_type = find_device_type(device_type_place)
    objects: list[CosemObject] = []

    def seen_by(role: Role) -> list[CosemObject]:
        return [current[role], *objects]

    named = {role: _association(f"0.0.40.0.{int(role)}.255", role, device_type, seen_by) for role in Role}
    current = {role: _association(str(CURRENT_ASSOCIATION), role, device_type, seen_by) for role in Role}
    objects += [
        *named.values(),
        *_identification(device_type),
        _clock(device_type),
        *_security(),
        *_measured(device_type),
        *_profiles(device_type),
        *_event_objects(),
        *(_push_setup(device_type, key) for key in device_type.pushes),
        *([_load_switch()] if device_type.relay else []),
        _billing_schedule(),
        *_display(),
        *([_text(device_type.display)] if device_type.display else []),
    ]
    return ObjectCatalogue(objects, current)
