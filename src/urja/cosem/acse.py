"""The ACSE APDUs AARQ, AARE, RLRQ and RLRE in BER (Green Book 9.4.2 and 9.5): encode and decode."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from urja.cosem.axdr import encode_length
from urja.cosem.errors import DecodeError
from urja.cosem.xdlms.cursor import Cursor

AARQ_TAG: Final = 0x60
AARE_TAG: Final = 0x61
RLRQ_TAG: Final = 0x62
RLRE_TAG: Final = 0x63


class ApplicationContext(IntEnum):
    """Application context names of the DLMS UA: the last arc of 2.16.756.5.8.1.x (Green Book 9.4.2.2)."""

    LOGICAL_NAME = 1
    SHORT_NAME = 2
    LOGICAL_NAME_CIPHERED = 3
    SHORT_NAME_CIPHERED = 4


class Mechanism(IntEnum):
    """Authentication mechanism names of the DLMS UA; the last arc of 2.16.756.5.8.2.x (Green Book 9.4.2.2.3)."""

    NONE = 0
    LLS = 1
    HLS = 2
    """The manufacturer's own mechanism; in Indian meters the challenge under AES-128."""
    HLS_MD5 = 3
    HLS_SHA1 = 4
    HLS_GMAC = 5
    HLS_SHA256 = 6
    HLS_ECDSA = 7


class AssociationResult(IntEnum):
    """The result of an AARE."""

    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """acse-service-user diagnostics of an AARE: why the association is refused."""

    NULL = 0
    NO_REASON_GIVEN = 1
    CONTEXT_NAME_NOT_SUPPORTED = 2
    CALLING_AP_TITLE_NOT_RECOGNIZED = 3
    MECHANISM_NAME_NOT_RECOGNIZED = 11
    MECHANISM_NAME_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


class DiagnosticSource(IntEnum):
    """The layer that gives the diagnostic of an AARE."""

    SERVICE_USER = 1
    SERVICE_PROVIDER = 2


class UnknownNameError(DecodeError):
    """An application context or a mechanism that the DLMS UA has not named; `diagnostic` is the answer to it."""

    def __init__(self, message: str, diagnostic: Diagnostic, *, offset: int) -> None:
        super().__init__(message, offset=offset)
        self.diagnostic = diagnostic


_CONTEXT_PREFIX: Final = bytes.fromhex("608574050801")
_MECHANISM_PREFIX: Final = bytes.fromhex("608574050802")
AUTHENTICATION_UNIT: Final = bytes.fromhex("0780")
"""acse-requirements with bit 0 set: the authentication functional unit is in use."""

Extra = tuple[tuple[int, bytes], ...]
"""Components that are carried and not interpreted, as (tag, content)."""


@dataclass(frozen=True, slots=True)
class Aarq:
    """An association request (AARQ); byte strings are contents without their BER headers.

    `mechanism` is None where the component is missing (no authentication). `extra` holds components such as
    calling-AE-invocation-id, as read.
    """

    context: int
    user_information: bytes | None
    calling_ap_title: bytes | None = None
    mechanism: int | None = None
    authentication_value: bytes | None = None
    sender_requirements: bytes | None = None
    extra: Extra = ()

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its components in the order of the standard."""
        fields = [(0xA1, _object_identifier(_CONTEXT_PREFIX, self.context)), *self.extra]
        _add(fields, 0xA6, self.calling_ap_title, _octet_string)
        _add(fields, 0x8A, self.sender_requirements, bytes)
        _add(fields, 0x8B, self.mechanism, _mechanism_name)
        _add(fields, 0xAC, self.authentication_value, _graphic_string)
        _add(fields, 0xBE, self.user_information, _octet_string)
        return _encode_fields(AARQ_TAG, fields)


@dataclass(frozen=True, slots=True)
class Aare:
    """An association response (AARE); the components are as in `Aarq`."""

    context: int
    result: int
    diagnostic: int
    user_information: bytes | None
    diagnostic_source: DiagnosticSource = DiagnosticSource.SERVICE_USER
    responding_ap_title: bytes | None = None
    mechanism: int | None = None
    authentication_value: bytes | None = None
    responder_requirements: bytes | None = None
    extra: Extra = ()

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its components in the order of the standard."""
        diagnostic = _tlv(0xA0 | self.diagnostic_source, _integer(self.diagnostic))
        fields = [
            (0xA1, _object_identifier(_CONTEXT_PREFIX, self.context)),
            (0xA2, _integer(self.result)),
            (0xA3, diagnostic),
            *self.extra,
        ]
        _add(fields, 0xA4, self.responding_ap_title, _octet_string)
        _add(fields, 0x88, self.responder_requirements, bytes)
        _add(fields, 0x89, self.mechanism, _mechanism_name)
        _add(fields, 0xAA, self.authentication_value, _graphic_string)
        _add(fields, 0xBE, self.user_information, _octet_string)
        return _encode_fields(AARE_TAG, fields)


