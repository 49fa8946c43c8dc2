"""Each file of the data directory, damaged: one sentence that names it, no secret in it, and nothing begins again."""

import contextlib
import json
import os
import sqlite3
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.stream.test_unreadable import GARBAGE

from urja.base.approvers import ApproversError, encode_approvers, read_approvers
from urja.base.clock import REAL_TIME, AnchoredClock, read_anchor, write_anchor
from urja.base.json_files import DamagedFileError
from urja.base.settings import ClockSettings, Settings
from urja.cosem.security import KekStore, wrap_key
from urja.demo.town_control import TownControl, keys_of_fleet
from urja.headend.reloading_key_store import ReloadingKeyStore
from urja.laws import database_catalogue
from urja.meter.fleet import CounterReserve, FleetError, read_fleet_file
from urja.meter.inputs import Entry
from urja.meter.journal import JournalError, read_journal
from urja.meter.truth import TruthError, TruthRecord, read_truth
from urja.sandbox import outbox
from urja.sandbox.book import Book
from urja.sandbox.control import Control
from urja.sandbox.gateway.schema import SCHEMA
from urja.site.admin import Administration
from urja.site.cli import main as cli, status
from urja.site.cli.verify import heads_in
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import business_time
from urja.site.supervisor.secrets import Vault

SECRET_FILES = ("admin.json", "headend.json", "pipeline.json", "services.json", "web.json")

MORE = {
    "not a number": b'{"wall_s": NaN, "business_s": 1, "speed": 1}',
    "no date": b'{"wall_s": 0, "business_s": 1e300, "speed": 1}',
    "other types": b'{"kek": 7, "meters": "x", "wall_s": "x", "pid": [], "URJ1": "x"}',
    "a line of digits": "²³".encode() + b"9" * 5000,
}
DAMAGED = {name: content for name, content in (GARBAGE | MORE).items() if name != "empty"}
EVERYTHING = DAMAGED | {"empty": b""}


@pytest.fixture(params=EVERYTHING)
def damage(request) -> bytes:
    return EVERYTHING[request.param]


def damage_file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def said(read, file: Path) -> str | None:
    """In what words a file is refused."""
    try:
        read(file)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SECRET_FILES)
def test_secrets_are_not_made_again_and_not_told(tmp_path, name, damage):
    Vault.open(tmp_path)
    whole = {other: (tmp_path / other).read_bytes() for other in SECRET_FILES}
    file = damage_file(tmp_path / name, damage)
    with pytest.raises(CommandError, match=rf"{name} is damaged .*restore it from a backup") as refused:
        Vault.open(tmp_path)
    assert refused.value.code is Exit.USAGE
    assert not any(
        value and str(value) in str(refused.value) for value in msgspec.json.decode(whole[name]).values()
    )
    assert {other: (tmp_path / other).read_bytes() for other in SECRET_FILES} == whole | {name: damage}
    assert file.read_bytes() == damage


@pytest.mark.parametrize("name", SECRET_FILES)
def test_a_secret_that_is_missing_is_not_made_again(tmp_path, name):
    Vault.open(tmp_path)
    file = tmp_path / name
    whole = msgspec.json.decode(file.read_bytes())
    for field in [*whole, None]:
        left = {} if field is None else {key: value for key, value in whole.items() if key != field}
        file.write_bytes(msgspec.json.encode(left))
        try:
            Vault.open(tmp_path)
        except CommandError:
            assert msgspec.json.decode(file.read_bytes()) == left
        else:
            assert field in LATER
        file.write_bytes(msgspec.json.encode(whole))


LATER = {"retiring_kek", "seal_key", "roots_key", "channels", "mail_password"}


@pytest.mark.parametrize(
    ("name", "field"), [("admin.json", "kek"), ("headend.json", "kek"), ("pipeline.json", "signing_key")]
)
def test_a_key_of_another_length_is_damage(tmp_path, name, field):
    Vault.open(tmp_path)
    file = tmp_path / name
    whole = msgspec.json.decode(file.read_bytes())
    file.write_bytes(msgspec.json.encode(whole | {field: "AAAA"}))
    with pytest.raises(CommandError, match=rf"{name} is damaged .*\$.{field}"):
        Vault.open(tmp_path)


def test_the_administrator_s_file_alone_that_is_gone_is_not_made_again(tmp_path):
    """A new key-encryption key would open no meter's keys."""
    Vault.open(tmp_path)
    (tmp_path / "admin.json").unlink()
    with pytest.raises(CommandError, match="it is missing"):
        Vault.open(tmp_path)
    assert not (tmp_path / "admin.json").exists()


