"""How much room is left on the file systems that the data directory lies on."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from urja.base.settings import DiskSettings


class Level(StrEnum):
    """What the room that is left asks for."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One file system: the first of our directories that lies on it, and what is free there."""

    path: str
    free_bytes: int
    level: Level
    limit_mb: int
    """Of the level that is reached; where none is, of the warning."""


def disk_spaces(places: Iterable[Path], settings: DiskSettings) -> list[DiskSpace]:
    """The room of each file system that the places lie on; a place that does not exist is left out."""
    found: dict[int, DiskSpace] = {}
    for place in places:
        if place.exists():
            found.setdefault(place.stat().st_dev, _room(place, settings))
    return list(found.values())


def _room(place: Path, settings: DiskSettings) -> DiskSpace:
    about = os.statvfs(place)
    # What is kept for root alone is no room of ours; without inodes no byte is of use.
    full = about.f_files > 0 and about.f_favail == 0
    free_bytes = 0 if full else about.f_bavail * about.f_frsize
    level, limit_mb = Level.OK, settings.warning_mb
    if free_bytes < settings.warning_mb << 20:
        level = Level.WARNING
    if free_bytes < settings.critical_mb << 20:
        level, limit_mb = Level.CRITICAL, settings.critical_mb
    return DiskSpace(str(place), free_bytes, level, limit_mb)
