"""PostgreSQL's binary COPY format, built for a whole batch at once by NumPy.

A row of fixed-width fields has a fixed shape, so it is a structured dtype: field count, then length and value of
each field, big-endian. A column without any value is its length alone (-1). Where some values of a column are
null the rows are of different lengths; then the bytes of absent values are cut out of the finished rows by a mask.
"""

from collections.abc import Iterator, Sequence
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


CHUNK: Final = 8192
"""Rows encoded at a time: they stay in the processor's cache, and the server reads one chunk while the next is
made."""


def encode(columns: Sequence[Column]) -> Iterator[bytes]:
    """The whole of a COPY in pieces: header, one row per element, trailer."""
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
        mask = np.ma.getmask(values)
        if mask is np.ma.nomask or not mask.all():
            fields.append((f"value{number}", f">{width}"))
            if mask is not np.ma.nomask and mask.any():
                partly_absent.append((number, mask))
    # Lengths are alike in all rows, so they are laid down once, with the count, by copying one row.
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
    """The bytes of the rows without the values that are absent, whose length is -1."""
    if not absent:
        return rows.tobytes()
    kept = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    for number, mask in absent:
        rows[f"length{number}"][mask] = -1
        dtype, offset = rows.dtype.fields[f"value{number}"][:2]
        kept[mask, offset : offset + dtype.itemsize] = False
    matrix = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    return matrix[kept].tobytes()
