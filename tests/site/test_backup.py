"""An installation is backed up while entries are posted, its directory destroyed, and the backup restored to a moment after it.

Laws hold, the heads that were signed before the backup are those of the restored log, and what was lost is named by heads
that were stored elsewhere.
"""

import asyncio
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from click.testing import CliRunner
from tests.adversary.backups import HEADER
from tests.site import commands
from tests.site.test_installation import settings, until

from urja.base.clock import REAL_TIME, Anchor
from urja.site import readiness
from urja.site.backup import recovery_key, restore, sections, take
from urja.site.backup.sealed_file import BackupError, RecoveryKey, SealedReader, SealedWriter
from urja.site.cli.main import urja as command
from urja.site.command_errors import Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import business_time, restored_data
from urja.site.supervisor.extra_child import ExtraChild
from urja.site.supervisor.installation import Installation
from urja.site.supervisor.secrets import Vault
from urja.stream.broker import connect
from urja.stream.subjects import User


async def urja(*arguments) -> tuple[int, str, str]:
    """Run a command in a process, as one that sets Django up needs; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "urja.site.cli.main",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Laws are then examined by one process: a second takes a second of processor time to begin.
        env={**os.environ, "PYTHON_CPU_COUNT": "1"},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def here(*arguments) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code and what it printed."""
    done = await asyncio.to_thread(commands.urja, *arguments)
    return done.returncode, done.stdout, done.stderr


class Posting:
    """A child that posts entries and seals days, in an installation."""

    def __init__(self, installation: Installation, place: Path) -> None:
        self.installation, self.noted, self.days = installation, place / "noted", place / "days"
        self.heads = installation.data.heads

    async def start(self) -> None:
        key = Vault.open(self.installation.data.secrets).pipeline.roots_key.hex()
        arguments = {
            "login": self.installation.secrets.database_owner,
            "key": key,
            "heads": str(self.heads),
            "noted": str(self.noted),
            "days": str(self.days),
        }
        await self.installation.add(ExtraChild("posting", "tests.site.extra_children:posting", arguments))
        await until(lambda: self.posted > 3, 60.0)

    @property
    def posted(self) -> int:
        return int((self.noted.read_text() if self.noted.exists() else "") or 0)

    async def seal(self, day: int) -> None:
        self.days.write_text(str(day))
        await until(lambda: len(list(self.heads.glob("*.json"))) == day, 60.0)


def entries(installation: Installation) -> int:
    with psycopg.connect(installation.secrets.database_owner) as connection:
        row = connection.execute("SELECT count(*) FROM books_entry").fetchone()
        assert row is not None
        return int(row[0])


async def messages(installation: Installation) -> int:
    broker = await connect(
        installation.secrets.broker_url, User.ADMIN, installation.secrets.broker_password, "test"
    )
    try:
        return int((await broker.jetstream.stream_info("REQUESTS")).state.messages)
    finally:
        await broker.close()


async def request(installation: Installation, number: int) -> None:
    broker = await connect(
        installation.secrets.broker_url, User.ADMIN, installation.secrets.broker_password, "test"
    )
    try:
        now = installation.clock.now()
        await broker.jetstream.publish("urja.requests.0", f"{number} {now}".encode())
    finally:
        await broker.close()


