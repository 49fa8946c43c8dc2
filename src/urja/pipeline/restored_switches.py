"""After a restore each load switch is read once; where its state differs from the database, a work order for
inspection is opened.

The database knows the switches as they were at the copy. Orders after it are lost with their reasons: a switch that
is found open may have been opened because of danger to life, so nothing is switched automatically.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection

from urja.apps.commands import operations as commands, queries as commanded
from urja.apps.supply import recoveries
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import new_correlation

log = structlog.get_logger()

UNDER_WAY: Final = 500
"""Switches that are read at any time."""
WITHIN: Final = timedelta(hours=2)
"""A meter that cannot be reached within this time is not read any more, and another takes its place."""
_OUTPUT: Final = {"obis": "0.0.96.3.10.255", "class_id": 70, "attribute": 2}
"""The output state of the disconnect control (IEC 62056-6-2, 4.5.8)."""

_UNASKED: Final = """
SELECT p.device_id, p.service_point_id FROM assets.device_period p JOIN assets.device d ON d.id = p.device_id
WHERE p.valid_to IS NULL AND d.load_switch AND NOT EXISTS (SELECT FROM commands.command c
    WHERE c.device_id = p.device_id AND c.kind = 'read_object' AND c.reason = %(reason)s)
ORDER BY p.device_id LIMIT %(limit)s
"""

_DIFFERENT: Final = """
SELECT c.device_id, c.service_point_id, c.evidence->'value' = 'true'::jsonb FROM commands.command c
LEFT JOIN LATERAL (SELECT kind, state, sequence FROM commands.command
    WHERE device_id = c.device_id AND kind IN ('connect', 'disconnect')
        AND state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person')
    ORDER BY sequence DESC LIMIT 1) s ON true
WHERE c.kind = 'read_object' AND c.reason = %(reason)s AND c.state = 'confirmed'
    AND coalesce(s.sequence < c.sequence, true) AND s.state IS DISTINCT FROM 'waiting_for_person'
    AND c.evidence->'value' = to_jsonb(coalesce(s.kind, 'connect') <> 'connect')
    AND NOT EXISTS (SELECT FROM work.order w WHERE w.device_id = c.device_id AND w.kind = 'inspect'
        AND (w.closed_at IS NULL OR w.asked->>'restore' = %(restore)s))
ORDER BY c.device_id
"""
"""A switch without any confirmed order counts as connected. A value that is neither true nor false differs from
nothing."""


def check_switches(now: datetime, wall_ms: int) -> int:
    """Read switches, and open a work order where one differs from the database; return how many differ. `wall_ms` is
    real time in ms since the Unix epoch.
    """
    return sum(_check(restore_id, now, wall_ms) for restore_id in recoveries.with_relays_unread())


def _check(restore_id: str, now: datetime, wall_ms: int) -> int:
    reason = f"restore {restore_id}"
    asked = commanded.unfinished_for("read_object", reason)
    with connection.cursor() as cursor:
        cursor.execute(_UNASKED, {"reason": reason, "limit": UNDER_WAY - asked})
        unasked = cursor.fetchall()
        cursor.execute(_DIFFERENT, {"reason": reason, "restore": restore_id})
        different = cursor.fetchall()
    for device_id, service_point_id in unasked:
        commands.issue(
            device_id=device_id,
            service_point_id=service_point_id,
            kind="read_object",
            arguments=_OUTPUT,
            issued_at=now,
            issued_wall_ms=wall_ms,
            expires_at=now + WITHIN,
            reason=reason,
            correlation=new_correlation(wall_ms, secrets.randbits(21)),
        )
    for device_id, service_point_id, is_on in different:
        found = "on" if is_on else "off"
        work.open_order(
            WorkOrderKind.INSPECT,
            service_point_id=service_point_id,
            device_id=device_id,
            opened_at=now,
            asked={"switch_found": found, "restore": restore_id},
        )
        log.warning("a switch is not as the restored data say", device=device_id, found=found)
    if not asked and not unasked:
        recoveries.record_relays_read(restore_id, now)
        log.info("the load switches were asked after a restore", restore=restore_id)
    return len(different)
