"""PostgreSQL's binary COPY format, built by NumPy for a whole batch at once.

A row of fixed-width fields has a fixed shape and becomes a structured dtype: field count, then length and value of each
field, big-endian. A column without any value is only its length, -1. Where some values of a column are null, rows
differ in length; then the bytes of the null values are cut out of the finished rows by a mask.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
"""Signature, flags, and the length of the header extension."""
TRAILER: Final = b"\xff\xff"

_POSTGRES_EPOCH_S: Final = 946_684_800
"""2000-01-01 in Unix seconds; PostgreSQL counts microseconds from there."""

Column = tuple[NDArray[Any], str]
"""Values and their width on the wire: `i8`, `i4`, `i2` or `u1` (boolean). Masked values of a masked array are null."""


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


def encode(columns: Sequence[Column]) -> Iterator[bytes]:
    """Yield a complete COPY in pieces: header, one row per array element, trailer."""
    count = len(columns[0][0])
    yield HEADER
    for first in range(0, count, CHUNK):
        yield _chunk([(values[first : first + CHUNK], width) for values, width in columns])
    yield TRAILER


def _chunk(columns: Sequence[Column]) -> bytes:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    partly_absent: list[tuple[int, NDArray[np.bool_]]] = []
    for number, (values, width) in enumerate(columns):
        fields.append((f"length{number}", ">i4"))
        mask = np.ma.getmaskarray(values)
        if not mask.all():
            fields.append((f"value{number}", f">{width}"))
            if mask.any():
                partly_absent.append((number, mask))
    # All rows share the field count and the lengths, so one template row is repeated.
    template = np.zeros(1, np.dtype(fields))
    template["count"] = len(columns)
    for number, (_, width) in enumerate(columns):
        present = f"value{number}" in (template.dtype.names or ())
        template[f"length{number}"] = np.dtype(width).itemsize if present else -1
    rows = np.repeat(template, len(columns[0][0]))
    for number, (values, _) in enumerate(columns):
        if f"value{number}" in (rows.dtype.names or ()):
            rows[f"value{number}"] = np.ma.getdata(values)
    return _cut(rows, partly_absent)


def _cut(rows: NDArray[np.void], absent: list[tuple[int, NDArray[np.bool_]]]) -> bytes:
    """Return the bytes of the rows without the values that are null, whose length becomes -1."""
    if not absent:
        return rows.tobytes()
    columns = rows.dtype.fields
    assert columns is not None, "the rows have named columns"
    kept = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    for number, mask in absent:
        rows[f"length{number}"][mask] = -1
        dtype, offset = columns[f"value{number}"][:2]
        kept[mask, offset : offset + dtype.itemsize] = False
    matrix = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return matrix[kept].tobytes()
