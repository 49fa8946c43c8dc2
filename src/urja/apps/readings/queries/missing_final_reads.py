"""Billing meters that were taken away, and nobody knows where their register stood then.

Somebody had the supply by them, so energy is somebody's and is not charged: it waits for the register to be read after
all (`registry` operation `correct_last_read`), for blocks that reach to the removal, or for an estimate that somebody
asks for. Until then the account is not settled.
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
"""Whether a device period `p` at the place of an agreement `a` has ended in its time, and the register is not known.

What is known of a month ends where the first of its meters has its hole, so a meter that was hung up since hides none.
"""


@dataclass(frozen=True, slots=True)
class MissingFinalRead:
    """A meter that was taken away unread."""

    service_point_id: int
    device_id: int
    agreement_id: int
    serial: str
    removed_at: datetime
    known_to: datetime | None
    """Up to when its energy is known; none where nothing is of that month."""


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
    """Those that hung at a place, the first that was taken away first."""
    return _find("p.service_point_id = %s", [service_point_id])


def of_device(device_id: int) -> list[MissingFinalRead]:
    """Where a meter was taken away unread."""
    return _find("p.device_id = %s", [device_id])


def in_bucket(bucket: int, until: datetime) -> list[MissingFinalRead]:
    """Those of a bucket that were taken away by `until`."""
    return _find("p.id >= %s AND p.id < %s AND p.valid_to <= %s", [bucket << 40, (bucket + 1) << 40, until])


def agreements_held(agreement_ids: Sequence[int]) -> set[int]:
    """Those of these agreements whose energy is not all known because of such a meter."""
    if not agreement_ids:
        return set()
    return {one.agreement_id for one in _find("a.id = ANY(%s)", [list(agreement_ids)])}


def _find(where: str, parameters: Sequence[Any]) -> list[MissingFinalRead]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(where=where), parameters)
        return [MissingFinalRead(*row) for row in cursor.fetchall()]