@dataclass(frozen=True, slots=True)
class Rlrq:
    """A release request (RLRQ); reason 0 is normal, 1 urgent, 30 user defined."""

    reason: int | None = 0
    user_information: bytes | None = None
    extra: Extra = ()

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return _encode_release(RLRQ_TAG, self)


@dataclass(frozen=True, slots=True)
class Rlre:
    """A release response (RLRE); reason 0 is normal, 1 not finished, 30 user defined."""

    reason: int | None = 0
    user_information: bytes | None = None
    extra: Extra = ()

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return _encode_release(RLRE_TAG, self)


def decode_aarq(cursor: Cursor) -> Aarq:
    """Decode an AARQ from behind its tag; raises DecodeError."""
    fields = _decode_fields(cursor, "AARQ")
    return Aarq(
        context=_require(fields, 0xA1, "application context", cursor, _read_context),
        calling_ap_title=_pop(fields, 0xA6, _read_octet_string),
        sender_requirements=_pop(fields, 0x8A, _read_all),
        mechanism=_pop(fields, 0x8B, _read_mechanism),
        authentication_value=_pop(fields, 0xAC, _read_authentication_value),
        user_information=_pop(fields, 0xBE, _read_octet_string),
        extra=_rest(fields),
    )


def decode_aare(cursor: Cursor) -> Aare:
    """Decode an AARE from behind its tag; raises DecodeError."""
    fields = _decode_fields(cursor, "AARE")
    source, diagnostic = _require(fields, 0xA3, "diagnostic", cursor, _read_diagnostic)
    return Aare(
        context=_require(fields, 0xA1, "application context", cursor, _read_context),
        result=_require(fields, 0xA2, "result", cursor, _read_integer),
        diagnostic=diagnostic,
        diagnostic_source=source,
        responding_ap_title=_pop(fields, 0xA4, _read_octet_string),
        responder_requirements=_pop(fields, 0x88, _read_all),
        mechanism=_pop(fields, 0x89, _read_mechanism),
        authentication_value=_pop(fields, 0xAA, _read_authentication_value),
        user_information=_pop(fields, 0xBE, _read_octet_string),
        extra=_rest(fields),
    )


def decode_rlrq(cursor: Cursor) -> Rlrq:
    """Decode an RLRQ from behind its tag; raises DecodeError."""
    return Rlrq(*_decode_release(cursor, "RLRQ"))


def decode_rlre(cursor: Cursor) -> Rlre:
    """Decode an RLRE from behind its tag; raises DecodeError."""
    return Rlre(*_decode_release(cursor, "RLRE"))


# --- BER: the part of it that ACSE uses ------------------------------------------------------------------

_Field = tuple[int, int]  # where the content of a component starts and ends in the buffer
type _Read[T] = Callable[[Cursor, int], T]


