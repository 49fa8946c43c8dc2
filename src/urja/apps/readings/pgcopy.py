"""PostgreSQL's binary COPY format, built by NumPy for a whole batch at once.

A row of fixed-width fields has a fixed shape and becomes a structured dtype: field count, then length and value of each
field, big-endian. A column without any value is only its length, -1. Where some values of a column are null, rows
differ in length; then the bytes of the null values are cut out of the finished rows by a mask. An array is a head and
such fields.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import psycopg
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
"""Signature, flags, and the length of the header extension."""
TRAILER: Final = b"\xff\xff"

_POSTGRES_EPOCH_S: Final = 946_684_800
"""2000-01-01 in Unix seconds; PostgreSQL counts microseconds from there."""

Column = tuple[NDArray[np.generic], str]
"""Values and their width on the wire: `i8`, `i4`, `i2` or `u1` (boolean). Masked values of a masked array are null.

Two-dimensional values become arrays of `bigint` (`i8`) or `integer` (`i4`), one a row.
"""


def timestamps(unix_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `timestamptz` wire values (microseconds since 2000) for Unix seconds."""
    return (unix_s - _POSTGRES_EPOCH_S) * 1_000_000


def timestamps_ms(unix_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `timestamptz` wire values (microseconds since 2000) for Unix milliseconds."""
    return (unix_ms - _POSTGRES_EPOCH_S * 1000) * 1000


def dates(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `date` wire values (width `i4`, days since 2000) for days since 1970-01-01."""
    # Days from 1970-01-01 to 2000-01-01, where PostgreSQL starts counting.
    return days - 10_957


CHUNK: Final = 8192
"""Rows encoded at a time. They stay in the processor's cache, and the server reads one chunk while the next is encoded.
"""


def copy(cursor: psycopg.Cursor, table: str, columns: str, fields: Sequence[Column]) -> None:
    """Copy rows into a table, `fields` in the order of its named `columns`."""
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copying:
        for piece in encode(fields):
            copying.write(piece)


def encode(columns: Sequence[Column]) -> Iterator[bytes]:
    """Yield a complete COPY in pieces: header, one row per array element, trailer."""
    count = len(columns[0][0])
    yield HEADER
    for first in range(0, count, CHUNK):
        yield _chunk([(values[first : first + CHUNK], width) for values, width in columns])
    yield TRAILER


def _chunk(columns: Sequence[Column]) -> bytes:
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = [("count", ">i2")]
    cells: dict[str, Column] = {}
    for number, (values, width) in enumerate(columns):
        if values.ndim == 1:
            parts = {str(number): values}
        else:
            fields.append((f"array{number}", ">i4", (_ARRAY_HEAD,)))
            parts = {f"{number}-{place}": values[:, place] for place in range(values.shape[1])}
        for name, part in parts.items():
            cells[name] = (part, width)
            fields.append((f"length{name}", ">i4"))
            if not np.ma.getmaskarray(part).all():
                fields.append((f"value{name}", f">{width}"))
    # All rows share the field count and the lengths, so one template row is repeated.
    template = np.zeros(1, np.dtype(fields))
    present = template.dtype.names or ()
    template["count"] = len(columns)
    for name, (_, width) in cells.items():
        template[f"length{name}"] = np.dtype(width).itemsize if f"value{name}" in present else -1
    rows = np.repeat(template, len(columns[0][0]))
    partly_absent: list[tuple[str, NDArray[np.bool_]]] = []
    for name, (values, _) in cells.items():
        if f"value{name}" in present:
            rows[f"value{name}"] = np.ma.getdata(values)
            mask = np.ma.getmaskarray(values)
            if mask.any():
                partly_absent.append((name, mask))
    for number, (values, width) in enumerate(columns):
        if values.ndim == 2:
            _set_array_heads(rows[f"array{number}"], values, width)
    return _cut(rows, partly_absent)


_ARRAY_HEAD: Final = 6
"""Integers before the elements of an array: bytes of the field, dimensions, whether any is null, the type of an element,
their count, and the number of the first.
"""
_ELEMENT_TYPES: Final = {"i4": 23, "i8": 20}
"""PostgreSQL's numbers of the types `integer` and `bigint`."""


def _set_array_heads(heads: NDArray[np.int32], values: NDArray[np.generic], width: str) -> None:
    count, nulls = values.shape[1], np.ma.getmaskarray(values).sum(axis=1)
    size = np.dtype(width).itemsize
    heads[:, 0] = 20 + count * 4 + (count - nulls) * size
    heads[:, 1:] = (1, 0, _ELEMENT_TYPES[width], count, 1)
    heads[:, 2] = nulls > 0


def _cut(rows: NDArray[np.void], absent: list[tuple[str, NDArray[np.bool_]]]) -> bytes:
    """Return the bytes of the rows without the values that are null, whose length becomes -1."""
    if not absent:
        return rows.tobytes()
    columns = rows.dtype.fields
    assert columns is not None, "the rows have named columns"
    kept = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    for name, mask in absent:
        rows[f"length{name}"][mask] = -1
        dtype, offset = columns[f"value{name}"][:2]
        kept[mask, offset : offset + dtype.itemsize] = False
    matrix = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return matrix[kept].tobytes()
