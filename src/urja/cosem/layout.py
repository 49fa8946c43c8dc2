"""Compiled push layouts: the pushes of many meters decoded at once, as columns.

A push's shape is known beforehand, from the push setup object's object list or from companion data. It is
compiled to a NumPy structured dtype over the whole data-notification, tag bytes included, and a mask of the
bytes that must have fixed values. Plaintexts that fit the mask become columns in a few array operations (the
fast path). Every other plaintext goes through the general A-XDR decoder, which gives the same columns or a
typed error. What the fast path accepts, the general decoder reads alike (property test): the fast path is
never the looser one.

Columns are int64; a cell without a value has `valid` False and holds `NULL`. Clocks are UTC epoch seconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.cosem.apdu import DataNotification, decode_apdu
from urja.cosem.axdr import Data, Tag, encode_length
from urja.cosem.columns import (
    BYTES_TAGS,
    INSTANT,
    INSTANT_SIZE,
    INT64_MAX,
    INTEGER_FORMATS,
    NULL,
    Ints,
    Kind,
    Mask,
    epoch_seconds,
    integers,
    kind_of,
)
from urja.cosem.companion import Column, DeviceType, PushLayout
from urja.cosem.errors import CosemError, DecodeError, LocalError
from urja.cosem.obis import Obis
from urja.cosem.push_object_list import PushObjectList, columns_of, head_of
from urja.cosem.time import NOT_SPECIFIED, CosemDateTime, DeviationSign

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]
type PlaintextMatrix = tuple[Rows, Bytes]
"""Plaintexts of one length: their positions in the input, and their bytes, one plaintext a row."""

_DATA_NOTIFICATION: Final = 0x0F
_LONGEST_SHORT_LENGTH: Final = 0x7F
"""Longest content whose A-XDR length is one byte: longer ones are left to the general decoder."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


__all__ = [
    "NULL",
    "Decoded",
    "Ints",
    "Kind",
    "Layout",
    "LayoutSet",
    "Mask",
    "Row",
    "decode_general",
    "epoch_seconds",
]


@dataclass(frozen=True, slots=True)
class _Variant:
    """A layout at one plaintext length, with or without a date-time: the position of everything."""

    dtype: np.dtype[np.void]
    constants: "_Fixed"
    all: "_Fixed"

    def matches(self, matrix: Bytes) -> Mask:
        """Return which rows have every tag, count, length and constant of this layout."""
        # Pushes of one type differ in their constants: these few bytes rule another layout out most often.
        matched = self.constants.match(matrix)
        return self.all.match(matrix) if matched.any() else matched


class _Fixed:
    """Bytes that must have fixed values at certain positions."""

    def __init__(self, bytes_at: Mapping[int, int]) -> None:
        self._positions = np.array(list(bytes_at), np.intp)
        self._expected = np.array(list(bytes_at.values()), np.uint8)

    def match(self, matrix: Bytes) -> Mask:
        """Return in which rows they have."""
        matched: Mask = np.all(matrix[:, self._positions] == self._expected, axis=1)
        return matched


class _VariantBuilder:
    """The layout of one plaintext, composed byte by byte."""

    def __init__(self) -> None:
        self._size = 0
        self._fixed: dict[int, int] = {}
        self._constants: dict[int, int] = {}
        self._names: list[str] = []
        self._formats: list[str | np.dtype[np.void]] = []
        self._offsets: list[int] = []

    def constant(self, raw: bytes, name: str | None = None) -> None:
        """Append bytes with fixed values; with a name they can be read as a column too."""
        at = dict(enumerate(raw, self._size))
        if name is not None:
            self._name(name, f"V{len(raw)}")
            self._constants |= at
        self._fixed |= at
        self._size += len(raw)

    def free(self, size: int) -> None:
        self._size += size

    def variable(self, name: str, format_: str | np.dtype[np.void]) -> None:
        self._name(name, format_)
        self._size += np.dtype(format_).itemsize

    def _name(self, name: str, format_: str | np.dtype[np.void]) -> None:
        self._names.append(name)
        self._formats.append(format_)
        self._offsets.append(self._size)

    def build(self) -> _Variant:
        dtype = np.dtype(
            {
                "names": self._names,
                "formats": self._formats,
                "offsets": self._offsets,
                "itemsize": self._size,
            }
        )
        return _Variant(dtype, _Fixed(self._constants), _Fixed(self._fixed))


