"""Counts of round trips to a meter: on a slow link they take nearly all of a command's time."""

from collections import Counter
from enum import StrEnum


class Purpose(StrEnum):
    """The purpose of a round trip."""

    ASSOCIATION = "association"
    """AARQ and the proofs of high level security."""
    COUNTER = "counter"
    """The public association through which our invocation counter is read."""
    REQUEST = "request"
    """A read, a write, a method, or one more block of one."""
    RELEASE = "release"


RoundTrips = Counter[Purpose]
"""Requests sent, each of which waits for an answer of the meter, by purpose."""
