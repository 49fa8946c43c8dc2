"""The business clock: what every rule about days, tariffs and freshness calls *now*.

It is a straight line through an anchor: `business = anchor.business + speed * (wall - anchor.wall)`. In
production the line is the wall clock itself; in a demonstration it runs faster; in a test it stands still and
is stepped. Transport time-outs never use it: they run on the monotonic clock (docs/operations.md has the
table).
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
    """Real time in Unix milliseconds: what the chain from paid to powered is measured by."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """What reasons about business time is given one of these."""

    @property
    def speed(self) -> float:
        """Business seconds per wall second; zero where time is stepped."""
        ...

    def now(self) -> datetime:
        """Business time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """One point of the line and its slope: wall and business time in Unix seconds."""

    wall_s: float
    business_s: float
    speed: float

    def business_at(self, wall_s: float) -> float:
        """Business Unix seconds at a wall instant."""
        return self.business_s + self.speed * (wall_s - self.wall_s)

    def moved_to(
        self, wall_s: float, business_s: float | None = None, speed: float | None = None
    ) -> "Anchor":
        """A new anchor at `wall_s`: on the same line unless another business time or speed is given."""
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
    """The anchor kept in a file; raises ValueError naming the file if it is damaged."""
    kept = read_json(path, _KeptAnchor, "restore the clock's anchor from a backup, or remove the file")
    anchor = Anchor(kept.wall_s, kept.business_s, kept.speed)
    try:
        # A line on which today has a date; what is not a number has none either.
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
        os.fsync(file.fileno())
    temporary.replace(path)


class AnchoredClock:
    """Business time by the anchor in a file, re-read when the supervisor has replaced it."""

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
        return self._refresh().speed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._refresh().business_at(self._wall()), UTC)


class WallClock:
    """Business time is wall time: a tool that runs alone, without a data directory."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


class SteppedClock:
    """Time that moves when told to: what makes a month pass in seconds and a failing seed repeat."""

    speed = 0.0

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def set(self, instant: datetime) -> None:
        """Move to `instant`; business time never runs back."""
        if instant < self._now:
            raise ValueError(f"the clock stands at {self._now}, {instant} is before it")
        self._now = instant.astimezone(UTC)

    def advance(self, step: timedelta) -> datetime:
        """Move on by `step` and return the new time."""
        self.set(self._now + step)
        return self._now
