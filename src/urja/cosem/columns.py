"""The cells of push columns as arrays: which A-XDR types a layout may have, and how their bytes become int64.

Used by `layout`; the scalar counterpart is in `axdr` and `time`, and a property test holds the two together.
"""

from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.cosem.axdr import Tag
from urja.cosem.companion import Column
from urja.cosem.errors import LocalError
from urja.cosem.time import DEVIATION_NOT_SPECIFIED, NOT_SPECIFIED, DeviationSign

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NULL: Final = -(2**63)
"""Content of a cell without a value."""

INTEGER_FORMATS: Final = {
    Tag.BOOLEAN: "u1",
    Tag.INT32: ">i4",
    Tag.UINT32: ">u4",
    Tag.INT8: "i1",
    Tag.INT16: ">i2",
    Tag.UINT8: "u1",
    Tag.UINT16: ">u2",
    Tag.INT64: ">i8",
    Tag.UINT64: ">u8",
    Tag.ENUM: "u1",
}
"""NumPy format of each integer type on the wire."""
BYTES_TAGS: Final = (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING, Tag.BIT_STRING)
"""A-XDR types of bytes columns."""
INSTANT = np.dtype(
    [
        ("year", ">u2"),
        ("month", "u1"),
        ("day", "u1"),
        ("weekday", "u1"),
        ("hour", "u1"),
        ("minute", "u1"),
        ("second", "u1"),
        ("hundredths", "u1"),
        ("deviation", ">i2"),
        ("status", "u1"),
    ]
)
"""The twelve bytes of a COSEM date-time (Blue Book 4.1.6.1)."""
INSTANT_SIZE: Final = 12
INT64_MAX: Final = 2**63 - 1
_MANY_CLOCKS: Final = 64
"""Number of date-times from which looking for equal ones pays."""
_MAX_DISTINCT: Final = 6
"""Number of distinct date-times up to which each is converted once."""
_DAYS_IN_MONTH: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)


class Kind(Enum):
    """The form of a column's values: integers, epoch seconds with a clock status, or bytes."""

    INTEGER = "integer"
    INSTANT = "instant"
    BYTES = "bytes"


def kind_of(column: Column) -> Kind:
    """Return the kind of a column; raises LocalError for an A-XDR type that a push layout cannot have."""
    if column.tag in INTEGER_FORMATS:
        return Kind.INTEGER
    if column.tag == Tag.DATE_TIME or (column.tag == Tag.OCTET_STRING and column.length == INSTANT_SIZE):
        return Kind.INSTANT
    if column.tag in BYTES_TAGS:
        return Kind.BYTES
    raise LocalError(f"column {column.key!r}: A-XDR tag {column.tag} is not possible in a push layout")


def integers(raw: npt.NDArray[np.number], tag: int) -> tuple[Ints, Mask | bool]:
    """Return an integer column as int64, and which cells have a value.

    A long64-unsigned above 2**63 - 1 does not fit and has none.
    """
    if tag == Tag.BOOLEAN:
        return (raw != 0).astype(np.int64), True
    if tag == Tag.UINT64:
        fits = raw <= np.uint64(INT64_MAX)
        return np.where(fits, raw.astype(np.int64), NULL), fits
    return raw.astype(np.int64), True


def epoch_seconds(
    clocks: npt.NDArray[np.void], sign: DeviationSign, default_deviation_min: int
) -> tuple[Ints, Mask]:
    """Return COSEM date-times (dtype of 12 bytes) as UTC epoch seconds, and which of them are instants.

    `default_deviation_min` is in minutes. The rules are those of `CosemDateTime.to_utc`; hundredths are
    dropped.
    """
    if len(clocks) > _MANY_CLOCKS and (distinct := _distinct_clocks(clocks)) is not None:
        # The meters of a fleet push at the same minute: each distinct stamp is converted once.
        firsts, which = distinct
        seconds, valid = _epoch_seconds(clocks[firsts], sign, default_deviation_min)
        return seconds[which], valid[which]
    return _epoch_seconds(clocks, sign, default_deviation_min)


def _distinct_clocks(clocks: npt.NDArray[np.void]) -> tuple[list[int], npt.NDArray[np.intp]] | None:
    """Return the first position of each distinct date-time, and for each date-time which of these it is.

    None where there are more than `_MAX_DISTINCT`: then converting all is faster.
    """
    # Twelve bytes compare as one 64-bit and one 32-bit number; comparing structured values would go field by
    # field.
    words = np.ascontiguousarray(clocks).view(np.uint32).reshape(len(clocks), 3)
    date = np.ascontiguousarray(words[:, :2]).view(np.uint64).ravel()
    rest = words[:, 2]
    firsts: list[int] = []
    which = np.zeros(len(clocks), np.intp)
    left = np.ones(len(clocks), np.bool_)
    while left.any():
        if len(firsts) == _MAX_DISTINCT:
            return None
        first = int(left.argmax())
        same = (date == date[first]) & (rest == rest[first])
        which[same] = len(firsts)
        firsts.append(first)
        left &= ~same
    return firsts, which


def _epoch_seconds(
    clocks: npt.NDArray[np.void], sign: DeviationSign, default_deviation_min: int
) -> tuple[Ints, Mask]:
    year, month, day, hour, minute, second, hundredths, deviation = (
        clocks[name].astype(np.int64)
        for name in ("year", "month", "day", "hour", "minute", "second", "hundredths", "deviation")
    )
    second[second == NOT_SPECIFIED] = 0
    hundredths[hundredths == NOT_SPECIFIED] = 0
    deviation[deviation == DEVIATION_NOT_SPECIFIED] = default_deviation_min
    month_known = (month >= 1) & (month <= 12)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last_day = _DAYS_IN_MONTH[np.where(month_known, month, 0)] + (leap & (month == 2))
    valid = (
        month_known
        & (year >= 2)
        & (year <= 9997)
        & (day >= 1)
        & (day <= last_day)
        & (hour <= 23)
        & (minute <= 59)
        & (second <= 59)
        & (hundredths <= 99)
        & (np.abs(deviation) <= 1440)
    )
    # Days since 1970 from a civil date; the year begins in March here, so that the leap day is its last day.
    late = month <= 2
    years = year - late
    day_of_year = (153 * (month + np.where(late, 9, -3)) + 2) // 5 + day - 1
    days = years * 365 + years // 4 - years // 100 + years // 400 + day_of_year - 719468
    offset = deviation if sign is DeviationSign.DLMS else -deviation
    seconds = ((days * 24 + hour) * 60 + minute + offset) * 60 + second
    return np.where(valid, seconds, NULL), valid
