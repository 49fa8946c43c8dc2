"""The journal of inputs: append-only JSON lines, one for each input of a meter.

Each line reaches the operating system before its input takes effect, so that a killed process loses none; it is on
the disk at the next `sync`, at most a second later.
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
    """The journal of one fleet, with the fleet process as its only writer.

    A line that a killed process left incomplete is cut off first: its input never took effect.
    """

    def __init__(self, path: Path) -> None:
        self.past: Mapping[str, list[Entry]] = _read(path)
        """The entries the file had when it was opened, by serial, in their order."""
        # Only the owner may read it: it holds what was written to meters, HLS secrets among it.
        path.touch(0o600)
        # Unbuffered: each line is with the operating system before its input takes effect.
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._unsynced = False

    def note(self, entry: Entry) -> None:
        """Append one input."""
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._unsynced = True

    def sync(self) -> None:
        """Write the entries through to the disk, so that they survive a failure of the machine."""
        if self._unsynced:
            os.fsync(self._file.fileno())
            self._unsynced = False

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._file.close()


def read_journal(path: Path) -> list[Entry]:
    """Return all inputs of a fleet in their order, without an incomplete last line.

    Raises JournalError, with file and line, for a line that is not an entry.
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
