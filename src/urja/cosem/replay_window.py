"""The replay window of one (system title, key): which invocation counters were accepted.

A push is unconfirmed, may be duplicated and may arrive late, so counters are judged by a sliding window
(after RFC 4303, 3.4.3) and not by "greater than the last". A counter is *in flight* from the authentication
of its push until the broker has acknowledged it; only then does the window advance. Counters in flight are
lost with the process: the push may come again, and the ingest finds the duplicate.

`ReplayWindow` is one window and the definition; `ReplayWindows` has those of a fleet as arrays, and judges,
reserves and commits whole batches by the same rules (property test).
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.cosem.errors import LocalError

type Ints = npt.NDArray[np.int64]
type Index = npt.NDArray[np.intp]

WIDTH: Final = 64
"""Counters of a window: the newest 64."""
MAX_COUNTER: Final = 0xFFFF_FFFF
"""The last invocation counter: 32 bits."""
_MASK: Final = (1 << WIDTH) - 1
_EMPTY: Final = -1
_ENCODED: Final = 12


class Verdict(Enum):
    """The window's judgement of a counter."""

    FRESH = "fresh"
    DUPLICATE = "duplicate"
    IN_FLIGHT = "in flight"
    TOO_OLD = "too old"


class ReplayWindow:
    """A window of the newest 64 counters; `highest` is -1 before the first commit.

    `bitmap` has bit n set where counter `highest - n` was accepted. `pending` is the first counter in flight
    (-1: none) and `others` are more of them (None: no more): most windows are at rest and few have two in
    flight, so a set for each meter of a fleet would be mostly empty.
    """

    __slots__ = ("bitmap", "highest", "others", "pending")

    def __init__(self) -> None:
        self.highest = _EMPTY
        self.bitmap = 0
        self.pending = _EMPTY
        self.others: set[int] | None = None

    @property
    def at_rest(self) -> bool:
        """Whether no counter is in flight."""
        return self.pending == _EMPTY

    def check(self, counter: int) -> Verdict:
        """Return the verdict on `counter`, and change nothing."""
        if counter == self.pending or (self.others is not None and counter in self.others):
            return Verdict.IN_FLIGHT
        behind = self.highest - counter
        if behind < 0:
            return Verdict.FRESH
        if behind >= WIDTH:
            return Verdict.TOO_OLD
        return Verdict.DUPLICATE if self.bitmap >> behind & 1 else Verdict.FRESH

    def reserve(self, counter: int) -> None:
        """Mark a fresh counter as in flight; raises LocalError where it is not fresh or not 32 bits."""
        if not 0 <= counter <= MAX_COUNTER:
            raise LocalError(f"invocation counter {counter} is not an unsigned 32-bit number")
        verdict = self.check(counter)
        if verdict is not Verdict.FRESH:
            raise LocalError(f"invocation counter {counter} cannot be reserved: it is {verdict.value}")
        if self.pending == _EMPTY:
            self.pending = counter
        elif self.others is None:
            self.others = {counter}
        else:
            self.others.add(counter)

    def commit(self, counter: int) -> None:
        """Advance the window: the push is stored. Raises LocalError where the counter was not reserved."""
        if counter == self.pending and self.others is None and counter != _EMPTY:
            self.pending = _EMPTY  # by far the usual case, without a call
        else:
            self._release(counter)
        ahead = counter - self.highest
        if ahead > 0:
            # A jump of the whole width or more forgets everything; shifting by it would build a huge integer.
            remaining = self.bitmap << ahead if ahead < WIDTH else 0
            self.bitmap = (remaining | 1) & _MASK
            self.highest = counter
        elif -ahead < WIDTH:
            self.bitmap |= 1 << -ahead
        # else: later counters overtook it by more than the width, and `check` says TOO_OLD from now on.

    def rollback(self, counter: int) -> None:
        """Release a counter: the push may come again. Raises LocalError where it was not reserved."""
        self._release(counter)

    def _release(self, counter: int) -> None:
        others = self.others
        if counter == self.pending and counter != _EMPTY:
            self.pending = _EMPTY if others is None else others.pop()
        elif others is not None and counter in others:
            others.remove(counter)
        else:
            raise LocalError(f"invocation counter {counter} was not reserved")
        if not others:
            self.others = None

    def to_bytes(self) -> bytes:
        """Return what is committed: highest (4 bytes) and bitmap (8), big-endian.

        Empty before the first commit.
        """
        if self.highest == _EMPTY:
            return b""
        return self.highest.to_bytes(4) + self.bitmap.to_bytes(8)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "ReplayWindow":
        """Return the window that `to_bytes` encoded; raises LocalError for any other bytes."""
        window = cls()
        if not encoded:
            return window
        # Bit 0 is the highest counter itself, which was accepted: a window without it was never written by
        # `to_bytes`.
        if len(encoded) != _ENCODED or not encoded[-1] & 1:
            raise LocalError(
                f"a replay window is 12 bytes with its lowest bit set, or none; these are {encoded.hex()}"
            )
        window.highest = int.from_bytes(encoded[:4])
        window.bitmap = int.from_bytes(encoded[4:])
        return window


