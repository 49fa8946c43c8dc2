"""Registers that run on after a confirmed cut: a welded relay, or a wire around the meter.

Two reads that were both taken after the cut, the later one higher: a single read can be compared with nothing that
is as sure, and the first one already stands behind the cut. Where somebody has been there, reads begin anew.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.commands.kinds import DISCONNECT
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.apps.work import operations as work

CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""A read is after a cut when its own clock says so by this much."""


def open_work_orders(known: Sequence[AccountSnapshot], now: datetime) -> int:
    """Open a work order for each meter among these that counts after its cut; how many were reported."""
    cut = {
        item.obeyed.device_id: item
        for item in known
        if item.obeyed and item.obeyed.kind == DISCONNECT and item.pending_connect is None
    }
    if not cut:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT given.device_id, min(r.import_wh), max(r.import_wh), min(r.read_at), max(r.read_at) "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS given (device_id, place_id, cut_at) "
            "JOIN readings.register r ON r.service_point_id = given.place_id AND r.device_id = given.device_id "
            "AND r.kind <> 6 AND r.read_at > greatest(given.cut_at, (SELECT max(w.closed_at) FROM work.order w "
            "  WHERE w.device_id = given.device_id AND w.kind = 'weld_or_bypass')) GROUP BY given.device_id "
            "HAVING count(DISTINCT r.read_at) >= 2 AND max(r.import_wh) > min(r.import_wh)",
            [
                list(cut),
                [item.agreement.service_point_id for item in cut.values()],
                [
                    item.obeyed.ended_at + CLOCKS_DIFFER
                    for item in cut.values()
                    if item.obeyed and item.obeyed.ended_at
                ],
            ],
        )
        rows = cursor.fetchall()
    for device_id, first_wh, last_wh, first_at, last_at in rows:
        item = cut[device_id]
        assert item.obeyed is not None
        work.report_weld(
            device_id=device_id,
            service_point_id=item.agreement.service_point_id,
            opened_at=now,
            asked={
                "command_id": item.obeyed.id,
                "advance_wh": last_wh - first_wh,
                "from_at": first_at.isoformat(),
                "to_at": last_at.isoformat(),
            },
        )
    return len(rows)
