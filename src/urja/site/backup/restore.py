"""Restores a backup onto an empty data directory."""

import asyncio
import shutil
import tarfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from urja.base.clock import REAL_TIME, Anchor, write_anchor
from urja.base.json_files import UNREADABLE
from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.site.backup import fetch_wal, sections
from urja.site.backup.sealed_file import BackupError, Header, RecoveryKey, SealedReader
from urja.site.backup.take import SECRETS_SUFFIX
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor import broker_process, business_time, postgres, restored_data
from urja.site.supervisor.secrets import Vault
from urja.stream.broker import connect
from urja.stream.errors import StreamError
from urja.stream.server import server_config
from urja.stream.snapshots import StreamHead
from urja.stream.subjects import StreamSizes, User

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_VERSION: Final = "VERSION"
_REPLAY_LIMIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LogReplay:
    """How far the database is brought on by the archived log after a backup was put back."""

    until: datetime | None
    """Wall time; None: to the archive's end."""
    key_file: Path
    archive: Path | None
    """Directory of the archive; None: that of the backup's settings."""


def restore(
    path: Path, secrets_path: Path | None, key: RecoveryKey, data: Path, replay: LogReplay | None = None
) -> tuple[Header, Settings]:
    """Put a backup back onto `data`, which must be empty or not exist; return its header and the box's settings.

    With `replay` the database goes on by the archived log; the broker stays as it was at the backup. The next start treats the data as restored (`urja.site.supervisor.restored_data`). Where it fails the directory is left
    empty. Raises `CommandError` for a directory that is not empty, `BackupError` for a wrong key, a damaged file, or two
    files that are not of one backup.
    """
    directory = DataDirectory(data)
    _check_empty(directory.path)
    # Both headers are verified before a byte is written.
    with (
        SealedReader(path, key) as content,
        SealedReader(secrets_path or path.with_name(path.name + SECRETS_SUFFIX), key) as secrets,
    ):
        if (content.header.kind, secrets.header.kind) != ("data", "secrets"):
            raise BackupError(f"{path} is the file of a backup's secrets: give the other one of the two")
        if content.header.backup != secrets.header.backup:
            raise BackupError("the two files are of different backups: give the secrets of the same one")
        directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _restore_secrets(directory, secrets)
            settings = asyncio.run(_restore_data(directory, content, replay))
        except BaseException:
            _empty(directory.path)
            raise
        return content.header, settings


def _check_empty(path: Path) -> None:
    if path.exists() and (found := sorted(entry.name for entry in path.iterdir())):
        raise CommandError(
            Exit.USAGE,
            f"{path} is not empty ({', '.join(found[:3])}): restore onto a new directory with --data",
        )


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _restore_secrets(directory: DataDirectory, reader: SealedReader) -> None:
    directory.secrets.mkdir(mode=0o700)
    for name, content in sections.sections(reader):
        _write_file(directory.secrets, name.removeprefix(sections.FILE), content)


def _write_file(directory: Path, name: str, content: Iterator[bytes]) -> None:
    within = PurePosixPath(name)
    # The file is authentic; a name that leaves the directory is refused all the same.
    if within.is_absolute() or ".." in within.parts:
        raise BackupError(f"the backup names the file {name!r}, which is outside the data directory")
    target = directory / within
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(target, b"".join(content))


async def _restore_data(directory: DataDirectory, reader: SealedReader, replay: LogReplay | None) -> Settings:
    """Write each section; VERSION, without which no Urja starts on the directory, comes last."""
    settings, line, format_version, cluster_folder = Settings(), REAL_TIME, b"", ""
    broker = _Broker(directory)
    try:
        for name, content in sections.sections(reader):
            if name == sections.SETTINGS:
                settings = _decoded(b"".join(content), Settings)
            elif name == sections.CLOCK:
                line = _decoded(b"".join(content), Anchor)
            elif name == sections.ARCHIVE:
                cluster_folder = b"".join(content).decode()
            elif name == f"{sections.FILE}{_VERSION}":
                format_version = b"".join(content)
            elif name.startswith(sections.FILE):
                _write_file(directory.path, name.removeprefix(sections.FILE), content)
            elif name.startswith(sections.STREAM):
                await broker.restore(content, settings)
            elif name == sections.POSTGRES:
                _restore_database(directory, content)
            else:
                raise BackupError(
                    f"the backup has a part {name!r} that this version does not know: restore it "
                    f"with Urja {reader.header.version}"
                )
    except StreamError as error:
        raise BackupError(f"the broker does not take its streams back: {error}") from error
    finally:
        await broker.stop()
    if replay is not None:
        line = line.moved_to(_replay_log(directory, settings, replay, cluster_folder, line))
    _note_restore(directory, reader.header, line)
    write_private(directory.path / _VERSION, format_version)
    return settings


