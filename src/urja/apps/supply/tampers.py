"""Covers, magnets and neutrals: what meters tell of hands laid on them becomes a work order.

An order stays open until somebody has been there, also where the magnet is long gone: that it came is what is to be
looked at. Nobody is cut for an event.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.work import operations as work
from urja.apps.work.models import WorkOrderKind

TAMPERS: Final = {
    201: WorkOrderKind.MAGNET,
    203: WorkOrderKind.NEUTRAL_DISTURBED,
    251: WorkOrderKind.COVER_OPENED,
}
"""By the event code with which it begins (IS 15959-1, event lists)."""

LOOKED_BACK: Final = timedelta(days=30)
"""What came in before has been looked at, or nobody was there to look for a month."""

_NEW = """
SELECT DISTINCT ON (e.device_id, e.code) e.device_id, p.service_point_id, e.code, e.occurred_at
FROM readings_event e JOIN registry_device_period p ON p.device_id = e.device_id
    AND p.valid_from <= e.occurred_at AND coalesce(p.valid_to, 'infinity') > e.occurred_at
JOIN unnest(%(codes)s::int[], %(kinds)s::text[]) AS known (code, kind) USING (code)
WHERE e.code IN (201, 203, 251) AND e.received_at > %(since)s AND NOT EXISTS (
    SELECT FROM work_order w WHERE w.device_id = e.device_id AND w.kind = known.kind
        AND (w.closed_at IS NULL OR w.closed_at >= e.received_at))
ORDER BY e.device_id, e.code, e.occurred_at
"""
"""The codes stand written out for the index that is on them alone."""


def look(now: datetime) -> int:
    """Open a work order for each tamper that nobody has been sent to; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NEW,
            {
                "codes": list(TAMPERS),
                "kinds": [kind.value for kind in TAMPERS.values()],
                "since": now - LOOKED_BACK,
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
