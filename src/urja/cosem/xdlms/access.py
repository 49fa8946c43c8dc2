"""The ACCESS service (Green Book 9.5): GET, SET and ACTION of several attributes and methods in one exchange."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.xdlms.codes import AccessResult, ActionResult
from urja.cosem.xdlms.cursor import Cursor, unknown_choice
from urja.cosem.xdlms.selection import AccessSelection
from urja.cosem.xdlms.set_ import decode_values, encode_values

REQUEST_TAG: Final = 0xD9
RESPONSE_TAG: Final = 0xDA


class AccessKind(IntEnum):
    """The operation of one part of an ACCESS request."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_WITH_SELECTION = 4
    SET_WITH_SELECTION = 5


@dataclass(frozen=True, slots=True)
class AccessPart:
    """One Access-Request-Specification: an operation and the attribute or method that it is for."""

    kind: AccessKind
    target: CosemAttribute | CosemMethod
    access: AccessSelection | None = None

    def encode(self) -> bytes:
        """Return the choice byte, the descriptor and the selection."""
        selected = b"" if self.access is None else self.access.encode()
        return bytes((self.kind,)) + self.target.encode() + selected


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """The parts of an ACCESS request, and one value for each.

    A value is what is written, or the parameter of a method; null-data for a GET. `date_time` is the octet
    string as received, mostly empty.
    """

    long_invoke_id: int
    date_time: bytes
    parts: tuple[AccessPart, ...]
    values: tuple[Data, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        head = bytes((REQUEST_TAG,)) + _encode_head(self.long_invoke_id, self.date_time)
        return head + _encode_parts(self.parts) + encode_values(self.values)


@dataclass(frozen=True, slots=True)
class AccessOutcome:
    """One Access-Response-Specification: the operation that was carried out, and its result."""

    kind: AccessKind
    result: AccessResult | ActionResult

    def encode(self) -> bytes:
        """Return the choice byte and the result."""
        return bytes((self.kind, self.result))


@dataclass(frozen=True, slots=True)
class AccessResponse:
    """One value and one outcome for each part of the request; `parts` where the server repeats them."""

    long_invoke_id: int
    date_time: bytes
    parts: tuple[AccessPart, ...] | None
    values: tuple[Data, ...]
    outcomes: tuple[AccessOutcome, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        head = bytes((RESPONSE_TAG,)) + _encode_head(self.long_invoke_id, self.date_time)
        parts = b"\x00" if self.parts is None else b"\x01" + _encode_parts(self.parts)
        outcomes = b"".join(outcome.encode() for outcome in self.outcomes)
        return head + parts + encode_values(self.values) + axdr.encode_length(len(self.outcomes)) + outcomes


def decode_request(cursor: Cursor) -> AccessRequest:
    """Decode an ACCESS request from behind its tag; raises DecodeError."""
    long_invoke_id = cursor.uint(4, "long invoke id")
    return AccessRequest(
        long_invoke_id, cursor.octets("date-time"), _decode_parts(cursor), decode_values(cursor)
    )


def decode_response(cursor: Cursor) -> AccessResponse:
    """Decode an ACCESS response from behind its tag; raises DecodeError."""
    long_invoke_id = cursor.uint(4, "long invoke id")
    date_time = cursor.octets("date-time")
    parts = _decode_parts(cursor) if cursor.optional("access specification") else None
    values = decode_values(cursor)
    outcomes = tuple(_decode_outcome(cursor) for _ in range(cursor.count("results")))
    return AccessResponse(long_invoke_id, date_time, parts, values, outcomes)


def _encode_head(long_invoke_id: int, date_time: bytes) -> bytes:
    return long_invoke_id.to_bytes(4) + axdr.encode_length(len(date_time)) + date_time


def _encode_parts(parts: tuple[AccessPart, ...]) -> bytes:
    return axdr.encode_length(len(parts)) + b"".join(part.encode() for part in parts)


def _decode_parts(cursor: Cursor) -> tuple[AccessPart, ...]:
    return tuple(_decode_part(cursor) for _ in range(cursor.count("access specifications")))


def _decode_part(cursor: Cursor) -> AccessPart:
    kind = _decode_kind(cursor, tuple(AccessKind))
    if kind is AccessKind.ACTION:
        return AccessPart(kind, cursor.method())
    attribute = cursor.attribute()
    selected = kind in (AccessKind.GET_WITH_SELECTION, AccessKind.SET_WITH_SELECTION)
    access = AccessSelection(cursor.byte("access selector"), cursor.data()) if selected else None
    return AccessPart(kind, attribute, access)


def _decode_outcome(cursor: Cursor) -> AccessOutcome:
    kind = _decode_kind(cursor, (AccessKind.GET, AccessKind.SET, AccessKind.ACTION))
    codes: type[AccessResult | ActionResult] = ActionResult if kind is AccessKind.ACTION else AccessResult
    return AccessOutcome(kind, cursor.code(codes, "result"))


def _decode_kind(cursor: Cursor, known: tuple[AccessKind, ...]) -> AccessKind:
    choice = cursor.byte("access specification")
    if choice not in known:
        raise unknown_choice(cursor, "access specification", choice)
    return AccessKind(choice)