@dataclass(frozen=True, slots=True)
class Row:
    """One plaintext as the general decoder reads it, in the order of the layout's columns of each kind.

    `values` has integers and instants (NULL where there is none), `status` the instants', `strings` bytes.
    """

    values: tuple[int, ...]
    valid: tuple[bool, ...]
    status: tuple[int, ...]
    strings: tuple[bytes | None, ...]


@dataclass(slots=True)
class Decoded:
    """The columns of many plaintexts; position i is that of the i-th plaintext of the layout.

    `values` and `valid` have one row per key of `layout.value_keys`, `status` (the clock status byte, 255 not
    given) one per key of `layout.instant_keys`. `ok` is False where a plaintext does not fit this layout;
    `errors` says why. `fast` marks what took the fast path.
    """

    layout: "Layout"
    values: Ints
    valid: Mask
    status: Bytes
    ok: Mask
    fast: Mask
    errors: dict[int, CosemError]
    _parts: list[tuple[Rows | slice, npt.NDArray[np.void]]]
    _slow: dict[int, Row]

    def column(self, key: str) -> tuple[Ints, Mask]:
        """Return values and validity of an integer or clock column.

        KeyError where the layout has no such column.
        """
        row = self.layout.value_rows[key]
        return self.values[row], self.valid[row]

    def clock_status(self, key: str) -> Bytes:
        """Return the clock status bytes of a clock column (Blue Book 4.1.6.1); 255 is *not specified*."""
        status: Bytes = self.status[self.layout.instant_keys.index(key)]
        return status

    def strings(self, key: str) -> list[bytes | None]:
        """Return a bytes column, None where there is no value; built on demand, as most callers need none."""
        index = self.layout.string_keys.index(key)
        found: list[bytes | None] = [None] * len(self.ok)
        for rows, frames in self._parts:
            positions = range(*rows.indices(len(found))) if isinstance(rows, slice) else rows.tolist()
            for row, raw in zip(positions, frames[key].tolist(), strict=True):
                found[row] = raw
        for row, slow in self._slow.items():
            found[row] = slow.strings[index]
        return found


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns of a push, all of them: device id, push OBIS and clock included where the push sends them.

    `constants` gives the bytes that a column must have to be this push (its OBIS). `sign` and
    `default_deviation_min` (minutes) say how the meter type's clock is read. `buffers` are runs of columns
    that are sent as the one row of a profile's buffer. Built by `compile` or `for_push`.
    """

    name: str
    columns: tuple[Column, ...]
    constants: Mapping[str, bytes]
    sign: DeviationSign
    default_deviation_min: int
    kinds: tuple[Kind, ...]
    value_keys: tuple[str, ...]
    instant_keys: tuple[str, ...]
    string_keys: tuple[str, ...]
    value_rows: Mapping[str, int]
    buffers: tuple[tuple[int, int], ...] = ()
    _variants: dict[int, tuple[_Variant, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def compile(
        cls,
        name: str,
        columns: Sequence[Column],
        *,
        sign: DeviationSign = DeviationSign.DLMS,
        default_deviation_min: int = 0,
        constants: Mapping[str, bytes] | None = None,
        buffers: tuple[tuple[int, int], ...] = (),
    ) -> "Layout":
        """Return the layout of these columns; raises LocalError for columns that cannot be decoded as one."""
        keys = [column.key for column in columns]
        if not columns or len(set(keys)) != len(keys):
            raise LocalError(f"layout {name!r} needs columns with distinct keys, it has {keys}")
        kinds = tuple(kind_of(column) for column in columns)
        values = tuple(key for key, kind in zip(keys, kinds, strict=True) if kind is not Kind.BYTES)
        strings = tuple(key for key, kind in zip(keys, kinds, strict=True) if kind is Kind.BYTES)
        unknown = set(constants or ()) - set(strings)
        if unknown:
            raise LocalError(f"layout {name!r} has no bytes column {', '.join(sorted(unknown))}")
        for column in columns:
            constant = (constants or {}).get(column.key)
            if constant is not None and (column.tag != Tag.OCTET_STRING or column.length != len(constant)):
                raise LocalError(f"column {column.key!r} is no octet-string of {len(constant)} bytes")
        return cls(
            name=name,
            columns=tuple(columns),
            constants=dict(constants or {}),
            sign=sign,
            default_deviation_min=default_deviation_min,
            kinds=kinds,
            value_keys=values,
            instant_keys=tuple(key for key, kind in zip(keys, kinds, strict=True) if kind is Kind.INSTANT),
            string_keys=strings,
            value_rows={key: row for row, key in enumerate(values)},
            buffers=buffers,
        )

    @classmethod
    def for_push(
        cls, device_type: DeviceType, push: PushLayout, reported: PushObjectList | None = None
    ) -> "Layout":
        """Return the layout of a push: as the meter has reported it, else as its type says.

        Raises LocalError where a push cannot be decoded by the reported list (`urja.cosem.push_object_list`).
        """
        columns, buffers = (
            columns_of(device_type, push, reported) if reported else (head_of(push) + push.columns, ())
        )
        return cls.compile(
            f"{device_type.name}/{push.key}",
            columns,
            sign=device_type.deviation_sign,
            default_deviation_min=device_type.default_deviation_min,
            constants={"push_obis": bytes(Obis.parse(push.obis))},
            buffers=buffers,
        )

    @property
    def elements(self) -> int:
        """Number of elements of the notification's structure: a buffer is one, however many columns it has."""
        return len(self.columns) - sum(end - first - 1 for first, end in self.buffers)

    def decode(self, plaintexts: Sequence[bytes]) -> Decoded:
        """Decode data-notification plaintexts; never raises for faults of a peer (see `ok` and `errors`)."""
        fitting, rest = _match((self,), plaintext_matrices(plaintexts))
        decoded = self._empty(len(plaintexts))
        for fit in fitting:
            self._extract(decoded, fit.rows, fit)
        for row, plaintext in rest:
            try:
                self._place(decoded, row, decode_general(plaintext, self))
            except CosemError as error:
                decoded.errors[row] = error
        return decoded

    def variants(self, length: int) -> tuple[_Variant, ...]:
        """Return the fast path's shapes of `length` bytes: with and without the notification's date-time."""
        known = self._variants.get(length)
        if known is None:
            known = tuple(
                variant
                for stamped in (False, True)
                if (variant := self._variant(length, stamped=stamped)) is not None
            )
            self._variants[length] = known
        return known

    def _variant(self, length: int, *, stamped: bool) -> _Variant | None:
        """Return the shape of `length` bytes; None where the layout cannot have that length on the fast path."""
        open_columns = [
            column
            for column, kind in zip(self.columns, self.kinds, strict=True)
            if kind is Kind.BYTES and column.length is None
        ]
        # With one column of variable length the plaintext's length fixes it; with two it does not say which
        # is longer.
        if len(self.columns) > _LONGEST_SHORT_LENGTH or len(open_columns) > 1:
            return None
        rest = length - self._build(0, stamped=stamped).dtype.itemsize
        if not 0 <= rest <= _LONGEST_SHORT_LENGTH or (rest and not open_columns):
            return None
        if any(column.tag == Tag.UTF8_STRING for column in self.columns):
            return None  # the general decoder judges whether bytes are UTF-8
        return self._build(rest, stamped=stamped)

    def _build(self, open_length: int, *, stamped: bool) -> _Variant:
        builder = _VariantBuilder()
        builder.constant(bytes([_DATA_NOTIFICATION]))
        builder.free(4)  # long-invoke-id-and-priority
        builder.constant(b"\x0c" if stamped else b"\x00")
        builder.free(INSTANT_SIZE if stamped else 0)
        builder.constant(bytes([Tag.STRUCTURE, self.elements]))
        rows = dict(self.buffers)
        for at, (column, kind) in enumerate(zip(self.columns, self.kinds, strict=True)):
            if at in rows:
                builder.constant(bytes([Tag.ARRAY, 1, Tag.STRUCTURE, rows[at] - at]))
            builder.constant(bytes([column.tag]))
            if kind is Kind.INTEGER:
                builder.variable(column.key, INTEGER_FORMATS[Tag(column.tag)])
            elif kind is Kind.INSTANT:
                builder.constant(b"" if column.tag == Tag.DATE_TIME else bytes([INSTANT_SIZE]))
                builder.variable(column.key, INSTANT)
            else:
                self._build_bytes(builder, column, open_length)
        return builder.build()

    def _build_bytes(self, builder: _VariantBuilder, column: Column, open_length: int) -> None:
        length = open_length if column.length is None else column.length
        builder.constant(encode_length(length))
        size = (length + 7) // 8 if column.tag == Tag.BIT_STRING else length
        constant = self.constants.get(column.key)
        if constant is None:
            builder.variable(column.key, f"V{size}")
        else:
            builder.constant(constant, column.key)

    def _empty(self, count: int) -> Decoded:
        return Decoded(
            layout=self,
            values=np.full((len(self.value_keys), count), NULL, dtype=np.int64),
            valid=np.zeros((len(self.value_keys), count), dtype=np.bool_),
            status=np.full((len(self.instant_keys), count), NOT_SPECIFIED, dtype=np.uint8),
            ok=np.zeros(count, dtype=np.bool_),
            fast=np.zeros(count, dtype=np.bool_),
            errors={},
            _parts=[],
            _slow={},
        )

    def _extract(self, decoded: Decoded, rows: Rows | slice, fit: "_Fit") -> None:
        frames = fit.matrix.view(fit.variant.dtype).reshape(len(fit.rows))
        for column, kind in zip(self.columns, self.kinds, strict=True):
            if kind is Kind.BYTES:
                continue
            index = self.value_rows[column.key]
            raw = frames[column.key]
            if kind is Kind.INTEGER:
                values, valid = integers(raw, column.tag)
            else:
                values, valid = self._instants(raw)
                decoded.status[self.instant_keys.index(column.key), rows] = raw["status"]
            decoded.values[index, rows] = values
            decoded.valid[index, rows] = valid
        decoded.ok[rows] = True
        decoded.fast[rows] = True
        decoded._parts.append((rows, frames))  # noqa: SLF001 - the layout fills the object that it made

    def _instants(self, raw: npt.NDArray[np.void]) -> tuple[Ints, Mask]:
        return epoch_seconds(raw, self.sign, self.default_deviation_min)

    def _place(self, decoded: Decoded, row: int, slow: Row) -> None:
        decoded.values[:, row] = slow.values
        decoded.valid[:, row] = slow.valid
        decoded.status[:, row] = slow.status
        decoded.ok[row] = True
        decoded._slow[row] = slow  # noqa: SLF001 - as above


