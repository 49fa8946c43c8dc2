"""Service points with an agreement and no billing meter: a work order for inspection is opened for each, once.

Energy is not metered there and only daily charges go on, so no reading ever shows it. The work order is withdrawn
when a meter is installed again, or the agreement ends.
"""

from datetime import datetime
from typing import Final

import structlog
from django.db import connection

from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.base.untyped_values import JsonObject

log = structlog.get_logger()

_INSTALLED: Final = """
EXISTS (SELECT FROM assets.device_period p WHERE p.service_point_id = {place} AND p.role = 1
    AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s)
"""
_IN_FORCE: Final = "a.valid_from <= %(now)s AND coalesce(a.valid_to, 'infinity') > %(now)s"

_UNREPORTED = f"""
SELECT found.service_point_id, found.since FROM (
    SELECT a.service_point_id, greatest(a.valid_from, (SELECT max(p.valid_to) FROM assets.device_period p
        WHERE p.service_point_id = a.service_point_id AND p.role = 1 AND p.valid_to <= %(now)s)) AS since
    FROM contracts.agreement a WHERE a.id >= %(first)s AND a.id < %(end)s AND {_IN_FORCE}
        AND NOT {_INSTALLED.format(place="a.service_point_id")}
        -- Before the first commissioning the meter is still to be installed.
        AND (SELECT s.in_service_at <= %(now)s FROM assets.supply_in_service s
            WHERE s.service_point_id = a.service_point_id)
) found WHERE NOT EXISTS (
    SELECT FROM work.order w WHERE w.service_point_id = found.service_point_id AND (
        -- An order was opened for it before, even if it is closed by now; or a meter is to be installed there.
        (w.kind = 'inspect' AND (w.asked->>'unmetered_since')::timestamptz = found.since)
        OR (w.kind IN ('install', 'exchange') AND w.closed_at IS NULL))
) ORDER BY 1
"""  # noqa: S608 - constants of this module

_RESOLVED = f"""
SELECT w.id, {_INSTALLED.format(place="w.service_point_id")} FROM work.order w
WHERE w.id >= %(first)s AND w.id < %(end)s AND w.kind = 'inspect' AND w.closed_at IS NULL
    AND w.asked ? 'unmetered_since' AND ({_INSTALLED.format(place="w.service_point_id")}
        OR NOT EXISTS (SELECT FROM contracts.agreement a WHERE a.service_point_id = w.service_point_id AND {_IN_FORCE}))
ORDER BY 1
"""  # noqa: S608 - constants of this module


def open_inspections(bucket: int, now: datetime) -> int:
    """Open work orders for the unmetered service points of a bucket that have none; return how many."""
    parameters: JsonObject = {"now": now, "first": bucket << 40, "end": (bucket + 1) << 40}
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVED, parameters)
        resolved = cursor.fetchall()
        cursor.execute(_UNREPORTED, parameters)
        unreported = cursor.fetchall()
    for order_id, installed in resolved:
        why = "a billing meter is installed again" if installed else "the agreement has ended"
        work.withdraw(order_id, now, why)
    for place_id, since in unreported:
        work.open_order(
            WorkOrderKind.INSPECT,
            service_point_id=place_id,
            opened_at=now,
            asked={"unmetered_since": since.isoformat()},
        )
        log.warning("no billing meter", service_point=place_id, since=since.isoformat())
    return len(unreported)
