"""The SET service (Green Book 9.5): requests normal, with list and in blocks, and their responses."""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.errors import DecodeError
from urja.cosem.obis import CosemAttribute
from urja.cosem.xdlms import selection
from urja.cosem.xdlms.blocks import Block, decode_block
from urja.cosem.xdlms.codes import AccessResult
from urja.cosem.xdlms.cursor import Cursor, unknown_choice
from urja.cosem.xdlms.get import Item, decode_items, encode_item, encode_items
from urja.cosem.xdlms.selection import AccessSelection

REQUEST_TAG: Final = 0xC1
RESPONSE_TAG: Final = 0xC5


@dataclass(frozen=True, slots=True)
class SetRequestNormal:
    """A request to write one attribute; `invoke` is the invoke-id-and-priority byte."""

    invoke: int
    attribute: CosemAttribute
    value: Data
    access: AccessSelection | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        item = encode_item((self.attribute, self.access))
        return bytes((REQUEST_TAG, 1, self.invoke)) + item + axdr.encode(self.value)


@dataclass(frozen=True, slots=True)
class SetRequestFirstBlock:
    """A request to write an attribute, with the first block of its long value."""

    invoke: int
    attribute: CosemAttribute
    block: Block
    access: AccessSelection | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        item = encode_item((self.attribute, self.access))
        return bytes((REQUEST_TAG, 2, self.invoke)) + item + self.block.encode()


@dataclass(frozen=True, slots=True)
class SetRequestBlock:
    """A later block of a long value."""

    invoke: int
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((REQUEST_TAG, 3, self.invoke)) + self.block.encode()


@dataclass(frozen=True, slots=True)
class SetRequestWithList:
    """A request to write several attributes, with one value for each."""

    invoke: int
    items: tuple[Item, ...]
    values: tuple[Data, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        head = bytes((REQUEST_TAG, 4, self.invoke)) + encode_items(self.items)
        return head + encode_values(self.values)


@dataclass(frozen=True, slots=True)
class SetRequestFirstBlockWithList:
    """A request to write several attributes, with the first block of their values."""

    invoke: int
    items: tuple[Item, ...]
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((REQUEST_TAG, 5, self.invoke)) + encode_items(self.items) + self.block.encode()


@dataclass(frozen=True, slots=True)
class SetResponseNormal:
    """The outcome of one write."""

    invoke: int
    result: AccessResult

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 1, self.invoke, self.result))


@dataclass(frozen=True, slots=True)
class SetResponseBlock:
    """The acknowledgement of a block that is not the last."""

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 2, self.invoke)) + self.block_number.to_bytes(4)


@dataclass(frozen=True, slots=True)
class SetResponseLastBlock:
    """The outcome of a write in blocks."""

    invoke: int
    result: AccessResult
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 3, self.invoke, self.result)) + self.block_number.to_bytes(4)


@dataclass(frozen=True, slots=True)
class SetResponseLastBlockWithList:
    """The outcomes of several writes in blocks."""

    invoke: int
    results: tuple[AccessResult, ...]
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        head = bytes((RESPONSE_TAG, 4, self.invoke))
        return head + _encode_results(self.results) + self.block_number.to_bytes(4)


@dataclass(frozen=True, slots=True)
class SetResponseWithList:
    """The outcomes of several writes."""

    invoke: int
    results: tuple[AccessResult, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 5, self.invoke)) + _encode_results(self.results)


SetRequest = (
    SetRequestNormal
    | SetRequestFirstBlock
    | SetRequestBlock
    | SetRequestWithList
    | SetRequestFirstBlockWithList
)
SetResponse = (
    SetResponseNormal
    | SetResponseBlock
    | SetResponseLastBlock
    | SetResponseLastBlockWithList
    | SetResponseWithList
)


def encode_values(values: tuple[Data, ...]) -> bytes:
    """Return the bytes of a SEQUENCE OF Data; LocalError where a value does not fit its type."""
    return axdr.encode_length(len(values)) + b"".join(map(axdr.encode, values))


def decode_values(cursor: Cursor, expected: int | None = None) -> tuple[Data, ...]:
    """Decode a SEQUENCE OF Data; raises DecodeError where `expected` is given and the count is another."""
    start = cursor.pos
    count = cursor.count("values")
    if expected is not None and count != expected:
        raise DecodeError(f"{count} values for {expected} references", offset=start)
    return tuple(cursor.data() for _ in range(count))


def decode_request(cursor: Cursor) -> SetRequest:
    """Decode a SET request from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of SET request")
    if not 1 <= choice <= 5:
        raise unknown_choice(cursor, "type of SET request", choice)
    invoke = cursor.byte("invoke id")
    if choice == 3:
        return SetRequestBlock(invoke, decode_block(cursor))
    if choice in (1, 2):
        attribute, access = cursor.attribute(), selection.decode_optional(cursor)
        if choice == 1:
            return SetRequestNormal(invoke, attribute, cursor.data(), access)
        return SetRequestFirstBlock(invoke, attribute, decode_block(cursor), access)
    items = decode_items(cursor)
    if choice == 4:
        return SetRequestWithList(invoke, items, decode_values(cursor, len(items)))
    return SetRequestFirstBlockWithList(invoke, items, decode_block(cursor))


def decode_response(cursor: Cursor) -> SetResponse:
    """Decode a SET response from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of SET response")
    if not 1 <= choice <= 5:
        raise unknown_choice(cursor, "type of SET response", choice)
    invoke = cursor.byte("invoke id")
    if choice == 1:
        return SetResponseNormal(invoke, _result(cursor))
    if choice == 2:
        return SetResponseBlock(invoke, cursor.uint(4, "block number"))
    if choice == 3:
        return SetResponseLastBlock(invoke, _result(cursor), cursor.uint(4, "block number"))
    results = tuple(_result(cursor) for _ in range(cursor.count("results")))
    if choice == 4:
        return SetResponseLastBlockWithList(invoke, results, cursor.uint(4, "block number"))
    return SetResponseWithList(invoke, results)


def _result(cursor: Cursor) -> AccessResult:
    return cursor.code(AccessResult, "data access result")


def _encode_results(results: tuple[AccessResult, ...]) -> bytes:
    return axdr.encode_length(len(results)) + bytes(results)
