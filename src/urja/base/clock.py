"""The business clock: the *now* of every rule about days, tariffs and freshness.

It is a straight line through an anchor: `business = anchor.business + speed * (wall - anchor.wall)`. In production
the line is the wall clock itself; in a demonstration it runs faster; in a test it stands still and is stepped.
Transport timeouts never use it: they run on the monotonic clock (docs/operations.md has the table).
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from urja.base.json_files import DamagedFileError, read_json


def wall_now_ms() -> int:
    """Return real time in Unix milliseconds, which measures the time from payment to reconnection."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """A source of business time, given to all code that depends on it."""

    @property
    def speed(self) -> float:
        """Business seconds per wall second; 0 where time is stepped."""
        ...

    def now(self) -> datetime:
        """Return business time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """One point of the line and its slope: wall and business time in Unix seconds."""

    wall_s: float
    business_s: float
    speed: float

    def business_at(self, wall_s: float) -> float:
        """Return business time in Unix seconds at a wall instant in Unix seconds."""
        return self.business_s + self.speed * (wall_s - self.wall_s)

    def moved_to(
        self, wall_s: float, business_s: float | None = None, speed: float | None = None
    ) -> "Anchor":
        """Return an anchor at a wall instant: on the same line unless another business time or speed is given.

        Both instants are Unix seconds; the speed is in business seconds per second.
        """
        return Anchor(
            wall_s,
            self.business_at(wall_s) if business_s is None else business_s,
            self.speed if speed is None else speed,
        )


class _KeptAnchor(msgspec.Struct, frozen=True):
    wall_s: float
    business_s: float
    speed: Annotated[float, msgspec.Meta(ge=0)]


REAL_TIME = Anchor(0.0, 0.0, 1.0)
"""The line on which business time is wall time."""


def read_anchor(path: Path) -> Anchor:
    """Return the anchor stored in a file. Raises DamagedFileError, which names the file, where it is not usable."""
    kept = read_json(path, _KeptAnchor, "restore the clock's anchor from a backup, or remove the file")
    anchor = Anchor(kept.wall_s, kept.business_s, kept.speed)
    try:
        # The line must give a date for today: NaN, infinity and absurd speeds fail here, not in a rule.
        datetime.fromtimestamp(anchor.business_at(time.time()), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise DamagedFileError(f"{path} is no clock's anchor ({error}): restore it, or remove it") from error
    return anchor


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Replace the file in one step, durably: a reader sees the old line or the new one, never half."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"wall_s": anchor.wall_s, "business_s": anchor.business_s, "speed": anchor.speed}, file)
        file.flush()
        # Without fsync a power failure could leave an empty file under the final name.
        os.fsync(file.fileno())
    temporary.replace(path)


class AnchoredClock:
    """Business time by the anchor in a file, read again when the supervisor has replaced it."""

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        self._wall = wall
        self._stamp = -1
        self._anchor = REAL_TIME
        self._refresh()

    def _refresh(self) -> Anchor:
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._anchor = read_anchor(self._path)
            self._stamp = stamp
        return self._anchor

    @property
    def speed(self) -> float:
        """Business seconds per second."""
        return self._refresh().speed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._refresh().business_at(self._wall()), UTC)


class WallClock:
    """Business time is wall time, for a tool that runs alone, without a data directory."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


class SteppedClock:
    """Time that moves only on request: a month passes in seconds, and a failing seed repeats."""

    speed = 0.0

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def set(self, instant: datetime) -> None:
        """Move to `instant`. Raises ValueError for an earlier one: business time never runs back."""
        if instant < self._now:
            raise ValueError(f"the clock stands at {self._now}, {instant} is before it")
        self._now = instant.astimezone(UTC)

    def advance(self, step: timedelta) -> datetime:
        """Move on by `step` and return the new time."""
        self.set(self._now + step)
        return self._now
