"""Missing data, found by set-wise SQL: intervals, midnights without a register read, and the requests to read them.

`readings_gap` lists what is missing: an interval of an installation that ended some time ago is either stored or an
open gap. A gap closes when its data arrive or when an outage explains it.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from urja.apps.meter_types.kinds import SleepingTypes
from urja.apps.readings.kinds import ClosedBy, Series
from urja.apps.readings.staging import Rows
from urja.base.sql_cursor import Cursor
from urja.core.power import BLOCK_GRACE
from urja.stream.messages import Profile, ReadOutcome
from urja.stream.records import RegisterKind

DAILY_GRACE: Final = timedelta(minutes=10)
"""Time after local midnight from which the daily profile is requested."""

DEPTH: Final = timedelta(days=35)
"""How far back a meter's profiles reach (IS 15959-2: 35 days of block load); older gaps are not requested."""

BILLING_DEPTH: Final = timedelta(days=62)
"""How far back a billing profile is stored: as long as late data make another version of what bills rest on."""

DENIED_RETRY: Final = timedelta(days=1)
"""Time after which a meter is asked again for rows that it did not have."""

REQUEST_TIMEOUT: Final = timedelta(hours=2)
"""Time after which an unanswered request counts as lost."""

FIRST_RETRY: Final = timedelta(minutes=5)
LAST_RETRY: Final = timedelta(hours=12)
"""Delay after failures: the first, doubled each time, at most the last."""

SLOW_CLOCK: Final = timedelta(hours=2)
"""For so long a meter may still store a midnight's row: by its own slow clock it is not midnight yet."""

MIDNIGHT_RETRY: Final = timedelta(minutes=30)
"""Time after which such a meter is asked for the midnight again."""

LOG_OVERLAP: Final = timedelta(days=1)
"""How much of a tamper log is read a second time, for a clock that was set back; stored events are ignored."""

CLOCK_AHEAD: Final = timedelta(minutes=10)
"""How far a meter's clock, and with it the stamps of its log, may be ahead."""

ALWAYS_AWAKE: Final = SleepingTypes()

FAILED, RESTORED = 101, 102
"""Event codes for power failure and its end (IS 15959-2)."""


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """A request for rows of a profile, by the meter's own stamps, both ends included."""

    request_id: int
    service_point_id: int
    device_id: int
    system_title: bytes
    profile: Profile
    from_at: datetime
    to_at: datetime
    not_after_at: datetime


