"""When an order is tried again after a failure, by the kind of the failure."""

import random
from dataclasses import dataclass
from typing import Final

from urja.headend.failures import FailureKind


@dataclass(frozen=True, slots=True)
class Retry:
    """Attempts after a failure of one kind: growing pauses between `first_s` and `longest_s`, at most `limit`
    attempts (None: until the order's end).
    """

    first_s: float
    longest_s: float
    limit: int | None = None

    def pause_s(self, times: int, jitter: random.Random) -> float | None:
        """Return the seconds until the next attempt after `times` failures; None where there is none.

        Half of it is random, so that orders that failed together are not tried again together.
        """
        if self.limit is not None and times >= self.limit:
            return None
        return min(self.first_s * 2.0 ** min(times - 1, 16), self.longest_s) * (0.5 + 0.5 * jitter.random())


RETRIES: Final = {
    FailureKind.UNREACHABLE: Retry(1.0, 60.0),
    FailureKind.TIMEOUT: Retry(2.0, 60.0),
    FailureKind.CUT: Retry(0.5, 30.0),
    FailureKind.BUSY: Retry(2.0, 60.0),
    FailureKind.NEW_KEYS: Retry(0.2, 10.0),
    FailureKind.ELSEWHERE: Retry(2.0, 30.0),
    FailureKind.DISOBEYED: Retry(1.0, 30.0, 5),
    FailureKind.PROTOCOL: Retry(1.0, 10.0, 3),
    # A counter that another client has moved on looks like a wrong key, once.
    FailureKind.WRONG_KEY: Retry(1.0, 10.0, 3),
}
"""By kind of failure, in seconds of the monotonic clock, because links do not run faster in a demonstration. A
failure of another kind is final at once."""
