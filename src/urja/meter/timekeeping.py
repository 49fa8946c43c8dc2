"""The meter's own clock: it drifts, it can be set, and it defines intervals and local days.

All times are Unix seconds. *True* is business time, *shown* is the time by the meter's clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from urja.meter.load import DAY_S, IST_OFFSET_S

_MILLION = 1_000_000


@dataclass(slots=True)
class MeterClock:
    """A clock with `shown = true + offset + drift * (true - since)`, in whole seconds, increasing with true time."""

    since_s: int
    offset_s: int = 0
    drift_ppm: int = 0
    utc_offset_s: int = IST_OFFSET_S

    def shown(self, true_s: int) -> int:
        """Return the meter's time at a true instant, both in Unix seconds."""
        return true_s + self.offset_s + (true_s - self.since_s) * self.drift_ppm // _MILLION

    def true_for(self, shown_s: int) -> int:
        """Return the first true second at which the meter shows `shown_s` or later."""
        guess = shown_s - self.offset_s
        guess -= (guess - self.since_s) * self.drift_ppm // _MILLION
        # The inverse of an integer division is not exact: the estimate is corrected second by second in both
        # directions.
        while self.shown(guess) >= shown_s:
            guess -= 1
        while self.shown(guess) < shown_s:
            guess += 1
        return guess

    def set(self, true_s: int, shown_s: int) -> None:
        """Make the meter show `shown_s` at `true_s` (Unix seconds); its drift stays."""
        self.since_s = true_s
        self.offset_s = shown_s - true_s

    def drift(self, true_s: int, ppm: int) -> None:
        """Let the clock run fast (or, negative, slow) by `ppm` from `true_s` on, without a jump."""
        self.set(true_s, self.shown(true_s))
        self.drift_ppm = ppm

    def interval_start(self, shown_s: int, length_s: int) -> int:
        """Return the start of the interval of `length_s` seconds that contains a shown instant.

        Intervals are aligned to *local* time, so that one begins at each local midnight.
        """
        local = shown_s + self.utc_offset_s
        return local - local % length_s - self.utc_offset_s

    def is_midnight(self, shown_s: int) -> bool:
        """Return whether a shown instant (Unix seconds) is 00:00 local time."""
        return (shown_s + self.utc_offset_s) % DAY_S == 0

    def is_month_start(self, shown_s: int, day: int = 1) -> bool:
        """Return whether a shown instant (Unix seconds) is 00:00 local time on day `day` of a month."""
        local = datetime.fromtimestamp(shown_s + self.utc_offset_s, UTC)
        return self.is_midnight(shown_s) and local.day == day
