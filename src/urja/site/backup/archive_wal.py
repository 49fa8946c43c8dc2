"""PostgreSQL's `archive_command`: encrypts one segment of its log to the recovery key's public half, into the archive.

    python -m urja.site.backup.archive_wal SETTINGS DATA PATH NAME

PostgreSQL keeps a segment until this ends with 0, and asks again after a failure. So that a full or missing archive does not
fill the disk of the database, a segment is given up where too many are waiting: that is noted, and an alarm until the next
backup. Segments that are too old, or the oldest where they are too many, are removed.
"""

import hashlib
import hmac
import os
import secrets
import sys
import time
import zlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from urja.base.settings import BackupSettings
from urja.base.wal_archive import SUFFIX, ArchiveState, archived, is_segment, read_state
from urja.site.backup.recovery_key import backup_keys
from urja.site.backup.sealed_file import BackupError, BackupKeys, Header, SealedWriter, read_header
from urja.site.command_errors import CommandError
from urja.site.data_directory import DataDirectory, write_private

_DAY_S: Final = 86_400


def cluster_id(data: DataDirectory) -> str:
    """Return the name of this cluster's folder in the archive, drawn at its first use.

    A restored cluster has another: it goes on from an earlier point of the log under the same names of segments.
    """
    path = data.wal_cluster
    if not path.exists():
        write_private(path, secrets.token_hex(8).encode())
    return path.read_text("ascii")


def main(given: str, data: str, path: str, name: str) -> int:
    """Archive one segment; return the exit code."""
    settings, directory = msgspec.json.decode(given, type=BackupSettings), DataDirectory(Path(data))
    state, now = read_state(directory.wal_state), datetime.now(UTC)
    try:
        _archive(settings, directory, Path(path), name)
    except (BackupError, CommandError, OSError) as error:
        failed = msgspec.structs.replace(
            state, failing_since=state.failing_since or now, error=f"{name}: {error}"
        )
        waiting = sum(file.stat().st_size for file in Path(path).parent.iterdir() if is_segment(file.name))
        give_up = waiting > settings.wal_waiting_mb << 20
        if give_up:
            failed = msgspec.structs.replace(failed, gap_at=now, gap=name)
        write_private(directory.wal_state, msgspec.json.encode(failed))
        sys.stderr.write(f"urja: the log is not archived: {error}\n")
        return 0 if give_up else 1
    if state.failing_since is not None or state.error:
        write_private(
            directory.wal_state, msgspec.json.encode(ArchiveState(gap_at=state.gap_at, gap=state.gap))
        )
    return 0


def _archive(settings: BackupSettings, data: DataDirectory, path: Path, name: str) -> None:
    if not is_segment(name):
        raise BackupError(f"{name!r} is no name of a file of the log")
    assert settings.wal_directory is not None
    keys, archive = backup_keys(data), Path(settings.wal_directory)
    content = path.read_bytes()
    # Keyed: the digest shows PostgreSQL's second request for the same segment, and nothing of the content.
    digest = hmac.digest(keys.signing_key, name.encode() + content, hashlib.sha256)
    target = archive / cluster_id(data) / f"{name}{SUFFIX}"
    if target.exists():
        if read_header(target).digest != digest:
            raise BackupError(
                f"{target} exists with another content: a copy of this data directory archives to the same place; "
                "give one of the two another backup.wal_directory"
            )
        return
    # The archive itself is not made: where its disk is not mounted, nothing is to be written below its place.
    target.parent.mkdir(mode=0o700, exist_ok=True)
    _write(target, content, digest, keys)
    _prune(settings, archive, target)


def _write(target: Path, content: bytes, digest: bytes, keys: BackupKeys) -> None:
    header = Header(
        backup=target.parent.name,
        kind="wal",
        taken_at=datetime.now(UTC),
        version=version("urja"),
        recipient=keys.recipient,
        segment=target.name.removesuffix(SUFFIX),
        digest=digest,
    )
    with SealedWriter(target, header, keys) as writer:
        writer.write(zlib.compress(content, 1))
    # PostgreSQL removes its own copy next, so the name must be on the disk too.
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _prune(settings: BackupSettings, archive: Path, newest: Path) -> None:
    found = sorted(
        ((file.stat(), file) for file in archived(archive) if file != newest), key=lambda one: one[0].st_mtime
    )
    total = newest.stat().st_size + sum(status.st_size for status, _ in found)
    oldest_s = time.time() - settings.wal_days * _DAY_S
    for status, file in found:
        if status.st_mtime >= oldest_s and total <= settings.wal_mb << 20:
            return
        file.unlink()
        total -= status.st_size


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
