"""Readings of many meters: energy balance of transformers, meters that do not communicate, and age of the data."""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.network.kinds import Purpose
from urja.apps.readings.kinds import BLOCK_LOAD_D1

LOSS_LIMIT_PERCENT: Final = 20
"""Lines and a distribution transformer lose up to this share of what they carry; more needs an inspection."""

LOSS_LIMIT_W: Final = 300
"""And up to this power whatever they carry: with little load, the transformer's iron loss is most of it."""

LOSS_WINDOW: Final = timedelta(days=1)
"""A bypass may draw at night only, so a whole day is examined."""

CONSECUTIVE_INTERVALS: Final = 2
"""Complete consecutive intervals beyond the limits before a transformer is listed."""

NOT_COMMUNICATING_AFTER: Final = timedelta(days=1)
"""A meter without new data for this long is listed as not communicating."""


@dataclass(frozen=True, slots=True)
class TransformerBalance:
    """Energy measured by a transformer's meter and by its consumers' meters, over the same intervals.

    An interval counts once the transformer and every consumer on it have reported it: a missing meter would look like a
    loss.
    """

    transformer: str
    feeder: str
    metered: bool
    """Whether the transformer has a meter of its own."""
    consumers: int
    intervals: int
    """Number of complete intervals that the energies are over."""
    known_to_at: datetime | None
    """End of the last of them."""
    supplied_wh: int
    """Energy fed into its lines: from above, and by consumers who export."""
    consumed_wh: int
    """Energy taken out of them: by consumers, and back to above."""
    seconds: int
    """Total length of the complete intervals."""

    @property
    def lost_wh(self) -> int:
        """Energy that no consumer's meter has counted, in Wh."""
        return self.supplied_wh - self.consumed_wh

    @property
    def loss_percent(self) -> float | None:
        """Share of the supplied energy that was lost; None where nothing was supplied."""
        return 100 * self.lost_wh / self.supplied_wh if self.supplied_wh > 0 else None

    @property
    def beyond_limits(self) -> bool:
        """Whether more was lost than lines and transformer can lose."""
        return self._much and 3600 * self.lost_wh > LOSS_LIMIT_W * self.seconds

    @property
    def too_little(self) -> bool:
        """Whether the share is large only because little flows: the iron loss does not depend on load."""
        return self._much and not self.beyond_limits

    @property
    def _much(self) -> bool:
        return 100 * self.lost_wh > LOSS_LIMIT_PERCENT * self.supplied_wh


