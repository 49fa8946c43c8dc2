"""General block transfer (Green Book 9.4.6.13): an APDU of any kind in numbered blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError, LimitExceededError, LocalError, PeerError
from urja.cosem.xdlms.cursor import Cursor

TAG: Final = 0xE0
_LAST, _STREAMING, _WINDOW = 0x80, 0x40, 0x3F


@dataclass(frozen=True, slots=True)
class GeneralBlockTransfer:
    """One block; numbers count from 1. `window` is 0 where the receiver cannot request lost blocks."""

    last: bool
    streaming: bool
    window: int
    number: int
    acknowledged: int
    data: bytes

    def encode(self) -> bytes:
        """Return the bytes of the APDU; LocalError where a field does not fit."""
        if not 0 <= self.window <= _WINDOW:
            raise LocalError(f"a block transfer window of {self.window} is outside 0..63")
        control = self.last * _LAST | self.streaming * _STREAMING | self.window
        numbers = self.number.to_bytes(2) + self.acknowledged.to_bytes(2)
        return bytes((TAG, control)) + numbers + axdr.encode_length(len(self.data)) + self.data


def decode_block(cursor: Cursor) -> GeneralBlockTransfer:
    """Decode a block from behind its tag; raises DecodeError."""
    control = cursor.byte("block control")
    number, acknowledged = cursor.uint(2, "block number"), cursor.uint(2, "acknowledged block")
    return GeneralBlockTransfer(
        bool(control & _LAST),
        bool(control & _STREAMING),
        control & _WINDOW,
        number,
        acknowledged,
        cursor.octets("block data"),
    )


class Reassembler:
    """The blocks of one direction that have been received, at most `limits.max_apdu` bytes."""

    def __init__(self, limits: Limits = axdr.DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._parts = bytearray()
        self._next = 1

    def push(self, block: GeneralBlockTransfer) -> bytes | None:
        """Append one block; returns the whole APDU with the last one, None before.

        A block that came before is ignored, block 1 begins a new transfer. Raises PeerError for a gap,
        LimitExceededError for too many bytes, DecodeError for an empty transfer; each discards the blocks so
        far.
        """
        if block.number == 1:
            self.reset()
        if 0 < block.number < self._next:
            return None
        if block.number != self._next:
            expected = self._next
            self.reset()
            raise PeerError(f"block {block.number} came where block {expected} is due")
        if len(self._parts) + len(block.data) > self._limits.max_apdu:
            self.reset()
            raise LimitExceededError(f"a block transfer beyond {self._limits.max_apdu} bytes")
        self._parts += block.data
        self._next += 1
        if not block.last:
            return None
        apdu = bytes(self._parts)
        self.reset()
        if not apdu:
            raise DecodeError("an empty block transfer")
        return apdu

    def takes(self, block: GeneralBlockTransfer) -> bool:
        """Whether a block continues the transfer under way, or repeats one of its blocks."""
        return self._next > 1 and block.number <= self._next and block.number != 1

    def reset(self) -> None:
        """Discard the blocks so far."""
        self._parts.clear()
        self._next = 1


def split(apdu: bytes, block_size: int) -> Iterator[GeneralBlockTransfer]:
    """Yield the blocks of an APDU, `block_size` bytes of data each, streamed: no block is acknowledged.

    Raises LocalError for an empty APDU, and for a size that gives no block or more than 65,535.
    """
    if block_size < 1 or not apdu or len(apdu) > block_size * 0xFFFF:
        raise LocalError(f"cannot transfer {len(apdu)} bytes in blocks of {block_size}")
    count = -(-len(apdu) // block_size)
    for number in range(1, count + 1):
        part = apdu[(number - 1) * block_size : number * block_size]
        last = number == count
        yield GeneralBlockTransfer(last, not last, 0, number, 0, part)