VERDICTS: Final = (Verdict.FRESH, Verdict.DUPLICATE, Verdict.IN_FLIGHT, Verdict.TOO_OLD)
"""The verdicts that the numbers of `ReplayWindows.check` are indexes of."""
_FRESH, _DUPLICATE, _IN_FLIGHT, _TOO_OLD = range(4)
_FIRST_ROOM: Final = 64
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(2**64 - 1)


def packed_keys(rows: Index, counters: Ints) -> Ints:
    """Return row and counter of each window as one number: the row in the upper 32 bits."""
    keys: Ints = rows << 32 | counters
    return keys


class ReplayWindows:
    """The windows of many meters as arrays, one a row; the rules are those of `ReplayWindow`."""

    def __init__(self) -> None:
        self._size = 0
        self._highest = np.full(_FIRST_ROOM, _EMPTY, np.int64)
        self._bitmap = np.zeros(_FIRST_ROOM, np.uint64)
        # The highest counter that was ever reserved or committed. A counter beyond it is fresh without another check:
        # the arithmetic of duplicates is for the few that are not.
        self._newest = np.full(_FIRST_ROOM, _EMPTY, np.int64)
        self._flights: set[InFlightCounters] = set()

    def __len__(self) -> int:
        return self._size

    def add(self, window: ReplayWindow | None = None) -> int:
        """Add a row that begins as what `window` has committed; returns its number."""
        row = self._size
        self._size += 1
        if row == len(self._highest):
            self._highest = np.concatenate([self._highest, np.full(row, _EMPTY, np.int64)])
            self._bitmap = np.concatenate([self._bitmap, np.zeros(row, np.uint64)])
            self._newest = np.concatenate([self._newest, np.full(row, _EMPTY, np.int64)])
        if window is not None:
            self._highest[row] = self._newest[row] = window.highest
            self._bitmap[row] = window.bitmap
        return row

    def at(self, row: int) -> ReplayWindow:
        """Return a copy of one window as it is now, its counters in flight included."""
        window = ReplayWindow()
        window.highest, window.bitmap = int(self._highest[row]), int(self._bitmap[row])
        in_flight = [counter for flight in self._flights for counter in flight.of(row)]
        if in_flight:
            window.pending, *others = in_flight
            window.others = set(others) or None
        return window

    def restart_at(self, row: int, counter: int) -> None:
        """Restart one window: every counter up to `counter` counts as accepted."""
        self._highest[row] = self._newest[row] = counter
        self._bitmap[row] = _ALL

    def to_bytes(self, row: int) -> bytes:
        """Return what one window has committed, as `ReplayWindow.to_bytes` does."""
        highest = int(self._highest[row])
        return b"" if highest == _EMPTY else highest.to_bytes(4) + int(self._bitmap[row]).to_bytes(8)

    def highest(self, row: int) -> int:
        """Return the highest counter accepted; -1 before the first."""
        return int(self._highest[row])

    def check(self, rows: Index, counters: Ints) -> npt.NDArray[np.int8]:
        """Return the verdict on each counter by its window, as indexes into `VERDICTS`, and change nothing.

        Counters are unsigned 32-bit numbers. Each is judged by itself: two equal ones are both fresh.
        """
        verdicts = np.zeros(len(rows), np.int8)
        known = np.flatnonzero(counters <= self._newest[rows])
        if len(known):
            verdicts[known] = self._check_known(rows[known], counters[known])
        return verdicts

    def _check_known(self, rows: Index, counters: Ints) -> npt.NDArray[np.int8]:
        behind = self._highest[rows] - counters
        place = np.clip(behind, 0, WIDTH - 1).astype(np.uint64)
        accepted = (self._bitmap[rows] >> place & np.uint64(1)).astype(np.bool_)
        verdicts = np.where(accepted & (behind >= 0), _DUPLICATE, _FRESH)
        verdicts[behind >= WIDTH] = _TOO_OLD
        if self._flights:
            flying = np.concatenate([flight.keys() for flight in self._flights])
            verdicts[np.isin(packed_keys(rows, counters), flying)] = _IN_FLIGHT
        return verdicts.astype(np.int8)

    def flight(self, size: int) -> "InFlightCounters":
        """Return room for the counters of a batch of `size` pushes."""
        return InFlightCounters(self, size)

    def _reserved(self, flight: "InFlightCounters", rows: Index, counters: Ints) -> None:
        self._flights.add(flight)
        np.maximum.at(self._newest, rows, counters)

    def _commit(self, rows: Index, counters: Ints) -> None:
        """Advance the windows; a row may occur several times, and their order does not matter."""
        before = self._highest[rows]
        np.maximum.at(self._highest, rows, counters)
        highest = self._highest[rows]
        # NumPy shifts a 64-bit number by 64 or more to zero, which is right: nothing of the window is left then. A row
        # that occurs twice gets the same value twice.
        self._bitmap[rows] = self._bitmap[rows] << (highest - before).view(np.uint64)
        np.bitwise_or.at(self._bitmap, rows, _ONE << (highest - counters).view(np.uint64))

    def _landed(self, flight: "InFlightCounters") -> None:
        self._flights.discard(flight)


