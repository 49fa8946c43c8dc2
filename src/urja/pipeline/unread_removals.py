"""Meters that were removed unread: a work order says, once, that an account waits for their final read.

The order is withdrawn when the register is known: read later, from late intervals, or estimated.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection

from urja.apps.readings.queries import missing_final_reads
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind

log = structlog.get_logger()

_ORDERED: Final = """
SELECT id, device_id, (asked->>'unread_since')::timestamptz, closed_at IS NULL FROM work.order
WHERE id >= %s AND id < %s AND kind = 'inspect' AND asked ? 'unread_since'
"""


def open_inspections(bucket: int, now: datetime, cutoff: timedelta) -> int:
    """Open work orders for the meters of a bucket that have none; return how many. Intervals may come until `cutoff`
    (hours) after the removal.
    """
    waiting = {
        (one.device_id, one.removed_at): one for one in missing_final_reads.in_bucket(bucket, now - cutoff)
    }
    with connection.cursor() as cursor:
        cursor.execute(_ORDERED, [bucket << 40, (bucket + 1) << 40])
        ordered = {(device, since): (order, is_open) for order, device, since, is_open in cursor.fetchall()}
    for key, (order_id, is_open) in ordered.items():
        if is_open and key not in waiting:
            work.withdraw(order_id, now, "the last register of the meter is known")
    unordered = [one for key, one in waiting.items() if key not in ordered]
    for one in unordered:
        work.open_order(
            WorkOrderKind.INSPECT,
            service_point_id=one.service_point_id,
            device_id=one.device_id,
            opened_at=now,
            asked={"unread_since": one.removed_at.isoformat()},
        )
        log.warning("taken away unread", serial=one.serial, removed_at=one.removed_at.isoformat())
    return len(unordered)
