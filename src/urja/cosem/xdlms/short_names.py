"""The services with short names (Green Book 9.5): Read, Write, UnconfirmedWrite, InformationReport.

Associations here use logical names. These APDUs are decoded and encoded for captures of older meters.
"""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.xdlms.codes import AccessResult
from urja.cosem.xdlms.cursor import Cursor, unknown_choice
from urja.cosem.xdlms.set_ import decode_values, encode_values

READ_REQUEST_TAG: Final = 0x05
WRITE_REQUEST_TAG: Final = 0x06
READ_RESPONSE_TAG: Final = 0x0C
WRITE_RESPONSE_TAG: Final = 0x0D
UNCONFIRMED_WRITE_TAG: Final = 0x16
INFORMATION_REPORT_TAG: Final = 0x18

_VARIABLE, _PARAMETERIZED, _BLOCK_NUMBER, _READ_BLOCK, _WRITE_BLOCK = 2, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class ShortName:
    """A variable-name, with a selector and parameters where the access is parameterized."""

    name: int
    selector: int | None = None
    parameters: Data | None = None

    def encode(self) -> bytes:
        """Return the bytes of the Variable-Access-Specification."""
        name = self.name.to_bytes(2)
        if self.selector is None or self.parameters is None:
            return bytes((_VARIABLE,)) + name
        return bytes((_PARAMETERIZED,)) + name + bytes((self.selector,)) + axdr.encode(self.parameters)


@dataclass(frozen=True, slots=True)
class BlockAccess:
    """A request for, a carrier of, or an acknowledgement of one block of a long Read or Write.

    `last` and `data` are None where the form has no such field.
    """

    number: int
    last: bool | None = None
    data: bytes | None = None

    def encode(self) -> bytes:
        """Return the bytes of the Variable-Access-Specification."""
        number = self.number.to_bytes(2)
        if self.last is None:
            return bytes((_BLOCK_NUMBER,)) + number
        if self.data is None:
            return bytes((_WRITE_BLOCK, self.last)) + number
        return bytes((_READ_BLOCK, self.last)) + number + axdr.encode_length(len(self.data)) + self.data


Variable = ShortName | BlockAccess
ReadResult = Data | AccessResult | BlockAccess
"""A value, a reason, or a block: with data a block of the answer, without data the number of the block
received.
"""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request to read several variables."""

    variables: tuple[Variable, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((READ_REQUEST_TAG,)) + _encode_variables(self.variables)


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """One result for each variable."""

    results: tuple[ReadResult, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        results = b"".join(map(_encode_result, self.results))
        return bytes((READ_RESPONSE_TAG,)) + axdr.encode_length(len(self.results)) + results


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A request to write several variables; an unconfirmed one has no response."""

    variables: tuple[Variable, ...]
    values: tuple[Data, ...]
    confirmed: bool = True

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        tag = WRITE_REQUEST_TAG if self.confirmed else UNCONFIRMED_WRITE_TAG
        return bytes((tag,)) + _encode_variables(self.variables) + encode_values(self.values)


