"""The statement that sums the entries of receivable accounts by claim, without models: pages and the law use it alike."""

from datetime import date
from typing import Final

FINAL_ON: Final = 5
"""Day of the next month with which a claim is final: accounts whose last day was held back are closed by then."""
RECEIVABLE: Final = "receivable:"
"""How the codes of receivable accounts begin; the rest is the name of the tariff line."""

CLAIMED: Final = """
WITH dated AS (
    SELECT greatest(e.accounting_month,
            date_trunc('month', (e.posted_at AT TIME ZONE %(zone)s) - make_interval(days => %(days)s))::date) AS month,
        c.code, c.currency, e.account_id, e.agreement_id, e.amount_minor,
        coalesce(e.period_start, e.accounting_month) AS period_start
    FROM books.account c JOIN books.entry e ON e.bucket = c.bucket AND e.contra_id = c.id
    WHERE c.kind = 'contra' AND c.code LIKE 'receivable:%%' AND c.bucket = coalesce(%(bucket)s, c.bucket)
        AND e.batch > %(proven)s
        -- What the index of months answers; the month itself is compared below.
        AND (e.accounting_month >= %(since)s
            OR e.posted_at >= (%(since)s::date + %(days)s - 1)::timestamp AT TIME ZONE %(zone)s)),
moved AS (
    SELECT month, code, currency, account_id, agreement_id, period_start,
        sum(greatest(amount_minor, 0)) AS given, sum(greatest(-amount_minor, 0)) AS taken_back
    FROM dated WHERE month >= %(since)s
    GROUP BY 1, 2, 3, 4, 5, 6)
SELECT m.month, m.code, m.currency, coalesce(s.commodity, ''), date_trunc('month', m.period_start)::date,
    count(DISTINCT m.account_id), coalesce(sum(r.billed_value), 0)::bigint, sum(m.given)::bigint, sum(m.taken_back)::bigint
FROM moved m
LEFT JOIN contracts.agreement a ON a.id = m.agreement_id
LEFT JOIN network.service_point s ON s.id = a.service_point_id
LEFT JOIN billing.rated r ON r.agreement_id = m.agreement_id AND r.period_start = m.period_start
GROUP BY 1, 2, 3, 4, 5
"""
"""What each claim has, by receivable account, commodity and month in which billing periods began."""


def parameters(
    zone: str, since: date = date.min, bucket: int | None = None, proven: int = 0
) -> dict[str, str | int | date | None]:
    """Return the parameters of `CLAIMED`: claims of a month and later ones; of all buckets, or of one after a batch."""
    return {"zone": zone, "days": FINAL_ON - 1, "since": since, "bucket": bucket, "proven": proven}
