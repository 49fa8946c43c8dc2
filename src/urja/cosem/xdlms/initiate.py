"""xDLMS-Initiate, confirmed service error and exception response (Green Book 9.5)."""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.errors import DecodeError
from urja.cosem.xdlms.codes import Conformance, ServiceError, StateError
from urja.cosem.xdlms.cursor import Cursor

INITIATE_REQUEST_TAG: Final = 0x01
INITIATE_RESPONSE_TAG: Final = 0x08
CONFIRMED_SERVICE_ERROR_TAG: Final = 0x0E
EXCEPTION_TAG: Final = 0xD8

DLMS_VERSION: Final = 6
VAA_LOGICAL_NAME: Final = 0x0007
"""vaa-name of an association with logical names."""

_CONFORMANCE_HEAD: Final = bytes.fromhex("5f1f0400")
"""[APPLICATION 31] BIT STRING of 24 bits, BER: tag, length, number of unused bits."""


@dataclass(frozen=True, slots=True)
class InitiateRequest:
    """xDLMS-Initiate.request; `max_pdu` is the longest APDU that the client accepts, in bytes (0: no limit)."""

    conformance: Conformance
    max_pdu: int
    dedicated_key: bytes | None = None
    response_allowed: bool = True
    quality_of_service: int | None = None
    version: int = DLMS_VERSION

    def encode(self) -> bytes:
        """Return the bytes of the APDU.

        Response-allowed is left out at its default, as canonical encoding asks.
        """
        key = self.dedicated_key
        return b"".join(
            (
                bytes((INITIATE_REQUEST_TAG,)),
                b"\x00" if key is None else b"\x01" + axdr.encode_length(len(key)) + key,
                b"\x00" if self.response_allowed else b"\x01\x00",
                _encode_optional_int8(self.quality_of_service),
                bytes((self.version,)),
                _CONFORMANCE_HEAD + self.conformance.to_bytes(3),
                self.max_pdu.to_bytes(2),
            )
        )


@dataclass(frozen=True, slots=True)
class InitiateResponse:
    """xDLMS-Initiate.response; `max_pdu` is the longest APDU that the server accepts, in bytes (0: no limit)."""

    conformance: Conformance
    max_pdu: int
    quality_of_service: int | None = None
    version: int = DLMS_VERSION
    vaa_name: int = VAA_LOGICAL_NAME

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return b"".join(
            (
                bytes((INITIATE_RESPONSE_TAG,)),
                _encode_optional_int8(self.quality_of_service),
                bytes((self.version,)),
                _CONFORMANCE_HEAD + self.conformance.to_bytes(3),
                self.max_pdu.to_bytes(2),
                self.vaa_name.to_bytes(2),
            )
        )


@dataclass(frozen=True, slots=True)
class ConfirmedServiceError:
    """The service that failed (1 initiate, 5 read, 6 write), the kind of error, and its code."""

    service: int
    kind: int
    code: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((CONFIRMED_SERVICE_ERROR_TAG, self.service, self.kind, self.code))


@dataclass(frozen=True, slots=True)
class ExceptionResponse:
    """The server's answer to a request that it cannot process at all.

    `expected_counter` is the least invocation counter that it accepts, given with an invocation counter
    error.
    """

    state_error: StateError
    service_error: ServiceError
    expected_counter: int | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        counter = b"" if self.expected_counter is None else self.expected_counter.to_bytes(4)
        return bytes((EXCEPTION_TAG, self.state_error, self.service_error)) + counter


def decode_request(cursor: Cursor) -> InitiateRequest:
    """Decode an initiate request from behind its tag; raises DecodeError."""
    key = cursor.octets("dedicated key") if cursor.optional("dedicated key") else None
    allowed = cursor.flag("response allowed") if cursor.optional("response allowed") else True
    quality = _decode_optional_int8(cursor)
    version = cursor.byte("DLMS version")
    conformance = _decode_conformance(cursor)
    return InitiateRequest(conformance, cursor.uint(2, "maximum PDU size"), key, allowed, quality, version)


def decode_response(cursor: Cursor) -> InitiateResponse:
    """Decode an initiate response from behind its tag; raises DecodeError."""
    quality = _decode_optional_int8(cursor)
    version = cursor.byte("DLMS version")
    conformance = _decode_conformance(cursor)
    max_pdu = cursor.uint(2, "maximum PDU size")
    return InitiateResponse(conformance, max_pdu, quality, version, cursor.uint(2, "VAA name"))


def decode_error(cursor: Cursor) -> ConfirmedServiceError:
    """Decode a confirmed service error from behind its tag; raises DecodeError."""
    return ConfirmedServiceError(cursor.byte("service"), cursor.byte("kind of error"), cursor.byte("error"))


def decode_exception(cursor: Cursor) -> ExceptionResponse:
    """Decode an exception response from behind its tag; raises DecodeError."""
    state = cursor.code(StateError, "state error")
    service = cursor.code(ServiceError, "service error")
    # The counter came with edition 10 of the Green Book: older meters send the error without it.
    with_counter = service is ServiceError.INVOCATION_COUNTER_ERROR and cursor.left
    return ExceptionResponse(state, service, cursor.uint(4, "invocation counter") if with_counter else None)


def _decode_conformance(cursor: Cursor) -> Conformance:
    if cursor.byte("conformance tag") != 0x5F:
        raise DecodeError("the conformance block does not begin with 5f1f", offset=cursor.pos - 1)
    # Early implementations leave out the second byte of the tag.
    if cursor.left and cursor.buf[cursor.pos] == 0x1F:
        cursor.pos += 1
    if cursor.take(2, "conformance length") != _CONFORMANCE_HEAD[2:]:
        raise DecodeError("the conformance block is not a bit string of 24 bits", offset=cursor.pos - 2)
    return Conformance(cursor.uint(3, "conformance"))


def _encode_optional_int8(value: int | None) -> bytes:
    return b"\x00" if value is None else b"\x01" + value.to_bytes(1, signed=True)


def _decode_optional_int8(cursor: Cursor) -> int | None:
    return cursor.int8("quality of service") if cursor.optional("quality of service") else None
