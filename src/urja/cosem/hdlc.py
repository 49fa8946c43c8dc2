"""HDLC frames of format type 3 (IEC 62056-46): addresses, check sequences, segmentation, control fields."""

import binascii
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self

from urja.cosem import axdr
from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError, LimitExceededError, LocalError
from urja.cosem.xdlms.cursor import Cursor

FLAG: Final = 0x7E
MAX_LENGTH: Final = 0x7FF
"""Bytes of a frame without its flags: the format field has 11 bits for the length."""

LLC_COMMAND: Final = bytes.fromhex("e6e600")
"""LLC header of a client's APDU."""
LLC_RESPONSE: Final = bytes.fromhex("e6e700")
"""LLC header of a server's APDU."""

_FORMAT_TYPE, _SEGMENTED = 0xA000, 0x0800
_SHORTEST: Final = 7  # format, two addresses of one byte, control, FCS


def _reversed_bits(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


_REVERSED_BYTES: Final = bytes(_reversed_bits(byte, 8) for byte in range(256))


def check_sequence(data: bytes) -> bytes:
    """Return the FCS-16 of ISO/IEC 13239 (CRC-16/X.25), low byte first: both HCS and FCS.

    `binascii.crc_hqx` takes the bits of a byte in the other order: they are reversed before and after.
    """
    # The library's CRC runs in C; a loop over bytes in Python would dominate the reading of a frame.
    register = binascii.crc_hqx(data.translate(_REVERSED_BYTES), 0xFFFF)
    return (_reversed_bits(register, 16) ^ 0xFFFF).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Address:
    """An HDLC address of one, two or four bytes (IEC 62056-46, 6.4.2.2).

    Clients have one byte (`upper` only). Servers have an upper part (logical device) and, from two bytes on,
    a lower part (physical device): 7 bits each in two bytes, 14 bits each in four.
    """

    upper: int
    lower: int | None = None
    size: int = 1

    def encode(self) -> bytes:
        """Return the bytes; LocalError where a part does not fit the size."""
        bits = 14 if self.size == 4 else 7
        lower = self.lower if self.lower is not None else 0
        fits = 0 <= self.upper < 1 << bits and 0 <= lower < 1 << bits
        if self.size not in (1, 2, 4) or not fits or (self.size == 1) != (self.lower is None):
            raise LocalError(f"{self} is not an HDLC address: size 1, 2 or 4, each part within its bits")
        if self.size == 1:
            return bytes((self.upper << 1 | 1,))
        if self.size == 2:
            return bytes((self.upper << 1, lower << 1 | 1))
        high, low = self.upper >> 7, self.upper & 0x7F
        return bytes((high << 1, low << 1, lower >> 7 << 1, (lower & 0x7F) << 1 | 1))


class Kind(Enum):
    """The kind of a frame, by its control field."""

    INFORMATION = "I"
    RECEIVE_READY = "RR"
    RECEIVE_NOT_READY = "RNR"
    SET_NORMAL_RESPONSE_MODE = "SNRM"
    DISCONNECT = "DISC"
    UNNUMBERED_ACKNOWLEDGE = "UA"
    DISCONNECTED_MODE = "DM"
    FRAME_REJECT = "FRMR"
    UNNUMBERED_INFORMATION = "UI"


_POLL_FINAL: Final = 0x10
_UNNUMBERED: Final = {
    0x83: Kind.SET_NORMAL_RESPONSE_MODE,
    0x43: Kind.DISCONNECT,
    0x63: Kind.UNNUMBERED_ACKNOWLEDGE,
    0x0F: Kind.DISCONNECTED_MODE,
    0x87: Kind.FRAME_REJECT,
    0x03: Kind.UNNUMBERED_INFORMATION,
}
_UNNUMBERED_CODE: Final = {kind: code for code, kind in _UNNUMBERED.items()}
_CARRIERS: Final = (Kind.INFORMATION, Kind.UNNUMBERED_INFORMATION)


@dataclass(frozen=True, slots=True)
class Control:
    """The control field: kind, poll/final bit, and for I, RR and RNR the sequence numbers 0..7."""

    kind: Kind
    poll_final: bool = True
    send: int = 0
    receive: int = 0

    @classmethod
    def from_byte(cls, value: int) -> Self | None:
        """Return the field of a byte; None for a byte that is not one."""
        final = bool(value & _POLL_FINAL)
        if not value & 1:
            return cls(Kind.INFORMATION, final, value >> 1 & 7, value >> 5)
        if value & 0x0F == 1:
            return cls(Kind.RECEIVE_READY, final, 0, value >> 5)
        if value & 0x0F == 5:
            return cls(Kind.RECEIVE_NOT_READY, final, 0, value >> 5)
        kind = _UNNUMBERED.get(value & ~_POLL_FINAL)
        return None if kind is None else cls(kind, final)

    def to_byte(self) -> int:
        """Return the field as its byte; LocalError where a sequence number does not fit."""
        if not 0 <= self.send <= 7 or not 0 <= self.receive <= 7:
            raise LocalError(f"sequence numbers {self.send}, {self.receive} are outside 0..7")
        final = self.poll_final * _POLL_FINAL
        if self.kind is Kind.INFORMATION:
            return self.receive << 5 | final | self.send << 1
        if self.kind is Kind.RECEIVE_READY:
            return self.receive << 5 | final | 1
        if self.kind is Kind.RECEIVE_NOT_READY:
            return self.receive << 5 | final | 5
        return _UNNUMBERED_CODE[self.kind] | final


@dataclass(frozen=True, slots=True)
class HdlcFrame:
    """One frame; `segmented` where more of the same APDU follows."""

    destination: Address
    source: Address
    control: Control
    information: bytes = b""
    segmented: bool = False

    def encode(self) -> bytes:
        """Return the frame with its flags; LocalError where it is too long."""
        addresses = self.destination.encode() + self.source.encode() + bytes((self.control.to_byte(),))
        size = 2 + len(addresses) + 2 + (len(self.information) + 2 if self.information else 0)
        if size > MAX_LENGTH:
            raise LocalError(f"an HDLC frame of {size} bytes; at most {MAX_LENGTH} are possible")
        head = (_FORMAT_TYPE | self.segmented * _SEGMENTED | size).to_bytes(2) + addresses
        body = head
        if self.information:
            body += check_sequence(head) + self.information
        return bytes((FLAG,)) + body + check_sequence(body) + bytes((FLAG,))


def decode_frame(buf: bytes | bytearray, offset: int = 0, *, checked: bool = True) -> tuple[HdlcFrame, int]:
    """Return the frame whose opening flag is at `offset`, and the offset of its closing flag.

    Raises DecodeError with the byte at which the frame is cut or wrong. Without `checked` wrong check
    sequences are accepted: a capture may have been altered on purpose, to hide which meter it is.
    """
    if offset >= len(buf) or buf[offset] != FLAG:
        raise DecodeError("no opening flag 7e", offset=offset)
    start = offset + 1
    if len(buf) - start < 2:
        raise DecodeError("the frame ends in its format field", offset=len(buf))
    head = int.from_bytes(buf[start : start + 2])
    size = head & MAX_LENGTH
    if head & 0xF000 != _FORMAT_TYPE or size < _SHORTEST:
        raise DecodeError(f"format field {head:04x} is not that of a DLMS frame", offset=start)
    end = start + size
    # Before the length is believed: one wrong bit in it would make a reader wait for up to 2,047 bytes.
    if checked and (wrong_at := _wrong_header(buf, start)) is not None:
        what = "frame" if wrong_at == end - 2 else "header"
        raise DecodeError(f"the {what} check sequence is wrong", offset=wrong_at)
    if len(buf) < end:
        raise DecodeError(f"the frame announces {size} bytes, {len(buf) - start} follow", offset=len(buf))
    if len(buf) == end or buf[end] != FLAG:
        raise DecodeError(f"no closing flag 7e after a frame of {size} bytes", offset=end)
    body = bytes(buf[start:end])
    if checked and check_sequence(body[:-2]) != body[-2:]:
        raise DecodeError("the frame check sequence is wrong", offset=end - 2)
    return _decode_body(body, start, bool(head & _SEGMENTED)), end


def _wrong_header(buf: bytes | bytearray, start: int) -> int | None:
    """Return the offset of a wrong check sequence behind the header at `start`; None for a right one, and before it came.

    Every frame has one there: the header's where information follows, else the frame's own (IEC 62056-46, 6.4.2.6).
    An address without an end is wrong as well.
    """
    end = start + 2
    for _ in range(2):
        last = next((at for at in range(end, min(end + 4, len(buf))) if buf[at] & 1), None)
        if last is None:
            return end if len(buf) >= end + 4 else None
        end = last + 1
    end += 1  # the control field
    arrived = len(buf) >= end + 2
    return end if arrived and check_sequence(bytes(buf[start:end])) != buf[end : end + 2] else None


def _decode_body(body: bytes, start: int, segmented: bool) -> HdlcFrame:
    destination, pos = _decode_address(body, 2, start)
    source, pos = _decode_address(body, pos, start)
    if pos >= len(body) - 2:
        raise DecodeError("the frame has no control field", offset=start + pos)
    control = Control.from_byte(body[pos])
    if control is None:
        raise DecodeError(f"0x{body[pos]:02x} is not a control field", offset=start + pos)
    pos += 1
    information = b""
    if pos < len(body) - 2:
        if pos + 2 > len(body) - 2:
            raise DecodeError("the frame ends in its header check sequence", offset=start + pos)
        information = body[pos + 2 : -2]
    return HdlcFrame(destination, source, control, information, segmented)


def _decode_address(body: bytes, pos: int, start: int) -> tuple[Address, int]:
    # The lowest bit marks the last byte of an address (IEC 62056-46, 6.4.2.2).
    size = 1
    while pos + size <= len(body) and not body[pos + size - 1] & 1:
        size += 1
    if size not in (1, 2, 4) or pos + size > len(body):
        raise DecodeError("an HDLC address has 1, 2 or 4 bytes", offset=start + pos)
    parts = [byte >> 1 for byte in body[pos : pos + size]]
    if size == 1:
        address = Address(parts[0])
    elif size == 2:
        address = Address(parts[0], parts[1], 2)
    else:
        address = Address(parts[0] << 7 | parts[1], parts[2] << 7 | parts[3], 4)
    return address, pos + size


class Splitter:
    """The frames in a stream of bytes, found again after garbage; holds less than one frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.discarded = 0
        """Bytes that belonged to no frame."""
        self.last_error: DecodeError | None = None
        """Why something that began like a frame was none. Its offset counts from that beginning."""

    def feed(self, data: bytes | bytearray | memoryview) -> list[HdlcFrame]:
        """Append bytes and return the frames that they complete; never raises, as noise on a bus is normal."""
        self._buffer += data
        return self._scan(ended=False)

    def finish(self) -> list[HdlcFrame]:
        """Return the frames behind a beginning that was never completed, as no more bytes of it will come."""
        return self._scan(ended=True)

    def _scan(self, *, ended: bool) -> list[HdlcFrame]:
        buffer = self._buffer
        frames: list[HdlcFrame] = []
        pos = 0
        while True:
            flag = buffer.find(FLAG, pos)
            self.discarded += (len(buffer) if flag < 0 else flag) - pos
            if flag < 0:
                pos = len(buffer)
                break
            pos = flag
            if not (ended or _complete(buffer, pos)):
                break
            pos = self._take(buffer, pos, frames)
        del buffer[:pos]
        return frames

    def _take(self, buffer: bytearray, pos: int, frames: list[HdlcFrame]) -> int:
        """Append the frame at the flag, or skip a flag that begins none.

        A closing flag may open the next frame; the last one opens none.
        """
        if pos + 1 == len(buffer):
            return pos + 1
        if buffer[pos + 1] & 0xF0 != _FORMAT_TYPE >> 8:
            return pos + 1
        try:
            frame, closing = decode_frame(buffer[pos : pos + MAX_LENGTH + 2])
        except DecodeError as error:
            self.last_error = error
            self.discarded += 1
            return pos + 1
        frames.append(frame)
        return pos + closing


def _complete(buffer: bytearray, pos: int) -> bool:
    """Whether enough bytes have come to judge what begins at a flag."""
    left = len(buffer) - pos
    if left < 2:
        return False
    if buffer[pos + 1] & 0xF0 != _FORMAT_TYPE >> 8:
        return True
    if left >= 3 and left >= (int.from_bytes(buffer[pos + 1 : pos + 3]) & MAX_LENGTH) + 2:
        return True
    return _wrong_header(buffer, pos + 1) is not None


@dataclass(slots=True)
class Reassembler:
    """The segments of I and UI frames, joined into APDUs without their LLC header."""

    limits: Limits = axdr.DEFAULT_LIMITS
    _parts: bytearray = field(default_factory=bytearray)

    def push(self, frame: HdlcFrame) -> bytes | None:
        """Append one frame; returns the APDU that it completes, None before.

        Raises LimitExceededError, and then discards the segments so far.
        """
        if frame.control.kind not in _CARRIERS or not frame.information:
            return None
        if len(self._parts) + len(frame.information) > self.limits.max_apdu:
            self._parts.clear()
            raise LimitExceededError(f"segments of more than {self.limits.max_apdu} bytes")
        self._parts += frame.information
        if frame.segmented:
            return None
        whole = bytes(self._parts)
        self._parts.clear()
        return strip_llc(whole)


def strip_llc(information: bytes) -> bytes:
    """Return the APDU behind the LLC header, if there is one.

    Some meters send none, some send it twice; no APDU begins like it.
    """
    while information[:3] in (LLC_COMMAND, LLC_RESPONSE):
        information = information[3:]
    return information


def segment(apdu: bytes, *, llc: bytes, max_information: int) -> list[bytes]:
    """Return the information fields that carry an APDU; all but the last go into segmented frames.

    `max_information` is in bytes. Raises LocalError where it is below 1.
    """
    if max_information < 1:
        raise LocalError(f"segments of {max_information} bytes")
    whole = llc + apdu
    return [whole[pos : pos + max_information] for pos in range(0, len(whole), max_information)]


@dataclass(frozen=True, slots=True)
class LinkParameters:
    """The parameters that SNRM proposes and UA confirms (IEC 62056-46, 6.4.4.4.3.2).

    The standard's by default.

    Sizes are in bytes of information, windows in frames, both seen from the sender of the frame.
    """

    max_information_transmit: int = 128
    max_information_receive: int = 128
    window_transmit: int = 1
    window_receive: int = 1

    def encode(self) -> bytes:
        """Return the information field of SNRM and UA; LocalError where a size does not fit two bytes."""
        items = (
            (5, _shortest(self.max_information_transmit)),
            (6, _shortest(self.max_information_receive)),
            (7, self.window_transmit.to_bytes(4)),
            (8, self.window_receive.to_bytes(4)),
        )
        content = b"".join(bytes((tag, len(value))) + value for tag, value in items)
        return bytes((0x81, 0x80, len(content))) + content

    @classmethod
    def decode(cls, information: bytes) -> Self:
        """Return the parameters in an information field; an empty one means the defaults. Raises DecodeError."""
        if not information:
            return cls()
        cursor = Cursor(information)
        if cursor.take(2, "link parameters") != b"\x81\x80":
            raise DecodeError("link parameters do not begin with 8180", offset=0)
        if cursor.byte("group length") != cursor.left:
            raise DecodeError("the group length of the link parameters does not fit", offset=2)
        values: dict[int, int] = {}
        while cursor.left:
            tag = cursor.byte("parameter")
            values[tag] = cursor.uint(cursor.byte("parameter length"), "parameter")
        return cls(values.get(5, 128), values.get(6, 128), values.get(7, 1), values.get(8, 1))


def _shortest(value: int) -> bytes:
    try:
        return value.to_bytes(1 if value < 256 else 2)
    except OverflowError as error:
        raise LocalError(f"an information field of {value} bytes") from error
