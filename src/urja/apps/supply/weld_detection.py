"""Registers that advance after a confirmed disconnection: a welded relay, or a bypass around the meter.

The test needs two reads after the disconnection, the later one higher. A read before it proves nothing, because the
relay opened between the two. After a visit (a closed work order) the reads begin again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.commands.kinds import DISCONNECT
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.apps.work import operations as work

CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""A read counts as after the disconnection when the meter's clock says so by this margin."""


def open_work_orders(known: Sequence[AccountSnapshot], now: datetime) -> int:
    """Open a work order for each of these meters that counts Wh after its disconnection; returns how many."""
    cut = {
        item.executed.device_id: item
        for item in known
        if item.executed and item.executed.kind == DISCONNECT and item.pending_connect is None
    }
    if not cut:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT given.device_id, min(r.values[1]), max(r.values[1]), min(r.read_at), max(r.read_at) "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS given (device_id, place_id, cut_at) "
            "JOIN readings.register r ON r.service_point_id = given.place_id AND r.device_id = given.device_id "
            "AND r.kind <> 6 AND r.read_at > greatest(given.cut_at, (SELECT max(w.closed_at) FROM work.order w "
            "  WHERE w.device_id = given.device_id AND w.kind = 'weld_or_bypass')) GROUP BY given.device_id "
            "HAVING count(DISTINCT r.read_at) >= 2 AND max(r.values[1]) > min(r.values[1])",
            [
                list(cut),
                [item.agreement.service_point_id for item in cut.values()],
                [
                    item.executed.ended_at + CLOCKS_DIFFER
                    for item in cut.values()
                    if item.executed and item.executed.ended_at
                ],
            ],
        )
        rows = cursor.fetchall()
    for device_id, first_wh, last_wh, first_at, last_at in rows:
        item = cut[device_id]
        assert item.executed is not None
        work.report_weld(
            device_id=device_id,
            service_point_id=item.agreement.service_point_id,
            opened_at=now,
            asked={
                "command_id": item.executed.id,
                "advance_wh": last_wh - first_wh,
                "from_at": first_at.isoformat(),
                "to_at": last_at.isoformat(),
            },
        )
    return len(rows)
