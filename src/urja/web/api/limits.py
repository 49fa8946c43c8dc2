"""How often a key may ask: a bucket of tokens for each, in this process.

A bucket holds what a key may ask in a tenth of a minute, and fills at its rate. With several web processes each has
buckets of its own, so that a key may ask as many times more often as there are processes.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_BURSTS_A_MINUTE: Final = 10
MOST_BUCKETS: Final = 10_000
"""Of more keys than that the one that has not asked longest begins anew, with a full bucket."""


def burst_of(per_minute: int) -> int:
    """How many requests may come at once."""
    return max(1, per_minute // _BURSTS_A_MINUTE)


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_at: float


class Limits:
    """All buckets of this process; `monotonic` seconds are given by the caller."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: int, per_minute: int, monotonic: float) -> int:
        """Take one request: 0, or the whole seconds after which there is one again."""
        burst, per_second = burst_of(per_minute), per_minute / 60
        with self._lock:
            bucket = self._buckets.pop(key, None) or _Bucket(burst, monotonic)
            self._buckets[key] = bucket
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
            bucket.left = min(burst, bucket.left + (monotonic - bucket.filled_at) * per_second)
            bucket.filled_at = monotonic
            if bucket.left < 1:
                return math.ceil((1 - bucket.left) / per_second)
            bucket.left -= 1
            return 0

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()