@pytest.mark.parametrize("name", SECRET_FILES)
def test_secrets_that_were_cut_off_are_not_made_again(tmp_path, name):
    Vault.open(tmp_path)
    file = tmp_path / name
    cut = file.read_bytes()[: file.stat().st_size // 2]
    file.write_bytes(cut)
    with pytest.raises(CommandError, match="is damaged"):
        Vault.open(tmp_path)
    assert file.read_bytes() == cut


def test_the_business_clock(tmp_path, damage):
    """A line that begins again would be another time for every rule about days."""
    file = damage_file(tmp_path / "clock.json", damage)
    with pytest.raises(DamagedFileError, match="clock"):
        read_anchor(file)
    with pytest.raises(ValueError, match="clock"):
        AnchoredClock(file)
    with pytest.raises(ValueError, match="clock"):
        business_time.resume(file, tmp_path / "heartbeat", ClockSettings(), 1.8e9)
    assert file.read_bytes() == damage


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_the_business_clock_with_anything_in_its_files(tmp_path, content):
    for name, read in (("clock.json", read_anchor), ("heartbeat", business_time.read_heartbeat)):
        file = damage_file(tmp_path / name, content)
        assert said(read, file) is None or str(file) in said(read, file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nan running",
        b"inf stopped",
        b"1.0",
        b"\xff\xfe",
        b"x y",
        b"1 2 3",
        b"1e300 running",
        b"-1 running",
    ],
)
def test_the_last_sign_of_life(tmp_path, content):
    write_anchor(
        tmp_path / "clock.json", msgspec.structs.replace(REAL_TIME, speed=60.0) if False else REAL_TIME
    )
    file = damage_file(tmp_path / "heartbeat", content)
    with pytest.raises(ValueError, match="heartbeat is damaged"):
        business_time.read_heartbeat(file)


@pytest.mark.parametrize("content", [b"", b"x", b"-1", "²".encode(), b"9" * 5000, b"1.0", b"\xff", b"99999"])
def test_the_format_of_the_data_directory(tmp_path, content):
    first = DataDirectory(tmp_path)
    first.claim()
    first.release()
    file = damage_file(tmp_path / "VERSION", content)
    with pytest.raises(CommandError) as refused:
        DataDirectory(tmp_path).claim()
    assert refused.value.code is Exit.OTHER_VERSION
    assert str(tmp_path) in str(refused.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 40, "²".encode()])
def test_the_pid_in_the_lock(tmp_path, content):
    """The kernel says whether it is held; the pid is for people."""
    held = DataDirectory(tmp_path)
    held.claim()
    (tmp_path / "lock").write_bytes(content)
    assert DataDirectory(tmp_path).holder() == 0
    held.release()
    assert DataDirectory(tmp_path).holder() is None


@pytest.mark.parametrize("name", ["settings.json", "status.json"])
async def test_what_the_supervisor_has_written_down(tmp_path, name, damage):
    directory = DataDirectory(tmp_path)
    directory.claim()
    sound = {
        "settings.json": msgspec.json.encode(Settings()),
        "status.json": json.dumps({"pid": 1, "processes": {}}).encode(),
    }
    for each, content in sound.items():
        (directory.run / each).write_bytes(content)
    damage_file(directory.run / name, damage)
    # Settings all have defaults: an object that names none of them is one that changes none.
    if name == "settings.json" and damage in (GARBAGE["nothing in it"], MORE["other types"]):
        pytest.skip("an object")
    with pytest.raises(CommandError, match=rf"{name} is damaged .*start it again"):
        await status.gather(directory)
    if name == "settings.json":
        with pytest.raises(CommandError, match=rf"{name} is damaged .*start it again"):
            Administration.of(tmp_path)
    directory.release()


def test_an_installation_without_readable_approvers_approves_nothing(tmp_path, damage):
    file = damage_file(tmp_path / "approvers.json", damage)
    with pytest.raises(ApproversError, match=r"cannot be read .*: restore it, or install"):
        read_approvers(file)
    damage_file(file, encode_approvers([]))
    assert read_approvers(file) == []


def test_the_catalogue_of_the_source_is_a_broken_law(tmp_path, damage):
    file = damage_file(tmp_path / "catalogue.json", damage)
    expected = database_catalogue.stored_expectation(file)
    assert str(file) in expected.damaged
    assert "the next start writes it again" in expected.damaged


def test_the_key_encryption_key_that_a_running_head_end_reads_again_stays(tmp_path, damage):
    key, kek = bytes(range(16)), bytes(16)
    keys = ReloadingKeyStore(KekStore(kek), damage_file(tmp_path / "headend.json", damage))
    assert keys.unwrap(wrap_key(kek, key)) == key


def test_heads_of_the_log(tmp_path, damage):
    file = damage_file(tmp_path / "2026-04-01.json", damage)
    with pytest.raises(CommandError, match=r"not a signed head|has no heads|contains no heads"):
        heads_in(file)


