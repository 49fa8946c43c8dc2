"""Events of a meter: codes of its logs (IS 15959-1, event lists) and bits of the event status word."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from urja.meter.inputs import TamperSwitch


class Log(IntEnum):
    """The event logs, numbered as in 0.0.99.98.e.255 and 0.0.96.11.e.255."""

    VOLTAGE = 0
    CURRENT = 1
    POWER = 2
    TRANSACTION = 3
    OTHER = 4
    NON_ROLLOVER = 5
    CONTROL = 6


class EventCode(IntEnum):
    """The events of this meter by the standard's codes; its type may write other codes in their place."""

    R_MISSING = 1
    R_RETURNED = 2
    Y_MISSING = 3
    Y_RETURNED = 4
    B_MISSING = 5
    B_RETURNED = 6
    R_REVERSED = 51
    R_FORWARD = 52
    Y_REVERSED = 53
    Y_FORWARD = 54
    B_REVERSED = 55
    B_FORWARD = 56
    POWER_FAILED = 101
    POWER_RESTORED = 102
    CLOCK_SET = 151
    BILLING_DAY_SET = 154
    CALENDAR_SET = 155
    LOAD_LIMIT_SET = 158
    LOAD_LIMIT_ENABLED = 159
    LOAD_LIMIT_DISABLED = 160
    HLS_SECRET_CHANGED = 162
    KEYS_CHANGED = 164
    STATUS_FILTER_SET = 165
    DEMAND_RESET = 166
    MAGNET_DETECTED = 201
    MAGNET_REMOVED = 202
    NEUTRAL_DISTURBED = 203
    NEUTRAL_RESTORED = 204
    POSTPAID = 211
    PREPAID = 212
    FORWARD_ONLY = 213
    IMPORT_EXPORT = 214
    OVERLOADED = 215
    OVERLOAD_OVER = 216
    COVER_OPENED = 251
    DISCONNECTED = 301
    CONNECTED = 302


LOAD_SWITCH_BIT: Final = 84
"""The bit of the event status word 0.0.94.91.18.255 (IS 15959) for an operation of the load switch, in either
direction. The other bits are the type's, by the events that they stand for.
"""


@dataclass(frozen=True, slots=True)
class Tamper:
    """The event codes of a tamper switch; the status bit of the first stays set while it lasts."""

    begins: EventCode
    ends: EventCode | None


TAMPERS: Final[dict[TamperSwitch, Tamper]] = {
    "cover": Tamper(EventCode.COVER_OPENED, None),
    "magnet": Tamper(EventCode.MAGNET_DETECTED, EventCode.MAGNET_REMOVED),
    "neutral": Tamper(EventCode.NEUTRAL_DISTURBED, EventCode.NEUTRAL_RESTORED),
}


STATUS_WORD_BITS: Final = 128

LOG_CAPACITY: Final = 200
"""Rows of each event log."""


class StatusWord:
    """The event status word as a bit string."""

    def __init__(self) -> None:
        self._bits = 0

    def set(self, bit: int, on: bool) -> None:
        """Set or clear one bit."""
        mask = 1 << (STATUS_WORD_BITS - 1 - bit)
        self._bits = self._bits | mask if on else self._bits & ~mask

    def has(self, bit: int) -> bool:
        """Return whether a bit is set."""
        return bool(self._bits >> (STATUS_WORD_BITS - 1 - bit) & 1)

    def with_bits(self, bits: Iterable[int]) -> "StatusWord":
        """Return a status word with some more bits set."""
        found = StatusWord()
        found._bits = self._bits
        for bit in bits:
            found.set(bit, True)
        return found

    def to_bytes(self) -> bytes:
        """Return sixteen bytes, bit 0 first (the most significant bit of the first byte)."""
        return self._bits.to_bytes(STATUS_WORD_BITS // 8)
