"""Takes a backup of a running installation: a consistent copy of broker and database, each by its own means.

The order matters. The broker is copied before the database: a message that was processed meanwhile is then in both, and
processing it again changes nothing; the other way round it would be in neither. Small files come before both, so that no
signed head is in a file and not in the database.
"""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from urja.base.clock import read_anchor
from urja.base.json_files import DamagedFileError, read_json
from urja.site.admin import Administration
from urja.site.backup import sections
from urja.site.backup.sealed_file import (
    BackupError,
    BackupKeys,
    Header,
    RecoveryKey,
    SealedWriter,
    new_backup_id,
)
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor import child_launcher, postgres
from urja.stream import User, connect
from urja.stream.errors import StreamError
from urja.stream.snapshots import StreamHead

SECRETS_SUFFIX: Final = ".secrets"
"""Follows the name of the file with the data in that of the file with the secrets."""
KEYS_FILE: Final = "backup.json"
_SMALL_FILES: Final = ("VERSION", "restored.json", "catalogue.json", "outages.jsonl", "proofs/heads/*.json")
_LAST_WORDS: Final = 2000


def new_recovery_key(data: Path, *, replace: bool) -> RecoveryKey:
    """Make a recovery key, store its public half in the data directory, and return it; it is stored nowhere.

    Raises `CommandError` where there is one already and `replace` is not set, or where no Urja was started on `data`.
    """
    directory = DataDirectory(data)
    if not (directory.secrets / "admin.json").exists():
        raise CommandError(Exit.USAGE, f"no Urja has run on {data}: give its data directory with --data")
    path = directory.secrets / KEYS_FILE
    if path.exists() and not replace:
        raise CommandError(
            Exit.USAGE,
            f"{data} has a recovery key, which was printed when it was made. If it is lost, make another with "
            "--replace and take a backup at once: earlier backups open with the earlier key alone",
        )
    key, keys = RecoveryKey.new()
    write_private(path, msgspec.json.encode(keys))
    return key


def backup_keys(secrets: Path) -> BackupKeys:
    """Return what the box makes backups with. Raises `CommandError` where it has no recovery key."""
    try:
        return read_json(secrets / KEYS_FILE, BackupKeys, "make a key with `urja backup key --replace`")
    except FileNotFoundError:
        raise CommandError(
            Exit.USAGE,
            "there is no recovery key yet: run `urja backup key`, and keep what it prints away from this machine",
        ) from None
    except DamagedFileError as damaged:
        raise CommandError(Exit.USAGE, str(damaged)) from None


def take(box: Administration, path: Path) -> datetime:
    """Write a backup of a running installation to `path`, and its secrets beside it; return the time of the copy.

    Neither file appears before it is whole. Raises `CommandError` for a database of another server, `BackupError` where
    broker or database refuse.
    """
    if box.settings.database.dsn is not None:
        raise CommandError(
            Exit.USAGE,
            "the database is on a server of its own (database.dsn): back it up with that server's tools",
        )
    secrets_path = path.with_name(path.name + SECRETS_SUFFIX)
    for taken in (path, secrets_path):
        if taken.exists():
            raise CommandError(Exit.USAGE, f"{taken} exists: give the backup another name")
    keys = backup_keys(box.data.secrets)
    header = Header(
        backup=new_backup_id(),
        kind="data",
        taken_at=box.clock.now(),
        version=version("urja"),
        recipient=keys.recipient,
    )
    with SealedWriter(secrets_path, msgspec.structs.replace(header, kind="secrets"), keys) as writer:
        for file in sorted(box.data.secrets.glob("*.json")):
            sections.write_section(writer, f"{sections.FILE}{file.name}", file.read_bytes())
    try:
        with SealedWriter(path, header, keys) as writer:
            _write_data(box, writer)
    except BaseException:
        secrets_path.unlink()
        raise
    return header.taken_at


def _write_data(box: Administration, writer: SealedWriter) -> None:
    sections.write_section(writer, sections.SETTINGS, msgspec.json.encode(box.settings))
    for pattern in _SMALL_FILES:
        for file in sorted(box.data.path.glob(pattern)):
            name = file.relative_to(box.data.path).as_posix()
            sections.write_section(writer, f"{sections.FILE}{name}", file.read_bytes())
    try:
        asyncio.run(_write_streams(box, writer))
    except StreamError as error:
        raise BackupError(f"the broker gives no copy of its streams: {error}") from error
    _write_database(box, writer)
    # Business time has gone on while the database was copied, and never runs back.
    anchor = read_anchor(box.data.clock)
    line = {"speed": anchor.speed, "business_s": anchor.business_at(now_s := time.time()), "wall_s": now_s}
    sections.write_section(writer, sections.CLOCK, msgspec.json.encode(line))


async def _write_streams(box: Administration, writer: SealedWriter) -> None:
    login = box.secrets
    broker = await connect(login.broker_url, User.ADMIN, login.broker_password, "backup")
    try:
        for name in await broker.stream_names():
            sections.write_block(writer, f"{sections.STREAM}{name}".encode())
            async for part in broker.snapshot(name):
                content = msgspec.json.encode(part) if isinstance(part, StreamHead) else part
                sections.write_block(writer, content)
            sections.write_block(writer, b"")
    finally:
        await broker.close()


def _write_database(box: Administration, writer: SealedWriter) -> None:
    configured = box.settings.database.binaries
    binaries = postgres.find_binaries(Path(configured) if configured else None)
    login = conninfo_to_dict(box.secrets.database_admin)
    password = str(login.pop("password"))
    with tempfile.NamedTemporaryFile("w", dir=box.data.run, suffix=".pgpass") as passwords, _wal_kept(box):
        # Not on the command line and not in the environment, which other users of the machine may see.
        passwords.write(f"*:*:*:*:{password}\n")
        passwords.flush()
        command = [
            binaries.tool("pg_basebackup"),
            f"--dbname={make_conninfo('', **login, passfile=passwords.name)}",
            "--no-password",
            "--pgdata=-",
            "--format=tar",
            "--wal-method=fetch",
            "--checkpoint=fast",
            "--compress=client-gzip:1",
        ]
        sections.write_block(writer, sections.POSTGRES.encode())
        with tempfile.TemporaryFile() as words:
            with subprocess.Popen(
                child_launcher.command(command), stdout=subprocess.PIPE, stderr=words
            ) as process:
                assert process.stdout is not None
                while block := process.stdout.read(sections.BLOCK_BYTES):
                    sections.write_block(writer, block)
            if process.returncode != 0:
                words.seek(0)
                said = words.read(_LAST_WORDS).decode("utf-8", "replace").strip()
                raise BackupError(f"PostgreSQL gives no copy: {said or process.returncode}")
        sections.write_block(writer, b"")


@contextmanager
def _wal_kept(box: Administration) -> Iterator[None]:
    """Hold what PostgreSQL writes meanwhile until it was copied; a slot of this connection ends with it."""
    with psycopg.connect(box.secrets.database_admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_create_physical_replication_slot(%s, immediately_reserve => true, temporary => true)",
            [f"urja_backup_{connection.info.backend_pid}"],
        )
        yield
