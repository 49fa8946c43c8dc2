"""Billing meters that were removed without a read of their last register.

The energy up to the removal belongs to an agreement and is not charged yet. It needs a read after all (registry
operation `correct_last_read`), intervals that reach to the removal, or an estimate that an operator requests. Until
then the account is not settled.
"""

# ruff: noqa: S608  (statements are put together from constants; values travel as parameters)

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

_MONTH: Final = f"date_trunc('month', (p.valid_to - interval '1 microsecond') AT TIME ZONE '{settings.URJA_TIMEZONE}')::date"

FINAL_READ_MISSING: Final = f"""
(p.role = 1 AND p.in_service_at IS NOT NULL AND p.valid_to <= coalesce(a.valid_to, 'infinity')
    AND greatest(p.valid_from, p.in_service_at, a.valid_from) < p.valid_to
    AND NOT EXISTS (SELECT FROM readings.register r WHERE r.service_point_id = p.service_point_id
        AND r.device_id = p.device_id AND r.kind IN (2, 3, 5) AND r.read_at >= p.valid_to)
    AND NOT EXISTS (SELECT FROM readings.accrual x WHERE x.agreement_id = a.id AND x.period = {_MONTH}
        AND x.watermark_at >= p.valid_to))
"""
"""Condition that a device period `p` ended in the time of an agreement `a` and its last register is not known.

The watermark of a month stops at the first meter with a gap, so a meter installed since then does not hide one.
"""


@dataclass(frozen=True, slots=True)
class MissingFinalRead:
    """A meter that was removed without a last read."""

    service_point_id: int
    device_id: int
    agreement_id: int
    serial: str
    removed_at: datetime
    known_to: datetime | None
    """End of what is known of its energy; None where nothing is known of any month up to then."""


_FIND: Final = f"""
SELECT p.service_point_id, p.device_id, a.id, d.serial, p.valid_to,
    (SELECT x.watermark_at FROM readings_accrual x WHERE x.agreement_id = a.id AND x.period <= {_MONTH}
        ORDER BY x.period DESC LIMIT 1)
FROM assets.device_period p
JOIN assets.device d ON d.id = p.device_id
JOIN contracts.agreement a ON a.service_point_id = p.service_point_id
WHERE {{where}} AND {FINAL_READ_MISSING} ORDER BY p.valid_to, p.id
"""


def at_service_point(service_point_id: int) -> list[MissingFinalRead]:
    """Return those of a service point, earliest removal first."""
    return _find("p.service_point_id = %s", [service_point_id])


def of_device(device_id: int) -> list[MissingFinalRead]:
    """Return the removals of a device without a last read."""
    return _find("p.device_id = %s", [device_id])


def in_bucket(bucket: int, until: datetime) -> list[MissingFinalRead]:
    """Return those of a bucket that were removed by `until` (UTC)."""
    return _find("p.id >= %s AND p.id < %s AND p.valid_to <= %s", [bucket << 40, (bucket + 1) << 40, until])


def agreements_held(agreement_ids: Sequence[int]) -> set[int]:
    """Return those agreements whose energy is not all known because of such a meter."""
    if not agreement_ids:
        return set()
    return {one.agreement_id for one in _find("a.id = ANY(%s)", [list(agreement_ids)])}


def _find(where: str, parameters: Sequence[Any]) -> list[MissingFinalRead]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(where=where), parameters)
        return [MissingFinalRead(*row) for row in cursor.fetchall()]