async def test_a_destroyed_installation_is_restored_and_what_was_lost_is_named(installation_dir, prepared):
    data, place, elsewhere = (
        prepared(installation_dir / "data"),
        installation_dir / "place",
        installation_dir / "elsewhere",
    )
    place.mkdir()
    configuration = installation_dir / "urja.toml"
    configuration.write_text("# of this society\n")
    archive = installation_dir / "archive"
    archive.mkdir()
    archiving = settings(URJA_BACKUP_WAL_DIRECTORY=str(archive))
    async with Installation(data, archiving, processes=[], configuration=configuration) as installation:
        code, _, refusal = await here("backup", place, "--data", data)
        assert (code, "no recovery key yet" in refusal) == (Exit.USAGE, True)
        code, printed, _ = await here("backup", "key", "--data", data)
        assert code == 0
        key = installation_dir / "key"
        key.write_text(printed)
        posting = Posting(installation, installation_dir)
        await posting.start()
        await posting.seal(1)
        await request(installation, 1)
        before, file = posting.posted, place / "monday.backup"
        code, _, err = await urja("backup", file, "--data", data)
        assert code == 0, err
        assert posting.posted > before, "nothing was posted meanwhile"
        taken_at = installation.clock.now()
        code, _, refusal = await here("backup", file, "--data", data)
        assert (code, "give the backup another name" in refusal) == (Exit.USAGE, True)
        at_least, moment, at_most = entries(installation), datetime.now(UTC), entries(installation)
        assert at_least > before
        await posting.seal(2)
        await request(installation, 2)
        await until(lambda: posting.posted > at_most)
        last = posting.posted
        shutil.copytree(data / "proofs" / "heads", elsewhere)
    assert {path.name for path in place.iterdir()} == {"monday.backup", "monday.backup.secrets"}
    code, drilled, err = await urja("restore", "--drill", file, "--key", key, "--record", data)
    assert code == 0, drilled + err
    assert "the copy of the recovery key opened a backup" in drilled
    assert recovery_key.record_of(DataDirectory(data)).proven_at
    shutil.rmtree(data)
    assert "holds   roots" in drilled
    assert "BROKEN" not in drilled
    code, drilled, err = await urja("restore", "--drill", file, "--key", key, "--against", elsewhere)
    assert code == Exit.FAILED
    assert "2026-03-03" in drilled

    new = installation_dir / "new"
    code, said, err = await urja("restore", file, "--key", key, "--data", new, "--until", moment.isoformat())
    assert code == 0, err
    assert f"--config {new / 'urja.toml'}" in said
    # What the file does not say was said by a variable.
    assert f" URJA_BACKUP_WAL_DIRECTORY={archive}" in said.split("set them again: ")[1]
    assert (new / "urja.toml").read_text() == "# of this society\n"
    [noted] = restored_data.read(new / "restored.json")
    assert noted.since_at < taken_at
    assert len(list((new / "proofs" / "heads").glob("*.json"))) == 1
    async with Installation(new, settings(), processes=[]) as installation:
        assert installation.restored == noted
        # What was committed before the moment is there, what was after it is not.
        assert at_least <= entries(installation) <= at_most < last
        assert await messages(installation) == 1
        with psycopg.connect(installation.secrets.database_owner) as connection:
            # Numbers go on past all that may have been given since.
            assert connection.execute("SELECT id FROM supply_recovery").fetchall() == [(noted.id,)]
        # Against all heads the drill has asked, which named the lost one.
        sealed = next(elsewhere.glob("*03-02*"))
        assert (await urja("verify", "--data", new, "--against", sealed))[0] == 0
        # The restored installation makes backups that the same key opens.
        assert (await here("backup", place, "--data", new))[0] == 0