def list_missing(cursor: Cursor, now: datetime, zone: str, sleeping: SleepingTypes = ALWAYS_AWAKE) -> int:
    """List the intervals that ended `BLOCK_GRACE` ago and are not stored; returns how many are new.

    A meter that sleeps owes those that ended so long before its last planned wake-up. Intervals are counted from the midnight of the meter's clock: that of the utility's `zone`, or its own all year.
    """
    cursor.execute(
        _LIST,
        {
            "horizon": now - BLOCK_GRACE,
            "now": now,
            "zone": zone,
            "sleeping": list(sleeping.names),
            "last_awake": [at - BLOCK_GRACE for at in sleeping.last_awake_at],
        },
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


_LIST = """
    WITH period AS (
        SELECT p.id, p.service_point_id, p.device_id, d.interval_s, d.clock_offset_s,
            make_interval(secs => d.interval_s) AS step,
            coalesce(c.listed_to_at, to_timestamp(ceil(extract(epoch FROM p.valid_from) / 900) * 900)) AS from_at,
            least(%(horizon)s, plan.last_awake_at, coalesce(p.valid_to, 'infinity')) AS to_at
        FROM assets.device_period p
        JOIN assets.device d ON d.id = p.device_id
        LEFT JOIN readings_coverage c ON c.device_period_id = p.id
        LEFT JOIN unnest(%(sleeping)s::text[], %(last_awake)s::timestamptz[]) AS plan (device_type, last_awake_at)
            ON plan.device_type = d.device_type
    ),
    expected AS MATERIALIZED (
        SELECT p.*, g.start_at
        -- Every quarter of an hour that begins an interval by the meter's clock *then*: offsets are multiples of 15
        -- minutes, but neither of an hour (India) nor the same all year (Lord Howe Island moves by half an hour).
        FROM period p CROSS JOIN LATERAL generate_series(p.from_at, p.to_at - p.step, interval '15 min') AS g (start_at)
        WHERE p.from_at + p.step <= p.to_at
            AND (CASE WHEN p.clock_offset_s IS NULL THEN extract(epoch FROM g.start_at AT TIME ZONE %(zone)s)
                ELSE extract(epoch FROM g.start_at) + p.clock_offset_s END)::bigint %% p.interval_s = 0
    ),
    missing AS (
        INSERT INTO readings_gap (device_id, start_at, service_point_id, found_at, length_s)
        SELECT e.device_id, e.start_at, e.service_point_id, %(now)s, e.interval_s
        FROM expected e
        WHERE NOT EXISTS (
            SELECT FROM readings_interval i
            WHERE i.service_point_id = e.service_point_id AND i.device_id = e.device_id
                AND i.series = 1 AND i.start_at = e.start_at
        )
        ON CONFLICT DO NOTHING RETURNING 1
    ),
    covered AS (
        INSERT INTO readings_coverage (device_period_id, listed_to_at)
        SELECT id, max(start_at + step) FROM expected GROUP BY id
        ON CONFLICT (device_period_id) DO UPDATE SET listed_to_at = excluded.listed_to_at
    )
    SELECT count(*) FROM missing
"""


def list_uncommissioned(cursor: Cursor, rows: Rows, now: datetime) -> None:
    """List the intervals of blocks that were pushed before the meter was commissioned, as gaps.

    Such blocks count nowhere. What is pulled counts, so the gaps are listed at once, without waiting for more pushes.
    """
    marked = rows[rows["series"] == Series.UNCOMMISSIONED]
    if len(marked) == 0:
        return
    cursor.execute(
        "INSERT INTO readings_gap (device_id, start_at, service_point_id, found_at, length_s)"
        " SELECT device, to_timestamp(at), place, %s, length FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::int[]) AS m (device, at, place, length) WHERE NOT EXISTS (SELECT FROM readings_interval i"
        " WHERE i.service_point_id = m.place AND i.device_id = m.device AND i.series = 1"
        " AND i.start_at = to_timestamp(m.at)) ON CONFLICT DO NOTHING",
        [
            now,
            *(marked[name].tolist() for name in ("device_id", "start_at", "service_point_id", "length_s")),
        ],
    )


def close_filled(cursor: Cursor, now: datetime) -> int:
    """Close the gaps whose interval is stored by now; returns how many."""
    cursor.execute(
        "UPDATE readings_gap g SET closed_at = %s, closed_by = %s"
        " WHERE g.closed_at IS NULL AND EXISTS ("
        " SELECT FROM readings_interval i WHERE i.service_point_id = g.service_point_id"
        " AND i.device_id = g.device_id AND i.series = 1 AND i.start_at = g.start_at)",
        [now, ClosedBy.DATA],
    )
    return cursor.rowcount


def explained_by_outages(cursor: Cursor) -> list[tuple[int, int, datetime, int]]:
    """Return open gaps (service point, device, start, length in seconds) that lie wholly within an outage.

    Two proofs are needed: the meter has answered that it has no such row, and its own events tell a power failure
    before and a return after, with no other failure or return between them.
    """
    cursor.execute(
        """
        WITH event AS (
            SELECT device_id, code, occurred_at,
                lead(code) OVER next AS next_code, lead(occurred_at) OVER next AS restored_at
            FROM readings_event
            WHERE code IN (%(failed)s, %(restored)s)
                AND device_id IN (SELECT device_id FROM readings_gap WHERE closed_at IS NULL)
            WINDOW next AS (PARTITION BY device_id ORDER BY occurred_at, code DESC)
        )
        SELECT g.service_point_id, g.device_id, g.start_at, g.length_s
        FROM readings_gap g JOIN event e
            ON e.device_id = g.device_id AND e.code = %(failed)s AND e.next_code = %(restored)s
            AND e.occurred_at <= g.start_at
            AND e.restored_at >= g.start_at + make_interval(secs => g.length_s)
        WHERE g.closed_at IS NULL AND g.denied_at IS NOT NULL
        ORDER BY 1, 2, 3
        """,
        {"failed": FAILED, "restored": RESTORED},
    )
    return cursor.fetchall()


def record_outcomes(cursor: Cursor, outcomes: Iterable[ReadOutcome], now: datetime) -> int:
    """Store the outcome of requests; returns how many were still open.

    Outcomes of requests that were given up, or that arrive twice, change nothing.
    """
    settled = 0
    for outcome in outcomes:
        if outcome.ok:
            cursor.execute(
                "UPDATE readings_pull SET request_id = NULL, attempts = 0, last_error = NULL, next_at = %s"
                " WHERE request_id = %s RETURNING device_id, profile, from_at, to_at",
                [now, outcome.request_id],
            )
            row = cursor.fetchone()
            if row is not None:
                _answered(cursor, row, now)
        else:
            # The exponent is bounded, because power(2, attempts) would overflow an interval in the end.
            cursor.execute(
                "UPDATE readings_pull SET request_id = NULL, attempts = attempts + 1, last_error = %s,"
                " next_at = %s::timestamptz + least(%s::interval * power(2, least(attempts, 20)), %s::interval)"
                " WHERE request_id = %s RETURNING device_id",
                [outcome.error, now, FIRST_RETRY, LAST_RETRY, outcome.request_id],
            )
            row = cursor.fetchone()
        settled += row is not None
    return settled


# `denied_at` is one of the two proofs of an outage; without an answer of the meter a gap is never filled with zero.
def _answered(cursor: Cursor, row: tuple[object, ...], now: datetime) -> None:
    """Note that the meter has given what it has: what is still missing it does not have."""
    device_id, profile, from_at, to_at = row
    if profile == "block":
        cursor.execute(
            "UPDATE readings_gap SET denied_at = %s WHERE device_id = %s AND closed_at IS NULL"
            " AND start_at + make_interval(secs => length_s) BETWEEN %s AND %s",
            [now, device_id, from_at, to_at],
        )
    elif profile == "daily":
        # A midnight counts as answered only when even a slow clock has passed it; until then the meter is asked again.
        cursor.execute(
            "UPDATE readings_coverage c SET daily_to_at = greatest(c.daily_to_at, least(%s, %s))"
            " FROM assets.device_period p WHERE p.id = c.device_period_id AND p.device_id = %s"
            " AND p.valid_from <= %s",
            [to_at, now - SLOW_CLOCK, device_id, to_at],
        )
        cursor.execute(
            "UPDATE readings_pull SET next_at = %s WHERE device_id = %s AND profile = %s",
            [now + MIDNIGHT_RETRY, device_id, profile],
        )
    elif profile == "billing":
        # So too here: a meter whose clock is slow has not closed its period yet when it is asked first.
        cursor.execute(
            "INSERT INTO readings_coverage AS c (device_period_id, billing_to_at)"
            " SELECT p.id, least(%(to_at)s, %(passed)s) FROM assets.device_period p"
            " WHERE p.device_id = %(device)s AND p.valid_from < least(%(to_at)s, %(passed)s)"
            " ON CONFLICT (device_period_id) DO UPDATE SET"
            " billing_to_at = greatest(c.billing_to_at, excluded.billing_to_at)",
            {"to_at": to_at, "passed": now - SLOW_CLOCK, "device": device_id},
        )
        cursor.execute(
            "UPDATE readings_pull SET next_at = %s WHERE device_id = %s AND profile = %s",
            [now + MIDNIGHT_RETRY, device_id, profile],
        )
    elif profile == "tamper-events":
        # The count at the time of the request, not the current one: a tamper counted since then needs another read.
        cursor.execute(
            "UPDATE readings_tamper_count SET read = asked, read_to_at = %s WHERE device_id = %s",
            [now, device_id],
        )
    else:
        cursor.execute(
            "UPDATE readings_pull SET next_at = %s WHERE device_id = %s AND profile = %s",
            [now + LAST_RETRY, device_id, profile],
        )


LAST_MIDNIGHT: Final = (
    "(CASE WHEN {0}.clock_offset_s IS NULL THEN date_trunc('day', %(read_by)s, %(zone)s)"
    " ELSE to_timestamp(floor((extract(epoch FROM %(read_by)s) + {0}.clock_offset_s) / 86400) * 86400"
    " - {0}.clock_offset_s) END)"
)
"""SQL expression for the last midnight before `read_by` by the clock of the device with alias {0}: a meter on standard
time all year freezes its registers an hour after the midnight of summer time.
"""


def cover_midnights(cursor: Cursor, now: datetime, zone: str) -> None:
    """Move each installation's `daily_to_at` over the midnights whose register read is stored."""
    cursor.execute(
        f"""
        WITH due AS (
            SELECT p.*, d.clock_offset_s, {LAST_MIDNIGHT.format("d")} AS last_midnight_at
            FROM assets.device_period p JOIN assets.device d ON d.id = p.device_id
        ),
        period AS (
            SELECT p.id, p.service_point_id, p.device_id, p.clock_offset_s,
                greatest(coalesce(c.daily_to_at, p.valid_from), p.last_midnight_at - %(depth)s::interval) AS after_at,
                least(p.last_midnight_at, coalesce(p.valid_to, 'infinity')) AS last_at
            FROM due p LEFT JOIN readings_coverage c ON c.device_period_id = p.id
            WHERE coalesce(c.daily_to_at, p.valid_from) < least(p.last_midnight_at, coalesce(p.valid_to, 'infinity'))
        ),
        unread AS (
            SELECT p.id, min(m.at) AS first_at
            FROM period p CROSS JOIN LATERAL (
                SELECT CASE WHEN p.clock_offset_s IS NULL THEN day::timestamp AT TIME ZONE %(zone)s
                    ELSE day::timestamp AT TIME ZONE 'UTC' - make_interval(secs => p.clock_offset_s) END AS at
                FROM generate_series(
                    date_trunc('day', p.after_at AT TIME ZONE %(zone)s), p.last_at AT TIME ZONE %(zone)s + interval '1 day', '1 day'
                ) AS day
            ) m
            WHERE m.at > p.after_at AND m.at <= p.last_at AND NOT EXISTS (
                SELECT FROM readings_register r
                WHERE r.service_point_id = p.service_point_id AND r.device_id = p.device_id
                    AND r.read_at = m.at AND r.kind = %(daily)s
            )
            GROUP BY p.id
        )
        INSERT INTO readings_coverage (device_period_id, daily_to_at)
        SELECT p.id, coalesce(u.first_at - interval '1 second', p.last_at)
        FROM period p LEFT JOIN unread u USING (id)
        ON CONFLICT (device_period_id) DO UPDATE SET daily_to_at = excluded.daily_to_at
        """,
        {"read_by": now - DAILY_GRACE, "depth": DEPTH, "zone": zone, "daily": RegisterKind.DAILY},
    )


def take_requests(
    cursor: Cursor,
    now: datetime,
    zone: str,
    limit: int,
    sleeping: SleepingTypes = ALWAYS_AWAKE,
    billing_types: Sequence[str] = (),
) -> list[ProfileRequest]:
    """Choose what to request now and store it as requested; at most `limit` requests are under way at any time.

    Midnights first (the register bills), then intervals (they shape the day), then the billing profiles of meters of
    `billing_types` that have ended a billing period, then power events (they explain gaps), then the logs of meters that
    have counted a tamper since the last read. A meter that sleeps is read while its plan has it awake: requests to
    sleeping meters would take the places of all others.
    """
    cursor.execute(
        "SELECT count(*) FROM readings_pull WHERE request_id IS NOT NULL AND not_after_at > %s", [now]
    )
    row = cursor.fetchone()
    free = limit - (int(row[0]) if row else 0)
    if free <= 0:
        return []
    cursor.execute(
        _WANTED,
        {
            "now": now,
            "read_by": now - DAILY_GRACE,
            "zone": zone,
            "oldest": now - DEPTH,
            "again": now - DENIED_RETRY,
            "until": now + REQUEST_TIMEOUT,
            "overlap": LOG_OVERLAP,
            "ahead": now + CLOCK_AHEAD,
            "free": free,
            "asleep": list(sleeping.asleep_now),
            "billing_types": list(billing_types),
            "billing": RegisterKind.BILLING,
            "first_reset": now - BILLING_DEPTH,
        },
    )
    return [
        ProfileRequest(request, place, device, bytes(title), profile, from_at, to_at, until)
        for request, place, device, title, profile, from_at, to_at, until in cursor.fetchall()
    ]


_WANTED = f"""
    WITH installed AS (
        -- A removed meter does not answer; what it has not sent stays listed.
        SELECT p.device_id FROM assets.device_period p JOIN assets.device d ON d.id = p.device_id
        WHERE p.valid_to IS NULL AND d.device_type <> ALL (%(asleep)s::text[])
    ),
    -- The last midnight of the meter's billing day by its own clock: it has ended a billing period then. One that it ended
    -- by order in between comes with the same rows.
    reset AS (
        SELECT p.id, p.device_id, p.service_point_id,
            greatest(coalesce(c.billing_to_at, p.valid_from), %(first_reset)s) AS read_to_at,
            CASE WHEN d.clock_offset_s IS NULL THEN begun.at AT TIME ZONE %(zone)s
                ELSE begun.at AT TIME ZONE 'UTC' - make_interval(secs => d.clock_offset_s) END AS at
        FROM assets.device_period p
        JOIN assets.device d ON d.id = p.device_id
        LEFT JOIN readings_coverage c ON c.device_period_id = p.id
        LEFT JOIN assets.configuration f ON f.device_id = d.id AND f.item = 'billing_day'
        CROSS JOIN LATERAL (
            SELECT make_interval(days => coalesce(f.actual, f.desired, '1')::integer - 1) AS before
        ) day
        CROSS JOIN LATERAL (
            SELECT date_trunc('month', (CASE WHEN d.clock_offset_s IS NULL THEN %(read_by)s AT TIME ZONE %(zone)s
                ELSE %(read_by)s AT TIME ZONE 'UTC' + make_interval(secs => d.clock_offset_s) END) - day.before)
                + day.before AS at
        ) begun
        WHERE p.valid_to IS NULL AND d.device_type = ANY (%(billing_types)s::text[])
    ),
    ended AS MATERIALIZED (
        SELECT b.*, EXISTS (
            SELECT FROM readings_register r
            WHERE r.service_point_id = b.service_point_id AND r.device_id = b.device_id
                AND r.read_at = b.at AND r.kind = %(billing)s
        ) AS is_stored
        FROM reset b WHERE b.read_to_at < b.at
    ),
    covered AS (
        UPDATE readings_coverage c SET billing_to_at = e.at FROM ended e
        WHERE c.device_period_id = e.id AND e.is_stored
    ),
    need (device_id, service_point_id, profile, rank, from_at, to_at) AS (
        SELECT p.device_id, p.service_point_id, 'daily', 1, c.daily_to_at, {LAST_MIDNIGHT.format("d")}
        FROM readings_coverage c JOIN assets.device_period p ON p.id = c.device_period_id
        JOIN assets.device d ON d.id = p.device_id
        WHERE c.daily_to_at < least({LAST_MIDNIGHT.format("d")}, coalesce(p.valid_to, 'infinity'))
            AND p.device_id IN (SELECT device_id FROM installed)
        UNION ALL
        SELECT g.device_id, max(g.service_point_id), 'block', 2,
            min(g.start_at + make_interval(secs => g.length_s)),
            max(g.start_at + make_interval(secs => g.length_s))
        FROM readings_gap g
        WHERE g.closed_at IS NULL AND g.start_at > %(oldest)s
            AND (g.denied_at IS NULL OR g.denied_at <= %(again)s)
            AND g.device_id IN (SELECT device_id FROM installed)
        GROUP BY g.device_id
        UNION ALL
        SELECT e.device_id, e.service_point_id, 'billing', 3, e.read_to_at, e.at FROM ended e
        WHERE NOT e.is_stored AND e.device_id IN (SELECT device_id FROM installed)
        UNION ALL
        SELECT g.device_id, max(g.service_point_id), 'power-events', 4, min(g.start_at) - interval '1 day', %(now)s
        FROM readings_gap g
        WHERE g.closed_at IS NULL AND g.start_at > %(oldest)s AND g.denied_at IS NOT NULL
            AND g.device_id IN (SELECT device_id FROM installed)
        GROUP BY g.device_id
        UNION ALL
        SELECT t.device_id, p.service_point_id, 'tamper-events', 5,
            greatest(p.valid_from, t.read_to_at - %(overlap)s::interval), %(ahead)s
        FROM readings_tamper_count t JOIN assets.device_period p ON p.device_id = t.device_id AND p.valid_to IS NULL
        WHERE t.told <> t.read AND t.device_id IN (SELECT device_id FROM installed)
    ),
    asked AS (
        INSERT INTO readings_pull AS q
            (device_id, profile, request_id, from_at, to_at, not_after_at, next_at, attempts)
        SELECT n.device_id, n.profile, nextval('readings_request_number'), n.from_at, n.to_at, %(until)s, %(now)s, 0
        FROM (
            SELECT DISTINCT ON (n.rank, n.device_id) n.* FROM need n
            LEFT JOIN readings_pull q USING (device_id, profile)
            WHERE q.device_id IS NULL
                OR (q.next_at <= %(now)s AND (q.request_id IS NULL OR q.not_after_at <= %(now)s))
            ORDER BY n.rank, n.device_id, n.from_at
            LIMIT %(free)s
        ) n
        ON CONFLICT (device_id, profile) DO UPDATE SET
            request_id = excluded.request_id, from_at = excluded.from_at, to_at = excluded.to_at,
            not_after_at = excluded.not_after_at,
            -- A request without an answer in time is a failure too.
            attempts = q.attempts + CASE WHEN q.request_id IS NULL THEN 0 ELSE 1 END
        RETURNING q.device_id, q.profile, q.request_id, q.from_at, q.to_at, q.not_after_at
    ),
    counted AS (
        UPDATE readings_tamper_count t SET asked = t.told
        FROM asked a WHERE a.device_id = t.device_id AND a.profile = 'tamper-events'
    )
    SELECT a.request_id, n.service_point_id, a.device_id, d.system_title, a.profile, a.from_at, a.to_at,
        a.not_after_at
    FROM asked a
    JOIN assets.device_for_pipeline d ON d.id = a.device_id
    JOIN LATERAL (
        SELECT n.service_point_id FROM need n WHERE n.device_id = a.device_id AND n.profile = a.profile LIMIT 1
    ) n ON true
    ORDER BY a.request_id
"""


def withdraw(cursor: Cursor, request_ids: list[int], now: datetime) -> None:
    """Release requests that could not be published, so that they are chosen again."""
    cursor.execute(
        "UPDATE readings_pull SET request_id = NULL, next_at = %s WHERE request_id = ANY (%s)",
        [now, request_ids],
    )
