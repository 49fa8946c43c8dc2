"""Which supplies have power, by transformer: the rules of `urja.core.power` as one statement over all supplies.

`tests/apps/supply/test_power.py` compares the statement with the Python type, supply by supply.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.meter_types import queries as meter_types
from urja.apps.readings.queries.power import HEARD, HEARD_AT, LAST_GASP
from urja.core.power import (
    BLOCK_GRACE,
    LATE_AFTER_WAKE_UP,
    MIN_OUTAGE_REPORTS,
    MIN_WITHOUT_MESSAGE,
    MISSED_INTERVALS,
)

_STATES: Final = f"""
meter AS MATERIALIZED (
    SELECT m.service_point_id, m.role, d.interval_s, plan.asleep_s, f.transformer, f.feeder, {HEARD_AT} AS heard_at,
        {LAST_GASP} AS last_gasp
    FROM assets.device_period m
    JOIN assets.device d ON d.id = m.device_id
    LEFT JOIN unnest(%(sleeping)s::text[], %(asleep)s::int[]) AS plan (device_type, asleep_s) USING (device_type)
    LEFT JOIN network.fed_by f ON f.service_point_id = m.service_point_id
    {HEARD}
    WHERE m.valid_to IS NULL {{of_meters}}
), failed AS (
    -- Since when nothing behind a node has power: enough last gasps, and no other message from behind it since then.
    SELECT heard.feeder, heard.transformer, min(m.heard_at) AS since
    FROM (
        SELECT feeder, transformer, max(heard_at) FILTER (WHERE NOT last_gasp) AS last_at
        FROM meter WHERE feeder IS NOT NULL GROUP BY GROUPING SETS ((feeder, transformer), (feeder))
    ) heard
    JOIN meter m ON m.feeder = heard.feeder AND (heard.transformer IS NULL OR m.transformer = heard.transformer)
        AND m.last_gasp AND (heard.last_at IS NULL OR m.heard_at > heard.last_at)
    GROUP BY heard.feeder, heard.transformer HAVING count(*) >= {MIN_OUTAGE_REPORTS}
), supplied AS (
    SELECT g.service_point_id, m.transformer, m.feeder, m.heard_at, m.last_gasp, st.supply,
        %(now)s - m.heard_at > make_interval(secs => coalesce(m.asleep_s, m.interval_s) + {int(BLOCK_GRACE.total_seconds())}) AS overdue,
        coalesce(m.asleep_s + {int(LATE_AFTER_WAKE_UP.total_seconds())},
            greatest(m.interval_s * {MISSED_INTERVALS}, {int(MIN_WITHOUT_MESSAGE.total_seconds())})) AS not_heard_after_s,
        coalesce(
            (SELECT since FROM failed WHERE failed.feeder = m.feeder AND failed.transformer = m.transformer),
            (SELECT since FROM failed WHERE failed.feeder = m.feeder AND failed.transformer IS NULL)
        ) AS failed_at
    FROM contracts.agreement g
    LEFT JOIN meter m ON m.service_point_id = g.service_point_id AND m.role = {DeviceRole.BILLING.value}
    LEFT JOIN supply.state st ON st.account_id = g.account_id AND st.agreement_id = g.id
    WHERE g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s {{of_agreements}}
), state AS (
    SELECT service_point_id, transformer, feeder, CASE
        WHEN supply = 'off' THEN 'disconnected'
        WHEN last_gasp OR (overdue AND heard_at < failed_at) THEN 'no_power'
        WHEN heard_at IS NULL OR %(now)s - heard_at > make_interval(secs => not_heard_after_s) THEN 'not_heard_from'
        ELSE 'powered' END AS state,
        CASE WHEN supply IS DISTINCT FROM 'off' AND NOT last_gasp AND overdue AND heard_at < failed_at THEN failed_at
            ELSE heard_at END AS since
    FROM supplied
)
"""
STATES: Final = _STATES.format(of_meters="", of_agreements="")
"""CTEs of which `state` has each supply with an agreement: service point, node, `state`, and instant of the evidence.

`since` is that instant; for a disconnected supply it is its meter's newest message.
"""


STATES_OF_SERVICE_POINTS: Final = f"""
around AS MATERIALIZED (
    SELECT service_point_id FROM place
    UNION SELECT beside.service_point_id FROM network.fed_by beside WHERE beside.feeder IN (
        SELECT own.feeder FROM network.fed_by own JOIN place USING (service_point_id))
), {
    _STATES.format(
        of_meters="AND m.service_point_id IN (SELECT service_point_id FROM around)",
        of_agreements="AND g.service_point_id IN (SELECT service_point_id FROM place)",
    )
}"""
"""The same for the service points in the CTE `place` alone; meters on the same feeder are read as evidence."""


def sleeping_parameters(now: datetime) -> dict[str, list[str] | list[int]]:
    """Return the parameters `sleeping` and `asleep` of `STATES`: types that sleep by a plan, and for how long at most."""
    sleeping = meter_types.sleeping_types(now)
    return {"sleeping": list(sleeping.names), "asleep": list(sleeping.longest_asleep_s)}


@dataclass(frozen=True, slots=True)
class PowerCounts:
    """Number of supplies with an agreement by the state of their power; each counts once."""

    powered: int = 0
    no_power: int = 0
    disconnected: int = 0
    not_heard_from: int = 0

    @property
    def total(self) -> int:
        """Number of all supplies."""
        return self.powered + self.no_power + self.disconnected + self.not_heard_from

    def __add__(self, other: "PowerCounts") -> "PowerCounts":
        return PowerCounts(
            self.powered + other.powered,
            self.no_power + other.no_power,
            self.disconnected + other.disconnected,
            self.not_heard_from + other.not_heard_from,
        )


@dataclass(frozen=True, slots=True)
class TransformerPower:
    """The supplies behind a transformer; without a known transformer its code is empty."""

    feeder: str
    transformer: str
    counts: PowerCounts
    since: datetime | None
    """When the first of those without power lost it."""


_BY_TRANSFORMER: Final = f"""WITH {STATES}
SELECT coalesce(feeder, ''), coalesce(transformer, ''),
    count(*) FILTER (WHERE state = 'powered'), count(*) FILTER (WHERE state = 'no_power'),
    count(*) FILTER (WHERE state = 'disconnected'), count(*) FILTER (WHERE state = 'not_heard_from'),
    min(since) FILTER (WHERE state = 'no_power')
FROM state GROUP BY 1, 2 ORDER BY 1, 2
"""


def power_by_transformer(now: datetime) -> list[TransformerPower]:
    """Return all supplies with an agreement at an instant (UTC), counted by feeder and transformer."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_TRANSFORMER, {"now": now, **sleeping_parameters(now)})
        return [
            TransformerPower(feeder, transformer, PowerCounts(*counts), since)
            for feeder, transformer, *counts, since in cursor.fetchall()
        ]
