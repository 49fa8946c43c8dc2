"""The file of inputs: append-only JSON lines, one per thing that happened to a meter.

Each line is with the operating system before the thing takes effect, so that a killed process loses none; it is
on the disk at the next `sync`, at most a second later.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from urja.base.json_files import UNREADABLE
from urja.meter.inputs import Entry


class JournalError(ValueError):
    """A journal that cannot be read: the past of the meters is not known."""


class Journal:
    """One writer: the fleet process. A line torn by a kill is cut off first: what it told never took effect."""

    def __init__(self, path: Path) -> None:
        self.past: Mapping[str, list[Entry]] = _read(path)
        """By serial, in the order in which it happened, what the file held when it was opened."""
        # It holds what meters were told, a secret among it: nobody else reads it.
        path.touch(0o600)
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._unsynced = False

    def note(self, entry: Entry) -> None:
        """Append one input."""
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._unsynced = True

    def sync(self) -> None:
        """Make sure that what was noted outlives the machine."""
        if self._unsynced:
            os.fsync(self._file.fileno())
            self._unsynced = False

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._file.close()


def read_journal(path: Path) -> list[Entry]:
    """Everything that was done to the meters of a fleet, in its order; a torn last line (a kill) is left out.

    Raises JournalError for a line that is none.
    """
    whole = path.read_bytes()
    decoder = msgspec.json.Decoder(Entry)
    entries = []
    for number, line in enumerate(whole[: whole.rfind(b"\n") + 1].splitlines(), 1):
        try:
            entries.append(decoder.decode(line))
        except UNREADABLE as error:
            raise JournalError(f"{path}, line {number}: {error}") from error
    return entries


def _read(path: Path) -> Mapping[str, list[Entry]]:
    past: dict[str, list[Entry]] = defaultdict(list)
    if not path.exists():
        return past
    os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    for entry in read_journal(path):
        past[entry.serial].append(entry)
    return past
