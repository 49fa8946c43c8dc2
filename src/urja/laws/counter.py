"""The law of the counter: each credit of a receipt has its receipt and its drawer, and each drawer adds up."""

from collections.abc import Iterator
from typing import Final

from urja.laws.connections import Connection, streamed

_CREDITED: Final = """
SELECT r.id, r.amount_minor, count(c.id), coalesce(sum(c.amount_minor), 0), coalesce(bool_and(c.account_id = r.account_id), true)
FROM counter_receipt r
LEFT JOIN books_credit_request c ON c.idempotency_key = 'counter:' || r.id
WHERE r.drawer_id IS NOT NULL
GROUP BY r.id
HAVING count(c.id) <> (r.instrument = 'cash' OR r.state = 'cleared' OR (r.state = 'returned' AND EXISTS (
        SELECT FROM books_debit_request d WHERE d.idempotency_key = 'counter:' || r.id || ':returned')))::int
    OR (count(c.id) > 0 AND sum(c.amount_minor) <> r.amount_minor)
    OR NOT coalesce(bool_and(c.account_id = r.account_id), true)
ORDER BY 1
"""
_WITHOUT_RECEIPT: Final = """
SELECT c.id, c.amount_minor, c.account_id FROM books_credit_request c
WHERE c.idempotency_key ^@ 'counter:' AND NOT EXISTS (
    SELECT FROM counter_receipt r WHERE 'counter:' || r.id = c.idempotency_key AND r.drawer_id IS NOT NULL)
ORDER BY 1
"""
_TAKEN_BACK: Final = """
SELECT r.id, r.state, count(d.id), coalesce(sum(d.amount_minor), 0)
FROM counter_receipt r
JOIN books_credit_request c ON c.idempotency_key = 'counter:' || r.id
LEFT JOIN books_debit_request d ON d.credit_id = c.id
GROUP BY r.id
HAVING count(d.id) <> (r.state IN ('cancelled', 'returned'))::int
    OR (count(d.id) > 0 AND sum(d.amount_minor) <> r.amount_minor)
ORDER BY 1
"""
_TRANSFERS: Final = """
SELECT r.id, r.amount_minor, r.state FROM counter_receipt r
LEFT JOIN books_credit_request c ON c.idempotency_key = r.source AND c.account_id = r.account_id
    AND c.amount_minor = r.amount_minor AND c.kind IN ('recharge', 'maintenance')
WHERE r.drawer_id IS NULL AND (c.id IS NULL OR (r.state = 'returned') <> EXISTS (
    SELECT FROM books_debit_request d WHERE d.credit_id = c.id AND d.amount_minor = r.amount_minor))
ORDER BY 1
"""
_DRAWERS: Final = """
SELECT d.id, d.ceiling_minor, d.float_minor, d.counted_minor, d.difference_minor,
    coalesce(sum(r.amount_minor), 0)::bigint AS receipts,
    coalesce(sum(r.amount_minor) FILTER (WHERE r.instrument = 'cash' AND r.state = 'taken'), 0)::bigint AS cash,
    (SELECT coalesce(sum(amount_minor), 0) FROM counter_deposit_cash b WHERE b.drawer_id = d.id AND from_open)::bigint,
    (SELECT coalesce(sum(amount_minor), 0) FROM counter_deposit_cash b WHERE b.drawer_id = d.id AND NOT from_open)::bigint,
    count(r.id) FILTER (WHERE r.received_at < d.opened_at OR r.received_at >= least(d.expires_at, d.closed_at + interval '1 us')
        OR r.actor !~ ('^user ' || d.cashier_id || '( token [0-9]+)?$')) AS strange,
    EXISTS (
        SELECT FROM approvals_waiting w
        JOIN approvals_credential k ON k.id = w.actor_credential_id
        JOIN journal_request q ON q.id = w.request_id
        WHERE w.request_id = d.approval_id AND w.state = 'done' AND k.user_id = d.cashier_id AND q.kind = 'open_drawer'
            AND q.content->>'ceiling_minor' = d.ceiling_minor::text) AS approved
FROM counter_drawer d LEFT JOIN counter_receipt r ON r.drawer_id = d.id
GROUP BY d.id ORDER BY d.id
"""
_NUMBERS: Final = """
SELECT series, count(*), max(number) FROM counter_receipt GROUP BY series HAVING count(*) <> max(number) OR min(number) <> 1
ORDER BY 1
"""
_SLIPS: Final = """
SELECT s.number, s.cash_minor, coalesce(sum(c.amount_minor), 0)::bigint FROM counter_deposit s
LEFT JOIN counter_deposit_cash c ON c.deposit_id = s.id
GROUP BY s.id HAVING s.cash_minor <> coalesce(sum(c.amount_minor), 0) ORDER BY 1
"""


def examine(connection: Connection) -> Iterator[str]:
    """Yield receipts, drawers and slips that contradict the ledger, their approval or each other."""
    for receipt, amount, credits_, total, own in connection.execute(_CREDITED):
        where = "" if own else ", of another account"
        yield f"receipt {receipt} of {amount}: {credits_} credits of it come to {total}{where}"
    for credit, amount, account in connection.execute(_WITHOUT_RECEIPT):
        yield f"credit {credit} of {amount} to account {account} has no receipt of a drawer"
    for receipt, state, debits, total in connection.execute(_TAKEN_BACK):
        yield f"receipt {receipt} is {state}: {debits} debits of it come to {total}"
    for receipt, amount, state in connection.execute(_TRANSFERS):
        yield f"receipt {receipt} of a transfer of {amount} is {state}, and its credit and debit are not"
    for series, count, last in connection.execute(_NUMBERS):
        yield f"series {series or '(none)'} has {count} receipts, its last number is {last}"
    for slip, cash, total in connection.execute(_SLIPS):
        yield f"slip {slip} has {cash} in cash, its drawers gave {total}"
    yield from _drawers(connection)


def _drawers(connection: Connection) -> Iterator[str]:
    for row in streamed(connection, _DRAWERS):
        drawer, ceiling, opening, counted, difference, receipts, cash, before, after, strange, approved = row
        if not approved:
            yield f"drawer {drawer} with a ceiling of {ceiling} was not opened by its cashier's passkey"
        if receipts > ceiling:
            yield f"the receipts of drawer {drawer} come to {receipts}, its ceiling is {ceiling}"
        if strange:
            yield f"{strange} receipts of drawer {drawer} are another actor's, or were taken while it was not open"
        if counted is not None and opening + cash - before + difference != counted:
            yield (
                f"drawer {drawer} was opened with {opening}, took {cash} and gave {before} to the bank; "
                f"{counted} with a difference of {difference} were counted"
            )
        if after > (counted or 0):
            yield f"drawer {drawer} was counted with {counted or 0}, and gave {after} to the bank"