def _decoded[T](content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except UNREADABLE as error:
        raise BackupError(f"the backup was written by another version of Urja: {error}") from None


def _replay_log(
    directory: DataDirectory, settings: Settings, replay: LogReplay, cluster_folder: str, whole: Anchor
) -> float:
    """Bring the database on by the archived log; return the wall time in Unix seconds up to which it went at most."""
    archive = replay.archive or Path(settings.backup.wal_directory or "")
    if not cluster_folder:
        raise BackupError("the log was not archived when the backup was made: restore it without --until")
    if not (archive / cluster_folder).is_dir():
        raise BackupError(
            f"{archive} holds no log of this backup (folder {cluster_folder}): name its archive with --wal"
        )
    options = {
        "restore_command": fetch_wal.command(replay.key_file, archive / cluster_folder),
        # A server that answers has then reached its end.
        "hot_standby": "off",
        "archive_mode": "off",
    }
    if replay.until is not None:
        if replay.until.timestamp() < whole.wall_s:
            raise BackupError(
                f"this backup was whole at {datetime.fromtimestamp(whole.wall_s, UTC):%Y-%m-%d %H:%M:%S} UTC: for "
                "an earlier moment restore an earlier backup"
            )
        options |= {
            "recovery_target_time": replay.until.isoformat(),
            "recovery_target_action": "promote",
        }
    (directory.postgres / "data" / "recovery.signal").touch()
    configured = settings.database.binaries
    cluster = postgres.Cluster(
        postgres.find_binaries(Path(configured) if configured else None),
        directory.postgres,
        Vault.open(directory.secrets).admin.superuser_password,
        options=options,
    )
    try:
        cluster.start(_REPLAY_LIMIT_S)
    except postgres.PostgresError as error:
        said = str(error)
        if "recovery ended before configured recovery target was reached" in said:
            said = (
                "the archived log ends before that time, or a part of it is missing: restore with --until end"
            )
        raise BackupError(said) from error
    cluster.stop()
    return time.time() if replay.until is None else replay.until.timestamp()


def _note_restore(directory: DataDirectory, header: Header, line: Anchor) -> None:
    """Let business time go on, and have the next start give no number, counter or order a second time."""
    now_s = time.time()
    if business_time.follows_wall_clock(line):
        write_anchor(directory.clock, REAL_TIME)
        now = datetime.fromtimestamp(now_s, UTC)
    else:
        write_anchor(directory.clock, line.moved_to(now_s, business_s=line.business_s))
        now = datetime.fromtimestamp(line.business_s, UTC)
    restored_data.note(directory.restored, f"restored from the backup {header.backup}", header.taken_at, now)


class _Broker:
    """The broker of a restore: started for the first stream, on a port that no process of the box knows."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._server: broker_process.Server | None = None
        self._url, self._password = "", ""

    async def restore(self, content: Iterator[bytes], settings: Settings) -> None:
        """Create one stream."""
        if self._server is None:
            await asyncio.to_thread(self._start, settings)
        head = _decoded(next(content), StreamHead)
        broker = await connect(self._url, User.ADMIN, self._password, "restore")
        try:
            await broker.restore(head, _each(content))
        finally:
            await broker.close()

    def _start(self, settings: Settings) -> None:
        passwords = Vault.open(self._directory.secrets).broker_passwords()
        port, nats = free_port(), self._directory.nats
        config = server_config(
            port=port,
            store_dir=nats / "jetstream",
            passwords={User(name): password for name, password in passwords.items()},
            sizes=StreamSizes(readings=settings.broker.readings_mb << 20),
        )
        self._server = broker_process.Server(nats, f'{config}ports_file_dir: "{nats.absolute()}"\n')
        self._url, self._password = f"nats://127.0.0.1:{port}", passwords["admin"]
        self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)


async def _each(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    for block in content:
        yield block


class _Blocks(RawIOBase):
    """A section as a file to read."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content, self._rest = content, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        self._rest = self._rest or next(self._content, b"")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _restore_database(directory: DataDirectory, content: Iterator[bytes]) -> None:
    postgres.make_private(directory.postgres)
    data = directory.postgres / "data"
    data.mkdir(mode=0o700)
    with (
        BufferedReader(_Blocks(content), sections.BLOCK_BYTES) as file,
        tarfile.open(fileobj=file, mode="r|gz") as archive,
    ):
        archive.extractall(data, filter="data")
        # What follows the archive's end belongs to the section too.
        while file.read(sections.BLOCK_BYTES):
            pass
