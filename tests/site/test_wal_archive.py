"""The archive of PostgreSQL's log: encrypted, bounded, and an alarm where it fails; wrong files are refused."""

import os
import shutil
import time

import msgspec
import pytest
from prometheus_client import REGISTRY
from tests.apps.town import START

from urja.base.settings import BackupSettings
from urja.base.wal_archive import read_state
from urja.site import readiness
from urja.site.backup import archive_wal, fetch_wal, recovery_key, take
from urja.site.backup.sealed_file import BackupError
from urja.site.data_directory import DataDirectory

NAMES = [f"0000000100000000000000{number:02X}" for number in range(1, 9)]


class StandInAdministration:
    """A data directory whose PostgreSQL has written some of its log, and an archive for it."""

    def __init__(self, place):
        self.data, self.archive = DataDirectory(place / "data"), place / "archive"
        self.log = self.data.postgres / "data" / "pg_wal"
        self.log.mkdir(parents=True)
        self.data.secrets.mkdir()
        self.archive.mkdir()
        self.key = recovery_key.make(self.data, replace=False)
        self.settings = BackupSettings(wal_directory=str(self.archive), wal_waiting_mb=64)

    def write(self, name, content=b"a consumer's telephone number " * 1000):
        (self.log / name).write_bytes(content)

    def request(self, name):
        """PostgreSQL's request to archive a segment; the exit code."""
        given = msgspec.json.encode(self.settings).decode()
        return archive_wal.main(given, str(self.data.path), str(self.log / name), name)

    def file(self, name):
        return self.archive / archive_wal.cluster_id(self.data) / f"{name}.wal"

    def found(self):
        return readiness._archive(msgspec.structs.replace(_SETTINGS, backup=self.settings), self.data)


_SETTINGS = readiness.Settings()


@pytest.fixture
def installation(tmp_path):
    return StandInAdministration(tmp_path)


def test_a_drill_does_not_archive_into_the_live_archive():
    from urja.base.settings import Settings
    from urja.site.cli.restore import _isolated

    live = Settings(backup=BackupSettings(wal_directory="/archive", wal_days=3))
    assert _isolated(live).backup == BackupSettings(wal_days=3)


def test_a_segment_is_encrypted_and_opens_with_the_recovery_key_alone(installation, tmp_path):
    installation.write(NAMES[0])
    assert installation.request(NAMES[0]) == 0
    assert b"telephone" not in installation.file(NAMES[0]).read_bytes()
    assert (
        fetch_wal.segment(installation.file(NAMES[0]), installation.key)
        == (installation.log / NAMES[0]).read_bytes()
    )
    with pytest.raises(BackupError, match="another recovery key"):
        fetch_wal.segment(installation.file(NAMES[0]), recovery_key.RecoveryKey.new()[0])
    # PostgreSQL asks twice for one where it crashed in between.
    before = installation.file(NAMES[0]).read_bytes()
    assert installation.request(NAMES[0]) == 0
    assert installation.file(NAMES[0]).read_bytes() == before
    key_file = tmp_path / "key"
    key_file.write_text(installation.key.text)
    there, target = str(installation.file(NAMES[0]).parent), tmp_path / "segment"
    assert fetch_wal.main(str(key_file), there, NAMES[0], str(target)) == 0
    assert target.read_bytes() == (installation.log / NAMES[0]).read_bytes()
    # The end of the log, and a damaged part of it, which is not taken for the end.
    assert fetch_wal.main(str(key_file), there, NAMES[1], str(target)) == 1
    installation.file(NAMES[0]).write_bytes(before[:-1])
    assert fetch_wal.main(str(key_file), there, NAMES[0], str(target)) > 125


