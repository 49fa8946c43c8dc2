"""How often a key may ask: a bucket of tokens for each, which all processes of a web server share.

A bucket holds what a key may ask in a tenth of a minute, and fills at its rate. Buckets are in memory that the worker
processes have from their master. The system's monotonic clock is the same to all of them, and a lock of a file is free
again when the process that holds it is killed.
"""

import fcntl
import math
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BURSTS_A_MINUTE: Final = 10
_BUCKET: Final = struct.Struct("<qdd")
"""The token's number, its remaining requests and when they were calculated; zeros for a free bucket."""
SETS: Final = 2_048
WAYS: Final = 8
"""A key's bucket is one of so many of its set. Where more keys of a set ask, the one that has not asked longest begins
again, with a full bucket.
"""


def burst_of(per_minute: int) -> int:
    """How many requests may come at once."""
    return max(1, per_minute // _BURSTS_A_MINUTE)


class Limits:
    """The buckets; `monotonic` seconds are given by the caller. Made before a process forks, they are its children's too."""

    def __init__(self, sets: int = SETS, ways: int = WAYS) -> None:
        self._sets = sets
        self._set_bytes = ways * _BUCKET.size
        self._file = os.memfd_create("urja-api-limits")
        os.ftruncate(self._file, sets * self._set_bytes)
        self._memory = mmap.mmap(self._file, sets * self._set_bytes)
        self._lock = threading.Lock()

    def take(self, key: int, per_minute: int, monotonic: float) -> int:
        """Take one request: 0, or the whole seconds after which there is one again."""
        burst, per_second = burst_of(per_minute), per_minute / 60
        with self._alone():
            at, left, filled_at = self._bucket(key, burst, monotonic)
            left = min(burst, left + (monotonic - filled_at) * per_second)
            granted = left >= 1
            _BUCKET.pack_into(self._memory, at, key, left - granted, monotonic)
        return 0 if granted else math.ceil((1 - left) / per_second)

    def _bucket(self, key: int, burst: int, monotonic: float) -> tuple[int, float, float]:
        """Return where a key's bucket is, and what was in it when; a full one in place of the oldest, where it has none."""
        begins = key % self._sets * self._set_bytes
        oldest_at, oldest = begins, math.inf
        for at in range(begins, begins + self._set_bytes, _BUCKET.size):
            its, left, filled_at = _BUCKET.unpack_from(self._memory, at)
            if its == key:
                return at, left, filled_at
            filled_at = filled_at if its else -math.inf
            if filled_at < oldest:
                oldest_at, oldest = at, filled_at
        return oldest_at, burst, monotonic

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The file's lock is a process's, and says nothing between its threads.
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def clear(self) -> None:
        with self._alone():
            self._memory[:] = bytes(len(self._memory))
