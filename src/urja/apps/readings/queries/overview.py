"""Readings of many meters: energy balance of transformers, meters that do not communicate, and age of the data."""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.meter_types import queries as meter_types
from urja.apps.network.kinds import Level
from urja.apps.readings.kinds import Series
from urja.base.untyped_values import JsonObject
from urja.quantities.catalogue import BY_NAME

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


EXCEPTIONS_READ: Final = 1_000
"""The newest exceptions are grouped by meter and reason; older ones are only counted."""


@dataclass(frozen=True, slots=True)
class MeterExceptions:
    """Readings of a meter that were refused or contradicted for one reason, among the newest exceptions."""

    serial: str
    """Empty for a device that is not known."""
    consumer_number: str
    """Of the service point where it is installed, or was last; empty without one."""
    premise: str
    reason: str
    """A value of `readings.kinds.Reason`."""
    count: int
    last_at: datetime
    """When the last one was recorded."""


def newest_exceptions(limit: int) -> list[MeterExceptions]:
    """Return the newest exceptions by meter and reason, the last one first, at most `limit` groups."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_EXCEPTIONS, {"read": EXCEPTIONS_READ, "limit": limit})
        return [MeterExceptions(*row) for row in cursor.fetchall()]


_NEWEST_EXCEPTIONS: Final = """
    SELECT coalesce(d.serial, ''), coalesce(s.consumer_number, ''), coalesce(h.name, ''), x.reason, x.count, x.last_at
    FROM (
        SELECT device_id, reason, count(*) AS count, max(recorded_at) AS last_at, max(id) AS newest
        FROM (SELECT id, device_id, reason, recorded_at FROM readings_exception ORDER BY id DESC LIMIT %(read)s) e
        GROUP BY device_id, reason ORDER BY newest DESC LIMIT %(limit)s
    ) x
    LEFT JOIN assets.device d ON d.id = x.device_id
    LEFT JOIN LATERAL (
        SELECT p.service_point_id FROM assets.device_period p
        WHERE p.device_id = x.device_id ORDER BY p.valid_from DESC LIMIT 1
    ) p ON true
    LEFT JOIN network.service_point s ON s.id = p.service_point_id
    LEFT JOIN network.premise h ON h.id = s.premise_id
    ORDER BY x.newest DESC