class _Fields:
    """The components of one APDU by tag, with the positions of their contents."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.spans: dict[int, _Field] = {}


def _decode_fields(cursor: Cursor, what: str) -> _Fields:
    start = cursor.pos
    size = cursor.length(what)
    if size != cursor.left:
        raise DecodeError(f"{what}: {size} bytes are announced, {cursor.left} follow", offset=start)
    fields = _Fields(cursor)
    while cursor.left:
        at = cursor.pos
        tag = cursor.byte("component tag")
        # Tags of more than one byte (low five bits set) are in no ACSE APDU of DLMS. A component that is
        # repeated would leave open which of the two counts.
        if tag & 0x1F == 0x1F or tag in fields.spans:
            raise DecodeError(f"{what}: component 0x{tag:02x} is unknown or repeated", offset=at)
        length = cursor.length("component")
        fields.spans[tag] = (cursor.pos, cursor.pos + length)
        cursor.take(length, f"component 0x{tag:02x}")
    return fields


def _pop[T](fields: _Fields, tag: int, read: _Read[T]) -> T | None:
    span = fields.spans.pop(tag, None)
    if span is None:
        return None
    end = fields.cursor.pos
    fields.cursor.pos = span[0]
    value = read(fields.cursor, span[1])
    if fields.cursor.pos != span[1]:
        raise DecodeError(f"component 0x{tag:02x} does not fill its length", offset=fields.cursor.pos)
    fields.cursor.pos = end
    return value


def _require[T](fields: _Fields, tag: int, what: str, cursor: Cursor, read: _Read[T]) -> T:
    value = _pop(fields, tag, read)
    if value is None:
        raise DecodeError(f"the {what} is missing", offset=cursor.pos)
    return value


def _rest(fields: _Fields) -> Extra:
    return tuple((tag, fields.cursor.buf[start:end]) for tag, (start, end) in fields.spans.items())


def _decode_release(cursor: Cursor, what: str) -> tuple[int | None, bytes | None, Extra]:
    # Some meters send a bare tag with length 0, or the tag alone.
    fields = _decode_fields(cursor, what) if cursor.left else _Fields(cursor)
    reason = _pop(fields, 0x80, _read_small)
    return reason, _pop(fields, 0xBE, _read_octet_string), _rest(fields)


def _read_all(cursor: Cursor, end: int) -> bytes:
    return cursor.take(end - cursor.pos, "component")


def _read_small(cursor: Cursor, end: int) -> int:
    if not 1 <= end - cursor.pos <= 4:
        raise DecodeError(f"an integer of {end - cursor.pos} bytes, not 1 to 4", offset=cursor.pos)
    return cursor.uint(end - cursor.pos, "integer")


def _inner(cursor: Cursor, end: int, tag: int, what: str) -> int:
    """Step into the TLV that must fill a component; returns the offset of its end."""
    at = cursor.pos
    found = cursor.byte(what)
    if found != tag:
        raise DecodeError(f"{what}: tag 0x{found:02x}, not 0x{tag:02x}", offset=at)
    size = cursor.length(what)
    if cursor.pos + size != end:
        raise DecodeError(f"{what}: its length {size} does not fit", offset=at + 1)
    return end


def _read_octet_string(cursor: Cursor, end: int) -> bytes:
    return _read_all(cursor, _inner(cursor, end, 0x04, "octet string"))


def _read_authentication_value(cursor: Cursor, end: int) -> bytes:
    return _read_all(cursor, _inner(cursor, end, 0x80, "authentication value"))


def _read_integer(cursor: Cursor, end: int) -> int:
    return _read_small(cursor, _inner(cursor, end, 0x02, "integer"))


def _read_context(cursor: Cursor, end: int) -> int:
    _inner(cursor, end, 0x06, "application context")
    diagnostic = Diagnostic.CONTEXT_NAME_NOT_SUPPORTED
    return _read_arc(cursor, end, _CONTEXT_PREFIX, "application context", diagnostic)


def _read_mechanism(cursor: Cursor, end: int) -> int:
    return _read_arc(cursor, end, _MECHANISM_PREFIX, "mechanism", Diagnostic.MECHANISM_NAME_NOT_RECOGNIZED)


def _read_arc(cursor: Cursor, end: int, prefix: bytes, what: str, diagnostic: Diagnostic) -> int:
    at = cursor.pos
    name = _read_all(cursor, end)
    if len(name) != 7 or name[:6] != prefix:
        raise UnknownNameError(f"{what} {name.hex()} is not one of the DLMS UA", diagnostic, offset=at)
    return name[6]


def _read_diagnostic(cursor: Cursor, end: int) -> tuple[DiagnosticSource, int]:
    at = cursor.pos
    tag = cursor.byte("diagnostic")
    if tag not in (0xA1, 0xA2):
        raise DecodeError(f"diagnostic: source 0x{tag:02x} is not 0xa1 or 0xa2", offset=at)
    size = cursor.length("diagnostic")
    if cursor.pos + size != end:
        raise DecodeError("diagnostic: its length does not fit", offset=at + 1)
    return DiagnosticSource(tag & 0x0F), _read_integer(cursor, end)


def _tlv(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + encode_length(len(content)) + content


def _octet_string(value: bytes) -> bytes:
    return _tlv(0x04, value)


def _graphic_string(value: bytes) -> bytes:
    return _tlv(0x80, value)


def _integer(value: int) -> bytes:
    return _tlv(0x02, _small(value))


def _small(value: int) -> bytes:
    """Return a BER integer in its shortest form."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8))


def _object_identifier(prefix: bytes, arc: int) -> bytes:
    return _tlv(0x06, prefix + bytes((arc,)))


def _mechanism_name(mechanism: int) -> bytes:
    return _MECHANISM_PREFIX + bytes((mechanism,))


def _add[T](fields: list[tuple[int, bytes]], tag: int, value: T | None, write: Callable[[T], bytes]) -> None:
    if value is not None:
        fields.append((tag, write(value)))


def _encode_fields(tag: int, fields: list[tuple[int, bytes]]) -> bytes:
    # The order of the standard is that of the context tags' numbers; `extra` components fall into their
    # places.
    ordered = sorted(fields, key=lambda field: field[0] & 0x1F)
    return _tlv(tag, b"".join(_tlv(*field) for field in ordered))


def _encode_release(tag: int, release: Rlrq | Rlre) -> bytes:
    fields = list(release.extra)
    _add(fields, 0x80, release.reason, _small)
    _add(fields, 0xBE, release.user_information, _octet_string)
    return _encode_fields(tag, fields)
