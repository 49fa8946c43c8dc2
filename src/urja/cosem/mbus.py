"""Wired M-Bus as DLMS uses it (EN 13757-2 long frames; EN 13757-1 transport layer with CI 0x00-0x1F).

An APDU longer than one telegram comes in several: the CI field counts them and marks the last.
"""

from dataclasses import dataclass, field
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError, LimitExceededError, LocalError, PeerError

START: Final = 0x68
STOP: Final = 0x16
SEND_USER_DATA: Final = 0x53
"""C field: SND-UD."""
BROADCAST: Final = 0xFF
"""A field: broadcast without an answer."""
_METER, _CUSTOMER = 1, 0x67

_FINAL, _SEQUENCE = 0x10, 0x0F
_HEADER: Final = 5
"""Bytes of C, A, CI and the two transport SAPs."""
MAX_DATA: Final = 255 - _HEADER
"""Bytes of an APDU in one telegram: the length field is one byte."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """One long frame: `sequence` 0..15 counts within an APDU, `final` marks its last telegram."""

    control: int
    address: int
    sequence: int
    final: bool
    source: int
    destination: int
    data: bytes

    def encode(self) -> bytes:
        """Return the frame; LocalError where a field does not fit."""
        if len(self.data) > MAX_DATA or not 0 <= self.sequence <= _SEQUENCE:
            raise LocalError(f"{len(self.data)} bytes as number {self.sequence} do not fit a telegram")
        information = self.sequence | self.final * _FINAL
        try:
            head = bytes((self.control, self.address, information, self.source, self.destination))
        except ValueError as error:
            raise LocalError(f"a field of {self!r} is outside 0..255") from error
        body = head + self.data
        return bytes((START, len(body), len(body), START)) + body + bytes((sum(body) & 0xFF, STOP))


def decode_telegram(buf: bytes | bytearray, offset: int = 0, *, checked: bool = True) -> tuple[Telegram, int]:
    """Return the telegram at `offset`, and the offset behind it.

    Raises DecodeError with the byte at which the telegram is cut or wrong. Without `checked` a wrong checksum
    is accepted (see `hdlc.decode_frame`).
    """
    if len(buf) - offset < 4:
        raise DecodeError("the telegram ends in its header", offset=len(buf))
    size = buf[offset + 1]
    if buf[offset] != START or buf[offset + 2] != size or buf[offset + 3] != START:
        raise DecodeError("no header 68 L L 68", offset=offset)
    start = offset + 4
    end = start + size
    if len(buf) < end + 2:
        raise DecodeError(
            f"the telegram announces {size} bytes, {max(len(buf) - start - 2, 0)} follow", offset=len(buf)
        )
    if buf[end + 1] != STOP:
        raise DecodeError(f"0x{buf[end + 1]:02x} where the stop byte 16 is due", offset=end + 1)
    body = bytes(buf[start:end])
    if checked and sum(body) & 0xFF != buf[end]:
        raise DecodeError("the checksum is wrong", offset=end)
    if size < _HEADER or body[2] > (_FINAL | _SEQUENCE):
        raise DecodeError("not a telegram of the DLMS transport layer", offset=start + 2)
    control, address, information, source, destination = body[:_HEADER]
    final = bool(information & _FINAL)
    sequence = information & _SEQUENCE
    return Telegram(control, address, sequence, final, source, destination, body[_HEADER:]), end + 2


@dataclass(slots=True)
class Reassembler:
    """The telegrams of an APDU that have been received, at most `limits.max_apdu` bytes."""

    limits: Limits = axdr.DEFAULT_LIMITS
    _parts: bytearray = field(default_factory=bytearray)
    _next: int = 0

    def push(self, telegram: Telegram) -> bytes | None:
        """Append one telegram; returns the APDU that it completes, None before.

        Number 0 begins a new APDU, unless it is due. Raises PeerError for a gap and LimitExceededError for
        too many bytes; both discard the telegrams so far.
        """
        # The number has four bits and wraps: 0 is due again after 15, and only then does it not begin a new
        # APDU.
        if telegram.sequence == 0 and self._next & _SEQUENCE != 0:
            self.reset()
        if telegram.sequence != self._next & _SEQUENCE:
            expected = self._next & _SEQUENCE
            self.reset()
            raise PeerError(f"telegram {telegram.sequence} came where telegram {expected} is due")
        if len(self._parts) + len(telegram.data) > self.limits.max_apdu:
            self.reset()
            raise LimitExceededError(f"telegrams of more than {self.limits.max_apdu} bytes")
        self._parts += telegram.data
        self._next += 1
        if not telegram.final:
            return None
        apdu = bytes(self._parts)
        self.reset()
        return apdu

    def reset(self) -> None:
        """Discard the telegrams so far."""
        self._parts.clear()
        self._next = 0


def split(apdu: bytes) -> list[Telegram]:
    """Return the telegrams that carry an APDU, as meters push it at their consumer interface."""
    starts = range(0, max(len(apdu), 1), MAX_DATA)
    return [
        Telegram(
            SEND_USER_DATA,
            BROADCAST,
            number & _SEQUENCE,
            start == starts[-1],
            _METER,
            _CUSTOMER,
            apdu[start : start + MAX_DATA],
        )
        for number, start in enumerate(starts)
    ]