@dataclass(frozen=True, slots=True)
class _Fit:
    """Plaintexts that fit one variant of one layout: their positions and their bytes."""

    layout: Layout
    variant: _Variant
    rows: Rows
    matrix: Bytes


@dataclass(frozen=True, slots=True)
class DecodedPushes:
    """The result of a `LayoutSet`: per layout the input positions and the columns; errors by input position."""

    parts: list[tuple[Rows, Decoded]]
    errors: dict[int, CosemError]


class LayoutSet:
    """The pushes that a meter type sends, distinguished by their push OBIS.

    Compared by identity, so share one.
    """

    def __init__(self, layouts: Iterable[Layout]) -> None:
        """Raise LocalError where two layouts have the same push OBIS, or one has none."""
        self.layouts = tuple(layouts)
        obis = [layout.constants.get("push_obis") for layout in self.layouts]
        if None in obis or len(set(obis)) != len(obis):
            raise LocalError("the layouts of a set need distinct push OBIS codes")

    @classmethod
    def of(cls, device_type: DeviceType, reported: Iterable[PushObjectList] = ()) -> "LayoutSet":
        """Return all pushes of a device type; those that the meter has reported as it has reported them.

        Raises LocalError as `Layout.for_push`.
        """
        by_key = {each.key: each for each in reported}
        return cls(
            Layout.for_push(device_type, push, by_key.get(key)) for key, push in device_type.pushes.items()
        )

    def decode(self, plaintexts: Sequence[bytes]) -> DecodedPushes:
        """Sort plaintexts by push and decode them; never raises for faults of a peer."""
        return self.decode_matrices(plaintext_matrices(plaintexts))

    def decode_matrices(self, matrices: Iterable[PlaintextMatrix]) -> DecodedPushes:
        """Decode as `decode` does, for plaintexts that are in matrices already."""
        fitting, rest = _match(self.layouts, matrices)
        slow, errors = self._decode_rest(rest)
        parts = []
        for layout in self.layouts:
            fits = [fit for fit in fitting if fit.layout is layout]
            own = slow[layout.name]
            if fits or own:
                parts.append(_assemble(layout, fits, own))
        return DecodedPushes(parts, errors)

    def _decode_rest(
        self, rest: Iterable[tuple[int, bytes]]
    ) -> tuple[dict[str, dict[int, Row]], dict[int, CosemError]]:
        slow: dict[str, dict[int, Row]] = {layout.name: {} for layout in self.layouts}
        errors: dict[int, CosemError] = {}
        for row, plaintext in rest:
            try:
                notification = notification_of(plaintext)
                layout = self._layout_of(notification)
                slow[layout.name][row] = row_of(notification, layout)
            except CosemError as error:
                errors[row] = error
        return slow, errors

    def _layout_of(self, notification: DataNotification) -> Layout:
        body = notification.body
        elements = body.value if body.tag is Tag.STRUCTURE else ()
        # Searched anywhere in the structure: a meter may report an object list in which the push OBIS is not
        # second.
        sent = [element.value for element in elements if element.tag is Tag.OCTET_STRING]
        for layout in self.layouts:
            if layout.constants["push_obis"] in sent:
                return layout
        raise DecodeError("the notification has no push OBIS of this meter type")


