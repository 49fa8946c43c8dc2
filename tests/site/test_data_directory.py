"""One directory, one supervisor, one format."""

import os
import subprocess
import sys

import pytest

from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import FORMAT, DataDirectory


@pytest.fixture
def data(tmp_path):
    return DataDirectory(tmp_path / "data")


def refused(data):
    with pytest.raises(CommandError) as caught:
        data.claim()
    return caught.value


def test_claimed_once_and_again_after_release(data):
    data.claim()
    assert data.path.stat().st_mode & 0o777 == 0o700
    second = refused(DataDirectory(data.path))
    assert second.code is Exit.ALREADY_RUNNING
    assert f"process {os.getpid()}" in str(second)
    assert DataDirectory(data.path).holder() == os.getpid()
    data.release()
    assert DataDirectory(data.path).holder() is None
    data.claim()
    data.release()


def test_a_lock_dies_with_its_holder(data):
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom urja.site.data_directory import DataDirectory\n"
        f"DataDirectory(Path({str(data.path)!r})).claim()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code])
    data.claim()
    data.release()


def test_a_newer_format_is_left_alone(data):
    data.claim()
    data.release()
    (data.path / "VERSION").write_text(f"{FORMAT + 1}\n")
    newer = refused(data)
    assert newer.code is Exit.OTHER_VERSION
    assert "written by a newer Urja" in str(newer)
    assert DataDirectory(data.path).holder() is None


def test_a_format_from_before_the_tables_began_again_is_left_alone(data):
    data.claim()
    data.release()
    (data.path / "VERSION").write_text("1\n")
    (data.path / "clock.json").write_text("{}")
    before = {path: path.stat().st_mtime_ns for path in data.path.rglob("*") if path.name != "lock"}
    older = refused(data)
    assert older.code is Exit.OTHER_VERSION
    assert "Run that version on it, or start this one on another directory with --data" in str(older)
    assert {path: path.stat().st_mtime_ns for path in data.path.rglob("*") if path.name != "lock"} == before


def test_a_damaged_version_is_named(data):
    data.claim()
    data.release()
    (data.path / "VERSION").write_text("one\n")
    assert "'one'" in str(refused(data))


def test_a_directory_with_other_things_in_it_is_not_taken(data):
    data.path.mkdir()
    (data.path / "thesis.odt").touch()
    other = refused(data)
    assert other.code is Exit.USAGE
    assert "thesis.odt" in str(other)
    assert [entry.name for entry in data.path.iterdir()] == ["thesis.odt"]


def test_a_file_in_its_place(data):
    data.path.touch()
    assert "is not a directory" in str(refused(data))
