"""Free space: each file system of the data directory is checked once, by the space that we may use."""

import os
import subprocess
from types import SimpleNamespace

import pytest

from urja.base.disk_space import Level, disk_spaces
from urja.base.settings import DiskSettings

LIMITS = DiskSettings(warning_mb=2048, critical_mb=512)
PLENTY = 1 << 20
"""Inodes."""


@pytest.fixture
def disk(monkeypatch):
    """A function that makes every file system have so many megabytes for us, beside what is kept for root."""

    def give(free_mb: float, inodes: int = PLENTY, of_inodes: int = PLENTY) -> None:
        about = SimpleNamespace(
            f_frsize=4096,
            f_bavail=int(free_mb * 256),
            f_bfree=int(free_mb * 256) + (10 << 18),
            f_files=of_inodes,
            f_favail=inodes,
        )
        monkeypatch.setattr(os, "statvfs", lambda _path: about)

    return give


@pytest.mark.parametrize(
    ("free_mb", "level", "limit_mb"),
    [
        (100_000, Level.OK, 2048),
        (2048, Level.OK, 2048),
        (2047, Level.WARNING, 2048),
        (512, Level.WARNING, 2048),
        (511, Level.CRITICAL, 512),
        (0, Level.CRITICAL, 512),
    ],
)
def test_the_level_follows_from_what_is_free_for_us(disk, tmp_path, free_mb, level, limit_mb):
    disk(free_mb)
    [room] = disk_spaces([tmp_path], LIMITS)
    assert (room.level, room.limit_mb, room.free_bytes) == (level, limit_mb, free_mb << 20)


def test_a_disk_without_inodes_is_full_and_one_that_counts_none_is_not(disk, tmp_path):
    disk(100_000, inodes=0)
    assert disk_spaces([tmp_path], LIMITS)[0].level is Level.CRITICAL
    disk(100_000, inodes=0, of_inodes=0)
    assert disk_spaces([tmp_path], LIMITS)[0].level is Level.OK


def test_directories_of_one_file_system_are_one_room_and_missing_ones_none(tmp_path):
    (tmp_path / "postgres").mkdir()
    found = disk_spaces([tmp_path, tmp_path / "postgres", tmp_path / "nats"], LIMITS)
    assert [room.path for room in found] == [str(tmp_path)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_directory_on_a_small_disk_of_its_own_is_another_room(tmp_path):
    small = tmp_path / "postgres"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "urja-test", small], capture_output=True
    ).returncode:
        pytest.skip("this machine allows no mount")
    try:
        found = {room.path: room for room in disk_spaces([tmp_path, small], LIMITS)}
        assert found[str(small)].level is Level.CRITICAL
        assert found[str(small)].free_bytes <= 1 << 20
        assert len(found) == 2
    finally:
        subprocess.run(["umount", small], check=True)
