"""The law of the bank's statements: each credit by one has its entry on a statement that a passkey accepted, and the
stored entries are those of the files, whose balances add up.

Files are parsed again from their bytes, so that an entry that the pipeline had invented is on none.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from urja.core.statements import StatementError, parse
from urja.laws.connections import Connection, streamed

_CREDITS: Final = """
SELECT c.id, c.account_id, c.amount_minor, count(m.id), coalesce(bool_and(
    e.amount_minor = c.amount_minor AND m.amount_minor = c.amount_minor AND e.amount_minor > 0 AND NOT e.reversal
    AND m.account_id = c.account_id AND l.account_id = c.account_id AND l.bank_account_id = e.bank_account_id), false)
FROM books_credit_request c
LEFT JOIN bank_match m ON m.credit_id = c.id
LEFT JOIN bank_entry e ON e.id = m.entry_id
LEFT JOIN bank_claim l ON l.id = m.claim_id
WHERE c.idempotency_key ^@ 'bank:'
GROUP BY c.id
HAVING count(m.id) <> 1 OR NOT coalesce(bool_and(
    e.amount_minor = c.amount_minor AND m.amount_minor = c.amount_minor AND e.amount_minor > 0 AND NOT e.reversal
    AND m.account_id = c.account_id AND l.account_id = c.account_id AND l.bank_account_id = e.bank_account_id), false)
ORDER BY 1
"""
_TWICE: Final = """
SELECT entry_id, count(*) FROM bank_match WHERE reversed_at IS NULL GROUP BY 1 HAVING count(*) > 1 ORDER BY 1
"""
_EXPLAINED: Final = """
SELECT x.entry_id, m.amount_minor, min(x.explained_by) FROM bank_match m JOIN bank_explained_entry x USING (entry_id)
WHERE m.reversed_at IS NULL GROUP BY 1, 2 ORDER BY 1
"""
_TAKEN_BACK: Final = """
SELECT m.id, m.amount_minor, coalesce(d.amount_minor, 0) FROM bank_match m
LEFT JOIN books_debit_request d ON d.id = m.debit_id AND d.credit_id = m.credit_id AND d.account_id = m.account_id
WHERE m.reversed_at IS NOT NULL AND d.amount_minor IS DISTINCT FROM m.amount_minor ORDER BY 1
"""
_UNAPPROVED: Final = """
SELECT s.id FROM bank_statement s JOIN bank_account a ON a.id = s.bank_account_id WHERE NOT EXISTS (
    SELECT FROM approvals_waiting w
    JOIN approvals_credential k ON k.id = w.actor_credential_id
    JOIN journal_request q ON q.id = w.request_id
    WHERE w.request_id = s.approval_id AND w.state = 'done' AND q.kind = 'load_statement' AND q.actor = s.actor
        AND q.actor ~ ('^user ' || k.user_id || '( |$)') AND q.content->>'sha256' = encode(sha256(s.body), 'hex')
        AND coalesce(q.content->'headings', '[]') = s.headings
        AND coalesce(q.content->>'account_number', a.number) = a.number AND q.operation_id = s.operation_id)
ORDER BY 1
"""
_FILES: Final = "SELECT id, headings, body, opening_minor, closing_minor FROM bank_statement ORDER BY id"
_STORED: Final = """
SELECT booked_on, amount_minor, reference_sha256 FROM bank_entry WHERE statement_id = %s
"""
_DEBITS: Final = """
SELECT d.id, d.amount_minor FROM books_debit_request d WHERE d.idempotency_key ^@ 'bank:'
    AND NOT EXISTS (SELECT FROM bank_match m WHERE m.debit_id = d.id) ORDER BY 1
"""


def examine(connection: Connection) -> Iterator[str]:
    """Yield credits without an entry, statements without an assertion, and entries that are on no file."""
    for credit, account, amount, matches, _right in connection.execute(_CREDITS):
        yield f"credit {credit} of {amount} to account {account} has {matches} entries, or one that says otherwise"
    for entry, count in connection.execute(_TWICE):
        yield f"entry {entry} is credited {count} times"
    for entry, amount, explained_by in connection.execute(_EXPLAINED):
        yield f"entry {entry} of {amount} is credited as a transfer, and is a {explained_by}"
    for match, amount, debited in connection.execute(_TAKEN_BACK):
        yield f"match {match} of {amount} is taken back by a debit of {debited}"
    for debit, amount in connection.execute(_DEBITS):
        yield f"debit {debit} of {amount} takes back no credit by a statement"
    for (statement,) in connection.execute(_UNAPPROVED):
        yield f"statement {statement} was not accepted by the passkey of its actor over its bytes"
    yield from _files(connection)


def _files(connection: Connection) -> Iterator[str]:
    for statement, headings, body, opening, closing in streamed(connection, _FILES, at_once=1):
        try:
            found = parse(bytes(body), [(one["column"], one["heading"]) for one in headings])
        except StatementError as error:
            yield f"statement {statement} cannot be read: {error}"
            continue
        if (found.opening_minor, found.closing_minor) != (opening, closing):
            yield f"statement {statement} has other balances than its file"
        said = Counter(entry.key for entry in found.entries)
        stored = Counter(
            (on, minor, bytes(key)) for on, minor, key in connection.execute(_STORED, [statement])
        )
        if extra := stored - said:
            yield f"statement {statement}: {extra.total()} stored entries are not on its file"
