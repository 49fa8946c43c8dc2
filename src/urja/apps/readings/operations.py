"""Writes to the readings beside ingest: installation reads, edits, and known zeros of outages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from urja.apps.readings import accrual, changes, channel_sets
from urja.apps.readings.errors import UnknownIntervalError
from urja.apps.readings.kinds import ClosedBy, Series, Status
from urja.base.sql_cursor import Cursor
from urja.quantities.channel_sets import INTERVALS_ALONE, REGISTERS_ALONE
from urja.stream.records import RegisterKind, Source


def record_installation(
    cursor: Cursor,
    *,
    service_point_id: int,
    device_id: int,
    read_at: datetime,
    register: int,
    recorded_at: datetime,
    status: Status = Status.MEASURED,
    source: Source = Source.INSTALLATION,
) -> int:
    """Store the billed register in its base unit (Wh, litres) as read when a meter was installed or removed at `read_at`; returns the version.

    Another value for the same instant is a new version, which takes precedence over the older one.
    """
    cursor.execute(
        "INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values, correlation, received_at,"
        " kind, version, status, source, clock_status, recorded_in)"
        " SELECT %(place)s, %(device)s, %(at)s,"
        " (SELECT c.id FROM network.service_point p JOIN readings_channel_set c"
        " ON c.hash = %(hashes)s::jsonb ->> p.commodity WHERE p.id = %(place)s), ARRAY[%(register)s]::bigint[], 0, %(recorded)s, %(kind)s, 1 + coalesce(max(version), 0),"
        " %(status)s, %(source)s, 0, (SELECT readings_period()) FROM readings_register"
        " WHERE (service_point_id, device_id, read_at, kind) = (%(place)s, %(device)s, %(at)s, %(kind)s)"
        " RETURNING version",
        {
            "place": service_point_id,
            "device": device_id,
            "at": read_at,
            "hashes": channel_sets.hashes(REGISTERS_ALONE),
            "register": register,
            "recorded": recorded_at,
            "kind": RegisterKind.INSTALLATION,
            "status": status,
            "source": source,
        },
    )
    stored = cursor.fetchone()
    assert stored is not None, "an aggregate gives one row"
    return int(stored[0])


def withdraw_installation(
    cursor: Cursor,
    *,
    service_point_id: int,
    device_id: int,
    read_at: datetime,
    version: int,
    recorded_at: datetime,
) -> None:
    """Withdraw a read that `record_installation` stored, because its operation is undone.

    The read moves to `readings_withdrawal`.
    """
    cursor.execute(
        "SELECT readings_withdraw_installation(%s, %s, %s, %s::smallint, %s)",
        [service_point_id, device_id, read_at, version, recorded_at],
    )


def recompute_since(cursor: Cursor, since: Mapping[int, datetime], now: datetime, zone: str) -> None:
    """Calculate again the energy of every agreement at service points, from an instant (UTC) by service point up to `now`.

    Needed where the registry's periods have changed: accruals that an agreement no longer holds are deleted, and the
    rest is calculated from stored rows. Runs in the caller's transaction.
    """
    if not since:
        return
    accrual.lock_shards(cursor, since)
    changes.note(cursor, since)
    accrual.delete_since(cursor, since, zone)
    cursor.execute(
        "SELECT a.id, greatest(a.valid_from, month.begins) FROM unnest(%(places)s::bigint[],"
        " %(since)s::timestamptz[]) AS s (place, since)"
        # Whole months were deleted, so agreements that ended early in the first of them are calculated again too.
        " CROSS JOIN LATERAL (SELECT date_trunc('month', s.since, %(zone)s) AS at) forgotten"
        " JOIN contracts.agreement a ON a.service_point_id = s.place"
        " AND coalesce(a.valid_to, 'infinity') >= forgotten.at"
        " CROSS JOIN LATERAL (SELECT m AT TIME ZONE %(zone)s AS begins FROM generate_series("
        " date_trunc('month', greatest(a.valid_from, forgotten.at) AT TIME ZONE %(zone)s),"
        " greatest(a.valid_from, least(coalesce(a.valid_to, 'infinity'), %(now)s)) AT TIME ZONE %(zone)s,"
        " interval '1 month') AS m) month",
        {"places": list(since), "since": list(since.values()), "now": now, "zone": zone},
    )
    accrual.recompute(cursor, cursor.fetchall(), zone)


@dataclass(frozen=True, slots=True)
class IntervalKey:
    """Key of an interval of one device at one service point, without the version."""

    service_point_id: int
    device_id: int
    start_at: datetime
    series: int = Series.COUNTED


def edit_interval(
    cursor: Cursor,
    key: IntervalKey,
    *,
    billed: int,
    reason: str,
    actor: str,
    recorded_at: datetime,
    zone: str,
    status: Status = Status.EDITED,
) -> int:
    """Store another value of the billed quantity (Wh) for an interval as a new version with its reason; returns the version.

    The only way to change a stored interval. The other values are copied from the version before, and the accrual is
    updated in the same transaction, which is the caller's. With `Status.ESTIMATED` a later measurement replaces the
    value; an edited value stays. Raises UnknownIntervalError where nothing is stored (a gap is filled by data, not by
    an edit), ValueError for negative energy or an empty reason or actor.
    """
    if billed < 0:
        raise ValueError(f"an interval's energy is not negative: {billed} Wh")
    if not reason.strip() or not actor.strip():
        raise ValueError("an edit needs a reason and an actor")
    # Before the version is read: two edits at once would otherwise store the same next version.
    accrual.lock_shards(cursor, [key.service_point_id])
    named = [key.service_point_id, key.device_id, key.series, key.start_at]
    cursor.execute(
        "INSERT INTO readings_interval (service_point_id, device_id, start_at, channel_set, values, correlation,"
        " received_at, length_s, series, version, status, source, clock_status, recorded_in)"
        " SELECT service_point_id, device_id, start_at, channel_set, %s::integer || values[2:], correlation, %s,"
        " length_s, series, version + 1, %s, %s, clock_status,"
        " (SELECT readings_period())"
        " FROM readings_interval"
        " WHERE (service_point_id, device_id, series, start_at) = (%s, %s, %s, %s)"
        " ORDER BY version DESC LIMIT 1 RETURNING version",
        [billed, recorded_at, status, Source.EDIT, *named],
    )
    stored = cursor.fetchone()
    if stored is None:
        raise UnknownIntervalError(f"device {key.device_id} has no interval at {key.start_at}")
    cursor.execute(
        "INSERT INTO readings_edit (service_point_id, device_id, series, start_at, version, reason, actor,"
        " recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [*named, stored[0], reason, actor, recorded_at],
    )
    _recompute_at(cursor, [(key.service_point_id, key.start_at)], zone)
    return int(stored[0])


def store_known_zeros(
    cursor: Cursor, gaps: Sequence[tuple[int, int, datetime, int]], now: datetime, zone: str
) -> int:
    """Store zero energy for gaps that an outage explains; returns how many were filled.

    `gaps` are (service point, device, start, length in seconds) whose day partitions exist. A gap that was filled by
    data in the meantime keeps its data.
    """
    if not gaps:
        return 0
    places, devices, starts, lengths = (list(column) for column in zip(*gaps, strict=True))
    accrual.lock_shards(cursor, np.unique(places).tolist())
    cursor.execute(
        "INSERT INTO readings_interval (service_point_id, device_id, start_at, channel_set, values, correlation,"
        " received_at, length_s, series, version, status, source, clock_status, recorded_in)"
        " SELECT service_point_id, device_id, start_at, c.id, '{0}', 0, %s, length_s, %s, 1, %s, %s, 0, (SELECT readings_period())"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::int[])"
        " AS g (service_point_id, device_id, start_at, length_s) JOIN network.service_point p ON p.id = service_point_id"
        " JOIN readings_channel_set c ON c.hash = %s::jsonb ->> p.commodity ON CONFLICT DO NOTHING",
        [
            now,
            Series.COUNTED,
            Status.KNOWN_ZERO,
            Source.OUTAGE,
            places,
            devices,
            starts,
            lengths,
            channel_sets.hashes(INTERVALS_ALONE),
        ],
    )
    filled = cursor.rowcount
    cursor.execute(
        "UPDATE readings_gap g SET closed_at = %s, closed_by = %s"
        " FROM unnest(%s::bigint[], %s::timestamptz[]) AS d (device_id, start_at)"
        " WHERE g.device_id = d.device_id AND g.start_at = d.start_at AND g.closed_at IS NULL",
        [now, ClosedBy.OUTAGE, devices, starts],
    )
    _recompute_at(cursor, list(zip(places, starts, strict=True)), zone)
    return filled


def _recompute_at(cursor: Cursor, points: Sequence[tuple[int, datetime]], zone: str) -> None:
    changes.note(cursor, points)
    places, instants = zip(*points, strict=True)
    cursor.execute(
        "SELECT a.id, p.at FROM unnest(%s::bigint[], %s::timestamptz[]) AS p (service_point_id, at)"
        " JOIN contracts.agreement a ON a.service_point_id = p.service_point_id"
        " AND a.valid_from <= p.at AND coalesce(a.valid_to, 'infinity') > p.at",
        [list(places), list(instants)],
    )
    accrual.recompute(cursor, cursor.fetchall(), zone)
