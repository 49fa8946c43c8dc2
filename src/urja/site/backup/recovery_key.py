"""The recovery key of an installation: made once, given away, and asked for again by drills.

The private half opens backups and never stays in the data directory. `DATA/recovery.json` says where its copy is and
when a drill proved it; both are of the key whose public half the box has now, and of no earlier one.
"""

import os
from datetime import datetime
from pathlib import Path

import msgspec

from urja.base.json_files import DamagedFileError, read_json
from urja.site.backup.sealed_file import BackupKeys, RecoveryKey
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory, write_private


class RecoveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the box knows of the copy of its recovery key."""

    recipient: bytes
    """Public half of the key that it is about."""
    copy: str = ""
    """Where the copy is, in a person's words."""
    proven_at: datetime | None = None
    """Wall time of the last drill in which the copy opened a backup and all laws held."""


def keys_file(directory: DataDirectory) -> Path:
    """Return the path of the public half, and of what signs backups."""
    return directory.secrets / "backup.json"


def backup_keys(directory: DataDirectory) -> BackupKeys:
    """Return what the box makes backups with. Raises `CommandError` where it has no recovery key."""
    try:
        return read_json(keys_file(directory), BackupKeys, "make a key with `urja backup key --replace`")
    except FileNotFoundError:
        raise CommandError(
            Exit.USAGE,
            "there is no recovery key yet: run `urja backup key`, and store what it prints away from this machine",
        ) from None
    except DamagedFileError as damaged:
        raise CommandError(Exit.USAGE, str(damaged)) from None


def make(directory: DataDirectory, *, replace: bool) -> RecoveryKey:
    """Make a recovery key, store its public half, and return it; it is stored nowhere.

    Raises `CommandError` where there is one already and `replace` is not set.
    """
    path = keys_file(directory)
    if path.exists() and not replace:
        raise CommandError(
            Exit.USAGE,
            f"{directory.path} has a recovery key, which was printed when it was made. If it is lost, make another "
            "with --replace and take a backup at once: earlier backups open with the earlier key alone",
        )
    key, keys = RecoveryKey.new()
    write_private(path, msgspec.json.encode(keys))
    return key


def hand_over(key: RecoveryKey, path: Path, directory: DataDirectory) -> bool:
    """Write the key to a new file, mode 0600; return whether it lies on the disk of the data directory.

    Raises `CommandError` for an existing file.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise CommandError(
            Exit.USAGE, f"{path} exists and is not changed: give the key another file"
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path.stat().st_dev == directory.path.stat().st_dev


def check_outside(path: Path, directory: DataDirectory) -> None:
    """Raise `CommandError` for a file of the key inside the data directory, or in no directory."""
    if path.resolve().is_relative_to(directory.path.resolve()):
        raise CommandError(
            Exit.USAGE,
            f"{path} is in the data directory: who has that would have the key to its backups too. Keep the key on "
            "another disk, such as a USB stick, or on paper",
        )
    if not path.absolute().parent.is_dir():
        raise CommandError(Exit.USAGE, f"{path}: its parent directory does not exist")


def record_of(directory: DataDirectory) -> RecoveryRecord:
    """Return what is known of the present key's copy. Raises `CommandError` where there is no key."""
    recipient = backup_keys(directory).recipient
    try:
        found = read_json(directory.recovery, RecoveryRecord, "remove it, and make a drill")
    except FileNotFoundError:
        return RecoveryRecord(recipient=recipient)
    except DamagedFileError as damaged:
        raise CommandError(Exit.USAGE, str(damaged)) from None
    return found if found.recipient == recipient else RecoveryRecord(recipient=recipient)


def store_record(directory: DataDirectory, record: RecoveryRecord) -> None:
    """Replace what is known of the key's copy."""
    write_private(directory.recovery, msgspec.json.encode(record))


def note_drill(directory: DataDirectory, recipient: bytes, at: datetime) -> bool:
    """Record a drill; return False where the installation has another key than the one that was proven."""
    if not keys_file(directory).exists():
        return False
    record = record_of(directory)
    if record.recipient != recipient:
        return False
    store_record(directory, msgspec.structs.replace(record, proven_at=at))
    return True