"""


@dataclass(frozen=True, slots=True)
class NodeBalance:
    """Energy measured by the meter of a transformer or feeder and by the meters behind it, over the same intervals.

    An interval is as long as the longest among those meters. It counts once the node and every meter behind it have
    reported all of it: a missing meter would look like a loss.
    """

    code: str
    feeder: str
    """Of a transformer."""
    metered: bool
    """Whether the node has a meter of its own."""
    consumers: int
    """Service points whose meters are counted behind it; of a feeder also its metered transformers."""
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
WITH RECURSIVE below AS (
    -- Every node of one level with the nodes under it, and when they were there: the grid as it was then.
    SELECT n.id AS top_id, n.id AS node_id, CASE n.level WHEN 'transformer' THEN n.id END AS transformer_id,
        tstzrange(%(begins)s, %(ends)s) AS during
    FROM network.node n
    WHERE n.tree = 'grid' AND n.level = %(level)s AND (%(only)s::text IS NULL OR n.code = %(only)s::text)
    UNION ALL
    SELECT b.top_id, n.id, coalesce(b.transformer_id, CASE n.level WHEN 'transformer' THEN n.id END),
        b.during * tstzrange(p.valid_from, p.valid_to)
    FROM below b
    JOIN network.node_period p ON p.parent_id = b.node_id AND b.during && tstzrange(p.valid_from, p.valid_to)
    JOIN network.node n ON n.id = p.node_id
), chosen AS (
    -- The node's own meter, the meters of the transformers under it, and the billing meter of every other service point,
    -- vacant ones included. A check meter beside it measures the same energy.
    SELECT b.top_id, b.transformer_id, m.service_point_id, m.device_id, s.premise_id, s.purpose,
        m.ratio_primary, m.ratio_secondary, s.purpose <> %(level)s AS consumer,
        b.during * tstzrange(p.valid_from, p.valid_to) * tstzrange(m.valid_from, m.valid_to) AS during
    FROM below b
    JOIN network.placement p ON p.node_id = b.node_id AND p.tree = 'grid' AND b.during && tstzrange(p.valid_from, p.valid_to)
    JOIN assets.device_period m ON m.service_point_id = p.service_point_id
        AND b.during * tstzrange(p.valid_from, p.valid_to) && tstzrange(m.valid_from, m.valid_to)
    JOIN network.service_point s ON s.id = p.service_point_id AND s.commodity = 'electricity'
    WHERE m.role = CASE WHEN s.purpose IN ('transformer', 'feeder') THEN %(source)s ELSE %(billing)s END
        -- A bulk supply without a billing meter counts by the one that measures what goes in.
        OR (s.purpose = 'bulk' AND m.role = %(source)s AND NOT EXISTS (
            SELECT FROM assets.device_period b WHERE b.service_point_id = m.service_point_id
                AND b.role = %(billing)s AND b.valid_from < coalesce(m.valid_to, 'infinity')
                AND coalesce(b.valid_to, 'infinity') > m.valid_from))
), inside (bulk_id, premise_id) AS (
    SELECT service_point_id, premise_id FROM chosen WHERE purpose = 'bulk'
    UNION SELECT i.bulk_id, p.id FROM inside i JOIN network.premise p ON p.parent_id = i.premise_id
), hidden AS (
    -- A bulk supply's meter has already counted what its flats take, and under a feeder a transformer's meter what it
    -- gives: while it is installed those behind it are left out.
    SELECT top_id, service_point_id, range_agg(during) AS during
    FROM (
        SELECT c.top_id, c.service_point_id, b.during
        FROM chosen c
        JOIN inside i ON i.premise_id = c.premise_id AND i.bulk_id <> c.service_point_id
        JOIN chosen b ON b.service_point_id = i.bulk_id AND b.top_id = c.top_id
        WHERE c.consumer
        UNION ALL
        SELECT c.top_id, c.service_point_id, t.during
        FROM chosen c
        JOIN chosen t ON t.top_id = c.top_id AND t.transformer_id = c.transformer_id AND t.purpose = 'transformer'
        WHERE %(level)s <> 'transformer' AND c.purpose <> 'transformer'
    ) metered_before GROUP BY top_id, service_point_id
), counted AS (
    SELECT c.top_id, c.service_point_id, c.device_id, c.ratio_primary, c.ratio_secondary, c.consumer,
        lower(piece) AS valid_from, upper(piece) AS valid_to
    FROM chosen c
    LEFT JOIN hidden h ON h.top_id = c.top_id AND h.service_point_id = c.service_point_id
    CROSS JOIN LATERAL unnest(tstzmultirange(c.during) - coalesce(h.during, '{}'::tstzmultirange)) AS piece
), measured AS (
    SELECT DISTINCT ON (i.service_point_id, i.device_id, i.start_at)
        c.top_id, c.consumer, i.start_at, i.length_s,
        i.values[1]::bigint * c.ratio_primary / c.ratio_secondary AS import_wh,
        coalesce(i.values[array_position(t.quantities, %(export)s)], 0)::bigint * c.ratio_primary / c.ratio_secondary AS export_wh
    FROM counted c JOIN readings_interval i
        ON i.service_point_id = c.service_point_id AND i.device_id = c.device_id AND i.series = %(series)s
    JOIN readings_channel_set t ON t.id = i.channel_set
    WHERE i.start_at >= %(begins)s AND i.start_at < %(ends)s
        AND i.start_at >= c.valid_from AND i.start_at + make_interval(secs => i.length_s) <= c.valid_to
    ORDER BY i.service_point_id, i.device_id, i.start_at, i.version DESC
), grid AS (
    -- Meters of 15, 30 and 60 minutes are compared over the longest interval among them, which begins where the meter
    -- with that length begins one.
    SELECT DISTINCT ON (top_id) top_id, start_at AS origin_at, length_s FROM measured ORDER BY top_id, length_s DESC, start_at
), interval AS (
    SELECT m.top_id, date_bin(make_interval(secs => g.length_s), m.start_at, g.origin_at) AS start_at, g.length_s,
        sum(CASE WHEN m.consumer THEN m.export_wh ELSE m.import_wh END) AS supplied_wh,
        sum(CASE WHEN m.consumer THEN m.import_wh ELSE m.export_wh END) AS consumed_wh,
        sum(m.length_s) FILTER (WHERE m.consumer) AS consumers_s, sum(m.length_s) FILTER (WHERE NOT m.consumer) AS own_s
    FROM measured m JOIN grid g ON g.top_id = m.top_id
    GROUP BY m.top_id, 2, g.length_s
), place AS (
    SELECT top_id, bool_or(NOT consumer) AS metered,
        count(DISTINCT service_point_id) FILTER (WHERE consumer) AS consumers
    FROM counted GROUP BY top_id
), complete AS (
    -- Each meter has reported all of its time in it. An interval in whose course a meter was installed or exchanged, or a
    -- service point moved, is reported whole by none: it is not complete and does not count.
    SELECT i.* FROM interval i JOIN counted c ON c.top_id = i.top_id
        AND c.valid_from < i.start_at + make_interval(secs => i.length_s) AND c.valid_to > i.start_at
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM least(c.valid_to, i.start_at + make_interval(secs => i.length_s))
            - greatest(c.valid_from, i.start_at)) AS seconds
    ) here
    GROUP BY i.top_id, i.start_at, i.length_s, i.supplied_wh, i.consumed_wh, i.consumers_s, i.own_s
    HAVING coalesce(sum(here.seconds) FILTER (WHERE c.consumer), 0) = coalesce(i.consumers_s, 0)
        AND sum(here.seconds) FILTER (WHERE NOT c.consumer) = i.own_s AND i.own_s >= i.length_s
)
"""

