"""Checks of the registry for records that cannot be right, each finding with a sentence and a remedy.

The database refuses contradictions; these checks look for what is merely unlikely, such as a service point without a
meter or a premise in the sea. Nothing is changed.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.meter_types.queries import known_types
from urja.base.untyped_values import JsonObject

_SINGLE_PHASE: Final = "D1"
"""Category of single-phase meters (IS 15959); all other categories are three-phase."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A record that cannot be right."""

    subject: str
    """The consumer number, code or serial number that it is about."""
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Findings of one check: their number, and the first of them."""

    check: str
    count: int
    first: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Check:
    """A query of pairs of subject and sentence, with the remedy."""

    name: str
    remedy: str
    query: str


_LIVING: Final = """
    network.service_point s
    JOIN contracts.agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s
        AND coalesce(a.valid_to, 'infinity') > %(at)s
"""

_CHECKS: Final = (
    _Check(
        "duplicate_people",
        "if they are one person, record one person at both; otherwise correct the telephone number",
        f"""
        SELECT string_agg(number, ', ' ORDER BY number), 'the service points ' || string_agg(number, ', ' ORDER BY number)
            || ' belong to people of the same name, address and telephone number'
        FROM (
            SELECT DISTINCT ON (c.id) s.consumer_number AS number, lower(c.name) AS name, c.phone,
                lower(coalesce(nullif(c.address, ''), p.address)) AS address
            FROM {_LIVING} JOIN people.person c ON c.id = a.customer_id JOIN network.premise p ON p.id = s.premise_id
            WHERE c.phone IS NOT NULL ORDER BY c.id, s.consumer_number
        ) person
        WHERE address <> '' GROUP BY name, phone, address HAVING count(*) > 1
        """,
    ),
    _Check(
        "swapped_coordinates",
        "exchange latitude and longitude",
        """
        SELECT name, name || ' has ' || latitude || ', ' || longitude || ': exchanged they would be in the '
            'utility''s area'
        FROM located WHERE %(bounded)s AND NOT inside(latitude, longitude) AND inside(longitude, latitude)
        """,
    ),
    _Check(
        "impossible_coordinates",
        "correct or empty the coordinates, or widen utility.bounds in urja.toml",
        """
        SELECT name, name || ' has ' || latitude || ', ' || longitude
            || CASE WHEN latitude = 0 AND longitude = 0 THEN ', in the sea off Africa'
               ELSE ', outside the utility''s area' END
        FROM located WHERE latitude = 0 AND longitude = 0
            OR %(bounded)s AND NOT inside(latitude, longitude) AND NOT inside(longitude, latitude)
        """,
    ),
    _Check(
        "transformer_without_meters",
        "place its service points under it with a file of placements, or correct its code",
        """
        SELECT t.code, 'no meter is placed under transformer ' || t.code
            || CASE t.feeder WHEN '' THEN '' ELSE ' of feeder ' || t.feeder END
        FROM network.transformer t
        WHERE NOT EXISTS (
            SELECT FROM network.fed_by f JOIN assets.device_period m ON m.service_point_id = f.service_point_id
                AND m.valid_to IS NULL WHERE f.transformer_id = t.id)
        """,
    ),
    _Check(
        "without_transformer",
        "place it under its transformer with a file of placements",
        """
        SELECT s.consumer_number, 'service point ' || s.consumer_number || ' is placed under no transformer'
        FROM network.service_point s
        WHERE s.purpose IN ('consumer', 'common_area', 'bulk') AND s.commodity = 'electricity'
            AND s.disconnected_at IS NULL
            AND EXISTS (SELECT FROM network.node WHERE level = 'transformer')
            AND NOT EXISTS (SELECT FROM network.placement p WHERE p.service_point_id = s.id AND p.tree = 'grid'
                AND p.valid_to IS NULL)
        """,
    ),
    _Check(
        "without_section",
        "place it under a section with a file of placements",
        """
        SELECT s.consumer_number, 'service point ' || s.consumer_number || ' is placed under no section'
        FROM network.service_point s
        WHERE s.purpose IN ('consumer', 'common_area', 'bulk') AND s.disconnected_at IS NULL
            AND EXISTS (SELECT FROM network.node WHERE level = 'section')
            AND NOT EXISTS (SELECT FROM network.placement p WHERE p.service_point_id = s.id
                AND p.tree = 'administration' AND p.valid_to IS NULL)
        """,
    ),
    _Check(
        "phase_mismatch",
        "correct the phase with a file of placements, or check which meter is installed there",
        """
        SELECT s.consumer_number, 'meter ' || d.serial || ' at ' || s.consumer_number || ' is for '
            || CASE WHEN d.device_type = ANY (%(single)s) THEN 'one phase, and the service point has three'
               ELSE 'three phases, and the service point has ' || f.phase || ' alone' END
        FROM network.fed_by f
        JOIN network.service_point s ON s.id = f.service_point_id
        JOIN assets.device_period m ON m.service_point_id = s.id AND m.valid_to IS NULL
        JOIN assets.device d ON d.id = m.device_id
        WHERE f.phase <> '' AND d.device_type = ANY (%(known)s)
            AND (d.device_type = ANY (%(single)s)) <> (f.phase <> 'RYB')
        """,
    ),
    _Check(
        "stock_and_wall",
        "record where the meter is: urja stock, or the operations install_meter and remove_meter",
        """
        SELECT d.serial, 'meter ' || d.serial || CASE d.stock WHEN 'installed' THEN ' is installed according to the stock, and at no service point'
            ELSE ' is ' || d.stock || ' according to the stock, and installed at a service point' END
        FROM assets.device d LEFT JOIN assets.device_period p ON p.device_id = d.id AND p.valid_to IS NULL
        WHERE (d.stock = 'installed') <> (p.id IS NOT NULL)
        """,
    ),
    _Check(
        "connection_without_meter",
        "load its meter with a file of devices, or install one",
        f"""
        SELECT s.consumer_number, 'service point ' || s.consumer_number || ' has a consumer and no meter'
        FROM {_LIVING}
        WHERE NOT EXISTS (SELECT FROM assets.device_period m WHERE m.service_point_id = s.id AND m.role = 1
            AND m.valid_to IS NULL)
        """,
    ),
)

CHECK_NAMES: Final = tuple(check.name for check in _CHECKS)

_LOCATED: Final = """
    located AS (
        SELECT 'premise ' || coalesce(code, nullif(name, ''), id::text) AS name, latitude, longitude
        FROM network.premise WHERE latitude IS NOT NULL
        UNION ALL SELECT level || ' ' || code, latitude, longitude FROM network.node
        WHERE latitude IS NOT NULL AND longitude IS NOT NULL
    )
