"""A-XDR (IEC 61334-6) for the Data type of DLMS (Blue Book 4.1.5): decode, encode and build values.

A value is a tree of `Data(tag, value)`. Decoding preserves everything needed to write the canonical bytes
again, and never holds more than its `Limits` allow, whatever the bytes announce.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from urja.cosem.errors import DecodeError, LimitExceededError, LocalError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.time import CosemDate, CosemDateTime, CosemTime


class Tag(IntEnum):
    """The choice tags of Data; the name says what Python holds, the comment what the standard calls it."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    INT32 = 5  # double-long
    UINT32 = 6  # double-long-unsigned
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INT8 = 15  # integer
    INT16 = 16  # long
    UINT8 = 17  # unsigned
    UINT16 = 18  # long-unsigned
    COMPACT_ARRAY = 19
    INT64 = 20  # long64
    UINT64 = 21  # long64-unsigned
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DELTA_INT8 = 28
    DELTA_INT16 = 29
    DELTA_INT32 = 30
    DELTA_UINT8 = 31
    DELTA_UINT16 = 32
    DELTA_UINT32 = 33
    DONT_CARE = 255
    DESCRIPTOR = 0x100
    """Never on the wire: a COSEM-attribute-descriptor without any tag in the place of a Data."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a decoder holds for one peer; beyond it LimitExceededError is raised."""

    max_depth: int = 32
    """Levels of nested arrays and structures."""
    max_elements: int = 200_000
    """Data nodes in one tree, nested ones included."""
    max_apdu: int = 1 << 20
    """Bytes of one APDU, or of one reassembled long transfer."""


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Data:
    """One node of a value; `tag` decides the type of `value`.

    int for the integers, enum and BCD; bool; float; bytes for octet strings; str for visible and UTF-8
    strings; `BitString`; `CosemDateTime`, `CosemDate`, `CosemTime`; a tuple of Data for structures and
    arrays; `CompactArray`; `CosemAttribute` for an untagged descriptor; None for null and don't-care.
    """

    tag: Tag
    value: Any


@dataclass(frozen=True, slots=True)
class BitString:
    """`length` bits, bit 0 in the top bit of the first byte; LocalError where `data` has another length.

    Padding bits are preserved as read.
    """

    data: bytes
    length: int

    def __post_init__(self) -> None:
        if len(self.data) != (self.length + 7) // 8:
            raise LocalError(f"{self.length} bits take {(self.length + 7) // 8} bytes, not {len(self.data)}")

    def __getitem__(self, index: int) -> bool:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return bool(self.data[index >> 3] >> (7 - (index & 7)) & 1)

    def __len__(self) -> int:
        return self.length

    def __str__(self) -> str:
        return "".join("1" if self[index] else "0" for index in range(self.length))


@dataclass(frozen=True, slots=True)
class TypeDescription:
    """The element type of a compact array: a tag, and the member types of an array (one) or a structure."""

    tag: Tag
    members: "tuple[TypeDescription, ...]" = ()
    count: int = 0
    """Number of elements of an array type, 0..65535."""


@dataclass(frozen=True, slots=True)
class CompactArray:
    """A compact array: elements of one described type, whose tags are written once."""

    type_description: TypeDescription
    elements: tuple[Data, ...]


# --- decoding -------------------------------------------------------------------------------------------

_FORMATS: Final = {
    Tag.INT8: "b",
    Tag.UINT8: "B",
    Tag.BCD: "b",
    Tag.ENUM: "B",
    Tag.INT16: "h",
    Tag.UINT16: "H",
    Tag.INT32: "i",
    Tag.UINT32: "I",
    Tag.INT64: "q",
    Tag.UINT64: "Q",
    Tag.FLOAT32: "f",
    Tag.FLOAT64: "d",
    Tag.BOOLEAN: "?",
    Tag.DELTA_INT8: "b",
    Tag.DELTA_INT16: "h",
    Tag.DELTA_INT32: "i",
    Tag.DELTA_UINT8: "B",
    Tag.DELTA_UINT16: "H",
    Tag.DELTA_UINT32: "I",
}
_FIXED_BY_TAG: Final = {tag: struct.Struct(">" + code) for tag, code in _FORMATS.items()}