def _assemble(layout: Layout, fits: list[_Fit], slow: dict[int, Row]) -> tuple[Rows, Decoded]:
    slow_rows = np.array(list(slow), dtype=np.intp)
    rows = np.concatenate([*(fit.rows for fit in fits), slow_rows])
    decoded = layout._empty(len(rows))  # noqa: SLF001 - same module
    start = 0
    for fit in fits:
        layout._extract(decoded, slice(start, start + len(fit.rows)), fit)  # noqa: SLF001 - same module
        start += len(fit.rows)
    for position, row in enumerate(slow.values(), start):
        layout._place(decoded, position, row)  # noqa: SLF001 - same module
    return rows, decoded


def plaintext_matrices(plaintexts: Sequence[bytes]) -> Iterator[PlaintextMatrix]:
    """Yield the plaintexts of each length in one matrix."""
    for length, rows in by_length(plaintexts):
        yield rows, as_matrix(plaintexts, rows, length)


def _match(
    layouts: Sequence[Layout], matrices: Iterable[PlaintextMatrix]
) -> tuple[list[_Fit], list[tuple[int, bytes]]]:
    """Return the fast path's share of the plaintexts, and positions and bytes of the rest."""
    fitting: list[_Fit] = []
    rest: list[tuple[int, bytes]] = []
    for rows, matrix in matrices:
        for layout in layouts:
            for variant in layout.variants(matrix.shape[1]):
                if not len(rows):
                    break
                matched = variant.matches(matrix)
                if matched.all():
                    fitting.append(_Fit(layout, variant, rows, matrix))
                    rows, matrix = rows[:0], matrix[:0]  # noqa: PLW2901 - rows without a layout yet
                elif matched.any():
                    fitting.append(_Fit(layout, variant, rows[matched], matrix[matched]))
                    rows, matrix = rows[~matched], matrix[~matched]  # noqa: PLW2901 - as above
        rest += zip(rows.tolist(), map(bytes, matrix), strict=True)
    return fitting, rest


