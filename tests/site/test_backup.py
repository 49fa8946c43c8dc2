"""A box is backed up while entries are posted, its directory destroyed, and the backup restored.

Laws hold, the heads that were signed before the backup are those of the restored log, and what was lost is named by heads
that were stored elsewhere.
"""

import asyncio
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import pytest
from tests.adversary.backups import HEADER
from tests.site.test_installation import ROOT, settings, until

from urja.base.clock import REAL_TIME, Anchor
from urja.site import readiness
from urja.site.backup import restore
from urja.site.backup.take import new_recovery_key
from urja.site.command_errors import Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import business_time, restored_data
from urja.site.supervisor.installation import ExtraChild, Installation
from urja.site.supervisor.secrets import Vault
from urja.stream import User, connect


@pytest.fixture(autouse=True)
def _children(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


async def urja(*arguments) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "urja.site.cli.main",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


class Posting:
    """A child that posts entries and seals days, in a box."""

    def __init__(self, box: Installation, place: Path) -> None:
        self.box, self.noted, self.days = box, place / "noted", place / "days"
        self.heads = box.data.heads

    async def start(self) -> None:
        key = Vault.open(self.box.data.secrets).pipeline.roots_key.hex()
        arguments = {
            "login": self.box.secrets.database_owner,
            "key": key,
            "heads": str(self.heads),
            "noted": str(self.noted),
            "days": str(self.days),
        }
        await self.box.add(ExtraChild("posting", "tests.site.box_children:posting", arguments))
        await until(lambda: self.posted > 3, 60.0)

    @property
    def posted(self) -> int:
        return int((self.noted.read_text() if self.noted.exists() else "") or 0)

    async def seal(self, day: int) -> None:
        self.days.write_text(str(day))
        await until(lambda: len(list(self.heads.glob("*.json"))) == day, 60.0)


def entries(box: Installation) -> int:
    with psycopg.connect(box.secrets.database_owner) as connection:
        row = connection.execute("SELECT count(*) FROM books_entry").fetchone()
        assert row is not None
        return int(row[0])


async def messages(box: Installation) -> int:
    broker = await connect(box.secrets.broker_url, User.ADMIN, box.secrets.broker_password, "test")
    try:
        return int((await broker.jetstream.stream_info("REQUESTS")).state.messages)
    finally:
        await broker.close()


async def request(box: Installation, number: int) -> None:
    broker = await connect(box.secrets.broker_url, User.ADMIN, box.secrets.broker_password, "test")
    try:
        now = box.clock.now()
        await broker.jetstream.publish("urja.requests.0", f"{number} {now}".encode())
    finally:
        await broker.close()


async def test_a_destroyed_box_is_restored_and_what_was_lost_is_named(box_tmp, prepared):
    data, place, elsewhere = prepared(box_tmp / "data"), box_tmp / "place", box_tmp / "elsewhere"
    place.mkdir()
    async with Installation(data, settings(), processes=[]) as box:
        code, _, refusal = await urja("backup", place, "--data", data)
        assert (code, "no recovery key yet" in refusal) == (Exit.USAGE, True)
        code, printed, _ = await urja("backup", "key", "--data", data)
        assert code == 0
        key = box_tmp / "key"
        key.write_text(printed)
        posting = Posting(box, box_tmp)
        await posting.start()
        await posting.seal(1)
        await request(box, 1)
        before, file = posting.posted, place / "monday.backup"
        code, _, err = await urja("backup", file, "--data", data)
        assert code == 0, err
        assert posting.posted > before, "nothing was posted meanwhile"
        taken_at = box.clock.now()
        code, _, refusal = await urja("backup", file, "--data", data)
        assert (code, "give the backup another name" in refusal) == (Exit.USAGE, True)
        await posting.seal(2)
        await request(box, 2)
        last = posting.posted
        shutil.copytree(data / "proofs" / "heads", elsewhere)
    assert {path.name for path in place.iterdir()} == {"monday.backup", "monday.backup.secrets"}
    shutil.rmtree(data)

    code, drilled, err = await urja("restore", "--drill", file, "--key", key)
    assert code == 0, drilled + err
    assert "holds   roots" in drilled
    assert "BROKEN" not in drilled
    code, drilled, err = await urja("restore", "--drill", file, "--key", key, "--against", elsewhere)
    assert code == Exit.FAILED
    assert "2026-03-03" in drilled

    new = box_tmp / "new"
    code, said, err = await urja("restore", file, "--key", key, "--data", new)
    assert code == 0, err
    [noted] = restored_data.read(new / "restored.json")
    assert noted.since_at < taken_at
    assert len(list((new / "proofs" / "heads").glob("*.json"))) == 1
    async with Installation(new, settings(), processes=[]) as box:
        assert box.restored == noted
        assert before <= entries(box) < last
        assert await messages(box) == 1
        with psycopg.connect(box.secrets.database_owner) as connection:
            # Numbers go on past all that may have been given since.
            assert connection.execute("SELECT id FROM supply_recovery").fetchall() == [(noted.id,)]
        sealed = next(elsewhere.glob("*03-02*"))
        assert (await urja("verify", "--data", new, "--against", sealed))[0] == 0
        code, said, _ = await urja("verify", "--data", new, "--against", elsewhere)
        assert code == Exit.FAILED
        assert "2026-03-03" in said
        # The restored box makes backups that the same key opens.
        assert (await urja("backup", place, "--data", new))[0] == 0


async def test_what_cannot_be_restored_is_refused_and_leaves_an_empty_directory(box_tmp, prepared):
    data, file, key = prepared(box_tmp / "data"), box_tmp / "file", box_tmp / "key"
    async with Installation(data, settings(), processes=[]):
        key.write_text((await urja("backup", "key", "--data", data))[1])
        assert (await urja("backup", file, "--data", data))[0] == 0
        assert (await urja("backup", box_tmp / "other", "--data", data))[0] == 0
        other = box_tmp / "otherkey"
        other.write_text((await urja("backup", "key", "--replace", "--data", data))[1])
    new = box_tmp / "new"
    new.mkdir()
    cases = [
        (("--data", data), Exit.USAGE, "is not empty"),
        (("--data", new, "--key", other), Exit.FAILED, "made for another recovery key"),
        (("--data", new, "--secrets", box_tmp / "other.secrets"), Exit.FAILED, "of different backups"),
        (("--data", new, "--drill"), Exit.USAGE, "give either --data"),
    ]
    for options, code, words in cases:
        said = await urja("restore", file, "--key", key, *options)
        assert (said[0], words in said[2]) == (code, True), said
        assert list(new.iterdir()) == []
    whole = file.read_bytes()
    for at in (len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        code, _, refusal = await urja("restore", file, "--key", key, "--data", new)
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


def test_doctor_asks_for_a_recovery_key_and_then_for_a_drill(tmp_path):
    directory = DataDirectory(tmp_path)
    directory.secrets.mkdir()
    (directory.secrets / "admin.json").write_text("{}")
    assert readiness._backup(directory).state is readiness.State.MISSING
    new_recovery_key(tmp_path, replace=False)
    asked = readiness._backup(directory)
    assert (asked.state, "--drill" in asked.command) == (readiness.State.ADVICE, True)
