"""Exit codes after sysexits(3), and the error that ends a command with one of them.

The table is in docs/operations.md.
"""

import errno
from enum import IntEnum
from pathlib import Path
from typing import Final


class Exit(IntEnum):
    """Exit codes of `urja`."""

    OK = 0
    FAILED = 1
    """The command ran and found a fault, such as a broken law of the ledger."""
    USAGE = 2
    """Wrong arguments or wrong settings."""
    UNAVAILABLE = 69
    """A server that Urja depends on, such as the configured database, cannot be reached."""
    SOFTWARE = 70
    """A process of Urja keeps stopping."""
    OS_ERROR = 71
    """The operating system refused: a taken port, no user namespace for root."""
    DISK_FULL = 74
    """The disk of the data directory is full."""
    ALREADY_RUNNING = 75
    """Another supervisor uses the data directory, or none does where one is needed."""
    NO_PERMISSION = 77
    """The data directory cannot be read or written."""
    OTHER_VERSION = 78
    """The data directory or database was written by a newer Urja, or by one whose tables cannot be migrated."""


class CommandError(Exception):
    """An error that ends a command; the message says what was wrong and what to do."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def refusal_for(error: OSError, path: Path) -> CommandError:
    """Return the error for an `OSError` at `path`, with advice."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return disk_full(path)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return CommandError(
                Exit.NO_PERMISSION,
                f"{path} cannot be used ({error.strerror}): give this user rights to it, or choose another "
                "place with --data",
            )
        case errno.ENOTDIR | errno.EEXIST:
            return CommandError(
                Exit.NO_PERMISSION, f"{path} is not a directory: choose another place with --data"
            )
        case errno.ENOENT if not path.parent.is_dir():
            return CommandError(
                Exit.OS_ERROR,
                f"{path} cannot be created, because its parent directory does not exist: create that first, or "
                "choose another place",
            )
        case _:
            return CommandError(Exit.OS_ERROR, f"{path}: {error.strerror or error}")


def disk_full(path: Path) -> CommandError:
    """Return the error for a full disk (ENOSPC)."""
    return CommandError(
        Exit.DISK_FULL,
        f"the disk that holds {path} is full: free some space and start again; accepted data are not lost",
    )


def database_refusal(error: Exception) -> CommandError:
    """Return the error for a `DatabaseError` of Django: tables that are still being made, or what PostgreSQL says."""
    if getattr(error.__cause__, "sqlstate", None) in _MISSING:
        return CommandError(
            Exit.UNAVAILABLE,
            "Urja is still starting, and its tables are not made yet: wait until urja up says Urja is up, then try again",
        )
    return CommandError(Exit.UNAVAILABLE, f"the database refused: {error}")


_MISSING: Final = frozenset({"42P01", "3F000"})
"""SQLSTATE of an undefined table and of an undefined schema."""