_INTERVALS = """
WITH RECURSIVE fed AS (
    -- The transformer of each service point and when, by the grid as it was then.
    SELECT p.service_point_id, t.id AS transformer_id, t.code AS transformer, tstzrange(
            greatest(p.valid_from, up.valid_from),
            least(coalesce(p.valid_to, 'infinity'), coalesce(up.valid_to, 'infinity'))) AS during
    FROM network.placement p
    JOIN network.node n ON n.id = p.node_id
    LEFT JOIN network.node_period up ON n.level = 'pole' AND up.node_id = n.id
        AND up.valid_from < coalesce(p.valid_to, 'infinity') AND coalesce(up.valid_to, 'infinity') > p.valid_from
    JOIN network.node t ON t.id = CASE n.level WHEN 'pole' THEN up.parent_id ELSE n.id END AND t.level = 'transformer'
    WHERE p.tree = 'grid' AND p.valid_from < %(ends)s AND coalesce(p.valid_to, 'infinity') > %(begins)s
        AND (%(only)s::text IS NULL OR t.code = %(only)s::text)
), chosen AS (
    -- The transformer's own meter, and the billing meter of every other service point, vacant ones included. A check
    -- meter beside it measures the same energy.
    SELECT f.transformer_id, m.service_point_id, m.device_id, s.premise_id, s.purpose,
        m.ratio_primary, m.ratio_secondary, s.purpose <> %(transformer)s AS consumer,
        f.during * tstzrange(m.valid_from, coalesce(m.valid_to, 'infinity')) AS during
    FROM assets.device_period m
    JOIN fed f ON f.service_point_id = m.service_point_id
    JOIN network.service_point s ON s.id = m.service_point_id
    WHERE f.during && tstzrange(m.valid_from, coalesce(m.valid_to, 'infinity'))
        AND f.during * tstzrange(m.valid_from, coalesce(m.valid_to, 'infinity')) && tstzrange(%(begins)s, %(ends)s)
        AND (m.role = CASE WHEN s.purpose = %(transformer)s THEN %(source)s ELSE %(billing)s END
            -- A bulk supply without a billing meter counts by the one that measures what goes in.
            OR (s.purpose = %(bulk)s AND m.role = %(source)s AND NOT EXISTS (
                SELECT FROM assets.device_period b WHERE b.service_point_id = m.service_point_id
                    AND b.role = %(billing)s AND b.valid_from < coalesce(m.valid_to, 'infinity')
                    AND coalesce(b.valid_to, 'infinity') > m.valid_from)))
), inside (bulk_id, premise_id) AS (
    SELECT service_point_id, premise_id FROM chosen WHERE purpose = %(bulk)s
    UNION SELECT i.bulk_id, p.id FROM inside i JOIN network.premise p ON p.parent_id = i.premise_id
), hidden AS (
    -- A bulk supply's meter has already counted what its flats take: while it is installed they are left out.
    SELECT c.transformer_id, c.service_point_id, range_agg(b.during) AS during
    FROM chosen c
    JOIN inside i ON i.premise_id = c.premise_id AND i.bulk_id <> c.service_point_id
    JOIN chosen b ON b.service_point_id = i.bulk_id AND b.transformer_id = c.transformer_id
    WHERE c.consumer GROUP BY 1, 2
), counted AS (
    SELECT c.transformer_id, c.service_point_id, c.device_id, c.ratio_primary, c.ratio_secondary, c.consumer,
        lower(piece) AS valid_from, upper(piece) AS valid_to
    FROM chosen c
    LEFT JOIN hidden h ON h.transformer_id = c.transformer_id AND h.service_point_id = c.service_point_id
    CROSS JOIN LATERAL unnest(tstzmultirange(c.during) - coalesce(h.during, '{}'::tstzmultirange)) AS piece
), measured AS (
    SELECT DISTINCT ON (i.service_point_id, i.device_id, i.start_at)
        c.transformer_id, c.consumer, i.start_at, i.length_s,
        i.import_wh * c.ratio_primary / c.ratio_secondary AS import_wh,
        coalesce(i.export_wh, 0) * c.ratio_primary / c.ratio_secondary AS export_wh
    FROM counted c JOIN readings_interval i
        ON i.service_point_id = c.service_point_id AND i.device_id = c.device_id AND i.channel_set = %(channels)s
    WHERE i.start_at >= %(begins)s AND i.start_at < %(ends)s
        AND i.start_at >= c.valid_from AND i.start_at + make_interval(secs => i.length_s) <= c.valid_to
    ORDER BY i.service_point_id, i.device_id, i.start_at, i.version DESC
), interval AS (
    SELECT transformer_id, start_at, length_s,
        sum(CASE WHEN consumer THEN export_wh ELSE import_wh END) AS supplied_wh,
        sum(CASE WHEN consumer THEN import_wh ELSE export_wh END) AS consumed_wh,
        count(*) FILTER (WHERE consumer) AS reported, bool_or(NOT consumer) AS metered
    FROM measured GROUP BY transformer_id, start_at, length_s
), place AS (
    SELECT transformer_id, bool_or(NOT consumer) AS metered,
        count(DISTINCT service_point_id) FILTER (WHERE consumer) AS consumers
    FROM counted WHERE valid_from < %(ends)s AND valid_to > %(begins)s GROUP BY transformer_id
), complete AS (
    -- An interval in which a meter was installed or exchanged, or a service point moved, is reported whole by none:
    -- it is not complete and does not count.
    SELECT i.* FROM interval i LEFT JOIN counted c ON c.transformer_id = i.transformer_id AND c.consumer
        AND c.valid_from < i.start_at + make_interval(secs => i.length_s) AND c.valid_to > i.start_at
    WHERE i.metered
    GROUP BY i.transformer_id, i.start_at, i.length_s, i.supplied_wh, i.consumed_wh, i.reported, i.metered
    HAVING count(c.device_id) = i.reported
)
"""

_BALANCE = f"""{_INTERVALS}
SELECT t.code, t.feeder, coalesce(p.metered, false), coalesce(p.consumers, 0), count(i.start_at),
    max(i.start_at + i.length_s * interval '1 second'),
    coalesce(sum(i.supplied_wh), 0)::bigint, coalesce(sum(i.consumed_wh), 0)::bigint,
    coalesce(sum(i.length_s), 0)::bigint
FROM network.transformer t
LEFT JOIN place p ON p.transformer_id = t.id
LEFT JOIN complete i ON i.transformer_id = t.id
WHERE %(only)s::text IS NULL OR t.code = %(only)s::text
GROUP BY t.code, t.feeder, p.metered, p.consumers
ORDER BY t.feeder, t.code
"""


def transformer_balance(
    from_at: datetime, to_at: datetime, code: str | None = None
) -> list[TransformerBalance]:
    """Return the balance in Wh of every transformer, or of one, over [from_at, to_at), by feeder and code.

    Over the complete intervals that begin in that time.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, _window(from_at, to_at) | {"only": code})
        return [TransformerBalance(*row) for row in cursor.fetchall()]


def _window(from_at: datetime, to_at: datetime) -> dict[str, Any]:
    return {
        "begins": from_at,
        "ends": to_at,
        "billing": DeviceRole.BILLING,
        "source": DeviceRole.SOURCE,
        "transformer": Purpose.TRANSFORMER,
        "bulk": Purpose.BULK,
        "channels": BLOCK_LOAD_D1,
        "only": None,
    }


@dataclass(frozen=True, slots=True)
class LosingTransformer:
    """A transformer that supplied more than is metered behind it and than it can lose."""

    transformer: str
    feeder: str
    since_at: datetime
    """Start of the first consecutive intervals beyond the limits, within the last day."""
    supplied_wh: int
    lost_wh: int
    """Energy in Wh over all complete intervals beyond the limits since then."""


_LOSING = f"""{_INTERVALS}
SELECT t.code, t.feeder, i.start_at, i.length_s, i.supplied_wh::bigint, (i.supplied_wh - i.consumed_wh)::bigint
FROM complete i JOIN network.transformer t ON t.id = i.transformer_id
WHERE 100 * (i.supplied_wh - i.consumed_wh) > %(percent)s * i.supplied_wh
    AND 3600 * (i.supplied_wh - i.consumed_wh) > %(watts)s * i.length_s
