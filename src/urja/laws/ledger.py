"""The laws of the ledger by itself: balances, sums, chains of entries, and each credit and debit once."""

from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Final, LiteralString

from urja.apps.books.chain import HASHED, entry_hash, json_text, parse_json
from urja.laws.connections import Connection, Keys, streamed


def balances(connection: Connection, accounts: Keys) -> Iterator[str]:
    # Both legs of an entry are of its bucket: one of another is on no account of these.
    rows = connection.execute(
        "WITH legs AS (SELECT account_id AS id, amount_minor AS amount FROM books_entry "
        "  WHERE bucket >= %(first)s >> 40 AND bucket < %(end)s >> 40 "
        "UNION ALL SELECT contra_id, -amount_minor FROM books_entry WHERE bucket >= %(first)s >> 40 AND bucket < %(end)s >> 40), "
        "sums AS (SELECT id, sum(amount) AS total FROM legs GROUP BY id), "
        "accounts AS (SELECT id, balance_minor FROM books_account WHERE id >= %(first)s AND id < %(end)s) "
        "SELECT coalesce(a.id, s.id), a.balance_minor, coalesce(s.total, 0) FROM accounts a "
        "FULL JOIN sums s ON s.id = a.id WHERE a.balance_minor IS DISTINCT FROM coalesce(s.total, 0) ORDER BY 1",
        accounts._asdict(),
    )
    for account_id, stored, total in rows:
        yield f"account {account_id} stores {stored}, its entries come to {total}"


def sum_zero(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT currency, sum(balance_minor) FROM books_account GROUP BY currency HAVING sum(balance_minor) <> 0"
    )
    for currency, total in rows:
        yield f"all accounts in {currency} come to {total}"


# Each account with its last proven entry, found from its end: most of what a bucket has is older.
_ACCOUNTS: Final = """
SELECT a.id, a.kind, a.last_seq, a.last_hash, a.balance_minor,
    coalesce(e.seq, 0), coalesce(e.hash, decode(repeat('00', 32), 'hex')), coalesce(e.balance_after_minor, 0)
FROM books_account a
LEFT JOIN LATERAL (
    SELECT seq, hash, balance_after_minor FROM books_entry WHERE bucket = %(bucket)s AND account_id = a.id AND batch <= %(proven)s
    ORDER BY seq DESC LIMIT 1) e ON %(proven)s > 0
WHERE a.id >= %(bucket)s::bigint << 40 AND a.id < (%(bucket)s::bigint + 1) << 40 ORDER BY a.id
"""
_ENTRIES: LiteralString = f"""
SELECT account_id, previous_hash, hash, {", ".join(HASHED)} FROM books_entry
WHERE bucket = %(bucket)s AND batch > %(proven)s ORDER BY account_id, seq
"""  # noqa: S608 - constants of the code


def chains(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    given = {"bucket": bucket, "proven": proven}
    with connection.transaction():
        # Both in the order of accounts, and of one its own row before its entries.
        both = merge(
            ((account_id, False, row) for account_id, *row in streamed(connection, _ACCOUNTS, given)),
            ((account_id, True, row) for account_id, *row in streamed(connection, _ENTRIES, given)),
            key=itemgetter(0),
        )
        for account_id, rows in groupby(both, key=itemgetter(0)):
            head, last_seq, last_hash, balance = None, 0, bytes(32), 0
            for _, is_entry, known in rows:
                if not is_entry:
                    kind, *head_of, last_seq, last_hash, balance = known
                    head = None if kind == "contra" else head_of
                    continue
                previous, stored, *values = known
                row = dict(zip(HASHED, values, strict=True))
                row["inputs"] = json_text(parse_json(row["inputs"]))
                seq = row["seq"]
                balance += row["amount_minor"]
                if (seq, previous, row["balance_after_minor"]) != (last_seq + 1, last_hash, balance):
                    yield f"entry {seq} of account {account_id} does not follow entry {last_seq}"
                if entry_hash(previous, row) != stored:
                    yield f"entry {seq} of account {account_id} is not what its hash was taken over"
                last_seq, last_hash = seq, stored
            if head is not None and head != [last_seq, last_hash, balance]:
                yield f"account {account_id} stands at entry {head[0]}, its chain does not end there"


def arithmetic(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    rows = connection.execute(
        "SELECT account_id, seq, amount_minor, total FROM books_entry CROSS JOIN LATERAL ("
        "  SELECT coalesce(sum((row->>'amount_minor')::bigint), 0) AS total "
        "  FROM json_array_elements(inputs->'rows') AS row) rows "
        "WHERE bucket = %s AND batch > %s AND origin = 'engine' AND inputs->'rows' IS NOT NULL AND total <> amount_minor ORDER BY account_id, seq",
        [bucket, proven],
    )
    for account_id, seq, amount, total in rows:
        yield f"entry {seq} of account {account_id} is {amount}, its rows come to {total}"


_CREDITS: Final = """
SELECT c.id, c.amount_minor, c.posted_at IS NOT NULL, count(e.seq), coalesce(sum(e.amount_minor), 0)
FROM books_credit_request c LEFT JOIN books_entry e ON e.bucket = c.id >> 40
    AND e.origin = 'credit' AND (e.inputs->>'request')::bigint = c.id AND e.account_id = c.account_id
WHERE c.id >= %(first)s AND c.id < %(end)s GROUP BY c.id
HAVING count(e.seq) <> (c.posted_at IS NOT NULL)::int
    OR (c.posted_at IS NOT NULL AND coalesce(sum(e.amount_minor), 0) <> c.amount_minor)
ORDER BY 1
"""


_DEBITS: Final = """
SELECT d.id, d.amount_minor, d.posted_at IS NOT NULL, count(e.seq), coalesce(-sum(e.amount_minor), 0)
FROM books_debit_request d LEFT JOIN books_entry e ON e.bucket = d.id >> 40
    AND e.origin = 'credit' AND (e.inputs->>'debit')::bigint = d.id AND e.account_id = d.account_id
WHERE d.id >= %(first)s AND d.id < %(end)s GROUP BY d.id
HAVING count(e.seq) <> (d.posted_at IS NOT NULL)::int
    OR (d.posted_at IS NOT NULL AND coalesce(-sum(e.amount_minor), 0) <> d.amount_minor)
ORDER BY 1
"""


def credits_posted(connection: Connection, credits_: Keys) -> Iterator[str]:
    return _requests(connection, credits_, _CREDITS, "credit")


def debits_posted(connection: Connection, debits: Keys) -> Iterator[str]:
    return _requests(connection, debits, _DEBITS, "debit")


def _requests(connection: Connection, keys: Keys, broken: LiteralString, what: str) -> Iterator[str]:
    """Yield requests whose entries contradict whether they are marked as posted."""
    for request, amount, marked, count, total in connection.execute(broken, keys._asdict()):
        state = "posted" if marked else "waiting"
        yield f"{what} {request} of {amount} is {state}; {count} entries of it come to {total}"
