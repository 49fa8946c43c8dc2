"""The GET service (Green Book 9.5): requests normal, next and with list, and their responses."""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.obis import CosemAttribute
from urja.cosem.xdlms import selection
from urja.cosem.xdlms.codes import AccessResult
from urja.cosem.xdlms.cursor import Cursor, unknown_choice
from urja.cosem.xdlms.selection import AccessSelection

REQUEST_TAG: Final = 0xC0
RESPONSE_TAG: Final = 0xC4

GetResult = Data | AccessResult
"""Get-Data-Result: the value, or the reason why there is none."""

Item = tuple[CosemAttribute, AccessSelection | None]
"""One attribute of a list, with its selective access."""


@dataclass(frozen=True, slots=True)
class GetRequestNormal:
    """A request for one attribute, whole or by selective access.

    `invoke` is the invoke-id-and-priority byte.
    """

    invoke: int
    attribute: CosemAttribute
    access: AccessSelection | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        item = encode_item((self.attribute, self.access))
        return bytes((REQUEST_TAG, 1, self.invoke)) + item


@dataclass(frozen=True, slots=True)
class GetRequestNext:
    """A request for the block after `block_number`."""

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((REQUEST_TAG, 2, self.invoke)) + self.block_number.to_bytes(4)


@dataclass(frozen=True, slots=True)
class GetRequestWithList:
    """A request for several attributes at once."""

    invoke: int
    items: tuple[Item, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((REQUEST_TAG, 3, self.invoke)) + encode_items(self.items)


@dataclass(frozen=True, slots=True)
class GetResponseNormal:
    """The answer to `GetRequestNormal` in one piece."""

    invoke: int
    result: GetResult

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((RESPONSE_TAG, 1, self.invoke)) + encode_result(self.result)


@dataclass(frozen=True, slots=True)
class GetResponseWithBlock:
    """One block of a long answer, or the reason why it ends here; blocks count from 1."""

    invoke: int
    last: bool
    block_number: int
    result: bytes | AccessResult

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        head = bytes((RESPONSE_TAG, 2, self.invoke, self.last)) + self.block_number.to_bytes(4)
        if isinstance(self.result, AccessResult):
            return head + bytes((1, self.result))
        return head + b"\x00" + axdr.encode_length(len(self.result)) + self.result


@dataclass(frozen=True, slots=True)
class GetResponseWithList:
    """The answers to `GetRequestWithList`, in its order."""

    invoke: int
    results: tuple[GetResult, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((RESPONSE_TAG, 3, self.invoke)) + encode_results(self.results)


GetRequest = GetRequestNormal | GetRequestNext | GetRequestWithList
GetResponse = GetResponseNormal | GetResponseWithBlock | GetResponseWithList


def encode_item(item: Item) -> bytes:
    """Return the bytes of a COSEM-attribute-descriptor-with-selection; LocalError where a value does not fit."""
    attribute, access = item
    return attribute.encode() + selection.encode_optional(access)


def encode_items(items: tuple[Item, ...]) -> bytes:
    """Return the bytes of a SEQUENCE OF COSEM-attribute-descriptor-with-selection.

    Raises LocalError where a value does not fit.
    """
    return axdr.encode_length(len(items)) + b"".join(map(encode_item, items))


def decode_items(cursor: Cursor) -> tuple[Item, ...]:
    """Decode a SEQUENCE OF COSEM-attribute-descriptor-with-selection; raises DecodeError."""
    count = cursor.count("attribute descriptors")
    return tuple((cursor.attribute(), selection.decode_optional(cursor)) for _ in range(count))


def encode_result(result: GetResult) -> bytes:
    """Return the bytes of a Get-Data-Result; LocalError where a value does not fit its type."""
    return bytes((1, result)) if isinstance(result, AccessResult) else b"\x00" + axdr.encode(result)


def decode_result(cursor: Cursor) -> GetResult:
    """Decode a Get-Data-Result; raises DecodeError."""
    choice = cursor.byte("choice of result")
    if choice == 0:
        return cursor.data()
    if choice == 1:
        return cursor.code(AccessResult, "data access result")
    raise unknown_choice(cursor, "result", choice)


def encode_results(results: tuple[GetResult, ...]) -> bytes:
    """Return the bytes of a SEQUENCE OF Get-Data-Result: also what the blocks of a long list carry.

    Raises LocalError where a value does not fit its type.
    """
    return axdr.encode_length(len(results)) + b"".join(map(encode_result, results))


def decode_results(cursor: Cursor) -> tuple[GetResult, ...]:
    """Decode a SEQUENCE OF Get-Data-Result; raises DecodeError."""
    return tuple(decode_result(cursor) for _ in range(cursor.count("results")))


def decode_request(cursor: Cursor) -> GetRequest:
    """Decode a GET request from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of GET request")
    if choice == 1:
        return GetRequestNormal(
            cursor.byte("invoke id"), cursor.attribute(), selection.decode_optional(cursor)
        )
    if choice == 2:
        return GetRequestNext(cursor.byte("invoke id"), cursor.uint(4, "block number"))
    if choice == 3:
        return GetRequestWithList(cursor.byte("invoke id"), decode_items(cursor))
    raise unknown_choice(cursor, "type of GET request", choice)


def decode_response(cursor: Cursor) -> GetResponse:
    """Decode a GET response from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of GET response")
    if choice == 1:
        return GetResponseNormal(cursor.byte("invoke id"), decode_result(cursor))
    if choice == 2:
        return _decode_block(cursor)
    if choice == 3:
        return GetResponseWithList(cursor.byte("invoke id"), decode_results(cursor))
    raise unknown_choice(cursor, "type of GET response", choice)


def _decode_block(cursor: Cursor) -> GetResponseWithBlock:
    invoke = cursor.byte("invoke id")
    last = cursor.flag("last block")
    number = cursor.uint(4, "block number")
    choice = cursor.byte("choice of block result")
    if choice == 0:
        return GetResponseWithBlock(invoke, last, number, cursor.octets("raw data"))
    if choice == 1:
        return GetResponseWithBlock(invoke, last, number, cursor.code(AccessResult, "data access result"))
    raise unknown_choice(cursor, "block result", choice)