class InFlightCounters:
    """The counters of one batch that are in flight, by position in the batch; made by `ReplayWindows.flight`."""

    def __init__(self, windows: ReplayWindows, size: int) -> None:
        self._windows = windows
        self._rows = np.zeros(size, np.intp)
        self._counters = np.zeros(size, np.int64)
        self._open = np.zeros(size, np.bool_)
        self._left = 0

    def reserve(self, positions: Index, rows: Index, counters: Ints) -> None:
        """Mark fresh counters as in flight; raises LocalError where one is not fresh or occurs twice."""
        if not len(positions):
            return
        keys = np.sort(packed_keys(rows, counters))
        if self._windows.check(rows, counters).any() or np.any(keys[1:] == keys[:-1]):
            raise LocalError("an invocation counter cannot be reserved: it is not fresh")
        self._rows[positions] = rows
        self._counters[positions] = counters
        self._open[positions] = True
        self._left += len(positions)
        self._windows._reserved(self, rows, counters)  # noqa: SLF001 - same module

    def commit(self, positions: Sequence[int] | Index | None = None) -> None:
        """Advance the windows of these pushes (of all in flight, by default): they are stored.

        Raises LocalError where one is not in flight, and then changes nothing.
        """
        taken = self._take(positions)
        self._windows._commit(self._rows[taken], self._counters[taken])  # noqa: SLF001 - same module

    def rollback(self, positions: Sequence[int] | Index | None = None) -> None:
        """Release the counters of these pushes (of all in flight, by default): they may come again.

        Raises LocalError where one is not in flight, and then changes nothing.
        """
        self._take(positions)

    def _take(self, positions: Sequence[int] | Index | None) -> Index:
        taken = np.flatnonzero(self._open) if positions is None else np.asarray(positions, np.intp)
        was_open = self._open[taken]
        self._open[taken] = False
        left = int(np.count_nonzero(self._open))
        # A position that is closed, or given twice, closes fewer positions than were given: the batch is
        # restored before the error.
        if self._left - left != len(taken):
            self._open[taken] = was_open
            closed = taken[~was_open]
            raise LocalError(
                f"push {closed[0]} is not in flight" if len(closed) else "a push cannot be settled twice"
            )
        self._left = left
        if not left:
            self._windows._landed(self)  # noqa: SLF001 - same module
        return taken

    def keys(self) -> Ints:
        """Return window and counter, packed, of everything in flight."""
        return packed_keys(self._rows[self._open], self._counters[self._open])

    def of(self, row: int) -> list[int]:
        """Return the counters in flight in one window."""
        counters: list[int] = self._counters[self._open & (self._rows == row)].tolist()
        return counters
