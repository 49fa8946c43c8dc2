"""Why a command gives up: one sentence that says what to do, and an exit code after sysexits(3).

The table is in docs/operations.md.
"""

import errno
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """Exit codes of `urja`."""

    OK = 0
    FAILED = 1
    """The command ran and the answer is no: a law is broken, a book does not add up."""
    USAGE = 2
    """Wrong arguments or wrong settings."""
    UNAVAILABLE = 69
    """A server that Urja depends on cannot be reached: the configured database."""
    SOFTWARE = 70
    """A process of ours keeps stopping."""
    OS_ERROR = 71
    """The operating system refused: a taken port, no user namespace for root."""
    DISK_FULL = 74
    """There is no room left where the data directory is."""
    ALREADY_RUNNING = 75
    """Another supervisor holds the data directory; or none does, where one is needed."""
    NO_PERMISSION = 77
    """The data directory cannot be read or written."""
    OTHER_VERSION = 78
    """The data directory or the database was written by a newer Urja, or by one whose tables this one does not know."""


class CommandError(Exception):
    """A command cannot go on; the message is for the person at the terminal."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def refusal_for(error: OSError, path: Path) -> CommandError:
    """What to tell a person about an error of the file system at `path`."""
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
                f"{path} cannot be made, as the directory that it would be in is not there: make that first, or "
                "choose another place",
            )
        case _:
            return CommandError(Exit.OS_ERROR, f"{path}: {error.strerror or error}")


def disk_full(path: Path) -> CommandError:
    """The sentence for ENOSPC, wherever it showed itself."""
    return CommandError(
        Exit.DISK_FULL,
        f"the disk that holds {path} is full: free some space and start again; what was accepted is kept",
    )
