"""Validation checks of readings (VEE). Each check takes columns for many meters and returns a mask, true for a bad
value.

The checks only detect; whether a bad value is refused, flagged or estimated is the caller's decision. Instants are
Unix seconds and quantities are base units (Wh, W), all in int64 arrays of one length. `NULL` marks a value that the
meter did not send: NumPy's int64 has no missing value, and a float array would lose exact Wh above 2**53.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

NULL: Final = -(2**63)
"""Marks a missing value in an int64 column: the lowest integer, which no register holds."""

CLOCK_UNFIT: Final = 0x01 | 0x02 | 0x08
"""Clock status bits that make a time stamp unreliable: invalid value (bit 0), doubtful value (bit 1), invalid status
(bit 3) (IEC 62056-6-2, 4.1.6.1).
"""
CLOCK_STATUS_ABSENT: Final = 0xFF
"""The status of a clock that does not report one; such a time stamp is accepted."""

OVERLOAD_PERCENT: Final = 120
"""The largest plausible power, in percent of the rated power: a meter still measures at 1.2 times its maximum current
(IEC 62052-11).
"""

STAMP_TOLERANCE_S: Final = 60
"""Tolerance, in seconds, for the time between two registers: their stamps are whole seconds, and the clock may be set
in between.
"""


def is_null(value: Integers) -> Mask:
    """Return which values are missing (null-data on the wire)."""
    return np.equal(value, NULL)


def implausible(energy: Integers, length_s: Integers, limit_w: Integers) -> Mask:
    """Return which interval energies (Wh) are negative or above what `limit_w` and the overload margin allow.

    A missing value (`NULL`) is never flagged here.
    """
    # Compared in W·s·100, so that no division rounds. Energies above 10**13 Wh are flagged first: times 360000 they
    # would overflow int64 and wrap to a plausible number.
    bounded = np.clip(energy, -1, 10**13)
    ceiling = limit_w * length_s * OVERLOAD_PERCENT
    return ~is_null(energy) & ((energy < 0) | (energy > 10**13) | (bounded * 3600 * 100 > ceiling))


def in_future(stamp_at: Integers, now: int, tolerance_s: int) -> Mask:
    """Return which time stamps are later than `now` by more than the permitted clock error, in seconds."""
    return np.greater(stamp_at, now + tolerance_s)


def misaligned(start_at: Integers, length_s: Integers, interval_s: Integers, utc_offset_s: Integers) -> Mask:
    """Return which intervals are not exactly one interval of the meter's grid, which counts from its own midnight.

    `utc_offset_s` is the offset of the meter's clock at each start: a present offset says nothing of last month's
    intervals where summer time moves clocks by half an hour.
    """
    positive = np.maximum(interval_s, 1)
    wrong: Mask = np.not_equal(length_s, interval_s) | np.not_equal((start_at + utc_offset_s) % positive, 0)
    return wrong


def clock_flagged(clock_status: NDArray[np.integer]) -> Mask:
    """Return which time stamps the meter's own clock status marks as unreliable."""
    status = clock_status.astype(np.int64)
    flagged: Mask = np.not_equal(status, CLOCK_STATUS_ABSENT) & np.not_equal(status & CLOCK_UNFIT, 0)
    return flagged


def decreases(device: Integers, read_wh: Integers, before_wh: Integers, after_wh: Integers) -> Mask:
    """Return which cumulative registers (Wh) are below an earlier read of the same device or above a later one.

    Rows are sorted by device and time. `before_wh` and `after_wh` are the stored reads next to each row in time,
    `NULL` where none exists. Of two rows in the batch that contradict each other the later one is flagged.
    """
    if len(device) == 0:
        return np.zeros(0, np.bool_)
    against_stored = (~is_null(before_wh) & (read_wh < before_wh)) | (
        ~is_null(after_wh) & (read_wh > after_wh)
    )
    highest = _running_maximum(device, np.where(against_stored, NULL, read_wh))
    return against_stored | (read_wh < highest)


def _running_maximum(group: Integers, value: Integers) -> Integers:
    """Return the highest value of each row's group up to that row; rows of one group are adjacent."""
    # Each group is shifted above all groups before it, so that one running maximum over the column never carries a
    # value into the next group. Ranks are shifted, not values: shifted values could overflow int64.
    values, ranks = np.unique(value, return_inverse=True)
    starts = np.concatenate(([True], group[1:] != group[:-1]))
    lift = (np.cumsum(starts) - 1) * (len(value) + 1)
    highest: Integers = values[np.maximum.accumulate(ranks + lift) - lift]
    return highest


def advances_too_fast(
    read_at: Integers, read_wh: Integers, before_at: Integers, before_wh: Integers, limit_w: Integers
) -> Mask:
    """Return which registers (Wh) advanced faster since the stored read before than the meter can carry (`limit_w`).

    Rows without a stored read before (`before_at` is `NULL`) are never flagged.
    """
    known = ~is_null(before_at)
    elapsed_s = np.where(known, read_at - np.where(known, before_at, 0), 0) + STAMP_TOLERANCE_S
    advance_wh = np.where(known, read_wh - np.where(known, before_wh, 0), 0)
    return known & (advance_wh > 0) & implausible(np.maximum(advance_wh, 0), elapsed_s, limit_w)
