"""Detection of a data directory that was restored from a copy, before any process runs on it.

A copy must not continue as if nothing had happened since: meters, payers and the payment gateway went on. Detected are

- a copied directory: the inode and the change time of its heartbeat file (which no program can set) are not copied;
- an old heartbeat: a snapshot of the disk has the same inodes. A machine that was off for as long looks the same and is
  treated alike, because a false alarm costs little (docs/operations.md);
- `urja restored`, where only the database or the broker's store was restored.

Each is stored in `restored.json` before the next heartbeat is written, so a start that crashes does not lose it.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from urja.base.json_files import DamagedFileError, read_json
from urja.base.restored import Restored
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import write_private
from urja.site.supervisor.business_time import read_heartbeat

OLD_HEARTBEAT_S: Final = 600.0
"""Age in seconds of the last heartbeat after which a restore from a snapshot is assumed."""
_WRITING_S: Final = 10.0
"""Seconds that the write of a heartbeat may take on a busy disk."""
KEPT: Final = 50


def sign_of_restore(heartbeat: Path, wall_s: float) -> str:
    """Return the reason why a directory looks like a copy; empty where it does not, or is new."""
    beat = read_heartbeat(heartbeat)
    if beat.stamp_s == 0.0:
        return ""
    found = heartbeat.stat()
    if beat.inode is not None and beat.inode != found.st_ino:
        return "the directory is a copy: its heartbeat was written elsewhere"
    if found.st_ctime > beat.stamp_s + _WRITING_S:
        return "the directory is a copy: its heartbeat file was created after the heartbeat was written"
    if wall_s > beat.stamp_s + OLD_HEARTBEAT_S:
        return f"no heartbeat for {wall_s - beat.stamp_s:.0f} s: it may have been restored from a snapshot"
    return ""


def read(file: Path) -> list[Restored]:
    """Return the restores so far, oldest first. Raises `CommandError` for a damaged file."""
    try:
        return read_json(
            file, list[Restored], "remove it, and give the time of the data with `urja restored --since`"
        )
    except FileNotFoundError:
        return []
    except DamagedFileError as damaged:
        raise CommandError(Exit.USAGE, str(damaged)) from None


def note(file: Path, why: str, since_at: datetime, at: datetime) -> Restored:
    """Record durably that the data are those of `since_at`; return the record."""
    restored = Restored(id=secrets.token_hex(8), since_at=min(since_at, at), at=at, why=why)
    known: Sequence[Restored] = [*read(file), restored][-KEPT:]
    write_private(file, msgspec.json.encode(known))
    return restored
