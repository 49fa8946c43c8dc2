"""A reading position in one APDU; every read is bounds-checked and reports its offset."""

from enum import IntEnum

from urja.cosem import axdr
from urja.cosem.axdr import Data, Limits
from urja.cosem.errors import DecodeError, LimitExceededError
from urja.cosem.obis import CosemAttribute, CosemMethod, Obis


class Cursor:
    """A position that moves forward through `buf`.

    Each method raises DecodeError at the missing or wrong byte.

    `what` names the field in the error's text. LimitExceededError where `buf` is longer than
    `limits.max_apdu`.
    """

    __slots__ = ("buf", "limits", "pos")

    def __init__(self, buf: bytes, pos: int = 0, limits: Limits = axdr.DEFAULT_LIMITS) -> None:
        if len(buf) > limits.max_apdu:
            raise LimitExceededError(
                f"an APDU of {len(buf)} bytes, at most {limits.max_apdu} are accepted", offset=0
            )
        self.buf = buf
        self.pos = pos
        self.limits = limits

    @property
    def left(self) -> int:
        """Number of bytes that are not read yet."""
        return len(self.buf) - self.pos

    def take(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes. Raises DecodeError where fewer are left."""
        if size > self.left:
            raise DecodeError(f"{what}: {size} bytes are due, {self.left} are left", offset=self.pos)
        start = self.pos
        self.pos += size
        return self.buf[start : self.pos]

    def uint(self, size: int, what: str) -> int:
        """Return a big-endian unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size, what))

    def byte(self, what: str) -> int:
        """Return one byte as an unsigned integer."""
        return self.uint(1, what)

    def int8(self, what: str) -> int:
        """Return one byte as a signed integer."""
        return int.from_bytes(self.take(1, what), signed=True)

    def flag(self, what: str) -> bool:
        """Return a boolean; any byte but 0 is true."""
        return self.byte(what) != 0

    def optional(self, what: str) -> bool:
        """Return whether an OPTIONAL component follows; DecodeError for a usage flag other than 0 or 1."""
        start = self.pos
        value = self.byte(f"{what}, presence flag")
        if value > 1:
            raise DecodeError(f"{what}: presence flag 0x{value:02x}, not 0 or 1", offset=start)
        return value == 1

    def length(self, what: str) -> int:
        """Return a length in bytes, in A-XDR or BER definite form of up to four bytes. Raises DecodeError for others."""
        start = self.pos
        first = self.byte(f"length of {what}")
        if first < 0x80:
            return first
        if not 0x81 <= first <= 0x84:
            raise DecodeError(f"0x{first:02x} does not begin the length of {what}", offset=start)
        return self.uint(first & 0x7F, f"length of {what}")

    def count(self, what: str) -> int:
        """Return the number of elements of a SEQUENCE OF, each of which takes at least one byte.

        Raises DecodeError where fewer bytes are left than elements announced, LimitExceededError beyond the
        limit.
        """
        start = self.pos
        count = self.length(what)
        if count > self.left:
            raise DecodeError(f"{count} {what} are announced, {self.left} bytes are left", offset=start)
        # Short elements (a presence flag, a code) let a message announce as many as it has bytes.
        if count > self.limits.max_elements:
            raise LimitExceededError(f"{count} {what}, we accept {self.limits.max_elements}", offset=start)
        return count

    def octets(self, what: str) -> bytes:
        """Return the content of an octet string that begins with its length."""
        return self.take(self.length(what), what)

    def data(self) -> Data:
        """Return one tagged A-XDR value."""
        value, self.pos = axdr.decode(self.buf, offset=self.pos, limits=self.limits)
        return value

    def attribute(self) -> CosemAttribute:
        """Return a COSEM-attribute-descriptor."""
        class_id = self.uint(2, "class id")
        obis = Obis(*self.take(6, "logical name"))
        return CosemAttribute(class_id, obis, self.int8("attribute"))

    def method(self) -> CosemMethod:
        """Return a COSEM-method-descriptor."""
        class_id = self.uint(2, "class id")
        obis = Obis(*self.take(6, "logical name"))
        return CosemMethod(class_id, obis, self.int8("method"))

    def code[E: IntEnum](self, kind: type[E], what: str) -> E:
        """Return one byte as a member of `kind`; DecodeError for a value that `kind` does not have."""
        start = self.pos
        value = self.byte(what)
        try:
            return kind(value)
        except ValueError:
            raise DecodeError(f"{what}: {value} is not one of {kind.__name__}", offset=start) from None

    def finish(self, what: str) -> None:
        """Raise DecodeError where bytes follow the last component."""
        if self.left:
            raise DecodeError(f"{self.left} bytes follow the {what}", offset=self.pos)


def unknown_choice(cursor: Cursor, what: str, value: int) -> DecodeError:
    """Return the error for the choice byte that was just read."""
    return DecodeError(f"{what}: 0x{value:02x} is not a choice of the standard", offset=cursor.pos - 1)
