"""Readings for the API: intervals of an agreement, and monthly totals by service point."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.contracts.kinds import Agreement
from urja.apps.readings.accrual import BILLED_VALUE
from urja.quantities.catalogue import BY_NAME

LONGEST: Final = timedelta(days=31)
"""Longest time that one call returns."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval in its newest version, in Wh with the transformer ratio applied."""

    start_at: datetime
    length_s: int
    import_wh: int
    export_wh: int | None
    status: int
    device_id: int


_INTERVALS = """
SELECT DISTINCT ON (i.start_at, i.device_id) i.start_at, i.length_s,
    i.values[1]::bigint * p.ratio_primary / p.ratio_secondary,
    i.values[array_position(c.quantities, %(export)s)]::bigint * p.ratio_primary / p.ratio_secondary, i.status, i.device_id
FROM assets.device_period p JOIN readings_interval i
    ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.series = 1
    AND i.start_at >= greatest(p.valid_from, p.in_service_at) AND i.start_at < coalesce(p.valid_to, 'infinity')
JOIN readings_channel_set c ON c.id = i.channel_set
WHERE p.service_point_id = %(place)s AND p.role = %(billing)s AND p.in_service_at IS NOT NULL
    AND i.start_at >= %(begins)s AND i.start_at < %(ends)s
ORDER BY i.start_at, i.device_id, i.version DESC
"""


def intervals(agreement: Agreement, begins: datetime, ends: datetime) -> list[Interval]:
    """Return the intervals (Wh) that begin in [begins, ends) and in the agreement's time, oldest first."""
    assert ends - begins <= LONGEST, "the caller bounds what is asked for"
    with connection.cursor() as cursor:
        cursor.execute(
            _INTERVALS,
            {
                "place": agreement.service_point_id,
                "billing": DeviceRole.BILLING,
                "export": BY_NAME["interval_export_wh"].id,
                "begins": max(begins, agreement.valid_from),
                "ends": ends if agreement.valid_to is None else min(ends, agreement.valid_to),
            },
        )
        return [Interval(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class ServicePointMonth:
    """Energy in Wh that a service point took in a local month, as far as known; None where nothing is."""

    service_point_id: int
    energy_wh: int | None
    estimated_wh: int


# A consumer's service point has the accruals of all its agreements in the month; one without agreements, such as a
# transformer, has the sum of its intervals.
_MONTHS = f"""
WITH place AS (
    SELECT id, purpose = 'consumer' AS agreed FROM network.service_point WHERE id = ANY(%(places)s)
), accrued AS (
    SELECT a.service_point_id, sum({BILLED_VALUE.format("a")})::bigint AS wh,
        sum(a.estimated_value * a.ratio_primary / a.ratio_secondary)::bigint AS estimated_wh
    FROM readings_accrual a JOIN place ON place.id = a.service_point_id AND place.agreed
    WHERE a.period = %(month)s GROUP BY 1
), shown AS (
    SELECT DISTINCT ON (i.service_point_id, i.start_at, i.device_id) i.service_point_id, i.status,
        i.values[1]::bigint * p.ratio_primary / p.ratio_secondary AS wh
    FROM place JOIN assets.device_period p ON p.service_point_id = place.id AND p.role = ANY(%(roles)s)
        AND p.in_service_at IS NOT NULL
    JOIN readings_interval i
        ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.series = 1
        AND i.start_at >= greatest(p.valid_from, p.in_service_at) AND i.start_at < coalesce(p.valid_to, 'infinity')
    WHERE NOT place.agreed AND i.start_at >= %(month)s::timestamp AT TIME ZONE %(zone)s
        AND i.start_at < (%(month)s::date + interval '1 month')::timestamp AT TIME ZONE %(zone)s
    ORDER BY i.service_point_id, i.start_at, i.device_id, i.version DESC
), summed AS (
    SELECT service_point_id, sum(wh)::bigint AS wh, coalesce(sum(wh) FILTER (WHERE status = 3), 0)::bigint AS estimated_wh
    FROM shown GROUP BY 1
)
SELECT place.id, coalesce(a.wh, s.wh), coalesce(a.estimated_wh, s.estimated_wh, 0)
FROM place LEFT JOIN accrued a ON a.service_point_id = place.id LEFT JOIN summed s ON s.service_point_id = place.id
ORDER BY place.id
"""


def month_by_service_point(service_point_ids: Collection[int], month: date) -> list[ServicePointMonth]:
    """Return the energy of each service point in the local month that begins on `month`."""
    assert month.day == 1, "a month begins on its first day"
    with connection.cursor() as cursor:
        cursor.execute(
            _MONTHS,
            {
                "places": list(service_point_ids),
                "month": month,
                "roles": [DeviceRole.BILLING.value, DeviceRole.SOURCE.value],
                "zone": settings.URJA_TIMEZONE,
            },
        )
        return [ServicePointMonth(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class BilledIntervals:
    """What the intervals of a time say: each in its newest version that was known, times the ratio, rounded down."""

    energy_wh: int
    correlations: tuple[int, ...]
    """Correlation numbers of what they came with, at most 200."""


_BILLED = """
SELECT coalesce(sum(b.wh), 0)::bigint, (array_agg(DISTINCT b.correlation ORDER BY b.correlation)
    FILTER (WHERE b.start_at >= %(shown_from)s AND b.correlation <> 0))[:200]
FROM (
    SELECT DISTINCT ON (i.start_at, i.device_id) i.start_at, i.correlation,
        i.values[1]::bigint * p.ratio_primary / p.ratio_secondary AS wh
    FROM assets.device_period p JOIN readings_interval i
        ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.series = 1
        AND i.start_at >= greatest(p.valid_from, p.in_service_at) AND i.start_at < coalesce(p.valid_to, 'infinity')
    WHERE p.service_point_id = %(place)s AND p.role = %(billing)s AND p.in_service_at IS NOT NULL
        AND i.start_at >= %(begins)s AND i.start_at < %(ends)s AND i.received_at <= %(known_at)s
    ORDER BY i.start_at, i.device_id, i.version DESC
) b
"""


def billed_intervals(
    service_point_id: int, begins: datetime, ends: datetime, *, shown_from: datetime, known_at: datetime
) -> BilledIntervals:
    """Return what the intervals of a service point in [begins, ends) say, of those received by `known_at` (all UTC).

    Correlation numbers are of intervals that begin at `shown_from` or later.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _BILLED,
            {
                "place": service_point_id,
                "billing": DeviceRole.BILLING,
                "begins": begins,
                "ends": ends,
                "shown_from": shown_from,
                "known_at": known_at,
            },
        )
        energy_wh, correlations = cursor.fetchone()
    return BilledIntervals(energy_wh, tuple(correlations or ()))
