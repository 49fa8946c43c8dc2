"""Which service points got other readings of past days: appended by every writer, taken by what calculates from them.

Intervals of the present day are not noted, but in its last minutes: nothing is calculated from a day before it is over, or its
agreement has ended.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from numpy.typing import NDArray

from urja.apps.readings import pgcopy
from urja.base.sql_cursor import Cursor
from urja.core.calendar import local_day, midnight

COMMITTED_WITHIN: Final = timedelta(minutes=5)
"""How long after its `now` a batch may be committed: then a close that began meanwhile has not seen its intervals."""


class Change(NamedTuple):
    """A service point's earliest reading that changed; instants are UTC."""

    id: int
    service_point_id: int
    at: datetime
    is_register: bool


def note(cursor: Cursor, since: Mapping[int, datetime] | Iterable[tuple[int, datetime]]) -> None:
    """Note that readings may have changed since an instant (UTC), by service point; in the writer's transaction."""
    points = list(since.items()) if isinstance(since, Mapping) else list(since)
    cursor.execute(
        "INSERT INTO readings_change (service_point_id, at, is_register)"
        " SELECT place, at, false FROM unnest(%s::bigint[], %s::timestamptz[]) AS c (place, at)",
        [[place for place, _ in points], [at for _, at in points]],
    )


def note_intervals(
    cursor: psycopg.Cursor,
    service_point: NDArray[np.int64],
    start_at: NDArray[np.int64],
    now: datetime,
    zone: str,
) -> None:
    """Note the service points of stored intervals of past local days, and of today where an agreement has ended today.

    A day or an agreement that ends within `COMMITTED_WITHIN` counts as past. `start_at` is in Unix seconds.
    """
    local, committed_at = ZoneInfo(zone), now + COMMITTED_WITHIN
    today_at = midnight(local_day(committed_at, local), local)
    noted = start_at < int(today_at.timestamp())
    if not noted.all():
        # The last day of an agreement is closed when the agreement ends. Asked by time: few end on a day, and a batch has
        # thousands of service points.
        cursor.execute(
            "SELECT service_point_id FROM contracts.agreement WHERE valid_to > %s AND valid_to <= %s",
            [today_at, committed_at],
        )
        noted |= np.isin(service_point, [place for (place,) in cursor.fetchall()])
    if noted.any():
        _note_earliest(cursor, service_point[noted], start_at[noted], is_register=False)


def note_registers(
    cursor: psycopg.Cursor, service_point: NDArray[np.int64], read_at: NDArray[np.int64]
) -> None:
    """Note the service points of stored register reads that bill; `read_at` in Unix seconds."""
    if len(read_at):
        _note_earliest(cursor, service_point, read_at, is_register=True)


def _note_earliest(
    cursor: psycopg.Cursor, service_point: NDArray[np.int64], at: NDArray[np.int64], *, is_register: bool
) -> None:
    order = np.lexsort((at, service_point))
    places, first = np.unique(service_point[order], return_index=True)
    pgcopy.copy(
        cursor,
        "readings_change",
        "service_point_id, at, is_register",
        [
            (places, "i8"),
            (pgcopy.timestamps(at[order][first]), "i8"),
            (np.full(len(places), is_register), "u1"),
        ],
    )


def oldest(cursor: Cursor, most: int) -> list[Change]:
    """Return at most so many changes, the oldest first; they stay until they are deleted."""
    cursor.execute(
        "SELECT id, service_point_id, at, is_register FROM readings_change ORDER BY id LIMIT %s", [most]
    )
    return [Change(*row) for row in cursor.fetchall()]


def changed_until(cursor: Cursor, until: Iterable[tuple[int, datetime]]) -> set[int]:
    """Return the service points of which a reading from before an instant (UTC) each, or a register read at it, has changed."""
    points = list(until)
    cursor.execute(
        "SELECT DISTINCT c.service_point_id FROM unnest(%s::bigint[], %s::timestamptz[]) AS u (place, at)"
        " JOIN readings_change c ON c.service_point_id = u.place AND (c.at < u.at OR c.is_register AND c.at = u.at)",
        [[place for place, _ in points], [at for _, at in points]],
    )
    return {place for (place,) in cursor.fetchall()}


def put_back(cursor: Cursor, ids: Iterable[int]) -> None:
    """Append changes once more, behind all others: what rests on them cannot be calculated yet."""
    cursor.execute(
        "INSERT INTO readings_change (service_point_id, at, is_register)"
        " SELECT service_point_id, at, is_register FROM readings_change WHERE id = ANY(%s)",
        [list(ids)],
    )


def delete(cursor: Cursor, ids: Iterable[int]) -> None:
    """Delete changes by their numbers, once everything that rests on them was calculated again."""
    cursor.execute("DELETE FROM readings_change WHERE id = ANY(%s)", [list(ids)])
