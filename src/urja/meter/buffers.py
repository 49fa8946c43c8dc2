"""Profile buffers: rings of integer rows, stamped by the meter's clock (interface class 7, IEC 62056-6-2).

Rows stay integers, so that 35 days of half-hours take about 100 kB for each meter; they become COSEM data only when
they are read.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

_FIRST_ROOM: Final = 64


class ProfileBuffer:
    """First in, first out: at most `capacity` rows of a stamp (Unix seconds), a clock status and `width` values."""

    def __init__(self, capacity: int, width: int) -> None:
        self.capacity = capacity
        self._rows = np.zeros((min(_FIRST_ROOM, capacity), width + 2), np.int64)
        self._count = 0
        self._head = 0

    def __len__(self) -> int:
        return self._count

    def append(self, stamp_s: int, status: int, values: list[int]) -> None:
        """Append the newest row; a full ring overwrites the oldest."""
        if self._count == len(self._rows) < self.capacity:
            self._grow()
        slot = (self._head + self._count) % len(self._rows)
        self._rows[slot] = (stamp_s, status, *values)
        if self._count == len(self._rows):
            self._head = (self._head + 1) % len(self._rows)
        else:
            self._count += 1

    def by_range(self, from_s: int, to_s: int) -> npt.NDArray[np.int64]:
        """Return the rows stamped within [`from_s`, `to_s`] in the order of capture (IEC 62056-6-2, 4.3.6, range).

        By a scan, not by bisection: after a clock was set back the stamps are not sorted.
        """
        rows = self.by_entry(1, 0)
        return rows[(rows[:, 0] >= from_s) & (rows[:, 0] <= to_s)]

    def by_entry(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Return rows `first` to `last`, counted from 1 at the oldest; `last` 0 means the newest (entry descriptor)."""
        stop = self._count if last == 0 else min(last, self._count)
        order = (self._head + np.arange(max(first, 1) - 1, stop)) % len(self._rows)
        return self._rows[order]

    def newest(self) -> npt.NDArray[np.int64] | None:
        """Return the last captured row; None where the buffer is empty."""
        return self.by_entry(self._count, self._count)[0] if self._count else None

    def clear(self) -> None:
        """Remove all rows (method 1, reset)."""
        self._count = self._head = 0

    def _grow(self) -> None:
        # Only a ring that has never been full grows, so its rows are in order from slot 0.
        room = min(2 * len(self._rows), self.capacity)
        grown = np.zeros((room, self._rows.shape[1]), np.int64)
        grown[: self._count] = self._rows
        self._rows = grown
