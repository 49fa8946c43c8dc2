"""The law of the look-back limit: nothing more is charged for a period older than the limit, and refusals are by the rule.

A period counts by its first day, one longer than a month by the first day of its last month.

The limit is read again from the text of the policy that governed the agreement, as the tables were known then.
"""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from urja.laws.connections import Connection, streamed
from urja.laws.governing_policy import governing_text

_CHARGED: Final = """
SELECT e.agreement_id, c.counted_from, e.posted_at, -sum(e.amount_minor)::bigint AS charged_minor FROM books_entry e
LEFT JOIN billing_rated p ON p.agreement_id = e.agreement_id AND p.period_start = e.period_start
CROSS JOIN LATERAL (SELECT greatest(e.period_start, (p.period_end - interval '1 month')::date) AS counted_from) c
WHERE e.bucket = %(bucket)s AND e.batch > %(proven)s AND e.origin = 'engine'
    AND c.counted_from < (e.posted_at AT TIME ZONE %(zone)s)::date - make_interval(months => %(months)s)
GROUP BY e.agreement_id, c.counted_from, e.posted_at, e.service_date HAVING sum(e.amount_minor) < 0 ORDER BY 1, 2, 3
"""
_REFUSED: Final = """
SELECT DISTINCT ON (r.agreement_id, r.period_start) r.agreement_id,
    greatest(r.period_start, (p.period_end - interval '1 month')::date), r.recorded_at, r.charged_from,
    (r.recorded_at AT TIME ZONE %(zone)s)::date - make_interval(months => r.months) AS by_rule, r.months, r.policy,
    r.amount_minor, (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(r.lines))::bigint AS lines_minor
FROM billing_refusal r
LEFT JOIN billing_rated p ON p.agreement_id = r.agreement_id AND p.period_start = r.period_start
WHERE r.agreement_id >> 40 = %(bucket)s ORDER BY r.agreement_id, r.period_start, r.number DESC
"""


def examine(connection: Connection, bucket: int, proven: int, zone: str) -> Iterator[str]:
    """Yield what was charged beyond the limit after the batch `proven`, and refusals that are not by the rule."""
    months = {
        f"{code} {version}": rule["charge_months"]
        for code, version, text in connection.execute(
            "SELECT code, version, text FROM rulebook_policy_version"
        )
        if (rule := tomllib.loads(text).get("look_back")) is not None
    }
    if months:
        given = {"bucket": bucket, "proven": proven, "zone": zone, "months": min(months.values())}
        for agreement_id, counted_from, posted_at, charged_minor in streamed(connection, _CHARGED, given):
            limit = _limit(connection, agreement_id, posted_at, zone, months)
            if limit is not None and counted_from < limit:
                yield (
                    f"agreement {agreement_id} was charged {charged_minor} more for the period from {counted_from} at "
                    f"{posted_at}, the limit was {limit}"
                )
    refused = streamed(connection, _REFUSED, {"bucket": bucket, "zone": zone})
    for agreement_id, start, recorded_at, charged_from, by_rule, stated, policy, amount, lines in refused:
        name = f"the refusal of agreement {agreement_id} from {start}"
        if amount != lines or amount < 0:
            yield f"{name} is {amount}, its lines come to {lines}"
        if months.get(policy) != stated or charged_from != by_rule.date() or start >= charged_from:
            yield f"{name} at {recorded_at} is by {stated} months of {policy}, which has {months.get(policy)}"


def _limit(
    connection: Connection, agreement_id: int, at: datetime, zone: str, months: dict[str, int]
) -> date | None:
    """Return the local day before whose periods an agreement was charged nothing more at an instant; None without one."""
    policy = governing_text(connection, agreement_id, at, zone)
    if policy is None or policy[0] not in months:
        return None
    row = connection.execute(
        "SELECT ((%s AT TIME ZONE %s)::date - make_interval(months => %s))::date",
        [at, zone, months[policy[0]]],
    ).fetchone()
    assert row is not None
    day: date = row[0]
    return day


def refused_lines(connection: Connection, bucket: int) -> dict[tuple[int, date], dict[str, int]]:
    """Return what is refused of each period (minor units by line), by agreement and first day, in one bucket."""
    return {
        (agreement_id, start): lines
        for agreement_id, start, lines in connection.execute(
            "SELECT DISTINCT ON (agreement_id, period_start) agreement_id, period_start, lines FROM billing_refusal "
            "WHERE agreement_id >> 40 = %s ORDER BY agreement_id, period_start, number DESC",
            [bucket],
        )
    }
