"""The newest events of all supplies, or of one, as one list for operators.

Unlike an account's history (`queries.history`) it includes meter events and work orders. Each source is cut to its
newest few before they are merged, so the cost does not grow with age.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from urja.base.untyped_values import JsonObject, SqlRow


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One event. `kind` says which source it is from, `what` its subkind.

    | kind | what | detail |
    |---|---|---|
    | order | kind of the command | state |
    | outcome | kind of the command | state, error |
    | paid, credited | kind of the credit | amount_minor |
    | notice | kind of the notice | state |
    | standing | the standing | the reason (`core.policy.Reason`) |
    | event | event code of IS 15959 | state |
    | work | kind of the work order | |
    | operation | kind of the registry's operation, without those that only take over existing meters | |
    """

    at: datetime
    kind: str
    what: str
    service_point_id: int | None
    serial: str
    place: str
    detail: JsonObject


_ENTRIES = """
WITH supply AS (
    SELECT DISTINCT ON (account_id) account_id, service_point_id FROM contracts.agreement
    WHERE %(place)s::bigint IS NULL OR service_point_id = %(place)s::bigint
    ORDER BY account_id, valid_from DESC
), happened AS (
    (SELECT issued_at AS at, 'order' AS kind, kind AS what, service_point_id, jsonb_build_object('state', state) AS detail
        FROM commands.command
        WHERE kind <> 'write_balance' AND (%(place)s::bigint IS NULL OR service_point_id = %(place)s::bigint)
        ORDER BY issued_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT ended_at, 'outcome', kind, service_point_id, jsonb_build_object('state', state, 'error', last_error)
        FROM commands.command
        -- Commands that write the balance to a display are listed for one supply; over all supplies they would fill the
        -- list.
        WHERE ended_at IS NOT NULL
            AND (service_point_id = %(place)s::bigint OR %(place)s::bigint IS NULL AND kind <> 'write_balance')
        ORDER BY ended_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT c.requested_at, 'paid', c.kind, s.service_point_id, jsonb_build_object('amount_minor', c.amount_minor)
        FROM books.credit_request c JOIN supply s USING (account_id)
        ORDER BY c.requested_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT c.posted_at, 'credited', c.kind, s.service_point_id, jsonb_build_object('amount_minor', c.amount_minor)
        FROM books.credit_request c JOIN supply s USING (account_id)
        WHERE c.posted_at IS NOT NULL ORDER BY c.posted_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT n.requested_at, 'notice', n.kind, s.service_point_id, jsonb_build_object('state', n.state)
        FROM notices.notice n JOIN supply s USING (account_id) ORDER BY n.requested_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT d.decided_at, 'standing', d.standing, s.service_point_id, d.reason
        FROM supply_decision d JOIN supply s USING (account_id) ORDER BY d.decided_at DESC LIMIT %(limit)s)
    UNION ALL
    -- The installation as known now. The event itself stores the service point that was recorded when it arrived.
    (SELECT e.occurred_at, 'event', e.code::text, t.service_point_id, jsonb_build_object('state', e.state)
        FROM readings.event e JOIN assets.device_period t ON t.device_id = e.device_id
            AND t.valid_from <= e.occurred_at AND coalesce(t.valid_to, 'infinity') > e.occurred_at
        WHERE %(place)s::bigint IS NULL OR t.service_point_id = %(place)s::bigint
        ORDER BY e.occurred_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT opened_at, 'work', kind, service_point_id, '{}'::jsonb
        FROM work.order WHERE %(place)s::bigint IS NULL OR service_point_id = %(place)s::bigint
        ORDER BY opened_at DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT recorded_at, 'operation', kind, service_point_id, '{}'::jsonb
        FROM journal.operation WHERE service_point_id IS NOT NULL AND kind NOT IN ('adoption', 'install_network_meter', 'open_work_order')
            AND (%(place)s::bigint IS NULL OR service_point_id = %(place)s::bigint)
        ORDER BY id DESC LIMIT %(limit)s)
)
SELECT h.at, h.kind, h.what, h.service_point_id, coalesce(d.serial, ''), coalesce(p.name, ''), h.detail
FROM (SELECT * FROM happened ORDER BY at DESC, kind, what, service_point_id LIMIT %(limit)s) h
LEFT JOIN network.service_point s ON s.id = h.service_point_id
LEFT JOIN network.premise p ON p.id = s.premise_id
LEFT JOIN LATERAL (SELECT device_id FROM assets.device_period m WHERE m.service_point_id = s.id AND m.valid_to IS NULL
    ORDER BY m.role LIMIT 1) m ON true
LEFT JOIN assets.device d ON d.id = m.device_id
ORDER BY h.at DESC, h.kind, h.what, h.service_point_id
"""