def test_a_renamed_moved_or_forged_segment_is_refused(installation):
    for name in NAMES[:2]:
        installation.write(name)
        assert installation.request(name) == 0
    first, second = installation.file(NAMES[0]), installation.file(NAMES[1])
    genuine = first.read_bytes()
    shutil.copy(second, first)
    with pytest.raises(BackupError, match="another file of the archive under this name"):
        fetch_wal.segment(first, installation.key)
    elsewhere = installation.archive / "0123" / second.name
    elsewhere.parent.mkdir()
    shutil.copy(second, elsewhere)
    with pytest.raises(BackupError, match="another file of the archive under this name"):
        fetch_wal.segment(elsewhere, installation.key)
    # Another machine has the public half, and not what this installation signs with.
    keys = recovery_key.backup_keys(installation.data)
    first.unlink()
    archive_wal._write(first, b"", b"", msgspec.structs.replace(keys, signing_key=bytes(range(32))))
    with pytest.raises(BackupError, match="another machine wrote it"):
        fetch_wal.segment(first, installation.key)
    first.write_bytes(genuine)
    assert fetch_wal.segment(first, installation.key)


def test_a_copy_of_the_installation_overwrites_nothing(installation):
    installation.write(NAMES[0])
    assert installation.request(NAMES[0]) == 0
    before = installation.file(NAMES[0]).read_bytes()
    installation.write(NAMES[0], b"another history")
    assert installation.request(NAMES[0]) == 1
    assert "exists with another content" in read_state(installation.data.wal_state).error
    assert installation.file(NAMES[0]).read_bytes() == before


def test_old_and_too_many_segments_are_removed_and_no_other_file(installation):
    other = installation.archive / "photographs" / "000000010000000000000009.jpg"
    other.parent.mkdir()
    other.write_bytes(b"x")
    for age_days, name in zip((20, 3, 2, 1), NAMES, strict=False):
        installation.write(name, os.urandom(6 << 20))
        assert installation.request(name) == 0
        then = time.time() - age_days * 86_400
        os.utime(installation.file(name), (then, then))
        os.utime(other, (then, then))
    installation.settings = msgspec.structs.replace(installation.settings, wal_mb=16)
    assert (
        archive_wal._prune(installation.settings, installation.archive, installation.file(NAMES[3])) is None
    )
    # One is too old, and of the others the oldest is beyond 16 MB.
    assert [installation.file(name).exists() for name in NAMES[:4]] == [False, False, True, True]
    assert other.exists()
    assert installation.found().state is readiness.State.READY
    installation.settings = msgspec.structs.replace(installation.settings, wal_mb=14)
    assert (installation.found().state, "near its largest size" in installation.found().sentence) == (
        readiness.State.ADVICE,
        True,
    )


def test_a_lost_archive_is_an_alarm_and_does_not_fill_the_disk(installation, database):
    from urja.apps.readings import queries as readings
    from urja.pipeline.wal_archive import WalArchive

    def raised():
        stage = WalArchive(installation.archive, installation.data.wal_state, installation.settings)
        report = stage.run_once(START)
        told = [str(one) for one in readings.alarms()]
        assert " ".join(told) == report.detail
        return report.ill, len(told), REGISTRY.get_sample_value("urja_wal_archive_failing")

    installation.write(NAMES[0])
    installation.archive.rename(installation.archive.with_name("unmounted"))
    # PostgreSQL keeps it and asks again.
    assert installation.request(NAMES[0]) == 1
    assert not installation.archive.exists(), "nothing is written where the disk is not mounted"
    assert raised() == (True, 1, 1.0)
    assert installation.found().state is readiness.State.MISSING
    # More waits than may wait: it is given up, which the next backup ends.
    with (installation.log / NAMES[1]).open("wb") as large:
        large.truncate(65 << 20)
    assert installation.request(NAMES[0]) == 0
    assert read_state(installation.data.wal_state).gap == NAMES[0]
    assert raised() == (True, 2, 1.0)
    installation.archive.with_name("unmounted").rename(installation.archive)
    assert installation.request(NAMES[1]) == 0
    assert raised() == (True, 1, 0.0)
    assert (installation.found().state, NAMES[0] in installation.found().sentence) == (
        readiness.State.MISSING,
        True,
    )
    take._end_gap(installation.data, read_state(installation.data.wal_state).gap_at)
    assert raised() == (False, 0, 0.0)
    assert installation.found().state is readiness.State.READY
