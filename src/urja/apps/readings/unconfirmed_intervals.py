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

from urja.apps.readings.accrual import Cursor
from urja.apps.readings.kinds import BLOCK_LOAD_D1, Reason
from urja.apps.readings.staging import Rows
from urja.stream.records import NULL

_QUANTITIES: Final = ("import_wh", "import_vah", "export_wh", "export_vah")
_DAY_S: Final = 86_400


def store(cursor: Cursor, rows: Rows) -> int:
    """Store placed blocks (Wh) of untagged pushes whose intervals are not known yet; returns how many are new.

    The first report of an interval stays, since none proves more than another.
    """
    if len(rows) == 0:
        return 0
    cursor.execute(
        "INSERT INTO readings_unconfirmed (device_id, start_at, service_point_id, length_s, import_wh, import_vah,"
        " export_wh, export_vah, correlation, received_at)"
        " SELECT device, at, place, length, wh, vah, back_wh, back_vah, correlation, received"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::timestamptz[])"
        " AS u (device, at, place, length, wh, vah, back_wh, back_vah, correlation, received)"
        " WHERE NOT EXISTS (SELECT FROM readings_interval i WHERE i.service_point_id = u.place"
        " AND i.device_id = u.device AND i.channel_set = %s AND i.start_at = u.at)"
        " ON CONFLICT DO NOTHING",
        [
            rows["device_id"].tolist(),
            _instants(rows["start_at"]),
            rows["service_point_id"].tolist(),
            rows["length_s"].tolist(),
            *([None if one == NULL else one for one in rows[name].tolist()] for name in _QUANTITIES),
            rows["correlation"].tolist(),
            [datetime.fromtimestamp(one / 1000, UTC) for one in rows["received_at"].tolist()],
            BLOCK_LOAD_D1,
        ],
    )
    return cursor.rowcount


def confirm(cursor: Cursor, rows: Rows, now: datetime) -> None:
    """Delete the unconfirmed intervals of stored, authenticated blocks.

    A difference becomes an exception with both figures.
    """
    if len(rows) == 0:
        return
    cursor.execute(
        _SETTLE,
        {
            "devices": rows["device_id"].tolist(),
            "starts": _instants(rows["start_at"]),
            "channels": BLOCK_LOAD_D1,
            "reason": Reason.PUSH_DIFFERS,
            "now": now,
        },
    )


_SETTLE: Final = f"""
    WITH gone AS (
        DELETE FROM readings_unconfirmed u
        USING (SELECT DISTINCT * FROM unnest(%(devices)s::bigint[], %(starts)s::timestamptz[])) s (device_id, start_at)
        WHERE u.device_id = s.device_id AND u.start_at = s.start_at
        RETURNING u.*
    )
    INSERT INTO readings_exception (device_id, kind, at, reason, detail, correlation, received_at, recorded_at)
    SELECT g.device_id, 'block', g.start_at, %(reason)s,
        jsonb_build_object({", ".join(f"'{name}', g.{name}, 'read_{name}', i.{name}" for name in _QUANTITIES)}),
        g.correlation, g.received_at, %(now)s
    FROM gone g CROSS JOIN LATERAL (
        SELECT {", ".join(_QUANTITIES)} FROM readings_interval i
        WHERE i.service_point_id = g.service_point_id AND i.device_id = g.device_id
            AND i.channel_set = %(channels)s AND i.start_at = g.start_at
        ORDER BY version DESC LIMIT 1
    ) i
    WHERE ({", ".join(f"g.{name}" for name in _QUANTITIES)})
        IS DISTINCT FROM ({", ".join(f"i.{name}" for name in _QUANTITIES)})
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - put together from constants of this module


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
