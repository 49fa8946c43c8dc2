"""Notices that a data directory was put back from a copy, before anything runs on it.

A copy must not go on as if nothing had happened since: meters, payers and the payment gateway have. Noticed are

- a directory whose heartbeat was not written where it lies: a file's inode and its change time (which no program can set)
  do not travel with a copy;
- a silence: a snapshot of the disk has the same files, but its last sign of life is old. So is that of a box that was
  off for as long, and both are treated alike, for what that costs is small (docs/operations.md);
- `urja restored`, where only the database or the broker's store was put back.

What was noticed is kept in `restored.json`, written before the heartbeat is: a start that dies forgets nothing.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from urja.base.json_files import DamagedFileError, read_json
from urja.base.restored import Restored
from urja.site.data_directory import write_private
from urja.site.exits import CommandError, Exit
from urja.site.supervisor.business_time import read_heartbeat

SILENT_S: Final = 600.0
"""A box that gave no sign of life for longer may have been set back meanwhile."""
_WRITING_S: Final = 10.0
"""So long a sign of life may take to be written, on a busy disk."""
KEPT: Final = 50


def sign_of_restore(heartbeat: Path, wall_s: float) -> str:
    """Why a directory looks like a copy, in words; empty where it does not, or is new."""
    beat = read_heartbeat(heartbeat)
    if beat.stamp_s == 0.0:
        return ""
    found = heartbeat.stat()
    if beat.inode is not None and beat.inode != found.st_ino:
        return "the directory is a copy: its heartbeat was written elsewhere"
    if found.st_ctime > beat.stamp_s + _WRITING_S:
        return "the directory is a copy: its heartbeat was put there later than it was written"
    if wall_s > beat.stamp_s + SILENT_S:
        return f"no sign of life for {wall_s - beat.stamp_s:.0f} s: it may have been set back to a snapshot"
    return ""


def read(file: Path) -> list[Restored]:
    """What was noticed so far, the oldest first; raises `CommandError` for a damaged file."""
    try:
        return read_json(
            file, list[Restored], "remove it, and say with `urja restored --since` from when the data are"
        )
    except FileNotFoundError:
        return []
    except DamagedFileError as damaged:
        raise CommandError(Exit.USAGE, str(damaged)) from None


def note(file: Path, why: str, since_at: datetime, at: datetime) -> Restored:
    """Keep, durably, that the data are those of `since_at`."""
    restored = Restored(id=secrets.token_hex(8), since_at=min(since_at, at), at=at, why=why)
    known: Sequence[Restored] = [*read(file), restored][-KEPT:]
    write_private(file, msgspec.json.encode(known))
    return restored
