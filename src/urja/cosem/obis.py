"""OBIS codes (IEC 62056-6-1), and the descriptors of attributes and methods that are built on them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from urja.cosem.errors import DecodeError, LocalError

_DOTTED = re.compile(
    r"([0-9]{1,3})[.-]([0-9]{1,3})[.:]([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})[.*]([0-9]{1,3})"
)


@dataclass(frozen=True, slots=True, order=True)
class Obis:
    """An OBIS code: six value groups A to F, each 0..255; LocalError for a group outside.

    `str()` gives the dotted form, `bytes()` the six bytes of the logical name on the wire.
    """

    a: int
    b: int
    c: int
    d: int
    e: int
    f: int

    def __post_init__(self) -> None:
        for group in (self.a, self.b, self.c, self.d, self.e, self.f):
            if not 0 <= group <= 255:
                raise LocalError(f"OBIS value group {group} is outside 0..255")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the code written as "1.0.1.8.0.255" or "1-0:1.8.0*255".

        Raises LocalError for any other text.
        """
        match = _DOTTED.fullmatch(text.strip())
        if match is None:
            raise LocalError(f"{text!r} is not an OBIS code such as 1.0.1.8.0.255")
        return cls(*(int(group) for group in match.groups()))

    @classmethod
    def from_bytes(cls, raw: bytes | bytearray | memoryview, offset: int = 0) -> Self:
        """Return the code in the six bytes at `offset`; raises DecodeError where fewer are left."""
        groups = bytes(raw[offset : offset + 6])
        if len(groups) != 6:
            raise DecodeError(f"a logical name takes 6 bytes, {len(groups)} are left", offset=offset)
        return cls(*groups)

    def __bytes__(self) -> bytes:
        return bytes((self.a, self.b, self.c, self.d, self.e, self.f))

    def __str__(self) -> str:
        return f"{self.a}.{self.b}.{self.c}.{self.d}.{self.e}.{self.f}"


def _as_obis(obis: Obis | str | bytes) -> Obis:
    if isinstance(obis, Obis):
        return obis
    return Obis.parse(obis) if isinstance(obis, str) else Obis.from_bytes(obis)


@dataclass(frozen=True, slots=True)
class CosemAttribute:
    """A COSEM-attribute-descriptor: class id 0..65535, logical name, attribute -128..127 (Green Book 9.5)."""

    class_id: int
    obis: Obis
    attribute: int

    @classmethod
    def of(cls, class_id: int, obis: Obis | str | bytes, attribute: int) -> Self:
        """Return the descriptor for an OBIS code given as text, as six bytes or as `Obis`.

        Raises as `Obis.parse` does.
        """
        return cls(class_id, _as_obis(obis), attribute)

    def encode(self) -> bytes:
        """Return the nine bytes: class id, logical name, attribute.

        Raises LocalError for a number that does not fit.
        """
        return _encode_reference(self.class_id, self.obis, self.attribute)


@dataclass(frozen=True, slots=True)
class CosemMethod:
    """A COSEM-method-descriptor: class id 0..65535, logical name, method -128..127 (Green Book 9.5)."""

    class_id: int
    obis: Obis
    method: int

    @classmethod
    def of(cls, class_id: int, obis: Obis | str | bytes, method: int) -> Self:
        """Return the descriptor for an OBIS code given as text, as six bytes or as `Obis`.

        Raises as `Obis.parse` does.
        """
        return cls(class_id, _as_obis(obis), method)

    def encode(self) -> bytes:
        """Return the nine bytes: class id, logical name, method.

        Raises LocalError for a number that does not fit.
        """
        return _encode_reference(self.class_id, self.obis, self.method)


@lru_cache(maxsize=4096)
def _encode_reference(class_id: int, obis: Obis, index: int) -> bytes:
    if not 0 <= class_id <= 0xFFFF:
        raise LocalError(f"class id {class_id} is outside 0..65535")
    if not -128 <= index <= 127:
        raise LocalError(f"attribute or method {index} is outside -128..127")
    return class_id.to_bytes(2) + bytes(obis) + index.to_bytes(1, signed=True)
