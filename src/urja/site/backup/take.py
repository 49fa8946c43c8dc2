"""Takes a backup of a running installation: a consistent copy of broker and database, each by its own means.

The order matters. The broker is copied before the database: a message that was processed meanwhile is then in both, and
processing it again changes nothing; the other way round it would be in neither. Small files come before both, so that no
signed head is in a file and not in the database.
"""

import asyncio
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from urja.base.clock import read_anchor
from urja.base.wal_archive import read_state
from urja.site.admin import Administration
from urja.site.backup import sections
from urja.site.backup.archive_wal import cluster_id
from urja.site.backup.recovery_key import backup_keys
from urja.site.backup.sealed_file import (
    BackupError,
    Header,
    SealedWriter,
    new_backup_id,
)
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor import child_launcher, postgres
from urja.stream.broker import connect
from urja.stream.errors import StreamError
from urja.stream.snapshots import StreamHead
from urja.stream.subjects import User

SECRETS_SUFFIX: Final = ".secrets"
"""Follows the name of the file with the data in that of the file with the secrets."""
_SMALL_FILES: Final = (
    "VERSION",
    "restored.json",
    "recovery.json",
    "catalogue.json",
    "outages.jsonl",
    "proofs/heads/*.json",
)
_CONFIGURATION: Final = "urja.toml"
_LAST_WORDS: Final = 2000


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
    keys, gap_before = backup_keys(box.data), read_state(box.data.wal_state).gap_at
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
    _end_gap(box.data, gap_before)
    return header.taken_at


def _end_gap(data: DataDirectory, gap_before: datetime | None) -> None:
    """Forget a gap in the archived log that lies before this backup: a restore begins after it."""
    state = read_state(data.wal_state)
    if gap_before is not None and state.gap_at == gap_before:
        state = msgspec.structs.replace(state, gap_at=None, gap="")
        write_private(data.wal_state, msgspec.json.encode(state))


def _write_data(box: Administration, writer: SealedWriter) -> None:
    sections.write_section(writer, sections.SETTINGS, msgspec.json.encode(box.settings))
    for pattern in _SMALL_FILES:
        for file in sorted(box.data.path.glob(pattern)):
            name = file.relative_to(box.data.path).as_posix()
            sections.write_section(writer, f"{sections.FILE}{name}", file.read_bytes())
    if box.data.configuration.exists():
        content = box.data.configuration.read_bytes()
        sections.write_section(writer, f"{sections.FILE}{_CONFIGURATION}", content)
    if box.settings.backup.wal_directory is not None:
        sections.write_section(writer, sections.ARCHIVE, cluster_id(box.data).encode())
    try:
        asyncio.run(_write_streams(box, writer))
    except StreamError as error:
        raise BackupError(f"the broker gives no copy of its streams: {error}") from error
    _write_database(box, writer)
    _write_meters(box.data, writer)
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


def _write_meters(data: DataDirectory, writer: SealedWriter) -> None:
    """Copy simulated meters and stand-ins last: like real ones they are then never behind what the database knows of them."""
    for file in sorted(data.meters.rglob("*")):
        if not file.is_file() or file.name.endswith(("-wal", "-shm")):
            continue
        if file.suffix == ".sqlite":
            content = _sqlite_copy(file)
        else:
            content = file.read_bytes()
            if file.suffix == ".jsonl":
                # The fleet appends lines meanwhile; half a line could not be read.
                content = content[: content.rfind(b"\n") + 1]
        sections.write_section(writer, f"{sections.FILE}{file.relative_to(data.path).as_posix()}", content)


def _sqlite_copy(file: Path) -> bytes:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
        return copy.serialize()


@contextmanager
def _wal_kept(box: Administration) -> Iterator[None]:
    """Hold what PostgreSQL writes meanwhile until it was copied; a slot of this connection ends with it."""
    with psycopg.connect(box.secrets.database_admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_create_physical_replication_slot(%s, immediately_reserve => true, temporary => true)",
            [f"urja_backup_{connection.info.backend_pid}"],
        )
        yield
