"""The business clock across restarts.

In production business time is wall-clock time and goes on while Urja is down. A demonstration's clock (sixty times
faster, or begun on another morning) stands still while Urja is down, so that meters and ledger have no gap of days. It
continues from the last heartbeat; after a crash a little later, because business time never runs backwards.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from urja.base.clock import REAL_TIME, Anchor, read_anchor, write_anchor
from urja.base.settings import ClockSettings

HEARTBEAT_S: Final = 1.0
"""Real seconds between two heartbeats."""

_CRASH_MARGIN_S: Final = 2 * HEARTBEAT_S
_CLEAN: Final = {"running": False, "stopped": True}
_SAME_LINE_S: Final = 0.001
_LAST_INSTANT_S: Final = 253_402_300_800.0
"""Year 10000 in Unix seconds: datetime ends before it."""


def follows_wall_clock(anchor: Anchor) -> bool:
    """Return whether business time is wall-clock time under this anchor."""
    return anchor.speed == 1.0 and abs(anchor.business_s - anchor.wall_s) < _SAME_LINE_S


def first_anchor(settings: ClockSettings, wall_s: float) -> Anchor:
    """Return the anchor of a new data directory."""
    if settings.start is None and settings.speed == 1.0:
        return REAL_TIME
    start_s = wall_s if settings.start is None else settings.start.timestamp()
    return Anchor(wall_s, start_s, settings.speed)


def resume(anchor_file: Path, heartbeat: Path, settings: ClockSettings, wall_s: float) -> Anchor:
    """Return the anchor for a start at `wall_s` (Unix seconds), and store it in the file."""
    if not anchor_file.exists():
        anchor = first_anchor(settings, wall_s)
    else:
        anchor = read_anchor(anchor_file)
        if follows_wall_clock(anchor):
            return anchor
        anchor = anchor.moved_to(wall_s, business_s=stopped_at(anchor, heartbeat, wall_s))
    write_anchor(anchor_file, anchor)
    return anchor


def stopped_at(anchor: Anchor, heartbeat: Path, wall_s: float) -> float:
    """Return the business time, in Unix seconds, at which a demonstration's clock stands still while Urja is down.

    A heartbeat is stored with milliseconds, so it may seem older than the anchor: the anchor is the lower bound.
    """
    last = read_heartbeat(heartbeat)
    stopped_s = last.stamp_s if last.clean else last.stamp_s + _CRASH_MARGIN_S
    return anchor.business_at(min(max(stopped_s, anchor.wall_s), wall_s))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last heartbeat, in wall-clock Unix seconds; zero where there is none."""

    stamp_s: float = 0.0
    clean: bool = False
    """Whether it was written by an orderly stop."""
    inode: int | None = None
    """Inode of the file that it was written to; None in files of earlier versions."""


def write_heartbeat(heartbeat: Path, wall_s: float, *, clean: bool = False) -> None:
    """Write a heartbeat durably (fsync), so that time continues from it after a power failure.

    `clean` marks the last one of an orderly stop.
    """
    temporary = heartbeat.with_name(heartbeat.name + ".new")
    with temporary.open("w", encoding="ascii") as file:
        inode = os.fstat(file.fileno()).st_ino
        file.write(f"{wall_s:.3f} {'stopped' if clean else 'running'} {inode}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(heartbeat)


def read_heartbeat(heartbeat: Path) -> Heartbeat:
    """Return the last heartbeat. Raises ValueError for a damaged file."""
    try:
        stamp, word, *inode = heartbeat.read_text("ascii").split()
        last = Heartbeat(float(stamp), _CLEAN[word], int(inode[0]) if inode else None)
    except FileNotFoundError:
        return Heartbeat()
    except (ValueError, KeyError) as error:
        raise ValueError(f"{heartbeat} is damaged ({error}); remove it") from error
    if not 0 <= last.stamp_s < _LAST_INSTANT_S:
        raise ValueError(f"{heartbeat} is damaged ({stamp} is not a valid time); remove it")
    return last
