"""Copies a meter's readings to the service point where it was really installed.

Measured rows are never changed or deleted, and their key begins with the service point. So their current versions are
stored once more under the right one, with source `swap` (docs/adr/0013). The rows under the wrong service point remain
and count for nothing, because energy is calculated from a meter's rows only at the service point and time of its
installation.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from urja.apps.journal import revision
from urja.apps.readings.accrual import lock_shards
from urja.base.sql_cursor import Cursor
from urja.stream.records import Source


@dataclass(frozen=True, slots=True)
class Move:
    """A device that was recorded at one service point since an instant, and was really at another."""

    device_id: int
    from_place: int
    to_place: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """Counts of the rows that were stored under another service point, by kind."""

    intervals: int = 0
    registers: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.intervals + other.intervals, self.registers + other.registers)


_BLOCK_VALUES: Final = "channel_set, values, length_s, status, clock_status"
_REGISTER_VALUES: Final = "channel_set, values, status, clock_status"


def _written_again(table: str, key: str, values: str) -> str:
    """Return the statement that copies current versions from the last register before the instant on.

    Rows whose target already has the same values are left out, so a swap back copies nothing.
    """
    named = key.split(", ")
    at = next(name for name in named if name.endswith("_at"))
    alike = ", ".join(f"now.{name}" for name in values.split(", "))
    mine = ", ".join(f"r.{name}" for name in values.split(", "))
    same = " AND ".join(f"{{0}}.{name} = r.{name}" for name in named)
    copied = ", ".join(f"r.{name}" for name in [*named, *values.split(", "), "correlation", "received_at"])
    return f"""
        INSERT INTO {table} (service_point_id, device_id, {key}, {values}, correlation, received_at, version, source,
            recorded_in)
        SELECT %(to)s, r.device_id, {copied}, 1 + coalesce(now.version, 0), %(source)s, (SELECT readings_period())
        FROM {table} r
        LEFT JOIN LATERAL (
            SELECT * FROM {table} n
            WHERE n.service_point_id = %(to)s AND n.device_id = r.device_id AND {same.format("n")}
            ORDER BY n.version DESC LIMIT 1
        ) now ON true
        WHERE r.service_point_id = %(from)s AND r.device_id = %(device)s AND r.{at} >= %(begin)s
            AND NOT EXISTS (
                SELECT FROM {table} v
                WHERE v.service_point_id = r.service_point_id AND v.device_id = r.device_id
                    AND {same.format("v")} AND v.version > r.version
            )
            AND (now.version IS NULL OR ({alike}) IS DISTINCT FROM ({mine}))
    """


_INTERVALS: Final = _written_again("readings_interval", "series, start_at", _BLOCK_VALUES)
_REGISTERS: Final = _written_again("readings_register", "read_at, kind", _REGISTER_VALUES)

_EDITS: Final = """
    INSERT INTO readings_edit (service_point_id, device_id, series, start_at, version, reason, actor, recorded_at)
    SELECT i.service_point_id, i.device_id, i.series, i.start_at, i.version, e.reason, e.actor, e.recorded_at
    FROM readings_interval i
    JOIN LATERAL (
        SELECT * FROM readings_edit w
        WHERE w.service_point_id = %(from)s AND w.device_id = i.device_id AND w.series = i.series
            AND w.start_at = i.start_at
        ORDER BY w.version DESC LIMIT 1
    ) e ON true
    WHERE i.service_point_id = %(to)s AND i.device_id = %(device)s AND i.start_at >= %(begin)s
        AND i.source = %(source)s AND i.status = 4
    ON CONFLICT DO NOTHING
"""
"""The reason for an edited value is copied with it."""


def reassign(cursor: Cursor, move: Move) -> Moved:
    """Store a device's rows under the service point where it was installed; returns how many.

    The copy starts at the last register at or before the instant, because what was counted since then belongs to the
    new place. The caller holds the shards of both (`lock_service_points`) and recomputes the accruals.
    """
    if move.from_place == move.to_place:
        return Moved()
    cursor.execute(
        "SELECT coalesce(max(read_at), %(since)s) FROM readings_register WHERE service_point_id = %(from)s"
        " AND device_id = %(device)s AND kind IN (2, 3, 5) AND read_at <= %(since)s",
        {"since": move.since, "from": move.from_place, "device": move.device_id},
    )
    (begin,) = cursor.fetchone() or (move.since,)
    named = {
        "device": move.device_id,
        "from": move.from_place,
        "to": move.to_place,
        "begin": begin,
        "source": Source.SWAP,
    }
    cursor.execute(_INTERVALS, named)
    intervals = cursor.rowcount
    cursor.execute(_EDITS, named)
    cursor.execute(_REGISTERS, named)
    registers = cursor.rowcount
    cursor.execute(
        "UPDATE readings_gap SET service_point_id = %s WHERE device_id = %s AND service_point_id = %s"
        " AND start_at >= %s",
        [move.to_place, move.device_id, move.from_place, move.since],
    )
    return Moved(intervals, registers)


def lock_service_points(cursor: Cursor, *places: int) -> None:
    """Lock the registry's revision and the readings of service points until the transaction ends.

    The revision first: every change of the registry takes both in this order, so none deadlocks with another.
    """
    revision.lock(cursor)
    lock_shards(cursor, places)


def hand_over_coverage(cursor: Cursor, successors: Mapping[int, int]) -> None:
    """Copy how far gaps were searched from each device period to its successor, given by id.

    A successor takes over the value of the last period written for it.
    """
    cursor.execute(
        "SELECT device_period_id, listed_to_at, daily_to_at, billing_to_at FROM readings_coverage"
        " WHERE device_period_id = ANY(%s)",
        [list(successors)],
    )
    for period, *covered in cursor.fetchall():
        cursor.execute(
            "INSERT INTO readings_coverage (device_period_id, listed_to_at, daily_to_at, billing_to_at)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT (device_period_id) DO UPDATE SET listed_to_at = excluded.listed_to_at,"
            " daily_to_at = excluded.daily_to_at, billing_to_at = excluded.billing_to_at",
            [successors[period], *covered],
        )
