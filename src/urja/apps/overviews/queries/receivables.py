"""The statement that sums the entries of receivable accounts by claim, without models: pages and the law use it alike."""

from datetime import date
from typing import Final

FINAL_ON: Final = 5
"""Day of the next month with which a claim is final: accounts whose last day was held back are closed by then."""
RECEIVABLE: Final = "receivable:"
"""How the codes of receivable accounts begin; the rest is the name of the tariff line."""

CLAIMED: Final = """
WITH moved AS (
    SELECT greatest(e.accounting_month,
            date_trunc('month', (e.posted_at AT TIME ZONE %(zone)s) - make_interval(days => %(days)s))::date) AS month,
        c.code, c.currency, e.account_id, e.agreement_id,
        coalesce(e.period_start, e.accounting_month) AS period_start,
        sum(greatest(e.amount_minor, 0)) AS given, sum(greatest(-e.amount_minor, 0)) AS taken_back
    FROM books.account c JOIN books.entry e ON e.bucket = c.bucket AND e.contra_id = c.id
    WHERE c.kind = 'contra' AND c.code LIKE 'receivable:%%' AND c.bucket = coalesce(%(bucket)s, c.bucket)
    GROUP BY 1, 2, 3, 4, 5, 6)
SELECT m.month, m.code, m.currency, coalesce(s.commodity, ''), date_trunc('month', m.period_start)::date,
    count(DISTINCT m.account_id), coalesce(sum(r.billed_value), 0)::bigint, sum(m.given)::bigint, sum(m.taken_back)::bigint
FROM moved m
LEFT JOIN contracts.agreement a ON a.id = m.agreement_id
LEFT JOIN network.service_point s ON s.id = a.service_point_id
LEFT JOIN billing.rated r ON r.agreement_id = m.agreement_id AND r.period_start = m.period_start
WHERE m.month <= coalesce(%(month)s, m.month)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 3, 4, 5, 1
"""
"""What each claim has, by receivable account, commodity and month in which billing periods began."""


def parameters(
    zone: str, bucket: int | None = None, month: date | None = None
) -> dict[str, str | int | date | None]:
    """Return the parameters of `CLAIMED`: of one bucket, or of all; up to a month, or all months."""
    return {"zone": zone, "days": FINAL_ON - 1, "bucket": bucket, "month": month}