"""


def run_checks(at: datetime, *, bounds: Sequence[float] = (), limit: int = 20) -> list[CheckResult]:
    """Run every check in order and return its first findings.

    `bounds` are south, west, north and east of the utility's area in degrees; empty for no bounds.
    """
    types = {name: known.category for name, known in known_types().items()}
    parameters = {
        "at": at,
        "bounded": bool(bounds),
        "single": [name for name, category in types.items() if category == _SINGLE_PHASE],
        "known": list(types),
        "limit": limit,
        **dict(zip(("south", "west", "north", "east"), bounds or (0, 0, 0, 0), strict=True)),
    }
    return [_carry_out(one, parameters) for one in _CHECKS]


def _carry_out(one: _Check, parameters: JsonObject) -> CheckResult:
    query = one.query
    for first, second in (("latitude", "longitude"), ("longitude", "latitude")):
        query = query.replace(
            f"inside({first}, {second})",
            f"({first} BETWEEN %(south)s AND %(north)s AND {second} BETWEEN %(west)s AND %(east)s)",
        )
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_LOCATED}, found (subject, sentence) AS ({query}) "
            "SELECT count(*) OVER (), subject, sentence FROM found ORDER BY subject LIMIT %(limit)s",
            parameters,
        )
        rows = cursor.fetchall()
    return CheckResult(
        one.name,
        rows[0][0] if rows else 0,
        [Finding(subject, sentence, one.remedy) for _, subject, sentence in rows],
    )


def new_findings(look: Callable[[], list[CheckResult]]) -> Callable[[], list[CheckResult]]:
    """Return a function that runs the checks again and returns those with more findings than now, by the difference."""
    before = {result.check: result.count for result in look()}

    def later() -> list[CheckResult]:
        return [
            CheckResult(result.check, result.count - before[result.check], result.first)
            for result in look()
            if result.count > before[result.check]
        ]

    return later
