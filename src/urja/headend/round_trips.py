"""Round trips to a meter: on a slow link they are nearly all of the time that a command takes."""

from collections import Counter
from enum import StrEnum


class Purpose(StrEnum):
    """What a round trip is for."""

    ASSOCIATION = "association"
    """AARQ and the proofs of high level security."""
    COUNTER = "counter"
    """The public association through which our invocation counter is read."""
    REQUEST = "request"
    """A read, a write, a method, or one more block of it."""
    RELEASE = "release"


RoundTrips = Counter[Purpose]
"""Requests sent, each of which waits for an answer of the meter."""