def by_length(frames: Sequence[bytes]) -> Iterator[tuple[int, Rows]]:
    """Yield each length and the positions of the frames that have it."""
    lengths = set(map(len, frames))
    if len(lengths) == 1:
        yield lengths.pop(), np.arange(len(frames), dtype=np.intp)
        return
    each = np.fromiter(map(len, frames), dtype=np.intp, count=len(frames))
    for length in sorted(lengths):
        yield length, np.flatnonzero(each == length)


def as_matrix(frames: Sequence[bytes], rows: Rows, length: int) -> Bytes:
    """Return the frames at `rows`, all of `length` bytes, one a row."""
    chosen = frames if len(rows) == len(frames) else [frames[row] for row in rows.tolist()]
    return np.frombuffer(b"".join(chosen), dtype=np.uint8).reshape(len(rows), length)


def decode_general(plaintext: bytes, layout: Layout) -> Row:
    """Decode one data-notification by the general A-XDR decoder; raises PeerError where it is not this push.

    Null-data in a column's place is a missing value, an integer of another width is accepted; anything else
    that is not of the column's kind is an error.
    """
    return row_of(notification_of(plaintext), layout)


def notification_of(plaintext: bytes) -> DataNotification:
    """Return the data-notification in `plaintext`; raises PeerError for another APDU or none."""
    apdu = decode_apdu(plaintext)
    if not isinstance(apdu, DataNotification):
        raise DecodeError(f"a data-notification is expected, this is {type(apdu).__name__}", offset=0)
    return apdu


