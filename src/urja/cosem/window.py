"""The replay window of one (system title, key): which invocation counters have been accepted.

A push is unconfirmed, may be doubled and may arrive late, so counters are judged by a sliding window (after
RFC 4303, 3.4.3) and not by "greater than the last". A counter is *in flight* from the moment its push is
authenticated until the broker has acknowledged it; only then does the window advance. What was in flight when
the process died is not remembered: the push may come again and the last judge of duplicates is the ingest.
"""

from enum import Enum
from typing import Final

from urja.cosem.errors import LocalError

WIDTH: Final = 64
MAX_COUNTER: Final = 0xFFFF_FFFF
_MASK: Final = (1 << WIDTH) - 1
_EMPTY: Final = -1
_ENCODED: Final = 12


class Verdict(Enum):
    """What the window says of a counter."""

    FRESH = "fresh"
    DUPLICATE = "duplicate"
    IN_FLIGHT = "in flight"
    TOO_OLD = "too old"


class ReplayWindow:
    """A window of the newest 64 counters. `highest` is -1 before the first commit.

    `bitmap` has bit n set where counter `highest - n` was accepted. Of what is in flight, `pending` holds the first
    counter (-1: none) and `others` what came on top of it (None: nothing), because most windows are at rest and
    hardly any holds two. The push path reads `highest` and `pending` directly (pushbatch): a method call per push
    is what it cannot afford.
    """

    __slots__ = ("bitmap", "highest", "others", "pending")

    def __init__(self) -> None:
        self.highest = _EMPTY
        self.bitmap = 0
        self.pending = _EMPTY
        self.others: set[int] | None = None

    @property
    def at_rest(self) -> bool:
        """Whether nothing is in flight."""
        return self.pending == _EMPTY

    def check(self, counter: int) -> Verdict:
        """Judge `counter` and change nothing."""
        if counter == self.pending or (self.others is not None and counter in self.others):
            return Verdict.IN_FLIGHT
        behind = self.highest - counter
        if behind < 0:
            return Verdict.FRESH
        if behind >= WIDTH:
            return Verdict.TOO_OLD
        return Verdict.DUPLICATE if self.bitmap >> behind & 1 else Verdict.FRESH

    def reserve(self, counter: int) -> None:
        """Mark a fresh counter as in flight. Raises LocalError where it is not fresh or not 32 bits."""
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
        """The push is accepted: the window advances. Raises LocalError where it was not reserved."""
        if counter == self.pending and self.others is None and counter != _EMPTY:
            self.pending = _EMPTY  # by far the usual case, spared a call
        else:
            self._release(counter)
        ahead = counter - self.highest
        if ahead > 0:
            # A jump of the whole width or more forgets everything; shifting by it would build a huge integer.
            kept = self.bitmap << ahead if ahead < WIDTH else 0
            self.bitmap = (kept | 1) & _MASK
            self.highest = counter
        elif -ahead < WIDTH:
            self.bitmap |= 1 << -ahead
        # else: others overtook it by more than the width; `check` says TOO_OLD from now on.

    def rollback(self, counter: int) -> None:
        """The push was not accepted and may come again. Raises LocalError where it was not reserved."""
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
        """What is committed, in 12 bytes (empty before the first commit): highest, bitmap; big-endian."""
        if self.highest == _EMPTY:
            return b""
        return self.highest.to_bytes(4) + self.bitmap.to_bytes(8)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "ReplayWindow":
        """The inverse of `to_bytes`. Raises LocalError where the bytes are not a window."""
        window = cls()
        if not encoded:
            return window
        if len(encoded) != _ENCODED or not encoded[-1] & 1:
            raise LocalError(
                f"a replay window is 12 bytes with its lowest bit set, or none; these are {encoded.hex()}"
            )
        window.highest = int.from_bytes(encoded[:4])
        window.bitmap = int.from_bytes(encoded[4:])
        return window
