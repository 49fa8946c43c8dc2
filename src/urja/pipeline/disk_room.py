"""The stage `disk`: watches the room on the file systems of the data directory, and says so where it runs out."""

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import Gauge

from urja.apps.readings import alarms
from urja.base.disk_room import Level, rooms
from urja.base.sentences import in_english
from urja.base.settings import DiskSettings
from urja.pipeline.stage import Report

EVERY_S: Final = 10.0
"""Of real time between two looks."""

_FREE = Gauge("urja_disk_free_bytes", "Room on the file system of a directory.", ["directory"])


class DiskRoom:
    """The stage. `in_thread` runs a function where Django's connection is."""

    name = "disk"

    def __init__(self, places: Sequence[Path], settings: DiskSettings, in_thread: Callable) -> None:
        self._places = places
        self._settings = settings
        self._in_thread = in_thread
        self._next_s = -math.inf
        self._last = Report()

    async def run_once(self, now: datetime) -> Report:
        if time.monotonic() < self._next_s:
            return self._last
        found = rooms(self._places, self._settings)
        for room in found:
            _FREE.labels(room.path).set(room.free_bytes)
        said = alarms.of_disk(found)
        # On a disk that is full already the database refuses this; the metric and `urja status` do without it.
        await self._in_thread(alarms.tell, "disk", said, now)
        ill = any(room.level is Level.CRITICAL for room in found)
        self._last = Report(detail=" ".join(in_english(said)), ill=ill)
        self._next_s = time.monotonic() + EVERY_S
        return self._last
