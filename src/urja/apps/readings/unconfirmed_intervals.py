"""Unconfirmed intervals: reported by pushes without an authentication tag, until the meter confirms them.

They have a table of their own, so that no statement that bills, decides or disconnects can take them for readings
(docs/adr/0022). Such an interval is missing like any other: the stage `gaps` has it read in an association, and only
that read counts. A difference between the two is stored as an exception, because the push was changed on its way.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from urja.apps.readings.channel_sets import SHIPPED, Sets
from urja.apps.readings.kinds import Reason, Series
from urja.apps.readings.staging import Rows
from urja.base.sql_cursor import Cursor
from urja.stream.records import NULL

_DAY_S: Final = 86_400


def store(cursor: Cursor, rows: Rows, sets: Sets = SHIPPED) -> int:
    """Store placed blocks of untagged pushes whose intervals are not known yet; returns how many are new.

    The first report of an interval stays, since none proves more than another.
    """
    if len(rows) == 0:
        return 0
    cursor.execute(
        "INSERT INTO readings_unconfirmed (device_id, start_at, service_point_id, length_s, channel_set, values,"
        " correlation, received_at)"
        " SELECT device, at, place, length, channels, measured::integer[], correlation, received"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::int[], %s::smallint[], %s::text[], %s::bigint[],"
        " %s::timestamptz[]) AS u (device, at, place, length, channels, measured, correlation, received)"
        " WHERE NOT EXISTS (SELECT FROM readings_interval i WHERE i.service_point_id = u.place"
        " AND i.device_id = u.device AND i.series = %s AND i.start_at = u.at)"
        " ON CONFLICT DO NOTHING",
        [
            rows["device_id"].tolist(),
            _instants(rows["start_at"]),
            rows["service_point_id"].tolist(),
            rows["length_s"].tolist(),
            rows["channel_set"].tolist(),
            # An array of arrays of one length would be one array of two dimensions.
            [
                "{" + ",".join("NULL" if one == NULL else str(one) for one in row[: len(sets[number])]) + "}"
                for row, number in zip(rows["values"].tolist(), rows["channel_set"].tolist(), strict=True)
            ],
            rows["correlation"].tolist(),
            [datetime.fromtimestamp(one / 1000, UTC) for one in rows["received_at"].tolist()],
            Series.COUNTED,
        ],
    )
    return cursor.rowcount


def confirm(cursor: Cursor, rows: Rows, now: datetime) -> None:
    """Delete the unconfirmed intervals of stored, authenticated blocks.

    A difference becomes an exception with both figures.
    """
    if len(rows) == 0:
        return
    # Mostly there is none at all: half of ingest's time went into looking up each row of a batch in an empty table.
    cursor.execute("SELECT FROM readings_unconfirmed LIMIT 1")
    if cursor.rowcount == 0:
        return
    cursor.execute(
        _SETTLE,
        {
            "devices": rows["device_id"].tolist(),
            "starts": _instants(rows["start_at"]),
            "series": Series.COUNTED,
            "reason": Reason.PUSH_DIFFERS,
            "now": now,
        },
    )


_SETTLE: Final = """
    WITH gone AS (
        DELETE FROM readings_unconfirmed u
        USING (SELECT DISTINCT * FROM unnest(%(devices)s::bigint[], %(starts)s::timestamptz[])) s (device_id, start_at)
        WHERE u.device_id = s.device_id AND u.start_at = s.start_at
        RETURNING u.*
    )
    INSERT INTO readings_exception (device_id, kind, at, reason, detail, correlation, received_at, recorded_at)
    SELECT g.device_id, 'block', g.start_at, %(reason)s,
        jsonb_build_object('channel_set', g.channel_set, 'values', g.values, 'read_channel_set', i.channel_set,
            'read_values', i.values),
        g.correlation, g.received_at, %(now)s
    FROM gone g CROSS JOIN LATERAL (
        SELECT channel_set, values FROM readings_interval i
        WHERE i.service_point_id = g.service_point_id AND i.device_id = g.device_id
            AND i.series = %(series)s AND i.start_at = g.start_at
        ORDER BY version DESC LIMIT 1
    ) i
    -- Of a push of 0.1.0 only energy was stored, and a profile may have other columns than the push.
    WHERE g.values[1] <> i.values[1] OR g.channel_set = i.channel_set AND EXISTS (
        SELECT FROM unnest(g.values, i.values) AS said (pushed, pulled) WHERE pushed <> pulled
    )
    ON CONFLICT DO NOTHING
"""


def request_tamper_logs(cursor: Cursor, measured: Sequence[Rows], events: Rows) -> None:
    """Request the tamper logs of meters that push without a tag: once a day, and after each alert.

    What such a push says of tampers may be hidden or invented, so the logs are read in an association. A made-up
    negative count, of the day or the alert, is stored as the meter's count: it differs from the last one read, which
    requests the log.
    """
    # Negative, and never the same twice for a new day or alert: real counters are positive.
    told: dict[int, int] = {}
    for rows in measured:
        days = rows["received_at"] // 1000 // _DAY_S
        told |= dict(zip(rows["device_id"].tolist(), (-days).tolist(), strict=True))
    told |= dict(zip(events["device_id"].tolist(), (-(events["received_at"] // 1000)).tolist(), strict=True))
    if not told:
        return
    cursor.execute(
        "INSERT INTO readings_tamper_count AS t (device_id, told)"
        " SELECT * FROM unnest(%s::bigint[], %s::bigint[]) ORDER BY 1"
        " ON CONFLICT (device_id) DO UPDATE SET told = excluded.told WHERE t.told <> excluded.told",
        [list(told), list(told.values())],
    )


def delete_before(cursor: Cursor, oldest: datetime) -> None:
    """Delete unconfirmed intervals that began before an instant (UTC): the meter cannot be asked for them any more."""
    cursor.execute("DELETE FROM readings_unconfirmed WHERE start_at < %s", [oldest])


def _instants(seconds: NDArray[np.int64]) -> list[object]:
    return [datetime.fromtimestamp(second, UTC) for second in seconds.tolist()]
