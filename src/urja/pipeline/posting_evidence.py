"""The evidence stored with a posting: register reads and meters, by agreement, in few statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection

from urja.apps.readings.accrual import MeterEnergy, PeriodEnergy, meters_until
from urja.apps.readings.kinds import ANCHOR_KINDS, Status
from urja.base.untyped_values import JsonObject
from urja.stream.records import RegisterKind, Source

type Point = tuple[int, int, datetime]
"""Service point id, device id, instant."""

_KINDS: Final = {one.value: one.name.lower() for one in RegisterKind}
_STATUSES: Final = {one.value: one.name.lower() for one in Status}
_SOURCES: Final = {one.value: one.name.lower() for one in Source}


def register_reads(points: Sequence[Point]) -> dict[Point, dict[str, object]]:
    """The read that billing uses at each point: the latest one up to the instant, in its newest version (register in
    Wh).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.service_point_id, p.device_id, p.instant, r.read_at, r.values[1], r.kind, r.status, r.source, "
            "r.version, r.correlation FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) "
            "AS p (service_point_id, device_id, instant) CROSS JOIN LATERAL ("
            "  SELECT * FROM readings.register r WHERE r.service_point_id = p.service_point_id "
            "  AND r.device_id = p.device_id AND r.kind = ANY(%s) AND r.read_at <= p.instant "
            "  ORDER BY read_at DESC, version DESC, kind LIMIT 1) r",
            [
                [point[0] for point in points],
                [point[1] for point in points],
                [point[2] for point in points],
                [int(kind) for kind in ANCHOR_KINDS],
            ],
        )
        return {
            (service_point_id, device_id, instant): {
                "read_at": read_at,
                "register_wh": register_wh,
                "kind": _KINDS[kind],
                "status": _STATUSES[status],
                "source": _SOURCES[source],
                "version": version,
                "correlation": correlation,
                "device_id": device_id,
            }
            for (
                service_point_id,
                device_id,
                instant,
                read_at,
                register_wh,
                kind,
                status,
                source,
                version,
                correlation,
            ) in cursor.fetchall()
        }


def meter_energies(energies: Sequence[PeriodEnergy]) -> dict[int, list[dict[str, object]]]:
    """Return the energy of each meter of agreements with several in their period, or one with a ratio, by agreement.

    The energies are of one billing period, up to one instant. An agreement with one meter and no ratio is left out,
    because its register says it all.
    """
    asked = [energy for energy in energies if energy.ratio_primary != energy.ratio_secondary]
    asked += _exchanged([energy for energy in energies if energy.ratio_primary == energy.ratio_secondary])
    if not asked:
        return {}
    until = max(energy.closes_at for energy in asked)
    with connection.cursor() as cursor:
        parts = meters_until(
            cursor,
            [energy.agreement_id for energy in asked],
            asked[0].period,
            until,
            settings.URJA_TIMEZONE,
        )
        cursor.execute(
            "SELECT id, serial FROM assets.device WHERE id = ANY(%s)", [[part.device_id for part in parts]]
        )
        serials = dict(cursor.fetchall())
    points = [
        (part.service_point_id, part.device_id, instant)
        for part in parts
        for instant in (part.from_at, part.anchor_at)
    ]
    reads = register_reads(points)
    shown: dict[int, list[JsonObject]] = {}
    for part in parts:
        shown.setdefault(part.agreement_id, []).append(_meter(part, serials[part.device_id], reads))
    return shown


def _exchanged(energies: Sequence[PeriodEnergy]) -> list[PeriodEnergy]:
    """The energies of agreements during whose time a meter was installed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.agreement_id FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) "
            "AS s (agreement_id, service_point_id, from_at, to_at) JOIN assets.device_period p "
            "ON p.service_point_id = s.service_point_id AND p.role = 1 AND p.in_service_at IS NOT NULL "
            "AND p.valid_from > s.from_at AND p.valid_from < s.to_at",
            [
                [energy.agreement_id for energy in energies],
                [energy.service_point_id for energy in energies],
                [energy.opened_at for energy in energies],
                [energy.closes_at for energy in energies],
            ],
        )
        found = {agreement_id for (agreement_id,) in cursor.fetchall()}
    return [energy for energy in energies if energy.agreement_id in found]


def _meter(part: MeterEnergy, serial: str, reads: dict[Point, JsonObject]) -> JsonObject:
    point = (part.service_point_id, part.device_id)
    opening = reads[*point, part.from_at]
    if opening["read_at"] < part.from_at:
        # The meter was not read at the border of the period: its intervals since the last read were used.
        opening = {**opening, "read_at": part.from_at, "kind": "blocks", "status": "substituted"}
    closing = reads[*point, part.anchor_at]
    if part.block_value:
        status = "estimated" if part.estimated_value else "substituted"
        closing = {**closing, "read_at": part.watermark_at, "kind": "blocks", "status": status}
    elif closing["kind"] == "installation" and closing["read_at"] > part.from_at:
        closing = {**closing, "kind": "removal"}
    return {
        "serial": serial,
        "ratio": [part.ratio_primary, part.ratio_secondary],
        "opening": {**opening, "register_wh": part.opening_value},
        "closing": {**closing, "register_wh": part.closing_value},
        "energy_wh": part.billed_value,
    }