def newest_entries(limit: int = 30, service_point_id: int | None = None) -> list[FeedEntry]:
    """Return the newest events, newest first; with `service_point_id` only those of that service point."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, {"limit": limit, "place": service_point_id})
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: SqlRow) -> FeedEntry:
    at, kind, what, service_point_id, serial, premise, detail = row
    found = json.loads(detail) if isinstance(detail, str) else detail
    return FeedEntry(at, kind, what, service_point_id, serial, premise, found)


@dataclass(frozen=True, slots=True)
class PlatformFigures:
    """Totals of the whole system since an instant, from readings to reconnections."""

    readings_at: datetime | None
    """End of the newest interval that came in."""
    postings: int
    payments: int
    paid_minor: int
    under_way: int
    """Commands that have not ended."""
    carried_out: int


_FIGURES = """
SELECT
    (SELECT max(latest_end_at) FILTER (WHERE latest_end_at > opened_at) FROM readings.accrual WHERE latest),
    coalesce(sum(a.last_seq), 0)::bigint,
    (SELECT count(*) FROM books.credit_request WHERE requested_at >= %(since)s AND kind <> 'opening-credit'),
    (SELECT coalesce(sum(amount_minor), 0)::bigint FROM books.credit_request
        WHERE requested_at >= %(since)s AND kind <> 'opening-credit'),
    (SELECT count(*) FROM commands.command WHERE ended_at IS NULL),
    (SELECT count(*) FROM commands.command WHERE ended_at >= %(since)s AND kind IN ('connect', 'disconnect')
        AND state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person'))
FROM books.account a WHERE EXISTS (SELECT FROM contracts.agreement g WHERE g.account_id = a.id)
"""


def platform_figures(since: datetime) -> PlatformFigures:
    """Return the totals since an instant (UTC), in minor units, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"since": since})
        return PlatformFigures(*cursor.fetchone())


@dataclass(frozen=True, slots=True)
class CommodityFigures:
    """Totals of one commodity: amounts of different commodities are never added."""

    commodity: str
    meters: int
    """Installed meters that an agreement pays for."""
    sold: int
    """Metered by agreements since they began, in Wh, of gas in litres."""
    paid_minor: int
    """Credits since an instant but opening credits, in minor units."""
    balance_minor: int


_BY_COMMODITY = """
WITH account AS (
    SELECT DISTINCT g.account_id, s.commodity FROM contracts.agreement g
    JOIN network.service_point s ON s.id = g.service_point_id
)
SELECT a.commodity,
    (SELECT count(*) FROM assets.device_period p JOIN network.service_point s ON s.id = p.service_point_id
        WHERE p.role = 1 AND p.valid_to IS NULL AND s.purpose = 'consumer' AND s.commodity = a.commodity),
    (SELECT coalesce(sum(r.billed_value), 0)::bigint FROM readings.accrual r
        JOIN network.service_point s ON s.id = r.service_point_id WHERE s.commodity = a.commodity),
    coalesce(sum((SELECT sum(c.amount_minor) FROM books.credit_request c WHERE c.account_id = a.account_id
        AND c.requested_at >= %(since)s AND c.kind <> 'opening-credit')), 0)::bigint,
    coalesce(sum(b.balance_minor), 0)::bigint
FROM account a JOIN books.account b ON b.id = a.account_id
GROUP BY a.commodity ORDER BY a.commodity
"""


def commodity_figures(since: datetime) -> list[CommodityFigures]:
    """Return the totals of each commodity, with what was collected since an instant (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_COMMODITY, {"since": since})
        return [CommodityFigures(*row) for row in cursor.fetchall()]
