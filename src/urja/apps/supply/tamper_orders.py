"""Work orders for tamper events, for faults of phases, and for pushes that were refused as implausible.

A work order stays open until it was done, even where the magnet is gone: that it was there has to be inspected. No
supply is disconnected for an event alone.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.stream.records import OwnEvent, Source

TAMPERS: Final = {
    **dict.fromkeys((1, 3, 5), WorkOrderKind.PHASE_MISSING),
    **dict.fromkeys((51, 53, 55), WorkOrderKind.CURRENT_REVERSED),
    201: WorkOrderKind.MAGNET,
    203: WorkOrderKind.NEUTRAL_DISTURBED,
    251: WorkOrderKind.COVER_OPENED,
    OwnEvent.PUSH_MISFIT: WorkOrderKind.CHECK_PUSHES,
    OwnEvent.PUSH_IMPLAUSIBLE: WorkOrderKind.CHECK_PUSHES,
}
"""Kind of work order by the event code that begins it (IS 15959-1, event lists), or by the head end's own code."""

LOOKED_BACK: Final = timedelta(days=30)
"""Events that came in earlier are not examined any more."""

_NEW = """
SELECT DISTINCT ON (e.device_id, known.kind) e.device_id, p.service_point_id, e.code, e.occurred_at
FROM readings.event e JOIN assets.device_period p ON p.device_id = e.device_id
    AND p.valid_from <= e.occurred_at AND coalesce(p.valid_to, 'infinity') > e.occurred_at
-- A cover is open while the meter is being installed.
JOIN assets.supply_in_service v ON v.service_point_id = p.service_point_id AND v.in_service_at <= e.occurred_at
JOIN unnest(%(codes)s::int[], %(kinds)s::text[]) AS known (code, kind) USING (code)
WHERE e.code IN (1, 3, 5, 51, 53, 55, 201, 203, 251, -1, -2) AND e.received_at > %(since)s AND NOT EXISTS (
    SELECT FROM work.order w WHERE w.device_id = e.device_id AND w.kind = known.kind
        AND (w.closed_at IS NULL OR w.closed_at >= e.received_at))
    AND NOT (e.source = %(pulled)s AND EXISTS (
        SELECT FROM readings.event told JOIN readings.event breath USING (device_id, occurred_at)
        WHERE told.device_id = e.device_id AND told.code = e.code AND told.source = %(pushed)s
            AND told.occurred_at > e.occurred_at AND told.received_at <= e.received_at
            AND breath.code = 102 AND NOT EXISTS (
                SELECT FROM readings.event between_them WHERE between_them.device_id = e.device_id
                    AND between_them.code = 102 AND between_them.occurred_at > e.occurred_at
                    AND between_them.occurred_at < told.occurred_at)))
ORDER BY e.device_id, known.kind, e.occurred_at
"""
"""The codes are literals because the partial index is on exactly these. A tamper without power is reported by the first
push after the power's return (event 102), with that push's stamp. The log, read later, has the same tamper under its
own stamp; the last condition recognises it."""


def open_work_orders(now: datetime) -> int:
    """Open a work order for each tamper that has none; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NEW,
            {
                "codes": list(TAMPERS),
                "kinds": [kind.value for kind in TAMPERS.values()],
                "since": now - LOOKED_BACK,
                "pulled": Source.PULL,
                "pushed": Source.PUSH,
            },
        )
        rows = cursor.fetchall()
    for device_id, service_point_id, code, occurred_at in rows:
        work.open_order(
            TAMPERS[code],
            device_id=device_id,
            service_point_id=service_point_id,
            opened_at=now,
            asked={"code": code, "from_at": occurred_at.isoformat()},
        )
    return len(rows)
