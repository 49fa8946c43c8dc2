"""Validation of readings: each check takes columns for many meters and returns a mask, true where it objects.

Pure: what to do about an objection (refuse, mark as suspect, estimate) is the caller's to say. Instants are Unix
seconds, quantities base units, all in int64 arrays of one length; `NULL` stands where the meter sent nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

NULL: Final = -(2**63)

CLOCK_UNFIT: Final = 0x01 | 0x02 | 0x08
"""Clock status bits that make a stamp doubtful: invalid value, doubtful value, invalid status
(IEC 62056-6-2, 4.1.6.1)."""
CLOCK_STATUS_ABSENT: Final = 0xFF
"""A clock that does not give its status is not thereby doubtful."""

OVERLOAD_PERCENT: Final = 120
"""A meter carries 1.2 times its maximum current and still measures (IEC 62052-11): no more is plausible."""

STAMP_SLACK_S: Final = 60
"""Two registers read seconds apart are stamped to the second, and their clock may be corrected in between."""


def absent(value: Integers) -> Mask:
    """The meter sent null-data."""
    return np.equal(value, NULL)


def implausible(energy: Integers, length_s: Integers, limit_w: Integers) -> Mask:
    """Energy of an interval (Wh) below zero or above what `limit_w` and the overload margin allow.

    A value that the meter did not send (`NULL`) is not judged.
    """
    # Compared as W·s·100 without a division; a Wh figure beyond 10**13 is refused before it could overflow.
    bounded = np.clip(energy, -1, 10**13)
    ceiling = limit_w * length_s * OVERLOAD_PERCENT
    return ~absent(energy) & ((energy < 0) | (energy > 10**13) | (bounded * 3600 * 100 > ceiling))


def in_future(stamp_at: Integers, now: int, tolerance_s: int) -> Mask:
    """Stamped later than `now` by more than a clock's permitted error."""
    return np.greater(stamp_at, now + tolerance_s)


def misaligned(start_at: Integers, length_s: Integers, interval_s: Integers, utc_offset_s: int) -> Mask:
    """Not one whole interval of the meter, counted from local midnight."""
    positive = np.maximum(interval_s, 1)
    return np.not_equal(length_s, interval_s) | np.not_equal((start_at + utc_offset_s) % positive, 0)


def clock_flagged(clock_status: NDArray[np.integer]) -> Mask:
    """The meter's own clock status says that the stamp is not to be trusted."""
    status = clock_status.astype(np.int64)
    flagged: Mask = np.not_equal(status, CLOCK_STATUS_ABSENT) & np.not_equal(status & CLOCK_UNFIT, 0)
    return flagged


def runs_back(device: Integers, read_wh: Integers, before_wh: Integers, after_wh: Integers) -> Mask:
    """A cumulative register below an earlier read of the same device, or above a later one.

    Rows are ordered by device and time. `before_wh` and `after_wh` are the stored neighbours in time of each
    row, `NULL` where there is none. Of two rows in the batch that contradict each other the later is refused.
    """
    if len(device) == 0:
        return np.zeros(0, np.bool_)
    against_stored = (~absent(before_wh) & (read_wh < before_wh)) | (~absent(after_wh) & (read_wh > after_wh))
    highest = _running_maximum(device, np.where(against_stored, NULL, read_wh))
    return against_stored | (read_wh < highest)


def _running_maximum(group: Integers, value: Integers) -> Integers:
    """Highest value of the group up to and including each row; groups lie together."""
    # Each group is lifted above the groups before it. Ranks are lifted, not values: those could overflow.
    values, ranks = np.unique(value, return_inverse=True)
    starts = np.concatenate(([True], group[1:] != group[:-1]))
    lift = (np.cumsum(starts) - 1) * (len(value) + 1)
    highest: Integers = values[np.maximum.accumulate(ranks + lift) - lift]
    return highest


def advances_too_fast(
    read_at: Integers, read_wh: Integers, before_at: Integers, before_wh: Integers, limit_w: Integers
) -> Mask:
    """A register that has advanced by more since the read before than the meter can carry.

    Rows without a stored read before (`before_at` is `NULL`) are not judged.
    """
    known = ~absent(before_at)
    elapsed_s = np.where(known, read_at - np.where(known, before_at, 0), 0) + STAMP_SLACK_S
    advance_wh = np.where(known, read_wh - np.where(known, before_wh, 0), 0)
    return known & (advance_wh > 0) & implausible(np.maximum(advance_wh, 0), elapsed_s, limit_w)
