"""The law of maintenance: dues less payments are what is outstanding, flat by flat and so in each society; no entry moves
between maintenance and electricity; and no decision about a supply mentions maintenance.
"""

from collections.abc import Iterator
from typing import Final

from urja.laws.connections import Connection

_OUTSTANDING: Final = """
WITH due AS (
    SELECT account_id, min(premise_id) AS premise_id, sum(amount_minor)::bigint AS amount FROM maintenance_due GROUP BY 1
), requested AS (
    SELECT account_id, sum(amount)::bigint AS amount FROM (
        SELECT account_id, amount_minor AS amount FROM books_debit_request WHERE reverses = 'maintenance-due'
        UNION ALL SELECT account_id, -amount_minor FROM books_credit_request WHERE kind = 'maintenance-due') r GROUP BY 1
), pending AS (
    SELECT account_id, sum(amount)::bigint AS amount FROM (
        SELECT account_id, amount_minor AS amount FROM books_debit_request WHERE posted_at IS NULL
            AND reverses = 'maintenance-due'
        UNION ALL SELECT account_id, -amount_minor FROM books_credit_request WHERE posted_at IS NULL
            AND kind = 'maintenance-due') r GROUP BY 1
), paid AS (
    SELECT e.account_id, sum(e.amount_minor)::bigint AS amount FROM books_entry e
    JOIN books_account x ON x.id = e.contra_id AND x.code = 'clearing:maintenance' GROUP BY 1
)
SELECT a.id, coalesce(p.name, 'no society'), coalesce(due.amount, 0), coalesce(requested.amount, 0), coalesce(paid.amount, 0),
    coalesce(pending.amount, 0) - a.balance_minor
FROM books_account a
LEFT JOIN due ON due.account_id = a.id
LEFT JOIN requested ON requested.account_id = a.id
LEFT JOIN pending ON pending.account_id = a.id
LEFT JOIN paid ON paid.account_id = a.id
LEFT JOIN network_premise p ON p.id = due.premise_id
WHERE a.kind = 'maintenance' AND (coalesce(due.amount, 0) <> coalesce(requested.amount, 0)
    OR coalesce(due.amount, 0) - coalesce(paid.amount, 0) <> coalesce(pending.amount, 0) - a.balance_minor)
ORDER BY 1
"""
_MOVED: Final = """
SELECT e.account_id, e.seq, e.amount_minor, x.code FROM books_entry e
JOIN books_account a ON a.id = e.account_id
JOIN books_account x ON x.id = e.contra_id
WHERE (a.kind = 'maintenance') <> (x.code IN ('clearing:maintenance', 'clearing:maintenance-due')) ORDER BY 1, 2
"""
_BESIDE: Final = """
SELECT a.id FROM books_account a LEFT JOIN maintenance_account m ON m.account_id = a.id
LEFT JOIN books_account e ON e.id = m.electricity_id AND e.kind = 'consumer' AND e.bucket = a.bucket
WHERE a.kind = 'maintenance' AND (e.id IS NULL OR EXISTS (SELECT FROM contracts_agreement g WHERE g.account_id = a.id))
ORDER BY 1
"""
_UNREQUESTED: Final = """
SELECT d.id, d.amount_minor FROM maintenance_due d
LEFT JOIN journal_operation o ON o.id = d.operation_id AND o.kind = 'post_maintenance' AND o.undone_by_id IS NULL
LEFT JOIN network_premise p ON p.id = d.premise_id AND p.code = btrim(o.content->>'premise_code')
WHERE p.id IS NULL OR btrim(o.content->>'due_name') IS DISTINCT FROM d.name
    OR date_trunc('month', (o.content->>'month')::date)::date IS DISTINCT FROM d.month
ORDER BY 1
"""
_DECIDED: Final = """
WITH decided AS (
    SELECT 'decision' AS what, account_id, decided_at AS at, reason::text AS said FROM supply_decision
    UNION ALL SELECT 'state', account_id, decided_at, reason::text FROM supply_state
    UNION ALL SELECT 'command', account_id, ordered_at, reason::text || evidence::text FROM supply_switching
)
SELECT what, decided.account_id, at FROM decided JOIN books_account a ON a.id = decided.account_id
WHERE a.kind = 'maintenance' OR said ~* 'maintenance' ORDER BY 3, 2
"""


def examine(connection: Connection) -> Iterator[str]:
    """Yield accounts whose dues and payments do not come to what is outstanding, and what mixes maintenance and supply."""
    for account, society, dues, requested, paid, outstanding in connection.execute(_OUTSTANDING):
        yield (
            f"account {account} of {society}: maintenance dues of {dues} ({requested} requested) less {paid} paid are "
            f"not the outstanding {outstanding}"
        )
    for account, seq, amount, contra in connection.execute(_MOVED):
        yield f"entry {seq} of account {account} moves {amount} between maintenance and electricity ({contra})"
    for (account,) in connection.execute(_BESIDE):
        yield f"maintenance account {account} stands beside no account for electricity, or an agreement is billed on it"
    for due, amount in connection.execute(_UNREQUESTED):
        yield f"due {due} of {amount} was posted by no operation"
    for what, account, at in connection.execute(_DECIDED):
        yield f"the {what} of account {account} at {at} rests on maintenance"
