"""Alarms about missing readings that a person has to act on: stored by pipeline stages, shown on the console."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

from django.db import connection

from urja.base.disk_space import DiskSpace, Level
from urja.base.sentences import Sentence, say, to_plain
from urja.base.wal_archive import ArchiveState
from urja.stream.quarantine import Fill

_NAMED: Final = 3

# `since` stays the start of the alarm while its sentences are the same.
_TELL: Final = """
INSERT INTO readings_alarm AS a (about, sentences, since) VALUES (%s, %s::jsonb, %s)
ON CONFLICT (about) DO UPDATE SET sentences = excluded.sentences, since = excluded.since
WHERE a.sentences <> excluded.sentences
"""


def store_alarm(about: str, sentences: Sequence[str], now: datetime) -> None:
    """Store the sentences about one subject and replace its earlier ones; an empty list ends its alarm."""
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [about, json.dumps([to_plain(sentence) for sentence in sentences]), now])


def of_quarantine(fills: Iterable[Fill]) -> list[Sentence]:
    """Return sentences about sources whose share of the quarantine is full."""
    return [sentence for fill in fills for sentence in (_full(fill), _no_room(fill)) if sentence is not None]


def of_registry_copy_repair(*, parts: int, written: int, removed: int, now: datetime) -> Sentence:
    """Return a sentence about a repair of the head ends' copy of the registry."""
    return say(
        "the head ends' copy of the registry differed in {parts} parts at {now}: {written} entries were written "
        "again, {removed} keys without a meter were removed",
        parts=parts,
        now=now.isoformat(timespec="seconds"),
        written=written,
        removed=removed,
    )


def of_registry_copy_conflict(repair: str) -> Sentence:
    """Return a sentence about a copy of the registry that differs again after a repair."""
    return say("Something else writes to the head ends' copy of the registry: {repair}.", repair=repair)


def of_unwritten_types(refusals: Mapping[str, str]) -> Sentence:
    """Return a sentence about meter types that the broker refused; `refusals` has the reason by type name."""
    return say(
        "The broker refuses the meter types {types} ({reason}): their meters are pending, and the types are sent again.",
        types=_names(sorted(refusals)),
        reason=", ".join(sorted(set(refusals.values()))),
    )


def of_disk(rooms: Iterable[DiskSpace]) -> list[Sentence]:
    """Return sentences about file systems that are filling up."""
    return [sentence for room in rooms if (sentence := _little_room(room)) is not None]


def of_wal_archive(state: ArchiveState, *, filled_percent: int | None) -> list[Sentence]:
    """Return sentences about the archive of PostgreSQL's log; `filled_percent` where it is near its largest size."""
    said = []
    if state.error:
        said.append(
            say("PostgreSQL's log is not archived ({error}): make the archive writable.", error=state.error)
        )
    if state.gap_at is not None:
        said.append(
            say(
                "The archive of PostgreSQL's log lacks {segment}, which was given up at {at}: take a backup now; no restore "
                "of an earlier one reaches a later moment.",
                segment=state.gap,
                at=state.gap_at.isoformat(timespec="seconds"),
            )
        )
    if filled_percent is not None:
        said.append(
            say(
                "The archive of PostgreSQL's log has {percent} percent of its largest size: soon its oldest files are removed "
                "before their age. Raise backup.wal_mb, or back up more often and lower backup.wal_days.",
                percent=filled_percent,
            )
        )
    return said


def _little_room(room: DiskSpace) -> Sentence | None:
    match room.level:
        case Level.OK:
            return None
        case Level.WARNING:
            return say(
                "The disk that holds {path} has less than {limit_mb} MB free: free some space.",
                path=room.path,
                limit_mb=room.limit_mb,
            )
        case Level.CRITICAL:
            return say(
                "The disk that holds {path} has less than {limit_mb} MB free: free some space now; without any, the "
                "database stops and pushes of meters are not accepted.",
                path=room.path,
                limit_mb=room.limit_mb,
            )
        case _:
            assert_never(room.level)


def _full(fill: Fill) -> Sentence | None:
    if not fill.full:
        return None
    sources = _names(fill.full)
    match fill.standing:
        case "unknown":
            return say(
                "Frames of unknown meters fill the quarantine's share of {sources}: check them with urja quarantine list, then "
                "urja quarantine purge.",
                sources=sources,
            )
        case "claimed":
            return say(
                "Frames that bear titles of known meters and are not authentic fill the quarantine's share of {sources}: "
                "wrong keys, or an attack.",
                sources=sources,
            )
        case "proven":
            return say(
                "Authentic frames that fit no layout fill the quarantine's share of the meters {sources}: their readings "
                "are missing.",
                sources=sources,
            )
        case "message":
            return say(
                "Messages that cannot be decoded fill their place in quarantine ({sources}): more of them stay on their "
                "queues.",
                sources=sources,
            )
        case _:
            assert_never(fill.standing)


def _no_room(fill: Fill) -> Sentence | None:
    if not fill.nearly_full:
        return None
    return say(
        "The quarantine is nearly full with {frames} frames of {sources} sources ({standing}): what comes from others is "
        "dropped until urja quarantine purge has made room.",
        frames=fill.frames,
        sources=fill.sources,
        standing=fill.standing,
    )


def _names(sources: Sequence[str]) -> str:
    named = ", ".join(sources[:_NAMED])
    more = len(sources) - _NAMED
    return f"{named} (+{more})" if more > 0 else named
