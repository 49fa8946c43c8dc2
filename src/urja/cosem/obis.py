"""OBIS codes (IEC 62056-6-1) and the references built on them: attributes and methods of COSEM objects."""

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
    """Six value groups A to F, each 0..255. `str()` is dotted, `bytes()` is the logical name on the wire."""

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
        """Read "1.0.1.8.0.255" or "1-0:1.8.0*255"; raises LocalError for anything else."""
        match = _DOTTED.fullmatch(text.strip())
        if match is None:
            raise LocalError(f"{text!r} is not an OBIS code such as 1.0.1.8.0.255")
        return cls(*(int(group) for group in match.groups()))

    @classmethod
    def from_bytes(cls, raw: bytes | bytearray | memoryview, offset: int = 0) -> Self:
        """Six bytes at `offset`; raises DecodeError where fewer are left."""
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
    """COSEM-attribute-descriptor (IEC 62056-5-3, 9.5): class id 0..65535, logical name, attribute -128..127."""

    class_id: int
    obis: Obis
    attribute: int

    @classmethod
    def of(cls, class_id: int, obis: Obis | str | bytes, attribute: int) -> Self:
        """The same from an OBIS code in any of its forms."""
        return cls(class_id, _as_obis(obis), attribute)

    def encode(self) -> bytes:
        """Nine bytes."""
        return _encode_reference(self.class_id, self.obis, self.attribute)


@dataclass(frozen=True, slots=True)
class CosemMethod:
    """COSEM-method-descriptor (IEC 62056-5-3, 9.5): class id 0..65535, logical name, method -128..127."""

    class_id: int
    obis: Obis
    method: int

    @classmethod
    def of(cls, class_id: int, obis: Obis | str | bytes, method: int) -> Self:
        """The same from an OBIS code in any of its forms."""
        return cls(class_id, _as_obis(obis), method)

    def encode(self) -> bytes:
        """Nine bytes."""
        return _encode_reference(self.class_id, self.obis, self.method)


@lru_cache(maxsize=4096)
def _encode_reference(class_id: int, obis: Obis, index: int) -> bytes:
    if not 0 <= class_id <= 0xFFFF:
        raise LocalError(f"class id {class_id} is outside 0..65535")
    if not -128 <= index <= 127:
        raise LocalError(f"attribute or method {index} is outside -128..127")
    return class_id.to_bytes(2) + bytes(obis) + index.to_bytes(1, signed=True)
