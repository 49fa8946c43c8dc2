"""System titles to row numbers, for a whole batch of pushes at once.

A hash table with open addressing in two arrays: a look-up is one multiplication and two gathers for all
titles together, and touches a few bytes a meter, where a dict's entries, keys and values are scattered in
memory.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

type Titles = npt.NDArray[np.uint64]
"""System titles as numbers: their 8 bytes as they are in memory."""
type Rows = npt.NDArray[np.intp]

_EMPTY: Final = -1
_GONE: Final = -2
"""A title that was discarded: look-ups of others continue past it."""
_FIRST_BITS: Final = 8
_ROOM_PER_TITLE: Final = 4
"""Slots of the table for each title: with a quarter in use a look-up rarely needs a second step."""
_MASK: Final = (1 << 64) - 1


class TitleIndex:
    """Row numbers, from 0, by system title (8 bytes)."""

    def __init__(self, entropy: int) -> None:
        """`entropy` is 64 bits that no sender knows."""
        self._numbers: dict[bytes, int] = {}
        # Senders choose their titles. The factor is secret, so that no sender can make titles that share a slot and
        # slow every look-up down.
        self._factor = entropy | 1
        self._clear(_FIRST_BITS)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, title: object) -> bool:
        return title in self._numbers

    def __getitem__(self, title: bytes) -> int:
        return self._numbers[title]

    def put(self, title: bytes, number: int) -> None:
        """Add a title, or change its number."""
        self._numbers[title] = number
        if self._used * _ROOM_PER_TITLE >= len(self._rows):
            self._grow()
        else:
            self._place(title, number)

    def pop(self, title: bytes) -> int | None:
        """Remove a title; returns its number, None where it is unknown."""
        number = self._numbers.pop(title, None)
        if number is not None:
            self._place(title, _GONE)
        return number

    def find(self, titles: Titles) -> Rows:
        """Return the numbers of these titles; -1 for an unknown title."""
        at = (titles * np.uint64(self._factor) >> np.uint64(64 - self._bits)).astype(np.intp)
        rows = self._rows[at]
        left = np.flatnonzero((self._titles[at] != titles) & (rows != _EMPTY))
        while len(left):
            at[left] = at[left] + 1 & len(self._rows) - 1
            rows[left] = self._rows[at[left]]
            left = left[(self._titles[at[left]] != titles[left]) & (rows[left] != _EMPTY)]
        # A discarded title is as unknown as one that was never there.
        return np.maximum(rows, _EMPTY, out=rows)

    def _place(self, title: bytes, number: int) -> None:
        value = int(np.frombuffer(title, np.uint64)[0])
        at = (value * self._factor & _MASK) >> (64 - self._bits)
        while self._rows[at] != _EMPTY and self._titles[at] != value:
            at = at + 1 & len(self._rows) - 1
        # A discarded slot stays in use until the table grows: freeing it would end the search for titles
        # placed behind it.
        self._used += self._rows[at] == _EMPTY
        self._titles[at] = value
        self._rows[at] = number

    def _grow(self) -> None:
        bits = self._bits
        while len(self._numbers) * _ROOM_PER_TITLE * 2 > 1 << bits:
            bits += 1
        self._clear(bits)
        for title, number in self._numbers.items():
            self._place(title, number)

    def _clear(self, bits: int) -> None:
        self._bits = bits
        self._used = 0
        self._titles = np.zeros(1 << bits, np.uint64)
        self._rows = np.full(1 << bits, _EMPTY, np.intp)
