"""Free space on the file systems of the data directory."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from urja.base.settings import DiskSettings


class Level(StrEnum):
    """How urgent the free space is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One file system: the first of the data directories on it, and the free space."""

    path: str
    free_bytes: int
    level: Level
    limit_mb: int
    """Limit of the level that is reached; with none, of the warning."""


def disk_spaces(places: Iterable[Path], settings: DiskSettings) -> list[DiskSpace]:
    """Return the free space of each file system that the paths are on; missing paths are skipped."""
    found: dict[int, DiskSpace] = {}
    for place in places:
        if place.exists():
            found.setdefault(place.stat().st_dev, _room(place, settings))
    return list(found.values())


def _room(place: Path, settings: DiskSettings) -> DiskSpace:
    about = os.statvfs(place)
    # Space reserved for root is not available to us (f_bavail, not f_bfree); without free inodes no byte can be used.
    full = about.f_files > 0 and about.f_favail == 0
    free_bytes = 0 if full else about.f_bavail * about.f_frsize
    level, limit_mb = Level.OK, settings.warning_mb
    if free_bytes < settings.warning_mb << 20:
        level = Level.WARNING
    if free_bytes < settings.critical_mb << 20:
        level, limit_mb = Level.CRITICAL, settings.critical_mb
    return DiskSpace(str(place), free_bytes, level, limit_mb)
