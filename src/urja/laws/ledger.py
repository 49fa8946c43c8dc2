"""The laws of the ledger by itself: balances, sums, chains of entries, and each credit and debit once."""

from collections.abc import Iterator
from typing import Final, LiteralString

from urja.laws.connections import Connection


def balances(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "WITH legs AS (SELECT account_id AS id, amount_minor AS amount FROM books_entry "
        "UNION ALL SELECT contra_id, -amount_minor FROM books_entry), "
        "sums AS (SELECT id, sum(amount) AS total FROM legs GROUP BY id) "
        "SELECT coalesce(a.id, s.id), a.balance_minor, coalesce(s.total, 0) FROM books_account a "
        "FULL JOIN sums s ON s.id = a.id WHERE a.balance_minor IS DISTINCT FROM coalesce(s.total, 0) ORDER BY 1"
    )
    for account_id, stored, total in rows:
        yield f"account {account_id} stores {stored}, its entries come to {total}"


def sum_zero(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT currency, sum(balance_minor) FROM books_account GROUP BY currency HAVING sum(balance_minor) <> 0"
    )
    for currency, total in rows:
        yield f"all accounts in {currency} come to {total}"


def chains(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    from urja.apps.books.chain import HASHED, entry_hash, parse_json

    given = {"bucket": bucket, "proven": proven}
    heads = {
        account_id: (seq, bytes(last_hash), balance)
        for account_id, seq, last_hash, balance in connection.execute(
            "SELECT id, last_seq, last_hash, balance_minor FROM books_account "
            "WHERE kind <> 'contra' AND bucket = %(bucket)s",
            given,
        )
    }
    # Each account's last proven entry, found from its end: most of what a bucket has is older.
    reached = {
        account_id: (seq, bytes(last_hash), balance)
        for account_id, seq, last_hash, balance in connection.execute(
            "SELECT a.id, e.seq, e.hash, e.balance_after_minor FROM books_account a CROSS JOIN LATERAL ("
            "  SELECT seq, hash, balance_after_minor FROM books_entry WHERE bucket = %(bucket)s AND account_id = a.id "
            "  AND batch <= %(proven)s ORDER BY seq DESC LIMIT 1) e "
            "WHERE a.bucket = %(bucket)s AND %(proven)s > 0",
            given,
        )
    }
    # A server-side cursor: a plain one would load all entries of a bucket at once.
    with connection.transaction(), connection.cursor(name="chains") as cursor:
        cursor.execute(
            f"SELECT previous_hash, hash, {', '.join(HASHED)} FROM books_entry "  # noqa: S608 - constants of the code
            "WHERE bucket = %(bucket)s AND batch > %(proven)s ORDER BY account_id, seq",
            given,
        )
        for previous, stored, *values in cursor:
            row = dict(zip(HASHED, values, strict=True))
            row["inputs"] = parse_json(row["inputs"])
            account_id, seq = row["account_id"], row["seq"]
            last_seq, last_hash, balance = reached.get(account_id, (0, bytes(32), 0))
            balance += row["amount_minor"]
            if (seq, bytes(previous), row["balance_after_minor"]) != (last_seq + 1, last_hash, balance):
                yield f"entry {seq} of account {account_id} does not follow entry {last_seq}"
            if entry_hash(bytes(previous), row) != bytes(stored):
                yield f"entry {seq} of account {account_id} is not what its hash was taken over"
            reached[account_id] = (seq, bytes(stored), balance)
    for account_id, head in heads.items():
        if reached.get(account_id, (0, bytes(32), 0)) != head:
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
GROUP BY c.id
HAVING count(e.seq) <> (c.posted_at IS NOT NULL)::int
    OR (c.posted_at IS NOT NULL AND coalesce(sum(e.amount_minor), 0) <> c.amount_minor)
ORDER BY 1
"""


_DEBITS: Final = """
SELECT d.id, d.amount_minor, d.posted_at IS NOT NULL, count(e.seq), coalesce(-sum(e.amount_minor), 0)
FROM books_debit_request d LEFT JOIN books_entry e ON e.bucket = d.id >> 40
    AND e.origin = 'credit' AND (e.inputs->>'debit')::bigint = d.id AND e.account_id = d.account_id
GROUP BY d.id
HAVING count(e.seq) <> (d.posted_at IS NOT NULL)::int
    OR (d.posted_at IS NOT NULL AND coalesce(-sum(e.amount_minor), 0) <> d.amount_minor)
ORDER BY 1
"""


def credits_posted(connection: Connection) -> Iterator[str]:
    return _requests(connection, _CREDITS, "credit")


def debits_posted(connection: Connection) -> Iterator[str]:
    return _requests(connection, _DEBITS, "debit")


def _requests(connection: Connection, broken: LiteralString, what: str) -> Iterator[str]:
    """Yield requests whose entries contradict whether they are marked as posted."""
    for request, amount, marked, count, total in connection.execute(broken):
        state = "posted" if marked else "waiting"
        yield f"{what} {request} of {amount} is {state}; {count} entries of it come to {total}"