class TestSimulatedMeters:
    """Their files stand for what real meters keep in themselves."""

    def test_the_fleet(self, tmp_path, damage):
        with pytest.raises(FleetError, match=r"fleet\.json"):
            read_fleet_file(damage_file(tmp_path / "fleet.json", damage))

    def test_their_counters_do_not_begin_again(self, tmp_path, damage):
        if damage == GARBAGE["nothing in it"]:
            pytest.skip("the counters of a meter with that name")
        file = damage_file(tmp_path / "counters.json", damage)
        with pytest.raises(FleetError, match="no counter may be used twice"):
            CounterReserve(file)

    @pytest.mark.parametrize("content", [b'{"S1": -1}', b'{"S1": 4294967296}', b'{"S1": 1.5}'])
    def test_counters_that_are_none(self, tmp_path, content):
        with pytest.raises(FleetError, match="no counter may be used twice"):
            CounterReserve(damage_file(tmp_path / "counters.json", content))

    @pytest.mark.parametrize(
        ("read", "error", "kind"),
        [(read_journal, JournalError, Entry), (read_truth, TruthError, TruthRecord)],
    )
    @pytest.mark.parametrize("name", sorted(set(DAMAGED) - {"huge", "random"}))
    def test_journals_name_the_line(self, tmp_path, read, error, kind, name):
        file = damage_file(tmp_path / "lines.jsonl", DAMAGED[name].replace(b"\n", b" ") + b"\n")
        with pytest.raises(error, match=r"lines.jsonl, line 1: "):
            read(file)
        # A line that a kill has torn is no damage.
        damage_file(file, DAMAGED[name].replace(b"\n", b" "))
        assert read(file) == []


class TestTheDemonstration:
    """Books of the stand-ins, and the fleet's file as the town's page reads it."""

    @pytest.fixture
    def book(self, tmp_path) -> Path:
        """A gateway's book with a payment."""
        with contextlib.closing(Book(tmp_path / "gateway.sqlite", outbox.SCHEMA + SCHEMA)) as whole:
            whole.insert("orders", id="o1", amount=5, currency="INR", notes="", auto_capture=1, created_at=0)
        return tmp_path / "gateway.sqlite"

    def refused(self, file: Path) -> str:
        content = file.read_bytes()
        with pytest.raises(DamagedFileError) as refused:
            Book(file, outbox.SCHEMA + SCHEMA)
        assert str(refused.value).startswith(f"{file} is damaged (")
        assert "\n" not in str(refused.value)
        assert file.read_bytes() == content
        return str(refused.value)

    def test_a_book_does_not_begin_again(self, book, damage):
        damage_file(book, damage)
        assert "restore it from a backup" in self.refused(book)

    def test_a_book_that_was_cut_off(self, book):
        damage_file(book, book.read_bytes()[: book.stat().st_size // 2])
        self.refused(book)

    def test_a_book_that_was_removed_without_its_log(self, book):
        damage_file(book.with_name("gateway.sqlite-wal"), book.read_bytes())
        book.unlink()
        with pytest.raises(DamagedFileError, match="is missing, and its write-ahead log is not"):
            Book(book, outbox.SCHEMA + SCHEMA)
        assert not book.exists()

    def test_a_book_of_something_else(self, book, tmp_path):
        with contextlib.closing(Book(book, "")) as whole:
            whole.run("ALTER TABLE orders ADD COLUMN more TEXT")
        assert "its table orders is another" in self.refused(book)
        other = tmp_path / "other.sqlite"
        with contextlib.closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE orders (n)")
        assert "it has no table setting" in self.refused(other)

    def test_a_false_report_of_no_answer(self, book):
        with contextlib.closing(Book(book, outbox.SCHEMA + SCHEMA)) as whole:
            whole.keep_setting("muting", "x")
            with pytest.raises(DamagedFileError, match=r"gateway.sqlite is damaged \(its setting muting\)"):
                Control(whole, outbox.Outbox(whole, None, None))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_a_book_with_any_bytes_in_any_place(self, book, data):
        """It is refused in a sentence, or all of it can be read and is what it was."""
        whole = bytearray(book.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(whole) - 1))
            whole[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
        with tempfile.TemporaryDirectory() as folder:
            file = damage_file(Path(folder) / "gateway.sqlite", bytes(whole))
            told = said(self.orders_in, file)
            assert told is None or told.startswith(f"{file} is damaged (")

    @staticmethod
    def orders_in(file: Path) -> None:
        with contextlib.closing(Book(file, outbox.SCHEMA + SCHEMA)) as opened:
            assert len(opened.all("SELECT * FROM orders")) == 1

    async def test_the_town_s_page_is_told_that_the_fleet_s_file_is_damaged(self, tmp_path, damage):
        file = damage_file(tmp_path / "fleet.json", damage)
        control = TownControl(None, tmp_path / "none.sock", keys=keys_of_fleet(file))
        frame = {"do": "decode", "frame": "db08" + b"OTHER001".hex() + "0530000000" + "05"}
        answer = await control.answer(json.dumps(frame).encode())
        assert answer["ok"] is False
        assert answer["error"].startswith("the meters' keys cannot be read: ")
        assert "fleet.json" in answer["error"]
        assert file.read_bytes() == damage
        file.unlink()
        assert "fleet.json" in (await control.answer(json.dumps(frame).encode()))["error"]

    def test_a_process_that_finds_one_ends_with_a_sentence(self, book, monkeypatch, capsys):
        damage_file(book, b"")
        monkeypatch.setattr(cli, "urja", lambda **_: Book(book, ""))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == Exit.USAGE
        assert capsys.readouterr().err.startswith(f"urja: {book} is damaged (it is empty): ")


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    Vault.open(tmp_path)
    (tmp_path / "admin.json").chmod(0)
    with pytest.raises(PermissionError):
        Vault.open(tmp_path)
