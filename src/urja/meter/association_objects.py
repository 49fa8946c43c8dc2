"""Associations (class 15), security setups (class 64), invocation counters: who may do what, under which keys."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, Conformance
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import DeviceType
from urja.cosem.obis import Obis
from urja.meter.data_objects import data_object
from urja.meter.object_model import (
    ALL_ROLES,
    Attribute,
    CosemObject,
    MeterState,
    Method,
    Reader,
    RefusedError,
    Role,
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


def association_object(
    obis: str, role: Role, device_type: DeviceType, objects: Callable[[Role], Iterable[CosemObject]]
) -> CosemObject:
    """Return the association object of a role, which lists those of `objects` that the role may see."""
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


def _counter(group_e: int) -> Reader:
    return lambda meter: axdr.uint32(meter.invocation_counter(group_e))


def security_objects() -> list[CosemObject]:
    """Return the security setups and the invocation counters of the associations that cipher."""
    roles = {2: Role.READER, 3: Role.UTILITY, 4: None, 5: None}
    setups = [_security_setup(group_e, role) for group_e, role in roles.items()]
    counters = [
        data_object(
            f"0.0.43.1.{group_e}.255",
            _counter(group_e),
            ALL_ROLES,
        )
        for group_e in roles
    ]
    return [*setups, *counters]