_BALANCE = f"""{_INTERVALS}
SELECT n.code, coalesce(t.feeder, ''), coalesce(p.metered, false), coalesce(p.consumers, 0), count(i.start_at),
    max(i.start_at + i.length_s * interval '1 second'),
    coalesce(sum(i.supplied_wh), 0)::bigint, coalesce(sum(i.consumed_wh), 0)::bigint,
    coalesce(sum(i.length_s), 0)::bigint
FROM network.node n
LEFT JOIN network.transformer t ON t.id = n.id
LEFT JOIN place p ON p.top_id = n.id
LEFT JOIN complete i ON i.top_id = n.id
WHERE n.tree = 'grid' AND n.level = %(level)s AND (%(only)s::text IS NULL OR n.code = %(only)s::text)
GROUP BY n.code, t.feeder, p.metered, p.consumers
ORDER BY t.feeder, n.code
"""


def transformer_balance(from_at: datetime, to_at: datetime, code: str | None = None) -> list[NodeBalance]:
    """Return the balance in Wh of every transformer, or of one, over [from_at, to_at), by feeder and code.

    Over the complete intervals within that time.
    """
    return _balances(Level.TRANSFORMER, from_at, to_at, code)


def feeder_balance(from_at: datetime, to_at: datetime, code: str | None = None) -> list[NodeBalance]:
    """Return the balance in Wh of every feeder, or of one, over [from_at, to_at), by code.

    It consumes what its transformers' meters measure. Where a transformer has no meter, its consumers' meters stand for
    it; so does the meter of a consumer who is supplied by the feeder itself.
    """
    return _balances(Level.FEEDER, from_at, to_at, code)


def _balances(level: Level, from_at: datetime, to_at: datetime, code: str | None) -> list[NodeBalance]:
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, _window(from_at, to_at) | {"level": level, "only": code})
        return [NodeBalance(*row) for row in cursor.fetchall()]


