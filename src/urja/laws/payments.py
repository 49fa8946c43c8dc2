"""The laws of money received: no recharge without a captured payment or a receipt, and revenue adds up in the ledger and payments
tables.

Whether these tables agree with the gateway is the law of `settlements`, which compares them with the gateway's own.
"""

from collections.abc import Iterator
from typing import Final

from urja.laws.connections import Connection

_UNPAID: Final = """
SELECT e.account_id, e.seq, e.amount_minor, a.currency
FROM books_entry e
JOIN books_account a ON a.id = e.account_id
JOIN books_account x ON x.id = e.contra_id AND x.code IN ('clearing:recharge', 'clearing:payment', 'clearing:maintenance')
LEFT JOIN books_credit_request c ON c.id = (e.inputs->>'request')::bigint AND c.account_id = e.account_id
LEFT JOIN payments_payment p ON p.credit_id = c.id AND c.idempotency_key = p.provider || ':' || p.payment_id
    AND p.account_id = e.account_id AND p.amount_minor = e.amount_minor AND p.currency = a.currency
    AND p.captured_at IS NOT NULL
LEFT JOIN counter_receipt k ON 'counter:' || k.id = c.idempotency_key
    AND k.account_id = e.account_id AND k.amount_minor = e.amount_minor
LEFT JOIN bank_match m ON m.credit_id = c.id AND c.idempotency_key ^@ 'bank:'
    AND m.account_id = e.account_id AND m.amount_minor = e.amount_minor
WHERE e.amount_minor > 0 AND e.bucket = %(bucket)s AND e.batch > %(proven)s
    AND p.id IS NULL AND k.id IS NULL AND m.id IS NULL
ORDER BY 1, 2
"""
"""The key of a payment's credit is the payment's own id, so that one payment supports one entry and no second."""

_REVENUE: Final = """
WITH booked AS (
    SELECT a.currency, c.amount_minor AS amount FROM books_credit_request c JOIN books_account a ON a.id = c.account_id
        WHERE c.kind IN ('recharge', 'maintenance') AND NOT c.idempotency_key ^@ 'counter:' AND NOT c.idempotency_key ^@ 'bank:'
    UNION ALL
    SELECT a.currency, -d.amount_minor FROM books_debit_request d JOIN books_account a ON a.id = d.account_id
        WHERE d.reverses IN ('recharge', 'maintenance') AND NOT d.idempotency_key ^@ 'counter:' AND NOT d.idempotency_key ^@ 'bank:'
),
disputed AS (
    SELECT u.provider, u.payment_id FROM payments_unmatched u
    WHERE u.reason ^@ 'settled_' AND NOT u.detail ? 'gone_at'
),
gone AS (
    -- The amount in the gateway's settlement report, else that of the payment or refund itself: still under way.
    SELECT p.currency, coalesce(r.amount_minor, p.amount_minor) AS amount, r.id IS NOT NULL AS paid_out
    FROM payments_payment p
    LEFT JOIN payments_settlement_row r ON r.provider = p.provider AND r.entity_id = p.payment_id AND r.kind = 'payment'
        AND (r.provider, r.entity_id) NOT IN (SELECT provider, payment_id FROM disputed)
    WHERE p.credit_id IS NOT NULL
    UNION ALL
    SELECT p.currency, -coalesce(r.amount_minor, f.amount_minor), r.id IS NOT NULL
    FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id
    LEFT JOIN payments_settlement_row r ON r.provider = f.provider AND r.entity_id = f.refund_id AND r.kind = f.kind
        AND (r.provider, r.entity_id) NOT IN (SELECT provider, payment_id FROM disputed)
    WHERE f.debit_id IS NOT NULL
),
ours AS (SELECT currency, sum(amount)::bigint AS amount FROM booked GROUP BY 1),
theirs AS (
    SELECT currency, coalesce(sum(amount) FILTER (WHERE paid_out), 0)::bigint AS paid_out,
        coalesce(sum(amount) FILTER (WHERE NOT paid_out), 0)::bigint AS on_its_way
    FROM gone GROUP BY 1
)
SELECT coalesce(ours.currency, theirs.currency), coalesce(ours.amount, 0), coalesce(paid_out, 0), coalesce(on_its_way, 0)
FROM ours FULL JOIN theirs ON theirs.currency = ours.currency
WHERE coalesce(ours.amount, 0) <> coalesce(paid_out, 0) + coalesce(on_its_way, 0) ORDER BY 1
"""


def unpaid(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    """Yield recharges on the ledger without a captured payment or a receipt of their amount, currency and account."""
    for account_id, seq, amount, currency in connection.execute(
        _UNPAID, {"bucket": bucket, "proven": proven}
    ):
        yield f"entry {seq} of account {account_id} credits {amount} {currency}; no captured payment and no receipt is of it"


def revenue(connection: Connection) -> Iterator[str]:
    """Yield currencies in which recharges by gateways less reversals differ from what was paid out and what is under
    way. What cashiers took is the law `counter`'s.
    """
    for currency, booked, paid_out, on_its_way in connection.execute(_REVENUE):
        yield (
            f"recharges less reversals come to {booked} {currency}; "
            f"{paid_out} were paid out and {on_its_way} are on their way"
        )