# Indexed by the tag byte: a list lookup is the whole dispatch for the types that pushes are made of.
_FIXED: Final[list[tuple[Tag, Callable[..., tuple[Any, ...]], int] | None]] = [None] * 256
for _tag, _struct in _FIXED_BY_TAG.items():
    _FIXED[_tag] = (_tag, _struct.unpack_from, _struct.size)

_EMPTY: Final = (Tag.NULL, Tag.DONT_CARE)

_ELEMENTS_PER_BYTE: Final = 16
"""Most elements that a value may have for each of its bytes; only compact arrays have more than one."""


class _Decoder:
    """One decoding run over one buffer, with the number of elements left and the depth allowed."""

    __slots__ = ("_buf", "_end", "_left", "_max_depth", "_untagged")

    def __init__(self, buf: bytes, limits: Limits, untagged_descriptors: bool) -> None:
        self._buf = buf
        self._end = len(buf)
        # Only in compact arrays can elements outnumber the bytes (an array type of 65,535 null-data takes 4 bytes
        # and none for its elements): a short message must not make the decoder allocate up to the limit.
        self._left = min(limits.max_elements, _ELEMENTS_PER_BYTE * len(buf) + _ELEMENTS_PER_BYTE)
        self._max_depth = limits.max_depth
        self._untagged = untagged_descriptors

    def data(self, pos: int, depth: int) -> tuple[Data, int]:
        """Return the tagged value at `pos`, and the offset behind it."""
        if pos >= self._end:
            raise DecodeError("the data end where a type tag is due", offset=pos)
        return self.content(self._buf[pos], pos + 1, depth)

    def content(self, tag: int, pos: int, depth: int) -> tuple[Data, int]:
        """Return the value behind a tag that was read before (or, in compact arrays, described before)."""
        self._left -= 1
        if self._left < 0:
            raise LimitExceededError("more elements than we accept in one value", offset=pos)
        fixed = _FIXED[tag]
        if fixed is not None:
            known, unpack_from, size = fixed
            end = pos + size
            if end > self._end:
                raise _cut(known.name, size, self._end - pos, pos)
            return Data(known, unpack_from(self._buf, pos)[0]), end
        read = _VARIABLE[tag]
        if read is None:
            raise DecodeError(f"0x{tag:02x} is not a type tag of A-XDR data", offset=pos - 1)
        return read(self, pos, depth)

    def length(self, pos: int) -> tuple[int, int]:
        """Return an A-XDR length: one byte below 128, else 0x80 | number of big-endian bytes (1 to 4)."""
        if pos >= self._end:
            raise DecodeError("the data end where a length is due", offset=pos)
        first = self._buf[pos]
        if first < 0x80:
            return first, pos + 1
        size = first & 0x7F
        if not 1 <= size <= 4:
            raise DecodeError(f"0x{first:02x} does not begin a length", offset=pos)
        end = pos + 1 + size
        if end > self._end:
            raise _cut("length", size, self._end - pos - 1, pos + 1)
        return int.from_bytes(self._buf[pos + 1 : end]), end

    def octets(self, pos: int, size: int, what: str) -> bytes:
        if size > self._end - pos:
            raise _cut(what, size, self._end - pos, pos)
        return self._buf[pos : pos + size]

    def elements(self, pos: int, depth: int) -> tuple[tuple[Data, ...], int]:
        """Return the elements of an array or a structure, whose count stands at `pos`."""
        start = pos
        count, pos = self.length(pos)
        if count > self._end - pos:
            # Each element takes a byte at least, so an impossible count is refused before memory is allocated.
            raise DecodeError(
                f"{count} elements are announced, {self._end - pos} bytes are left", offset=start
            )
        if depth >= self._max_depth:
            raise LimitExceededError(f"nested deeper than {self._max_depth}", offset=start)
        if self._untagged and count == 2 and self._descriptor_at(pos):
            return self._described(pos, depth)
        items = []
        for _ in range(count):
            item, pos = self.data(pos, depth + 1)
            items.append(item)
        return tuple(items), pos

    def _descriptor_at(self, pos: int) -> bool:
        """Whether nine bytes can only be a descriptor; that is class below 256, F = 255, attribute 1..127."""
        buf = self._buf
        return (
            pos + 10 <= self._end
            and buf[pos] == 0
            and buf[pos + 1] != 0
            and buf[pos + 7] == 0xFF
            and 1 <= buf[pos + 8] <= 0x7F
        )

    def _described(self, pos: int, depth: int) -> tuple[tuple[Data, ...], int]:
        buf = self._buf
        reference = CosemAttribute(buf[pos + 1], Obis.from_bytes(buf, pos + 2), buf[pos + 8])
        value, end = self.data(pos + 9, depth + 1)
        return (Data(Tag.DESCRIPTOR, reference), value), end

    def type_description(self, pos: int, depth: int) -> tuple[TypeDescription, int]:
        """Return a TypeDescription (Blue Book 4.1.5): arrays have a 16-bit count, structures an A-XDR length."""
        self._left -= 1
        if self._left < 0 or depth >= self._max_depth:
            raise LimitExceededError("a type description beyond our limits", offset=pos)
        if pos >= self._end:
            raise DecodeError("the data end where a type description is due", offset=pos)
        tag = self._buf[pos]
        if tag == Tag.ARRAY:
            count = int.from_bytes(self.octets(pos + 1, 2, "element count"))
            member, end = self.type_description(pos + 3, depth + 1)
            return TypeDescription(Tag.ARRAY, (member,), count), end
        if tag == Tag.STRUCTURE:
            return self._structure_description(pos, depth)
        if tag == Tag.COMPACT_ARRAY or (_FIXED[tag] is None and _VARIABLE[tag] is None):
            raise DecodeError(f"0x{tag:02x} cannot be the element type of a compact array", offset=pos)
        return TypeDescription(Tag(tag)), pos + 1

    def _structure_description(self, pos: int, depth: int) -> tuple[TypeDescription, int]:
        count, end = self.length(pos + 1)
        if count > self._end - end:
            raise DecodeError(f"{count} member types are announced, too few bytes are left", offset=pos + 1)
        members = []
        for _ in range(count):
            member, end = self.type_description(end, depth + 1)
            members.append(member)
        return TypeDescription(Tag.STRUCTURE, tuple(members)), end

    def described(self, kind: TypeDescription, pos: int, depth: int) -> tuple[Data, int]:
        """Return a value of a compact array, whose tags come from the description."""
        if kind.tag is not Tag.ARRAY and kind.tag is not Tag.STRUCTURE:
            return self.content(kind.tag, pos, depth)
        self._left -= 1
        if self._left < 0:
            raise LimitExceededError("more elements than we accept in one value", offset=pos)
        if depth >= self._max_depth:
            raise LimitExceededError(f"nested deeper than {self._max_depth}", offset=pos)
        members = kind.members * kind.count if kind.tag is Tag.ARRAY else kind.members
        items = []
        for member in members:
            item, pos = self.described(member, pos, depth + 1)
            items.append(item)
        return Data(kind.tag, tuple(items)), pos

    def compact(self, pos: int, depth: int) -> tuple[Data, int]:
        kind, pos = self.type_description(pos, depth + 1)
        size, pos = self.length(pos)
        if size > self._end - pos:
            raise _cut("compact array", size, self._end - pos, pos)
        # Elements must end with the content: while they are read, the buffer ends where the compact array
        # does.
        outer_end, self._end = self._end, pos + size
        items = []
        while pos < self._end:
            item, after = self.described(kind, pos, depth + 1)
            if after == pos:
                raise DecodeError("a compact array of elements that take no bytes", offset=pos)
            pos = after
            items.append(item)
        self._end = outer_end
        return Data(Tag.COMPACT_ARRAY, CompactArray(kind, tuple(items))), pos


