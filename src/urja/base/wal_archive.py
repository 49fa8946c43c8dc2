"""The archive of PostgreSQL's log (WAL): which files are in it, and what went wrong when they were written.

`archive_wal` writes segments and this state, the pipeline and `urja doctor` read it.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from urja.base.json_files import DamagedFileError, read_json
from urja.base.settings import BackupSettings

SUFFIX: Final = ".wal"
NEAR: Final = 0.8
"""Share of the archive's largest size from which its fill is an alarm."""
_SEGMENT: Final = re.compile(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")


class ArchiveState(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong with the archive; all empty: nothing did."""

    failing_since: datetime | None = None
    error: str = ""
    gap_at: datetime | None = None
    """When a segment was given up, because too many were waiting: no restore passes it."""
    gap: str = ""
    """Name of that segment."""


def read_state(file: Path) -> ArchiveState:
    """Return the stored state; empty where nothing ever went wrong. An unreadable file is a failure of its own."""
    try:
        return read_json(file, ArchiveState, "remove it, and take a backup")
    except FileNotFoundError:
        return ArchiveState()
    except DamagedFileError as damaged:
        return ArchiveState(error=str(damaged))


def is_segment(name: str) -> bool:
    """Return whether PostgreSQL gives this name to a file that it archives."""
    return _SEGMENT.fullmatch(name) is not None


def archived(directory: Path) -> Iterator[Path]:
    """Yield the archive's files, of all clusters that wrote to it; no other file in the directory."""
    for file in directory.glob(f"*/*{SUFFIX}"):
        if is_segment(file.name.removesuffix(SUFFIX)):
            yield file


def size_bytes(directory: Path) -> int:
    """Return the size of all files of the archive in bytes."""
    return sum(file.stat().st_size for file in archived(directory))


def near_its_limit(directory: Path, settings: BackupSettings) -> bool:
    """Return whether the archive is so full that segments will soon be removed before their age."""
    return size_bytes(directory) > NEAR * (settings.wal_mb << 20)
