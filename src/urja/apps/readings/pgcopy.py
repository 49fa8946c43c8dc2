"""PostgreSQL's binary COPY format, built for a whole batch at once by NumPy.

A row of fixed-width fields has a fixed shape, so it is a structured dtype: field count, then length and value of
each field, big-endian. Where values are null the rows are of different lengths; then the bytes of absent values
are cut out of the finished matrix by one mask.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
"""Signature, flags, length of the header's extension."""
TRAILER: Final = b"\xff\xff"

_POSTGRES_EPOCH_S: Final = 946_684_800
"""2000-01-01, from which PostgreSQL counts microseconds."""

Column = tuple[NDArray[Any], str]
"""Values and their width on the wire: `i8`, `i4`, `i2` or `u1` (boolean). A masked array's masked values are null."""


def timestamps(unix_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """`timestamptz` values of instants in Unix seconds."""
    return (unix_s - _POSTGRES_EPOCH_S) * 1_000_000


def timestamps_ms(unix_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """`timestamptz` values of instants in Unix milliseconds."""
    return (unix_ms - _POSTGRES_EPOCH_S * 1000) * 1000


def dates(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """`date` values (width `i4`) of days since 1970-01-01."""
    return days - 10_957


def encode(columns: Sequence[Column]) -> bytes:
    """The whole of a COPY: header, one row per element, trailer."""
    count = len(columns[0][0])
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for number, (_, width) in enumerate(columns):
        fields += [(f"length{number}", ">i4"), (f"value{number}", f">{width}")]
    rows = np.empty(count, np.dtype(fields))
    rows["count"] = len(columns)
    absent: list[tuple[int, NDArray[np.bool_]]] = []
    for number, (values, width) in enumerate(columns):
        rows[f"length{number}"] = np.dtype(width).itemsize
        mask = np.ma.getmask(values)
        if mask is not np.ma.nomask and mask.any():
            rows[f"length{number}"][mask] = -1
            absent.append((number, mask))
        rows[f"value{number}"] = np.ma.getdata(values)
    return b"".join((HEADER, _cut(rows, absent), TRAILER))


def _cut(rows: NDArray[np.void], absent: list[tuple[int, NDArray[np.bool_]]]) -> bytes:
    if not absent:
        return rows.tobytes()
    kept = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    for number, mask in absent:
        dtype, offset = rows.dtype.fields[f"value{number}"][:2]
        kept[mask, offset : offset + dtype.itemsize] = False
    matrix = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return matrix[kept].tobytes()
