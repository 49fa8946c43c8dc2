"""Work orders, holds and warnings for gas that escapes: a meter reports it by an event of its type's meaning, whatever
its code.

The hold is for safety: no payment clears it, and an operator releases it once the place is safe.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from urja.apps.identity.queries.roles import Read
from urja.apps.identity.queries.staff import responsible_staff
from urja.apps.local_zone import local_zone
from urja.apps.notices import operations as notices
from urja.apps.notices.kinds import GAS_ESCAPES, GAS_ESCAPES_STAFF
from urja.apps.supply import switching
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind

SAFETY: Final = "safety"
BY_METER: Final = "meter"
"""Who placed the hold."""
LOOKED_BACK: Final = timedelta(days=30)
"""Events that came in earlier are not examined any more."""

_NEW: Final = """
SELECT DISTINCT ON (e.device_id) e.device_id, p.service_point_id, e.code, e.occurred_at, d.serial, s.consumer_number,
    ARRAY(SELECT g.account_id FROM contracts.agreement g WHERE g.service_point_id = p.service_point_id
        AND g.valid_from <= %(now)s AND (g.valid_to IS NULL OR g.valid_to > %(now)s))
FROM readings.event e JOIN assets.device d ON d.id = e.device_id
JOIN assets.device_period p ON p.device_id = e.device_id
    AND p.valid_from <= e.occurred_at AND coalesce(p.valid_to, 'infinity') > e.occurred_at
JOIN network.service_point s ON s.id = p.service_point_id
WHERE e.code IN (-3, -4) AND e.received_at > %(since)s AND (NOT EXISTS (
    SELECT FROM work.order w WHERE w.device_id = e.device_id AND w.kind = %(kind)s
        AND (w.closed_at IS NULL OR w.closed_at >= e.received_at))
    OR NOT EXISTS (
    SELECT FROM supply_hold h WHERE h.service_point_id = p.service_point_id AND h.reason = %(safety)s
        AND (h.released_at IS NULL OR h.released_at >= e.received_at)))
ORDER BY e.device_id, e.occurred_at
"""
"""The codes are literals because the partial index is on exactly these (`urja.base.event_meanings`)."""


def hold_supplies(now: datetime) -> set[int]:
    """Open a work order, place a hold and request warnings for each report that has none; returns the service points.

    All of one report in one transaction: no order is without its hold and its warnings, whatever dies in between.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _NEW,
            {
                "now": now,
                "since": now - LOOKED_BACK,
                "kind": WorkOrderKind.GAS_ESCAPES.value,
                "safety": SAFETY,
            },
        )
        rows = cursor.fetchall()
    for device_id, service_point_id, code, occurred_at, serial, consumer_number, account_ids in rows:
        with transaction.atomic():
            order = work.open_order(
                WorkOrderKind.GAS_ESCAPES,
                device_id=device_id,
                service_point_id=service_point_id,
                opened_at=now,
                asked={"code": code, "from_at": occurred_at.isoformat()},
            )
            switching.place_hold(
                service_point_id, SAFETY, BY_METER, now, f"gas escapes: work order {order.id}"
            )
            reported_at = occurred_at.astimezone(local_zone()).isoformat(timespec="seconds")
            key = f"{GAS_ESCAPES}:{order.id}:{int(occurred_at.timestamp())}"
            number = {"call_number": settings.URJA_GAS_EMERGENCY_NUMBER}
            found = {
                "consumer_number": consumer_number,
                "serial": serial,
                "reported_at": reported_at,
                "work_order": order.id,
            }
            notices.request_notices(
                [
                    *(
                        notices.Request(account_id, GAS_ESCAPES, number, f"{key}:{account_id}")
                        for account_id in account_ids
                    ),
                    *(
                        notices.Request(None, GAS_ESCAPES_STAFF, found, f"{key}:user {user_id}", user_id)
                        for user_id in responsible_staff(service_point_id, Read.WORK_ORDERS, now)
                    ),
                ],
                now,
            )
    return {row[1] for row in rows}
