"""Selective access to profile generics (Blue Book, class 7, attribute 2): by range and by entry."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import DecodeError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.xdlms.cursor import Cursor


class Selector(IntEnum):
    """The access selectors of a profile's buffer."""

    RANGE = 1
    ENTRY = 2


@dataclass(frozen=True, slots=True)
class AccessSelection:
    """A Selective-access-descriptor as it is on the wire."""

    selector: int
    parameters: Data

    def encode(self) -> bytes:
        """Return the selector byte and the parameters; LocalError where a value does not fit its type."""
        return bytes((self.selector,)) + axdr.encode(self.parameters)

    def interpret(self) -> "RangeAccess | EntryAccess | AccessSelection":
        """Return the selection by range or by entry where the selector is 1 or 2, else itself.

        Raises DecodeError where the parameters do not fit selector 1 or 2.
        """
        if self.selector == Selector.RANGE:
            return RangeAccess.from_data(self.parameters)
        if self.selector == Selector.ENTRY:
            return EntryAccess.from_data(self.parameters)
        return self


@dataclass(frozen=True, slots=True)
class CaptureObject:
    """A capture_object_definition: an attribute, and the element of it (0: the whole attribute)."""

    attribute: CosemAttribute
    data_index: int = 0

    @classmethod
    def from_data(cls, data: Data) -> Self:
        """Return the definition in a structure {long-unsigned, octet-string, integer, long-unsigned}.

        Raises DecodeError for any other value.
        """
        class_id, name, attribute, index = _members(
            data, (Tag.UINT16, Tag.OCTET_STRING, Tag.INT8, Tag.UINT16), "capture object"
        )
        if len(name) != 6:
            raise DecodeError(f"capture object: a logical name of {len(name)} bytes")
        return cls(CosemAttribute(class_id, Obis.from_bytes(name), attribute), index)

    def to_data(self) -> Data:
        """Return the structure that is sent."""
        attribute = self.attribute
        return axdr.structure(
            axdr.uint16(attribute.class_id),
            axdr.octets(bytes(attribute.obis)),
            axdr.int8(attribute.attribute),
            axdr.uint16(self.data_index),
        )


@dataclass(frozen=True, slots=True)
class RangeAccess:
    """The rows whose restricting column is in [from_value, to_value], both ends included.

    Empty `columns` mean all columns.
    """

    restricting: CaptureObject
    from_value: Data
    to_value: Data
    columns: tuple[CaptureObject, ...] = ()

    @classmethod
    def from_data(cls, data: Data) -> Self:
        """Return the selection in a range_descriptor; raises DecodeError for any other value."""
        if data.tag is not Tag.STRUCTURE or len(data.value) != 4 or data.value[3].tag is not Tag.ARRAY:
            raise DecodeError("a range descriptor is a structure of object, from, to and a column array")
        restricting, from_value, to_value, columns = data.value
        return cls(
            CaptureObject.from_data(restricting),
            from_value,
            to_value,
            tuple(CaptureObject.from_data(column) for column in columns.value),
        )

    def selection(self) -> AccessSelection:
        """Return the selection as it is sent."""
        columns = axdr.array(*(column.to_data() for column in self.columns))
        descriptor = axdr.structure(self.restricting.to_data(), self.from_value, self.to_value, columns)
        return AccessSelection(Selector.RANGE, descriptor)


@dataclass(frozen=True, slots=True)
class EntryAccess:
    """Rows and columns by position, counted from 1; 0 as an upper end means the last."""

    from_entry: int
    to_entry: int
    from_column: int = 1
    to_column: int = 0

    @classmethod
    def from_data(cls, data: Data) -> Self:
        """Return the selection in an entry_descriptor; raises DecodeError for any other value."""
        tags = (Tag.UINT32, Tag.UINT32, Tag.UINT16, Tag.UINT16)
        return cls(*_members(data, tags, "entry descriptor"))

    def selection(self) -> AccessSelection:
        """Return the selection as it is sent."""
        descriptor = axdr.structure(
            axdr.uint32(self.from_entry),
            axdr.uint32(self.to_entry),
            axdr.uint16(self.from_column),
            axdr.uint16(self.to_column),
        )
        return AccessSelection(Selector.ENTRY, descriptor)


Access = RangeAccess | EntryAccess | AccessSelection
"""Any selective access: interpreted by range or by entry, or as it is sent."""


def to_selection(access: Access | None) -> AccessSelection | None:
    """Return any form of selective access as it is sent; None stays None."""
    return access if access is None or isinstance(access, AccessSelection) else access.selection()


def encode_optional(access: AccessSelection | None) -> bytes:
    """Return the presence flag and, where there is one, the selection; raises as `AccessSelection.encode`."""
    return b"\x00" if access is None else b"\x01" + access.encode()


def decode_optional(cursor: Cursor) -> AccessSelection | None:
    """Decode a presence flag and the selection behind it; raises DecodeError."""
    if not cursor.optional("access selection"):
        return None
    return AccessSelection(cursor.byte("access selector"), cursor.data())


def _members(data: Data, tags: tuple[Tag, ...], what: str) -> list[Any]:
    members = data.value if data.tag is Tag.STRUCTURE else ()
    if tuple(member.tag for member in members) != tags:
        raise DecodeError(f"{what}: not a structure of {', '.join(tag.name for tag in tags)}")
    return [member.value for member in members]
