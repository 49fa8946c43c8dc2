"""When the processes of a demonstration were not ready: the supervisor's record, in business time, for the laws.

A promise with a deadline is one of a system that runs. Where a process was down, the time that was promised counts
from when all that is needed for it is there again.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from urja.base.json_files import UNREADABLE, DamagedFileError

_NEVER = datetime.max.replace(tzinfo=UTC)


class ReadinessChange(Struct, frozen=True):
    """A process became ready, or stopped being so."""

    process: str
    ready: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Downtimes:
    """Half-open stretches in which at least one of some processes was not ready: in order, and apart."""

    spans: tuple[tuple[datetime, datetime], ...] = ()

    def touch(self, from_at: datetime, to_at: datetime) -> bool:
        """Whether there was one in a time."""
        return any(begins < to_at and from_at < ends for begins, ends in self.spans)

    def leave_time(self, from_at: datetime, to_at: datetime, needed: timedelta) -> bool:
        """Whether what begins at an instant and takes as long as needed can be asked for by another.

        It can where there was no outage, nor one just before, whose work may still be under way; and else where all ran
        as long as needed.
        """
        return not self.touch(from_at - needed, to_at) or self.due_at(from_at, needed) <= to_at

    def last_due(self, now: datetime, promised: timedelta) -> datetime:
        """The last instant of which what was promised then is due by now."""
        runs_until = now
        for begins, ends in reversed(self.spans):
            if runs_until - ends >= promised:
                break
            runs_until = min(runs_until, begins)
        return runs_until - promised

    def due_at(self, from_at: datetime, promised: timedelta) -> datetime:
        """The end of the first stretch as long as promised, from an instant on, without an outage."""
        runs_since = from_at
        for begins, ends in self.spans:
            if ends > runs_since:
                if begins - runs_since >= promised:
                    break
                runs_since = ends
        return _NEVER if runs_since >= _NEVER - promised else runs_since + promised


NO_DOWNTIME: Final = Downtimes()


class DowntimeLog:
    """Writes the record: one line a turn. A line torn by a kill is cut off first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready: dict[str, bool] = {}
        if path.exists():
            whole = path.read_bytes()
            os.truncate(path, whole.rfind(b"\n") + 1)

    def note(self, process: str, at: datetime, *, ready: bool) -> None:
        """Write it down where it is a turn. Raises OSError where that cannot be done; it is then noted the next time."""
        if self._ready.get(process) is not ready:
            with self._path.open("ab", buffering=0) as file:
                file.write(msgspec.json.encode(ReadinessChange(process, ready, at)) + b"\n")
            self._ready[process] = ready


def read_downtimes(path: Path, processes: Collection[str]) -> Downtimes:
    """When at least one of these processes was not ready. Raises DamagedFileError where the record cannot be read."""
    try:
        turns = [msgspec.json.decode(line, type=ReadinessChange) for line in path.read_bytes().splitlines()]
    except UNREADABLE as error:
        raise DamagedFileError(f"{path} is damaged ({error}): it tells when processes were down") from None
    return Downtimes(tuple(_spans(turn for turn in turns if turn.process in processes)))


def _spans(turns: Iterator[ReadinessChange]) -> Iterator[tuple[datetime, datetime]]:
    down: set[str] = set()
    since_at = _NEVER
    for turn in turns:
        before = bool(down)
        if turn.ready:
            down.discard(turn.process)
        else:
            down.add(turn.process)
        if down and not before:
            since_at = turn.at
        if before and not down:
            yield since_at, turn.at
    if down:
        yield since_at, _NEVER
