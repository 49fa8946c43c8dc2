"""The pipeline's stage `disk`: watches free space on the file systems of the data directory and raises an alarm."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import Gauge

from urja.apps.readings import alarms
from urja.base.disk_space import Level, disk_spaces
from urja.base.sentences import in_english
from urja.base.settings import DiskSettings
from urja.pipeline.stage import Report

_FREE = Gauge("urja_disk_free_bytes", "Room on the file system of a directory.", ["directory"])


class DiskRoom:
    """The stage, synchronous."""

    def __init__(self, places: Sequence[Path], settings: DiskSettings) -> None:
        self._places = places
        self._settings = settings

    def run_once(self, now: datetime) -> Report:
        """Measure free space in bytes, set the metric, and raise or clear the alarm."""
        found = disk_spaces(self._places, self._settings)
        for room in found:
            _FREE.labels(room.path).set(room.free_bytes)
        said = alarms.of_disk(found)
        # On a full disk the database refuses this write; the metric and `urja status` do not need it.
        alarms.store_alarm("disk", said, now)
        ill = any(room.level is Level.CRITICAL for room in found)
        return Report(detail=" ".join(in_english(said)), ill=ill)
