"""A queue with latency: items come out later, in the order in which they were put in."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_RESOLUTION_S: Final = 0.001
"""The resolution of the loop's timers: items due within it are delivered at once."""


class DelayQueue[T]:
    """First in, first out, each item after a latency of its own in real seconds (TCP preserves the order).

    Without latency an item is delivered inside `put`.
    """

    def __init__(self, latency_s: Callable[[], float], deliver: Callable[[T], None]) -> None:
        self._latency_s = latency_s
        self._deliver = deliver
        self._waiting: deque[tuple[float, T]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: T) -> None:
        """Put an item in."""
        latency_s = self._latency_s()
        if not latency_s and not self._waiting:
            self._deliver(item)
            return
        earliest = self._waiting[-1][0] if self._waiting else 0.0
        self._waiting.append((max(asyncio.get_running_loop().time() + latency_s, earliest), item))
        self._arm()

    def clear(self) -> None:
        """Drop all items."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_at(self._waiting[0][0], self._let_out)

    def _let_out(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time() + _RESOLUTION_S
        while self._waiting and self._waiting[0][0] <= now:
            self._deliver(self._waiting.popleft()[1])
        self._arm()
