"""A data directory that was put back from a copy is noticed at its next start, and told to those who must know."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner
from tests.site.test_installation import settings

from urja.base.clock import REAL_TIME, Anchor, write_anchor
from urja.site.cli.restored import restored
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import FORMAT
from urja.site.supervisor import business_time, restored_data
from urja.site.supervisor.installation import HEADEND, Installation
from urja.site.supervisor.restored_data import OLD_HEARTBEAT_S, sign_of_restore


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir()
    business_time.write_heartbeat(directory / "heartbeat", time.time(), clean=True)
    return directory


def sign(directory, later_s=1.0):
    return sign_of_restore(directory / "heartbeat", time.time() + later_s)


def test_a_new_directory_and_one_that_goes_on_are_no_copies(directory, tmp_path):
    assert sign(tmp_path) == ""
    assert sign(directory) == ""
    directory.rename(tmp_path / "moved")
    assert sign(tmp_path / "moved") == ""


def test_a_copy_is_noticed_whatever_it_keeps(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "copy")
    assert "written elsewhere" in sign(tmp_path / "copy")


def test_a_copy_that_happens_to_have_the_same_inode_is_noticed(directory):
    """Put back over the directory some time later, with its times kept; no program can set when an inode changed."""
    heartbeat, earlier_s = directory / "heartbeat", time.time() - 60
    heartbeat.write_text(f"{earlier_s:.3f} stopped {heartbeat.stat().st_ino}\n")
    os.utime(heartbeat, (earlier_s, earlier_s))
    assert "created after" in sign(directory)


def test_a_restored_snapshot_shows_by_its_old_heartbeat(directory):
    assert sign(directory, OLD_HEARTBEAT_S - 5) == ""
    assert "no heartbeat for" in sign(directory, OLD_HEARTBEAT_S + 5)


def test_a_heartbeat_of_an_earlier_version_goes_on(directory):
    (directory / "heartbeat").write_text(f"{time.time():.3f} stopped\n")
    assert sign(directory) == ""


def test_what_was_noticed_is_kept(tmp_path):
    now = datetime.now(UTC)
    for hours in (1, 2):
        restored_data.note(tmp_path / "restored.json", "why", now - timedelta(hours=hours), now)
    assert [now - one.since_at for one in restored_data.read(tmp_path / "restored.json")] == [
        timedelta(hours=1),
        timedelta(hours=2),
    ]
    (tmp_path / "restored.json").write_text("[{}]")
    with pytest.raises(CommandError, match="urja restored --since") as no:
        restored_data.read(tmp_path / "restored.json")
    assert no.value.code is Exit.USAGE


def told(data, since):
    return CliRunner().invoke(restored, ["--data", str(data), "--since", since])


def test_an_operator_says_that_only_the_database_was_put_back(directory):
    (directory / "VERSION").write_text(f"{FORMAT}\n")
    write_anchor(directory / "clock.json", REAL_TIME)
    done = told(directory, "2026-03-02T09:00+05:30")
    assert done.exit_code == 0, done.output
    [noted] = restored_data.read(directory / "restored.json")
    assert noted.since_at == datetime(2026, 3, 2, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "words"),
    [("yesterday", "is not a time"), ("2026-03-02", "is not a time"), ("2999-01-01T00:00Z", "future")],
)
def test_a_time_that_cannot_be_the_copys_is_refused(directory, since, words):
    (directory / "VERSION").write_text(f"{FORMAT}\n")
    write_anchor(directory / "clock.json", REAL_TIME)
    done = told(directory, since)
    assert isinstance(done.exception, CommandError)
    assert words in str(done.exception)
    assert restored_data.read(directory / "restored.json") == []


def test_on_a_line_of_its_own_the_restore_is_at_the_time_that_stood_still(directory):
    (directory / "VERSION").write_text(f"{FORMAT}\n")
    morning = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    began_s = int(time.time()) - 60 + 0.0006
    write_anchor(directory / "clock.json", Anchor(began_s, morning.timestamp(), 60.0))
    business_time.write_heartbeat(directory / "heartbeat", began_s - 0.0004)
    assert told(directory, morning.isoformat()).exit_code == 0
    [noted] = restored_data.read(directory / "restored.json")
    assert noted.at < morning + timedelta(minutes=5)


def recorded(installation):
    """The restores that the database knows."""
    with psycopg.connect(installation.secrets.database_owner) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM supply_recovery")]


async def test_an_installation_that_is_started_on_a_copy_knows_it(installation_dir, prepared):
    first, copy = prepared(installation_dir / "first"), installation_dir / "copy"
    business_time.write_heartbeat(first / "heartbeat", time.time(), clean=True)
    shutil.copytree(first, copy, symlinks=True)
    async with Installation(copy, settings(), processes=[HEADEND]) as installation:
        noted = installation.restored
        assert noted is not None
        assert timedelta() < noted.at - noted.since_at < timedelta(minutes=5)
        assert recorded(installation) == [noted.id]
    # Neither the next start of the copy nor one of the first finds another.
    assert sign(copy) == sign(first) == ""
    assert restored_data.read(copy / "restored.json") == [noted]
