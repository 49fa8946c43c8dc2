"""Measured energy without an agreement: listed with its reason and the advance of the registers.

Every interval of a billing meter at a consumer's service point belongs to one agreement or is listed here. A meter of
another role, or at a service point of another purpose (a transformer, a common area), needs no agreement and is not
listed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from urja.base.sql_cursor import Cursor


class UnassignedReason(StrEnum):
    """Why a time has no agreement to bill."""

    VACANT = "vacant"
    """No agreement is in force."""
    NOT_COMMISSIONED = "not_commissioned"
    """The meter has not passed commissioning, so it does not bill."""
    PARTIAL = "partial"
    """An interval within which a meter, a ratio or an agreement changed, so that it belongs to none as a whole. The
    registers read at that instant divide its energy."""


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A half-open period of one meter's energy that no agreement is billed for, with its reason."""

    service_point_id: int
    device_id: int
    from_at: datetime
    to_at: datetime
    why: UnassignedReason
    known_to_at: datetime | None
    """End of what the registers tell; None before any read."""
    energy_wh: int
    """Energy in Wh with the ratio applied; 0 for a divided interval."""


_UNASSIGNED = """
WITH metered AS (
    SELECT p.id, p.service_point_id, p.device_id, p.valid_from, coalesce(p.valid_to, 'infinity') AS valid_to,
        p.ratio_primary::bigint AS times, p.ratio_secondary::bigint AS over, d.interval_s, d.clock_offset_s,
        CASE WHEN p.in_service_at IS NULL THEN 'infinity' ELSE greatest(p.valid_from, p.in_service_at) END
            AS billed_from
    FROM assets.device_period p
    JOIN assets.device d ON d.id = p.device_id
    JOIN network.service_point s ON s.id = p.service_point_id AND s.purpose = 'consumer'
    WHERE p.role = 1 AND p.valid_from < %(to)s AND coalesce(p.valid_to, 'infinity') > %(from)s
        AND (%(place)s::bigint IS NULL OR p.service_point_id = %(place)s::bigint)
),
agreed AS (
    SELECT service_point_id, range_agg(tstzrange(valid_from, valid_to)) AS times FROM contracts.agreement
    WHERE service_point_id IN (SELECT service_point_id FROM metered) GROUP BY service_point_id
),
span AS (
    SELECT m.*, 'not_commissioned' AS why,
        unnest(tstzmultirange(tstzrange(valid_from, least(valid_to, billed_from)) * tstzrange(%(from)s, %(to)s))) AS during
    FROM metered m
    UNION ALL
    SELECT m.*, 'vacant', unnest(
        tstzmultirange(
            tstzrange(least(billed_from, valid_to), valid_to) * tstzrange(%(from)s, %(to)s)
        ) - coalesce(a.times, '{}')
    )
    FROM metered m LEFT JOIN agreed a USING (service_point_id)
),
changed AS (
    SELECT service_point_id, valid_from AS at FROM metered
    UNION SELECT service_point_id, valid_to FROM metered
    UNION SELECT service_point_id, billed_from FROM metered
    UNION SELECT service_point_id, valid_from FROM contracts.agreement
        WHERE service_point_id IN (SELECT service_point_id FROM metered)
    UNION SELECT service_point_id, valid_to FROM contracts.agreement
        WHERE service_point_id IN (SELECT service_point_id FROM metered)
),
cut AS (
    SELECT DISTINCT m.service_point_id, m.device_id, i.start_at, i.start_at + i.step AS end_at
    FROM metered m JOIN changed c ON c.service_point_id = m.service_point_id
        AND c.at >= m.valid_from AND c.at <= m.valid_to AND isfinite(c.at)
    CROSS JOIN LATERAL (
        -- By the meter's clock at that instant, as intervals are listed and judged.
        SELECT to_timestamp(floor(extract(epoch FROM c.at)) - (CASE
                WHEN m.clock_offset_s IS NULL THEN floor(extract(epoch FROM c.at AT TIME ZONE %(zone)s))
                ELSE floor(extract(epoch FROM c.at)) + m.clock_offset_s END)::bigint %% m.interval_s) AS start_at,
            make_interval(secs => m.interval_s) AS step
    ) i
    WHERE i.start_at < c.at AND i.start_at < %(to)s AND i.start_at + i.step > %(from)s
)
SELECT s.service_point_id, s.device_id, lower(s.during), upper(s.during), s.why,
    closing.at, coalesce(closing.wh * s.times / s.over - opening.wh * s.times / s.over, 0)
FROM span s
LEFT JOIN LATERAL (
    SELECT r.values[1] + coalesce((
        SELECT sum(b.values[1]) FROM readings_interval b
        WHERE b.service_point_id = s.service_point_id AND b.device_id = s.device_id AND b.series = 1
            AND b.start_at >= r.read_at AND b.start_at < lower(s.during) AND NOT EXISTS (
                SELECT FROM readings_interval n
                WHERE n.service_point_id = b.service_point_id AND n.device_id = b.device_id
                    AND n.series = 1 AND n.start_at = b.start_at AND n.version > b.version)
    ), 0)::bigint AS wh
    FROM readings_register r
    WHERE r.service_point_id = s.service_point_id AND r.device_id = s.device_id AND r.kind IN (2, 3, 5)
        AND r.read_at <= lower(s.during)
    ORDER BY r.read_at DESC, r.version DESC, r.kind LIMIT 1
) opening ON true
LEFT JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM readings_register r
        WHERE r.service_point_id = s.service_point_id AND r.device_id = s.device_id AND r.kind IN (2, 3, 5)
            AND r.read_at >= upper(s.during)
    ) AS passed
) closed ON true
LEFT JOIN LATERAL (
    -- With a read after the end everything up to it is known, by the intervals; else up to the last read.
    SELECT CASE WHEN closed.passed THEN upper(s.during) ELSE greatest(r.read_at, lower(s.during)) END AS at,
        CASE WHEN NOT closed.passed AND r.read_at < lower(s.during) THEN opening.wh ELSE
            r.values[1] + CASE WHEN closed.passed THEN coalesce((
                SELECT sum(b.values[1]) FROM readings_interval b
                WHERE b.service_point_id = s.service_point_id AND b.device_id = s.device_id AND b.series = 1
                    AND b.start_at >= r.read_at AND b.start_at < upper(s.during) AND NOT EXISTS (
                        SELECT FROM readings_interval n
                        WHERE n.service_point_id = b.service_point_id AND n.device_id = b.device_id
                            AND n.series = 1 AND n.start_at = b.start_at AND n.version > b.version)
            ), 0)::bigint ELSE 0 END
        END AS wh
    FROM readings_register r
    WHERE r.service_point_id = s.service_point_id AND r.device_id = s.device_id AND r.kind IN (2, 3, 5)
        AND r.read_at <= upper(s.during)
    ORDER BY r.read_at DESC, r.version DESC, r.kind LIMIT 1
) closing ON true
UNION ALL
SELECT service_point_id, device_id, start_at, end_at, 'partial', end_at, 0 FROM cut
ORDER BY 1, 3, 5, 2
"""


def find(
    cursor: Cursor, from_at: datetime, to_at: datetime, zone: str, service_point_id: int | None = None
) -> list[Unassigned]:
    """Return unassigned times and their Wh in [from_at, to_at), by service point and time.

    With `service_point_id` only of that one. Vacant and not commissioned times are cut to these bounds; a divided
    interval is listed whole.
    """
    cursor.execute(_UNASSIGNED, {"from": from_at, "to": to_at, "zone": zone, "place": service_point_id})
    return [
        Unassigned(place, device, begins, ends, UnassignedReason(why), known, energy)
        for place, device, begins, ends, why, known, energy in cursor.fetchall()
    ]