async def test_what_cannot_be_restored_is_refused_and_leaves_an_empty_directory(installation_dir, prepared):
    data, file, key = prepared(installation_dir / "data"), installation_dir / "file", installation_dir / "key"
    async with Installation(data, settings(), processes=[]):
        key.write_text((await here("backup", "key", "--data", data))[1])
        assert (await here("backup", file, "--data", data))[0] == 0
        assert (await here("backup", installation_dir / "other", "--data", data))[0] == 0
        other = installation_dir / "otherkey"
        other.write_text((await here("backup", "key", "--replace", "--data", data))[1])
    new = installation_dir / "new"
    new.mkdir()
    cases = [
        (("--data", data), Exit.USAGE, "is not empty"),
        (("--data", new, "--key", other), Exit.FAILED, "made for another recovery key"),
        (
            ("--data", new, "--secrets", installation_dir / "other.secrets"),
            Exit.FAILED,
            "of different backups",
        ),
        (("--data", new, "--drill"), Exit.USAGE, "give either --data"),
    ]
    for options, code, words in cases:
        said = await here("restore", file, "--key", key, *options)
        assert (said[0], words in said[2]) == (code, True), said
        assert list(new.iterdir()) == []
    whole = file.read_bytes()
    for at in (len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        code, _, refusal = await here("restore", file, "--key", key, "--data", new)
        assert (code, "is damaged" in refusal) == (Exit.FAILED, True), refusal
        assert list(new.iterdir()) == []


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_business_time_goes_on_from_the_backup_and_never_back(tmp_path, speed):
    directory, now_s = DataDirectory(tmp_path), time.time()
    line = REAL_TIME if speed == 1.0 else Anchor(now_s - 3600, 1_772_422_200.0, speed)
    header = msgspec.structs.replace(HEADER, taken_at=datetime.fromtimestamp(line.business_s, UTC))
    restore._note_restore(directory, header, line)
    resumed = business_time.resume(directory.clock, directory.heartbeat, settings().clock, time.time())
    assert abs(resumed.business_at(time.time()) - (now_s if speed == 1.0 else line.business_s)) < speed * 10
    assert resumed.speed == speed
    [noted] = restored_data.read(directory.restored)
    assert noted.since_at <= noted.at
    # The next start finds no second restore.
    assert restored_data.sign_of_restore(directory.heartbeat, time.time()) == ""


@pytest.mark.parametrize(
    ("folder", "kept", "early_s", "words"),
    [
        ("", "folder", 0, "the log was not archived when the backup was made"),
        ("folder", "other", 0, "holds no log of this backup"),
        ("folder", "folder", 1, "for an earlier moment restore an earlier backup"),
    ],
)
def test_a_moment_that_cannot_be_reached_is_refused(tmp_path, folder, kept, early_s, words):
    (tmp_path / kept).mkdir()
    whole = Anchor(1_772_422_200.0, 1_772_422_200.0, 1.0)
    until = datetime.fromtimestamp(whole.wall_s - early_s, UTC)
    replay = restore.LogReplay(until, tmp_path / "key", tmp_path)
    with pytest.raises(BackupError, match=words):
        restore._replay_log(DataDirectory(tmp_path), settings(), replay, folder, whole)


def test_doctor_asks_where_the_copy_of_the_key_is_and_when_it_was_proven(tmp_path):
    directory = DataDirectory(tmp_path)
    directory.secrets.mkdir()

    def asked():
        return [(one.topic, one.state) for one in readiness._backup(directory)]

    missing, ready = readiness.State.MISSING, readiness.State.READY
    assert asked() == [("backup", missing)]
    key = recovery_key.make(directory, replace=False)
    assert asked() == [("recovery key", missing), ("backup", missing)]
    done = CliRunner().invoke(command, ["backup", "where", "office safe", "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    [found] = readiness._backup(directory)
    assert (found.topic, found.command.startswith("urja backup DIRECTORY")) == ("backup", True)
    now = datetime.now(UTC)
    recipient = recovery_key.backup_keys(directory).recipient
    assert not recovery_key.note_drill(directory, bytes(32), now)
    assert recovery_key.note_drill(directory, recipient, now)
    [found] = readiness._backup(directory)
    assert (found.state, "(office safe) opened a backup" in found.sentence) == (ready, True)
    recovery_key.note_drill(directory, recipient, now - timedelta(days=91))
    assert asked() == [("backup", readiness.State.ADVICE)]
    # What is known is of one key only.
    assert recovery_key.make(directory, replace=True) != key
    assert asked() == [("recovery key", missing), ("backup", missing)]


def test_simulated_meters_and_stand_ins_are_copied_whole(tmp_path):
    data = DataDirectory(tmp_path / "data")
    data.meters.mkdir(parents=True)
    (data.meters / "truth.jsonl").write_bytes(b'{"a": 1}\n{"a": 2')
    (data.meters / "fleet.json").write_text("{}")
    key, keys = RecoveryKey.new()
    header = msgspec.structs.replace(HEADER, recipient=keys.recipient)
    with (
        closing(sqlite3.connect(data.meters / "gateway.sqlite")) as book,
        SealedWriter(tmp_path / "file", header, keys) as writer,
    ):
        book.execute("PRAGMA journal_mode = wal")
        book.execute("CREATE TABLE payment (id)")
        book.execute("INSERT INTO payment VALUES (7)")
        book.commit()
        take._write_meters(data, writer)
    new = tmp_path / "new"
    with SealedReader(tmp_path / "file", key) as reader:
        for name, content in sections.sections(reader):
            restore._write_file(new, name.removeprefix(sections.FILE), content)
    assert sorted(path.name for path in (new / "meters").iterdir()) == [
        "fleet.json", "gateway.sqlite", "truth.jsonl",
    ]  # fmt: skip
    assert (new / "meters" / "truth.jsonl").read_bytes() == b'{"a": 1}\n'
    with closing(sqlite3.connect(new / "meters" / "gateway.sqlite")) as restored:
        assert restored.execute("SELECT id FROM payment").fetchall() == [(7,)]
