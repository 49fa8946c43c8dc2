"""The readings of many meters at once: what a transformer has given and its houses have taken, and who is silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.readings.kinds import BLOCK_LOAD_D1
from urja.apps.registry.models import DeviceRole

LOSS_LIMIT_PERCENT: Final = 20
"""Lines and transformer of a small street lose up to so much at night; beyond it somebody should look."""


@dataclass(frozen=True, slots=True)
class TransformerBalance:
    """What a transformer's meter measured and what its consumers' meters measured, over the same intervals.

    An interval counts once the transformer and every consumer on it have reported it: a missing house would look
    like a loss.
    """

    transformer: str
    feeder: str
    metered: bool
    """Whether the transformer has a meter of its own."""
    consumers: int
    intervals: int
    """Complete intervals that the energies are over."""
    known_to_at: datetime | None
    """End of the last of them."""
    supplied_wh: int
    """Fed into its lines: from above, and by consumers who export."""
    consumed_wh: int
    """Taken out of them: by consumers, and back to above."""

    @property
    def lost_wh(self) -> int:
        return self.supplied_wh - self.consumed_wh

    @property
    def loss_percent(self) -> float | None:
        """Of what was supplied; None where nothing was."""
        return 100 * self.lost_wh / self.supplied_wh if self.supplied_wh > 0 else None


_BALANCE = """
WITH mounted AS (
    SELECT f.transformer_id, m.service_point_id, m.device_id, m.valid_from, m.valid_to, m.role, EXISTS (
        SELECT FROM registry_agreement g WHERE g.service_point_id = m.service_point_id
            AND g.valid_from < %(ends)s AND coalesce(g.valid_to, 'infinity') > %(begins)s
    ) AS consumer
    FROM registry_device_period m
    JOIN registry_fed_by f ON f.service_point_id = m.service_point_id
    WHERE m.valid_from < %(ends)s AND coalesce(m.valid_to, 'infinity') > %(begins)s
), chosen AS (
    -- A consumer's billing meter; at a place without consumer any meter: it is the transformer's own.
    SELECT * FROM mounted WHERE NOT consumer OR role = %(billing)s
), measured AS (
    SELECT DISTINCT ON (i.service_point_id, i.device_id, i.start_at)
        c.transformer_id, c.consumer, i.start_at, i.length_s, i.import_wh, coalesce(i.export_wh, 0) AS export_wh
    FROM chosen c JOIN readings_interval i
        ON i.service_point_id = c.service_point_id AND i.device_id = c.device_id AND i.channel_set = %(channels)s
    WHERE i.start_at >= %(begins)s AND i.start_at < %(ends)s
        AND i.start_at >= c.valid_from AND i.start_at < coalesce(c.valid_to, 'infinity')
    ORDER BY i.service_point_id, i.device_id, i.start_at, i.version DESC
), interval AS (
    SELECT transformer_id, start_at, length_s,
        sum(CASE WHEN consumer THEN export_wh ELSE import_wh END) AS supplied_wh,
        sum(CASE WHEN consumer THEN import_wh ELSE export_wh END) AS consumed_wh,
        count(*) FILTER (WHERE consumer) AS reported, bool_or(NOT consumer) AS metered
    FROM measured GROUP BY transformer_id, start_at, length_s
), place AS (
    SELECT transformer_id, bool_or(NOT consumer) AS metered, count(*) FILTER (WHERE consumer) AS consumers
    FROM chosen GROUP BY transformer_id
)
SELECT t.code, t.feeder, coalesce(p.metered, false), coalesce(p.consumers, 0), count(i.start_at),
    max(i.start_at + i.length_s * interval '1 second'),
    coalesce(sum(i.supplied_wh), 0)::bigint, coalesce(sum(i.consumed_wh), 0)::bigint
FROM registry_transformer t
LEFT JOIN place p ON p.transformer_id = t.id
LEFT JOIN interval i ON i.transformer_id = t.id AND i.metered AND i.reported = p.consumers
GROUP BY t.code, t.feeder, p.metered, p.consumers
ORDER BY t.feeder, t.code
"""


def transformer_balance(from_at: datetime, to_at: datetime) -> list[TransformerBalance]:
    """Every transformer, over the complete intervals that begin in [from_at, to_at), by feeder and code."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BALANCE,
            {
                "begins": from_at,
                "ends": to_at,
                "billing": DeviceRole.BILLING,
                "channels": BLOCK_LOAD_D1,
            },
        )
        return [TransformerBalance(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class FleetAge:
    """Supplies with an agreement, by how long ago the last interval that came in from them ended."""

    hour: int
    """Within an hour."""
    three_hours: int
    day: int
    older: int
    silent: int
    """Nothing has come in since the agreement began."""

    @property
    def total(self) -> int:
        return self.hour + self.three_hours + self.day + self.older + self.silent


_AGES = """
SELECT count(*) FILTER (WHERE heard AND ended > %(hour)s),
    count(*) FILTER (WHERE heard AND ended <= %(hour)s AND ended > %(three)s),
    count(*) FILTER (WHERE heard AND ended <= %(three)s AND ended > %(day)s),
    count(*) FILTER (WHERE heard AND ended <= %(day)s),
    count(*) FILTER (WHERE heard IS NOT TRUE)
FROM (
    SELECT a.latest_end_at AS ended, a.latest_end_at > g.valid_from AS heard
    FROM registry_agreement g LEFT JOIN readings_accrual a ON a.agreement_id = g.id AND a.latest
    WHERE g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
) supply
"""


def fleet_by_age(now: datetime) -> FleetAge:
    """How fresh the readings of all supplies are; an interval that is still running is nobody's lateness."""
    running = timedelta(minutes=30)
    with connection.cursor() as cursor:
        cursor.execute(
            _AGES,
            {
                "now": now,
                "hour": now - timedelta(hours=1) - running,
                "three": now - timedelta(hours=3),
                "day": now - timedelta(days=1),
            },
        )
        return FleetAge(*cursor.fetchone())
