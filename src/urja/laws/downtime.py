"""When the processes of a demonstration were not ready: the supervisor's record, in business time, for the laws.

A deadline holds for a running system. Where a process was down, the promised time counts from when every process it
needs is ready again.
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
    """A process became ready, or ceased to be."""

    process: str
    ready: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Downtimes:
    """Half-open times in which at least one of some processes was not ready; sorted and disjoint."""

    spans: tuple[tuple[datetime, datetime], ...] = ()

    def overlap(self, from_at: datetime, to_at: datetime) -> bool:
        """Return whether any downtime overlaps a time."""
        return any(begins < to_at and from_at < ends for begins, ends in self.spans)

    def leave_time(self, from_at: datetime, to_at: datetime, needed: timedelta) -> bool:
        """Return whether work that takes `needed` can be expected to be done between two instants.

        It can where no process was down in that time, nor just before it, when older work may have been pending;
        otherwise where all ran for `needed` without a break.
        """
        return not self.overlap(from_at - needed, to_at) or self.due_at(from_at, needed) <= to_at

    def last_due(self, now: datetime, promised: timedelta) -> datetime:
        """Return the last instant at which a promise of `promised` is due by now."""
        runs_until = now
        for begins, ends in reversed(self.spans):
            if runs_until - ends >= promised:
                break
            runs_until = min(runs_until, begins)
        return runs_until - promised

    def due_at(self, from_at: datetime, promised: timedelta) -> datetime:
        """Return the end of the first time of length `promised`, from an instant on, without a downtime."""
        runs_since = from_at
        for begins, ends in self.spans:
            if ends > runs_since:
                if begins - runs_since >= promised:
                    break
                runs_since = ends
        return _NEVER if runs_since >= _NEVER - promised else runs_since + promised


NO_DOWNTIME: Final = Downtimes()


class DowntimeLog:
    """Writer of the record of downtimes: one JSON line for each change.

    A line that a killed process left incomplete is cut off first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready: dict[str, bool] = {}
        if path.exists():
            whole = path.read_bytes()
            os.truncate(path, whole.rfind(b"\n") + 1)

    def note(self, process: str, at: datetime, *, ready: bool) -> None:
        """Record a change of readiness; without a change, do nothing.

        Raises OSError where it cannot be written; the change is then recorded the next time.
        """
        if self._ready.get(process) is not ready:
            with self._path.open("ab", buffering=0) as file:
                file.write(msgspec.json.encode(ReadinessChange(process, ready, at)) + b"\n")
            self._ready[process] = ready


def read_downtimes(path: Path, processes: Collection[str]) -> Downtimes:
    """Return when at least one of these processes was not ready.

    Raises DamagedFileError where the record cannot be read.
    """
    try:
        turns = [msgspec.json.decode(line, type=ReadinessChange) for line in path.read_bytes().splitlines()]
    except UNREADABLE as error:
        raise DamagedFileError(
            f"{path} is damaged ({error}): without it the laws do not know when processes were down"
        ) from None
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
