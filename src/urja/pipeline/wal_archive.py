"""The pipeline's stage `archive`: watches the archive of PostgreSQL's log and raises an alarm."""

from datetime import datetime
from pathlib import Path

from prometheus_client import Gauge

from urja.apps.readings import alarms
from urja.base.sentences import in_english
from urja.base.settings import BackupSettings
from urja.base.wal_archive import NEAR, read_state, size_bytes
from urja.pipeline.stage import Report

_FILLED = Gauge("urja_wal_archive_filled_ratio", "Size over limit of the archive of PostgreSQL's log.")
_FAILING = Gauge("urja_wal_archive_failing", "1 while PostgreSQL's log is not archived.")
_GAP = Gauge("urja_wal_archive_gap", "1 from a missing segment to the next backup.")


class WalArchive:
    """The stage, synchronous."""

    def __init__(self, directory: Path, state: Path, settings: BackupSettings) -> None:
        self._directory, self._state, self._settings = directory, state, settings

    def run_once(self, now: datetime) -> Report:
        """Read what the archiver noted and the archive's size, set the metrics, and raise or clear the alarm."""
        state = read_state(self._state)
        filled = size_bytes(self._directory) / (self._settings.wal_mb << 20)
        _FILLED.set(filled)
        _FAILING.set(bool(state.error))
        _GAP.set(state.gap_at is not None)
        said = alarms.of_wal_archive(state, filled_percent=round(filled * 100) if filled > NEAR else None)
        alarms.store_alarm("archive", said, now)
        return Report(detail=" ".join(in_english(said)), ill=bool(state.error or state.gap_at))
