"""The laws of what periods were rated on: the terms and the calendar of their agreement, and the advance of its registers."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from urja.laws import periods
from urja.laws.connections import Connection, Keys, is_date, streamed
from urja.laws.rated_periods import first_day_charged, terms_of


def examine(connection: Connection, agreements: Keys, zone: str) -> Iterator[str]:
    """Yield periods of agreements whose terms differ from the agreement's, except for what was recorded after the last close.

    Of two agreements that share a day, the first is charged for it. Periods are those of the tariff (`laws.periods`).
    """
    yield from periods.examine(connection, agreements)
    rows = streamed(
        connection,
        "SELECT r.agreement_id, r.period_start, r.billed_first, r.billed_end, r.versions, "
        "array_agg(ARRAY[(t.valid_from AT TIME ZONE %(zone)s)::date::text, t.tariff_code, concat(t.sanctioned_load_w, "
        "',load_va=' || t.sanctioned_load_va, ',contracted_w=' || t.contracted_load_w, "
        "',contracted_va=' || t.contracted_load_va)] "
        "ORDER BY t.valid_from), (a.valid_from AT TIME ZONE %(zone)s)::date = r.billed_first AND EXISTS ("
        "  SELECT FROM contracts_agreement b WHERE b.service_point_id = a.service_point_id "
        "  AND b.valid_to <= a.valid_from AND b.valid_to > r.billed_first::timestamp AT TIME ZONE %(zone)s "
        "  AND EXISTS (SELECT FROM assets_device_period p WHERE p.service_point_id = a.service_point_id "
        "    AND p.role = 1 AND greatest(p.valid_from, p.in_service_at) < b.valid_to "
        "    AND p.in_service_at IS NOT NULL)) "
        "FROM billing_rated r JOIN billing_close c USING (agreement_id) "
        "JOIN contracts_agreement a ON a.id = r.agreement_id "
        "JOIN contracts_agreement_terms t ON t.agreement_id = r.agreement_id "
        "WHERE r.agreement_id >= %(first)s AND r.agreement_id < %(end)s "
        "AND r.billed_first < r.billed_end AND NOT EXISTS ("
        "  SELECT FROM contracts_agreement late WHERE late.service_point_id = a.service_point_id "
        "  AND (late.recorded_at > c.closed_at OR EXISTS ("
        "    SELECT FROM journal_history h WHERE h.table_name = 'contracts_agreement' AND h.row_id = late.id "
        "    AND h.known_to > c.closed_at))) AND NOT EXISTS ("
        "  SELECT FROM contracts_agreement_terms late WHERE late.agreement_id = r.agreement_id "
        "  AND (late.recorded_at > c.closed_at OR EXISTS ("
        "    SELECT FROM journal_history h WHERE h.table_name = 'contracts_agreement_terms' AND h.row_id = late.id "
        "    AND h.known_to > c.closed_at))) "
        "GROUP BY 1, 2, a.id ORDER BY 1, 2",
        {"zone": zone, **agreements._asdict()},
    )
    for agreement_id, start, first, end, versions, agreed, shared in rows:
        if first_day_charged(versions, first) != first + timedelta(days=shared):
            yield f"agreement {agreement_id} from {start} is charged by day from {first_day_charged(versions, first)}"
        if none := [since for since, *_ in agreed if not is_date(since)]:
            yield f"agreement {agreement_id} has terms from {', '.join(none)}, which is no date"
            continue
        rated = list(terms_of(versions))
        begin = {since for since, *_ in rated} | {date.fromisoformat(since) for since, *_ in agreed}
        # Between these days both stay as they are.
        for day in sorted({first} | {day for day in begin if first < day < end}):
            on = [(code, loads) for since, code, loads, _ in rated if since <= day][-1:]
            begun = [(code, loads) for since, code, loads in agreed if since <= day.isoformat()]
            if on != begun[-1:]:
                yield f"agreement {agreement_id} from {start} was rated on {on} on {day}, its terms are {begun[-1:]}"
                break


_READ: Final = """
SELECT values[1] AS register FROM readings_register WHERE service_point_id = m.service_point_id AND device_id = m.device_id
    AND read_at = {} AND kind IN (2, 3, 5) ORDER BY version DESC, kind LIMIT 1
"""


def energy(connection: Connection, agreements: Keys, zone: str) -> Iterator[str]:
    """Yield periods of agreements whose rated energy differs from the registers' advance as known at their last close.

    Only periods with a read at their midnight are compared. Where meters were exchanged or ratios changed, the
    advance is the sum of what each meter counted, if it was read at both ends of its time, times its ratio, rounded
    down at both ends.
    """
    rows = connection.execute(
        "WITH closed AS ("  # noqa: S608 - a constant of this module
        "  SELECT r.agreement_id, r.period_start, r.billed_value, c.closed_at, a.service_point_id, "
        "  greatest(a.valid_from, r.period_start::timestamp AT TIME ZONE %(zone)s) AS from_at, "
        "  least(coalesce(a.valid_to, 'infinity'), r.through::timestamp AT TIME ZONE %(zone)s) AS to_at "
        "  FROM billing_rated r JOIN billing_close c USING (agreement_id) "
        "  JOIN contracts_agreement a ON a.id = r.agreement_id "
        "  WHERE r.agreement_id >= %(first)s AND r.agreement_id < %(end)s "
        "  AND r.through = c.closed_through + 1 AND r.billed_first < r.billed_end AND NOT c.provisional), "
        "metered AS ("
        "  SELECT closed.*, p.device_id, p.ratio_primary::bigint AS times, p.ratio_secondary::bigint AS over, "
        "  greatest(from_at, p.valid_from, p.in_service_at) AS begins_at, "
        "  least(to_at, coalesce(p.valid_to, 'infinity')) AS ends_at "
        "  FROM closed JOIN assets_device_period p ON p.service_point_id = closed.service_point_id AND p.role = 1 "
        "  AND p.in_service_at IS NOT NULL AND greatest(p.valid_from, p.in_service_at) < to_at "
        "  AND coalesce(p.valid_to, 'infinity') > greatest(from_at, p.in_service_at)) "
        "SELECT agreement_id, period_start, billed_value, "
        "  sum(z.register * times / over - o.register * times / over)::bigint AS advance_wh FROM metered m "
        f"LEFT JOIN LATERAL ({_READ.format('begins_at')}) o ON true LEFT JOIN LATERAL ({_READ.format('ends_at')}) z ON true "
        "GROUP BY agreement_id, period_start, billed_value "
        "HAVING count(*) = count(z.register - o.register) AND NOT bool_or(EXISTS ("
        "  SELECT FROM readings_register late WHERE late.service_point_id = m.service_point_id "
        "  AND late.read_at IN (begins_at, ends_at) AND late.received_at > closed_at)) "
        "  AND billed_value <> sum(z.register * times / over - o.register * times / over) ORDER BY 1, 2",
        {"zone": zone, **agreements._asdict()},
    )
    for agreement_id, start, rated, advance in rows:
        yield f"agreement {agreement_id} from {start} was rated {rated} Wh, its registers advanced by {advance} Wh"
