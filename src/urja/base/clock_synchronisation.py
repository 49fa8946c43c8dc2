"""Whether the kernel's clock is synchronised with a time source."""

import ctypes
from typing import Final

_TIMEX_BYTES: Final = 512
"""More than `struct timex` has on any platform. All zero, it asks and changes nothing (adjtimex(2))."""
_TIME_ERROR: Final = 5


def clock_synchronised() -> bool | None:
    """Return whether a time service steers the clock; None where the system does not say."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    state = -1 if adjtimex is None else adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
