"""DataBlock-SA (Green Book 9.5): the block of long SET and ACTION transfers."""

from dataclasses import dataclass

from urja.cosem import axdr
from urja.cosem.xdlms.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a long transfer; `number` counts from 1."""

    last: bool
    number: int
    data: bytes

    def encode(self) -> bytes:
        """Return the bytes: last-block, block-number, raw-data."""
        head = bytes((self.last,)) + self.number.to_bytes(4)
        return head + axdr.encode_length(len(self.data)) + self.data


def decode_block(cursor: Cursor) -> Block:
    """Decode one block, the inverse of `Block.encode`; raises DecodeError."""
    return Block(cursor.flag("last block"), cursor.uint(4, "block number"), cursor.octets("raw data"))
