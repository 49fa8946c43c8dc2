"""The business clock across starts: where time stands while the box is down.

On a line that is the wall's (production), time goes on: the world did not stop. On any other line (a
demonstration at sixty times, or one that began on another morning) business time stands still while nothing
runs, so that meters and books do not find a hole of days. The line begins again where the last sign of life
was; after a crash a little later than that, because business time never runs back.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from urja.base.clock import REAL_TIME, Anchor, read_anchor, write_anchor
from urja.base.settings import ClockSettings

HEARTBEAT_S: Final = 1.0
"""Real seconds between two signs of life."""

_CRASH_MARGIN_S: Final = 2 * HEARTBEAT_S
_CLEAN: Final = {"running": False, "stopped": True}
_SAME_LINE_S: Final = 0.001
_LAST_INSTANT_S: Final = 253_402_300_800.0
"""The year 10000: the calendar ends before it."""


def follows_the_wall(anchor: Anchor) -> bool:
    """Whether business time is wall time on this line."""
    return anchor.speed == 1.0 and abs(anchor.business_s - anchor.wall_s) < _SAME_LINE_S


def first_anchor(settings: ClockSettings, wall_s: float) -> Anchor:
    """The line of a new data directory."""
    if settings.start is None and settings.speed == 1.0:
        return REAL_TIME
    start_s = wall_s if settings.start is None else settings.start.timestamp()
    return Anchor(wall_s, start_s, settings.speed)


def resume(anchor_file: Path, heartbeat: Path, settings: ClockSettings, wall_s: float) -> Anchor:
    """Anchor the line for a start at `wall_s` and keep it in the file; returns the anchor."""
    if not anchor_file.exists():
        anchor = first_anchor(settings, wall_s)
    else:
        anchor = read_anchor(anchor_file)
        if follows_the_wall(anchor):
            return anchor
        anchor = anchor.moved_to(wall_s, business_s=stopped_at(anchor, heartbeat, wall_s))
    write_anchor(anchor_file, anchor)
    return anchor


def stopped_at(anchor: Anchor, heartbeat: Path, wall_s: float) -> float:
    """The business time, in seconds, at which a line that is not the wall's stands still while nothing runs.

    A sign of life is kept to the millisecond, so it may seem older than the line itself: never before its anchor.
    """
    last = read_heartbeat(heartbeat)
    stopped_s = last.stamp_s if last.clean else last.stamp_s + _CRASH_MARGIN_S
    return anchor.business_at(min(max(stopped_s, anchor.wall_s), wall_s))


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life, in wall time; zero where there is none."""

    stamp_s: float = 0.0
    clean: bool = False
    """Whether it was an orderly stop."""
    inode: int | None = None
    """Of the file that it was written to; a version before did not say."""


def beat(heartbeat: Path, wall_s: float, *, clean: bool = False) -> None:
    """A sign of life, durable: after a power cut time goes on from the last one. `clean` marks the last."""
    temporary = heartbeat.with_name(heartbeat.name + ".new")
    with temporary.open("w", encoding="ascii") as file:
        inode = os.fstat(file.fileno()).st_ino
        file.write(f"{wall_s:.3f} {'stopped' if clean else 'running'} {inode}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(heartbeat)


def read_heartbeat(heartbeat: Path) -> Beat:
    """The last sign of life; raises ValueError for a damaged file."""
    try:
        stamp, word, *inode = heartbeat.read_text("ascii").split()
        last = Beat(float(stamp), _CLEAN[word], int(inode[0]) if inode else None)
    except FileNotFoundError:
        return Beat()
    except (ValueError, KeyError) as error:
        raise ValueError(f"{heartbeat} is damaged ({error}); remove it") from error
    if not 0 <= last.stamp_s < _LAST_INSTANT_S:
        raise ValueError(f"{heartbeat} is damaged ({stamp} is no instant); remove it")
    return last