def _cut(what: str, size: int, left: int, offset: int) -> DecodeError:
    name = what.lower().replace("_", " ")
    return DecodeError(f"{name}: {size} bytes are due, {left} are left", offset=offset)


def _array(run: _Decoder, pos: int, depth: int) -> tuple[Data, int]:
    items, pos = run.elements(pos, depth)
    return Data(Tag.ARRAY, items), pos


def _structure(run: _Decoder, pos: int, depth: int) -> tuple[Data, int]:
    items, pos = run.elements(pos, depth)
    return Data(Tag.STRUCTURE, items), pos


def _octet_string(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    size, pos = run.length(pos)
    return Data(Tag.OCTET_STRING, run.octets(pos, size, "octet string")), pos + size


def _visible_string(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    # ASCII by the standard, any bytes in practice. Latin-1 maps every byte to a character and back.
    size, pos = run.length(pos)
    return Data(Tag.VISIBLE_STRING, run.octets(pos, size, "visible string").decode("latin-1")), pos + size


def _utf8_string(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    size, pos = run.length(pos)
    try:
        text = run.octets(pos, size, "UTF-8 string").decode()
    except UnicodeDecodeError as error:
        raise DecodeError("not UTF-8", offset=pos + error.start) from error
    return Data(Tag.UTF8_STRING, text), pos + size


def _bit_string(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    bits, pos = run.length(pos)
    size = (bits + 7) // 8
    return Data(Tag.BIT_STRING, BitString(run.octets(pos, size, "bit string"), bits)), pos + size


def _date_time(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    return Data(Tag.DATE_TIME, CosemDateTime.from_bytes(run.octets(pos, 12, "date-time"))), pos + 12


def _date(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    return Data(Tag.DATE, CosemDate.from_bytes(run.octets(pos, 5, "date"))), pos + 5


def _time(run: _Decoder, pos: int, _depth: int) -> tuple[Data, int]:
    return Data(Tag.TIME, CosemTime.from_bytes(run.octets(pos, 4, "time"))), pos + 4


_NULL: Final = Data(Tag.NULL, None)
_DONT_CARE: Final = Data(Tag.DONT_CARE, None)

_VARIABLE: Final[list[Callable[[_Decoder, int, int], tuple[Data, int]] | None]] = [None] * 256
_VARIABLE[Tag.NULL] = lambda _run, pos, _depth: (_NULL, pos)
_VARIABLE[Tag.DONT_CARE] = lambda _run, pos, _depth: (_DONT_CARE, pos)
_VARIABLE[Tag.ARRAY] = _array
_VARIABLE[Tag.STRUCTURE] = _structure
_VARIABLE[Tag.BIT_STRING] = _bit_string
_VARIABLE[Tag.OCTET_STRING] = _octet_string
_VARIABLE[Tag.VISIBLE_STRING] = _visible_string
_VARIABLE[Tag.UTF8_STRING] = _utf8_string
_VARIABLE[Tag.COMPACT_ARRAY] = _Decoder.compact
_VARIABLE[Tag.DATE_TIME] = _date_time
_VARIABLE[Tag.DATE] = _date
_VARIABLE[Tag.TIME] = _time


def decode(
    buf: bytes | bytearray | memoryview,
    *,
    offset: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    untagged_descriptors: bool = False,
) -> tuple[Data, int]:
    """Return the value at `offset` in `buf`, and the offset behind it.

    With `untagged_descriptors` a structure of two may begin with a bare attribute descriptor, as Sagemcom
    meters of EG.D push it. Raises DecodeError or LimitExceededError with the offset in `buf`.
    """
    raw = buf if isinstance(buf, bytes) else bytes(buf)
    return _Decoder(raw, limits, untagged_descriptors).data(offset, 0)


def decode_all(
    buf: bytes | bytearray | memoryview,
    *,
    offset: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    untagged_descriptors: bool = False,
) -> Data:
    """Return the one value that fills `buf` from `offset` to its end.

    Raises DecodeError (also for bytes behind the value) or LimitExceededError with the offset in `buf`.
    """
    value, end = decode(buf, offset=offset, limits=limits, untagged_descriptors=untagged_descriptors)
    if end != len(buf):
        raise DecodeError(f"{len(buf) - end} bytes follow the value", offset=end)
    return value


# --- encoding -------------------------------------------------------------------------------------------

_ENCODE_DEPTH: Final = 200
"""Levels of nesting that are encoded: far more than is decoded, and less than Python's recursion limit."""


def encode(data: Data) -> bytes:
    """Return the canonical bytes of a tree; raises LocalError where a value does not fit its tag."""
    out = bytearray()
    _encode(data, out, 0)
    return bytes(out)


def encode_length(size: int) -> bytes:
    """Return the shortest A-XDR length of `size` bytes or elements."""
    if size < 0x80:
        return bytes((size,))
    raw = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((0x80 | len(raw),)) + raw


def _encode(data: Data, out: bytearray, depth: int) -> None:
    if data.tag is not Tag.DESCRIPTOR:
        out.append(data.tag)
    if data.tag is Tag.COMPACT_ARRAY:
        _encode_compact(data.value, out, depth)
    else:
        _encode_content(data, out, depth)


def _encode_content(data: Data, out: bytearray, depth: int) -> None:
    """Append the value without its tag."""
    tag, value = data.tag, data.value
    try:
        if (packer := _FIXED_BY_TAG.get(tag)) is not None:
            out += packer.pack(value)
        elif tag is Tag.ARRAY or tag is Tag.STRUCTURE:
            _encode_elements(value, out, depth)
        elif tag not in _EMPTY:
            out += _ENCODERS[tag](value)
    except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise LocalError(f"{value!r:.100} cannot be encoded as {tag.name}: {error}") from error


def _encode_elements(items: tuple[Data, ...], out: bytearray, depth: int) -> None:
    if depth >= _ENCODE_DEPTH:
        raise LocalError(f"nested deeper than {_ENCODE_DEPTH}")
    out += encode_length(len(items))
    for item in items:
        _encode(item, out, depth + 1)


def _encode_compact(compact: CompactArray, out: bytearray, depth: int) -> None:
    _encode_description(compact.type_description, out)
    content = bytearray()
    for element in compact.elements:
        _encode_described(compact.type_description, element, content, depth + 1)
    out += encode_length(len(content)) + content


def _encode_description(kind: TypeDescription, out: bytearray) -> None:
    out.append(kind.tag)
    if kind.tag is Tag.ARRAY:
        out += kind.count.to_bytes(2)
    elif kind.tag is Tag.STRUCTURE:
        out += encode_length(len(kind.members))
    for member in kind.members:
        _encode_description(member, out)


def _encode_described(kind: TypeDescription, data: Data, out: bytearray, depth: int) -> None:
    if data.tag is not kind.tag:
        raise LocalError(f"a {data.tag.name} in a compact array of {kind.tag.name}")
    if kind.tag is not Tag.ARRAY and kind.tag is not Tag.STRUCTURE:
        _encode_content(data, out, depth)
        return
    members = kind.members * kind.count if kind.tag is Tag.ARRAY else kind.members
    if len(members) != len(data.value):
        raise LocalError(f"{len(data.value)} members where the compact array describes {len(members)}")
    for member, item in zip(members, data.value, strict=True):
        _encode_described(member, item, out, depth + 1)


def _with_length(raw: bytes) -> bytes:
    return encode_length(len(raw)) + raw


_ENCODERS: Final[dict[Tag, Callable[[Any], bytes]]] = {
    Tag.OCTET_STRING: lambda value: _with_length(bytes(value)),
    Tag.VISIBLE_STRING: lambda value: _with_length(value.encode("latin-1")),
    Tag.UTF8_STRING: lambda value: _with_length(value.encode()),
    Tag.BIT_STRING: lambda value: encode_length(value.length) + value.data,
    Tag.DATE_TIME: lambda value: value.to_bytes(),
    Tag.DATE: lambda value: value.to_bytes(),
    Tag.TIME: lambda value: value.to_bytes(),
    Tag.DESCRIPTOR: lambda value: value.encode(),
}


# --- constructors ---------------------------------------------------------------------------------------


def null() -> Data:
    """Return a null-data."""
    return _NULL


def boolean(value: bool) -> Data:
    """Return a boolean."""
    return Data(Tag.BOOLEAN, bool(value))


def int8(value: int) -> Data:
    """Return an integer (8 bits, signed)."""
    return Data(Tag.INT8, value)


def int16(value: int) -> Data:
    """Return a long (16 bits, signed)."""
    return Data(Tag.INT16, value)


def int32(value: int) -> Data:
    """Return a double-long (32 bits, signed)."""
    return Data(Tag.INT32, value)


def int64(value: int) -> Data:
    """Return a long64 (64 bits, signed)."""
    return Data(Tag.INT64, value)


def uint8(value: int) -> Data:
    """Return an unsigned (8 bits)."""
    return Data(Tag.UINT8, value)


def uint16(value: int) -> Data:
    """Return a long-unsigned (16 bits)."""
    return Data(Tag.UINT16, value)


def uint32(value: int) -> Data:
    """Return a double-long-unsigned (32 bits)."""
    return Data(Tag.UINT32, value)


def uint64(value: int) -> Data:
    """Return a long64-unsigned (64 bits)."""
    return Data(Tag.UINT64, value)


def enum(value: int) -> Data:
    """Return an enum (8 bits)."""
    return Data(Tag.ENUM, int(value))


def bcd(value: int) -> Data:
    """Return a bcd: one signed byte, as the standard has it."""
    return Data(Tag.BCD, value)


def float32(value: float) -> Data:
    """Return a float32."""
    return Data(Tag.FLOAT32, value)


def float64(value: float) -> Data:
    """Return a float64."""
    return Data(Tag.FLOAT64, value)


def octets(value: bytes) -> Data:
    """Return an octet-string."""
    return Data(Tag.OCTET_STRING, bytes(value))


def visible(value: str) -> Data:
    """Return a visible-string."""
    return Data(Tag.VISIBLE_STRING, value)


def utf8(value: str) -> Data:
    """Return a utf8-string."""
    return Data(Tag.UTF8_STRING, value)


def bits(data: bytes, length: int | None = None) -> Data:
    """Return a bit-string of `length` bits (by default all of `data`).

    Bit 0 is the top bit of the first byte.
    """
    return Data(Tag.BIT_STRING, BitString(bytes(data), len(data) * 8 if length is None else length))


def date_time(value: CosemDateTime) -> Data:
    """Return a date-time under its own tag; profiles and pushes have `octets(value.to_bytes())` instead."""
    return Data(Tag.DATE_TIME, value)


def structure(*members: Data) -> Data:
    """Return a structure of these members."""
    return Data(Tag.STRUCTURE, members)


def array(*elements: Data) -> Data:
    """Return an array of these elements."""
    return Data(Tag.ARRAY, elements)


def to_python(data: Data) -> Any:
    """Return plain Python values: lists for structures and arrays, bytes, str, numbers.

    Times and bit strings stay typed; an untagged descriptor becomes `[class id, logical name as bytes,
    attribute]`.
    """
    value = data.value
    if isinstance(value, tuple):
        return [to_python(item) for item in value]
    if isinstance(value, CompactArray):
        return [to_python(item) for item in value.elements]
    if isinstance(value, CosemAttribute):
        return [value.class_id, bytes(value.obis), value.attribute]
    return value
