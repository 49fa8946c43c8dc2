"""Events of a D1 meter: codes of its logs (IS 15959-1, event lists) and bits of the event status word."""

from enum import IntEnum
from typing import Final


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
    """The codes this meter writes."""

    POWER_FAILED = 101
    POWER_RESTORED = 102
    CLOCK_SET = 151
    DISCONNECTED = 301
    CONNECTED = 302

    @property
    def log(self) -> Log:
        """The log that holds the code."""
        if self < EventCode.CLOCK_SET:
            return Log.POWER
        return Log.TRANSACTION if self < EventCode.DISCONNECTED else Log.CONTROL


class StatusBit(IntEnum):
    """Positions in the 128-bit event status word 0.0.94.91.18.255; 0 is the first bit, leftmost in print."""

    LOAD_SWITCH = 84
    LAST_GASP = 85
    FIRST_BREATH = 86


STATUS_WORD_BITS: Final = 128

LOG_CAPACITY: Final = 200
"""Rows of each event log."""


class StatusWord:
    """The event status word as the bytes of a bit-string."""

    def __init__(self) -> None:
        self._bits = 0

    def set(self, bit: StatusBit, on: bool) -> None:
        """Raise or clear one bit."""
        mask = 1 << (STATUS_WORD_BITS - 1 - bit)
        self._bits = self._bits | mask if on else self._bits & ~mask

    def has(self, bit: StatusBit) -> bool:
        """Whether a bit is raised."""
        return bool(self._bits >> (STATUS_WORD_BITS - 1 - bit) & 1)

    def to_bytes(self) -> bytes:
        """Sixteen bytes, bit 0 first."""
        return self._bits.to_bytes(STATUS_WORD_BITS // 8)