@dataclass(frozen=True, slots=True)
class WriteResponse:
    """Success, a reason, or the number of the block received, for each variable."""

    results: tuple[AccessResult | int, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        results = b"".join(map(_encode_written, self.results))
        return bytes((WRITE_RESPONSE_TAG,)) + axdr.encode_length(len(self.results)) + results


@dataclass(frozen=True, slots=True)
class InformationReport:
    """Values that the server sends unasked; `current_time` is a GeneralizedTime as received."""

    current_time: bytes | None
    variables: tuple[Variable, ...]
    values: tuple[Data, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        moment = self.current_time
        time = b"\x00" if moment is None else b"\x01" + axdr.encode_length(len(moment)) + moment
        variables = _encode_variables(self.variables)
        return bytes((INFORMATION_REPORT_TAG,)) + time + variables + encode_values(self.values)


def decode_read_request(cursor: Cursor) -> ReadRequest:
    """Decode a Read request from behind its tag; raises DecodeError."""
    return ReadRequest(_decode_variables(cursor))


def decode_read_response(cursor: Cursor) -> ReadResponse:
    """Decode a Read response from behind its tag; raises DecodeError."""
    return ReadResponse(tuple(_decode_result(cursor) for _ in range(cursor.count("results"))))


def decode_write_request(cursor: Cursor) -> WriteRequest:
    """Decode a Write request from behind its tag; raises DecodeError."""
    return WriteRequest(_decode_variables(cursor), decode_values(cursor))


def decode_unconfirmed_write(cursor: Cursor) -> WriteRequest:
    """Decode an UnconfirmedWrite request from behind its tag; raises DecodeError."""
    return WriteRequest(_decode_variables(cursor), decode_values(cursor), confirmed=False)


def decode_write_response(cursor: Cursor) -> WriteResponse:
    """Decode a Write response from behind its tag; raises DecodeError."""
    return WriteResponse(tuple(_decode_written(cursor) for _ in range(cursor.count("results"))))


def decode_information_report(cursor: Cursor) -> InformationReport:
    """Decode an InformationReport from behind its tag; raises DecodeError."""
    moment = cursor.octets("current time") if cursor.optional("current time") else None
    return InformationReport(moment, _decode_variables(cursor), decode_values(cursor))


def _encode_variables(variables: tuple[Variable, ...]) -> bytes:
    return axdr.encode_length(len(variables)) + b"".join(variable.encode() for variable in variables)


def _decode_variables(cursor: Cursor) -> tuple[Variable, ...]:
    return tuple(_decode_variable(cursor) for _ in range(cursor.count("variables")))


def _decode_variable(cursor: Cursor) -> Variable:
    choice = cursor.byte("variable access")
    if choice == _VARIABLE:
        return ShortName(cursor.uint(2, "short name"))
    if choice == _PARAMETERIZED:
        return ShortName(cursor.uint(2, "short name"), cursor.byte("selector"), cursor.data())
    if choice == _BLOCK_NUMBER:
        return BlockAccess(cursor.uint(2, "block number"))
    if choice not in (_READ_BLOCK, _WRITE_BLOCK):
        raise unknown_choice(cursor, "variable access", choice)
    last = cursor.flag("last block")
    number = cursor.uint(2, "block number")
    return BlockAccess(number, last, cursor.octets("raw data") if choice == _READ_BLOCK else None)


def _encode_result(result: ReadResult) -> bytes:
    if isinstance(result, AccessResult):
        return bytes((1, result))
    if isinstance(result, Data):
        return b"\x00" + axdr.encode(result)
    number = result.number.to_bytes(2)
    if result.data is None:
        return b"\x03" + number
    return bytes((2, bool(result.last))) + number + axdr.encode_length(len(result.data)) + result.data


def _decode_result(cursor: Cursor) -> ReadResult:
    choice = cursor.byte("choice of result")
    if choice == 0:
        return cursor.data()
    if choice == 1:
        return cursor.code(AccessResult, "data access error")
    if choice == 2:
        last = cursor.flag("last block")
        return BlockAccess(cursor.uint(2, "block number"), last, cursor.octets("raw data"))
    if choice == 3:
        return BlockAccess(cursor.uint(2, "block number"))
    raise unknown_choice(cursor, "result", choice)


def _encode_written(result: AccessResult | int) -> bytes:
    if not isinstance(result, AccessResult):
        return b"\x02" + result.to_bytes(2)
    return b"\x00" if result is AccessResult.SUCCESS else bytes((1, result))


def _decode_written(cursor: Cursor) -> AccessResult | int:
    choice = cursor.byte("choice of result")
    if choice == 0:
        return AccessResult.SUCCESS
    if choice == 1:
        return cursor.code(AccessResult, "data access error")
    if choice == 2:
        return cursor.uint(2, "block number")
    raise unknown_choice(cursor, "result", choice)
