"""The wrapper of DLMS over TCP and UDP (IEC 62056-4-7): version, two ports, length, APDU."""

import struct
from dataclasses import dataclass
from typing import Final

from urja.cosem.errors import DecodeError, LimitExceededError, LocalError

VERSION: Final = 1
HEADER_LENGTH: Final = 8
"""Bytes of the header."""
MAX_APDU: Final = 0xFFFF
"""Bytes of the longest APDU: the length field has 16 bits."""

_HEADER: Final = struct.Struct(">HHHH")


@dataclass(frozen=True, slots=True)
class Frame:
    """One wrapped APDU between two wrapper ports (SAPs)."""

    source: int
    destination: int
    apdu: bytes

    def encode(self) -> bytes:
        """Return the bytes to send; LocalError where a port or the APDU does not fit 16 bits."""
        try:
            header = _HEADER.pack(VERSION, self.source, self.destination, len(self.apdu))
        except struct.error as error:
            raise LocalError(
                f"ports {self.source}, {self.destination} or {len(self.apdu)} bytes do not fit the wrapper"
            ) from error
        return header + self.apdu


def encode(frame: Frame) -> bytes:
    """Return the bytes to send; raises as `Frame.encode`."""
    return frame.encode()


def decode_datagram(datagram: bytes) -> Frame:
    """Return the one frame that a UDP datagram holds; raises DecodeError for less or more."""
    source, destination, size = _header(datagram, 0)
    if size != len(datagram) - HEADER_LENGTH:
        raise DecodeError(
            f"the wrapper announces {size} bytes, {len(datagram) - HEADER_LENGTH} follow", offset=6
        )
    return Frame(source, destination, bytes(datagram[HEADER_LENGTH:]))


class Splitter:
    """The frames of a TCP stream; holds less than one frame of at most `max_apdu` bytes."""

    def __init__(self, max_apdu: int = MAX_APDU) -> None:
        self._max_apdu = max_apdu
        self._buffer = bytearray()
        self.failure: DecodeError | None = None
        """Why the stream cannot be read any further; offsets count from the broken header."""

    @property
    def pending(self) -> int:
        """Number of bytes of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Frame]:
        """Append bytes and return the frames that they complete.

        A broken header, or an APDU that is too long, ends the stream: the frames before it are returned and
        `failure` is set. Where no frame is left to return, and on every later call, `failure` is raised: a DecodeError, of
        an APDU that is too long a LimitExceededError.
        """
        if self.failure is not None:
            raise self.failure
        self._buffer += data
        frames: list[Frame] = []
        pos = 0
        try:
            while len(self._buffer) - pos >= HEADER_LENGTH:
                source, destination, size = _header(self._buffer, pos)
                if size > self._max_apdu:
                    raise LimitExceededError(
                        f"an APDU of {size} bytes, {self._max_apdu} are accepted", offset=6
                    )
                end = pos + HEADER_LENGTH + size
                if end > len(self._buffer):
                    break
                frames.append(Frame(source, destination, bytes(self._buffer[pos + HEADER_LENGTH : end])))
                pos = end
        except DecodeError as failure:
            self.failure = failure
            self._buffer.clear()
            if not frames:
                raise
            return frames
        del self._buffer[:pos]
        return frames


def _header(buffer: bytes | bytearray, pos: int) -> tuple[int, int, int]:
    if len(buffer) - pos < HEADER_LENGTH:
        raise DecodeError(f"{len(buffer) - pos} bytes do not hold a wrapper header", offset=0)
    # A wrapper has no mark by which a stream could be found again after a wrong header: the connection is
    # given up.
    version, source, destination, size = _HEADER.unpack_from(buffer, pos)
    if version != VERSION:
        raise DecodeError(f"wrapper version {version}, not {VERSION}", offset=0)
    return source, destination, size