def _window(from_at: datetime, to_at: datetime) -> JsonObject:
    return {
        "begins": from_at,
        "ends": to_at,
        "billing": DeviceRole.BILLING,
        "source": DeviceRole.SOURCE,
        "level": Level.TRANSFORMER,
        "series": Series.COUNTED,
        "export": BY_NAME["interval_export_wh"].id,
        "only": None,
    }


@dataclass(frozen=True, slots=True)
class LosingNode:
    """A transformer or feeder that supplied more than is metered behind it and than it can lose."""

    code: str
    feeder: str
    """Of a transformer."""
    since_at: datetime
    """Start of the first consecutive intervals beyond the limits, within the last day."""
    supplied_wh: int
    lost_wh: int
    """Energy in Wh over all complete intervals beyond the limits since then."""


_LOSING = f"""{_INTERVALS}
SELECT n.code, coalesce(t.feeder, ''), i.start_at, i.length_s, i.supplied_wh::bigint,
    (i.supplied_wh - i.consumed_wh)::bigint
FROM complete i JOIN network.node n ON n.id = i.top_id LEFT JOIN network.transformer t ON t.id = n.id
WHERE 100 * (i.supplied_wh - i.consumed_wh) > %(percent)s * i.supplied_wh
    AND 3600 * (i.supplied_wh - i.consumed_wh) > %(watts)s * i.length_s
ORDER BY n.code, i.start_at
"""


def losses(now: datetime, level: Level) -> list[LosingNode]:
    """Return the transformers, or feeders, with consecutive intervals beyond the limits in the day up to `now`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _LOSING,
            {
                **_window(now - LOSS_WINDOW, now),
                "level": level,
                "percent": LOSS_LIMIT_PERCENT,
                "watts": LOSS_LIMIT_W,
            },
        )
        rows = cursor.fetchall()
    by_node = groupby(rows, key=lambda row: (row[0], row[1]))
    named = [_losing(code, feeder, [row[2:] for row in of_one]) for (code, feeder), of_one in by_node]
    return [losing for losing in named if losing is not None]


def _losing(code: str, feeder: str, intervals: list[tuple[datetime, int, int, int]]) -> LosingNode | None:
    """Return the loss of a node; None where no interval beyond the limits follows another.

    One interval alone may be a clock that was set.
    """
    in_a_row = 1
    for number, (before, after) in enumerate(pairwise(intervals), 2 - CONSECUTIVE_INTERVALS):
        in_a_row = in_a_row + 1 if before[0] + timedelta(seconds=before[1]) == after[0] else 1
        if in_a_row == CONSECUTIVE_INTERVALS:
            since = intervals[number:]
            return LosingNode(
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
        AND i.series = %(series)s AND i.start_at < %(now)s
    ORDER BY i.start_at DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (SELECT greatest(a.latest_end_at, last.ended, m.valid_from, m.in_service_at) AS at) since
-- A meter that sleeps has sent its data at its last wake-up at the earliest, so that it is judged after the next one.
LEFT JOIN unnest(%(sleeping)s::text[], %(asleep)s::int[]) AS plan (device_type, asleep_s) ON plan.device_type = d.device_type
-- A consumer's meter that is not in service yet owes no data.
WHERE m.valid_from <= %(now)s AND (m.role <> %(billing)s OR m.in_service_at <= %(now)s) AND coalesce(m.valid_to, 'infinity') > %(now)s AND since.at <= %(since)s - make_interval(secs => coalesce(plan.asleep_s, 0))
ORDER BY since.at, d.serial
"""


def not_communicating(now: datetime) -> list[NotCommunicating]:
    """Return the installed meters without data for a day, or for a day more than they sleep; longest first."""
    sleeping = meter_types.sleeping_types(now)
    with connection.cursor() as cursor:
        cursor.execute(
            _NOT_COMMUNICATING,
            {
                "now": now,
                "since": now - NOT_COMMUNICATING_AFTER,
                "sleeping": list(sleeping.names),
                "asleep": list(sleeping.longest_asleep_s),
                "billing": DeviceRole.BILLING,
                "series": Series.COUNTED,
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