def row_of(notification: DataNotification, layout: Layout) -> Row:
    """Return the layout's columns in a decoded notification; raises DecodeError where it is not this push."""
    elements = _flat(notification.body, layout)
    values: list[int] = []
    valid: list[bool] = []
    status: list[int] = []
    strings: list[bytes | None] = []
    for column, kind, element in zip(layout.columns, layout.kinds, elements, strict=True):
        if kind is Kind.BYTES:
            strings.append(_string(column, element, layout))
            continue
        if kind is Kind.INTEGER:
            value = _integer(column, element, layout)
        else:
            value, flags = _instant(column, element, layout)
            status.append(flags)
        values.append(NULL if value is None else value)
        valid.append(value is not None)
    return Row(tuple(values), tuple(valid), tuple(status), tuple(strings))


def _flat(body: Data, layout: Layout) -> list[Data]:
    """Return the elements of a push, one for each column: a buffer is replaced by the elements of its row."""
    elements = _members(body, layout.elements, layout)
    for first, end in layout.buffers:
        buffer = elements[first]
        if buffer.tag is not Tag.ARRAY or len(buffer.value) != 1:
            raise DecodeError(
                f"{layout.name}: a profile's buffer of one row is expected, not {buffer.tag.name}"
            )
        elements[first : first + 1] = _members(buffer.value[0], end - first, layout)
    return elements


def _members(body: Data, count: int, layout: Layout) -> list[Data]:
    if body.tag is not Tag.STRUCTURE or len(body.value) != count:
        found = f"{len(body.value)} elements" if body.tag is Tag.STRUCTURE else body.tag.name
        raise DecodeError(f"{layout.name}: a structure of {count} is expected, not {found}")
    return list(body.value)


def _wrong(layout: Layout, column: Column, element: Data) -> DecodeError:
    return DecodeError(
        f"{layout.name}: column {column.key!r} ({column.obis}) must be {Tag(column.tag).name}, not {element.tag.name}"
    )


def _integer(column: Column, element: Data, layout: Layout) -> int | None:
    if element.tag is Tag.NULL:
        return None
    if element.tag not in INTEGER_FORMATS:
        raise _wrong(layout, column, element)
    value = int(element.value)
    return value if value <= INT64_MAX else None


def _instant(column: Column, element: Data, layout: Layout) -> tuple[int | None, int]:
    if element.tag is Tag.NULL:
        return None, NOT_SPECIFIED
    if element.tag is Tag.DATE_TIME:
        clock = element.value
    elif element.tag is Tag.OCTET_STRING and len(element.value) == INSTANT_SIZE:
        clock = CosemDateTime.from_bytes(element.value)
    else:
        raise _wrong(layout, column, element)
    try:
        at = clock.to_utc(layout.sign, layout.default_deviation_min)
    except DecodeError:
        return None, clock.status  # a clock with wildcards is a missing value, not a broken push
    return (at - _EPOCH) // timedelta(seconds=1), clock.status


def _string(column: Column, element: Data, layout: Layout) -> bytes | None:
    constant = layout.constants.get(column.key)
    if element.tag is Tag.NULL and constant is None:
        return None
    if element.tag not in BYTES_TAGS:
        raise _wrong(layout, column, element)
    raw = _raw_string(element)
    if constant is not None and raw != constant:
        raise DecodeError(f"{layout.name}: column {column.key!r} is {raw.hex()}, expected {constant.hex()}")
    return raw


def _raw_string(element: Data) -> bytes:
    """Return the bytes of a string as they were on the wire."""
    raw: bytes
    if element.tag is Tag.BIT_STRING:
        raw = element.value.data
    elif element.tag is Tag.OCTET_STRING:
        raw = element.value
    else:
        raw = element.value.encode("utf-8" if element.tag is Tag.UTF8_STRING else "latin-1")
    return raw