ORDER BY t.code, i.start_at
"""


def losses(now: datetime) -> list[LosingTransformer]:
    """Return the transformers with consecutive intervals beyond the limits in the day up to `now`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _LOSING,
            {**_window(now - LOSS_WINDOW, now), "percent": LOSS_LIMIT_PERCENT, "watts": LOSS_LIMIT_W},
        )
        rows = cursor.fetchall()
    by_transformer = groupby(rows, key=lambda row: (row[0], row[1]))
    named = [_losing(code, feeder, [row[2:] for row in of_one]) for (code, feeder), of_one in by_transformer]
    return [losing for losing in named if losing is not None]


def _losing(
    code: str, feeder: str, intervals: list[tuple[datetime, int, int, int]]
) -> LosingTransformer | None:
    """Return the loss of a transformer; None where no interval beyond the limits follows another.

    One interval alone may be a clock that was set.
    """
    in_a_row = 1
    for number, (before, after) in enumerate(pairwise(intervals), 2 - CONSECUTIVE_INTERVALS):
        in_a_row = in_a_row + 1 if before[0] + timedelta(seconds=before[1]) == after[0] else 1
        if in_a_row == CONSECUTIVE_INTERVALS:
            since = intervals[number:]
            return LosingTransformer(
                code, feeder, since[0][0], sum(row[2] for row in since), sum(row[3] for row in since)
            )
    return None


@dataclass(frozen=True, slots=True)
class NotCommunicating:
    """An installed meter whose data do not come in."""

    serial: str
    premise: str
    since_at: datetime
    """End of its last interval; where none came in, the instant of its installation."""


_NOT_COMMUNICATING = """
SELECT d.serial, p.name, since.at
FROM assets.device_period m
JOIN assets.device d ON d.id = m.device_id
JOIN network.service_point s ON s.id = m.service_point_id
JOIN network.premise p ON p.id = s.premise_id
LEFT JOIN contracts.agreement g ON g.service_point_id = s.id AND m.role = %(billing)s
    AND g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
LEFT JOIN readings_accrual a ON a.agreement_id = g.id AND a.latest
-- For a meter with an agreement its accrual has the newest end, one row. For others the newest interval is looked up.
LEFT JOIN LATERAL (
    SELECT i.start_at + make_interval(secs => i.length_s) AS ended FROM readings_interval i
    WHERE g.id IS NULL AND i.service_point_id = m.service_point_id AND i.device_id = m.device_id
        AND i.channel_set = %(channels)s AND i.start_at < %(now)s
    ORDER BY i.start_at DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (SELECT greatest(a.latest_end_at, last.ended, m.valid_from) AS at) since
WHERE m.valid_from <= %(now)s AND coalesce(m.valid_to, 'infinity') > %(now)s AND since.at <= %(since)s
ORDER BY since.at, d.serial
"""


def not_communicating(now: datetime) -> list[NotCommunicating]:
    """Return the installed meters without data for a day, longest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NOT_COMMUNICATING,
            {
                "now": now,
                "since": now - NOT_COMMUNICATING_AFTER,
                "billing": DeviceRole.BILLING,
                "channels": BLOCK_LOAD_D1,
            },
        )
        return [NotCommunicating(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class FleetAge:
    """Number of supplies with an agreement, by the age of the last interval that came in."""

    hour: int
    """At most one hour old."""
    three_hours: int
    day: int
    older: int
    without_data: int
    """Without any data since the agreement began."""

    @property
    def total(self) -> int:
        """Number of all supplies."""
        return self.hour + self.three_hours + self.day + self.older + self.without_data


_AGES = """
SELECT count(*) FILTER (WHERE heard AND ended > %(hour)s),
    count(*) FILTER (WHERE heard AND ended <= %(hour)s AND ended > %(three)s),
    count(*) FILTER (WHERE heard AND ended <= %(three)s AND ended > %(day)s),
    count(*) FILTER (WHERE heard AND ended <= %(day)s),
    count(*) FILTER (WHERE heard IS NOT TRUE)
FROM (
    SELECT a.latest_end_at AS ended, a.latest_end_at > g.valid_from AS heard
    FROM contracts.agreement g LEFT JOIN readings_accrual a ON a.agreement_id = g.id AND a.latest
    WHERE g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
) supply
"""


def fleet_by_age(now: datetime) -> FleetAge:
    """Return how old the newest data of all supplies are."""
    # Half an hour is the usual capture period: the interval that is still running cannot have come in.
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
