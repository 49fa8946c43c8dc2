"""The law of security deposits: what is held was charged once, what was given back is on the balance or has paid dues."""

from collections.abc import Iterator
from typing import Final

from urja.laws.connections import Connection

_CHARGED: Final = """
SELECT d.id, d.amount_minor, coalesce(p.amount_minor, 0), count(q.id), coalesce(sum(q.amount_minor), 0)::bigint
FROM billing_deposit_demand d JOIN contracts_agreement g ON g.id = d.agreement_id
LEFT JOIN billing_deposit p ON p.id = d.deposit_id AND p.agreement_id = d.agreement_id
LEFT JOIN books_debit_request q ON q.idempotency_key = 'deposit-demand:' || d.id AND q.account_id = g.account_id
    AND q.kind = 'deposit' AND q.reverses = 'deposit'
WHERE d.deposit_id IS NOT NULL GROUP BY d.id, p.id
HAVING p.amount_minor IS DISTINCT FROM d.amount_minor OR count(q.id) <> 1 OR sum(q.amount_minor) <> d.amount_minor
ORDER BY 1
"""

_WITHOUT_DEMAND: Final = """
SELECT q.id, q.amount_minor FROM books_debit_request q WHERE q.kind = 'deposit' AND NOT EXISTS (
    SELECT FROM billing_deposit_demand d WHERE d.deposit_id IS NOT NULL AND q.idempotency_key = 'deposit-demand:' || d.id)
ORDER BY 1
"""

_LEFT: Final = """
SELECT d.id, d.amount_minor, d.ended_at IS NULL FROM billing_deposit_demand d
JOIN contracts_agreement g ON g.id = d.agreement_id
LEFT JOIN billing_deposit p ON p.id = d.deposit_id
WHERE (d.ended_at IS NULL OR p.id IS NOT NULL AND p.returned_at IS NULL)
    AND (g.valid_to IS NOT NULL OR 'postpaid' <> (SELECT t.payment_mode FROM contracts_agreement_terms t
        WHERE t.agreement_id = g.id ORDER BY t.valid_from DESC LIMIT 1))
ORDER BY 1
"""

_GIVEN: Final = """
WITH given AS (
    SELECT h.operation_id, h.row_id, (h.row->>'amount_minor')::bigint AS amount_minor,
        coalesce(c.amount_minor, 0) AS credited_minor,
        o.kind = 'convert_to_prepaid' AND EXISTS (
            SELECT FROM billing_deposit_demand d WHERE d.deposit_id = p.id) AS goes_whole
    FROM journal_history h JOIN journal_operation o ON o.id = h.operation_id AND o.undone_by_id IS NULL
    JOIN billing_deposit p ON p.id = h.row_id AND p.returned_at IS NOT NULL
        AND (%(since)s::timestamptz IS NULL OR p.returned_at >= %(since)s)
    LEFT JOIN books_credit_request c ON c.idempotency_key = 'deposit:' || h.row_id || ':' || h.operation_id
        AND c.kind = 'deposit'
    WHERE h.table_name = 'billing_deposit' AND h.row->>'returned_at' IS NULL
)"""

_GIVEN_BACK: Final = f"""
{_GIVEN}, bills AS (
    SELECT h.operation_id, sum((h.row->>'principal_minor')::bigint + (h.row->>'surcharge_minor')::bigint
        - coalesce(later.minor, r.principal_minor + r.surcharge_minor, 0))::bigint AS paid_minor
    FROM journal_history h LEFT JOIN billing_arrear r ON r.id = h.row_id
    LEFT JOIN LATERAL (
        -- The row before its next change is what this change has made of it.
        SELECT (n.row->>'principal_minor')::bigint + (n.row->>'surcharge_minor')::bigint AS minor
        FROM journal_history n WHERE n.table_name = h.table_name AND n.row_id = h.row_id AND n.id > h.id
        ORDER BY n.id LIMIT 1
    ) later ON true
    WHERE h.table_name = 'billing_arrear' AND h.operation_id IN (SELECT operation_id FROM given)
    GROUP BY h.operation_id
)
SELECT g.operation_id, sum(g.amount_minor)::bigint, sum(g.credited_minor)::bigint, coalesce(b.paid_minor, 0)
FROM given g LEFT JOIN bills b USING (operation_id)
GROUP BY g.operation_id, b.paid_minor
HAVING sum(g.amount_minor) <> sum(g.credited_minor) + coalesce(b.paid_minor, 0)
ORDER BY 1
"""  # noqa: S608 - a constant

_NOT_WHOLE: Final = f"""
{_GIVEN} SELECT operation_id, row_id, amount_minor, credited_minor FROM given
WHERE goes_whole AND credited_minor <> amount_minor ORDER BY 1, 2
"""  # noqa: S608 - a constant


def examine(connection: Connection, proven: int = 0) -> Iterator[str]:
    """Yield what contradicts the law.

    With `proven`, only those deposits that were given back since the cut of that head are compared with their operation.
    """
    # An operation that began before the cut may have been committed after it.
    (since,) = connection.execute(
        "SELECT max(cut_at) - interval '1 hour' FROM proofs_period WHERE number = %s", [proven]
    ).fetchone() or (None,)
    for demand, demanded, held, debits, charged in connection.execute(_CHARGED):
        yield f"demand {demand} of {demanded} is held as {held}, and {debits} debits of it come to {charged}"
    for debit, amount in connection.execute(_WITHOUT_DEMAND):
        yield f"debit {debit} of {amount} is of no security deposit that was due"
    for demand, amount, is_open in connection.execute(_LEFT):
        what = "is open" if is_open else "is held"
        yield f"demand {demand} of {amount} {what} and its supply is not postpaid"
    for operation, amount, credited, paid in connection.execute(_GIVEN_BACK, {"since": since}):
        yield f"operation {operation} gave deposits of {amount} back, {credited} to the balance and {paid} to dues"
    for operation, deposit, amount, credited in connection.execute(_NOT_WHOLE, {"since": since}):
        yield f"operation {operation} gave {credited} of deposit {deposit} of {amount} back to the balance it was charged to"
